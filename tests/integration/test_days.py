"""Days in the row, over a year of clicks in AWS's own engine: what a row weighs, what a click costs, what is told.

A row's size is DynamoDB's own (developer guide, "DynamoDB item sizes and formats"): for each attribute the bytes of its
name in UTF-8, and of its value: a string's bytes in UTF-8, a boolean's one, a number's one for every two significant
digits and one more, a set's elements' sum.
"""

import itertools
import random
import time
from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from squrl.aws.durable_table import DurableTable
from squrl.aws.links_table import MARK, LinksTable, to_item
from squrl.clicks import Click, OldDays
from squrl.follow import Outcome, Ports, RecentLinks, Visitor, follow
from squrl.keys import OPERATOR
from squrl.late_clicks import OLDEST_CLICK, do_later
from squrl.links import DAY, DELETED, KEPT_DAYS, MAX_DAYS, Kind, Link, timestamp
from squrl.manage import delete
from squrl.ports import Claimed, Throttled
from squrl.statistics import see_statistics
from tests.support.fakes import FakeClickQueue, FakeDomainPolicy

NOW = 1_800_000_000
FIRST = NOW // DAY
KILOBYTE = 1024  # bytes: a write unit's
DESTINATION = "https://example.com/".ljust(400, "x")
OWNER = "o" * 32
CHEAPEST = {"CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}}  # a write unit of the table, none of an index
_NUMBERS = itertools.count(time.time_ns() % 10**9)


def a_link(**changes: Any) -> Link:
    """Return an owner's link, made on the first day."""
    kind = Kind(DESTINATION, "302", 87_600, OWNER, forward_query=True)
    link = Link(
        f"d{next(_NUMBERS):09}",
        kind,
        timestamp(NOW),
        kind.expires_at(NOW),
        revision=9,
    )
    return replace(link, **changes)


def size(item: dict[str, Any]) -> int:
    """Return what a row weighs, in bytes."""
    return sum(len(name.encode()) + _value_size(*value.items()) for name, value in item.items())


def _value_size(value: tuple[str, Any]) -> int:
    kind, content = value
    if kind == "N":
        digits = len(str(content).strip("0")) or 1
        return (digits + 1) // 2 + 1
    return {"S": lambda: len(content.encode()), "BOOL": lambda: 1, "SS": lambda: sum(map(len, content))}[kind]()


class Meter:
    """What the functions' client is told by the engine: the calls that were made, and what each used up."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def ask(self, params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    def note(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.calls.append((model.name, parsed.get("ConsumedCapacity")))

    def taken(self) -> list[tuple[str, Any]]:
        """Return the calls since it was asked last."""
        calls, self.calls = self.calls, []
        return calls


@pytest.fixture
def meter(tables):
    meter, events = Meter(), tables.service._client.meta.events  # noqa: SLF001 (the process's client)
    handlers = [("provide-client-params.dynamodb", meter.ask), ("after-call.dynamodb", meter.note)]
    for event, handler in handlers:
        events.register(event, handler)
    yield meter
    for event, handler in handlers:
        events.unregister(event, handler)


class Waiting(NamedTuple):
    """A message in the queue, and the day on which it is delivered."""

    day: int
    message: Click | OldDays


class Year:
    """Clicks on one link, day after day, by a clock of its own; what is queued comes late, out of order, or twice.

    Attributes
    ----------
    people : Counter of int
        Clicks that should be counted by now, by day.
    bots, discarded : int
        Those of bots, and those that came too late.
    """

    def __init__(self, tables: Any, link: Link) -> None:
        self.tables, self.link = tables, link
        self.chance = random.Random(12)  # noqa: S311
        self.queue = FakeClickQueue()
        self.waiting: list[Waiting] = []
        self.late: set[Click] = set()
        self.people: Counter[int] = Counter()
        self.bots = self.discarded = self.asked = self.moved = 0

    def visit(self, day: int, visitor: Visitor) -> Outcome:
        now = day * DAY + self.chance.randrange(DAY)
        store: Any = Throttling(self.tables.store, self.chance)
        followed = follow(
            self.link.short_code, now, Ports(store, self.queue, FakeDomainPolicy(), RecentLinks()), visitor
        )
        assert followed.miss is None
        if followed.outcome is Outcome.COUNTED:
            self.count(day, is_bot=visitor is Visitor.BOT)
        return followed.outcome

    def count(self, day: int, *, is_bot: bool) -> None:
        self.bots += is_bot
        self.people[day] += not is_bot

    def send(self, day: int) -> None:
        """Put what was queued today where it waits: for no time, for some, for too long; a tenth comes twice."""
        self.asked += len(self.queue.old_days)
        messages: list[Click | OldDays] = [*self.queue.clicks, *self.queue.old_days]
        for message in messages:
            click, late = isinstance(message, Click), self.chance.randrange(2, 27)
            delay = self.chance.choices([0, 1, late if click else 3, 40 if click else 0], [60, 10, 20, 10])[0]
            self.waiting.append(Waiting(day + delay, message))
            if self.chance.random() < 0.1:
                self.waiting.append(Waiting(day + delay + 1, message))
        self.queue.clicks, self.queue.old_days = [], []

    def deliver(self, day: int) -> None:
        now = (day + 1) * DAY - 1
        due = [waiting.message for waiting in self.waiting if waiting.day == day]
        batch = do_later({str(at): message.to_message() for at, message in enumerate(due)}, self.tables.store, now)
        assert (batch.malformed, batch.returned) == ([], {})
        self.moved += batch.moved
        for click in {message for message in due if isinstance(message, Click)} - self.late:
            self.late.add(click)
            if now - click.clicked_at > OLDEST_CLICK:
                self.discarded += 1
            else:
                self.count(click.clicked_at // DAY, is_bot=click.is_bot)

    def told(self) -> tuple[int, int, int, Counter[int]]:
        """Return what a reader is told: the sum, bots' clicks, those without a day, and every day's."""
        link, days = found = see_statistics(self.link.short_code, OPERATOR, self.tables.store)
        return link.click_count, link.bot_click_count, found.undated, Counter(days)

    def expected(self) -> tuple[int, int, int, Counter[int]]:
        before = self.link.click_count
        return before + self.bots + self.people.total(), self.bots, before, self.people


class Throttling:
    """A store that throttles one click in seven."""

    def __init__(self, store: Any, chance: random.Random) -> None:
        self._store, self._is_throttled = store, chance.randrange(7) == 0
        self.get = store.get

    def count_click(self, short_code: str, now: int, *, is_bot: bool = False) -> Any:
        if self._is_throttled:
            raise Throttled
        return self._store.count_click(short_code, now, is_bot=is_bot)


def days_in(item: dict[str, Any]) -> int:
    return sum(len(name) == len("d123") for name in item)


def test_given_a_change_when_clicked_then_its_mark_goes_and_the_click_costs_what_it_did(tables, meter):
    link = a_link(click_count=123, days=dict.fromkeys(range(FIRST - MAX_DAYS, FIRST), 99))
    tables.put(link)
    marked = tables.store.change(link, replace(link, title="A title that a caller changed"))
    assert marked is not None
    assert tables.item(link.short_code)[MARK] == {"BOOL": True}

    for _ in range(2):
        meter.taken()
        assert tables.store.count_click(link.short_code, NOW).link.click_count
        assert meter.taken() == [("UpdateItem", {**CHEAPEST, "TableName": tables.links})]
        assert MARK not in tables.item(link.short_code)


def test_given_a_year_of_clicks_when_told_then_each_is_in_its_day_and_the_row_is_small(tables, meter):
    link = a_link(click_count=123_456_789)  # made before days were counted
    year = Year(tables, link)
    tables.put(link)
    sizes, lengths, visits = [], [], 0

    for day in range(FIRST, FIRST + 366 + 30):  # the last days are for what is late
        for _ in range(year.chance.choice([0, 1, 1, 2, 3]) if day < FIRST + 366 else 0):
            meter.taken()
            visitor = year.chance.choices([*Visitor], [6, 3, 1])[0]
            outcome = year.visit(day, visitor)
            visits += visitor is not Visitor.ONLOOKER
            if outcome is Outcome.COUNTED:
                assert meter.taken() == [("UpdateItem", {**CHEAPEST, "TableName": tables.links})]
        year.send(day)
        year.deliver(day)
        item = tables.item(link.short_code)
        sizes.append(size(item))
        lengths.append(days_in(item))
        if day % 15 == 0:
            meter.taken()
            assert year.told() == year.expected()
            assert [name for name, _ in meter.taken()] in (["GetItem"], ["GetItem", "Query"])
    for day in range(FIRST + 396, FIRST + 450):
        year.deliver(day)

    assert year.told() == year.expected()
    assert year.people.total() + year.bots + year.discarded == visits
    assert max(sizes) < KILOBYTE
    assert MAX_DAYS < max(lengths) <= MAX_DAYS + 5  # it waits for its message, three days at most
    assert year.discarded > 0
    assert 5 < year.moved <= year.asked
    print(f"{visits} clicks, {len(year.late)} late; a row of {max(sizes)} bytes at most, {year.moved} moves")  # noqa: T201


@pytest.mark.parametrize(
    ("clicks", "changes"),
    [
        (9_999, {"title": "t" * 60, "tags": frozenset({"a" * 10, "b" * 10})}),
        (999_999, {}),
        (999_999, {"max_clicks": 999_999_999, "click_limit": 999_999_999, "locked": True}),
    ],
    ids=["480 bytes", "busier", "busier, with a limit"],
)
def test_given_a_busy_link_when_its_days_are_full_then_its_row_is_small(clicks, changes):
    days = {FIRST + day: clicks for day in range(MAX_DAYS + 1)}
    link = a_link(click_count=999_999_999, bot_click_count=999_999, days=days, days_from=FIRST, **changes)

    assert len(DESTINATION) == 400
    assert size(to_item(link)) < KILOBYTE


def test_given_a_year_of_days_when_told_then_it_takes_two_reads(tables, meter):
    days = {FIRST + day: 10_000 + day for day in range(400)}
    link = a_link(click_count=sum(days.values()), days=dict(list(days.items())[-MAX_DAYS:]), days_from=FIRST + 365)
    tables.put(link)
    durable = DurableTable(tables.service, tables.durable)
    past = {day: clicks for day, clicks in days.items() if day not in link.days}
    for write in durable.day_adds(link.short_code, link.created_at, past):
        tables.client.update_item(**write["Update"])
    meter.taken()

    started = time.perf_counter()
    found = see_statistics(link.short_code, OPERATOR, tables.store)
    took = time.perf_counter() - started

    (one, row), (other, history) = meter.taken()
    assert (one, other) == ("GetItem", "Query")
    assert (row["CapacityUnits"], history["CapacityUnits"]) == (1.0, 1.0)
    assert (dict(found.days), found.undated) == (days, 0)
    print(f"a year of one link in {1000 * took:.1f} ms")  # noqa: T201


# Rows made before


def a_row(**attributes: Any) -> dict[str, Any]:
    """Return a row as it was written before there were days, bots and limits."""
    return {
        "short_code": {"S": f"d{next(_NUMBERS):09}"},
        "original_url": {"S": DESTINATION},
        "redirect_type": {"S": "301"},
        "created_at": {"S": timestamp(NOW - 400 * DAY)},
        "custom_code": {"BOOL": False},
        "status": {"S": "active"},
    } | attributes


@pytest.mark.parametrize("before", [{}, {"click_count": {"N": "41"}}], ids=["an operator's", "with clicks"])
def test_given_a_row_made_before_when_clicked_then_its_old_clicks_have_no_day(tables, before):
    row = a_row(**before)
    tables.client.put_item(TableName=tables.links, Item=row)
    code, old = row["short_code"]["S"], 41 if before else 0

    for is_bot in (False, True, False):
        tables.store.count_click(code, NOW, is_bot=is_bot)
    for day in range(MAX_DAYS + 1):
        tables.store.count_click(code, NOW + day * DAY)
    message = OldDays(code, row["created_at"]["S"]).to_message()
    moved = do_later({"1": message}, tables.store, NOW + MAX_DAYS * DAY).moved

    found = see_statistics(code, OPERATOR, tables.store)
    assert (moved, found.link.click_count, found.link.bot_click_count) == (1, old + 3 + MAX_DAYS + 1, 1)
    assert found.undated == old
    assert found.days == {FIRST: 3} | {FIRST + day: 1 for day in range(1, MAX_DAYS + 1)}


# The link is no more


def gone_meanwhile(tables: Any, link: Link, how: str) -> None:
    if how == "released":
        assert tables.store.release(link)
    elif how == "collected":
        tables.delete(link)
    else:
        tables.put(replace(link, kind=FOREVER, created_at=timestamp(NOW + 36 * DAY), click_count=0, days={}))


def history_of(tables: Any, link: Link) -> list[Any]:
    """Return all rows of days that a code ever had, whatever link's."""
    items: list[Any] = tables.client.query(
        TableName=tables.durable,
        KeyConditionExpression="kind = :kind",
        ExpressionAttributeValues={":kind": {"S": f"days#{link.short_code}"}},
    )["Items"]
    return items


FOREVER = Kind("https://other.example/", "301", None)
CROWD = {FIRST + day: 5 for day in range(MAX_DAYS + 1)}


@pytest.mark.parametrize("when", ["before the row is read", "before the days are moved"])
@pytest.mark.parametrize("how", ["released", "collected", "another's"])
def test_given_a_link_that_is_no_more_when_days_are_moved_then_nothing_is_left(tables, monkeypatch, when, how):
    link = a_link(click_count=5 * len(CROWD), days=CROWD)
    tables.put(link)
    if when == "before the row is read":
        gone_meanwhile(tables, link, how)
    else:
        move = LinksTable.move_days

        def gone_first(store: LinksTable, link: Link, before: int) -> bool:
            gone_meanwhile(tables, link, how)
            return move(store, link, before)

        monkeypatch.setattr(LinksTable, "move_days", gone_first)
    message = OldDays(link.short_code, link.created_at).to_message()

    batch = do_later({"1": message}, tables.store, NOW + MAX_DAYS * DAY)

    assert batch.moved == 0
    assert history_of(tables, link) == []
    row = tables.get(link.short_code)
    assert row is None if how != "another's" else (row.click_count, row.days, row.days_from) == (0, {}, None)


def test_given_a_link_that_is_deleted_when_days_are_moved_then_its_statistics_stay(tables):
    link = a_link(click_count=5 * len(CROWD), days=CROWD)
    tables.put(link)
    delete(link.short_code, OPERATOR, tables.store)
    message = OldDays(link.short_code, link.created_at).to_message()

    batch = do_later({"1": message}, tables.store, NOW + MAX_DAYS * DAY)

    found = see_statistics(link.short_code, OPERATOR, tables.store)
    assert (batch.moved, len(history_of(tables, link)), found.link.status) == (1, 1, DELETED)
    assert (dict(found.days), found.undated) == (CROWD, 0)


def test_given_a_past_when_the_code_is_given_to_another_then_that_counts_none_of_it(tables):
    link = a_link(click_count=5 * len(CROWD), days=CROWD)
    tables.put(link)
    tables.store.move_days(link, FIRST + 5)
    tables.store.release(tables.get(link.short_code))
    other = Link(link.short_code, FOREVER, timestamp(NOW + 40 * DAY), None, custom_code=True)
    assert tables.store.claim(other, NOW + 40 * DAY) == Claimed(other)

    late = tables.store.add_clicks(link.short_code, link.created_at, {"0" * 24 + link.short_code[2:]: NOW})
    for day in range(40, 40 + MAX_DAYS + 1):
        tables.store.count_click(link.short_code, NOW + day * DAY)
    do_later({"1": OldDays(other.short_code, other.created_at).to_message()}, tables.store, NOW + (40 + MAX_DAYS) * DAY)

    found = see_statistics(link.short_code, OPERATOR, tables.store)
    assert late == (0, 1)
    assert found.link.days_from == FIRST + 40 + MAX_DAYS - KEPT_DAYS
    assert found.days == {FIRST + 40 + day: 1 for day in range(MAX_DAYS + 1)}
    assert found.undated == 0
