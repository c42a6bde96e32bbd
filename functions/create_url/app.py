"""POST /create: make a short link, or find the one that is already there."""

import gc

gc.disable()  # modules aren't garbage, so looking through them while they load only takes time; `observed` ends this

import os
import time
from typing import Any

from squrl import requests, telemetry
from squrl.authorize import identify, require
from squrl.aws.client import Service, connect
from squrl.aws.client_limiter import DayKey, TableClientLimiter
from squrl.aws.domain_lists import KnownDomainLists, RememberedDomainLists
from squrl.aws.durable_table import DurableTable
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.aws.keys import KnownKeys, RememberedKeys
from squrl.aws.links_table import KnownSecret, LinksTable, RememberedSecret
from squrl.destinations import Rules
from squrl.invocation import Invocation
from squrl.keys import OPERATOR, Identity, Role
from squrl.settings import CreateSettings
from squrl.shorten import Caller, Ports, admit, shorten
from squrl.web.answering import answer
from squrl.web.request import DIRECT, Request, host_of
from squrl.web.response import NO_STORE, Response, link_body

telemetry.quiet_libraries()
SETTINGS = CreateSettings(os.environ)
DYNAMODB = connect("dynamodb")
DOMAINS = KnownDomainLists()
SECRET = KnownSecret()
DAY_KEY = DayKey()
KEYS = KnownKeys()

# What who has no key is told of a link.
ANONYMOUS = ("short_code", "original_url", "short_url", "created_at", "expires_at", "redirect_type")


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> Any:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event: an HTTP API's, or a direct invocation with the request itself."""
    return answer(event, invocation, OPERATIONS, SETTINGS)


def create(request: Request, invocation: Invocation) -> Response:
    """Find or make the link that is asked for."""
    now = int(time.time())
    dynamodb = Service(DYNAMODB, invocation)
    durable = DurableTable(dynamodb, SETTINGS.durable_table_name)
    caller = Caller(_identity(request, durable, now), request.client_address, keeps_address=SETTINGS.store_creator_ip)
    admit(caller, _limiter(dynamodb), now)
    request.require_same_site(SETTINGS.origins, SETTINGS.cors_origin)
    origins = [*SETTINGS.origins, *request.origins]
    shortened = shorten(
        requests.read(requests.CreateRequest, request.fields()),
        caller,
        now,
        _ports(dynamodb, durable),
        Rules(SETTINGS.allow_private_destinations, frozenset(map(host_of, origins))),
    )
    telemetry.count(telemetry.URL_CREATION_COUNT if shortened.created else telemetry.URL_REUSE_COUNT)
    telemetry.annotate(shortened.link.short_code)
    link, base_url = shortened.link, next(iter(origins), None)
    body = link_body(link, base_url, now)
    if caller.identity is None:
        body = {name: body[name] for name in ANONYMOUS}
    location = {"Location": body["short_url"]} if shortened.created and base_url else {}
    return Response(201 if shortened.created else 200, body, NO_STORE | location)


def _identity(request: Request, keys: DurableTable, now: int) -> Identity | None:
    if not request.is_http:
        return OPERATOR
    anyone = SETTINGS.create_access == "anyone"
    identity = identify(request.token(), RememberedKeys(KEYS, keys), now, anyone=anyone)
    if identity:
        require(identity, Role.WRITE)
    return identity


def _limiter(dynamodb: Service) -> TableClientLimiter:
    return TableClientLimiter(
        DAY_KEY,
        EphemeralTable(dynamodb, SETTINGS.ephemeral_table_name),
        dynamodb.invocation,
        key_id=SETTINGS.client_key_id,
        limit=SETTINGS.creates_per_minute_per_client,
    )


def _ports(dynamodb: Service, durable: DurableTable) -> Ports:
    store = LinksTable(dynamodb, SETTINGS.table_name)
    return Ports(
        store,
        RememberedSecret(SECRET, store),
        RememberedDomainLists(DOMAINS, durable, dynamodb.invocation),
    )


OPERATIONS = {"POST /create": create, DIRECT: create}
