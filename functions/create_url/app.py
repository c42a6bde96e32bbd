"""POST /create: make a short link, or find the one that is already there."""

import gc

gc.disable()  # modules aren't garbage, so looking through them while they load only takes time; `observed` ends this

import os
import time
from typing import Any

from squrl import requests, telemetry
from squrl.aws.client import Service, connect
from squrl.aws.client_limiter import DayKey, TableClientLimiter
from squrl.aws.domain_lists import KnownDomainLists, RememberedDomainLists
from squrl.aws.durable_table import DurableTable
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.aws.links_table import LinksTable
from squrl.destinations import Rules
from squrl.invocation import Invocation
from squrl.links import timestamp
from squrl.settings import CreateSettings
from squrl.shorten import Caller, Ports, Shortened, shorten
from squrl.web.answering import answer
from squrl.web.request import DIRECT, Request, host_of
from squrl.web.response import NO_STORE, Response

telemetry.quiet_libraries()
SETTINGS = CreateSettings.from_environment(os.environ)
DYNAMODB = connect("dynamodb")
DOMAINS = KnownDomainLists()
DAY_KEY = DayKey()


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> Any:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event: an HTTP API's, or a direct invocation with the request itself."""
    return answer(event, invocation, OPERATIONS, has_domain=SETTINGS.domain_name != "")


def create(request: Request, invocation: Invocation) -> Response:
    """Find or make the link that is asked for."""
    origins = [*SETTINGS.origins, *request.origins]
    shortened = shorten(
        requests.read(requests.CreateRequest, request.fields()),
        Caller(request.source_ip, keeps_address=SETTINGS.store_creator_ip),
        int(time.time()),
        _ports(Service(DYNAMODB, invocation)),
        Rules(SETTINGS.allow_private_destinations, frozenset(map(host_of, origins))),
    )
    telemetry.count(telemetry.URL_CREATION_COUNT if shortened.created else telemetry.URL_REUSE_COUNT)
    telemetry.annotate(shortened.link.short_code)
    return _response(shortened, next(iter(origins), None))


def _ports(dynamodb: Service) -> Ports:
    durable = DurableTable(dynamodb, SETTINGS.durable_table_name)
    limiter = TableClientLimiter(
        DAY_KEY,
        EphemeralTable(dynamodb, SETTINGS.ephemeral_table_name),
        dynamodb.invocation,
        key_id=SETTINGS.client_key_id,
        limit=SETTINGS.creates_per_minute_per_client,
    )
    return Ports(
        LinksTable(dynamodb, SETTINGS.table_name),
        RememberedDomainLists(DOMAINS, durable, dynamodb.invocation),
        limiter,
    )


def _response(shortened: Shortened, base_url: str | None) -> Response:
    link, created = shortened
    short_url = f"{base_url}/{link.short_code}" if base_url else None
    body = {
        "short_code": link.short_code,
        "original_url": link.kind.original_url,
        "short_url": short_url,
        "created_at": link.created_at,
        "expires_at": None if link.expires_at is None else timestamp(link.expires_at),
        "redirect_type": link.kind.redirect_type,
    }
    location = {"Location": short_url} if created and short_url else {}
    return Response(201 if created else 200, body, NO_STORE | location)


OPERATIONS = {"POST /create": create, DIRECT: create}
