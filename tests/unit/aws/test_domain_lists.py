"""How a process comes to know the operator's lists, and what visitors wait for them: nothing, as a rule."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from squrl.aws import domain_lists
from squrl.aws.client import Service
from squrl.aws.domain_lists import PATIENCE, REFRESH, RETRY, TOO_OLD, KnownDomainLists, RememberedDomainLists
from squrl.aws.durable_table import DurableTable
from squrl.domains import DomainLists
from squrl.invocation import Incident, Invocation
from tests.support.aws import UNKNOWN, ScriptedClient, refusal

NONE, EVIL, BAD = DomainLists(), DomainLists.of(denied=["evil.example"]), DomainLists.of(denied=["bad.example"])
YES = {"BOOL": True}
UNCHECKED, ERROR = Incident.DOMAIN_UNCHECKED, Incident.DOMAIN_LIST_ERROR


def row(**lists: Any) -> dict[str, Any]:
    return {"Item": {"kind": {"S": "domains"}, "id": {"S": "lists"}} | lists}


def answer(lists: DomainLists) -> dict[str, Any]:
    return row(**{f"{name} {entry}": YES for name, entries in lists._asdict().items() for entry in entries})


def settle() -> None:
    """Wait until no reading is under way."""
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(10)


class Process:
    """A process that knows lists between its invocations; the table answers by a script."""

    def __init__(self, *script: Any) -> None:
        self.client = ScriptedClient(*script)
        self.known = KnownDomainLists()

    def invoke(self, meanwhile: Callable[[], object] = lambda: None) -> tuple[DomainLists, list[Incident]]:
        """Return the lists that an invocation sees, and what it notes."""
        invocation = Invocation(5000)
        table = DurableTable(Service(self.client, invocation), "squrl-durable-test")
        policy = RememberedDomainLists(self.known, table, invocation)
        policy.refresh()
        meanwhile()
        return policy.current(), [incident for incident, _ in invocation.incidents]

    @property
    def reads(self) -> int:
        return len(self.client.requests)


@pytest.fixture
def slow():
    """Answer when the gate opens."""
    gate = threading.Event()
    yield SimpleNamespace(answers=lambda lists: lambda: gate.wait(10) and answer(lists), gate=gate)
    gate.set()
    settle()


@pytest.fixture
def patience(monkeypatch):
    """Whoever waits for the lists waits for long."""
    monkeypatch.setattr(domain_lists, "PATIENCE", 30)


def test_given_a_new_process_when_invoked_then_it_knows_the_lists(clock, patience):
    process = Process(answer(EVIL))

    seen = process.invoke()

    assert seen == (EVIL, [])
    key = {"kind": {"S": "domains"}, "id": {"S": "lists"}}
    assert process.client.requests == [{"TableName": "squrl-durable-test", "Key": key}]


def test_given_a_clock_that_goes_on_in_the_freezer_when_invoked_then_it_decides(clock, patience):
    process, start, reads = Process(answer(EVIL)), clock.wall, []

    for clock.wall in (start, start + 30, start + 30.5, start + 60, start + 61):  # the monotonic clock stands still
        assert process.invoke() == (EVIL, [])
        settle()
        reads.append(process.reads)

    assert (REFRESH, reads) == (30, [1, 1, 2, 2, 3])


@pytest.mark.parametrize("quiet_for", [61, 10**6, -3600], ids=["a minute", "days", "a clock that was set back"])
def test_given_a_change_when_a_process_was_quiet_then_it_is_known_at_once(clock, patience, quiet_for):
    process = Process(answer(EVIL), answer(BAD))
    process.invoke()

    clock.wall += quiet_for

    assert process.invoke() == (BAD, [])


def test_given_a_slow_table_when_what_is_known_is_fresh_enough_then_nobody_waits(clock, patience, slow):
    process = Process(answer(EVIL), slow.answers(BAD))
    process.invoke()
    clock.wall += TOO_OLD
    started = time.perf_counter()

    seen = process.invoke()

    assert seen == (EVIL, [])
    assert time.perf_counter() - started < 5
    slow.gate.set()
    settle()
    assert process.invoke() == (BAD, [])


@pytest.mark.parametrize("quiet_for", [None, TOO_OLD + 1], ids=["new", "quiet"])
def test_given_a_slow_table_when_nothing_fresh_is_known_then_the_wait_is_short(clock, slow, quiet_for):
    process = Process(*([] if quiet_for is None else [answer(EVIL)]), slow.answers(BAD))
    if quiet_for is not None:
        process.invoke()
        clock.wall += quiet_for
    started = time.perf_counter()

    seen = process.invoke()

    waited = time.perf_counter() - started
    assert seen == (NONE if quiet_for is None else EVIL, [UNCHECKED])
    assert PATIENCE == 0.1
    assert 0.09 <= waited < 5
    slow.gate.set()
    settle()
    assert process.invoke() == (BAD, [])


def test_given_a_slow_table_when_the_store_was_slow_too_then_nobody_waits_longer(clock, patience, slow):
    process, started = Process(slow.answers(EVIL)), time.perf_counter()

    seen = process.invoke(lambda: clock.sleep(30))

    assert seen == (NONE, [UNCHECKED])
    assert time.perf_counter() - started < 5


FAILURES = [
    refusal("AccessDeniedException"),
    UNKNOWN[2],
    RuntimeError("any"),
    row(**{"forbidden evil.example": YES}),
    row(**{"denied evil.example": YES, "note": {"S": "by hand"}}),
    row(denied={"SS": ["evil.example"]}),
    row(**{"allowed ": YES}),
]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_given_lists_that_can_not_be_read_when_invoked_then_the_last_good_ones_hold(clock, patience, failure):
    process, start = Process(answer(EVIL), failure, failure, failure, answer(BAD)), clock.wall
    seen = []

    for clock.wall in (start, start + 31, start + 35, start + 37, start + 61, start + 66):
        seen.append((*process.invoke(settle), process.reads))

    assert RETRY == 5
    assert seen == [
        (EVIL, [], 1),
        (EVIL, [ERROR], 2),
        (EVIL, [], 2),  # tried again after five seconds
        (EVIL, [ERROR], 3),
        (EVIL, [ERROR, UNCHECKED], 4),
        (BAD, [], 5),
    ]


def test_given_a_first_reading_that_fails_when_invoked_then_links_may_lead_anywhere(clock, patience):
    process = Process(RuntimeError("any"))

    assert process.invoke() == (NONE, [ERROR, UNCHECKED])


def test_given_no_row_when_invoked_then_there_are_no_lists(clock, patience):
    process = Process({})

    assert process.invoke() == (NONE, [])


def test_given_a_reading_that_lambda_froze_when_it_ends_then_newer_lists_stay(clock, patience, slow):
    process = Process(slow.answers(BAD), answer(EVIL))
    process.invoke(lambda: clock.sleep(30))

    newer = process.invoke()
    slow.gate.set()
    settle()

    assert newer == process.invoke() == (EVIL, [])
