"""One suite for both stores: the in-memory fake of the unit tests, and the table in AWS's own engine."""

import itertools
from dataclasses import replace

import pytest

from squrl.links import DISABLED, Kind, Link
from tests.support.fakes import FakeLinkStore

NOW = 1_800_000_000
_NUMBERS = itertools.count()


@pytest.fixture(params=["fake", "DynamoDB"])
def store(request):
    return FakeLinkStore() if request.param == "fake" else request.getfixturevalue("dynamodb_store")


@pytest.fixture
def put(request, store):
    """Write a row as it is, whatever stands there, as an operator might."""
    if isinstance(store, FakeLinkStore):
        return lambda link: store.links.__setitem__(link.short_code, link)
    return request.getfixturevalue("put_row")


@pytest.fixture
def delete(request, store):
    if isinstance(store, FakeLinkStore):
        return lambda link: store.links.pop(link.short_code)
    return request.getfixturevalue("delete_row")


def a_link(**changes: object) -> Link:
    """Return a link with a code and a destination that no other test has: the table is shared."""
    number = next(_NUMBERS)
    kind = Kind(f"https://example.com/{number}", "301", None)
    return replace(Link(f"code-{number}", kind, "2026-11-22T10:30:00Z", None), **changes)  # type: ignore[arg-type]


def with_lifetime(link: Link, expires_at: int, hours: int = 24) -> Link:
    return replace(link, kind=link.kind._replace(ttl_hours=hours), expires_at=expires_at)


# get and claim


def test_given_nothing_when_got_then_there_is_nothing(store):
    assert store.get("no-such-code") is None


@pytest.mark.parametrize(
    "changes",
    [{}, {"custom_code": True}, {"creator_ip": "2001:db8::1"}, {"click_count": 7}],
    ids=["plain", "custom", "with creator", "with clicks"],
)
def test_given_a_free_code_when_claimed_then_the_link_is_there_as_it_was_given(store, changes):
    link = a_link(**changes)

    holder = store.claim(link, NOW)

    assert holder is None
    assert store.get(link.short_code) == link


def test_given_a_destination_of_full_length_beyond_ascii_when_claimed_then_it_comes_back_whole(store):
    link = a_link()
    url = f"{link.kind.original_url}?"
    link = replace(link, kind=Kind(url + "ä" * ((2048 - len(url)) // 2), "302", 87_600), expires_at=NOW + 1)

    store.claim(link, NOW)

    assert store.get(link.short_code) == link
    assert store.find_live(link.kind, NOW) == link.short_code


@pytest.mark.parametrize("expires_at", [None, NOW + 1])
def test_given_a_live_link_when_its_code_is_claimed_then_the_holder_is_returned_and_stays(store, put, expires_at):
    holder = a_link(expires_at=expires_at, click_count=5)
    put(holder)

    found = store.claim(replace(a_link(), short_code=holder.short_code), NOW)

    assert found == holder
    assert store.get(holder.short_code) == holder


@pytest.mark.parametrize("expires_at", [NOW, NOW - 1, 0])
def test_given_an_expired_link_when_its_code_is_claimed_then_it_gives_way_with_its_clicks(store, put, expires_at):
    expired = with_lifetime(a_link(click_count=5), expires_at)
    put(expired)
    link = replace(a_link(), short_code=expired.short_code)

    holder = store.claim(link, NOW)

    assert holder is None
    assert store.get(link.short_code) == link


@pytest.mark.parametrize("expires_at", [None, NOW - 1])
def test_given_a_disabled_link_when_its_code_is_claimed_then_it_stays_even_if_its_time_has_passed(
    store, put, expires_at
):
    disabled = a_link(status=DISABLED, expires_at=expires_at)
    put(disabled)

    holder = store.claim(replace(a_link(), short_code=disabled.short_code), NOW)

    assert holder == disabled
    assert store.get(disabled.short_code) == disabled


# count_click


@pytest.mark.parametrize("expires_at", [None, NOW + 1])
def test_given_a_live_link_when_clicked_then_each_click_is_added_and_the_link_returned(store, put, expires_at):
    link = a_link(expires_at=expires_at, click_count=9)
    put(link)

    clicked = [store.count_click(link.short_code, NOW) for _ in range(3)]

    assert clicked == [replace(link, click_count=count) for count in (10, 11, 12)]
    assert store.get(link.short_code) == clicked[-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW},
        {"expires_at": NOW - 10**6},
        {"status": DISABLED},
        {"status": DISABLED, "expires_at": NOW + 9},
    ],
)
def test_given_a_link_that_is_not_live_when_clicked_then_it_is_returned_uncounted(store, put, changes):
    link = a_link(**changes)
    put(link)

    clicked = store.count_click(link.short_code, NOW)

    assert clicked == link
    assert store.get(link.short_code) == link


def test_given_no_link_when_clicked_then_none_is_made(store):
    assert store.count_click("never-made", NOW) is None
    assert store.get("never-made") is None


# add_clicks


def ids(count: int) -> dict[str, int]:
    return {f"{next(_NUMBERS):032x}": NOW for _ in range(count)}


@pytest.mark.parametrize(
    "changes", [{}, {"status": DISABLED}, {"expires_at": NOW - 1}], ids=["live", "disabled", "expired"]
)
def test_given_late_clicks_when_added_then_each_is_added_once_however_often_it_comes(store, put, changes):
    link = a_link(click_count=9, **changes)
    put(link)
    first, second = ids(3), ids(99 - 3)

    results = [
        store.add_clicks(link.short_code, link.created_at, clicks)
        for clicks in (first, first, first | second, dict(reversed(second.items())), {})
    ]

    assert results == [(3, 0), (0, 0), (96, 0), (0, 0), (0, 0)]
    assert store.get(link.short_code) == replace(link, click_count=9 + 99)


def test_given_another_links_row_when_late_clicks_are_added_then_its_owner_gets_none(store, put):
    link = a_link(click_count=9)
    put(link)

    result = store.add_clicks(link.short_code, "2026-11-22T10:29:59Z", ids(2))

    assert result == (0, 2)
    assert store.get(link.short_code) == link


def test_given_late_clicks_that_were_added_when_their_link_is_no_more_then_they_are_not_taken_for_lost(
    store, put, delete
):
    link, clicks = a_link(), ids(2)
    put(link)
    store.add_clicks(link.short_code, link.created_at, clicks)
    delete(link)

    result = store.add_clicks(link.short_code, link.created_at, clicks | ids(1))

    assert result == (0, 1)
    assert store.get(link.short_code) is None


# find_live


def test_given_links_to_one_destination_when_looked_for_then_the_oldest_live_one_of_the_kind_is_found(store, put):
    kind = a_link().kind
    rows = [
        a_link(kind=kind._replace(redirect_type="302"), created_at="2026-01-01T00:00:00Z"),
        a_link(kind=kind._replace(ttl_hours=5), expires_at=NOW + 5, created_at="2026-01-02T00:00:00Z"),
        a_link(kind=kind, status=DISABLED, created_at="2026-01-03T00:00:00Z"),
        a_link(kind=kind, created_at="2026-01-05T00:00:00Z"),
        a_link(kind=kind, created_at="2026-01-04T00:00:00Z"),
    ]
    for row in rows:
        put(row)

    assert store.find_live(kind, NOW) == rows[4].short_code
    assert store.find_live(kind._replace(redirect_type="302"), NOW) == rows[0].short_code
    assert store.find_live(kind._replace(ttl_hours=5), NOW) == rows[1].short_code
    assert store.find_live(kind._replace(ttl_hours=6), NOW) is None
    assert store.find_live(kind._replace(ttl_hours=5), NOW + 5) is None
    assert store.find_live(a_link().kind, NOW) is None


# renew


def test_given_a_link_that_expires_sooner_when_renewed_then_its_lifetime_is_extended_and_nothing_else(store, put):
    link = with_lifetime(a_link(click_count=3), NOW + 1)
    put(link)

    renewed = store.renew(link.short_code, link.kind, NOW)

    assert renewed == replace(link, expires_at=NOW + 24 * 3600)
    assert store.get(link.short_code) == renewed


@pytest.mark.parametrize("expires_at", [NOW + 24 * 3600, NOW + 24 * 3600 + 1])
def test_given_a_link_that_expires_later_when_renewed_then_it_is_returned_as_it_is(store, put, expires_at):
    link = with_lifetime(a_link(), expires_at)
    put(link)

    assert store.renew(link.short_code, link.kind, NOW) == link
    assert store.get(link.short_code) == link


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW},
        {"expires_at": NOW - 1},
        {"status": DISABLED, "expires_at": None},
        {"kind": Kind("https://other.example/", "301", 24)},
        {"kind": Kind("https://example.com/renewed", "302", 24)},
        {"kind": Kind("https://example.com/renewed", "301", 25)},
        {"kind": Kind("https://example.com/renewed", "301", None), "expires_at": None},
    ],
    ids=["expiring", "expired", "disabled", "destination", "redirect type", "lifetime", "forever"],
)
def test_given_a_link_that_is_no_longer_that_live_link_when_renewed_then_it_is_returned_unchanged(store, put, changes):
    kind = Kind("https://example.com/renewed", "301", 24)
    link = a_link(**({"kind": kind, "expires_at": NOW + 60} | changes))
    put(link)

    assert store.renew(link.short_code, kind, NOW) == link
    assert store.get(link.short_code) == link


def test_given_a_link_that_was_collected_when_renewed_then_it_is_not_brought_back(store, put, delete):
    link = with_lifetime(a_link(), NOW + 1)
    put(link)
    delete(link)

    assert store.renew(link.short_code, link.kind, NOW) is None
    assert store.get(link.short_code) is None
