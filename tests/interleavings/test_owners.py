"""Owners' links: made, found, changed, deleted and released, in every order, by their owners, by admins and by others."""

from collections import Counter
from dataclasses import replace
from itertools import combinations, combinations_with_replacement

import pytest

from squrl.clicks import Click
from squrl.errors import PreconditionFailed
from squrl.keys import Identity, Role
from squrl.links import ACTIVE, DELETED, DISABLED, Link, timestamp
from squrl.manage import Changed
from squrl.ports import Unavailable
from squrl.shorten import Shortened
from tests.interleavings.callers import (
    Request,
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
from tests.interleavings.scheduler import Caller, World, in_order, orders
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
        creator(f"moving creator {copy}", OURS._replace(redirect_type="302"), EXPIRY, code),
        creator(f"another owner {copy}", THEIRS, LIVE, code),
        creator(f"somebody {copy}", ANOTHER, LIVE, code),
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
        collector(f"early collector {copy}", code, EXPIRY + FIGURES_KEPT - 1),
        collector(f"collector {copy}", code, EXPIRY + FIGURES_KEPT),
    ]


def everybody(kind, code, copy):
    return [*creators(kind, code, copy), *managers(code, copy), *others(code, copy)]


def focus(world, kind):
    return next(iter(world.links), derived(kind)[0])


KINDS = pytest.mark.parametrize("kind", [OURS, OURS_FOREVER], ids=["one day", "forever"])
WORLDS = pytest.mark.parametrize("name", worlds(OURS))


@WORLDS
@KINDS
def test_given_any_two_with_owners_in_any_order_with_one_fault_then_every_rule_holds(go_through, kind, name):
    world = worlds(kind)[name]
    first, second = (everybody(kind, focus(world, kind), copy) for copy in (1, 2))
    teams = [[first[one], second[other]] for one, other in combinations_with_replacement(range(len(first)), 2)]

    assert go_through(world, teams, faults=1) > 1000
