"""The parts of the load test that decide: whom clients visit, what counts as lost, and which requirement is met."""

import random
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from bench.load import report
from bench.load.model import Answers, Row, Zipf, bars, percentile, reconcile

LINKS = [("one", "https://example.com/1"), ("two", "https://example.com/2"), ("few", "https://example.com/3")]


def answers():
    return Answers(list(LINKS), Counter({"one": 5, "two": 1}))


def rows(**changes):
    """Return what the table has when nothing went wrong, but for changes; `None` is no row."""
    clicks = {"one": 5, "two": 1, "few": 0}
    found = {code: Row(destination, clicks[code]) for code, destination in LINKS} | changes
    return {code: row for code, row in found.items() if row}


def test_given_a_table_that_agrees_when_reconciled_then_nothing_differs():
    assert reconcile(answers(), rows()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"one": Row(LINKS[0][1], 4)}, "one: 5 redirects answered, 4 clicks counted", id="lost click"),
        pytest.param({"two": Row(LINKS[1][1], 2)}, "two: 1 redirects answered, 2 clicks counted", id="double click"),
        pytest.param({"few": Row(LINKS[2][1], 1)}, "few: 0 redirects answered, 1 clicks counted", id="click of nobody"),
        pytest.param({"few": None}, "few: answered with 201, but not in the table", id="lost link"),
        pytest.param(
            {"new": Row("https://example.com/4", 0)},
            "new: in the table, but never answered with 201",
            id="link of nobody",
        ),
        pytest.param(
            {"one": Row(LINKS[1][1], 5)}, f"one: made for {LINKS[0][1]}, leads to {LINKS[1][1]}", id="wrong destination"
        ),
    ],
)
def test_given_a_table_with_one_fault_when_reconciled_then_it_is_named(changes, message):
    assert message in reconcile(answers(), rows(**changes))


def test_given_a_click_lost_here_and_doubled_there_when_reconciled_then_equal_sums_hide_neither():
    differences = reconcile(answers(), rows(one=Row(LINKS[0][1], 4), two=Row(LINKS[1][1], 2)))

    assert [difference[:3] for difference in differences] == ["one", "two"]


def test_given_a_link_answered_as_new_twice_when_reconciled_then_that_is_named():
    twice = Answers([*LINKS, LINKS[0]], Counter({"one": 5, "two": 1}))

    assert reconcile(twice, rows()) == ["one: answered with 201 2 times"]


def test_given_many_draws_when_counted_then_each_rank_has_its_share():
    zipf, numbers = Zipf(1000), random.Random(1)  # noqa: S311 - the same draws in every run

    drawn = Counter(zipf.draw(4, numbers.random()) for _ in range(100_000))

    weights = [1, 1 / 2, 1 / 3, 1 / 4]
    assert set(drawn) == {0, 1, 2, 3}
    assert [drawn[rank] / 100_000 for rank in range(4)] == pytest.approx(
        [weight / sum(weights) for weight in weights], abs=0.01
    )


@pytest.mark.parametrize(("uniform", "rank"), [(0.0, 0), (1 - 2**-53, 999)])
def test_given_the_ends_of_the_range_when_drawn_then_the_ranks_are_the_first_and_the_last(uniform, rank):
    assert Zipf(1000).draw(1000, uniform) == rank


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (95, 95), (99, 99), (100, 100)])
def test_given_a_hundred_values_when_a_percentile_is_asked_then_so_many_do_not_exceed_it(percent, value):
    assert percentile(list(range(100, 0, -1)), percent) == value


def test_given_one_value_when_a_percentile_is_asked_then_it_is_that_value():
    assert percentile([7.0], 50) == 7.0


def run(**changes):
    return {
        "name": "1",
        "clients": 1,
        "connections": 1,
        "requests": 50_000,
        "errors": 0,
        "per_second": 100.0,
        "cpu_ms": {"gateway": 2.0},
        "create": {"p50": 9.0, "p95": 99.0, "p99": 199.0},
        "redirect": {"p50": 9.0, "p95": 49.0, "p99": 99.0},
    } | changes


def unmet(first, last, differences):
    return [bar.what for bar in bars([first, last], differences) if not bar.met]


def test_given_runs_within_every_limit_when_compared_then_every_requirement_is_met():
    assert unmet(run(), run(clients=1000), []) == []


@pytest.mark.parametrize(
    ("first", "last", "differences", "what"),
    [
        ({"create": {"p95": 100.0, "p99": 1.0}}, {}, [], "create p95 in ms, 1 client"),
        ({"redirect": {"p95": 1.0, "p99": 100.0}}, {}, [], "redirect p99 in ms, 1 client"),
        ({}, {"errors": 1}, [], "errors, 1000 clients at once"),
        ({}, {"requests": 49_999}, [], "requests in that run"),
        ({}, {}, ["one: lost"], "differences from the table"),
    ],
)
def test_given_one_figure_out_of_its_limit_when_compared_then_that_requirement_is_not_met(
    first, last, differences, what
):
    assert unmet(run(**first), run(clients=1000, **last), differences) == [what]


def test_given_results_when_drawn_then_the_picture_is_xml_and_shows_every_run():
    runs = [run(), run(clients=1000)]
    results = {"runs": runs, "scaling": [run(processes=count, per_second=100.0 * count, ratio=1.0) for count in (1, 2)]}

    picture = ET.fromstring(report.picture(results))  # noqa: S314 - our own

    # Three percentiles of two operations in two runs, and two numbers of processes.
    assert len(picture.findall("{http://www.w3.org/2000/svg}circle")) == 3 * 2 * 2 + 2
