"""What people see: the web page at / with what it loads, QR codes, and what crawlers and browsers ask a host for."""

import gc

gc.disable()  # modules aren't garbage, so looking through them while they load only takes time; `observed` ends this

import os
import time
from typing import Any

from site_files import SiteFiles

import squrl
from squrl import telemetry
from squrl.aws.client import Service, connect
from squrl.aws.domain_lists import KnownDomainLists, RememberedDomainLists
from squrl.aws.durable_table import DurableTable
from squrl.aws.links_table import LinksTable
from squrl.errors import NotFound
from squrl.follow import look
from squrl.invocation import Invocation
from squrl.links import timestamp
from squrl.settings import PagesSettings
from squrl.web.answering import Operation, answer
from squrl.web.request import Request
from squrl.web.response import NO_STORE, Response

telemetry.quiet_libraries()
SETTINGS = PagesSettings(os.environ)
DYNAMODB = connect("dynamodb")
DOMAINS = KnownDomainLists()
FILES = SiteFiles(SETTINGS)

YEAR = 365 * 86_400  # seconds
# Link previews are made by crawlers: they may follow links. Nobody needs the API's answers in an index.
ROBOTS = """User-agent: *
Disallow: /create
Disallow: /links
Disallow: /*+$
Disallow: /*/qr
"""


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> Any:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event of an HTTP API; a direct invocation has nothing to ask."""
    return answer(event, invocation, OPERATIONS, SETTINGS, SETTINGS)


def see_home(_request: Request, _invocation: Invocation) -> Response:
    """Return the web page, or send visitors to the operator's own."""
    if SETTINGS.home_url:
        return Response(302, headers=NO_STORE | {"Location": SETTINGS.home_url})
    return FILES.home()


def see_asset(request: Request, _invocation: Invocation) -> Response:
    """Return what the web page loads."""
    return FILES.asset(request.path_parameter("name"))


def see_qr_code(request: Request, invocation: Invocation) -> Response:
    """Return a link's short URL as a QR code, and count nothing."""
    from squrl.web import qr  # noqa: PLC0415 (most requests need none)

    wanted = qr.Look.read(request.query)
    dynamodb = Service(DYNAMODB, invocation)
    domains = RememberedDomainLists(DOMAINS, DurableTable(dynamodb, SETTINGS.durable_table_name), invocation)
    store = LinksTable(dynamodb, SETTINGS.table_name)
    link = look(request.path_parameter("short_code"), int(time.time()), store, domains).destination()
    origin = next(iter([*SETTINGS.origins, *request.origins]))
    return qr.qr_code(f"{origin}/{link.short_code}", wanted)


def see_health(_request: Request, invocation: Invocation) -> Response:
    """Tell whether the table can be read: a code that no link can have is looked for in it."""
    try:
        LinksTable(Service(DYNAMODB, invocation), SETTINGS.table_name).get("health")
    except Exception as cause:  # noqa: BLE001 (whatever keeps the table from being read)
        telemetry.logger.warning("The table can't be read", cause=type(cause).__qualname__)
        return Response(503, {"status": "fail", "version": squrl.__version__}, NO_STORE)
    return Response(200, {"status": "pass", "version": squrl.__version__}, NO_STORE)


def see_security_contact(_request: Request, _invocation: Invocation) -> Response:
    """Tell whom to tell of a weakness (RFC 9116)."""
    if not SETTINGS.security_contact:
        raise NotFound("There is nothing here")
    expires = timestamp(int(time.time()) + YEAR)
    body = f"Contact: {SETTINGS.security_contact}\nExpires: {expires}\nPreferred-Languages: en\n"
    return Response(200, body, {"Cache-Control": "public, max-age=86400"}, "text/plain; charset=utf-8")


def see_robots(_request: Request, _invocation: Invocation) -> Response:
    """Tell crawlers what to leave alone (RFC 9309)."""
    return Response(200, ROBOTS, {"Cache-Control": "public, max-age=86400"}, "text/plain; charset=utf-8")


def see_favicon(_request: Request, _invocation: Invocation) -> Response:
    """Return the icon for browsers that ask without having read a page."""
    return FILES.icon()


def see_description(_request: Request, _invocation: Invocation) -> Response:
    """Return the API's description, for programs."""
    return FILES.description()


def see_docs(_request: Request, _invocation: Invocation) -> Response:
    """Return the API's description, for people."""
    return FILES.docs()


def _without_body(operation: Operation) -> Operation:
    """Return an operation for HEAD: as for GET, but for the body."""
    return lambda request, invocation: operation(request, invocation).without_body()


READERS = {
    "/": see_home,
    "/assets/{name}": see_asset,
    "/{short_code}/qr": see_qr_code,
    "/robots.txt": see_robots,
    "/favicon.ico": see_favicon,
    "/.well-known/security.txt": see_security_contact,
    "/health": see_health,
    "/openapi.yaml": see_description,
    "/docs": see_docs,
}
OPERATIONS = {f"GET {path}": operation for path, operation in READERS.items()} | {
    f"HEAD {path}": _without_body(operation) for path, operation in READERS.items()
}
