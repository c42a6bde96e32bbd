"""One suite for each port's two sides: the in-memory fake of the unit tests, and the tables in AWS's own engine."""

import itertools
import time
from dataclasses import replace
from typing import Any

import pytest

from squrl import keys
from squrl.aws.durable_table import DurableTable
from squrl.aws.links_table import SECRET_ROW, from_item, to_item
from squrl.domains import DomainLists
from squrl.keys import Role
from squrl.links import DELETED, DISABLED, Kind, Link, timestamp
from squrl.ports import Claimed, Counted, HeldBy, NotCounted
from tests.support.fakes import FakeDurableTable, FakeLinkStore
from tests.support.tables import Tables

NOW = 1_800_000_000
DAY = 86_400
TODAY = NOW // DAY
_NUMBERS = itertools.count(time.time_ns() % 10**9)


class FakeTables:
    """What the tests use of `Tables`, over the fakes."""

    def __init__(self) -> None:
        self.store = FakeLinkStore()
        self.registry = FakeDurableTable()

    def put(self, *links: Link) -> None:
        for link in links:
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

    def put(kind: Kind | None = None, **changes: Any) -> Link:
        link = a_link(kind, **changes)
        rows.put(link)
        return link

    return put


def a_kind(ttl_hours: int | None = None, owner: str | None = "us") -> Kind:
    return Kind(f"https://example.com/contract/{next(_NUMBERS)}", "301", ttl_hours, owner)


def a_link(kind: Kind | None = None, **changes: Any) -> Link:
    return replace(Link(f"code-{next(_NUMBERS)}", kind or a_kind(), timestamp(NOW - 3600), None), **changes)


def a_day(number: int = 0) -> Kind:
    return Kind(f"https://example.com/lifetime/{number}", "301", 24)


def stored(rows: Tables | FakeTables, link: Link) -> Link | None:
    """Return the link that has this one's code now. When its row may go has to follow from what it is."""
    item: Any = rows.item(link.short_code)
    found = from_item(item)
    assert found is None or item.get("collect_at") == to_item(found).get("collect_at")
    return found


# get and claim


def test_given_nothing_when_got_then_there_is_nothing(store):
    assert store.get("no-such-code") is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": a_kind(owner=None)},
        {"custom_code": True},
        {"creator_ip": "2001:db8::1"},
        {"click_count": 7, "imported_clicks": 9},
        {"title": "Tä", "tags": frozenset({"a", "b"}), "locked": True, "revision": 3},
    ],
    ids=str,
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
def test_given_an_expired_link_when_claimed_then_only_its_own_kind_gets_the_code(store, put, rows, expires_at):
    expired = put(kind=a_day(), expires_at=expires_at, click_count=5)
    others = [a_link(), a_link(kind=a_day(1)), a_link(kind=a_day()._replace(ttl_hours=25))]
    again = replace(expired, created_at="2027-01-15T08:00:00Z", expires_at=NOW + DAY, click_count=0)

    for other in others:
        assert store.claim(replace(other, short_code=expired.short_code), NOW) == HeldBy(expired)
    assert store.claim(again, expires_at - 1) == HeldBy(expired)
    assert store.claim(again, NOW) == Claimed(again)
    assert stored(rows, again) == again


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


# count_click


@pytest.mark.parametrize("expires_at", [None, NOW + 1])
def test_given_a_live_link_when_clicked_then_each_click_is_counted(store, put, rows, expires_at):
    link = put(expires_at=expires_at, click_count=9)

    clicked = [store.count_click(link.short_code, NOW) for _ in range(3)]

    days = [{TODAY: count} for count in (1, 2, 3)]
    assert clicked == [Counted(replace(link, click_count=9 + at, days=day)) for at, day in enumerate(days, 1)]
    assert stored(rows, link) == clicked[-1].link


def test_given_clicks_of_many_days_when_counted_then_each_is_in_its_utc_day(store, put, rows):
    link = put()

    for now in (NOW, TODAY * DAY, TODAY * DAY - 1, TODAY * DAY - 1, NOW + 400 * DAY):
        store.count_click(link.short_code, now)

    days = {TODAY: 2, TODAY - 1: 2, TODAY + 400: 1}
    assert stored(rows, link) == replace(link, click_count=5, days=days)


def test_given_a_bot_when_it_clicks_then_the_day_has_people_alone(store, put, rows):
    link = put(click_count=9, days={TODAY: 4}, bot_click_count=5)

    clicked = store.count_click(link.short_code, NOW, is_bot=True)

    assert clicked == Counted(replace(link, click_count=10, bot_click_count=6))
    assert stored(rows, link) == clicked.link


def test_given_a_limit_when_it_is_reached_then_nobody_is_counted_any_more(store, put, rows):
    link = put(click_count=7, bot_click_count=6, max_clicks=3, click_limit=9)

    bot, *people = [
        store.count_click(link.short_code, NOW, is_bot=True),
        *(store.count_click(link.short_code, NOW) for _ in range(4)),
    ]

    used_up = replace(link, click_count=9, days={TODAY: 2})
    assert bot == NotCounted(link)
    assert [type(click) for click in people] == [Counted, Counted, NotCounted, NotCounted]
    assert people[-1].link == stored(rows, link) == used_up


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
    assert store.change(link, replace(link, title="New")) is None
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
    assert stored(rows, link) == replace(link, click_count=9 + 99, days={TODAY: 99})


def test_given_late_clicks_of_another_day_when_added_then_they_are_in_that_day(store, put, rows):
    link = put(click_count=1, days={TODAY: 1})
    clicks = dict.fromkeys(ids(2), NOW - 20 * DAY)

    assert store.add_clicks(link.short_code, link.created_at, clicks) == (2, 0)

    assert stored(rows, link) == replace(link, click_count=3, days={TODAY: 1, TODAY - 20: 2})


@pytest.mark.parametrize("limit", [{}, {"max_clicks": 5, "click_limit": 7}], ids=["no limit", "limit"])
def test_given_late_bots_when_added_then_they_use_no_limit_up(store, put, rows, limit):
    link = put(click_count=3, bot_click_count=2, **limit)
    clicks = ids(3)

    results = [store.add_clicks(link.short_code, link.created_at, clicks, are_bots=True) for _ in range(2)]

    assert results == [(3, 0), (0, 0)]
    grown = {"click_limit": 10} if limit else {}
    assert stored(rows, link) == replace(link, click_count=6, bot_click_count=5, **grown)


# move_days


def test_given_old_days_when_moved_then_row_and_past_together_have_what_they_had(store, put, rows):
    days = {TODAY - age: 1000 + age for age in range(131)}
    link = put(click_count=9, days=days)

    moved = [store.move_days(link, TODAY - 30), store.move_days(link, TODAY - 30)]

    left = {day: clicks for day, clicks in days.items() if day >= TODAY - 30}
    assert moved == [True, False]  # whoever comes second finds another row
    assert stored(rows, link) == replace(link, days=left, days_from=TODAY - 30)
    assert store.past_days(link) == {day: clicks for day, clicks in days.items() if day < TODAY - 30}


def test_given_hundreds_of_old_days_when_moved_then_the_oldest_hundred_are(store, put, rows):
    days = {TODAY - age: age for age in range(1, 231)}
    link = put(days=days)

    store.move_days(link, TODAY - 30)

    left: Any = stored(rows, link)
    assert (sorted(store.past_days(link)), left.days_from) == ([*range(TODAY - 230, TODAY - 130)], TODAY - 130)
    assert {**store.past_days(link), **left.days} == days


def test_given_days_that_were_moved_when_more_are_then_all_are_there(store, put, rows):
    link = put(days={TODAY - 40: 4, TODAY - 35: 3, TODAY: 1})

    store.move_days(link, TODAY - 38)
    store.move_days(stored(rows, link), TODAY - 30)

    assert stored(rows, link) == replace(link, days={TODAY: 1}, days_from=TODAY - 30)
    assert store.past_days(link) == {TODAY - 40: 4, TODAY - 35: 3}


@pytest.mark.parametrize(
    "meanwhile", [{"days": {TODAY - 40: 5}}, {"days": {}}, {"created_at": timestamp(NOW)}], ids=str
)
def test_given_another_row_when_days_are_moved_then_none_is(store, put, rows, meanwhile):
    link = put(days={TODAY - 40: 4})
    rows.put(replace(link, **meanwhile))

    assert not store.move_days(link, TODAY - 30)
    assert stored(rows, link) == replace(link, **meanwhile)
    assert store.past_days(link) == {}


def test_given_no_old_days_or_no_row_when_days_are_moved_then_nothing_is(store, put, rows):
    link = put(days={TODAY: 4})

    assert not store.move_days(link, TODAY - 30)
    assert stored(rows, link) == link
    rows.delete(link)
    assert not store.move_days(replace(link, days={TODAY - 40: 1}), TODAY - 30)
    assert stored(rows, link) is None


def test_given_moved_days_when_a_code_has_another_link_then_it_has_none_of_them(store, put, rows):
    link = put(days={TODAY - 40: 4})
    store.move_days(link, TODAY - 30)

    assert store.past_days(replace(link, created_at=timestamp(NOW))) == {}


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


# renew


def test_given_a_link_that_expires_sooner_when_renewed_then_it_lives_longer(store, put, rows):
    link = put(kind=a_day(), expires_at=NOW + 1, click_count=3)

    renewed = store.renew(link.short_code, link.kind, NOW)

    assert renewed == stored(rows, link) == replace(link, expires_at=NOW + DAY, revision=2)


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


@pytest.mark.parametrize("owner", ["us", None])
def test_given_another_owner_when_a_link_is_renewed_then_it_stays(store, put, rows, owner):
    link = put(a_kind(24, owner), expires_at=NOW + 9)

    store.renew(link.short_code, link.kind._replace(owner="them"), NOW)
    assert stored(rows, link) == link
    store.renew(link.short_code, link.kind, NOW)
    assert stored(rows, link) == replace(link, expires_at=NOW + 86_400, revision=2)


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


def test_given_a_limit_when_its_kind_is_sought_renewed_or_claimed_then_it_stays(store, put, rows):
    link = put(a_kind(24), expires_at=NOW + 9, max_clicks=5, click_limit=5)

    assert store.find(link.kind, NOW) is None
    assert store.renew(link.short_code, link.kind, NOW) == link
    rows.put(replace(link, expires_at=NOW - 1))
    assert isinstance(store.claim(a_link(link.kind, short_code=link.short_code), NOW), HeldBy)


@pytest.mark.parametrize("forwards", [False, True])
def test_given_two_that_differ_in_forwarding_when_asked_then_they_are_two_kinds(store, put, rows, forwards):
    link = put(a_kind(24)._replace(forward_query=forwards), expires_at=NOW + 9)
    other = link.kind._replace(forward_query=not forwards)

    assert (store.find(link.kind, NOW), store.find(other, NOW)) == (link.short_code, None)
    assert store.renew(link.short_code, other, NOW) == link
    assert store.renew(link.short_code, link.kind, NOW) == stored(rows, link) != link


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


@pytest.mark.parametrize("bots", [0, 4])
def test_given_bots_before_a_limit_when_it_is_set_then_people_alone_use_it_up(store, put, rows, bots):
    link = put(click_count=bots + 2, bot_click_count=bots, days={TODAY: 2})
    rows.put(replace(link, click_count=bots + 3, bot_click_count=bots + 1))  # one more, since the link was read

    limited = store.change(link, replace(link, max_clicks=5))
    raised = store.change(limited, replace(limited, max_clicks=9))
    freed = store.change(raised, replace(raised, max_clicks=None))

    assert (limited.max_clicks, limited.click_limit) == (5, bots + 1 + 5)
    assert (raised.max_clicks, raised.click_limit) == (9, bots + 1 + 9)
    assert freed == stored(rows, link)
    assert (freed.max_clicks, freed.click_limit) == (None, None)


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


def test_given_what_was_set_meanwhile_when_deleted_then_that_is_erased_too(store, put, rows):
    link = put()
    meanwhile: dict[str, Any] = {"title": "T", "tags": frozenset("t"), "creator_ip": "192.0.2.1", "kind": a_kind(24)}
    rows.put(replace(link, **meanwhile))

    deleted = store.change(link, replace(link, status=DELETED, kind=link.kind._replace(original_url="")))

    expected = replace(link, status=DELETED, kind=meanwhile["kind"]._replace(original_url=""), revision=2)
    assert deleted == stored(rows, link) == expected


@pytest.mark.parametrize("owner", ["us", None])
@pytest.mark.parametrize("expires_at", [None, NOW + DAY, NOW - 1], ids=["for ever", "expiring", "expired"])
def test_given_a_link_when_disabled_and_enabled_then_it_is_as_it_was(store, put, rows, expires_at, owner):
    link = put(a_kind(24, owner), expires_at=expires_at, click_count=7, creator_ip="192.0.2.1", custom_code=True)
    code = link.short_code

    disabled = store.change(link, replace(link, status=DISABLED))
    assert "collect_at" not in rows.item(code), "the table may remove it, and with it the ban"
    assert store.claim(a_link(short_code=code, custom_code=True), NOW) == HeldBy(disabled)
    assert store.count_click(code, NOW) == NotCounted(disabled)

    assert store.change(disabled, link) == stored(rows, link) == replace(link, revision=3)
    is_live = expires_at is None or expires_at > NOW
    assert isinstance(store.count_click(code, NOW), Counted if is_live else NotCounted)


def test_given_another_end_when_only_the_hours_differ_then_end_and_lifetime_agree(store, put, rows):
    link = put(a_kind(24), expires_at=NOW + 48 * 3600)
    forever = replace(link, kind=link.kind._replace(ttl_hours=None), expires_at=None)
    rows.put(forever)

    # 48 hours from now are when it ended anyway.
    assert store.change(link, replace(link, kind=link.kind._replace(ttl_hours=48))) is None
    assert stored(rows, link) == forever


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


# page and refreshed


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


# Keys and domain lists


@pytest.fixture
def registry(rows):
    """Return keys and domain lists, of which the latter are one row for all tests: it is empty before and after."""
    registry = rows.registry if isinstance(rows, FakeTables) else DurableTable(rows.service, rows.durable)
    yield registry
    registry.change_domain_lists(DomainLists(), registry.read_domain_lists())


@pytest.mark.parametrize("expires_at", [None, NOW])
@pytest.mark.parametrize("role", Role)
def test_given_a_key_when_added_then_it_is_found_as_it_was(registry, role, expires_at):
    key, text = keys.make("Ana's läptop", "marketing", role, NOW, expires_at)

    assert registry.add_key(key)

    assert registry.find_key(key.id) == key
    assert key in registry.list_keys()
    assert key.knows(text[12:], NOW - 1)


def test_given_an_id_that_is_taken_when_added_then_the_first_key_stays(registry):
    key, _ = keys.make("first", "a", Role.READ, NOW, None)
    other = replace(keys.make("second", "b", Role.ADMIN, NOW, None)[0], id=key.id)
    registry.add_key(key)

    assert not registry.add_key(other)
    assert registry.find_key(key.id) == key


def test_given_a_key_when_removed_twice_then_it_is_gone(registry):
    key, _ = keys.make("n", "a", Role.READ, NOW, None)
    registry.add_key(key)

    registry.remove_key(key.id)
    registry.remove_key(key.id)

    assert registry.find_key(key.id) is None
    assert key not in registry.list_keys()


def test_given_no_lists_when_read_then_they_are_empty(registry):
    assert registry.read_domain_lists() == DomainLists()


def test_given_entries_when_added_and_removed_then_the_lists_are_told(registry):
    first = DomainLists(frozenset({"a.example", "b.example"}), frozenset({"192.0.2.1"}))
    assert registry.change_domain_lists(first, DomainLists()) == first

    more = DomainLists(denied=frozenset({"c.example", "a.example"}))
    less = DomainLists(frozenset({"b.example", "never.there"}), frozenset({"192.0.2.1"}))
    expected = DomainLists(denied=frozenset({"a.example", "c.example"}))

    assert registry.change_domain_lists(more, less) == expected
    assert registry.read_domain_lists() == expected


def test_given_the_largest_change_when_made_then_it_fits_into_one_update(registry):
    names = [f"{number:03}." + "x" * 60 + ".example" for number in range(400)]
    add = DomainLists(frozenset(names[:100]), frozenset(names[100:200]))
    remove = DomainLists(frozenset(names[200:300]), frozenset(names[300:]))

    assert registry.change_domain_lists(add, remove) == add


def test_given_keys_and_lists_in_one_table_then_neither_disturbs_the_other(registry):
    key, _ = keys.make("n", "a", Role.READ, NOW, None)
    registry.add_key(key)
    registry.change_domain_lists(DomainLists(denied=frozenset({"a.example"})), DomainLists())

    assert all(isinstance(each, keys.Key) for each in registry.list_keys())
    assert registry.read_domain_lists() == DomainLists(denied=frozenset({"a.example"}))
