"""From an event to its answer: by its route, in its form, and never with an exception."""

import json
from typing import Any

import pytest

from squrl import errors, telemetry
from squrl.invocation import Invocation
from squrl.ports import Throttled, Unavailable
from squrl.settings import ApiSettings
from squrl.web.answering import answer
from squrl.web.request import DIRECT
from squrl.web.response import Response
from tests.support.aws import refusal

HTTP: dict[str, Any] = {
    "routeKey": "GET /{short_code}",
    "requestContext": {"http": {"method": "GET", "sourceIp": "192.0.2.44"}},
}
EVENTS = pytest.mark.parametrize("event", [HTTP, {}], ids=["http", "direct"])


@pytest.fixture(autouse=True)
def _metrics():
    yield
    telemetry.metrics.clear_metrics()


def raising(error: Exception) -> Any:
    def operation(request, invocation):
        raise error

    return operation


def settings(origin_secret: str = "", domain_name: str = "") -> ApiSettings:
    return ApiSettings(
        {
            "TABLE_NAME": "squrl-urls-test",
            "DURABLE_TABLE_NAME": "squrl-durable-test",
            "DOMAIN_NAME": domain_name,
            "ORIGIN_SECRET": origin_secret,
        }
    )


def result(event: Any, operations: dict[str, Any], origin_secret: str = "") -> tuple[int, dict[str, Any]]:
    """Return status and body of an answer, in whichever form its event asks for."""
    told = answer(event, Invocation(5000), operations, settings(origin_secret))
    return (told["statusCode"], json.loads(told["body"])) if "statusCode" in told else (told.pop("status", 200), told)


@EVENTS
def test_given_a_route_when_asked_for_then_its_operation_answers(event):
    routes = {
        route: lambda request, invocation, r=route: Response(200, {"route": r}) for route in (HTTP["routeKey"], DIRECT)
    }

    told = result(event, routes)

    assert told == (200, {"route": event.get("routeKey", DIRECT)})


@pytest.mark.parametrize("route", ["$default", "POST /create", None, 42, [], "direct "])
def test_given_a_route_that_is_not_in_the_table_when_asked_for_then_it_is_not_found(route):
    status, body = result(
        HTTP | {"routeKey": route}, {DIRECT: raising(KeyError()), HTTP["routeKey"]: raising(KeyError())}
    )

    assert (status, body["error"]) == (404, "NotFound")


@EVENTS
@pytest.mark.parametrize(
    ("raised", "status", "name"),
    [
        (Throttled(), 429, "RateLimitExceeded"),
        (Unavailable(), 503, "ServiceUnavailable"),
        (errors.Gone("m"), 410, "Gone"),
        (errors.ValidationError([{"field": "ttl_hours", "message": "m"}]), 400, "ValidationError"),
    ],
    ids=repr,
)
def test_given_an_expected_error_when_raised_then_it_is_told(event, raised, status, name):
    told = result(event, dict.fromkeys((HTTP["routeKey"], DIRECT), raising(raised)))

    assert (told[0], told[1]["error"], told[1]["details"]) == (status, name, getattr(raised, "details", None))


@EVENTS
@pytest.mark.parametrize(
    "cause",
    [
        *(KeyError("secret"), RecursionError("secret"), UnicodeEncodeError("utf-8", "secret", 0, 1, "secret")),
        *(type("SecretError", (Exception,), {"response": {"Error": {"Code": "secret"}}})("secret"), refusal("secret")),
    ],
    ids=lambda cause: type(cause).__name__,
)
def test_given_a_defect_when_raised_then_nothing_of_the_inside_is_told(event, cause):
    status, body = result(event, dict.fromkeys((HTTP["routeKey"], DIRECT), raising(cause)))

    assert (status, body["error"], body["details"]) == (500, "InternalServerError", None)
    assert "secret" not in str(body).lower()
    assert type(cause).__name__ not in str(body)


def addressed(request: Any, invocation: Invocation) -> Response:
    return Response(200, {"client": request.client_address})


CDN = {"CloudFront-Viewer-Address": "198.51.100.10:46532"}


@pytest.mark.parametrize(
    ("secret", "headers", "client"),
    [
        ("", CDN | {"X-Origin-Secret": "any"}, "192.0.2.44"),  # anybody may write these headers
        ("s3cret", CDN | {"X-Origin-Secret": "s3cret"}, "198.51.100.10"),
        ("s3cret", CDN | {"X-Origin-Secret": "s3cret "}, None),
        ("s3cret", CDN | {"X-Origin-Secret": "\u00e9\ud800"}, None),
        ("s3cret", CDN | {"X-Origin-Secret": ["s3cret"]}, None),
        ("s3cret", CDN | {"X-Origin-Secret": ""}, None),
        ("s3cret", CDN, None),
    ],
    ids=ascii,
)
def test_given_a_cdn_or_none_when_requested_then_its_secret_opens_the_door(secret, headers, client):
    told = result(HTTP | {"headers": headers}, {HTTP["routeKey"]: addressed}, secret)

    assert told[0] == (403 if client is None else 200)
    assert (told[1].get("error"), told[1].get("client")) == ("Forbidden" if client is None else None, client)


def test_given_a_cdn_when_invoked_directly_then_iam_has_opened_the_door():
    assert result({}, {DIRECT: addressed}, "s3cret") == (200, {"client": None})


@pytest.mark.parametrize(("domain", "is_told"), [("go.example.com", True), ("", False)])
@pytest.mark.parametrize("event", [HTTP, {"Records": []}], ids=["http", "another kind"])
def test_given_a_domain_when_answered_then_browsers_use_https_only(event, domain, is_told):
    told = answer(event, Invocation(5000), {}, settings(domain_name=domain))

    assert ("Strict-Transport-Security" in told["headers"]) is is_told
