"""One suite for both stores: the in-memory fake of the unit tests, and the table in AWS's own engine."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from squrl.aws.links_table import from_item, to_item
from squrl.links import ACTIVE, DISABLED, Kind, Link
from squrl.ports import Claimed, Counted, HeldBy, NotCounted
from tests.support.fakes import FakeLinkStore
from tests.support.tables import Tables

NOW = 1_800_000_000
DAY = 86_400
_NUMBERS = itertools.count()


class FakeTables:
    """What the tests use of `Tables`, over the fake."""

    def __init__(self) -> None:
        self.store = FakeLinkStore()

    def put(self, link: Link) -> None:
        self.store.links[link.short_code] = link

    def item(self, short_code: str) -> Any:
        link = self.store.links.get(short_code)
        return link and to_item(link)

    def delete(self, link: Link) -> None:
        del self.store.links[link.short_code]


@pytest.fixture(params=["fake", "DynamoDB"])
def rows(request):
    return FakeTables() if request.param == "fake" else request.getfixturevalue("tables")


@pytest.fixture
def store(rows):
    return rows.store


@pytest.fixture
def put(rows):
    """Make a link with a code and a destination that no other test has, and write it: the table is shared."""

    def put(**changes: Any) -> Link:
        link = a_link(**changes)
        rows.put(link)
        return link

    return put


def a_link(**changes: Any) -> Link:
    number = next(_NUMBERS)
    kind = Kind(f"https://example.com/{number}", "301", None)
    return replace(Link(f"code-{number}", kind, "2026-11-22T10:30:00Z", None), **changes)


def a_day(number: int = 0) -> Kind:
    return Kind(f"https://example.com/lifetime/{number}", "301", 24)


def stored(rows: Tables | FakeTables, link: Link) -> Link | None:
    """Return the link that has this one's code now. When its row may go has to follow from what it is."""
    item = rows.item(link.short_code)
    found = from_item(item)
    assert found is None or item.get("collect_at") == to_item(found).get("collect_at")
    return found


# get and claim


def test_given_nothing_when_got_then_there_is_nothing(store):
    assert store.get("no-such-code") is None


@pytest.mark.parametrize(
    "changes", [{}, {"custom_code": True}, {"creator_ip": "2001:db8::1"}, {"click_count": 7}], ids=str
)
def test_given_a_free_code_when_claimed_then_the_link_is_there(store, rows, changes):
    link = a_link(**changes)

    assert store.claim(link, NOW) == Claimed(link)
    assert store.get(link.short_code) == stored(rows, link) == link


def test_given_the_longest_destination_when_claimed_then_it_comes_back_whole(store):
    url = "https://example.com/?"
    link = a_link(kind=Kind(url + "ä" * ((2048 - len(url)) // 2), "302", 87_600), expires_at=NOW + 1)

    store.claim(link, NOW)

    assert store.get(link.short_code) == link
    assert store.find_live(link.kind, NOW) == link.short_code


@pytest.mark.parametrize(
    "changes",
    [{}, {"expires_at": NOW + 1}, {"status": DISABLED}, {"status": DISABLED, "expires_at": NOW - 1}],
    ids=["live", "about to expire", "disabled", "disabled and expired"],
)
def test_given_a_holder_when_its_code_is_claimed_then_it_is_returned_and_stays(store, put, rows, changes):
    holder = put(click_count=5, **changes)

    assert store.claim(a_link(short_code=holder.short_code), NOW) == HeldBy(holder)
    assert stored(rows, holder) == holder


@pytest.mark.parametrize("expires_at", [NOW, NOW - 1, 0])
def test_given_an_expired_link_when_claimed_then_it_gives_way_with_its_clicks(store, put, rows, expires_at):
    expired = put(kind=a_day(), expires_at=expires_at, click_count=5)
    link = a_link(short_code=expired.short_code)

    assert store.claim(link, NOW) == Claimed(link)
    assert stored(rows, link) == link


# count_click


@pytest.mark.parametrize("expires_at", [None, NOW + 1])
def test_given_a_live_link_when_clicked_then_each_click_is_counted(store, put, rows, expires_at):
    link = put(expires_at=expires_at, click_count=9)

    clicked = [store.count_click(link.short_code, NOW) for _ in range(3)]

    assert clicked == [Counted(replace(link, click_count=count)) for count in (10, 11, 12)]
    assert stored(rows, link) == clicked[-1].link


@pytest.mark.parametrize(
    "changes",
    [{"expires_at": NOW}, {"expires_at": 0}, {"status": DISABLED}, {"status": DISABLED, "expires_at": NOW + 9}],
)
def test_given_a_link_that_is_not_live_when_clicked_then_nothing_is_counted(store, put, rows, changes):
    link = put(**changes)

    assert store.count_click(link.short_code, NOW) == NotCounted(link)
    assert stored(rows, link) == link


def test_given_no_link_when_used_then_none_is_made(store, rows):
    link = a_link(kind=a_day())

    assert store.count_click(link.short_code, NOW) == NotCounted(None)
    assert store.renew(link.short_code, link.kind, NOW) is None
    assert store.disable(link.short_code) is None
    assert store.enable(link.short_code) is None
    assert stored(rows, link) is None


# add_clicks


def ids(count: int) -> dict[str, int]:
    return {f"{next(_NUMBERS):032x}": NOW for _ in range(count)}


@pytest.mark.parametrize("changes", [{}, {"status": DISABLED}, {"expires_at": NOW - 1}], ids=str)
def test_given_late_clicks_when_added_then_each_is_added_once(store, put, rows, changes):
    link = put(click_count=9, **changes)
    first, second = ids(3), ids(99 - 3)

    results = [
        store.add_clicks(link.short_code, link.created_at, clicks)
        for clicks in (first, first, first | second, dict(reversed(second.items())), {})
    ]

    assert results == [(3, 0), (0, 0), (96, 0), (0, 0), (0, 0)]
    assert stored(rows, link) == replace(link, click_count=9 + 99)


def test_given_another_link_of_the_code_when_late_clicks_come_then_it_gets_none(store, put, rows):
    link = put(click_count=9)

    assert store.add_clicks(link.short_code, "2026-11-22T10:29:59Z", ids(2)) == (0, 2)
    assert stored(rows, link) == link


def test_given_added_clicks_when_their_link_is_no_more_then_they_are_not_lost(store, put, rows):
    link, clicks = put(), ids(2)
    store.add_clicks(link.short_code, link.created_at, clicks)
    rows.delete(link)

    assert store.add_clicks(link.short_code, link.created_at, clicks | ids(1)) == (0, 1)
    assert stored(rows, link) is None


# find_live


def test_given_links_to_one_destination_when_looked_for_then_the_oldest_is_found(store, put):
    kind = a_link().kind
    put(kind=kind, status=DISABLED, created_at="2026-01-03T00:00:00Z")
    put(kind=kind, created_at="2026-01-05T00:00:00Z")
    oldest = put(kind=kind, created_at="2026-01-04T00:00:00Z")
    temporary = put(kind=kind._replace(redirect_type="302"), created_at="2026-01-01T00:00:00Z")
    expiring = put(kind=kind._replace(ttl_hours=5), expires_at=NOW + 5, created_at="2026-01-02T00:00:00Z")

    for link in (oldest, temporary, expiring):
        assert store.find_live(link.kind, NOW) == link.short_code
    assert store.find_live(kind._replace(ttl_hours=6), NOW) is None
    assert store.find_live(expiring.kind, NOW + 5) is None
    assert store.find_live(a_link().kind, NOW) is None


# renew


def test_given_a_link_that_expires_sooner_when_renewed_then_it_lives_longer(store, put, rows):
    link = put(kind=a_day(), expires_at=NOW + 1, click_count=3)

    renewed = store.renew(link.short_code, link.kind, NOW)

    assert renewed == stored(rows, link) == replace(link, expires_at=NOW + DAY)


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW + DAY},
        {"expires_at": NOW + DAY + 1},
        {"expires_at": NOW},
        {"expires_at": NOW - 1},
        {"status": DISABLED},
        {"kind": a_day(2)},
        {"kind": a_day()._replace(redirect_type="302")},
        {"kind": a_day()._replace(ttl_hours=25)},
        {"kind": a_day()._replace(ttl_hours=None), "expires_at": None},
    ],
    ids=str,
)
def test_given_no_such_link_that_expires_sooner_when_renewed_then_it_stays(store, put, rows, changes):
    link = put(**{"kind": a_day(), "expires_at": NOW + 60} | changes)

    assert store.renew(link.short_code, a_day(), NOW) == link
    assert stored(rows, link) == link


# disable and enable


@pytest.mark.parametrize("expires_at", [None, NOW + DAY, NOW - 1], ids=["for ever", "expiring", "expired"])
def test_given_a_link_when_disabled_and_enabled_then_it_is_as_it_was(store, put, rows, expires_at):
    link = put(expires_at=expires_at, click_count=7, creator_ip="192.0.2.1", custom_code=True)
    code, disabled = link.short_code, replace(link, status=DISABLED)

    assert [store.disable(code), store.disable(code)] == [disabled, disabled]
    assert stored(rows, link) == disabled
    assert "collect_at" not in rows.item(code), "the table may remove it, and with it the ban"
    assert store.claim(a_link(short_code=code), NOW) == HeldBy(disabled)
    assert store.count_click(code, NOW) == NotCounted(disabled)

    assert [store.enable(code), store.enable(code)] == [link, link]
    assert stored(rows, link) == link
    is_live = expires_at is None or expires_at > NOW
    assert isinstance(store.count_click(code, NOW), Counted if is_live else NotCounted)
    assert link.status == ACTIVE
