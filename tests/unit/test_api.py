"""Events and answers: what is read from either kind of event, and the form in which either is answered."""

import base64
import json
import re
from urllib.parse import quote, unquote

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl import errors, telemetry
from squrl.api import Answer, Request, host_of, location, serve

BODY_ERROR = {"field": "body", "message": "body must be a JSON object"}
STATUSES = {
    errors.InvalidUrl: 400,
    errors.NotFound: 404,
    errors.ConflictError: 409,
    errors.Gone: 410,
    errors.RateLimitExceeded: 429,
    errors.InternalServerError: 500,
    errors.ServiceUnavailable: 503,
}
EVERYWHERE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
WORTH_RETRYING = {errors.RateLimitExceeded, errors.ServiceUnavailable}

# Text as json.loads yields it: lone surrogates included.
texts = st.text(st.characters(exclude_categories=()), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
bodies = (
    values
    | values.map(json.dumps)
    | values.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode())
    | st.binary(max_size=20).map(lambda octets: base64.b64encode(octets).decode())
)
contexts = values | st.fixed_dictionaries(
    {},
    optional={
        "http": values | st.fixed_dictionaries({}, optional={"method": values, "sourceIp": values}),
        "domainName": values,
    },
)
events = values | st.fixed_dictionaries(
    {},
    optional={
        "requestContext": contexts,
        "headers": values | st.fixed_dictionaries({}, optional={"host": values, "x-forwarded-proto": values}),
        "pathParameters": values | st.fixed_dictionaries({}, optional={"short_code": values}),
        "body": bodies,
        "isBase64Encoded": values,
        "short_code": values,
        "original_url": values,
    },
)


@pytest.fixture(autouse=True)
def _metrics():
    yield
    telemetry.metrics.clear_metrics()


def http(body=None, **more):
    event = {
        "version": "2.0",
        "requestContext": {"http": {"method": "POST", "path": "/create", "sourceIp": "198.51.100.7"}},
        "headers": {"host": "go.example.com", "x-forwarded-proto": "https"},
        "isBase64Encoded": False,
    }
    return event | ({} if body is None else {"body": body}) | more


def with_headers(domain_name=None, **headers):
    event = http(headers={name.replace("_", "-"): value for name, value in headers.items()})
    event["requestContext"]["domainName"] = domain_name
    return event


def details_of(request):
    with pytest.raises(errors.ValidationError) as failure:
        request.fields()
    return failure.value.details


def raising(error):
    def operation(request):
        raise error

    return operation


def like_the_functions(request):
    """Read all that the functions read of a request."""
    seen = [request.method, request.source_ip, next(iter(request.origins), None)]
    if request.is_http and request.method == "GET":
        seen.append(request.path_parameter("short_code"))
    else:
        seen.append(request.fields())
    return Answer(200, {"seen": str(seen)}, {"Cache-Control": "no-store"})


@pytest.mark.parametrize(
    ("event", "is_http"),
    [
        ({"requestContext": {"http": {"method": "GET"}}}, True),
        ({"requestContext": {"http": {}}}, True),
        ({"requestContext": {}}, False),
        ({"requestContext": {"httpMethod": "GET"}}, False),
        ({"requestContext": None}, False),
        ({"requestContext": "http"}, False),
        ({"requestContext": ["http"]}, False),
        ({"http": {"method": "GET"}}, False),
        ({"version": "2.0", "body": "{}"}, False),
        ({}, False),
        (None, False),
        ([], False),
        ("requestContext", False),
        (42, False),
        (True, False),
    ],
)
def test_given_an_event_when_read_then_http_is_what_has_request_context_http(event, is_http):
    request = Request(event)

    recognised = request.is_http

    assert recognised is is_http


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_given_an_http_event_when_read_then_method_and_address_are_its_own(method):
    event = http()
    event["requestContext"]["http"]["method"] = method

    request = Request(event)

    assert (request.method, request.source_ip) == (method, "198.51.100.7")


@pytest.mark.parametrize("event", [{}, {"method": "HEAD", "sourceIp": "198.51.100.7"}, [], None, "HEAD"])
def test_given_a_direct_invocation_when_read_then_it_counts_as_a_get_from_nowhere(event):
    request = Request(event)

    read = request.method, request.source_ip, next(iter(request.origins), None)

    assert read == ("GET", None, None)


@pytest.mark.parametrize(
    ("event", "origin"),
    [
        (with_headers(host="go.example.com", x_forwarded_proto="https"), "https://go.example.com"),
        (with_headers(host="go.example.com", x_forwarded_proto="http"), "http://go.example.com"),
        (with_headers(host="go.example.com"), "https://go.example.com"),
        (with_headers(host="go.example.com", x_forwarded_proto="javascript"), "https://go.example.com"),
        (with_headers(host="go.example.com", x_forwarded_proto=["http"]), "https://go.example.com"),
        (with_headers("go.example.com", host="go.example.com:8443"), "https://go.example.com:8443"),
        (with_headers(host="localhost:3000", x_forwarded_proto="http"), "http://localhost:3000"),
        (with_headers(host="127.0.0.1:3000", x_forwarded_proto="http"), "http://127.0.0.1:3000"),
        (with_headers(host="[::1]:3000", x_forwarded_proto="http"), "http://[::1]:3000"),
        (with_headers(host="[::1]"), "https://[::1]"),
        (with_headers("api.example.com"), "https://api.example.com"),
        (with_headers("api.example.com", x_forwarded_proto="http"), "http://api.example.com"),
        (with_headers(None), None),
        (with_headers(42), None),
        (with_headers("not a host"), None),
        (http(headers=None, requestContext={"http": {}, "domainName": "api.example.com"}), "https://api.example.com"),
        (http(headers=["host"], requestContext={"http": {}}), None),
    ],
)
def test_given_an_http_event_when_its_origin_is_asked_for_then_it_is_what_the_caller_used(event, origin):
    request = Request(event)

    used = next(iter(request.origins), None)

    assert used == origin


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "go.example.com/",
        "evil.example/path",
        "evil.example?",
        "evil.example#",
        "user@evil.example",
        "evil.example:",
        "evil.example:port",
        "evil.example:123456",
        "evil.example:80:80",
        "evil example",
        "evil.example\n",
        "evil.example\r\nX-Header: 1",
        "evil.example\\",
        '"><script>',
        "évil.example",
        "[::1",
        "::1",
        ["evil.example"],
        {"evil.example": 1},
        42,
        None,
    ],
    ids=ascii,
)
def test_given_a_host_header_that_is_no_host_when_the_origin_is_asked_for_then_the_domain_name_serves(host):
    request = Request(with_headers("api.example.com", host=host))

    origin = next(iter(request.origins), None)

    assert origin == "https://api.example.com"


@given(values, values, values)
def test_given_any_headers_when_the_origin_is_asked_for_then_it_is_one_or_none(host, scheme, domain_name):
    request = Request(with_headers(domain_name, host=host, x_forwarded_proto=scheme))

    origin = next(iter(request.origins), None)

    assert origin is None or re.fullmatch(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", origin)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://go.example.com", "go.example.com"),
        ("https://GO.Example.COM", "go.example.com"),
        ("http://localhost:3000", "localhost"),
        ("https://go.example.com:8443", "go.example.com"),
        ("http://[::1]:3000", "[::1]"),
        ("http://[2001:DB8::1]", "[2001:db8::1]"),
        ("http://127.0.0.1", "127.0.0.1"),
        ("https://go.example.com.", "go.example.com."),
    ],
)
def test_given_an_origin_when_its_host_is_asked_for_then_it_is_in_lower_case_and_without_port(origin, host):
    given_origin = origin

    found = host_of(given_origin)

    assert found == host


@pytest.mark.parametrize(
    ("parameters", "value"),
    [
        ({"short_code": "b3xK9mP"}, "b3xK9mP"),
        ({"short_code": "a/b ü"}, "a/b ü"),
        ({"short_code": ""}, ""),
        ({"another": "b3xK9mP"}, ""),
        ({"short_code": None}, ""),
        ({"short_code": 42}, ""),
        ({"short_code": ["b3xK9mP"]}, ""),
        ({}, ""),
        (None, ""),
        ("short_code", ""),
        (["short_code"], ""),
    ],
)
def test_given_path_parameters_when_one_is_asked_for_then_it_is_text_or_empty(parameters, value):
    request = Request(http(pathParameters=parameters))

    found = request.path_parameter("short_code")

    assert found == value


def test_given_no_path_parameters_at_all_when_one_is_asked_for_then_it_is_empty():
    request = Request(http())

    found = request.path_parameter("short_code")

    assert found == ""


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(
    "fields", [{}, {"original_url": "https://example.com/ü🐿"}, {"ttl_hours": 24, "x": [None, True, 1.5, {"a": "b"}]}]
)
@pytest.mark.parametrize("ensure_ascii", [False, True])
def test_given_a_json_object_as_body_when_read_then_its_fields_are_those(fields, encoded, ensure_ascii):
    body = json.dumps(fields, ensure_ascii=ensure_ascii)
    sent = base64.b64encode(body.encode()).decode() if encoded else body

    read = Request(http(sent, isBase64Encoded=encoded)).fields()

    assert read == fields


def test_given_an_event_that_does_not_speak_of_base64_when_its_body_is_read_then_it_is_plain_text():
    event = http('{"original_url": "https://example.com/"}')
    del event["isBase64Encoded"]

    read = Request(event).fields()

    assert read == {"original_url": "https://example.com/"}


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        " ",
        "null",
        "true",
        "24",
        '"text"',
        "[]",
        '[{"original_url": "https://example.com/"}]',
        "{",
        "{}}",
        "{'original_url': 'https://example.com/'}",
        '{"original_url": "https://example.com/",}',
        "original_url=https%3A%2F%2Fexample.com%2F",
        "e30=",
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5_000,
        "\ud800",
        "\x00",
        42,
        True,
        [],
        {},
        {"original_url": "https://example.com/"},
    ],
    ids=lambda body: ascii(body)[:40],
)
def test_given_a_body_that_is_no_json_object_when_read_then_the_one_detail_has_the_field_body(body):
    request = Request(http(body) | {"body": body})

    details = details_of(request)

    assert [detail["field"] for detail in details] == ["body"]
    assert details == [BODY_ERROR]


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{}",
        "e30",
        "e30==\n=",
        "*** no base64 ***",
        "\u00fc",
        "\ud800",
        base64.b64encode(b"\xff\xfe\xfd").decode(),
        base64.b64encode(b'{"original_url": "\xff"}').decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b"").decode(),
        base64.b64encode(base64.b64encode(b"{}")).decode(),
        42,
        ["e30="],
        {},
    ],
    ids=ascii,
)
def test_given_base64_of_no_json_object_when_read_then_the_one_detail_has_the_field_body(body):
    request = Request(http(isBase64Encoded=True) | {"body": body})

    details = details_of(request)

    assert details == [BODY_ERROR]


@given(values)
def test_given_any_json_as_direct_invocation_when_read_then_an_object_is_the_fields_and_all_else_an_error(value):
    event = {"requestContext": 1} | value if isinstance(value, dict) else value
    request = Request(event)

    outcome = request.fields() if isinstance(event, dict) else details_of(request)

    assert outcome is event or outcome == [BODY_ERROR]


@given(st.dictionaries(texts, values, max_size=4), st.booleans())
def test_given_any_json_object_as_body_when_read_then_it_comes_through_unchanged(fields, encoded):
    body = json.dumps(fields)
    sent = base64.b64encode(body.encode()).decode() if encoded else body

    read = Request(http(sent, isBase64Encoded=encoded)).fields()

    assert json.dumps(read) == body


def test_given_an_answer_when_served_over_http_then_it_is_a_proxy_response_with_the_result_as_json():
    answer = Answer(201, {"short_code": "b3xK9mP", "expires_at": None}, {"Location": "https://go.example.com/b3xK9mP"})

    response = serve(http("{}"), lambda _: answer)

    assert response.keys() == {"statusCode", "headers", "body"}
    assert response["statusCode"] == 201
    assert response["headers"] == EVERYWHERE | {
        "Location": "https://go.example.com/b3xK9mP",
        "Content-Type": "application/json",
    }
    assert json.loads(response["body"]) == {"short_code": "b3xK9mP", "expires_at": None}


def test_given_an_answer_without_body_when_served_over_http_then_the_body_is_empty_and_has_no_type():
    answer = Answer(301, {"original_url": "https://example.com/"}, {"Location": "https://example.com/"}, has_body=False)

    response = serve(http(), lambda _: answer)

    assert response == {"statusCode": 301, "headers": EVERYWHERE | {"Location": "https://example.com/"}, "body": ""}


@pytest.mark.parametrize("error", [None, errors.NotFound("m"), KeyError("m")])
@pytest.mark.parametrize("has_domain", [True, False])
def test_given_a_domain_of_its_own_when_served_over_http_then_browsers_are_told_to_use_https_only(has_domain, error):
    operation = raising(error) if error else lambda _: Answer(200, {})

    response = serve(http(), operation, has_domain=has_domain)

    assert response["headers"].get("Strict-Transport-Security") == ("max-age=31536000" if has_domain else None)
    assert response["headers"].items() >= EVERYWHERE.items()


@pytest.mark.parametrize("has_body", [True, False])
@pytest.mark.parametrize("event", [{}, {"short_code": "b3xK9mP"}, [], None, "text", 42])
def test_given_an_answer_when_served_to_a_direct_invocation_then_it_is_the_plain_result(event, has_body):
    answer = Answer(301, {"original_url": "https://example.com/"}, {"Location": "x"}, has_body=has_body)

    response = serve(event, lambda _: answer)

    assert response == {"original_url": "https://example.com/"}


def test_given_an_operation_when_served_then_it_gets_the_request_of_this_event():
    event = http('{"original_url": "https://example.com/"}')

    response = serve(event, lambda request: Answer(200, dict(request.fields())))

    assert json.loads(response["body"]) == {"original_url": "https://example.com/"}


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_given_an_error_when_served_over_http_then_it_has_the_contracts_form(kind, status):
    error = kind("What the caller is told")

    response = serve(http("{}"), raising(error))

    headers = EVERYWHERE | {"Cache-Control": "no-store", "Content-Type": "application/json"}
    retry_after = response["headers"].pop("Retry-After", None)
    assert response.keys() == {"statusCode", "headers", "body"}
    assert (response["statusCode"], response["headers"]) == (status, headers)
    assert json.loads(response["body"]) == {
        "error": kind.__name__,
        "message": "What the caller is told",
        "details": None,
    }
    assert (retry_after is not None) == (kind in WORTH_RETRYING)
    assert retry_after is None or re.fullmatch("[1-9][0-9]*", retry_after)


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
@pytest.mark.parametrize("event", [{}, ["x"], None])
def test_given_an_error_when_served_to_a_direct_invocation_then_it_is_the_plain_error_with_its_status(
    event, kind, status
):
    error = kind("What the caller is told")

    response = serve(event, raising(error))

    assert response == {
        "error": kind.__name__,
        "message": "What the caller is told",
        "details": None,
        "status": status,
    }


@pytest.mark.parametrize(("event", "added"), [(http("{}"), {}), ({}, {"status": 400})])
def test_given_fields_at_fault_when_served_then_the_contracts_example_comes_out(event, added):
    message = "ttl_hours must be between 1 and 87600"
    error = errors.ValidationError([{"field": "ttl_hours", "message": message}])

    response = serve(event, raising(error))

    result = json.loads(response["body"]) if "body" in response else response
    assert (
        result
        == {
            "error": "ValidationError",
            "message": message,
            "details": [{"field": "ttl_hours", "message": message}],
        }
        | added
    )
    assert response.get("statusCode") == (None if added else 400)


@pytest.mark.parametrize("event", [http("[]"), http(), ["x"], None, 42, "text"], ids=ascii)
def test_given_no_json_object_when_served_then_the_answer_is_a_validation_error_of_the_body(event):
    response = serve(event, like_the_functions)

    result = json.loads(response["body"]) if "body" in response else response

    assert (result["error"], result["details"]) == ("ValidationError", [BODY_ERROR])
    assert result["message"] == BODY_ERROR["message"]
    assert {response.get("statusCode"), response.get("status")} == {400, None}


@pytest.mark.parametrize(
    "cause",
    [
        RuntimeError("secret"),
        KeyError("secret"),
        RecursionError("secret"),
        AssertionError("secret"),
        UnicodeEncodeError("utf-8", "secret", 0, 1, "secret"),
        type("SecretError", (Exception,), {"response": {"Error": {"Code": "secret"}}})("secret"),
    ],
    ids=lambda cause: type(cause).__name__,
)
@pytest.mark.parametrize("event", [http("{}"), {}], ids=["http", "direct"])
def test_given_a_defect_when_served_then_the_answer_is_a_500_that_says_nothing_of_the_inside(event, cause):
    response = serve(event, raising(cause))

    result = json.loads(response["body"]) if "body" in response else response

    assert result.keys() - {"status"} == {"error", "message", "details"}
    assert (result["error"], result["details"]) == ("InternalServerError", None)
    assert {response.get("statusCode"), response.get("status")} == {500, None}
    assert "secret" not in json.dumps(response).lower()
    assert type(cause).__name__ not in json.dumps(response)
    assert "Traceback" not in json.dumps(response)


@given(events)
def test_given_any_json_as_event_when_served_then_the_answer_has_the_right_form_and_nothing_is_a_defect(event):
    is_http = isinstance(event, dict) and isinstance(event.get("requestContext"), dict)
    is_http = is_http and "http" in event["requestContext"]

    response = serve(event, like_the_functions)

    json.dumps(response).encode("utf-8")
    if is_http:
        assert response.keys() == {"statusCode", "headers", "body"}
        assert response["statusCode"] in {200, 400}
        assert all(isinstance(text, str) for pair in response["headers"].items() for text in pair)
        assert response["headers"]["Cache-Control"] == "no-store"
        result = json.loads(response["body"])
    else:
        result = response
        assert response.get("status", 200) in {200, 400}
    assert result.keys() - {"status"} in ({"seen"}, {"error", "message", "details"})


@given(events, st.sampled_from([*STATUSES]))
def test_given_any_json_as_event_when_the_operation_fails_then_the_answer_is_that_error(event, kind):
    error = kind("What the caller is told")

    response = serve(event, raising(error))

    result = json.loads(response["body"]) if "statusCode" in response else response
    assert result["error"] == kind.__name__
    assert {response.get("statusCode"), response.get("status")} == {error.status, None}


@pytest.mark.parametrize(
    ("destination", "header"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com/a/../b?c=d&e=f+g%20h#i", "https://example.com/a/../b?c=d&e=f+g%20h#i"),
        ("https://example.com/%7E%zz%", "https://example.com/%7E%zz%"),
        ("https://example.com/[]{}|^`<>\"'!$&()*+,;=:@~", "https://example.com/[]{}|^`<>\"'!$&()*+,;=:@~"),
        ("https://example.com/straße", "https://example.com/stra%C3%9Fe"),
        ("https://example.com/é?ü=ö#ä", "https://example.com/%C3%A9?%C3%BC=%C3%B6#%C3%A4"),
        ("https://example.com/日本/%E6", "https://example.com/%E6%97%A5%E6%9C%AC/%E6"),
        ("https://example.com/🐿", "https://example.com/%F0%9F%90%BF"),
        ("https://example.com/e\u0301", "https://example.com/e%CC%81"),
        ("https://example.com/\u200b\ufeff", "https://example.com/%E2%80%8B%EF%BB%BF"),
    ],
)
def test_given_a_stored_destination_when_put_into_a_header_then_only_what_is_beyond_ascii_is_encoded(
    destination, header
):
    stored = destination

    encoded = location(stored)

    assert encoded == header


tails = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="\\"), max_size=60
).map("https://example.com/".__add__)


@given(tails)
def test_given_any_stored_destination_when_put_into_a_header_then_each_character_is_itself_or_its_utf_8(destination):
    expected = "".join(one if one.isascii() else quote(one, safe="") for one in destination)

    encoded = location(destination)

    assert encoded == expected
    assert encoded.isascii()
    assert unquote(encoded) == unquote(destination) or "%" in destination


@given(tails)
def test_given_any_stored_destination_when_a_browser_reads_the_header_then_it_goes_where_the_url_led(destination):
    encoded = location(destination)

    reached = ada_url.URL(encoded).href

    assert reached == ada_url.URL(destination).href
    assert location(encoded) == encoded
