"""What callers may send: the fields' rules, and what is said of those that break one."""

from typing import Any

import pytest

from squrl.errors import ValidationError
from squrl.requests import CreateRequest, read

URL = "https://example.com/"
CODE = "must be 3 to 20 letters, digits, underscores or hyphens"
HOURS, RANGE = "must be an integer", "must be between 1 and 87600"
STRING, TEXT = "must be a string", "must be Unicode text, without lone surrogates"
TYPE = 'must be "301" or "302"'


def refusal(fields: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        read(CreateRequest, fields)
    return caught.value


@pytest.mark.parametrize(
    "fields",
    [
        {},
        *[{"custom_code": code} for code in ("abc", "A" * 20, "___", "a-b_C9")],
        *[{"ttl_hours": hours} for hours in (1, 24, 87_600)],
        *[{"redirect_type": kind} for kind in ("301", "302")],
        *[{"max_clicks": clicks} for clicks in (1, 1_000_000_000)],
        *[{"forward_query": does} for does in (True, False)],
        {"original_url": "any string at all"},
        {"original_url": "\ud800"},  # what is wrong with it, `destinations` says
    ],
    ids=ascii,
)
def test_given_fields_that_keep_the_rules_when_read_then_they_are_kept(fields):
    request = read(CreateRequest, {"original_url": URL} | fields)

    assert dict(request) == dict.fromkeys(CreateRequest.model_fields) | {"original_url": URL} | fields


@pytest.mark.parametrize(
    ("field", "value"), [*[("ttl_hours", hours) for hours in (1.0, 24.0, 87_600.0)], ("max_clicks", 1e9)]
)
def test_given_an_integer_that_is_written_as_a_float_when_read_then_it_is_that(field, value):
    read_ = getattr(read(CreateRequest, {"original_url": URL, field: value}), field)

    assert (read_, type(read_)) == (value, int)


def test_given_nulls_when_read_then_they_count_as_absent():
    nulls = dict.fromkeys(CreateRequest.model_fields)

    error = refusal(nulls)

    assert error.details == [{"field": "original_url", "message": "original_url is required"}]
    assert read(CreateRequest, nulls | {"original_url": URL}) == read(CreateRequest, {"original_url": URL})


INF = float("inf")
BROKEN: list[tuple[str, list[Any], str]] = [
    ("original_url", [1, True, [], {}, 1.5], STRING),
    ("custom_code", ["", "ab", "a" * 21, "a b", "a/b", "ä-ä-ä", "abc\n", "a" * 10**6], CODE),
    ("custom_code", ["create", "HeAlTh", "well-known"], "is reserved"),
    ("custom_code", [123, True, []], STRING),
    ("custom_code", ["\ud800bc"], TEXT),
    ("redirect_type", ["\ud800bc"], TEXT),
    ("ttl_hours", [0, -1, 87_601, 10**400, -(10**4000), 0.0, -0.0, -1.0, 87_601.0, 1e308, INF, -INF], RANGE),
    ("ttl_hours", [True, False, "24", 24.5, 5e-324, float("nan"), [], {}], HOURS),
    ("max_clicks", [0, -1, 10**9 + 1, 10**400, 0.0, 1e10, INF, -INF], "must be between 1 and 1000000000"),
    ("max_clicks", [True, "100", 1.5, float("nan"), []], HOURS),
    ("forward_query", [0, 1, 1.0, "true", "", [], {}], "must be true or false"),
    ("redirect_type", ["303", "", 301, 302, True, [], {}], TYPE),
]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [(field, value, rule) for field, values, rule in BROKEN for value in values],
    ids=lambda value: ascii(value)[:30] if not isinstance(value, int) or abs(value) < 10**9 else "huge",
)
def test_given_a_field_that_breaks_a_rule_when_read_then_its_one_detail_says_which(field, value, rule):
    error = refusal({"original_url": URL, field: value})

    assert error.details == [{"field": field, "message": f"{field} {rule}"}]
    assert error.message == f"{field} {rule}"


def test_given_several_fields_at_fault_when_read_then_each_has_a_detail():
    error = refusal({"custom_code": "x", "ttl_hours": "24", "redirect_type": 301, "ttl": 24, "größe": 1})

    assert error.details is not None
    fields = [detail["field"] for detail in error.details]
    assert fields == ["original_url", "custom_code", "ttl_hours", "redirect_type", "ttl", "größe"]
    assert error.message == "; ".join(detail["message"] for detail in error.details)


def test_given_values_that_are_refused_when_told_then_nothing_of_them_is_repeated():
    secrets = {"original_url": ["secret"], "custom_code": "secret!", "ttl_hours": "secret", "redirect_type": "secret"}

    error = refusal(secrets | {"unknown": "secret"})

    assert len(error.details or []) == 5
    assert "secret" not in f"{error.message} {error.details}"


def test_given_many_unknown_fields_when_read_then_the_error_stays_small():
    error = refusal({"original_url": URL} | {f"\ud800{number}" + "x" * 10_000: 1 for number in range(1000)})

    assert error.details is not None
    assert len(error.details) == 101
    assert error.details[0]["field"] == "?0" + "x" * 98
    assert error.details[-1] == {"field": "body", "message": "900 more fields are not of this request"}
    assert len(str(error.details).encode()) < 50_000
