"""What the benchmark counts and compares: calls that overlap, and bars."""

import pytest

from bench.__main__ import Row
from bench.aws import Call, Watched


def calls(*spans):
    return [Call("GetItem", "table", began, ended, 0.0) for began, ended in spans]


@pytest.mark.parametrize(
    ("spans", "in_a_row"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([(0, 1), (1, 2), (3, 4)], 3, id="one after the other"),
        pytest.param([(0, 2), (1, 3)], 1, id="side by side"),
        pytest.param([(0, 9), (1, 2), (3, 4)], 2, id="two beside a long one"),
    ],
)
def test_given_calls_when_counted_then_of_those_that_overlap_one_counts(spans, in_a_row):
    assert Watched("", calls=calls(*spans)).in_a_row == in_a_row


@pytest.mark.parametrize(
    ("value", "exact", "met"), [(0.4, False, "yes"), (0.5, False, "**no**"), (0.4, True, "yes"), (0.3, True, "**no**")]
)
def test_given_a_figure_when_compared_with_its_bar_then_it_says_whether_it_is_met(value, exact, met):
    assert Row("what", value, must=0.4, exact=exact).meets(0.4) == met
