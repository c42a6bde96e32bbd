"""What the benchmark counts and compares: calls that overlap, and bars."""

from typing import Any, cast

import pytest

from bench import aws
from bench.__main__ import Row
from bench.aws import Call, Watched
from bench.measure import Subject
from bench.runtime import Function, FunctionError


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


@pytest.mark.parametrize(
    ("operation", "status", "consumed", "read", "written"),
    [
        pytest.param("BatchGetItem", 200, [{"CapacityUnits": 20.0}, {"CapacityUnits": 5.0}], 25, 0, id="by table"),
        pytest.param("Query", 200, {"CapacityUnits": 0.0}, 0.5, 0, id="half a unit at least"),
        pytest.param("PutItem", 200, {"CapacityUnits": 3.0}, 0, 3, id="table and indexes"),
        pytest.param("PutItem", 400, None, 0, 1, id="a write whose condition failed"),
    ],
)
def test_given_a_calls_answer_when_billed_then_it_is_what_dynamodb_takes(operation, status, consumed, read, written):
    seen = Watched("")

    aws._bill(seen, operation, status, {"ConsumedCapacity": consumed} if consumed else {})  # noqa: SLF001

    assert (seen.read_units, seen.write_units) == (read, written)


class Answering:
    def invoke(self, _event):
        return {"statusCode": 200, "body": "few"}, 1.0


@pytest.mark.parametrize(("status", "holds"), [(201, True), (200, False)])
def test_given_another_answer_than_it_should_be_when_asked_then_that_is_an_error(tmp_path, status, holds):
    function = Function(tmp_path, "app.handler", (), {})
    subject = Subject(function, dict, status, holds=lambda _answer: holds)

    with pytest.raises(FunctionError, match="few"):
        subject.ask(cast("Any", Answering()))


def test_given_a_heavy_request_when_counted_then_so_many_fewer_are_made(tmp_path):
    subject = Subject(Function(tmp_path, "app.handler", (), {}), dict, 200, weight=20)

    assert [subject.count(requests) for requests in (100, 20, 1)] == [5, 1, 1]
