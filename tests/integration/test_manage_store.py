"""Managing in AWS's own engine, and in the fake where one suite holds both: find, change, release, lists, keys."""

import itertools
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from squrl import keys, manage
from squrl.aws.durable_table import DurableTable
from squrl.aws.links_table import SECRET_ROW, from_item, to_item
from squrl.destinations import Rules
from squrl.domains import DomainLists
from squrl.errors import Gone, NotFound
from squrl.keys import Identity, Role
from squrl.links import ACTIVE, DELETED, DISABLED, Kind, Link, timestamp
from squrl.manage import Filters
from squrl.ports import Claimed, Counted, HeldBy
from squrl.requests import ChangeRequest, CreateRequest, read
from squrl.shorten import Caller, Ports, shorten
from tests.support.concurrency import all_at_once
from tests.support.fakes import FakeDomainPolicy, FakeLinkStore

NOW = 1_800_000_000
_NUMBERS = itertools.count(time.time_ns() % 10**9)


class FakeTables:
    """What the tests use of `Tables`, over the fake."""

    def __init__(self) -> None:
        self.store = FakeLinkStore()

    def put(self, *links: Link) -> None:
        for link in links:
            self.store.links[link.short_code] = link

    def item(self, short_code: str) -> Any:
        link = self.store.links.get(short_code)
        return link and to_item(link)


@pytest.fixture(params=["fake", "DynamoDB"])
def rows(request):
    return FakeTables() if request.param == "fake" else request.getfixturevalue("tables")


@pytest.fixture
def store(rows):
    return rows.store


def a_kind(ttl_hours: int | None = None, owner: str | None = "us") -> Kind:
    return Kind(f"https://example.com/managed/{next(_NUMBERS)}", "301", ttl_hours, owner)


def a_link(kind: Kind | None = None, **changes: Any) -> Link:
    return replace(Link(f"managed-{next(_NUMBERS)}", kind or a_kind(), timestamp(NOW - 3600), None), **changes)


@pytest.fixture
def put(rows):
    """Write a link that no other test has: the table is shared."""

    def put(kind: Kind | None = None, **changes: Any) -> Link:
        link = a_link(kind, **changes)
        rows.put(link)
        return link

    return put


def stored(rows: Any, link: Link) -> Link | None:
    """Return the link that has this one's code now. When its row may go has to follow from what it is."""
    item = rows.item(link.short_code)
    found = from_item(item)
    assert found is None or item.get("collect_at") == to_item(found).get("collect_at")
    return found


# find


@pytest.mark.parametrize(
    "changes", [{}, {"custom_code": True}, {"title": "T", "tags": frozenset("t"), "click_count": 9}]
)
def test_given_a_live_link_when_its_kind_is_sought_then_its_code_is_found(store, put, changes):
    link = put(**changes)

    assert store.find(link.kind, NOW) == link.short_code


@pytest.mark.parametrize(
    "changes",
    [{"expires_at": NOW}, {"status": DISABLED}, {"status": DELETED}, {"status": DISABLED, "expires_at": NOW + 9}],
    ids=str,
)
def test_given_a_link_that_is_not_live_when_sought_then_it_is_not_found(store, put, changes):
    link = put(**changes)

    assert store.find(link.kind, NOW) is None


@pytest.mark.parametrize("changes", [{"owner": "them"}, {"owner": None}, {"redirect_type": "302"}, {"ttl_hours": 24}])
def test_given_a_link_of_another_kind_when_sought_then_it_is_not_found(store, put, changes):
    link = put()

    assert store.find(link.kind._replace(**changes), NOW) is None


@pytest.mark.parametrize(("others", "found"), [(24, True), (25, False)])
def test_given_many_links_to_one_destination_when_sought_then_25_are_looked_at(store, put, others, found):
    kind = a_kind()
    for number in range(others):
        put(kind._replace(owner=f"owner-{number}"), created_at=timestamp(NOW - 9000 + number))
    link = put(kind, created_at=timestamp(NOW))

    assert store.find(kind, NOW) == (link.short_code if found else None)


# change

CHANGES: list[dict[str, Any]] = [
    {"title": "New"},
    {"title": None},
    {"tags": frozenset({"x", "y"})},
    {"tags": frozenset()},
    {"status": DISABLED},
    {"status": DISABLED, "locked": True},
    {"expires_at": NOW + 99},
    {"expires_at": None},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
@pytest.mark.parametrize("exactly", [False, True])
def test_given_a_link_when_changed_then_what_differs_is_written(store, put, rows, changes, exactly):
    link = put(
        expires_at=NOW + 9, title="Old", tags=frozenset({"t"}), creator_ip="192.0.2.1", click_count=7, revision=3
    )

    changed = store.change(link, replace(link, **changes), exactly=exactly)

    assert changed == stored(rows, link) == replace(link, **changes, revision=4)


@pytest.mark.parametrize("name", ["original_url", "redirect_type", "ttl_hours"])
def test_given_a_links_kind_when_changed_then_it_is_found_by_the_new_one(store, put, rows, name):
    link = put(a_kind(48), expires_at=NOW + 9)
    new = {"original_url": a_kind().original_url, "redirect_type": "302", "ttl_hours": None}
    kind = link.kind._replace(**{name: new[name]})

    store.change(link, replace(link, kind=kind))

    assert (store.find(kind, NOW), store.find(link.kind, NOW)) == (link.short_code, None)
    assert stored(rows, link) == replace(link, kind=kind, revision=2)


# What somebody else wrote meanwhile, and whether a change of title, of status, of title by revision then holds.
MEANWHILE: list[tuple[dict[str, Any], tuple[bool, bool, bool]]] = [
    ({"click_count": 99}, (True, True, True)),
    ({"tags": frozenset("z"), "revision": 4}, (True, True, False)),
    ({"title": "Theirs", "revision": 4}, (True, True, False)),
    ({"expires_at": NOW + 500, "revision": 4}, (True, False, False)),
    ({"locked": True}, (True, False, True)),
    ({"status": DISABLED, "revision": 4}, (False, False, False)),
    ({"status": DELETED, "revision": 4}, (False, False, False)),
    ({"created_at": timestamp(NOW)}, (False, False, False)),
    ({"kind": Kind("https://example.com/x", "301", None, "them")}, (False, False, False)),
    ({"kind": Kind("https://example.com/x", "301", None, None)}, (False, False, False)),
]


@pytest.mark.parametrize(("meanwhile", "holds"), MEANWHILE, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("act", range(3), ids=["title", "status", "by revision"])
def test_given_somebody_faster_when_changed_then_what_it_rests_on_decides(store, put, rows, meanwhile, holds, act):
    link = put(expires_at=NOW + 9, revision=3)
    other = replace(link, **meanwhile)
    rows.put(other)
    changes: dict[str, Any] = {"status": DISABLED} if act == 1 else {"title": "Mine"}

    changed = store.change(link, replace(link, **changes), exactly=act == 2)

    if holds[act]:
        assert changed == stored(rows, link) == replace(other, **changes, revision=other.revision + 1)
    else:
        assert changed is None
        assert stored(rows, link) == other


def test_given_another_end_when_only_the_hours_differ_then_end_and_lifetime_agree(store, put, rows):
    link = put(a_kind(24), expires_at=NOW + 48 * 3600)
    forever = replace(link, kind=link.kind._replace(ttl_hours=None), expires_at=None)
    rows.put(forever)

    # 48 hours from now are when it ended anyway.
    assert store.change(link, replace(link, kind=link.kind._replace(ttl_hours=48))) is None
    assert stored(rows, link) == forever


def test_given_no_link_any_more_when_changed_then_none_is_made(store, rows):
    link = a_link()

    assert store.change(link, replace(link, title="New")) is None
    assert rows.item(link.short_code) is None


def test_given_what_was_set_meanwhile_when_deleted_then_that_is_erased_too(store, put, rows):
    link = put()
    meanwhile: dict[str, Any] = {"title": "T", "tags": frozenset("t"), "creator_ip": "192.0.2.1", "kind": a_kind(24)}
    rows.put(replace(link, **meanwhile))

    deleted = store.change(link, replace(link, status=DELETED, kind=link.kind._replace(original_url="")))

    expected = replace(link, status=DELETED, kind=meanwhile["kind"]._replace(original_url=""), revision=2)
    assert deleted == stored(rows, link) == expected


# release


def test_given_a_link_when_released_then_its_code_is_free_for_anybody(store, put, rows):
    link = put(status=DELETED)

    assert store.release(link)
    assert store.release(link)  # it is gone
    assert rows.item(link.short_code) is None
    other = a_link(a_kind(owner="them"), short_code=link.short_code, custom_code=True)
    assert store.claim(other, NOW) == Claimed(other)


@pytest.mark.parametrize(
    "made", [{"created_at": timestamp(NOW)}, {"kind": a_kind(owner="them")}, {"kind": a_kind(owner=None)}], ids=str
)
def test_given_a_code_that_passed_on_when_released_then_the_other_link_stays(store, put, rows, made):
    link = put()
    other = replace(link, **made)
    rows.put(other)

    assert not store.release(link)
    assert stored(rows, link) == other


# claim, for owners


@pytest.mark.parametrize("status", ["expired", "deleted"])
@pytest.mark.parametrize(
    ("had", "asks", "custom", "free"),
    [
        ("us", "us", True, True),
        ("us", "us", False, False),
        ("us", "them", True, False),
        ("us", None, True, False),
        (None, "us", True, False),
        (None, None, True, False),
    ],
)
def test_given_a_code_that_ended_when_claimed_then_its_owner_alone_gets_it(store, put, status, had, asks, custom, free):
    ends: dict[str, Any] = {"expires_at": NOW} if status == "expired" else {"status": DELETED}
    holder = put(a_kind(1, had), **ends, click_count=5)
    link = a_link(a_kind(2, asks), short_code=holder.short_code, custom_code=custom)

    assert store.claim(link, NOW) == (Claimed(link) if free else HeldBy(holder))


@pytest.mark.parametrize(
    "state",
    [{}, {"expires_at": NOW + 1}, {"status": DISABLED, "expires_at": NOW - 1}, {"status": DELETED, "locked": True}],
    ids=str,
)
def test_given_an_own_code_that_did_not_end_when_claimed_then_it_stays(store, put, state):
    holder = put(a_kind(1), **state)

    assert store.claim(a_link(short_code=holder.short_code, custom_code=True), NOW) == HeldBy(holder)


@pytest.mark.parametrize("owner", ["us", None])
def test_given_an_expired_link_when_its_kind_is_claimed_again_then_it_is_free(store, put, owner):
    holder = put(a_kind(1, owner), expires_at=NOW, click_count=5)
    link = a_link(holder.kind, short_code=holder.short_code, expires_at=NOW + 3600)

    assert store.claim(link, NOW) == Claimed(link)
    other = replace(link, kind=link.kind._replace(owner="them"))
    assert isinstance(store.claim(other, NOW + 3600), HeldBy)


@pytest.mark.parametrize("owner", ["us", None])
def test_given_another_owner_when_a_link_is_renewed_then_it_stays(store, put, rows, owner):
    link = put(a_kind(24, owner), expires_at=NOW + 9)

    store.renew(link.short_code, link.kind._replace(owner="them"), NOW)
    assert stored(rows, link) == link
    store.renew(link.short_code, link.kind, NOW)
    assert stored(rows, link) == replace(link, expires_at=NOW + 86_400, revision=2)


# Lists


def listed(store: Any, owner: str | None, limit: int) -> list[str]:
    codes: list[str] = []
    cursor = None
    while True:
        page = store.page(owner, cursor, limit)
        codes += [link.short_code for link in page.links]
        cursor = page.cursor
        if cursor is None:
            return codes


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_given_an_owners_links_when_paged_through_then_all_are_there_newest_first(store, put, limit):
    owner = f"owner-{next(_NUMBERS)}"
    links = [put(a_kind(owner=owner), created_at=timestamp(NOW + at)) for at in range(7)]
    put(a_kind(owner=owner + "x"))

    assert listed(store, owner, limit) == [link.short_code for link in reversed(links)]


def test_given_links_of_one_second_when_paged_through_then_none_is_twice_or_missing(store, put):
    owner = f"owner-{next(_NUMBERS)}"
    links = [put(a_kind(owner=owner)) for _ in range(10)]

    assert sorted(listed(store, owner, 3)) == sorted(link.short_code for link in links)


def test_given_everybodys_links_when_paged_then_all_are_there_but_the_secret(store, put):
    links = [put(a_kind(owner=owner)) for owner in ("us", "them", None)]
    if not isinstance(store, FakeLinkStore):
        store.secret()

    codes = listed(store, None, 7)

    assert {link.short_code for link in links} <= set(codes)
    assert SECRET_ROW not in codes
    assert len(codes) == len(set(codes))


def test_given_links_as_an_index_knew_them_when_refreshed_then_they_are_as_now(store, put, rows):
    links = [put(click_count=number, title=str(number)) for number in range(100)]
    as_known = [replace(link, click_count=0, title=None) for link in links]
    rows.put(replace(links[1], created_at=timestamp(NOW)), replace(links[2], kind=a_kind(owner="them")))
    missing = a_link()

    assert store.refreshed([*as_known[:99], missing]) == [links[0], *links[3:99]]


def test_given_a_cursor_whose_link_is_gone_when_paged_on_then_the_rest_is_complete(store, put):
    owner = f"owner-{next(_NUMBERS)}"
    links = [put(a_kind(owner=owner), created_at=timestamp(NOW + at)) for at in range(6)]
    first = store.page(owner, None, 3)
    store.release(links[3])

    second = store.page(owner, first.cursor, 3)

    assert [link.short_code for link in second.links] == [link.short_code for link in links[2::-1]]


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

        row = stored(tables, link)
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

    row = stored(tables, link)
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

        row = stored(tables, link)
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
        assert stored(tables, holder) == winner


# Keys and domain lists


@pytest.fixture
def durable(tables):
    return lambda: DurableTable(tables.service, tables.durable)


@pytest.mark.parametrize("expires_at", [None, NOW])
@pytest.mark.parametrize("role", Role)
def test_given_a_key_when_added_then_it_is_found_as_it_was(durable, role, expires_at):
    key, text = keys.make("Ana's läptop", "marketing", role, NOW, expires_at)

    assert durable().add_key(key)

    assert durable().find_key(key.id) == key
    assert key in durable().list_keys()
    assert key.knows(text[12:], NOW - 1)


def test_given_an_id_that_is_taken_when_added_then_the_first_key_stays(durable):
    key, _ = keys.make("first", "a", Role.READ, NOW, None)
    other = replace(keys.make("second", "b", Role.ADMIN, NOW, None)[0], id=key.id)
    durable().add_key(key)

    assert not durable().add_key(other)
    assert durable().find_key(key.id) == key


def test_given_a_key_when_removed_twice_then_it_is_gone(durable):
    key, _ = keys.make("n", "a", Role.READ, NOW, None)
    durable().add_key(key)

    durable().remove_key(key.id)
    durable().remove_key(key.id)

    assert durable().find_key(key.id) is None
    assert key not in durable().list_keys()


@pytest.fixture
def lists(durable):
    """Hand out a table without domain lists, which are one row for all tests."""

    def clear() -> None:
        now = durable().read_domain_lists()
        for name, entries in now._asdict().items():
            for start in range(0, len(entries), 100):
                part = DomainLists(**{name: frozenset(sorted(entries)[start : start + 100])})
                durable().change_domain_lists(DomainLists(), part)

    clear()
    yield durable
    clear()


def test_given_no_lists_when_read_then_they_are_empty(lists):
    assert lists().read_domain_lists() == DomainLists()


def test_given_entries_when_added_and_removed_then_the_lists_are_told(lists):
    first = DomainLists(frozenset({"a.example", "b.example"}), frozenset({"192.0.2.1"}))
    assert lists().change_domain_lists(first, DomainLists()) == first

    more = DomainLists(denied=frozenset({"c.example", "a.example"}))
    less = DomainLists(frozenset({"b.example", "never.there"}), frozenset({"192.0.2.1"}))
    expected = DomainLists(denied=frozenset({"a.example", "c.example"}))

    assert lists().change_domain_lists(more, less) == expected
    assert lists().read_domain_lists() == expected


def test_given_the_largest_change_when_made_then_it_fits_into_one_update(lists):
    names = [f"{number:03}." + "x" * 60 + ".example" for number in range(400)]
    add = DomainLists(frozenset(names[:100]), frozenset(names[100:200]))
    remove = DomainLists(frozenset(names[200:300]), frozenset(names[300:]))

    assert lists().change_domain_lists(add, remove) == add


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


def test_given_keys_and_lists_in_one_table_then_neither_disturbs_the_other(lists):
    key, _ = keys.make("n", "a", Role.READ, NOW, None)
    lists().add_key(key)
    lists().change_domain_lists(DomainLists(denied=frozenset({"a.example"})), DomainLists())

    assert all(isinstance(each, keys.Key) for each in lists().list_keys())
    assert lists().read_domain_lists() == DomainLists(denied=frozenset({"a.example"}))


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
