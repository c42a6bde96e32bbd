"""Two and three callers in every order of their calls, at every side of a link's expiry."""

from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Any

import pytest

from squrl.clicks import Click
from squrl.links import ACTIVE, DISABLED, Kind, Link, timestamp
from tests.interleavings.callers import Request, changer, collector, consumer, creator, visitors
from tests.interleavings.invariants import derived
from tests.interleavings.scheduler import Caller, World

EXPIRY = 1_800_000_000
ONE_DAY = Kind("https://example.com/", "301", 24)
FOREVER = Kind("https://example.com/", "301", None)
ANOTHER = Kind("https://other.example/", "302", 24)


def a_link(short_code: str, kind: Kind, **changes: Any) -> Link:
    """Return a link that expires at `EXPIRY`, if it ever does."""
    made = EXPIRY - 86_400
    return replace(Link(short_code, kind, timestamp(made), kind.expires_at(made), click_count=5), **changes)


def worlds(kind: Kind) -> dict[str, World]:
    """Return what there may be at the first codes of a kind, with a click on it in the queue."""
    first, second = derived(kind)[:2]
    rows = {
        "nothing": (),
        "its own": (a_link(first, kind),),
        "its own, disabled": (a_link(first, kind, status=DISABLED),),
        "its own, chosen": (a_link(first, kind, custom_code=True),),
        "another's": (a_link(first, ANOTHER, custom_code=True),),
        "another's, disabled": (a_link(first, ANOTHER, custom_code=True, status=DISABLED),),
        "another's before its own": (a_link(first, ANOTHER, custom_code=True), a_link(second, kind)),
        "its own disabled behind another's": (
            a_link(first, ANOTHER, custom_code=True),
            a_link(second, kind, status=DISABLED),
        ),
    }
    clicks = {
        name: tuple(Click(f"{number:032x}", row.short_code, row.created_at, EXPIRY - 9) for number, row in enumerate(r))
        for name, r in rows.items()
    }
    return {name: World.of(*rows[name], messages=clicks[name]) for name in rows}


def actors(kind: Kind, copy: int, clocks: tuple[int, ...] = (EXPIRY - 1, EXPIRY, EXPIRY + 1)) -> list[Caller]:
    """Return everybody, by every clock: all of them have an eye on the first code of one kind."""
    code = derived(kind)[0]
    timed = [
        caller
        for now in clocks
        for caller in (
            creator(f"creator {copy} at {now - EXPIRY:+}", kind, now),
            creator(f"creator {copy} at {now - EXPIRY:+} choosing", kind, now, code),
            creator(f"stranger {copy} at {now - EXPIRY:+} choosing", ANOTHER, now, code),
            visitors(f"visitor {copy} at {now - EXPIRY:+}", code, now),
        )
    ]
    return [
        *timed,
        *(
            visitors(f"throttled visitors {copy} from {now - EXPIRY:+}", code, now, now + 1, is_throttled=True)
            for now in clocks[:-1] or clocks
        ),
        *(collector(f"collector {copy} at {now - EXPIRY:+}", code, now) for now in clocks if now >= EXPIRY),
        *(changer(f"{status} {copy}", code, EXPIRY, status=status) for status in (ACTIVE, DISABLED)),
        consumer(f"consumer {copy}", EXPIRY),
    ]


def teams(size: int, kind: Kind, **options: Any) -> list[list[Caller]]:
    """Return every selection of so many actors; who is in it twice is like two.

    Of three, one asks for a link, and nobody else is in it twice.
    """
    copies = [actors(kind, copy, **options) for copy in range(1, size + 1)]
    found = []
    for numbers in combinations_with_replacement(range(len(copies[0])), size):
        others = [number for number in numbers if not isinstance(copies[0][number].about, Request)]
        if size < 3 or (len(others) < size and len(others) == len(set(others))):
            found.append([copy[number] for copy, number in zip(copies, numbers, strict=True)])
    return found


KINDS = pytest.mark.parametrize("kind", [ONE_DAY, FOREVER], ids=["one day", "forever"])
WORLDS = pytest.mark.parametrize("name", worlds(ONE_DAY))


# One clock less for links that never expire: it matters to the links in their way alone.
@pytest.fixture(scope="module")
def pairs():
    return {ONE_DAY: teams(2, ONE_DAY), FOREVER: teams(2, FOREVER, clocks=(EXPIRY - 1, EXPIRY))}


@pytest.fixture(scope="module")
def triples():
    return {ONE_DAY: teams(3, ONE_DAY, clocks=(EXPIRY - 1, EXPIRY)), FOREVER: teams(3, FOREVER, clocks=(EXPIRY,))}


@WORLDS
@KINDS
def test_given_any_two_callers_in_any_order_with_one_fault_then_every_rule_holds(go_through, pairs, kind, name):
    assert go_through(worlds(kind)[name], pairs[kind], faults=1) > 1000


@WORLDS
@KINDS
def test_given_any_three_callers_in_any_order_then_every_rule_holds(go_through, triples, kind, name):
    assert go_through(worlds(kind)[name], triples[kind]) > 500


def test_given_a_link_disabled_twice_and_enabled_in_any_order_then_every_rule_holds(go_through):
    code = derived(ONE_DAY)[0]
    managers = [
        changer(f"{number}", code, EXPIRY, status=each) for number, each in enumerate((DISABLED, ACTIVE, DISABLED))
    ]

    assert go_through(worlds(ONE_DAY)["its own"], [[creator("creator", ONE_DAY, EXPIRY - 1), *managers]]) > 1000
