"""A hundred links at once against a database that takes its time, through the managing function."""

import itertools
import os
import time
from collections import Counter
from unittest.mock import patch

import pytest

from squrl.aws.client import connect
from squrl.links import Kind, Link, timestamp
from tests.support.functions import ACCOUNT, Context, as_lambda, load, variables
from tests.support.proxy import INTERNAL, Fault, Proxy

NOW = 1_800_000_000
TIMEOUT = 30_000  # milliseconds that the template gives the function
IN_TIME = 12  # seconds: well inside that, on a machine that does other things too
_NUMBERS = itertools.count(time.time_ns() % 10**9)


@pytest.fixture(scope="module")
def proxy(tables):
    with Proxy(tables.endpoint) as proxy:
        yield proxy


@pytest.fixture
def database(proxy):
    yield proxy
    proxy.reset()
    proxy.settle()


@pytest.fixture(scope="module")
def invoke(proxy):
    """Return what an operator does: hand the managing function a bulk, with so many milliseconds left."""
    environment = variables("manage_links")
    module = load("manage_links", environment)
    with patch.dict(os.environ, ACCOUNT):
        module.WIRING.dynamodb = connect("dynamodb", proxy.url)

    def invoke(method, body, remaining_ms=TIMEOUT):
        event = {"method": method, "path": "/links/bulk", "body": body}
        with as_lambda(environment):
            answer = module.lambda_handler(event, Context(remaining_ms))
        assert answer["status"] == 200, answer
        return answer["body"]["results"]

    return invoke


@pytest.fixture
def wishes():
    """Return a hundred requests for links that no other test has."""
    return [{"original_url": f"https://example.com/bulk/{next(_NUMBERS)}", "owner": "bulk"} for _ in range(100)]


@pytest.fixture
def links(tables):
    """Write a hundred links."""
    links = [
        Link(f"bulk-{n}", Kind(f"https://example.com/bulk/{n}", "301", None, "bulk"), timestamp(NOW), None)
        for n in itertools.islice(_NUMBERS, 100)
    ]
    tables.put(*links)
    return links


def taking(milliseconds):
    return lambda _: Fault(f"{milliseconds} ms", seconds=milliseconds / 1000)


def statuses(results):
    return [result["status"] for result in results]


def test_given_ten_ms_a_call_when_a_hundred_are_made_then_it_is_in_time(invoke, database, tables, wishes):
    database.rule = taking(10)
    started = time.monotonic()

    made, again = (invoke("POST", {"links": wishes}) for _ in range(2))

    assert time.monotonic() - started < 2 * IN_TIME
    assert (set(statuses(made)), set(statuses(again))) == ({201}, {200})
    assert [result["link"] for result in made] == [result["link"] for result in again]
    assert [tables.count(wish["original_url"]) for wish in wishes] == [1] * 100
    # The index and the claim; the index and the row; the secret, and the domain lists once each half a minute.
    assert 400 <= database.injected["10 ms"] <= 410


def test_given_ten_ms_a_call_when_a_hundred_are_changed_then_it_is_in_time(invoke, database, tables, links):
    database.rule = taking(10)
    started = time.monotonic()

    results = invoke(
        "PATCH", {"short_codes": [link.short_code for link in links], "set": {"title": "T", "tags": ["t"]}}
    )

    assert time.monotonic() - started < IN_TIME
    assert set(statuses(results)) == {200}
    assert {(row.title, row.revision) for row in (tables.get(link.short_code) for link in links)} == {("T", 2)}
    assert 200 <= database.injected["10 ms"] <= 205


def test_given_too_little_time_when_a_hundred_are_made_then_those_told_are_there(invoke, database, tables, wishes):
    database.rule = taking(40)
    started = time.monotonic()

    results = invoke("POST", {"links": wishes}, remaining_ms=4500)

    assert time.monotonic() - started < 4.5
    told = statuses(results)
    done = told.index(503)
    assert told == [201] * done + [503] * (100 - done)
    assert done > 0
    assert {result["error"]["error"] for result in results[done:]} == {"ServiceUnavailable"}
    assert [tables.count(wish["original_url"]) for wish in wishes] == [1] * done + [0] * (100 - done)

    database.reset()
    assert statuses(invoke("POST", {"links": wishes})) == [200] * done + [201] * (100 - done)


def test_given_too_little_time_when_a_hundred_are_changed_then_those_told_are(invoke, database, tables, links):
    database.rule = taking(40)

    results = invoke(
        "PATCH", {"short_codes": [link.short_code for link in links], "set": {"title": "T"}}, remaining_ms=4500
    )

    rows = [tables.get(link.short_code) for link in links]
    assert statuses(results) == [200 if row.title == "T" else 503 for row in rows]
    assert len(set(statuses(results))) == 2


def test_given_failing_writes_when_a_hundred_are_changed_then_only_503_may_be_done(invoke, database, tables, links):
    faults = [
        None,
        Fault("throttled", error="ThrottlingException"),
        Fault("500s before", error=INTERNAL),
        Fault("500s after", error=INTERNAL, applied=True),
    ]
    met = {link.short_code: faults[number % 4] for number, link in enumerate(links)}
    database.rule = lambda call: (
        met[call.parameters["Key"]["short_code"]["S"]] if call.operation == "UpdateItem" else None
    )

    results = invoke("PATCH", {"short_codes": list(met), "set": {"title": "T"}})

    rows = [tables.get(code) for code in met]
    assert Counter(zip(statuses(results), (row.title for row in rows), strict=True)) == {
        (200, "T"): 25,
        (429, None): 25,
        (503, None): 25,
        (503, "T"): 25,
    }
