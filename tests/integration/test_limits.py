"""Limits of clicks in AWS's own engine: so many people are sent on, whoever comes at once and whatever fails."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.session import get_session

from squrl import requests
from squrl.aws.client import RIVALS, Service
from squrl.aws.durable_table import DurableTable
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.aws.links_table import LinksTable
from squrl.clicks import Click
from squrl.destinations import Rules
from squrl.errors import Gone
from squrl.follow import Followed, Outcome, Ports, RecentLinks, Visitor, follow
from squrl.invocation import Invocation
from squrl.keys import OPERATOR
from squrl.late_clicks import do_later
from squrl.links import DAY, Kind, Link, timestamp
from squrl.manage import Ports as ChangePorts
from squrl.manage import change
from squrl.ports import StoreError, Throttled, Unavailable
from tests.support.aws import CONFLICT
from tests.support.concurrency import all_at_once
from tests.support.fakes import FakeClickQueue, FakeDomainPolicy

NOW = 1_800_000_000
TODAY = NOW // DAY
LIMIT = 100
VISITORS = 500
_NUMBERS = itertools.count(time.time_ns() % 10**9)


@pytest.fixture
def put(tables):
    """Write a link with a code that no other test has; it has a limit, unless it is told otherwise."""

    def put(**changes: Any) -> Link:
        link = Link(
            f"few-{next(_NUMBERS)}", Kind("https://example.com/", "302", None, "us"), timestamp(NOW - DAY), None
        )
        link = replace(link, **{"max_clicks": LIMIT, "click_limit": LIMIT} | changes)
        tables.put(link)
        return link

    return put


@pytest.fixture(scope="module")
def client(tables):
    """Return a client that waits: this machine is slower with five hundred at once than DynamoDB is."""
    config = Config(connect_timeout=20, read_timeout=30, retries={"total_max_attempts": 1}, max_pool_connections=50)
    return get_session().create_client(
        "dynamodb",
        endpoint_url=tables.endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
        config=config,
    )


@pytest.fixture
def store(tables, client):
    """Return the links as an invocation knows them that has minutes."""
    service = Service(client, Invocation(remaining_ms=300_000))
    durable = DurableTable(service, tables.durable)
    return LinksTable(service, tables.links, EphemeralTable(service, tables.ephemeral), durable)


@pytest.fixture
def visit(store):
    """Return a function that returns a visit, to be made: what it returns is `Followed`, or an error."""

    def visit(link: Link, visitor: Visitor = Visitor.PERSON) -> Callable[[], Followed | StoreError]:
        ports = Ports(store, FakeClickQueue(), FakeDomainPolicy(), RecentLinks())

        def make() -> Followed | StoreError:
            try:
                return follow(link.short_code, NOW, ports, visitor)
            except StoreError as error:
                return error

        return make

    return visit


def told(result: Followed | StoreError) -> str:
    """Return what a visitor is told."""
    if isinstance(result, StoreError):
        return type(result).__name__
    if result.miss:
        return type(result.miss).__name__
    return "withheld" if result.is_withheld else "sent on"


def test_given_five_hundred_at_once_when_a_hundred_may_then_a_hundred_are_sent_on(tables, put, visit):
    link = put()
    others = [Visitor.BOT, Visitor.ONLOOKER] * 50
    visits = [visit(link)] * VISITORS + [visit(link, other) for other in others]
    order = list(range(len(visits)))
    random.Random(VISITORS).shuffle(order)  # noqa: S311

    results = dict(zip(order, all_at_once([visits[number] for number in order]), strict=True))

    people = Counter(told(results[number]) for number in range(VISITORS))
    onlookers = {told(results[number]) for number in range(VISITORS, len(visits))}
    assert people == {"sent on": LIMIT, Gone.__name__: VISITORS - LIMIT}
    assert onlookers <= {"withheld", Gone.__name__}
    assert tables.get(link.short_code) == replace(link, click_count=LIMIT, days={TODAY: LIMIT})


class Faults:
    """What fails on the way to the engine and back, by chance: three calls of ten."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self._lock = Lock()
        self.injected: Counter[str] = Counter()

    def before(self, **_: Any) -> tuple[Any, dict[str, Any]] | None:
        """Have a call fail before it does anything."""
        kind = self._drawn(0.18, ["throttled", "failed", "timed out"])
        if kind == "timed out":
            raise ReadTimeoutError(endpoint_url="x")
        if kind is None:
            return None
        status, code = (400, "ThrottlingException") if kind == "throttled" else (500, "InternalServerError")
        answer = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return type("Answer", (), {"status_code": status}), answer

    def after(self, **_: Any) -> None:
        """Lose the answer of a call that was carried out."""
        if self._drawn(0.12, ["answer lost"]):
            raise ReadTimeoutError(endpoint_url="x")

    def _drawn(self, part: float, kinds: list[str]) -> str | None:
        with self._lock:
            kind = self._chance.choice(kinds) if self._chance.random() < part else None
            self.injected += Counter([kind] if kind else [])
        return kind


@pytest.fixture
def faults(client):
    faults = Faults(seed=12)
    hooks = [("before-call.dynamodb", faults.before), ("after-call.dynamodb", faults.after)]
    for event, hook in hooks:
        client.meta.events.register(event, hook)
    yield faults
    for event, hook in hooks:
        client.meta.events.unregister(event, hook)


def test_given_calls_that_fail_when_many_come_at_once_then_no_more_are_sent_on(tables, put, visit, faults):
    link = put()
    visits = [visit(link, visitor) for visitor in [Visitor.PERSON] * 4 + [Visitor.BOT] for _ in range(VISITORS // 5)]
    random.Random(VISITORS).shuffle(visits)  # noqa: S311

    results = all_at_once(visits)

    by_answer = Counter(map(told, results))
    row = tables.get(link.short_code)
    assert 0 < by_answer["sent on"] <= row.click_count <= LIMIT
    assert row == replace(link, click_count=row.click_count, days={TODAY: row.click_count})
    # `Throttled` is who could not even read: a 429, where `Unavailable` is a 503.
    assert by_answer.keys() <= {"sent on", "withheld", *(each.__name__ for each in (Gone, Unavailable, Throttled))}
    assert by_answer[Unavailable.__name__] > 0
    assert row.click_count - by_answer["sent on"] <= sum(is_uncertain(result) for result in results)
    assert len(faults.injected) == 4


def is_uncertain(result: Followed | StoreError) -> bool:
    return isinstance(result, Followed) and result.outcome is Outcome.UNCERTAIN


def test_given_bots_and_onlookers_alone_when_they_come_then_nothing_is_used_up(tables, put, visit):
    link = put(max_clicks=1, click_limit=1)
    others = [visit(link, visitor) for visitor in (Visitor.BOT, Visitor.ONLOOKER)] * 20

    results = all_at_once(others)

    assert Counter(map(told, results)) == {"withheld": 40}
    assert tables.get(link.short_code) == link
    assert [told(visit(link)()), told(visit(link)()), told(visit(link, Visitor.BOT)())] == ["sent on", "Gone", "Gone"]


def set_limit(store: Any, link: Link, most: int | None) -> Link:
    wish = requests.read(requests.ChangeRequest, {"max_clicks": most})
    ports = ChangePorts(store, FakeDomainPolicy())
    return change(link.short_code, wish, OPERATOR, NOW, ports, Rules()).after


def test_given_bots_before_when_a_limit_is_set_and_raised_then_people_alone_count(store, put, visit):
    link = put(max_clicks=None, click_limit=None)
    for visitor in [Visitor.BOT] * 7 + [Visitor.PERSON] * 2:
        assert told(visit(link, visitor)()) == "sent on"

    set_limit(store, link, 5)
    after_setting = [told(visit(link)()) for _ in range(4)]
    bots = told(visit(link, Visitor.BOT)())
    set_limit(store, link, 6)
    after_raising = [told(visit(link)()) for _ in range(2)]

    assert after_setting == ["sent on"] * 3 + ["Gone"]
    assert (bots, after_raising) == ("Gone", ["sent on", "Gone"])


def test_given_visitors_when_a_limit_is_set_among_them_then_it_holds_from_then_on(tables, store, put, visit):
    link = put(max_clicks=None, click_limit=None)
    visits = [visit(link, visitor) for visitor in [Visitor.PERSON, Visitor.BOT] * 40]

    *_, limited = all_at_once([*visits, lambda: set_limit(store, link, 50)])
    results = all_at_once([visit(link)] * 60)

    row = tables.get(link.short_code)
    assert (row.click_limit, row.click_count) == (50 + row.bot_click_count, 50 + row.bot_click_count)
    assert sum(row.days.values()) == 50
    assert limited.max_clicks == 50
    assert Counter(map(told, results)) == {"sent on": 10, "Gone": 50}


def test_given_bots_that_were_queued_when_a_limit_is_set_then_they_use_nothing_up(tables, store, put, visit):
    link = put(max_clicks=None, click_limit=None)
    clicks = [Click.on(link, NOW, is_bot=is_bot).to_message() for is_bot in (True, True, False)]
    set_limit(store, link, 2)

    batch = do_later({str(number): click for number, click in enumerate(clicks)}, store, NOW)

    assert batch.added == 3
    assert [told(visit(link)()) for _ in range(2)] == ["sent on", "Gone"]


def in_the_way(client: Any, times: int) -> Callable[[], None]:
    """Have a transaction be in the way of so many updates; return what ends that."""
    left = iter(range(times))

    def conflict(**_: Any) -> tuple[Any, dict[str, Any]] | None:
        answer: Any = CONFLICT.response
        return (type("Answer", (), {"status_code": 400}), answer) if next(left, None) is not None else None

    client.meta.events.register("before-call.dynamodb.UpdateItem", conflict)
    return lambda: client.meta.events.unregister("before-call.dynamodb.UpdateItem", conflict)


@pytest.mark.parametrize("limits", [{}, {"max_clicks": None, "click_limit": None}], ids=["limit", "no limit"])
@pytest.mark.parametrize("times", range(RIVALS + 2))
def test_given_a_transaction_in_the_way_when_clicked_then_it_is_waited_for(client, put, visit, times, limits):
    link = put(**limits)
    end = in_the_way(client, times)

    result = visit(link)()
    end()

    waited_for = times <= RIVALS
    assert isinstance(result, Followed)
    assert told(result) == ("sent on" if waited_for or limits else "Unavailable")
    assert (result.outcome is Outcome.COUNTED) == waited_for


def test_given_late_bots_and_visitors_at_once_when_they_meet_then_no_more_are_sent_on(tables, store, put, visit):
    link = put()
    late = [{str(number): Click.on(link, NOW, is_bot=True).to_message() for number in range(5)} for _ in range(10)]

    def consume(messages: dict[str, str]) -> int:
        added = 0
        while messages:  # what comes back is delivered again
            batch = do_later(messages, store, NOW)
            added += batch.added
            messages = {id_: messages[id_] for id_ in batch.returned}
        return added

    *results, added = all_at_once([*[visit(link)] * 150, lambda: sum(map(consume, late))])

    by_answer = Counter(map(told, results))
    row = tables.get(link.short_code)
    assert added == row.bot_click_count == 50
    assert by_answer["sent on"] == row.click_count - 50 == sum(row.days.values()) <= LIMIT
    assert by_answer.keys() <= {"sent on", "Gone", "Unavailable"}
    assert by_answer["Gone"] == 0 or by_answer["sent on"] == LIMIT
