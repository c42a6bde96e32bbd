"""The operator's lists: what they mean, and how a process comes to know them."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from squrl import telemetry
from squrl.domains import REFRESH_SECONDS, DomainLists, DomainPolicy


def item(**lists: list[str]) -> dict[str, Any]:
    return {"id": {"S": "domains"}} | {name: {"SS": names} for name, names in lists.items()}


def lists(**names: list[str]) -> DomainLists:
    return DomainLists.from_item(item(**names))


# What the lists mean


@pytest.mark.parametrize(
    "destination",
    [
        "https://evil.example",
        "https://evil.example/",
        "http://evil.example:8443/a?b#c",
        "https://evil.example?https://good.example/",
        "https://evil.example#@good.example",
        "https://a.b.evil.example/",
        "https://evil.example./",
        "HTTPS://EVIL.example/",
        "https://good.example@evil.example/",
        "https://evil.example\\@good.example/",
    ],
)
def test_given_a_denied_domain_then_no_link_may_lead_there_or_below_in_any_spelling(destination):
    assert not lists(denied=["evil.example"]).permit(destination)
    assert lists(allowed=["evil.example"]).permit(destination)


@pytest.mark.parametrize(
    "destination",
    [
        "https://example/",
        "https://notevil.example/",
        "https://evil.example.com/",
        "https://good.example/?evil.example",
        "https://good.example/https://evil.example",
        "https://good.example#@evil.example",
        "https://evil.example@good.example/",
        "https://[2001:db8::1]:80/",
        "",
        "evil.example",
        "//evil.example",
        "https://",
        "https://[",
        "https://\u0000",
        "https://%zz:port",
        "javascript:evil.example",
    ],
)
def test_given_a_denied_domain_then_links_may_lead_elsewhere_and_if_it_is_the_only_one_allowed_not(destination):
    assert lists(denied=["evil.example"]).permit(destination)
    assert not lists(allowed=["evil.example"]).permit(destination)


@pytest.mark.parametrize(
    ("entry", "destination"),
    [
        ("BÜCHER.example", "https://xn--bcher-kva.example/"),
        ("xn--bcher-kva.example", "https://www.xn--bcher-kva.example/"),
        ("straße.example", "https://xn--strae-oqa.example/"),
        ("bücher.example", "https://bücher.example/"),
        ("Evil.Example.", "https://evil.example/"),
        ("203.0.113.9", "http://203.0.113.9:8080/"),
        ("zip", "https://invoice.zip/"),
        ("_dmarc.evil.example", "https://_dmarc.evil.example/"),
    ],
)
def test_given_a_name_in_another_form_when_compared_then_it_is_the_same_name(entry, destination):
    assert not lists(denied=[entry, "other.example"]).permit(destination)


def test_given_both_lists_then_what_is_denied_is_denied_though_it_is_allowed():
    both = lists(allowed=["good.example", "zip"], denied=["bad.good.example"])

    permitted = [both.permit(f"https://{host}/") for host in ("good.example", "bad.good.example", "a.zip", "x.example")]

    assert permitted == [True, False, True, False]


@pytest.mark.parametrize("row", [None, item()], ids=["no row", "a row without lists"])
def test_given_no_lists_then_links_may_lead_anywhere(row):
    assert DomainLists.from_item(row).permit("https://evil.example/")


BROKEN = [
    item(denied=["evil.example", entry])
    for entry in ["*.evil.example", ".evil.example", "https://evil.example", "evil.example/x", "a b", "", "a..b", "-a"]
]
BROKEN += [
    item(denied=["a" * 64 + ".example"]),
    item(denied=["a." * 127 + "example"]),
    item(denied=["evil.example:80"]),
    item(forbidden=["evil.example"]),
    item() | {"denied": {"S": "evil.example"}},
    item() | {"denied": {"L": [{"S": "evil.example"}]}},
    item() | {"denied": {"NULL": True}},
    item() | {"allowed": {"M": {}}},
]


@pytest.mark.parametrize("row", BROKEN, ids=str)
def test_given_a_row_that_is_broken_when_read_then_it_is_no_lists(row):
    with pytest.raises(ValueError, match=r"host name|string sets"):
        DomainLists.from_item(row)


@given(st.text(max_size=300), st.lists(st.text(max_size=80), max_size=3))
def test_given_any_row_and_any_destination_then_there_is_an_answer_or_the_row_is_broken(destination, entries):
    try:
        found = lists(denied=entries)
    except ValueError:
        found = DomainLists()
    assert found.permit(destination) in (True, False)
    assert found.permit(f"https://{destination}/") in (True, False)


@given(st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True))
def test_given_any_name_when_denied_then_it_and_what_is_below_is_denied_and_its_neighbours_are_not(name):
    denied = lists(denied=[name])

    permitted = [denied.permit(f"https://{host}/x") for host in (name, f"a.{name}", f"a{name}", f"{name}.a")]

    assert permitted == [False, False, True, True]


# How a process comes to know them


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("squrl.domains.time.monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def errors(monkeypatch):
    names: list[str] = []
    monkeypatch.setattr(telemetry, "count", names.append)
    return names


class Table:
    """Answers every read with what it is told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.reads: list[dict[str, Any]] = []

    def get_item(self, **request: Any) -> Any:
        self.reads.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def policy(table: Any, name: str = "squrl-state-test") -> DomainPolicy:
    return DomainPolicy(table, name)


def test_given_a_process_when_it_asks_often_then_the_table_is_read_every_half_minute(clock, errors):
    table = Table({"Item": item(denied=["evil.example"])})
    domains = policy(table)

    found = [domains.current() for clock.now in (1000, 1000, 1029.9, 1030, 1059, 1060)]

    assert set(found) == {lists(denied=["evil.example"])}
    assert table.reads == [{"TableName": "squrl-state-test", "Key": {"id": {"S": "domains"}}}] * 3
    assert errors == []


def test_given_a_change_then_a_process_knows_it_within_a_minute(clock, errors):
    table = Table({})
    domains = policy(table)
    domains.current()
    table.answer = {"Item": item(denied=["evil.example"])}

    clock.now += REFRESH_SECONDS

    assert REFRESH_SECONDS <= 60
    assert not domains.current().permit("https://evil.example/")


FAILURES = [
    ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetItem"),
    ReadTimeoutError(endpoint_url="x"),
    RuntimeError("any"),
    *({"Item": row} for row in BROKEN),
]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_given_lists_that_can_not_be_read_then_the_last_good_ones_hold_until_there_are_others(clock, errors, failure):
    table = Table({"Item": item(denied=["evil.example"])})
    domains = policy(table)
    domains.current()

    table.answer, clock.now = failure, clock.now + REFRESH_SECONDS
    broken = [domains.current(), domains.current()]
    table.answer, clock.now = {}, clock.now + REFRESH_SECONDS
    mended = domains.current()

    assert broken == [lists(denied=["evil.example"])] * 2
    assert mended == DomainLists()
    assert errors == ["domain_list_error"]
    assert len(table.reads) == 3


def test_given_a_first_read_that_fails_then_links_may_lead_anywhere_and_it_is_counted(clock, errors):
    assert policy(Table(RuntimeError("any"))).current() == DomainLists()
    assert errors == ["domain_list_error"]


def test_given_no_table_then_nothing_is_read(clock, errors):
    no_table: Any = None
    domains = policy(no_table, "")

    found = [domains.current() for clock.now in (0, 1000, math.nextafter(math.inf, 0))]

    assert found == [DomainLists()] * 3
    assert errors == []
