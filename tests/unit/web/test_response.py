"""An answer's two forms, and what it says of errors."""

import base64
import json
import re

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl import errors
from squrl.web.response import Response, failure, location

EVERYWHERE = {"X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex"}
# Of what destinations consist behind their host.
stored = st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="\\")
STATUSES = {
    "InvalidUrl": 400,
    "ValidationError": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "ConflictError": 409,
    "Gone": 410,
    "PreconditionFailed": 412,
    "PayloadTooLarge": 413,
    "RateLimitExceeded": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
}


@pytest.mark.parametrize(
    ("body", "content_type", "sent", "direct"),
    [
        ({"a": None, "b": "ü"}, "application/json", {"body": '{"a": null, "b": "\\u00fc"}'}, {"a": None, "b": "ü"}),
        ("<p>ü</p>", "text/html", {"body": "<p>ü</p>"}, "<p>ü</p>"),
        ("", "text/plain", {"body": ""}, ""),
        ("ü".encode(), "image/png", {"body": base64.b64encode("ü".encode()).decode(), "isBase64Encoded": True}, "ü"),
    ],
    ids=["an object", "text", "no text", "bytes"],
)
def test_given_a_body_when_sent_then_it_has_its_type_and_its_form(body, content_type, sent, direct):
    response = Response(201, body, {"Location": "https://example.com/"}, content_type)

    answer = response.to_http(has_domain=False)

    headers = EVERYWHERE | {"Referrer-Policy": "no-referrer"}
    headers |= {"Location": "https://example.com/", "Content-Type": content_type}
    assert answer == {"statusCode": 201, "headers": headers} | sent
    assert response.to_direct() == direct


@pytest.mark.parametrize(("status", "is_told"), [(200, True), (301, False), (302, False), (404, True), (500, True)])
def test_given_a_redirect_when_sent_then_the_linking_page_decides_over_the_referrer(status, is_told):
    answer = Response(status).to_http(has_domain=True)

    assert answer["headers"].get("Referrer-Policy") == ("no-referrer" if is_told else None)


def test_given_no_body_when_sent_then_it_has_no_type():
    response = Response(301, headers={"Location": "https://example.com/"})

    answer = response.to_http(has_domain=False)

    assert answer == {"statusCode": 301, "headers": EVERYWHERE | {"Location": "https://example.com/"}, "body": ""}


@pytest.mark.parametrize("response", [Response(200, {}), Response(301), failure(errors.Gone("m"))], ids=str)
def test_given_a_domain_of_its_own_when_sent_then_browsers_use_https_only(response):
    told = [response.to_http(has_domain=has)["headers"].get("Strict-Transport-Security") for has in (True, False)]

    assert told == ["max-age=31536000", None]


@pytest.mark.parametrize("name", {error.__name__ for error in errors.SqurlError.__subclasses__()} | STATUSES.keys())
def test_given_an_error_when_told_then_it_has_the_contracts_form(name):
    details = [{"field": "body", "message": "m"}] if name == "ValidationError" else None

    error = getattr(errors, name)() if name == "Unauthorized" else getattr(errors, name)(details or "m")

    response = failure(error)

    body = {"error": name, "message": error.message, "details": details}
    answer, retry_after = response.to_http(has_domain=False), {"RateLimitExceeded": "1", "ServiceUnavailable": "1"}
    assert (answer["statusCode"], json.loads(answer["body"])) == (STATUSES[name], body)
    assert answer["headers"].items() >= {"Cache-Control": "no-store", "Content-Type": "application/json"}.items()
    assert answer["headers"].get("Retry-After") == retry_after.get(name)
    assert answer["headers"].get("WWW-Authenticate") == ("Bearer" if name == "Unauthorized" else None)
    assert response.to_direct() == body | {"status": STATUSES[name]}


def test_given_a_client_that_has_to_wait_when_told_then_it_is_told_how_long():
    response = failure(errors.RateLimitExceeded("m", retry_after=42))

    assert response.headers["Retry-After"] == "42"


@pytest.mark.parametrize(
    ("destination", "header"),
    [
        *[(same, same) for same in ("https://example.com", "https://example.com/a/../b?c=d&e=f+g%20h#i%7E%zz%")],
        *[
            (same, same)
            for same in ["https://example.com/[]|'!$&()*+,;=:@~", "https://example.com?", "http://[2606::1]#?"]
        ],
        ('https://example.com/{}^`<>"', "https://example.com/%7B%7D%5E%60%3C%3E%22"),
        ("https://example.com?'<>\"{}^`|", "https://example.com?%27%3C%3E%22{}^`|"),
        ("https://example.com#`<>\"'{}^|?#", "https://example.com#%60%3C%3E%22'{}^|?#"),
        ("https://example.com/é?ü=ö#ä", "https://example.com/%C3%A9?%C3%BC=%C3%B6#%C3%A4"),
        ("https://example.com/日本/%E6", "https://example.com/%E6%97%A5%E6%9C%AC/%E6"),
        ("https://example.com/🐿", "https://example.com/%F0%9F%90%BF"),
        ("https://example.com/e\u0301\u200b\ufeff", "https://example.com/e%CC%81%E2%80%8B%EF%BB%BF"),
    ],
)
def test_given_a_destination_when_in_a_header_then_it_is_ascii(destination, header):
    encoded = location(destination)

    assert encoded == header


@given(st.text(stored, max_size=60))
def test_given_any_destination_when_a_browser_reads_the_header_then_it_goes_there(tail):
    destination = f"https://example.com/{tail}"

    encoded = location(destination)

    assert re.fullmatch("[!-~]+", encoded)
    assert ada_url.URL(encoded).href == ada_url.URL(destination).href
    assert location(encoded) == encoded


# Without dot segments, which stay as they are.
@given(st.text(stored.filter(lambda one: one not in ".%?#"), max_size=30), st.sampled_from("?#"), st.text(stored))
def test_given_a_destination_when_in_a_header_then_it_is_the_url_standards_own_text(path, mark, behind):
    destination = f"https://example.com/{path}{mark}{behind}"

    encoded = location(destination)

    assert encoded == ada_url.URL(destination).href
