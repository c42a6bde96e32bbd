"""A visitor's query parameters, added to the destination's: what a browser reads of the result, and what is in it."""

import re
from collections import defaultdict
from typing import Any

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.forwarding import MAX_BYTES, forward
from squrl.links import Kind
from squrl.web.response import location
from tests.support import events
from tests.support.fakes import FakeLinkStore, a_link
from tests.support.functions import Functions

Pairs = list[tuple[str, str]]
BASE = "https://example.com/sale"


def pairs(query: str) -> Pairs:
    """Return names and values by the URL Standard's own steps: https://url.spec.whatwg.org/#urlencoded-parsing."""
    split = (part.partition(b"=") for part in query.encode().split(b"&") if part)
    return [(decoded(name), decoded(value)) for name, _, value in split]


def decoded(text: bytes) -> str:
    octets = re.sub(rb"%([0-9A-Fa-f]{2})", lambda octet: bytes.fromhex(octet[1].decode()), text.replace(b"+", b" "))
    return octets.decode(errors="replace")


def as_written(query: str) -> dict[str, list[str]]:
    """Return a query's parameters as they are written, by name."""
    written = defaultdict(list)
    for piece in filter(None, query.split("&")):
        written[pairs(piece)[0][0]].append(piece)
    return written


# Few names in many spellings, so that they meet; what separates parts of a URL, encoded and bare.
names = st.sampled_from(["a", "%61", "A", "b", "a+b", "a%20b", "a%2Bb", "é", "%C3%A9", "%c3%a9", "", "%", "%FF", "%FE"])
values = st.text(st.sampled_from("a1é=+%/?:;,'[]@"), max_size=4) | st.sampled_from(["%26", "%3D", "%23", "%2B", "%2"])
parameters = names | st.tuples(names, values).map("=".join) | st.just("")
queries = st.lists(parameters, max_size=6).map("&".join)
fragments = st.sampled_from(["", "#", "#f", "#a=1&b=2", "#?a=1", "##", "#é"])


@st.composite
def destinations(draw):
    query = draw(queries.map("?".__add__) | st.just(""))
    return draw(st.sampled_from([BASE, "https://example.com", "https://example.com/é"])) + query + draw(fragments)


@pytest.mark.parametrize(
    ("own", "sent", "expected"),
    [
        ("", "utm_source=x", "?utm_source=x"),
        ("?", "a=1", "?a=1"),
        ("?a=1", "b=2", "?a=1&b=2"),
        ("?a=1&b=2&c=3", "b=9", "?a=1&b=9&c=3"),
        ("?a=1&b=2&a=3", "a=9", "?a=9&b=2"),
        ("?a=1&b=2", "a=8&c=0&a=9", "?a=8&a=9&b=2&c=0"),
        ("?a=1", "x=1&y=2&x=3", "?a=1&x=1&y=2&x=3"),
        ("?a=1", "a", "?a"),
        ("?a=1", "a=", "?a="),
        ("?a", "b=", "?a&b="),
        ("?a=1", "=2", "?a=1&=2"),
        ("?=1&a=2", "=3", "?=3&a=2"),
        ("?a&&b&", "c", "?a&&b&&c"),
        ("?a&&b", "=1", "?a&&b&=1"),
        ("?a=1", "&&b=2&&", "?a=1&b=2"),
        ("?a=1", "", "?a=1"),
        ("", "", ""),
        ("?a=1", "&&", "?a=1"),
        ("?a=1", "%61=2", "?%61=2"),
        ("?a%20b=1", "a+b=%2B+%20", "?a+b=%2B+%20"),
        ("?a%2Bb=1", "a+b=2", "?a%2Bb=1&a+b=2"),
        ("?a=1", "A=2", "?a=1&A=2"),
        ("?u=1", "u=https%3A%2F%2Fx.example%2F%3Fy%3D1%26z%23f", "?u=https%3A%2F%2Fx.example%2F%3Fy%3D1%26z%23f"),
        ("?a=1", "b=x=y?z/é", "?a=1&b=x=y?z/é"),
        ("?a=1", "b=%&c=%zz&d=%FF", "?a=1&b=%&c=%zz&d=%FF"),
        ("?a=1", "a=1,2", "?a=1,2"),
        ("#f", "a=1", "?a=1#f"),
        ("?a=1#f?a=2&b", "a=3&b=4", "?a=3&b=4#f?a=2&b"),
        ("?a=1&sig=2", "a=x#y", "?a=x%23y&sig=2"),
    ],
)
def test_given_a_query_when_forwarded_then_the_destination_is_exactly_this(own, sent, expected):
    assert forward(BASE + own, sent) == BASE + expected


@given(destinations(), queries)
def test_given_any_query_when_forwarded_then_a_browser_reads_the_standards_pairs(destination, sent):
    own, visitors = pairs(ada_url.URL(destination).search[1:]), pairs(sent)
    both = {name for name, _ in own} & {name for name, _ in visitors}
    expected: Pairs = []
    for name, value in own:
        if name not in both:
            expected.append((name, value))
        elif name not in {placed for placed, _ in expected}:
            expected += [pair for pair in visitors if pair[0] == name]
    expected += [pair for pair in visitors if pair[0] not in both]

    read = ada_url.URL(location(forward(destination, sent)))

    assert pairs(read.search[1:]) == expected
    assert (read.host, read.pathname, read.hash) == (
        ada_url.URL(destination).host,
        ada_url.URL(destination).pathname,
        ada_url.URL(destination).hash,
    )


@given(destinations(), queries)
def test_given_any_query_when_forwarded_then_each_parameter_is_there_byte_for_byte(destination, sent):
    before_fragment, *fragment = destination.split("#", 1)
    path, _, own = before_fragment.partition("?")

    before, *after = forward(destination, sent).split("#", 1)

    assert (before.partition("?")[0], after) == (path, fragment)
    assert as_written(before.partition("?")[2]) == as_written(own) | as_written(sent)


@given(destinations(), st.sampled_from(["", "&", "&&&"]))
def test_given_no_parameters_when_forwarded_then_the_destination_is_as_stored(destination, sent):
    assert forward(destination, sent) == destination


@pytest.mark.parametrize("letter", ["x", "é"])
def test_given_more_than_2048_bytes_when_forwarded_then_it_goes_without(letter):
    destination = f"{BASE}?a={letter}#f"
    fits = "b=" + "y" * (2048 - len(f"{destination}&b=".encode()))

    assert len(forward(destination, fits).encode()) == MAX_BYTES == 2048
    assert forward(destination, fits) == f"{BASE}?a={letter}&{fits}#f"
    assert forward(destination, fits + "y") == destination


def test_given_a_longer_parameter_when_it_takes_anothers_place_then_only_the_result_counts():
    destination = f"{BASE}?a={'x' * 1900}"

    assert forward(destination, f"a={'y' * 1990}") == f"{BASE}?a={'y' * 1990}"


# Through the function, with a query as API Gateway sends it


@pytest.fixture(scope="module")
def functions():
    return Functions()


def visited(functions: Functions, destination: str, query: str, event: str = "http", **kind: Any) -> str:
    """Return the `Location` of a visit with a query; the event has it in both forms of API Gateway's."""
    link = a_link("hello-squrl", Kind(destination, "301", None, forward_query=True)._replace(**kind))
    functions.store = FakeLinkStore(link)
    joined: dict[str, str] = {}
    for name, value in pairs(query):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    sample = events.load(f"redirect/{event}.json")
    answer = functions.invoke("redirect", sample | {"rawQueryString": query, "queryStringParameters": joined})
    location_: str = answer["headers"]["Location"]
    return location_


@pytest.mark.parametrize("event", ["http", "http_head"])
@pytest.mark.parametrize("redirect_type", ["301", "302"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tag=a&tag=b", "?tag=a&tag=b&x=1"),
        ("tag=a,b", "?tag=a,b&x=1"),
        ("tag=a%2Cb&y=%20+%2B", "?tag=a%2Cb&x=1&y=%20+%2B"),
        ("tag=", "?tag=&x=1"),
        ("tag", "?tag&x=1"),
        ("y=%E2%82%AC&y=%2F%3F%23%26", "?tag=0&x=1&y=%E2%82%AC&y=%2F%3F%23%26"),
        ("", "?tag=0&x=1"),
    ],
)
def test_given_a_visitors_query_when_the_link_forwards_then_it_is_as_sent(
    functions, event, redirect_type, query, expected
):
    destination = f"{BASE}?tag=0&x=1#f"

    assert visited(functions, destination, query, event, redirect_type=redirect_type) == f"{BASE}{expected}#f"


def test_given_a_visitors_query_when_the_link_does_not_forward_then_nothing_changes(functions):
    assert visited(functions, f"{BASE}?a=1", "a=2&b=3", forward_query=False) == f"{BASE}?a=1"


def test_given_a_query_that_is_too_long_when_visited_then_the_visitor_goes_without(functions):
    assert visited(functions, f"{BASE}?a=1", f"a={'x' * 2048}") == f"{BASE}?a=1"


@given(destinations(), queries | st.text(st.characters(exclude_categories=()), max_size=20))
def test_given_any_query_when_visited_then_the_header_is_what_forwarding_makes(functions, destination, query):
    query = query.encode(errors="replace").decode()

    header = visited(functions, destination, query)

    assert re.fullmatch("https://[!-~]+", header)
    assert header == location(forward(destination, query))


@pytest.mark.parametrize(
    ("query", "sent"), [("\ud800=1", "??=1"), (None, ""), (7, ""), ({"a": "1"}, "")], ids=["no text", *"123"]
)
def test_given_what_is_no_query_when_visited_then_the_visitor_is_sent_on(functions, query, sent):
    functions.store = FakeLinkStore(a_link("hello-squrl", Kind(BASE, "301", None, forward_query=True)))

    answer = functions.invoke("redirect", events.load("redirect/http.json") | {"rawQueryString": query})

    assert (answer["statusCode"], answer["headers"]["Location"]) == (301, BASE + sent)


def test_given_a_direct_invocation_when_resolved_then_there_is_no_query_to_forward(functions):
    functions.store = FakeLinkStore(a_link("hello-squrl", Kind(f"{BASE}?a=1", "301", None, forward_query=True)))

    answer = functions.invoke("redirect", {"short_code": "hello-squrl", "rawQueryString": "a=2"})

    assert answer["original_url"] == f"{BASE}?a=1"
