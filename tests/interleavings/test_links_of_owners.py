"""Owners' links: made, found, changed, deleted and released, in every order, by their owners and by others."""

from collections import Counter
from itertools import combinations, combinations_with_replacement
from typing import Any

import pytest

from squrl.clicks import Click
from squrl.errors import PreconditionFailed
from squrl.keys import Identity, Role
from squrl.links import ACTIVE, DELETED, DISABLED, Link, timestamp
from squrl.manage import Changed
from squrl.ports import Unavailable
from squrl.shorten import Shortened
from tests.interleavings.callers import (
    bulk,
    changer,
    collector,
    consumer,
    creator,
    deleter,
    releaser,
    visitors,
)
from tests.interleavings.invariants import FIGURES_KEPT, check_order, derived
from tests.interleavings.scheduler import World, in_order, orders
from tests.interleavings.test_interleavings import ANOTHER, EXPIRY, FOREVER, ONE_DAY, a_link

US, THEM = Identity(Role.WRITE, "us"), Identity(Role.WRITE, "them")
OURS, OURS_FOREVER, THEIRS = (
    kind._replace(owner=owner) for kind, owner in ((ONE_DAY, "us"), (FOREVER, "us"), (ANOTHER, "them"))
)
LIVE = EXPIRY - 1
ELSEWHERE = "elsewhere"


def worlds(kind):
    """Return what there may be at the first code of an owner's kind, or elsewhere, with a click on it in the queue."""
    code = derived(kind)[0]
    gone = kind._replace(original_url="")
    rows = {
        "nothing": (),
        "its own": (a_link(code, kind),),
        "its own, chosen": (a_link(code, kind, custom_code=True, title="old"),),
        "its own, elsewhere": (a_link(ELSEWHERE, kind, custom_code=True),),
        "its own, of this second": (a_link(code, kind, created_at=timestamp(LIVE), custom_code=True, click_count=0),),
        "its own, disabled": (a_link(code, kind, status=DISABLED),),
        "its own, locked": (a_link(code, kind, status=DISABLED, locked=True),),
        "its own, deleted": (a_link(code, gone, status=DELETED),),
        "its own, locked and deleted": (a_link(code, gone, status=DELETED, locked=True),),
        "theirs": (a_link(code, THEIRS, custom_code=True),),
        "nobody's": (a_link(code, ANOTHER, custom_code=True),),
    }
    return {
        name: World.of(*each, messages=tuple(Click("0" * 32, row.short_code, row.created_at, LIVE) for row in each))
        for name, each in rows.items()
    }


def creators(kind, code, copy):
    """Return who wants a link of an owner, or its code."""
    return [
        creator(f"creator {copy} before", kind, LIVE),
        creator(f"creator {copy} after", kind, EXPIRY),
        creator(f"titling creator {copy}", kind, LIVE, title="new"),
        creator(f"choosing creator {copy} before", kind, LIVE, code),
        creator(f"choosing creator {copy} after", kind, EXPIRY, code),
        creator(f"another owner {copy}", THEIRS, LIVE, code),
    ]


def managers(code, copy):
    """Return who changes, deletes and releases what has a code: each kind of change, by owner, admin and stranger."""
    return [
        changer(f"title {copy}", code, LIVE, US, title=f"by {copy}"),
        changer(f"title and tags {copy}", code, LIVE, US, title="old", tags=[f"by-{copy}"]),
        changer(f"title by revision {copy}", code, LIVE, US, revision=1, title=f"by revision {copy}"),
        changer(f"destination {copy}", code, LIVE, US, original_url=f"https://{copy}.example/", redirect_type="302"),
        changer(f"shorter {copy}", code, LIVE, US, ttl_hours=copy),
        changer(f"for ever {copy}", code, LIVE, US, ttl_hours=None),
        changer(f"disabling {copy}", code, LIVE, US, status=DISABLED),
        changer(f"enabling {copy}", code, LIVE, US, status=ACTIVE),
        changer(f"locking {copy}", code, LIVE, status=DISABLED),
        changer(f"unlocking {copy}", code, LIVE, status=ACTIVE),
        changer(f"leading elsewhere {copy}", code, LIVE, original_url=f"https://{copy}.example/"),
        changer(f"stranger {copy}", code, LIVE, THEM, title="stolen"),
        deleter(f"deleting {copy}", code, US),
        releaser(f"releasing {copy}", code),
    ]


def others(code, copy):
    """Return who counts clicks and collects rows."""
    return [
        visitors(f"visitor {copy}", code, LIVE),
        visitors(f"throttled visitors {copy}", code, LIVE, EXPIRY, is_throttled=True),
        consumer(f"consumer {copy}", EXPIRY),
        collector(f"collector {copy}", code, EXPIRY + FIGURES_KEPT - 1, EXPIRY + FIGURES_KEPT),
    ]


def everybody(kind, code, copy):
    return [*creators(kind, code, copy), *managers(code, copy), *others(code, copy)]


def focus(world, kind):
    """Return the code that all have an eye on."""
    return next(iter(world.links), derived(kind)[0])


def pairs(world, kind):
    """Return everybody with everybody, two of a kind among them; who only counts and collects not with their like."""
    code = focus(world, kind)
    first, second = (everybody(kind, code, copy) for copy in (1, 2))
    acting = len(first) - len(others(code, 1))
    numbers = combinations_with_replacement(range(len(first)), 2)
    return [[first[one], second[other]] for one, other in numbers if one < acting]


@pytest.mark.parametrize("name", worlds(OURS))
def test_given_any_two_with_owners_in_any_order_with_a_fault_then_every_rule_holds(go_through, name):
    world = worlds(OURS)[name]

    assert go_through(world, pairs(world, OURS), faults=1) > 1000


@pytest.mark.parametrize("name", worlds(OURS))
def test_given_links_without_end_and_any_two_in_any_order_then_every_rule_holds(go_through, name):
    world = worlds(OURS_FOREVER)[name]

    assert go_through(world, pairs(world, OURS_FOREVER)) > 500


@pytest.mark.parametrize("name", ["nothing", "its own, chosen", "its own, locked"])
def test_given_any_three_with_owners_in_any_order_then_every_rule_holds(go_through, name):
    world = worlds(OURS)[name]
    code = focus(world, OURS)
    everyone = [
        creator("creator", OURS, LIVE),
        creator("another owner", THEIRS, LIVE, code),
        changer("title and tags", code, LIVE, US, title="old", tags=["new"]),
        changer("by revision", code, LIVE, US, revision=1, original_url="https://new.example/"),
        changer("for ever", code, LIVE, US, ttl_hours=None),
        changer("enabling", code, LIVE, US, status=ACTIVE),
        changer("locking", code, LIVE, status=DISABLED),
        deleter("deleting", code, US),
        releaser("releasing", code),
        visitors("visitor", code, LIVE),
    ]

    assert go_through(world, combinations(everyone, 3)) > 1000


def test_given_a_bulk_and_another_in_any_order_then_every_entry_is_told_the_truth(go_through):
    code, second = derived(OURS)[0], a_link("second", OURS_FOREVER, custom_code=True)
    world = World.of(a_link(code, OURS), second)
    bulks = [
        bulk("changing", *(changer(each, each, LIVE, US, title="T", ttl_hours=3) for each in (code, "second"))),
        bulk("creating", creator("one", OURS, LIVE), creator("other", OURS._replace(ttl_hours=1), LIVE)),
    ]
    teams = [[each, another] for each in bulks for another in managers(code, 1)[::3]]

    assert go_through(world, [*teams, bulks], faults=1) > 1000


def test_given_two_changes_of_different_fields_in_any_order_then_both_hold():
    link = a_link("abc", OURS)
    changes: dict[str, Any] = {
        "title": "T",
        "tags": ["t"],
        "original_url": "https://new.example/",
        "ttl_hours": 9,
        "status": DISABLED,
    }

    for one, other in combinations(changes, 2):
        first, second = (changer(name, "abc", LIVE, US, **{name: changes[name]}) for name in (one, other))
        alone = in_order(World.of(link), *[first] * 2, *[second] * 2).last
        for order in orders(World.of(link), [first, second]):
            assert order.last == alone
            assert order.last.links["abc"].revision == 3


def test_given_one_revision_for_two_changes_in_any_order_then_one_of_them_wins():
    world = World.of(a_link("abc", OURS))
    rivals = [changer(f"rival {number}", "abc", LIVE, US, revision=1, title=f"T{number}") for number in (1, 2)]
    told = Counter(
        tuple(sorted(type(outcome).__name__ for outcome in order.outcomes.values())) for order in orders(world, rivals)
    )

    assert told.keys() == {(Changed.__name__, PreconditionFailed.__name__)}
    assert told.total() > 5


def test_given_a_change_whose_answer_was_lost_when_sent_again_then_it_is_made_once():
    world = World.of(a_link("abc", OURS))
    change, again = (changer(name, "abc", LIVE, US, title="T", tags=["t"]) for name in ("first", "again"))
    lost = [order for order in orders(world, [change], faults=1) if order.last is not world and order.has_fault]

    for order in lost:
        assert isinstance(order.outcomes[change], Unavailable)
        after = in_order(order.last, again)
        assert after.last is order.last
        assert after.outcomes[again].after.revision == 2
    assert lost


def test_given_a_released_code_that_another_took_then_no_late_manager_harms_it():
    wishes: list[dict[str, Any]] = [{"title": "T"}, {"status": DISABLED}]
    world = World.of(a_link("abc", OURS, created_at=timestamp(LIVE)))
    taker = creator("taker", THEIRS, LIVE, "abc")
    late = [
        releaser("late release", "abc"),
        deleter("late deletion", "abc", US),
        *(changer(f"late {fields}", "abc", LIVE, US, **fields) for fields in wishes),
    ]
    for manager in late:
        first = releaser("release", "abc")

        order = in_order(world, manager, first, first, taker, manager, *([manager] if manager is not late[0] else []))

        check_order(order)
        assert (
            order.last.links["abc"]
            == order.outcomes[taker].link
            == Link("abc", THEIRS, timestamp(LIVE), THEIRS.expires_at(LIVE), custom_code=True)
        )


def test_given_an_owners_link_elsewhere_when_two_ask_in_any_order_then_both_get_it():
    link = a_link(ELSEWHERE, OURS, custom_code=True)
    askers = [creator(f"asker {number}", OURS, LIVE) for number in (1, 2)]

    for order in orders(World.of(link), askers):
        assert {outcome.link.short_code for outcome in order.outcomes.values()} == {ELSEWHERE}


def test_given_two_owners_when_they_ask_in_any_order_then_each_has_its_own_link():
    askers = [creator(f"{owner} {n}", OURS._replace(owner=owner), LIVE) for owner in ("us", "them") for n in (1, 2)]
    number = 0

    for order in orders(World.of(), askers[:3]):
        check_order(order)
        number += 1
        assert Counter(link.kind.owner for link in order.last.links.values()) == {"us": 1, "them": 1}
        assert all(isinstance(outcome, Shortened) for outcome in order.outcomes.values())
    assert number > 100
