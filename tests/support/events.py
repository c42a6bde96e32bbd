"""The sample events in events/, and what each is answered once `LINKS` are in the table."""

import hashlib
import json
from pathlib import Path
from typing import Any

from squrl import keys
from squrl.keys import Role
from squrl.links import DELETED, DISABLED, MAX_DAYS, Kind, Link

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
    Link(
        "summer-sale",
        Kind("https://example.com/sale", "302", 720, "marketing"),
        "2026-11-22T10:30:00Z",
        1_900_000_000,
        custom_code=True,
        title="Summer sale",
        tags=frozenset({"shop"}),
        revision=4,
    ),
    Link("theirs", Kind("https://example.com/theirs", "301", None, "sales"), "2026-11-22T10:30:00Z", None),
    Link("nobodys", Kind("https://example.com/nobodys", "301", None), "2026-11-22T10:30:00Z", None),
    Link(
        "first-hundred",
        Kind("https://example.com/first-hundred", "302", None),
        "2026-11-22T10:30:00Z",
        None,
        custom_code=True,
        max_clicks=100,
        click_limit=100,
    ),
    Link(
        "used-up",
        Kind("https://example.com/used-up", "302", None),
        "2026-11-22T10:30:00Z",
        None,
        custom_code=True,
        click_count=1,
        days={20_780: 1},
        max_clicks=1,
        click_limit=1,
    ),
    Link(
        "forwarding",
        Kind("https://example.com/landing?utm_source=print&lang=en#top", "302", None, forward_query=True),
        "2026-11-22T10:30:00Z",
        None,
        custom_code=True,
    ),
    Link(  # with more days in its row than stay there: January 2nd to February 6th
        "evergreen",
        Kind("https://example.com/evergreen", "301", None),
        "2025-01-01T00:00:00Z",
        None,
        custom_code=True,
        click_count=40,
        bot_click_count=4,
        days=dict.fromkeys(range(20_090, 20_090 + MAX_DAYS + 1), 1),
    ),
    Link("deleted", Kind("", "301", None, "marketing"), "2026-11-22T10:30:00Z", None, status=DELETED),
)

# The keys that the sample events show: their texts are fixed.
SECRET_TEXT = ("SampleEventsOnly" * 3)[: keys.SECRET_LENGTH]
KEYS = tuple(
    keys.Key(id_, hashlib.sha256(SECRET_TEXT.encode()).digest(), "sample", "marketing", role, 1_795_343_400)
    for id_, role in {"Reader01": Role.READ, "Writer01": Role.WRITE, "Admin001": Role.ADMIN}.items()
)

# file: status, and the error's name or None
ANSWERS: dict[str, tuple[int, str | None]] = {
    "create_url/http.json": (201, None),
    "create_url/http_base64.json": (201, None),
    "create_url/http_lifetime.json": (201, None),
    "create_url/http_custom_code.json": (200, None),
    "create_url/http_with_key.json": (201, None),
    "create_url/http_max_clicks.json": (201, None),
    "create_url/http_unauthorized.json": (401, "Unauthorized"),
    "create_url/http_invalid_url.json": (400, "InvalidUrl"),
    "create_url/http_validation_error.json": (400, "ValidationError"),
    "create_url/http_validation_error_max_clicks.json": (400, "ValidationError"),
    "create_url/http_validation_error_body.json": (400, "ValidationError"),
    "create_url/http_conflict_error.json": (409, "ConflictError"),
    "create_url/http_gone.json": (410, "Gone"),
    "create_url/http_forbidden.json": (403, "Forbidden"),
    "create_url/http_payload_too_large.json": (413, "PayloadTooLarge"),
    "create_url/direct.json": (201, None),
    "create_url/direct_lifetime.json": (201, None),
    "create_url/direct_custom_code.json": (200, None),
    "create_url/direct_invalid_url.json": (400, "InvalidUrl"),
    "create_url/direct_validation_error.json": (400, "ValidationError"),
    "create_url/direct_validation_error_body.json": (400, "ValidationError"),
    "create_url/direct_conflict_error.json": (409, "ConflictError"),
    "create_url/direct_gone.json": (410, "Gone"),
    "redirect/http.json": (301, None),
    "redirect/http_302.json": (302, None),
    "redirect/http_bot.json": (301, None),
    "redirect/http_prefetch.json": (301, None),
    "redirect/http_forward_query.json": (302, None),
    "redirect/http_withheld.json": (200, None),
    "redirect/http_button.json": (303, None),
    "redirect/http_button_not_found.json": (404, "NotFound"),
    "redirect/http_button_gone.json": (410, "Gone"),
    "redirect/http_head.json": (301, None),
    "redirect/http_head_302.json": (302, None),
    "redirect/http_head_withheld.json": (200, None),
    "redirect/http_head_gone.json": (410, "Gone"),
    "redirect/http_head_not_found.json": (404, "NotFound"),
    "redirect/http_not_found.json": (404, "NotFound"),
    "redirect/http_not_found_malformed.json": (404, "NotFound"),
    "redirect/http_gone.json": (410, "Gone"),
    "redirect/http_gone_used_up.json": (410, "Gone"),
    "redirect/http_preview.json": (200, None),
    "redirect/http_preview_page.json": (200, None),
    "redirect/http_not_found_page.json": (404, None),
    "redirect/http_gone_page.json": (410, None),
    "redirect/direct.json": (301, None),
    "redirect/direct_withheld.json": (200, None),
    "redirect/direct_not_found.json": (404, "NotFound"),
    "redirect/direct_gone.json": (410, "Gone"),
    "redirect/direct_validation_error.json": (400, "ValidationError"),
    "pages/http_home.json": (200, None),
    "pages/http_qr.json": (200, None),
    "pages/http_qr_png.json": (200, None),
    "pages/http_qr_validation_error.json": (400, "ValidationError"),
    "pages/http_qr_not_found.json": (404, "NotFound"),
    "pages/http_qr_gone.json": (410, "Gone"),
    "pages/http_health.json": (200, None),
    "pages/http_docs.json": (200, None),
    "pages/http_robots.json": (200, None),
    "manage_links/http_list.json": (200, None),
    "manage_links/http_list_validation_error.json": (400, "ValidationError"),
    "manage_links/http_list_forbidden.json": (403, "Forbidden"),
    "manage_links/http_list_unauthorized.json": (401, "Unauthorized"),
    "manage_links/http_see.json": (200, None),
    "manage_links/http_see_not_found.json": (404, "NotFound"),
    "manage_links/http_see_unauthorized.json": (401, "Unauthorized"),
    "manage_links/http_change.json": (200, None),
    "manage_links/http_change_max_clicks.json": (200, None),
    "manage_links/http_change_if_match.json": (200, None),
    "manage_links/http_change_disable.json": (200, None),
    "manage_links/http_change_invalid_url.json": (400, "InvalidUrl"),
    "manage_links/http_change_validation_error.json": (400, "ValidationError"),
    "manage_links/http_change_forbidden.json": (403, "Forbidden"),
    "manage_links/http_change_not_found.json": (404, "NotFound"),
    "manage_links/http_change_gone.json": (410, "Gone"),
    "manage_links/http_change_precondition_failed.json": (412, "PreconditionFailed"),
    "manage_links/http_change_payload_too_large.json": (413, "PayloadTooLarge"),
    "manage_links/http_delete.json": (204, None),
    "manage_links/http_delete_again.json": (204, None),
    "manage_links/http_delete_release.json": (204, None),
    "manage_links/http_delete_validation_error.json": (400, "ValidationError"),
    "manage_links/http_delete_forbidden.json": (403, "Forbidden"),
    "manage_links/http_delete_not_found.json": (404, "NotFound"),
    "manage_links/http_delete_precondition_failed.json": (412, "PreconditionFailed"),
    "manage_links/http_stats.json": (200, None),
    "manage_links/http_stats_validation_error.json": (400, "ValidationError"),
    "manage_links/http_stats_not_found.json": (404, "NotFound"),
    "manage_links/http_bulk_create.json": (200, None),
    "manage_links/http_bulk_create_validation_error.json": (400, "ValidationError"),
    "manage_links/http_bulk_create_forbidden.json": (403, "Forbidden"),
    "manage_links/http_bulk_change.json": (200, None),
    "manage_links/http_bulk_change_validation_error.json": (400, "ValidationError"),
    "manage_links/http_import.json": (200, None),
    "manage_links/http_import_forbidden.json": (403, "Forbidden"),
    "manage_links/http_import_validation_error.json": (400, "ValidationError"),
    "manage_links/direct_list.json": (200, None),
    "manage_links/direct_list_of_owner.json": (200, None),
    "manage_links/direct_list_validation_error.json": (400, "ValidationError"),
    "manage_links/direct_see.json": (200, None),
    "manage_links/direct_see_not_found.json": (404, "NotFound"),
    "manage_links/direct_stats.json": (200, None),
    "manage_links/direct_change.json": (200, None),
    "manage_links/direct_change_validation_error.json": (400, "ValidationError"),
    "manage_links/direct_change_gone.json": (410, "Gone"),
    "manage_links/direct_change_forbidden.json": (403, "Forbidden"),
    "manage_links/direct_delete.json": (204, None),
    "manage_links/direct_delete_release.json": (204, None),
    "manage_links/direct_bulk_create.json": (200, None),
    "manage_links/direct_bulk_change.json": (200, None),
    "manage_links/direct_import.json": (200, None),
    "manage_links/direct_make_key.json": (201, None),
    "manage_links/direct_make_key_validation_error.json": (400, "ValidationError"),
    "manage_links/direct_list_keys.json": (200, None),
    "manage_links/direct_revoke_key.json": (204, None),
    "manage_links/direct_revoke_key_validation_error.json": (400, "ValidationError"),
    "manage_links/direct_see_domains.json": (200, None),
    "manage_links/direct_change_domains.json": (200, None),
    "manage_links/direct_change_domains_validation_error.json": (400, "ValidationError"),
    "manage_links/direct_not_found.json": (404, "NotFound"),
    "manage_links/direct_validation_error.json": (400, "ValidationError"),
}

# file: the messages that have to come again, and the clicks that are counted on hello-squrl
BATCHES: dict[str, tuple[list[str], int]] = {
    "count_clicks/sqs.json": ([], 2),  # one click is there twice, another is on an earlier link of that code
    "count_clicks/sqs_malformed.json": (["059f36b4-87a3-44ab-83d2-661975000005"], 1),
    "count_clicks/sqs_old_days.json": ([], 0),
}


# file: the events that are published, by their codes; what is no caller's is dropped, here by the function itself
STREAMS: dict[str, list[tuple[str, str]]] = {
    "publish_changes/stream_created.json": [("told", "Link Created")],
    "publish_changes/stream_changed.json": [("told", "Link Changed")],
    "publish_changes/stream_disabled.json": [("told", "Link Disabled")],
    "publish_changes/stream_enabled.json": [("told", "Link Enabled")],
    "publish_changes/stream_deleted.json": [("told", "Link Deleted")],
    "publish_changes/stream_released.json": [("told", "Link Deleted")],
    "publish_changes/stream_collected.json": [("told", "Link Collected")],
    "publish_changes/stream_click.json": [],
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
        is_json = answer["headers"].get("Content-Type") == "application/json"
        body = json.loads(answer["body"]) if is_json else {}
        return answer["statusCode"], body.get("error")
    if name.startswith("manage_links/"):
        return answer["status"], (answer["body"] or {}).get("error")
    if "error" in answer:
        return answer["status"], answer["error"]
    return ANSWERS[name][0], None
