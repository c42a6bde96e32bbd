"""One invocation of a function: the time it has left, and what it met on its way that its answer doesn't say."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

MARGIN = 0.3  # seconds kept for the answer before Lambda ends the invocation


class Incident(StrEnum):
    """What went wrong beside the request. The request went on; an operator should know. The value is its metric."""

    CLICK_NOT_QUEUED = "click_not_queued"
    DOMAIN_LIST_ERROR = "domain_list_error"
    DOMAIN_UNCHECKED = "domain_unchecked"
    LIMITER_UNAVAILABLE = "limiter_unavailable"


class Invocation:
    """The time that an invocation has, and the facts that are reported when it ends.

    Time within one invocation is the monotonic clock's. What is kept between invocations needs the wall clock: the
    monotonic one may stand still while Lambda freezes the process.

    Parameters
    ----------
    remaining_ms : int
        Milliseconds until Lambda ends the invocation.

    Attributes
    ----------
    query_durations : list of float
        What each question to the links' table took, in milliseconds, with all its attempts.
    incidents : list of (Incident, str)
        What went wrong, each with its cause.
    """

    def __init__(self, remaining_ms: int) -> None:
        self._deadline = time.monotonic() + remaining_ms / 1000 - MARGIN
        self.query_durations: list[float] = []
        self.incidents: list[tuple[Incident, str]] = []

    def has_time_for(self, seconds: float) -> bool:
        """Tell whether something that takes so many seconds would still leave time for an answer."""
        return time.monotonic() + seconds <= self._deadline

    @contextmanager
    def timed_query(self) -> Iterator[None]:
        """Measure a question to the links' table."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.query_durations.append((time.perf_counter() - started) * 1000)

    def note(self, incident: Incident, cause: str) -> None:
        """Keep an incident for the report. The cause must hold nothing of a caller."""
        self.incidents.append((incident, cause))
