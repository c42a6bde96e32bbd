"""Inputs from public bug reports of other shorteners, of SAM CLI, Powertools and clients, and the right answers."""

import base64
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from squrl.links import Kind, Link
from tests.support import events
from tests.support.description import DOCUMENT
from tests.support.functions import Functions
from tests.support.runtime import running

CREATE, REDIRECT = events.load("create_url/http.json"), events.load("redirect/http.json")
HEAD = events.load("redirect/http_head.json")
BOM = b"\xef\xbb\xbf"


@pytest.fixture
def functions():
    return Functions()


def post(functions, body, *, is_encoded=False):
    """Return the status and the body's object of an answer to a body, which is an object, text or bytes."""
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    octets = text.encode() if isinstance(text, str) else text
    form = {"body": base64.b64encode(octets).decode() if is_encoded else octets.decode(), "isBase64Encoded": is_encoded}
    answer = functions.invoke("create_url", CREATE | form)
    return answer["statusCode"], json.loads(answer["body"])


def follow(functions, destination):
    """Return the headers of the redirect to a stored destination."""
    link = Link("abc", Kind(destination, "301", None), "2026-11-22T10:30:00Z", None)
    functions.store.links[link.short_code] = link
    return functions.invoke("redirect", REDIRECT | {"pathParameters": {"short_code": "abc"}})["headers"]


class TestLogLevel:
    """Lambda's own filter (`ApplicationLogLevel`) lets all through, since metrics are lines, too."""

    @pytest.fixture
    def logged(self, tmp_path):
        """Return what a function logs and how many lines of metrics it writes, under a level of the stack's."""

        def logged(level, event):
            log = tmp_path / "log"
            with running(
                "redirect",
                log,
                POWERTOOLS_LOG_LEVEL=level,
                AWS_LAMBDA_LOG_LEVEL="DEBUG",
                AWS_LAMBDA_LOG_FORMAT="JSON",
            ) as invoke:
                assert invoke(event)["statusCode"] == 404
            lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
            return [line for line in lines if "level" in line], [line for line in lines if "_aws" in line]

        return logged

    @pytest.mark.parametrize(("level", "least"), [("ERROR", "ERROR"), ("WARNING", "WARNING"), ("INFO", "INFO")])
    def test_given_a_level_when_lambda_lets_all_through_then_nothing_below_is_written(self, logged, level, least):
        event = REDIRECT | {"pathParameters": {"short_code": "~nope~"}}

        records, metrics = logged(level, event)

        severities = ["DEBUG", "INFO", "WARNING", "ERROR"]
        assert all(severities.index(record["level"]) >= severities.index(least) for record in records)
        assert any(record.get("error_type") == "NotFound" for record in records) == (level == "INFO")
        assert any("url_lookup_miss" in line for line in metrics)

    def test_given_debug_when_invoked_then_only_squrls_own_records_are_written(self, logged):
        records, metrics = logged("DEBUG", REDIRECT | {"pathParameters": {"short_code": "~nope~"}})

        assert "NotFound" in [record.get("error_type") for record in records]
        assert {record["service"] for record in records} == {"squrl-redirect-local"}
        assert metrics


@pytest.mark.parametrize(("hours", "status"), [("24.0", 201), ("2.4e1", 201), ("87600.0", 201), ("24.5", 400)])
@pytest.mark.parametrize("is_encoded", [False, True])
def test_given_an_integer_written_as_a_float_when_posted_then_it_is_that(functions, hours, status, is_encoded):
    body = f'{{"original_url": "https://example.com/", "ttl_hours": {hours}}}'

    answered, result = post(functions, body, is_encoded=is_encoded)

    assert answered == status
    kinds = [link.kind for link in functions.store.links.values() if link.kind.original_url == "https://example.com/"]
    hours_kept = [kind.ttl_hours for kind in kinds]
    assert hours_kept == ([float(hours)] if status == 201 else [])
    assert all(type(each) is int for each in hours_kept)
    assert status == 201 or [detail["field"] for detail in result["details"]] == ["ttl_hours"]


@pytest.mark.parametrize("hours", ["0.0", "-24.0", "87601.0", "1e400", "1e308", "NaN", "Infinity", "true", '"24"'])
def test_given_a_number_that_is_no_lifetime_when_posted_then_it_is_refused(functions, hours):
    status, result = post(functions, f'{{"original_url": "https://example.com/", "ttl_hours": {hours}}}')

    field = "body" if hours in ("NaN", "Infinity") else "ttl_hours"
    assert (status, [detail["field"] for detail in result["details"]]) == (400, [field])


@pytest.mark.parametrize("is_encoded", [False, True])
def test_given_a_byte_order_mark_when_posted_then_it_is_ignored(functions, is_encoded):
    body = BOM + b'{"original_url": "https://example.com/bom"}'

    status, result = post(functions, body, is_encoded=is_encoded)

    assert (status, result.get("original_url")) == (201, "https://example.com/bom")


@pytest.mark.parametrize(
    "body",
    [
        BOM + BOM + b'{"original_url": "https://example.com/"}',
        '{"original_url": "https://example.com/"}'.encode("utf-16"),
        '{"original_url": "https://example.com/"}'.encode("utf-32-be"),
        b'{"original_url": "https://example.com/\xe9"}',
        b"\xff",
        BOM,
        b"",
    ],
)
def test_given_another_encoding_when_posted_then_the_body_is_named(functions, body):
    status, result = post(functions, body, is_encoded=True)

    assert (status, [detail["field"] for detail in result["details"]]) == (400, ["body"])


@pytest.mark.parametrize("pasted", [" {}\n", "\t{}", "{}\r\n", "\x00{}\x1f", "\n\n{}  "])
def test_given_a_pasted_url_when_posted_then_what_is_around_it_comes_off(functions, pasted):
    status, result = post(functions, {"original_url": pasted.format("https://example.com/x")})

    assert (status, result.get("original_url")) == (201, "https://example.com/x")


@pytest.mark.parametrize(
    "url", ["https://example.com/a b", "https://example.com/a\nb", "https://exa\tmple.com/", "\u00a0"]
)
def test_given_white_space_inside_or_of_another_kind_when_posted_then_it_is_refused(functions, url):
    assert post(functions, {"original_url": url})[0] == 400


@pytest.mark.parametrize("url", ["example.com/x", "www.example.com", "//example.com/x", "/x", "", "example.com:8080/x"])
def test_given_a_url_without_a_scheme_when_posted_then_the_message_shows_one(functions, url):
    status, result = post(functions, {"original_url": url})

    assert (status, result["error"]) == (400, "InvalidUrl")
    assert "https://example.com/path" in result["message"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "behind",
    ["/", "//", ".", ")", ").", "\u201d", "\u00bb,", "?!", "%20", "'", '">', "]}", "/.", " \n", ":;"],
)
def test_given_a_code_with_punctuation_behind_it_when_followed_then_it_is_found(functions, method, behind):
    event, path = {"GET": REDIRECT, "HEAD": HEAD}[method], "/hello-squrl" + behind.replace("%20", " ")
    by_route = event | {"rawPath": path, "pathParameters": {"short_code": path[1:]}}
    by_default = {name: value for name, value in event.items() if name != "pathParameters"}
    by_default |= {"rawPath": path, "routeKey": "$default"}

    answers = [functions.invoke("redirect", each) for each in (by_route, by_default)]

    assert [answer["statusCode"] for answer in answers] == [301, 301]
    assert functions.store.links["hello-squrl"].click_count == (2 if method == "GET" else 0)


@pytest.mark.parametrize(
    "path", ["/", "/no/such/path", "/hello-squrl/x", "/.hello-squrl", "/.", "/hello-squrl\u00e9", ""]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_given_a_path_that_no_route_knows_when_requested_then_it_is_not_found(functions, path, method):
    http = REDIRECT["requestContext"] | {"http": REDIRECT["requestContext"]["http"] | {"method": method}}
    event = {name: value for name, value in REDIRECT.items() if name != "pathParameters"}

    answer = functions.invoke("redirect", event | {"routeKey": "$default", "rawPath": path, "requestContext": http})

    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (404, "NotFound")
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("destination", "location"),
    [
        ('https://example.com/{z}?q="<x>"', "https://example.com/%7Bz%7D?q=%22%3Cx%3E%22"),
        ("https://example.com/a?b[]=1", "https://example.com/a?b[]=1"),
        ("https://example.com/a?", "https://example.com/a?"),
        ("https://example.com", "https://example.com"),
        ("https://example.com/%7e/%2F/../%zz", "https://example.com/%7e/%2F/../%zz"),
        ("https://example.com/\u00e9?\u00e9#\u00e9", "https://example.com/%C3%A9?%C3%A9#%C3%A9"),
        ("https://example.com/^`|?^`|'#^`|", "https://example.com/%5E%60|?^`|%27#^%60|"),
    ],
)
def test_given_characters_that_no_uri_may_hold_when_followed_then_they_are_encoded(functions, destination, location):
    assert follow(functions, destination)["Location"] == location


def test_given_a_redirect_when_answered_then_the_linking_page_decides_over_the_referrer(functions):
    assert "Referrer-Policy" not in follow(functions, "https://example.com/")


VALUES: dict[str, list[Any]] = {
    "ttl_hours": [1, 24, 24.0, 2.4e1, 87_600, 87_600.0, 1e3, None, 0, 24.5, -24.0, 87_601.0, True, "24", [24], {}],
    "custom_code": ["abc", "a" * 20, None, "ab", "a" * 21, "a b", 123, 123.0, True, []],
    "redirect_type": ["301", "302", None, "303", "", 301, 301.0, 302, []],
    "original_url": ["https://example.com/", 1, True, [], {}],
    "unknown": [None, 1, ""],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in VALUES.items() for value in values])
def test_given_a_value_when_posted_then_it_is_taken_as_the_api_is_described(functions, field, value):
    body = {"original_url": "https://example.com/", field: value}
    schema = DOCUMENT["components"]["schemas"]["CreateRequest"]
    is_described = Draft202012Validator(schema).is_valid(body)

    status, _ = post(functions, body)

    assert status == (201 if is_described else 400)
