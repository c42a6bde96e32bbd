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
DAY, NEXT = 20_779, 20_780  # 2026-11-22, 2026-11-23
CLICKS: dict[str, dict[int | None, int]] = {"one": {DAY: 3, NEXT: 2, None: 4}, "two": {DAY: 1}, "few": {}}
ANSWERS = Answers(
    LINKS, Counter({(code, day): count for code, days in CLICKS.items() for day, count in days.items()}), Counter()
)


def row(code, days, **changes):
    """Return what the table has of a link with these clicks by day."""
    return Row(dict(LINKS)[code], sum(days.values()), days)._replace(**changes)


def rows(**changes):
    """Return what the table has when nothing went wrong, but for changes; `None` is no row."""
    found = {code: row(code, days) for code, days in CLICKS.items()} | changes
    return {code: each for code, each in found.items() if each}


def test_given_a_table_that_agrees_when_reconciled_then_nothing_differs():
    assert reconcile(ANSWERS, rows(), 0) == []


@pytest.mark.parametrize(
    ("code", "wrong", "message"),
    [
        pytest.param("two", row("two", {}), "1 redirects answered on 2026-11-22, 0 clicks counted", id="lost click"),
        pytest.param(
            "two", row("two", {DAY: 2}), "1 redirects answered on 2026-11-22, 2 clicks counted", id="double click"
        ),
        pytest.param(
            "two", row("two", {NEXT: 1}), "0 redirects answered on 2026-11-23, 1 clicks counted", id="another day"
        ),
        pytest.param("two", row("two", {None: 1}), "0 redirects answered of bots, 1 clicks counted", id="a bot's"),
        pytest.param(
            "few", row("few", {DAY: 1}), "0 redirects answered on 2026-11-22, 1 clicks counted", id="click of nobody"
        ),
        pytest.param(
            "two", row("two", {DAY: 1}, click_count=2), "days and bots add up to 1 clicks, the sum is 2", id="sum"
        ),
        pytest.param(
            "one",
            row("one", CLICKS["one"], max_clicks=4),
            "5 people were sent on, with a limit of 4",
            id="limit",
        ),
        pytest.param("few", None, "answered with 201, but not in the table", id="lost link"),
        pytest.param(
            "new", Row("https://a.example", 0, {}), "in the table, but never answered with 201", id="of nobody"
        ),
        pytest.param(
            "one",
            row("one", CLICKS["one"], original_url=LINKS[1][1]),
            f"made for {LINKS[0][1]}, leads to {LINKS[1][1]}",
            id="destination",
        ),
    ],
)
def test_given_a_table_with_one_fault_when_reconciled_then_it_is_named(code, wrong, message):
    assert f"{code}: {message}" in reconcile(ANSWERS, rows(**{code: wrong}), 0)


@pytest.mark.parametrize(("uncertain", "is_explained"), [(0, False), (1, False), (2, True)])
def test_given_two_missing_clicks_when_so_many_were_uncertain_then_they_are_explained(uncertain, is_explained):
    found = rows(one=row("one", {DAY: 3, NEXT: 1, None: 4}), two=row("two", {}))

    assert (reconcile(ANSWERS, found, uncertain) == []) is is_explained


def test_given_a_click_too_many_when_clicks_were_uncertain_then_it_is_named():
    found = rows(one=row("one", {DAY: 3, NEXT: 1, None: 4}), two=row("two", {DAY: 2}))

    assert reconcile(ANSWERS, found, 9) == ["two: 1 redirects answered on 2026-11-22, 2 clicks counted"]


@pytest.mark.parametrize(
    ("clicks", "differences"), [(5, []), (4, ["few: used up for 3 visitors, after 4 people of 5"])]
)
def test_given_visitors_who_met_a_limit_when_reconciled_then_it_has_to_be_reached(clicks, differences):
    answers = Answers(LINKS, ANSWERS.clicks + Counter({("few", DAY): clicks}), Counter({"few": 3}))

    assert reconcile(answers, rows(few=row("few", {DAY: clicks}, max_clicks=5)), 0) == differences


class Table:
    def __init__(self, *items):
        self.items = items

    def get_paginator(self, _name):
        return self

    def paginate(self, **_arguments):
        return [{"Items": [item]} for item in self.items]


def test_given_the_row_of_the_secret_when_the_table_is_read_then_it_is_no_link(monkeypatch):
    numbers = {"click_count": {"N": "9"}, "bot_click_count": {"N": "4"}, "dg17": {"N": "3"}, "dg18": {"N": "2"}}
    link = {"short_code": {"S": "one"}, "original_url": {"S": LINKS[0][1]}} | numbers
    secret = {"short_code": {"S": links_table.SECRET_ROW}, "secret": {"B": b"secret"}}
    monkeypatch.setattr(dynamodb, "client", lambda _url: Table(link, secret))

    assert load.Load(1, "http://127.0.0.1:1").rows() == {"one": row("one", CLICKS["one"])}


def test_given_a_lost_and_a_double_click_when_reconciled_then_both_are_named():
    differences = reconcile(ANSWERS, rows(one=row("one", {DAY: 3, NEXT: 1, None: 4}), two=row("two", {DAY: 2})), 0)

    assert [difference[:3] for difference in differences] == ["one", "two"]


def test_given_a_link_answered_as_new_twice_when_reconciled_then_that_is_named():
    assert reconcile(ANSWERS._replace(created=[*LINKS, LINKS[0]]), rows(), 0) == ["one: answered with 201 2 times"]


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
        ({}, {}, ["one: lost"], "unexplained differences from the table"),
    ],
)
def test_given_one_figure_out_of_its_limit_when_compared_then_it_is_not_met(first, last, differences, what):
    assert unmet(first, last, differences) == [what]
