"""The sample events in events/, and what each is answered once `LINKS` are in the table."""

import json
from pathlib import Path
from typing import Any

from squrl.links import DISABLED, Kind, Link

FOLDER = Path(__file__).parents[2] / "events"

LINKS = (
    Link(
        "hello-squrl", Kind("https://example.com/welcome", "301", None), "2026-11-22T10:30:00Z", None, custom_code=True
    ),
    Link(
        "taken-down",
        Kind("https://example.com/taken-down", "301", None),
        "2026-11-22T10:30:00Z",
        None,
        custom_code=True,
        status=DISABLED,
    ),
)

# file: status, and the error's name or None
ANSWERS: dict[str, tuple[int, str | None]] = {
    "create_url/http.json": (201, None),
    "create_url/http_base64.json": (201, None),
    "create_url/http_lifetime.json": (201, None),
    "create_url/http_custom_code.json": (200, None),
    "create_url/http_invalid_url.json": (400, "InvalidUrl"),
    "create_url/http_validation_error.json": (400, "ValidationError"),
    "create_url/http_validation_error_body.json": (400, "ValidationError"),
    "create_url/http_conflict_error.json": (409, "ConflictError"),
    "create_url/http_gone.json": (410, "Gone"),
    "create_url/direct.json": (201, None),
    "create_url/direct_lifetime.json": (201, None),
    "create_url/direct_custom_code.json": (200, None),
    "create_url/direct_invalid_url.json": (400, "InvalidUrl"),
    "create_url/direct_validation_error.json": (400, "ValidationError"),
    "create_url/direct_validation_error_body.json": (400, "ValidationError"),
    "create_url/direct_conflict_error.json": (409, "ConflictError"),
    "create_url/direct_gone.json": (410, "Gone"),
    "redirect/http.json": (301, None),
    "redirect/http_head.json": (301, None),
    "redirect/http_not_found.json": (404, "NotFound"),
    "redirect/http_not_found_malformed.json": (404, "NotFound"),
    "redirect/http_gone.json": (410, "Gone"),
    "redirect/direct.json": (301, None),
    "redirect/direct_not_found.json": (404, "NotFound"),
    "redirect/direct_gone.json": (410, "Gone"),
    "redirect/direct_validation_error.json": (400, "ValidationError"),
}

# file: the messages that have to come again, and the clicks that are counted on hello-squrl
BATCHES: dict[str, tuple[list[str], int]] = {
    "count_clicks/sqs.json": ([], 2),  # one click is there twice, another is on an earlier link of that code
    "count_clicks/sqs_malformed.json": (["059f36b4-87a3-44ab-83d2-661975000005"], 1),
}


# What AWS's other services send, cut down to what tells them apart: no function answers these.
OTHER_KINDS: dict[str, dict[str, Any]] = {
    "load balancer": {"requestContext": {"elb": {}}, "httpMethod": "GET", "headers": {}, "body": "{}"},
    "REST API": {"requestContext": {"httpMethod": "GET"}, "httpMethod": "GET", "headers": {}, "body": "{}"},
    "payload 1.0": {"version": "1.0", "requestContext": {}, "httpMethod": "GET", "body": "{}"},
    "payload 2.0 without a request": {"version": "2.0", "requestContext": {"http": None}, "body": "{}"},
    "function URL": {"version": "2.0", "rawPath": "/", "headers": {}, "body": "{}"},
    "WebSocket API": {"requestContext": {"routeKey": "$connect", "connectionId": "x"}},
    "custom authorizer": {"version": "2.0", "type": "REQUEST", "routeArn": "arn"},
    "queue": {"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]},
    "topic": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]},
    "bus": {"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}},
    "marks of any type": {"requestContext": "http", "original_url": "https://example.com/", "short_code": "abc"},
    "only headers": {"headers": None, "original_url": "https://example.com/", "short_code": "abc"},
}


def load(name: str) -> Any:
    """Return a sample event by its path below events/."""
    return json.loads((FOLDER / name).read_text())


def status_and_error(name: str, answer: dict[str, Any]) -> tuple[int, str | None]:
    """Return what a function's answer to a sample event comes to: a direct invocation's success has no status."""
    if "/http" in name:
        body = json.loads(answer["body"]) if answer["body"] else {}
        return answer["statusCode"], body.get("error")
    successful = 301 if name.startswith("redirect/") else ANSWERS[name][0]
    return answer.get("status", successful), answer.get("error")
