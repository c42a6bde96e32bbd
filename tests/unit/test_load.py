"""The parts of the load test that decide: whom clients visit, what counts as lost, and which requirement is met."""

import random
from collections import Counter

import pytest

from bench.load import __main__ as load
from bench.load.model import Answers, Row, Zipf, bars, reconcile
from bench.report import percentile
from local import dynamodb
from squrl.aws import links_table

LINKS = [("one", "https://example.com/1"), ("two", "https://example.com/2"), ("few", "https://example.com/3")]
ANSWERS = Answers(LINKS, Counter({"one": 5, "two": 1}))


def rows(**changes):
    """Return what the table has when nothing went wrong, but for changes; `None` is no row."""
    clicks = {"one": 5, "two": 1, "few": 0}
    found = {code: Row(destination, clicks[code]) for code, destination in LINKS} | changes
    return {code: row for code, row in found.items() if row}


def test_given_a_table_that_agrees_when_reconciled_then_nothing_differs():
    assert reconcile(ANSWERS, rows()) == []


@pytest.mark.parametrize(
    ("code", "row", "message"),
    [
        pytest.param("one", Row(LINKS[0][1], 4), "5 redirects answered, 4 clicks counted", id="lost click"),
        pytest.param("two", Row(LINKS[1][1], 2), "1 redirects answered, 2 clicks counted", id="double click"),
        pytest.param("few", Row(LINKS[2][1], 1), "0 redirects answered, 1 clicks counted", id="click of nobody"),
        pytest.param("few", None, "answered with 201, but not in the table", id="lost link"),
        pytest.param("new", Row("https://a.example", 0), "in the table, but never answered with 201", id="of nobody"),
        pytest.param("one", Row(LINKS[1][1], 5), f"made for {LINKS[0][1]}, leads to {LINKS[1][1]}", id="destination"),
    ],
)
def test_given_a_table_with_one_fault_when_reconciled_then_it_is_named(code, row, message):
    assert f"{code}: {message}" in reconcile(ANSWERS, rows(**{code: row}))


class Table:
    def __init__(self, *items):
        self.items = items

    def get_paginator(self, _name):
        return self

    def paginate(self, **_arguments):
        return [{"Items": [item]} for item in self.items]


def test_given_the_row_of_the_secret_when_the_table_is_read_then_it_is_no_link(monkeypatch):
    link = {"short_code": {"S": "one"}, "original_url": {"S": LINKS[0][1]}, "click_count": {"N": "5"}}
    secret = {"short_code": {"S": links_table.SECRET_ROW}, "secret": {"B": b"secret"}}
    monkeypatch.setattr(dynamodb, "client", lambda _url: Table(link, secret))

    assert load.Load(1, "http://127.0.0.1:1").rows() == {"one": Row(LINKS[0][1], 5)}


def test_given_a_lost_and_a_double_click_when_reconciled_then_both_are_named():
    differences = reconcile(ANSWERS, rows(one=Row(LINKS[0][1], 4), two=Row(LINKS[1][1], 2)))

    assert [difference[:3] for difference in differences] == ["one", "two"]


def test_given_a_link_answered_as_new_twice_when_reconciled_then_that_is_named():
    assert reconcile(ANSWERS._replace(created=[*LINKS, LINKS[0]]), rows()) == ["one: answered with 201 2 times"]


def test_given_many_draws_when_counted_then_each_rank_has_its_share():
    zipf, numbers = Zipf(1000), random.Random(1)  # noqa: S311 - the same draws in every run

    drawn = Counter(zipf.draw(4, numbers.random()) for _ in range(100_000))

    weights = [1, 1 / 2, 1 / 3, 1 / 4]
    shares = [drawn[rank] / 100_000 for rank in range(4)]
    assert shares == pytest.approx([weight / sum(weights) for weight in weights], abs=0.01)


@pytest.mark.parametrize(("uniform", "rank"), [(0.0, 0), (1 - 2**-53, 999)])
def test_given_an_end_of_the_range_when_drawn_then_the_rank_is_at_that_end(uniform, rank):
    assert Zipf(1000).draw(1000, uniform) == rank


@pytest.mark.parametrize(
    ("values", "percent", "value"), [(range(100, 0, -1), 95, 95), (range(1, 101), 100, 100), ([7], 50, 7)]
)
def test_given_values_when_a_percentile_is_asked_then_so_many_do_not_exceed_it(values, percent, value):
    assert percentile(list(values), percent) == value


RUN = {
    "clients": 1,
    "requests": 50_000,
    "errors": 0,
    "create": {"p50": 9.0, "p95": 99.0, "p99": 199.0},
    "redirect": {"p50": 9.0, "p95": 49.0, "p99": 99.0},
}


def unmet(first, last, differences):
    return [bar.what for bar in bars([RUN | first, RUN | {"clients": 1000} | last], differences) if not bar.met]


def test_given_runs_within_every_limit_when_compared_then_every_requirement_is_met():
    assert unmet({}, {}, []) == []


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
def test_given_one_figure_out_of_its_limit_when_compared_then_it_is_not_met(first, last, differences, what):
    assert unmet(first, last, differences) == [what]
