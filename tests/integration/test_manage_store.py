"""Managing in AWS's own engine where it is about many: ten thousand links, and many callers at once."""

import itertools
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from squrl import manage
from squrl.aws.durable_table import DurableTable
from squrl.aws.links_table import SECRET_ROW, to_item
from squrl.destinations import Rules
from squrl.domains import DomainLists
from squrl.errors import Gone, NotFound
from squrl.keys import Identity, Role
from squrl.links import ACTIVE, DELETED, Kind, Link, timestamp
from squrl.manage import Filters
from squrl.ports import Claimed, Counted
from squrl.requests import ChangeRequest, CreateRequest, read
from squrl.shorten import Caller, Ports, shorten
from tests.support.concurrency import all_at_once
from tests.support.fakes import FakeDomainPolicy

NOW = 1_800_000_000
_NUMBERS = itertools.count(time.time_ns() % 10**9)


def a_kind(ttl_hours: int | None = None, owner: str | None = "us") -> Kind:
    return Kind(f"https://example.com/managed/{next(_NUMBERS)}", "301", ttl_hours, owner)


def a_link(kind: Kind | None = None, **changes: Any) -> Link:
    return replace(Link(f"managed-{next(_NUMBERS)}", kind or a_kind(), timestamp(NOW - 3600), None), **changes)


@pytest.fixture(scope="module")
def many(tables):
    """Write ten thousand links of one owner, each a second younger than the one before."""
    links = [
        Link(f"many-{at:05}", Kind(f"https://example.com/many/{at}", "301", None, "many"), timestamp(NOW + at), None)
        for at in range(10_000)
    ]
    for start in range(0, len(links), 25):
        items = [{"PutRequest": {"Item": to_item(link)}} for link in links[start : start + 25]]
        answer = tables.client.batch_write_item(RequestItems={tables.links: items})
        assert not answer["UnprocessedItems"]
    return links


class Counting:
    """Counts the calls to DynamoDB of one invocation."""

    def __init__(self, tables: Any) -> None:
        self.store = tables.store
        self.calls: list[str] = []
        call = self.store._service.call  # noqa: SLF001 (the calls, whoever makes them)

        def counted(operation: str, **arguments: Any) -> Any:
            self.calls.append(operation)
            return call(operation, **arguments)

        self.store._service.call = counted  # noqa: SLF001


def test_given_ten_thousand_links_when_paged_amid_changes_then_all_are_there_once(tables, many):
    done = threading.Event()
    extra: list[Link] = []

    def meddle() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            link = a_link(a_kind(owner="many"), created_at=timestamp(NOW + 20_000 + number))
            tables.store.claim(link, NOW)
            extra.append(link)
            if number % 2:
                tables.store.release(extra[-2])

    thread = threading.Thread(target=meddle)
    thread.start()
    codes: list[str] = []
    cursor, calls = None, []
    try:
        while True:
            counting = Counting(tables)
            page = manage.page("many", Filters(), 100, cursor, counting.store, NOW)
            calls.append(counting.calls)
            codes += [link.short_code for link in page.links]
            cursor = page.cursor
            if cursor is None:
                break
    finally:
        done.set()
        thread.join()

    expected = [link.short_code for link in reversed(many)]
    assert [code for code in codes if code.startswith("many-")] == expected
    assert len(codes) == len(set(codes))
    assert {tuple(each) for each in calls[:-1]} == {("query", "batch_get_item")}
    assert len(extra) > 10
    tables.delete(*extra)


def test_given_ten_thousand_links_when_a_filter_fits_none_then_calls_are_bounded(tables, many):
    counting = Counting(tables)

    page = manage.page("many", Filters(tag="rare"), 50, None, counting.store, NOW)

    assert (page.links, page.cursor is not None) == ([], True)
    assert counting.calls == ["query"] * manage.PAGES


# Many at once


def change(tables: Any, code: str, **fields: Any) -> Link:
    """Change a link as a caller does."""
    ports = manage.Ports(tables.store, FakeDomainPolicy())
    return manage.change(code, read(ChangeRequest, fields), Identity(Role.WRITE, "us"), NOW, ports, Rules()).after


def test_given_two_changes_of_different_fields_when_at_once_then_both_hold(tables, put_row):
    for _ in range(20):
        link = put_row()

        all_at_once(
            [partial(change, tables, link.short_code, title="T"), partial(change, tables, link.short_code, ttl_hours=1)]
        )

        row = tables.get(link.short_code)
        assert row is not None
        assert (row.title, row.expires_at, row.revision) == ("T", NOW + 3600, 3)


@pytest.fixture
def put_row(tables):
    def put_row(**changes: Any) -> Link:
        link = a_link(**changes)
        tables.put(link)
        return link

    return put_row


def test_given_a_hundred_changes_and_a_thousand_clicks_at_once_then_nothing_is_lost(tables, put_row):
    link = put_row()
    code = link.short_code
    changes: list[Any] = [
        *[partial(change, tables, code, title=f"T{number}") for number in range(25)],
        *[partial(change, tables, code, tags=[f"t{number}"]) for number in range(25)],
        *[partial(change, tables, code, ttl_hours=number + 1) for number in range(25)],
        *[partial(change, tables, code, redirect_type=str(301 + number % 2)) for number in range(25)],
    ]
    # DynamoDB Local answers one at a time: so many clicks by a few visitors, one after another.
    clicks = [lambda: [tables.store.count_click(code, NOW) for _ in range(50)]] * 20

    results = all_at_once([*changes, *clicks])

    row = tables.get(link.short_code)
    assert row is not None
    counted = sum(isinstance(click, Counted) for clicked in results[100:] for click in clicked)
    assert (counted, row.click_count) == (1000, 1000)
    for start, field in enumerate(("title", "tags", "expires_at", "kind")):
        last = max(results[25 * start : 25 * start + 25], key=lambda changed: changed.revision)
        left, is_left = (each.kind.redirect_type if field == "kind" else getattr(each, field) for each in (last, row))
        assert left == is_left


def test_given_changes_and_a_deletion_at_once_then_the_link_stays_deleted(tables, put_row):
    for _ in range(10):
        link = put_row()
        delete = partial(manage.delete, link.short_code, Identity(Role.WRITE, "us"), tables.store)

        def attempt(fields: Any, code: str = link.short_code) -> Any:
            try:
                return change(tables, code, **fields)
            except Gone:
                return None

        fields = [{"title": "T"}, {"status": "disabled"}, {"status": "active"}, {"ttl_hours": 1}]
        all_at_once([delete, *[partial(attempt, each) for each in fields]])

        row = tables.get(link.short_code)
        assert row is not None
        assert (row.status, row.kind.original_url, row.title) == (DELETED, "", None)


def test_given_two_owners_when_they_ask_two_hundred_times_at_once_then_each_has_one(tables):
    url = a_kind().original_url

    def ask(owner: str) -> Any:
        caller = Caller(Identity(Role.WRITE, owner))
        ports = Ports(tables.store, tables.store, FakeDomainPolicy())
        return shorten(read(CreateRequest, {"original_url": url}), caller, NOW, ports, Rules())

    results = all_at_once([partial(ask, owner) for owner in ("ours", "theirs") * 100])

    codes = Counter((link.kind.owner, link.short_code) for link, _ in results)
    assert sorted(owner for owner, _ in codes) == ["ours", "theirs"]
    assert set(codes.values()) == {100}
    assert Counter(link.kind.owner for link, created in results if created) == {"ours": 1, "theirs": 1}
    assert tables.count(url) == 2


def test_given_a_deleted_code_when_many_claim_it_then_its_owner_alone_has_it(tables, put_row):
    for _ in range(5):
        holder = put_row(status=DELETED)
        links = [a_link(a_kind(owner=owner), short_code=holder.short_code, custom_code=True) for owner in "abcd"]
        links += [a_link(short_code=holder.short_code, custom_code=True) for _ in range(4)]

        results = all_at_once([partial(tables.store.claim, link, NOW) for link in links])

        (winner,) = [claim.link for claim in results if isinstance(claim, Claimed)]
        assert winner.kind.owner == "us"
        assert tables.get(holder.short_code) == winner


@pytest.fixture
def lists(tables):
    """Hand out tables without domain lists."""
    tables.set_domain_lists(DomainLists())
    yield lambda: DurableTable(tables.service, tables.durable)
    tables.set_domain_lists(DomainLists())


def test_given_many_changes_at_once_when_made_then_nobodys_entries_are_lost(lists):
    kept = DomainLists(denied=frozenset({f"old-{number}.example" for number in range(20)}))
    lists().change_domain_lists(kept, DomainLists())

    adds = [
        partial(lists().change_domain_lists, DomainLists(denied=frozenset({f"new-{number}.example"})), DomainLists())
        for number in range(20)
    ]
    removes = [
        partial(lists().change_domain_lists, DomainLists(), DomainLists(denied=frozenset({f"old-{number}.example"})))
        for number in range(10)
    ]
    all_at_once([*adds, *removes])

    expected = {f"new-{number}.example" for number in range(20)} | {f"old-{number}.example" for number in range(10, 20)}
    assert lists().read_domain_lists() == DomainLists(denied=frozenset(expected))


def test_given_the_secrets_row_when_an_admin_names_it_then_it_is_not_touched(tables):
    secret = tables.store.secret()
    admin = Identity(Role.ADMIN, "us")

    with pytest.raises(NotFound):
        manage.see(SECRET_ROW, admin, tables.store)
    with pytest.raises(NotFound):
        manage.delete(SECRET_ROW, admin, tables.store)
    manage.release(SECRET_ROW, admin, tables.store)

    assert tables.store.secret() == secret
    assert ACTIVE not in str(tables.item(SECRET_ROW))
