"""What can still make two links of one kind (docs/reliability.md), each with the order that does it.

That there is nothing else is `test_interleavings.py`'s to show: it lets no other order pass.
"""

from types import SimpleNamespace

from squrl.links import Link, timestamp
from squrl.shorten import Shortened
from tests.interleavings.callers import collector, creator
from tests.interleavings.invariants import an_earlier_code_came_free, derived
from tests.interleavings.scheduler import Caller, Order, World, in_order, orders
from tests.interleavings.test_interleavings import ANOTHER, EXPIRY, FOREVER, ONE_DAY, a_link

FIRST, SECOND = derived(FOREVER)[:2]


def made(order: Order, *creators: Caller) -> list[Link]:
    """Return the links that were made for creators, which are live all at once."""
    shortened = [order.outcomes[each] for each in creators]
    assert all(isinstance(each, Shortened) and each.created for each in shortened)
    links = [each.link for each in shortened]
    assert all(order.last.links[link.short_code] == link and link.is_live(EXPIRY + 2) for link in links)
    return links


def test_given_anothers_link_collected_between_two_requests_then_each_has_a_link():
    world = World.of(a_link(FIRST, ANOTHER))
    early, late = creator("early", FOREVER, EXPIRY), creator("late", FOREVER, EXPIRY)
    table = collector("table", FIRST, EXPIRY)

    order = in_order(world, early, table, early, late)

    assert [link.short_code for link in made(order, early, late)] == [SECOND, FIRST]
    assert an_earlier_code_came_free(order, FOREVER)


def test_given_a_link_behind_anothers_when_that_is_collected_then_a_request_gets_a_second():
    own = a_link(SECOND, FOREVER)
    world = World.of(a_link(FIRST, ANOTHER), own)
    late, table = creator("late", FOREVER, EXPIRY), collector("table", FIRST, EXPIRY)

    order = in_order(world, table, late)

    assert [link.short_code for link in made(order, late)] == [FIRST]
    assert order.last.links[SECOND] == own


def test_given_its_own_kinds_chosen_link_when_that_expires_then_a_request_gets_a_second():
    first, second = derived(ONE_DAY)[:2]
    world = World.of(a_link(first, ONE_DAY, custom_code=True))
    early, late = creator("early", ONE_DAY, EXPIRY - 1), creator("late", ONE_DAY, EXPIRY)

    order = in_order(world, early, early, late)

    assert [link.short_code for link in made(order, early, late)] == [second, first]


def test_given_all_derived_codes_taken_when_asked_twice_then_each_gets_a_random_code():
    world = World.of(*(a_link(code, ANOTHER, expires_at=EXPIRY + 9) for code in derived(FOREVER)))
    early, late = creator("early", FOREVER, EXPIRY), creator("late", FOREVER, EXPIRY)

    order = in_order(world, *[early] * 9, *[late] * 9)

    codes = {link.short_code for link in made(order, early, late)}
    assert len(codes - {*derived(FOREVER)}) == 2


def test_given_a_secret_that_was_lost_when_asked_again_then_the_request_gets_a_second():
    lost, new = (SimpleNamespace(secret=lambda text=text: text.encode()) for text in ("lost", "new"))
    early, late = creator("early", FOREVER, EXPIRY, secrets=lost), creator("late", FOREVER, EXPIRY, secrets=new)

    order = in_order(World.of(), early, late)

    assert len({link.short_code for link in made(order, early, late)}) == 2


def test_given_a_claim_whose_answer_was_lost_then_two_creators_are_told_of_one_new_link():
    # Not two links, but two that are told 201 for the one that there is.
    early, late = creator("early", FOREVER, EXPIRY), creator("late", FOREVER, EXPIRY)

    told = [
        [order.outcomes[each] for each in (early, late)]
        for order in orders(World.of(), [early, late], faults=1)
        if order.has_fault
    ]

    link = Link(FIRST, FOREVER, timestamp(EXPIRY), None)
    assert [Shortened(link, created=True)] * 2 in told
