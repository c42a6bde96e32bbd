"""What callers write, from AWS's own engine's stream, through the template's filters and the function, to the bus."""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from squrl import manage
from squrl.aws.links_table import SECRET_ROW
from squrl.destinations import Rules
from squrl.keys import OPERATOR, Identity, Role
from squrl.links import DAY, KEPT_DAYS, MAX_DAYS, Kind, Link, timestamp
from squrl.ports import Claimed, Counted, HeldBy, NotCounted
from squrl.requests import ChangeRequest, read
from squrl.web.response import link_body
from tests.support.fakes import FakeDomainPolicy
from tests.support.functions import Functions
from tests.support.streams import TableStream, collected, passes
from tests.template.stack import FullStack
from tests.template.stack import read as read_template

NOW = int(time.time())
TODAY = NOW // DAY
OWNER = Identity(Role.WRITE, "us")
_NUMBERS = itertools.count(time.time_ns() % 10**9)


def a_link(ttl_hours: int | None = None, **changes: Any) -> Link:
    number = next(_NUMBERS)
    kind = Kind(f"https://example.com/told/{number}", "302", ttl_hours, "us")
    return replace(Link(f"told-{number}", kind, timestamp(NOW - 60), kind.expires_at(NOW - 60)), **changes)


@pytest.fixture(scope="module")
def patterns() -> list[str]:
    stack = FullStack(read_template())
    (filters,) = (
        each["FilterCriteria"]["Filters"]
        for each in stack.of_type("AWS::Lambda::EventSourceMapping").values()
        if "FilterCriteria" in each
    )
    return [each["Pattern"] for each in filters]


class Told:
    """What is told of writes.

    Attributes
    ----------
    handed_on : int
        Records that passed the filters, of those looked at last.
    """

    def __init__(self, tables: Any, patterns: list[str]) -> None:
        self._stream, self._patterns = TableStream(tables), patterns
        self.functions = Functions()
        self.handed_on = 0

    def of(
        self, written: int, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda record: record
    ) -> list[tuple[str, Any, Any]]:
        """Return the events of the next so many writes: name, link as it is, link as it was."""
        records = [change(record) for record in self._stream.read(written)]
        handed_on = [record for record in records if passes(record, self._patterns)]
        self.handed_on = len(handed_on)
        self.functions.bus.events.clear()
        if handed_on:
            answer = self.functions.invoke("publish_changes", {"Records": handed_on})
            assert answer == {"batchItemFailures": []}
        return [(each.name, each.detail["link"], each.detail["before"]) for each in self.functions.bus.events]


@pytest.fixture
def told(tables, patterns):
    return Told(tables, patterns)


def changed(tables, link: Link, identity: Identity = OWNER, **fields: Any) -> Link:
    ports = manage.Ports(tables.store, FakeDomainPolicy())
    return manage.change(link.short_code, read(ChangeRequest, fields), identity, NOW, ports, Rules()).after


def shown(link: Link | None) -> Any:
    return link and link_body(link, None, NOW)


def test_given_a_links_life_when_its_stream_is_read_then_each_change_is_told_and_no_click(tables, told):
    made = a_link(ttl_hours=24)
    assert tables.store.claim(made, NOW) == Claimed(made)
    assert told.of(1) == [("Link Created", shown(made), None)]

    for _ in range(2):
        assert isinstance(tables.store.count_click(made.short_code, NOW), Counted)
    assert isinstance(tables.store.count_click(made.short_code, NOW, is_bot=True), Counted)
    assert told.of(3) == []
    assert told.handed_on == 0

    clicked = tables.get(made.short_code)
    titled = changed(tables, made, title="One")
    retitled = changed(tables, made, title="Two")  # without a click in between
    assert told.of(2) == [
        ("Link Changed", shown(titled), shown(clicked)),
        ("Link Changed", shown(retitled), shown(titled)),
    ]

    tables.store.count_click(made.short_code, NOW)
    disabled = changed(tables, made, status="disabled", title="Three")
    enabled = changed(tables, made, status="active")
    renewed = tables.store.renew(made.short_code, made.kind, NOW + 3600)
    assert [name for name, _, _ in told.of(4)] == ["Link Disabled", "Link Enabled", "Link Changed"]
    assert (disabled.status, enabled.status, renewed.expires_at) == ("disabled", "active", NOW + 25 * 3600)

    manage.delete(made.short_code, OWNER, tables.store)
    (deleted,) = told.of(1)
    assert deleted[0] == "Link Deleted"
    assert (deleted[1]["original_url"], deleted[1]["title"]) == (None, None)
    assert (deleted[2]["original_url"], deleted[2]["title"]) == (made.kind.original_url, "Three")

    manage.release(made.short_code, OPERATOR, tables.store)
    ((name, link, before),) = told.of(1)
    assert (name, link, before["status"]) == ("Link Deleted", None, "deleted")


def test_given_a_change_when_clicks_come_late_and_days_are_moved_then_nothing_is_told(tables, told):
    days = {TODAY - age: 1 for age in range(MAX_DAYS + 1)}
    link = a_link(days=days, click_count=len(days))
    tables.put(link)
    link = changed(tables, link, title="Marked")
    assert [name for name, _, _ in told.of(2)] == ["Link Created", "Link Changed"]

    assert tables.store.move_days(link, TODAY - KEPT_DAYS)
    for are_bots in (False, True):
        changed(tables, link, title=f"Marked again {are_bots}")
        tables.store.add_clicks(link.short_code, link.created_at, {f"{next(_NUMBERS):032x}": NOW}, are_bots=are_bots)

    assert [name for name, _, _ in told.of(5)] == ["Link Changed", "Link Changed"]
    assert told.handed_on == 2


def test_given_a_limit_when_bots_of_before_come_late_then_nothing_is_told(tables, told):
    link = a_link()
    tables.store.claim(link, NOW)
    changed(tables, link, max_clicks=5)
    tables.store.add_clicks(link.short_code, link.created_at, {f"{next(_NUMBERS):032x}": NOW}, are_bots=True)

    assert [name for name, _, _ in told.of(3)] == ["Link Created", "Link Changed"]
    assert told.handed_on == 2


def test_given_a_code_that_was_given_up_when_claimed_anew_then_a_link_is_created(tables, told):
    link = replace(a_link(), custom_code=True)
    tables.store.claim(link, NOW)
    manage.delete(link.short_code, OWNER, tables.store)
    again = replace(link, kind=link.kind._replace(original_url="https://example.com/again"))
    assert tables.store.claim(again, NOW) == Claimed(again)

    (_, _, (name, new, old)) = told.of(3)

    assert name == "Link Created"
    assert (new["original_url"], old["original_url"], old["status"]) == ("https://example.com/again", None, "deleted")


def test_given_an_expired_row_when_the_table_removes_it_then_it_is_collected(tables, told):
    link = a_link(ttl_hours=1, created_at=timestamp(NOW - 500 * DAY), expires_at=NOW - 450 * DAY)
    tables.put(link)
    tables.delete(link)

    def removed_by_ttl(record):
        return collected(record) if record["eventName"] == "REMOVE" else record

    (_, (name, now, before)) = told.of(2, removed_by_ttl)

    assert (name, now, before["status"]) == ("Link Collected", None, "expired")


def test_given_what_is_refused_when_the_stream_is_read_then_there_is_nothing(tables, told):
    link = a_link(ttl_hours=24, status="disabled")
    tables.put(link)
    other = replace(link, kind=link.kind._replace(owner="them"))

    assert isinstance(tables.store.claim(other, NOW), HeldBy)
    assert isinstance(tables.store.count_click(link.short_code, NOW), NotCounted)
    assert tables.store.renew(link.short_code, link.kind, NOW)
    changed(tables, link, title="New")

    assert [name for name, _, _ in told.of(2)] == ["Link Created", "Link Changed"]


def test_given_the_row_with_the_secret_when_removed_or_written_then_no_function_gets_it(tables, patterns):
    key = {"short_code": {"S": SECRET_ROW}}
    tables.store.secret()
    row = tables.item(SECRET_ROW)
    told = Told(tables, patterns)
    tables.client.delete_item(TableName=tables.links, Key=key)
    tables.client.put_item(TableName=tables.links, Item=row)
    link = a_link()
    tables.store.claim(link, NOW)

    assert told.of(3) == [("Link Created", shown(link), None)]
    assert told.handed_on == 1


def test_given_a_creators_address_when_told_then_it_is_not_in_it(tables, told):
    link = a_link(creator_ip="192.0.2.77")
    tables.store.claim(link, NOW)
    changed(tables, link, title="New")

    assert len(told.of(2)) == 2
    assert "192.0.2.77" not in str(told.functions.bus.events) + str(told.functions.written)


def test_given_a_row_of_the_first_version_when_changed_then_it_is_told(tables, told):
    code = f"told-{next(_NUMBERS)}"
    row = {
        "short_code": code,
        "original_url": "https://example.com/old",
        "created_at": "2024-01-01T00:00:00Z",
        "redirect_type": "301",
        "status": "active",
        "owner": "us",
    }
    tables.client.put_item(TableName=tables.links, Item={name: {"S": value} for name, value in row.items()})
    tables.store.count_click(code, NOW)
    changed(tables, tables.get(code), title="New", tags=["exactly"])

    events = told.of(3)

    assert [name for name, _, _ in events] == ["Link Created", "Link Changed"]
    assert (events[1][1]["revision"], events[1][2]["revision"], events[1][2]["click_count"]) == (2, 1, 1)
