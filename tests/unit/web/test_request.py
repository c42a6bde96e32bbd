"""Events, read: which kinds there are, and what a request says in whatever form."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.errors import PayloadTooLarge, ValidationError
from squrl.web.request import DIRECT, MAX_BODY, Request, UnknownEventError, host_of
from tests.support import events

# Text as json.loads yields it: lone surrogates included.
texts = st.text(st.characters(exclude_categories=()), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


def http(**more: Any) -> dict[str, Any]:
    context = {"http": {"method": "POST", "path": "/create", "sourceIp": "198.51.100.7"}}
    return {"version": "2.0", "routeKey": "POST /create", "requestContext": context, "isBase64Encoded": False} | more


def encoded(body: bytes) -> dict[str, Any]:
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def with_headers(domain_name: Any = None, **headers: Any) -> Request:
    event = http(headers={name.replace("_", "-"): value for name, value in headers.items()})
    event["requestContext"]["domainName"] = domain_name
    return Request(event)


@pytest.mark.parametrize("kind", events.OTHER_KINDS)
def test_given_an_event_of_another_kind_when_read_then_it_is_refused(kind):
    with pytest.raises(UnknownEventError) as refusal:
        Request(events.OTHER_KINDS[kind])

    named = str(refusal.value).split(", ")
    assert set(named) == events.OTHER_KINDS[kind].keys() & {
        "requestContext",
        "headers",
        "httpMethod",
        "version",
        "Records",
    }


def test_given_an_http_event_when_read_then_route_and_address_are_its_own():
    request = Request(http())

    assert (request.is_http, request.route, request.method) == (True, "POST /create", "POST")
    assert request.client_address == "198.51.100.7"


@pytest.mark.parametrize(
    "event", [{}, {"original_url": "x"}, {"http": {"method": "GET"}}, [], None, "requestContext", 42]
)
def test_given_anything_else_when_read_then_it_is_a_direct_invocation(event):
    request = Request(event)

    assert (request.is_http, request.route, request.method) == (False, DIRECT, "")
    assert (request.client_address, request.origins) == (None, [])


@pytest.mark.parametrize(
    ("request_", "origins"),
    [
        (with_headers(host="go.example.com", x_forwarded_proto="https"), ["https://go.example.com"]),
        (with_headers(Host="go.example.com", X_Forwarded_Proto="http"), ["http://go.example.com"]),
        (with_headers(host="go.example.com"), ["https://go.example.com"]),
        (with_headers(host="go.example.com", x_forwarded_proto="javascript"), ["https://go.example.com"]),
        (with_headers(host="go.example.com", x_forwarded_proto=["http"]), ["https://go.example.com"]),
        (with_headers("a.example", host="b.example:8443"), ["https://b.example:8443", "https://a.example"]),
        (with_headers(host="127.0.0.1:3000", x_forwarded_proto="http"), ["http://127.0.0.1:3000"]),
        (with_headers(host="[::1]:3000", x_forwarded_proto="http"), ["http://[::1]:3000"]),
        (with_headers("a.example", x_forwarded_proto="http"), ["http://a.example"]),
        (with_headers(42), []),
        (with_headers("not a host"), []),
        (Request(http(headers=["host"])), []),
    ],
)
def test_given_an_http_event_when_asked_for_origins_then_they_are_what_was_used(request_, origins):
    used = request_.origins

    assert used == origins


@pytest.mark.parametrize(
    "host",
    [
        *("", " ", "go.example.com/", "evil.example/path", "evil.example?", "evil.example#", "user@evil.example"),
        *("evil.example:", "evil.example:port", "evil.example:123456", "evil.example:80:80", "evil example"),
        *("evil.example\n", "evil.example\r\nX-Header: 1", "evil.example\\", '"><script>', "évil.example"),
        *("[::1", "::1"),
        *(["evil.example"], {"evil.example": 1}, 42, None),
    ],
    ids=ascii,
)
def test_given_a_host_header_that_is_not_a_host_when_asked_then_it_is_ignored(host):
    request = with_headers("api.example.com", host=host)

    assert request.origins == ["https://api.example.com"]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://GO.Example.COM", "go.example.com"),
        ("http://localhost:3000", "localhost"),
        ("http://[2001:DB8::1]:3000", "[2001:db8::1]"),
        ("http://[2001:DB8::1]", "[2001:db8::1]"),
        ("https://go.example.com.", "go.example.com."),
    ],
)
def test_given_an_origin_when_its_host_is_asked_for_then_it_is_without_port(origin, host):
    found = host_of(origin)

    assert found == host


@pytest.mark.parametrize(
    ("viewer", "address"),
    [
        ("198.51.100.10:46532", "198.51.100.10"),
        ("2001:db8:0:0:0:0:0:1:46532", "2001:db8:0:0:0:0:0:1"),  # as CloudFront writes it
        ("[2001:db8::1]:46532", "2001:db8::1"),
        *((wrong, "") for wrong in ("", "198.51.100.10", None, 42, ["198.51.100.10:46532"])),
    ],
)
def test_given_a_cdn_when_asked_for_the_client_then_it_is_the_cdns(viewer, address):
    event = http(headers={"cloudfront-viewer-address": viewer})

    clients = [Request(event, is_behind_cdn=is_behind).client_address for is_behind in (True, False)]

    assert clients == [address, "198.51.100.7"]
    assert Request({}, is_behind_cdn=True).client_address is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, text) for text in ("b3xK9mP", "a/b \u00fc", "", "~", "+a", "-_-", ".a", "/a", "a.b", "a" * 512)),
        *(
            (f"b3xK9mP{behind}", "b3xK9mP")
            for behind in ("/", "//", ".,;:!?", ")]}>", "'\"", " \t\n\u00a0", "/." * 200)
        ),
        *((f"b3xK9mP{behind}", "b3xK9mP") for behind in ("\u2019", "\u201d", "\u00bb", "\u00ab", "\u203a", "\u201e/")),
        ("b3xK9mP/x/", "b3xK9mP/x"),
        (".", ""),
        ("a" * 10**4 + "/", "a" * 10**4),
        (")" * 10**6 + "~", ")" * 10**6 + "~"),
        ("/" * 10**6, ""),
    ],
    ids=lambda text: ascii(text)[:30],
)
@pytest.mark.timeout(2)
def test_given_a_code_as_people_copy_it_when_asked_for_then_it_is_what_can_be_one(text, code):
    by_route = Request(http(pathParameters={"short_code": text}, rawPath="/other")).short_code()
    by_default = Request(http(routeKey="$default", rawPath=f"/{text}")).short_code()

    assert (by_route, by_default) == (code, code)


@pytest.mark.parametrize(
    ("text", "code", "is_preview"),
    [
        ("abc+", "abc", True),
        ("abc+/", "abc", True),
        ("abc+).", "abc", True),
        ("abc++", "abc+", True),
        ("abc.+", "abc.", True),
        ("+", "", True),
        ("abc", "abc", False),
        ("abc+x", "abc+x", False),
    ],
)
def test_given_a_plus_behind_a_code_when_asked_for_then_it_means_a_preview(text, code, is_preview):
    request = Request(http(pathParameters={"short_code": text}))

    assert (request.short_code(), request.is_preview) == (code, is_preview)


@pytest.mark.parametrize(
    ("accept", "prefers_page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", True),  # Chromium
        ("text/html", True),
        ("text/*", True),
        ("TEXT/HTML ; Level=1 ; Q=0.9, application/json;q=0.8", True),
        ("text/html, */*;q=0.1", True),
        ("", False),
        ("*/*", False),  # curl
        ("application/json, text/plain, */*", False),  # axios
        ("application/json", False),
        ("text/html, application/json", False),
        ("text/html;q=0.5, application/json;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=0, */*", False),
        ("text/plain", False),
        ("text/html;q=high", True),
        (",;,=,q=1", False),
    ],
)
def test_given_an_accept_header_when_read_then_a_page_is_for_who_prefers_one(accept, prefers_page):
    assert with_headers(Accept=accept).prefers_page is prefers_page


@pytest.mark.parametrize(
    "wrong", [{"short_code": None}, {"short_code": 42}, {"another": "a"}, {}, None, "a", ["a"]], ids=str
)
@pytest.mark.parametrize("path", [None, 42, ["/a"], "", "/"], ids=str)
def test_given_no_code_when_asked_for_then_it_is_empty(wrong, path):
    assert Request(http(pathParameters=wrong, rawPath=path)).short_code() == ""
    assert Request(http()).short_code() == ""


def test_given_headers_when_one_is_asked_for_then_it_is_text_in_any_case():
    request = Request(http(headers={"X-One": "1", "x-two": ["2"], "X-THREE": None}))

    assert [request.header(name) for name in ("x-one", "x-two", "x-three", "x-four")] == ["1", "", "", ""]


@given(st.dictionaries(texts, values, max_size=4))
def test_given_a_json_object_when_it_is_the_body_then_its_fields_are_those(fields):
    body = json.dumps(fields)

    read = [Request(http(**each)).fields() for each in ({"body": body}, encoded(body.encode()))]

    assert [json.dumps(each) for each in read] == [json.dumps(json.loads(body, parse_int=float))] * 2


def test_given_text_beyond_ascii_when_it_is_in_the_body_then_it_comes_through():
    fields = {"original_url": "https://example.com/ü🐿"}
    event = http(body=json.dumps(fields, ensure_ascii=False))
    del event["isBase64Encoded"]

    assert Request(event).fields() == Request(fields).fields() == fields
    assert Request(http(**encoded(event["body"].encode()))).fields() == fields


@pytest.mark.parametrize("form", [lambda body: {"body": body.decode()}, encoded], ids=["text", "base64"])
def test_given_a_body_of_32_kb_when_one_byte_is_added_then_it_is_not_read(form):
    longest = b'{"a": "' + b"\xc3\xa9" * 16_379 + b'z"}'

    fields = Request(http(**form(b"\xef\xbb\xbf" + longest[:-5] + b'"}'))).fields()

    assert len(longest) == MAX_BODY == 32_768
    assert len(fields["a"]) == 16_378
    assert Request(http(**form(longest))).fields()["a"][-1] == "z"
    for longer in (longest + b" ", b"x" * 32_769, b"[" * 10**6):
        with pytest.raises(PayloadTooLarge):
            Request(http(**form(longer))).fields()


def test_given_base64_that_is_too_long_when_read_then_it_is_not_decoded():
    with pytest.raises(PayloadTooLarge):
        Request(http(body="*" * 10**6, isBase64Encoded=True)).fields()


TEXTS: list[Any] = [
    *("", " ", "null", "true", "24", '"text"', "[]", '[{"original_url": "x"}]', "{", "{}}", "{'a': 1}", '{"a": 1,}'),
    *(
        "a=b",
        "e30=",
        "[" * 30_000,
        '{"a":' * 6_000,
        "9" * 5_000,
        "\ufeff",
        "\ufeff\ufeff{}",
        "\ud800",
        "\x00",
        '{"a": NaN}',
        '{"a": -Infinity}',
    ),
    *(None, 42, ["e30="], {}),
]
BASE64: list[Any] = ["", "{}", "e30", "e30==\n=", "*** ***", "\u00fc", "\ud800", None, 42, ["e30="], {}]
OCTETS = [
    "{}".encode("utf-16"),
    "{}".encode("utf-32-le"),
    "{}".encode("utf-16-be"),
    b"\xff\xfe\xfd",
    b'{"original_url": "\xff"}',
    b"[]",
    b"",
    base64.b64encode(b"{}"),
]


@pytest.mark.parametrize(
    "more",
    [{}, *({"body": body} for body in TEXTS), *({"body": body, "isBase64Encoded": True} for body in BASE64)]
    + [encoded(body) for body in OCTETS],
    ids=lambda more: ascii(more)[:40],
)
def test_given_a_body_that_is_not_a_json_object_when_read_then_it_is_refused(more):
    with pytest.raises(ValidationError) as refusal:
        Request(http(**more)).fields()

    assert refusal.value.details == [{"field": "body", "message": "body must be a JSON object"}]


@pytest.mark.parametrize("event", [[], None, "text", 42, True, ["original_url"]])
def test_given_a_direct_invocation_without_an_object_when_read_then_it_is_refused(event):
    with pytest.raises(ValidationError) as refusal:
        Request(event).fields()

    assert refusal.value.message == "body must be a JSON object"


@pytest.mark.parametrize("sign", [1, -1])
def test_given_a_number_longer_than_python_reads_when_read_then_it_is_still_huge(sign):
    number = "-" * (sign < 0) + "9" * 5000

    fields = Request(http(body=f'{{"ttl_hours": {number}}}')).fields()

    assert fields["ttl_hours"] * sign > 10**3000


@pytest.mark.parametrize(
    ("event", "raw"),
    [
        (http(rawQueryString="a=1&a=2&b=%2B+", queryStringParameters={"a": "1,2", "b": "+ "}), "a=1&a=2&b=%2B+"),
        (http(rawQueryString=""), ""),
        (http(), ""),
        (http(rawQueryString=None), ""),
        (http(rawQueryString={"a": 1}), ""),
        (http(rawQueryString="\ud800"), "?"),
        ({"rawQueryString": "a=1"}, "a=1"),
        ([], ""),
    ],
    ids=ascii,
)
def test_given_an_event_when_its_query_is_read_then_it_is_as_it_was_sent(event, raw):
    assert Request(event).raw_query == raw
