"""What is measured of a function's process: its start, and what a warm request takes."""

import contextlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from bench.runtime import Function, Process

Event = Callable[[], Any]


class Warm(NamedTuple):
    """Medians over batches, each per request.

    Attributes
    ----------
    cpu : float
        Processor seconds.
    time : float
        Seconds from event to answer.
    log_bytes, log_lines : float
        Written to standard output.
    peak_bytes : int
        Most memory that the process had at once.
    """

    cpu: float
    time: float
    log_bytes: float
    log_lines: float
    peak_bytes: int


class Start(NamedTuple):
    """Medians over processes: seconds and processor seconds from starting one to its first answer."""

    time: float
    cpu: float


def starts(python: Path, subjects: Mapping[str, tuple[Function, Event]], runs: int) -> dict[str, Start]:
    """Start a process of each subject in turn, `runs` times, and have it answer one event."""
    found: dict[str, list[Start]] = {name: [] for name in subjects}
    for _ in range(runs):
        for name, (function, event) in subjects.items():
            with _log() as log, Process(python, function, log) as process:
                _, at = process.invoke(event())
                found[name].append(Start(at - process.started, process.usage().cpu))
    return {name: Start(*map(statistics.median, zip(*values, strict=True))) for name, values in found.items()}


def warm(python: Path, subjects: Mapping[str, tuple[Function, Event]], batches: int, requests: int) -> dict[str, Warm]:
    """Have one process of each subject answer batches of requests in turn; the first batch is not counted."""
    with contextlib.ExitStack() as stack:
        processes = {
            name: stack.enter_context(Process(python, function, stack.enter_context(_log())))
            for name, (function, _) in subjects.items()
        }
        found: dict[str, list[Warm]] = {name: [] for name in subjects}
        numbers = random.Random(1)  # noqa: S311 (an order, no secret: nobody is always measured behind the same one)
        for _ in range(batches + 1):
            for name, (_, event) in numbers.sample(list(subjects.items()), k=len(subjects)):
                events = [event() for _ in range(requests)]
                before, started = processes[name].usage(), time.perf_counter()
                for each in events:
                    processes[name].invoke(each)
                seconds, after = time.perf_counter() - started, processes[name].usage()
                found[name].append(
                    Warm(
                        (after.cpu - before.cpu) / requests,
                        seconds / requests,
                        (after.log_bytes - before.log_bytes) / requests,
                        (after.log_lines - before.log_lines) / requests,
                        after.peak_bytes,
                    )
                )
    return {name: Warm(*map(statistics.median, zip(*values[1:], strict=True))) for name, values in found.items()}


@contextlib.contextmanager
def _log() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as log:
        yield log
