"""The domain lists as a process knows them: read again side by side with the request, so that no visitor waits."""

import threading
import time
from dataclasses import dataclass

from squrl.aws.durable_table import DurableTable
from squrl.domains import DomainLists
from squrl.invocation import Incident, Invocation

# All in seconds of the wall clock, which goes on while Lambda freezes the process.
REFRESH = 30  # after which the lists are read again
TOO_OLD = 60  # at which a change is known at the latest
RETRY = 5  # after a reading that failed, or that never ended

NONE = DomainLists()
PATIENCE = 0.1  # seconds that a request waits for lists at most, where what is known is too old


@dataclass
class KnownDomainLists:
    """What a process remembers between invocations.

    Attributes
    ----------
    lists : DomainLists
        The last good ones.
    read_at, tried_at : float
        When these were asked for, and when any were last; in Unix seconds.
    reading, last_begun : int
        The number of the reading that they are from, and of the one that was begun last. The clock may be set back.
    failure : str or None
        Why the last reading failed, until it is reported.
    """

    lists: DomainLists = NONE
    read_at: float = float("-inf")
    tried_at: float = float("-inf")
    reading: int = 0
    last_begun: int = 0
    failure: str | None = None

    def is_older_than(self, seconds: float, now: float) -> bool:
        """Tell whether the lists are older than that; a clock that was set back makes them so."""
        return not 0 <= now - self.read_at <= seconds


class RememberedDomainLists:
    """A `DomainPolicy`, for one invocation.

    Parameters
    ----------
    known : KnownDomainLists
        The process's memory.
    table : DurableTable
        Where the lists are.
    invocation : Invocation
        It is told what went wrong.
    """

    def __init__(self, known: KnownDomainLists, table: DurableTable, invocation: Invocation) -> None:
        self._known = known
        self._table = table
        self._invocation = invocation
        self._reading: threading.Thread | None = None
        self._began = 0.0

    def refresh(self) -> None:
        """See `DomainPolicy.refresh`."""
        now = time.time()
        if self._known.is_older_than(REFRESH, now) and not 0 <= now - self._known.tried_at < RETRY:
            self._known.tried_at = now
            self._known.last_begun += 1
            self._began = time.monotonic()
            self._reading = threading.Thread(target=self._read, args=(self._known.last_begun, now), daemon=True)
            self._reading.start()

    def current(self) -> DomainLists:
        """See `DomainPolicy.current`. The last good lists, if none can be read or the row is broken."""
        if self._reading and self._known.is_older_than(TOO_OLD, time.time()):
            self._reading.join(max(0.0, self._began + PATIENCE - time.monotonic()))
        if self._known.failure:
            self._invocation.note(Incident.DOMAIN_LIST_ERROR, self._known.failure)
            self._known.failure = None
        if self._known.is_older_than(TOO_OLD, time.time()):
            self._invocation.note(Incident.DOMAIN_UNCHECKED, "the domain lists are too old, or were never read")
        return self._known.lists

    def _read(self, number: int, asked_at: float) -> None:
        try:
            lists = self._table.read_domain_lists()
        except Exception as error:  # noqa: BLE001 (whatever it is, requests are answered)
            self._known.failure = type(error).__qualname__
        else:
            if number > self._known.reading:  # an earlier reading may end later, where Lambda froze it
                self._known.reading, self._known.lists, self._known.read_at = number, lists, asked_at
