"""What is measured of a function's process: its start, and what a warm request takes."""

import contextlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from bench.runtime import Function, FunctionError, Process


class Subject(NamedTuple):
    """A function, the events that it is given, and the status that it has to answer each with.

    The first one may have another: whoever asks for the same link again and again makes it first. `holds` tells whether
    an answer is right besides. `weight` is how many requests of other kinds one is worth: so many times fewer are made.
    """

    function: Function
    event: Callable[[], Any]
    status: int
    first_status: int | None = None
    holds: Callable[[Any], bool] = lambda _answer: True
    weight: int = 1

    def ask(self, process: Process) -> tuple[Any, float]:
        """Have one event answered; return the answer, and the seconds that it took.

        Raises
        ------
        FunctionError
            If it is another answer than it should be: there is no use in knowing how fast a mistake is.
        """
        event = self.event()
        began = time.perf_counter()
        answer, at = process.invoke(event)
        if answer["statusCode"] not in (self.status, self.first_status) or not self.holds(answer):
            raise FunctionError(f"{self.function.folder.name}: {self.status} expected, not {answer}")
        return answer, at - began

    def count(self, requests: int) -> int:
        """Return how many to make where others get so many."""
        return max(1, requests // self.weight)


Subjects = Mapping[str, Subject]


class Warm(NamedTuple):
    """Medians over batches.

    Attributes
    ----------
    cpu, time : float
        Seconds of a request: the processor's, and from event to answer.
    peak_bytes : int
        Most memory so far.
    log_bytes : float
        What a request logs.
    least_cpu : float
        As `cpu`, of the batch that took least: what else runs on a shared machine only adds to it.
    """

    cpu: float
    time: float
    peak_bytes: int
    log_bytes: float
    least_cpu: float = 0


class Start(NamedTuple):
    """Medians over processes, from starting one on, or from restoring it.

    Attributes
    ----------
    time, cpu : float
        Seconds, and the processor's seconds, to the first answer.
    init_cpu : float
        The processor's seconds until it asked for its first event: what Lambda calls the Init phase.
    least_cpu, least_init_cpu : float
        As `cpu` and `init_cpu`, of the process that took least.
    """

    time: float
    cpu: float
    init_cpu: float
    least_cpu: float = 0
    least_init_cpu: float = 0


@contextlib.contextmanager
def process(function: Function) -> Iterator[Process]:
    """Run a process of a function."""
    with tempfile.TemporaryFile() as log, Process(function, log) as started:
        yield started


def starts(subjects: Subjects, runs: int) -> dict[str, Start]:
    """Start a process of each subject in turn, `runs` times, and have it answer one event."""
    found: dict[str, list[Start]] = {name: [] for name in subjects}
    for _ in range(runs):
        for name, subject in subjects.items():
            with process(subject.function) as started:
                if subject.function.snapshot:
                    started.restore()
                subject.ask(started)
                took = time.perf_counter() - started.started
                found[name].append(Start(took, started.usage().cpu, started.init_cpu))
    return {name: _of_starts(values) for name, values in found.items()}


def _of_starts(values: list[Start]) -> Start:
    least = min(values, key=lambda each: each.cpu)
    medians = Start(*map(statistics.median, zip(*values, strict=True)))
    return medians._replace(least_cpu=least.cpu, least_init_cpu=least.init_cpu)


def warm(subjects: Subjects, batches: int, requests: int) -> dict[str, Warm]:
    """Have one process of each subject answer batches of requests in turn; the first batch is not counted."""
    with contextlib.ExitStack() as stack:
        processes = {name: stack.enter_context(process(each.function)) for name, each in subjects.items()}
        found: dict[str, list[Warm]] = {name: [] for name in subjects}
        numbers = random.Random(1)  # noqa: S311 (an order, no secret: nobody is always measured behind the same one)
        for _ in range(batches + 1):
            for name, subject in numbers.sample(list(subjects.items()), k=len(subjects)):
                count = subject.count(requests)
                before = processes[name].usage()
                seconds = sum(subject.ask(processes[name])[1] for _ in range(count))
                after = processes[name].usage()
                cpu, logged = after.cpu - before.cpu, after.log_bytes - before.log_bytes
                found[name].append(Warm(cpu / count, seconds / count, after.peak_bytes, logged / count))
    return {
        name: Warm(*map(statistics.median, zip(*values[1:], strict=True)))._replace(
            least_cpu=min(each.cpu for each in values[1:])
        )
        for name, values in found.items()
    }
