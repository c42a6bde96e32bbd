"""The time that an invocation has."""

import pytest

from squrl.invocation import MARGIN, Invocation


@pytest.mark.parametrize(("passed", "has_time"), [(0, True), (1.5, True), (1.75, False), (10, False)])
def test_given_an_invocation_when_time_passes_then_what_is_left_shrinks(clock, passed, has_time):
    invocation = Invocation(round(1000 * (MARGIN + 2.5)))

    clock.monotonic += passed

    assert invocation.has_time_for(0.9) is has_time


def test_given_a_wall_clock_that_is_set_when_asked_then_the_time_left_is_the_same(clock):
    invocation = Invocation(5000)

    clock.wall += 3600

    assert invocation.has_time_for(4)
