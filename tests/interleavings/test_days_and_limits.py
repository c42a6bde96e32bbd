"""Days that leave their row, bots, and limits of clicks: in every order, with late clicks, changes and deletions."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, combinations_with_replacement

import pytest

from squrl.clicks import Click, OldDays
from squrl.follow import Visitor
from squrl.links import ACTIVE, DAY, DISABLED, KEPT_DAYS, MAX_DAYS, timestamp
from tests.interleavings.callers import (
    changer,
    collector,
    consumer,
    creator,
    deleter,
    mover,
    reader,
    releaser,
    visitors,
)
from tests.interleavings.invariants import FIGURES_KEPT
from tests.interleavings.scheduler import Caller, Order, World, in_order, orders
from tests.interleavings.test_interleavings import ANOTHER, EXPIRY, a_link
from tests.interleavings.test_links_of_owners import OURS

MIDNIGHT = EXPIRY // DAY * DAY  # the first second of a day
TODAY = MIDNIGHT // DAY
OLD = a_link(
    "old",
    OURS._replace(ttl_hours=None),
    # As many days as a row may have, of which five are old: whoever clicks next makes it one too many.
    days={TODAY - age: 2 for age in (*range(1, KEPT_DAYS + 1), *range(60, 60 + MAX_DAYS - KEPT_DAYS))},
    created_at=timestamp(MIDNIGHT - 100 * DAY),
    click_count=2 * MAX_DAYS + 3 + 1,  # three of bots, and one before days were counted
    bot_click_count=3,
)
OLD_DAYS = OldDays(OLD.short_code, OLD.created_at)
CROWDED = replace(OLD, days={**OLD.days, TODAY: 1}, click_count=OLD.click_count + 1)
# One click is left for people, of five.
LIMITED = a_link("few", OURS, click_count=7, bot_click_count=3, days={TODAY: 4}, max_clicks=5, click_limit=8)
UNLIMITED = replace(LIMITED, max_clicks=None, click_limit=None)


def late(link, *ages):
    """Return clicks of so many days ago that are still in the queue, the last of them a bot's."""
    last = len(ages) - 1
    return tuple(
        Click(f"{number:032x}", link.short_code, link.created_at, MIDNIGHT - age * DAY, number == last)
        for number, age in enumerate(ages)
    )


ANOTHERS_PAST = {(OLD.short_code, timestamp(MIDNIGHT - 300 * DAY)): {TODAY - 200: 7}}
DAYS = {
    "many days": World.of(OLD, messages=late(OLD, 28, 0), past=ANOTHERS_PAST),
    "too many days": World.of(CROWDED, messages=(OLD_DAYS, *late(OLD, 28, 0)[:1]), past=ANOTHERS_PAST),
    "too many days, and some were moved": World.of(
        replace(CROWDED, days_from=TODAY - 80, click_count=CROWDED.click_count + 7),
        messages=(OLD_DAYS, OLD_DAYS),
        past={(OLD.short_code, OLD.created_at): {TODAY - 90: 7}},
    ),
}
LIMITS = {
    "one click left": World.of(LIMITED, messages=late(LIMITED, 0, 0)),
    "no limit yet": World.of(UNLIMITED, messages=late(UNLIMITED, 0, 0)),
}


def of_days(copy: int) -> list[Caller]:
    """Return everybody who has to do with a link that has many days."""
    code = OLD.short_code
    return [
        mover(f"mover {copy}", CROWDED, MIDNIGHT),
        mover(f"mover {copy} of the next day", CROWDED, MIDNIGHT + DAY),
        consumer(f"consumer {copy}", MIDNIGHT),
        visitors(f"visitors {copy} about midnight", code, MIDNIGHT - 1, MIDNIGHT),
        visitors(f"visitor {copy} of the next day", code, MIDNIGHT + DAY),
        visitors(f"throttled visitor {copy}", code, MIDNIGHT, is_throttled=True),
        visitors(f"bot {copy}", code, MIDNIGHT, visitor=Visitor.BOT),
        reader(f"reader {copy}", code),
        changer(f"disabling {copy}", code, MIDNIGHT, status=DISABLED),
        changer(f"title {copy}", code, MIDNIGHT, title=f"by {copy}"),
        deleter(f"deleting {copy}", code),
        releaser(f"releasing {copy}", code),
        creator(f"another owner {copy}", ANOTHER._replace(owner="them"), MIDNIGHT, code),
    ]


def of_limits(copy: int) -> list[Caller]:
    """Return everybody who has to do with a link that has a limit, or gets one."""
    code, now = LIMITED.short_code, EXPIRY - 1
    people = [visitors(f"{count} people {copy}", code, *[now] * count) for count in (1, 2)]
    limits = [changer(f"limit {most} {copy}", code, now, max_clicks=most) for most in (4, 5, 7, None)]
    return [
        *people,
        visitors(f"bots {copy}", code, now, now, visitor=Visitor.BOT),
        visitors(f"onlooker {copy}", code, now, visitor=Visitor.ONLOOKER),
        visitors(f"throttled visitor {copy}", code, now, is_throttled=True),
        visitors(f"throttled bot {copy}", code, now, is_throttled=True, visitor=Visitor.BOT),
        visitors(f"late visitor {copy}", code, EXPIRY),
        *limits,
        consumer(f"consumer {copy}", EXPIRY),
        reader(f"reader {copy}", code),
        changer(f"{ACTIVE} {copy}", code, now, status=ACTIVE),
        changer(f"{DISABLED} {copy}", code, now, status=DISABLED),
        creator(f"choosing creator {copy}", OURS, now, code),
        creator(f"limiting creator {copy}", OURS, now, max_clicks=1),
        creator(f"choosing and limiting creator {copy}", OURS, EXPIRY, code, max_clicks=1),
        collector(f"collector {copy}", code, EXPIRY + FIGURES_KEPT),
    ]


def pairs(of: Callable[[int], list[Caller]]) -> list[list[Caller]]:
    """Return everybody with everybody, two of a kind among them."""
    copies = of(1), of(2)
    numbers = combinations_with_replacement(range(len(copies[0])), 2)
    return [[copies[0][one], copies[1][other]] for one, other in numbers]


def named(callers: list[Caller], *names: str) -> list[Caller]:
    return [caller for caller in callers if caller.name.startswith(names)]


@pytest.mark.parametrize("name", DAYS)
def test_given_old_days_and_any_two_in_any_order_with_a_fault_then_every_rule_holds(go_through, name):
    assert go_through(DAYS[name], pairs(of_days), faults=1) > 1000


@pytest.mark.parametrize("name", ["too many days", "too many days, and some were moved"])
def test_given_old_days_and_any_three_in_any_order_then_every_rule_holds(go_through, name):
    some = named(of_days(1), "mover 1 of", "consumer", "visitor 1", "reader", "releasing", "another")

    assert go_through(DAYS[name], combinations([*some, *named(of_days(2), "mover 2")], 3)) > 1000


@pytest.mark.parametrize("name", LIMITS)
def test_given_a_limit_and_any_two_in_any_order_with_a_fault_then_every_rule_holds(go_through, name):
    assert go_through(LIMITS[name], pairs(of_limits), faults=1) > 1000


@pytest.mark.parametrize("name", LIMITS)
def test_given_a_limit_and_any_three_in_any_order_then_every_rule_holds(go_through, name):
    some = named(of_limits(1), "1 people", "bots", "throttled visitor", "limit 4", "limit 7", "limit None", "consumer")

    assert go_through(LIMITS[name], combinations([*some, *named(of_limits(2), "1 people")], 3)) > 1000


@pytest.mark.parametrize("most", [2, 3])
def test_given_one_click_left_when_many_come_in_any_order_then_one_is_sent_on(most):
    people = [visitors(f"person {number}", "few", EXPIRY - 1) for number in range(most)]
    bot = visitors("bot", "few", EXPIRY - 1, visitor=Visitor.BOT)

    for order in orders(World.of(LIMITED), [*people, bot]):
        told = [visit.result for person in people for visit in order.outcomes[person]]
        assert sorted(result.miss is None for result in told) == [False] * (most - 1) + [True]
        assert order.last.links["few"].click_count == LIMITED.click_limit


def test_given_a_mover_that_was_killed_when_its_message_comes_again_then_days_move_once():
    killed, again = mover("killed", CROWDED, MIDNIGHT), mover("again", CROWDED, MIDNIGHT)
    lost = [order for order in orders(World.of(CROWDED), [killed], faults=1) if order.has_fault]

    for order in lost:
        after = in_order(order.last, *[again] * (1 if order.last.past else 2))
        assert after.last.days(after.last.links["old"]) == CROWDED.days
        assert len(after.last.links["old"].days) == KEPT_DAYS + 1
    assert {bool(order.last.past) for order in lost} == {False, True}


def asked_to_move(order: Order) -> int:
    return sum(isinstance(message, OldDays) for message in order.last.messages)


def test_given_many_days_when_a_day_begins_in_any_order_then_one_click_has_them_moved():
    people = [visitors(f"visitor {number}", "old", MIDNIGHT) for number in range(2)]
    bot = visitors("bot", "old", MIDNIGHT, visitor=Visitor.BOT)

    assert {asked_to_move(order) for order in orders(World.of(OLD), [*people, bot])} == {1}
