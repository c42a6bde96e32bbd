"""/{short_code}: send the visitor on, and count the click of a GET; with a ``+`` behind it, say where it leads."""

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
from squrl.bots import is_bot
from squrl.errors import NotFound, SqurlError, ValidationError
from squrl.follow import Followed, Outcome, Ports, RecentLinks, Visitor, follow
from squrl.forwarding import forward
from squrl.invocation import Invocation
from squrl.links import Link
from squrl.ports import StoreError
from squrl.settings import RedirectSettings
from squrl.web.answering import answer
from squrl.web.request import DIRECT, Request
from squrl.web.response import NO_STORE, Response, location

telemetry.quiet_libraries()
SETTINGS = RedirectSettings(os.environ)
DYNAMODB = connect("dynamodb")
DOMAINS = KnownDomainLists()
RECENT = RecentLinks()


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> Any:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event: an HTTP API's, or a direct invocation with a ``short_code``."""
    return answer(event, invocation, OPERATIONS, SETTINGS, SETTINGS)


def visit(request: Request, invocation: Invocation) -> Response:
    """Send a visitor on, and count the click; a bot doesn't learn where a link with a limit leads."""
    if request.is_preview:
        return preview(request, invocation)
    purposes = (request.header(name) for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
    visitor = Visitor.BOT if is_bot(request.header("user-agent"), *purposes) else Visitor.PERSON
    followed, now = _follow(request.short_code(), invocation, visitor)
    if followed.is_withheld:
        return _page(followed)
    return _redirect(followed.destination(), now, request)


def preview(request: Request, invocation: Invocation) -> Response:
    """Say where a link leads, and count nothing; one with a limit keeps it to itself."""
    followed, _ = _follow(request.short_code(), invocation, Visitor.ONLOOKER)
    link = followed.destination()
    if request.prefers_page:
        return _page(followed)
    original_url = None if followed.is_withheld else link.kind.original_url
    body = {"short_code": link.short_code, "original_url": original_url, "created_at": link.created_at}
    return Response(200, body, NO_STORE | {"Vary": "Accept"})


def probe(request: Request, invocation: Invocation) -> Response:
    """Tell where a link leads, and count nothing."""
    if request.is_preview:
        return preview(request, invocation).without_body()
    followed, now = _follow(request.short_code(), invocation, Visitor.ONLOOKER)
    return Response(200, headers=NO_STORE) if followed.is_withheld else _redirect(followed.destination(), now, request)


def press(request: Request, invocation: Invocation) -> Response:
    """Send on who pressed the button of a link with a limit: a person, whatever the user agent."""
    followed, _ = _follow(request.short_code(), invocation, Visitor.PERSON)
    return Response(303, headers=_headers(followed.destination(), request) | NO_STORE)


def resolve(request: Request, invocation: Invocation) -> Response:
    """Tell who invokes the function directly where a link leads, and count the click."""
    short_code, user_agent = (request.fields().get(name) for name in ("short_code", "user_agent"))
    if not isinstance(short_code, str):
        raise ValidationError([{"field": "short_code", "message": "short_code is required, and must be a string"}])
    is_a_bots = isinstance(user_agent, str) and is_bot(user_agent)
    followed, _ = _follow(short_code, invocation, Visitor.BOT if is_a_bots else Visitor.PERSON)
    kind = followed.destination().kind
    original_url = None if followed.is_withheld else kind.original_url
    return Response(200, {"original_url": original_url, "redirect_type": kind.redirect_type})


def _follow(short_code: str, invocation: Invocation, visitor: Visitor) -> tuple[Followed, int]:
    """Return what the visitor gets, which is a link, and when it was looked at."""
    dynamodb = Service(DYNAMODB, invocation)
    durable = DurableTable(dynamodb, SETTINGS.durable_table_name)
    ports = Ports(
        LinksTable(dynamodb, SETTINGS.table_name),
        SqsClickQueue(SETTINGS.click_queue_url, invocation),
        RememberedDomainLists(DOMAINS, durable, invocation),
        RECENT,
    )
    now = int(time.time())
    followed = follow(short_code, now, ports, visitor)
    _count(followed)
    telemetry.annotate(followed.destination().short_code)
    return followed, now


def _count(followed: Followed) -> None:
    if not isinstance(followed.miss, StoreError):
        telemetry.count(telemetry.URL_LOOKUP_COUNT)
    if isinstance(followed.miss, SqurlError):
        telemetry.count(telemetry.URL_LOOKUP_MISS)
    if followed.outcome is Outcome.QUEUED:
        telemetry.count(telemetry.CLICK_QUEUED)
    if followed.outcome is Outcome.UNCERTAIN:
        telemetry.count(telemetry.CLICK_UNCERTAIN)


def _redirect(link: Link, now: int, request: Request) -> Response:
    max_age = SETTINGS.permanent_max_age
    if link.kind.redirect_type == "301" and link.max_clicks is None:
        left = max_age if link.expires_at is None else min(max_age, link.expires_at - now)
        caching = {"Cache-Control": f"public, max-age={left}"}
    else:
        caching = NO_STORE  # so that every click is counted
    return Response(int(link.kind.redirect_type), headers=_headers(link, request) | caching)


def _headers(link: Link, request: Request) -> dict[str, str]:
    destination = link.kind.original_url
    if link.kind.forward_query:
        destination = forward(destination, request.raw_query)
    return {"Location": location(destination), "X-Short-Code": link.short_code}


def _page(followed: Followed) -> Response:
    from squrl.web.pages import preview, withheld  # noqa: PLC0415 (few visitors need one, and all would wait for it)

    return (withheld if followed.is_withheld else preview)(followed.destination(), SETTINGS)


def any_path(request: Request, invocation: Invocation) -> Response:
    """Answer what no other route takes: a code with a slash behind it, or nothing."""
    operation = {"GET": visit, "HEAD": probe, "POST": press}.get(request.method)
    if operation is None:
        raise NotFound("There is nothing here")
    return operation(request, invocation)


OPERATIONS = {
    "GET /{short_code}": visit,
    "HEAD /{short_code}": probe,
    "POST /{short_code}": press,
    "$default": any_path,
    DIRECT: resolve,
}
