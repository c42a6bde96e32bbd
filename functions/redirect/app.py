"""GET and HEAD /{short_code}: send the visitor on, and count the click of a GET."""

import gc

gc.disable()  # modules aren't garbage, so looking through them while they load only takes time; `observed` ends this

import os
import time
from typing import Any

from squrl import telemetry
from squrl.aws.click_queue import SqsClickQueue
from squrl.aws.client import Service, connect
from squrl.aws.domain_lists import KnownDomainLists, RememberedDomainLists
from squrl.aws.durable_table import DurableTable
from squrl.aws.links_table import LinksTable
from squrl.errors import NotFound, SqurlError, ValidationError
from squrl.follow import Followed, Outcome, Ports, RecentLinks, follow
from squrl.invocation import Invocation
from squrl.links import Link
from squrl.ports import StoreError
from squrl.settings import RedirectSettings
from squrl.web.answering import answer
from squrl.web.request import DIRECT, Request
from squrl.web.response import PERMANENT_MAX_AGE, Response, location

telemetry.quiet_libraries()
SETTINGS = RedirectSettings.from_environment(os.environ)
DYNAMODB = connect("dynamodb")
DOMAINS = KnownDomainLists()
RECENT = RecentLinks()


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> Any:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event: an HTTP API's, or a direct invocation with a ``short_code``."""
    return answer(event, invocation, OPERATIONS, SETTINGS)


def visit(request: Request, invocation: Invocation) -> Response:
    """Send a visitor on, and count the click."""
    return _redirect(*_follow(request.short_code(), invocation))


def probe(request: Request, invocation: Invocation) -> Response:
    """Tell where a link leads, and count nothing."""
    return _redirect(*_follow(request.short_code(), invocation, is_click=False))


def resolve(request: Request, invocation: Invocation) -> Response:
    """Tell who invokes the function directly where a link leads, and count the click."""
    short_code = request.fields().get("short_code")
    if not isinstance(short_code, str):
        raise ValidationError([{"field": "short_code", "message": "short_code is required, and must be a string"}])
    link, _ = _follow(short_code, invocation)
    return Response(200, {"original_url": link.kind.original_url, "redirect_type": link.kind.redirect_type})


def _follow(short_code: str, invocation: Invocation, *, is_click: bool = True) -> tuple[Link, int]:
    """Return the link, and when it was looked at."""
    dynamodb = Service(DYNAMODB, invocation)
    durable = DurableTable(dynamodb, SETTINGS.durable_table_name)
    ports = Ports(
        LinksTable(dynamodb, SETTINGS.table_name),
        SqsClickQueue(SETTINGS.click_queue_url, invocation),
        RememberedDomainLists(DOMAINS, durable, invocation),
        RECENT,
    )
    now = int(time.time())
    followed = follow(short_code, now, ports, is_click=is_click)
    _count(followed)
    link = followed.destination()
    telemetry.annotate(link.short_code)
    return link, now


def _count(followed: Followed) -> None:
    if not isinstance(followed.miss, StoreError):
        telemetry.count(telemetry.URL_LOOKUP_COUNT)
    if isinstance(followed.miss, SqurlError):
        telemetry.count(telemetry.URL_LOOKUP_MISS)
    if followed.outcome is Outcome.QUEUED:
        telemetry.count(telemetry.CLICK_QUEUED)
    if followed.outcome is Outcome.UNCERTAIN:
        telemetry.count(telemetry.CLICK_UNCERTAIN)


def _redirect(link: Link, now: int) -> Response:
    destination, redirect_type = link.kind.original_url, link.kind.redirect_type
    if redirect_type == "301":
        left = PERMANENT_MAX_AGE if link.expires_at is None else min(PERMANENT_MAX_AGE, link.expires_at - now)
        caching = f"public, max-age={left}"
    else:
        caching = "no-store"  # so that every click is counted
    headers = {"Location": location(destination), "X-Short-Code": link.short_code, "Cache-Control": caching}
    return Response(int(redirect_type), headers=headers)


def any_path(request: Request, invocation: Invocation) -> Response:
    """Answer what no other route takes: a code with a slash behind it, or nothing."""
    operation = {"GET": visit, "HEAD": probe}.get(request.method)
    if operation is None:
        raise NotFound("There is nothing here")
    return operation(request, invocation)


OPERATIONS = {"GET /{short_code}": visit, "HEAD /{short_code}": probe, "$default": any_path, DIRECT: resolve}
