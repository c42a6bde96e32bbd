"""Every rule can be broken: a fault that is put into the store or a use case is found, by the rule that it breaks."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest

from squrl import codes, follow, late_clicks, manage, shorten
from squrl.errors import Gone, NotFound
from squrl.follow import Outcome, RecentLinks, Visitor
from squrl.links import ACTIVE, DAY, DELETED, DISABLED, Kind, Link
from squrl.ports import Claimed, Counted, HeldBy, LateClicks, NotCounted, StoreError, Throttled, Unavailable
from squrl.statistics import Statistics
from tests.interleavings import callers, test_days_and_limits, test_links_of_owners
from tests.interleavings.invariants import Violation, check, clicked, derived, empty_queue
from tests.interleavings.scheduler import Caller, World
from tests.interleavings.test_days_and_limits import CROWDED, DAYS, LIMITS, of_days, of_limits
from tests.interleavings.test_interleavings import EXPIRY, ONE_DAY, teams, worlds
from tests.interleavings.test_links_of_owners import OURS, pairs
from tests.support.fakes import FakeLinkStore

read = RecentLinks.read
count_click = FakeLinkStore.count_click
claim_code = shorten._claim  # noqa: SLF001 (to be wrapped)
count = follow._count  # noqa: SLF001
move = late_clicks._move  # noqa: SLF001
asked = shorten._asked  # noqa: SLF001
change_row = FakeLinkStore.change
write_changed = manage._write  # noqa: SLF001


def claims_if(is_free: Callable[[Link, Link, int], bool]) -> Any:
    def claim(store: FakeLinkStore, link: Link, now: int) -> Claimed | HeldBy:
        holder = store.links.get(link.short_code)
        if holder is not None and not is_free(holder, link, now):
            return HeldBy(holder)
        store.links[link.short_code] = link
        return Claimed(link)

    return claim


def claims_nothing(store: FakeLinkStore, link: Link, now: int) -> Claimed:
    store.links.setdefault(link.short_code, link)
    return Claimed(link)


def renews_if(is_renewable: Callable[[Link, int], bool], *, writes: bool = True, **changes: Any) -> Any:
    def renew(store: FakeLinkStore, short_code: str, kind: Kind, now: int) -> Link | None:
        link = store.links.get(short_code)
        if link is None or link.kind != kind or not is_renewable(link, now):
            return link
        renewed = replace(link, expires_at=kind.expires_at(now), revision=link.revision + 1, **changes)
        if writes:
            store.links[short_code] = renewed
        return renewed

    return renew


def counts_if(is_countable: Callable[[Link, bool], bool], count: Callable[[Link, int, bool], Link]) -> Any:
    def count_click(store: FakeLinkStore, short_code: str, now: int, *, is_bot: bool = False) -> Counted | NotCounted:
        link = store.links.get(short_code)
        if link is None or not is_countable(link, is_bot):
            return NotCounted(link)
        store.links[short_code] = count(link, now // DAY, is_bot)
        return Counted(store.links[short_code])

    return count_click


def as_it_should(link: Link, day: int, is_bot: bool) -> Link:
    return clicked(link, 1, None if is_bot else day)


def tells_what_it_does_not_count(
    store: FakeLinkStore, short_code: str, now: int, *, is_bot: bool = False
) -> Counted | NotCounted:
    link = store.links.get(short_code)
    return Counted(link) if link is not None and link.is_live(now) else NotCounted(link)


def adds_late(
    count: Callable[[Link, int, int | None], Link], *, remembers: bool = True, brings_back: bool = False
) -> Any:
    """Return how late clicks are added by `count`, which takes the link, how many there are, and their day."""

    def add_clicks(
        store: FakeLinkStore, short_code: str, created_at: str, clicks: Any, *, are_bots: bool = False
    ) -> LateClicks:
        missing = clicks.keys() - store.late_clicks
        link = store.links.get(short_code)
        if link is None and brings_back:
            link = Link(short_code, ONE_DAY, created_at, None)
        if link is None or link.created_at != created_at:
            return LateClicks(0, len(missing))
        if missing:
            day = min(clicks.values()) // DAY
            store.links[short_code] = count(link, len(missing), None if are_bots else day)
            store.late_clicks |= missing if remembers else set()
        return LateClicks(len(missing), 0)

    return add_clicks


def shares_if(is_shared: Callable[[Link, Link], bool], is_gone: Callable[[Link, Link], bool]) -> Any:
    def decide(holder: Link, link: Link) -> bool:
        if is_gone(holder, link):
            raise Gone("")
        return is_shared(holder, link)

    return decide


def counts_as_a_change(store: FakeLinkStore, short_code: str, now: int, **options: Any) -> Counted | NotCounted:
    counted = count_click(store, short_code, now, **options)
    if isinstance(counted, Counted):
        store.links[short_code] = replace(counted.link, revision=counted.link.revision + 1)
    return counted


def changes_if_same(*decisive: str) -> Any:
    """Return a change that writes what differs from what was read, where these fields are as they were."""

    def change(store: FakeLinkStore, before: Link, after: Link, *, exactly: bool = False) -> Link | None:
        row = store.links.get(before.short_code)
        if row is None or any(getattr(row, name) != getattr(before, name) for name in decisive):
            return None
        if exactly and row.revision != before.revision:
            return None
        names = (field.name for field in fields(Link) if getattr(after, field.name) != getattr(before, field.name))
        changes = {name: getattr(after, name) for name in names} | {"revision": row.revision + 1}
        store.links[row.short_code] = replace(row, **changes)
        return store.links[row.short_code]

    return change


def changes_any_revision(store: FakeLinkStore, before: Link, after: Link, *, exactly: bool = False) -> Link | None:
    return change_row(store, before, after)


def changes_nothing(store: FakeLinkStore, before: Link, after: Link, *, exactly: bool = False) -> Link | None:
    row = store.links.get(before.short_code)
    changed = change_row(store, before, after, exactly=exactly)
    store.links |= {row.short_code: row} if row else {}
    return changed


def releases_whatever_is_there(store: FakeLinkStore, link: Link) -> bool:
    return store.links.pop(link.short_code, link) is not None


def sees_everything(short_code: str, identity: Any, store: Any) -> Link:
    link: Link | None = store.get(short_code)
    if link is None:
        raise NotFound("")
    return link


def sees_nothing(short_code: str, identity: Any, store: Any) -> Link:
    store.get(short_code)
    raise NotFound("")


def writes_again(*args: Any, **options: Any) -> Any:
    try:
        return write_changed(*args, **options)
    except Unavailable:
        return write_changed(*args, **options)


def writes_and_complains(*args: Any, **options: Any) -> Any:
    write_changed(*args, **options)
    raise Throttled


def asks_nobody(
    short_code: str, request: Any, identity: Any, now: int, ports: Any, _rules: Any, revisions: Any = None
) -> Any:
    def changed(link: Link) -> Link:
        return manage._applied(link, request, request.original_url, identity, now)  # noqa: SLF001

    return write_changed(short_code, identity, ports.store, changed, revisions)


def titles_and_more(link: Link, asked: Link, store: Any) -> Link:
    return store.change(link, replace(link, title=asked.title, tags=frozenset("x"))) or link


def is_same(holder: Link, link: Link) -> bool:
    return holder.kind == link.kind and (not holder.custom_code or link.custom_code)


def is_own_and_disabled(holder: Link, link: Link) -> bool:
    return is_same(holder, link) and holder.status == DISABLED


def repeats_a_click(
    short_code: str, now: int, ports: follow.Ports, *, is_bot: bool
) -> tuple[Link | None, Outcome, StoreError | None]:
    try:
        counted = ports.store.count_click(short_code, now, is_bot=is_bot)
    except Unavailable:
        return count(short_code, now, ports, is_bot=is_bot)
    return counted.link, Outcome.COUNTED if isinstance(counted, Counted) else Outcome.NONE, None


def remembers(change: Callable[[Link], Link | None]) -> Any:
    def remember(recent: RecentLinks, short_code: str, store: Any, now: int) -> Link | None:
        link = read(recent, short_code, store, now)
        return link and change(link)

    return remember


def does_not_read(recent: RecentLinks, short_code: str, store: Any, now: int) -> None:
    raise Unavailable


FAULTS: list[tuple[str, Any, str, Any]] = [
    # The store's
    (
        "nobody inherits a code before it is collected",
        FakeLinkStore,
        "claim",
        claims_if(lambda holder, _, now: holder.status == ACTIVE and not holder.is_live(now)),
    ),
    (
        "only an expired link is claimed, or its owner's deleted one",
        FakeLinkStore,
        "claim",
        claims_if(lambda holder, link, now: holder.kind == link.kind and not holder.is_live(now)),
    ),
    ("a link is new to one creator", FakeLinkStore, "claim", claims_nothing),
    ("nothing is shortened", FakeLinkStore, "renew", renews_if(Link.is_live)),
    ("nothing that is disabled is renewed", FakeLinkStore, "renew", renews_if(lambda link, _: True)),
    (
        "only a change changes what a link is",
        FakeLinkStore,
        "renew",
        renews_if(lambda link, _: link.status == DISABLED, status=ACTIVE),
    ),
    (
        "a creator is told of a link as it was while the request ran",
        FakeLinkStore,
        "renew",
        renews_if(Link.is_live, writes=False),
    ),
    (
        "only what is due is collected, and nothing disabled or deleted",
        Link,
        "collect_at",
        property(lambda link: link.expires_at),
    ),
    (
        "a click is counted once, on a live link",
        FakeLinkStore,
        "count_click",
        counts_if(lambda link, is_bot: True, as_it_should),
    ),
    ("what is told to be counted is counted", FakeLinkStore, "count_click", tells_what_it_does_not_count),
    (
        "a late click is counted once, and for its own link and day",
        FakeLinkStore,
        "add_clicks",
        adds_late(clicked, remembers=False),
    ),
    (
        "what isn't there comes by a claim alone, with no clicks",
        FakeLinkStore,
        "add_clicks",
        adds_late(clicked, brings_back=True),
    ),
    (
        "a click in the queue is counted once, however often it comes",
        FakeLinkStore,
        "add_clicks",
        lambda store, short_code, created_at, clicks, are_bots: LateClicks(0, len(clicks)),
    ),
    ("what is told to be queued is in the queue", World, "_send", lambda world, click: (True, world)),
    # Shortening's
    ("a creator gets a live link of its kind", shorten, "_is_shared", lambda holder, link: True),
    (
        "who asks for no code gets none that a stranger chose",
        shorten,
        "_is_shared",
        shares_if(lambda holder, link: holder.kind == link.kind, is_own_and_disabled),
    ),
    (
        "what is disabled is not made again",
        shorten,
        "_is_shared",
        lambda holder, link: is_same(holder, link) and holder.status == ACTIVE,
    ),
    (
        "a creator is told that its link is disabled only if it is",
        shorten,
        "_is_shared",
        shares_if(is_same, lambda holder, link: holder.status == DISABLED),
    ),
    (
        "a creator is told that its code is taken only if it is",
        shorten,
        "_is_shared",
        shares_if(lambda holder, link: is_same(holder, link) and not link.custom_code, is_own_and_disabled),
    ),
    (
        "a request fails only if the store does",
        codes,
        "candidates",
        lambda kind, secret: derived(kind)[:1],
    ),
    ("identical requests share one link", codes, "candidates", lambda kind, secret: [codes.draw()]),
    (
        "who asks for a code gets that or none",
        shorten,
        "_claim",
        lambda link, store, now: claim_code(replace(link, short_code=link.short_code[::-1]), store, now),
    ),
    (
        "who claims a link is told so",
        shorten,
        "_claim",
        lambda link, store, now: (made := claim_code(link, store, now)) and made._replace(created=False),
    ),
    # Following's
    ("a visitor is sent away only if the store fails", RecentLinks, "read", does_not_read),
    (
        "a visitor is told that there is no link only if there is none",
        RecentLinks,
        "read",
        remembers(lambda link: None),
    ),
    (
        "a visitor is told that a link is gone only if it is",
        RecentLinks,
        "read",
        remembers(lambda link: replace(link, status=DISABLED)),
    ),
    (
        "no visitor is led to where the code doesn't lead",
        RecentLinks,
        "read",
        remembers(lambda link: replace(link, status=ACTIVE)),
    ),
    ("no click is counted twice or lost", follow, "_count", repeats_a_click),
]


# Those that only show where links have owners, or are managed; and in which world.
OF_OWNERS: list[tuple[str, str, Any, str, Any]] = [
    ("its own", "nothing deleted is changed, or brought back", FakeLinkStore, "change", changes_if_same()),
    (
        "its own, disabled",
        "what an admin disabled, an admin enables",
        FakeLinkStore,
        "change",
        changes_if_same("status"),
    ),
    (
        "its own, chosen",
        "a change changes what is asked for, and nothing else",
        FakeLinkStore,
        "change",
        changes_any_revision,
    ),
    ("its own", "a change is made to a revision that it names", FakeLinkStore, "change", changes_any_revision),
    ("its own", "who is told that it was done finds it done", FakeLinkStore, "change", changes_nothing),
    ("its own", "only the link that is meant is released", FakeLinkStore, "release", releases_whatever_is_there),
    (
        "its own",
        "only what is due is collected, and nothing disabled or deleted",
        Link,
        "collect_at",
        property(lambda link: link.expires_at if link.status == ACTIVE else None),
    ),
    ("its own", "a revision counts changes, and no clicks", FakeLinkStore, "count_click", counts_as_a_change),
    (
        "its own, locked and deleted",
        "only an expired link is claimed, or its owner's deleted one",
        FakeLinkStore,
        "claim",
        claims_if(lambda holder, link, _: holder.kind.owner == link.kind.owner and holder.status == DELETED),
    ),
    ("theirs", "nobody changes another owner's link", manage, "see", sees_everything),
    ("its own", "a manager is refused for a reason", manage, "see", sees_nothing),
    ("its own", "a change is made once", manage, "_write", writes_again),
    ("its own", "a change fails only if the store does", manage, "ROUNDS", 1),
    ("its own", "who is told that nothing was done did nothing", manage, "_write", writes_and_complains),
    ("nobody's", "an anonymous link leads where it led", manage, "change", asks_nobody),
    ("its own", "a request titles its own link alone", shorten, "_titled", titles_and_more),
    ("its own", "who asks for a title gets it", shorten, "_titled", lambda link, asked, store: link),
]


# Those that only show where days are old, or links have limits.


def adds_to_the_last_day(link: Link, clicks: int, day: int | None) -> Link:
    return clicked(link, clicks, day if day is None else max(link.days))


def counts_bots_as_people(link: Link, day: int, is_bot: bool) -> Link:
    return clicked(link, 1, day)


def moves(
    is_movable: Callable[[Link, Link], bool] = lambda row, link: row.days.items() >= link.days.items(),
    *,
    keeps: bool = False,
    loses: bool = False,
    forgets: bool = False,
) -> Any:
    """Return how days are moved that are as they were read, or without a look at that; and what is spoilt by it."""

    def move_days(store: FakeLinkStore, link: Link, before: int) -> bool:
        row = store.links.get(link.short_code)
        if row is None or row.created_at != link.created_at or not is_movable(row, link):
            return False
        own = link.short_code, link.created_at
        past = Counter(store.past.get(own, {}))
        past.update({} if loses else {day: clicks for day, clicks in link.days.items() if day < before})
        store.past = {own: past} if forgets else store.past | {own: past}
        days = {day: clicks for day, clicks in row.days.items() if keeps or day >= before}
        store.links[link.short_code] = replace(row, days=days, days_from=before)
        return True

    return move_days


def reads_all_of_the_past(short_code: str, identity: Any, store: Any) -> Statistics:
    link = store.get(short_code)
    days = Counter(store.past_days(link)) if link and link.days_from else Counter[int]()
    days.update(link.days if link else {})
    return Statistics(link, days)


def reads_the_past_first(short_code: str, identity: Any, store: Any) -> Statistics:
    past = Counter(store.past_days(store.get(short_code) or CROWDED))
    link = store.get(short_code)
    past.update(link.days if link else {})
    return Statistics(link, past)


def says_that_it_moved(old_days: Any, store: Any, now: int) -> bool:
    return move(old_days, store, now) or True


def tells_what_is_used_up(
    short_code: str, now: int, ports: follow.Ports, *, is_bot: bool
) -> tuple[Link | None, Outcome, StoreError | None]:
    link, outcome, failure = count(short_code, now, ports, is_bot=is_bot)
    is_used_up = link is not None and link.is_used_up and not is_bot
    return link, Outcome.COUNTED if is_used_up else outcome, failure


def tells_bots(short_code: str, now: int, ports: follow.Ports, visitor: Visitor) -> follow.Followed:
    return follow.follow(short_code, now, ports, visitor)._replace(is_withheld=False)


def claims_with_days(link: Link, store: Any, now: int) -> Any:
    return claim_code(replace(link, days={now // DAY: 1}), store, now)


def asks_without_limit(*args: Any) -> Link:
    return replace(asked(*args), click_limit=None)


OF_DAYS_AND_LIMITS: list[tuple[str, str, Any, str, Any]] = [
    (
        "many days",
        "a late click is counted once, and for its own link and day",
        FakeLinkStore,
        "add_clicks",
        adds_late(adds_to_the_last_day),
    ),
    (
        "many days",
        "a click is counted once, on a live link",
        FakeLinkStore,
        "count_click",
        counts_if(lambda link, is_bot: link.status == ACTIVE, counts_bots_as_people),
    ),
    (
        "many days",
        "all clicks are bots', or of a day, or were there before days were",
        shorten,
        "_claim",
        claims_with_days,
    ),
    (
        "too many days",
        "a day is in the row or in the past, and once",
        FakeLinkStore,
        "move_days",
        moves(lambda row, link: True),
    ),
    ("too many days", "a day is in the row or in the past, and once", FakeLinkStore, "move_days", moves(keeps=True)),
    ("too many days", "a day is in the row or in the past, and once", FakeLinkStore, "move_days", moves(loses=True)),
    ("too many days", "what was moved stays", FakeLinkStore, "move_days", moves(forgets=True)),
    ("too many days", "who says that days were moved has moved them", late_clicks, "_move", says_that_it_moved),
    (
        "too many days, and some were moved",
        "a reader is told of every day as it was, once",
        callers,
        "see_statistics",
        reads_all_of_the_past,
    ),
    (
        "too many days",
        "a reader is told of every day as it was, once",
        callers,
        "see_statistics",
        reads_the_past_first,
    ),
    (
        "one click left",
        "no more people are sent on than a limit lets through",
        FakeLinkStore,
        "count_click",
        counts_if(lambda link, is_bot: not is_bot, as_it_should),
    ),
    (
        "one click left",
        "no bot uses a limit up",
        FakeLinkStore,
        "count_click",
        counts_if(lambda link, is_bot: not link.is_used_up, as_it_should),
    ),
    (
        "one click left",
        "no more people are told where a link leads than its limit lets through",
        follow,
        "_count",
        tells_what_is_used_up,
    ),
    (
        "one click left",
        "who is sent on by a link with a limit is counted",
        follow,
        "_unless_sent_on",
        lambda link, now, is_bot: None,
    ),
    (
        "one click left",
        "bots don't learn where a link with a limit leads, and people do",
        callers,
        "follow",
        tells_bots,
    ),
    (
        "one click left",
        "a late click is counted once, and for its own link and day",
        FakeLinkStore,
        "add_clicks",
        adds_late(lambda link, clicks, day: replace(clicked(link, clicks, day), click_limit=link.click_limit)),
    ),
    (
        "one click left",
        "a link's limit is what its creator asked for",
        shorten,
        "_is_shared",
        lambda holder, link: holder.kind == link.kind,
    ),
    ("one click left", "a limit is for people, whatever bots came before", shorten, "_asked", asks_without_limit),
    ("no limit yet", "only clicks are counted", FakeLinkStore, "renew", renews_if(Link.is_live, click_count=0)),
    (
        "no limit yet",
        "a change changes what is asked for, and nothing else",
        FakeLinkStore,
        "change",
        changes_if_same(),
    ),
]


@pytest.fixture(autouse=True)
def _nothing_remembered():
    empty_queue.cache_clear()
    yield
    empty_queue.cache_clear()


def is_broken(rule: str, cases: Iterable[tuple[World, list[Caller]]]) -> bool:
    """Tell whether a rule is broken somewhere, before or after others are."""
    for world, team in cases:
        try:
            check(world, team, faults=1)
        except Violation as violation:
            if violation.rule == rule:
                return True
    return False


@pytest.mark.parametrize(("rule", "where", "name", "fault"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_given_a_fault_when_gone_through_then_its_rule_is_broken(monkeypatch, rule, where, name, fault):
    monkeypatch.setattr(where, name, fault)

    assert is_broken(rule, product(worlds(ONE_DAY).values(), teams(2, ONE_DAY, clocks=(EXPIRY - 1, EXPIRY))))


@pytest.mark.parametrize(("world", "rule", "where", "name", "fault"), OF_OWNERS, ids=[fault[1] for fault in OF_OWNERS])
def test_given_a_fault_in_managing_when_gone_through_then_its_rule_is_broken(
    monkeypatch, world, rule, where, name, fault
):
    monkeypatch.setattr(where, name, fault)
    world = test_links_of_owners.worlds(OURS)[world]

    assert is_broken(rule, ((world, team) for team in pairs(world, OURS)))


@pytest.mark.parametrize(
    ("world", "rule", "where", "name", "fault"), OF_DAYS_AND_LIMITS, ids=[fault[1] for fault in OF_DAYS_AND_LIMITS]
)
def test_given_a_fault_in_days_or_limits_when_gone_through_then_its_rule_is_broken(
    monkeypatch, world, rule, where, name, fault
):
    monkeypatch.setattr(where, name, fault)
    everybody = of_days if world in DAYS else of_limits
    world = (DAYS | LIMITS)[world]

    assert is_broken(rule, ((world, team) for team in test_days_and_limits.pairs(everybody)))
