"""POST /create: make a short link, or find the one that is already there."""

import os
import time
from typing import TYPE_CHECKING, Any

from squrl import api, store, telemetry
from squrl.domains import DomainPolicy
from squrl.errors import InvalidUrl
from squrl.limiter import ClientLimiter
from squrl.links import Link, timestamp
from squrl.settings import CreateSettings
from squrl.shorten import CreateRequest, shorten

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SETTINGS = CreateSettings.from_environment(os.environ)
DYNAMODB = store.connect()
DOMAINS = DomainPolicy(DYNAMODB, SETTINGS.state_table_name)
LIMITER = ClientLimiter(
    DYNAMODB, SETTINGS.state_table_name, SETTINGS.client_key_id, SETTINGS.creates_per_minute_per_client
)


@telemetry.observed
def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event: an HTTP API's, or a direct invocation with the request itself."""

    def create(request: api.Request) -> api.Answer:
        origins = [*SETTINGS.origins, *request.origins]
        asked = CreateRequest.read(
            request.fields(),
            allow_private=SETTINGS.allow_private_destinations,
            own_hosts={api.host_of(origin) for origin in origins},
        )
        if not DOMAINS.current().permit(asked.kind.original_url):
            raise InvalidUrl("The URL must not lead to a domain that this service does not link to")
        now = int(time.time())
        if request.is_http:  # who may invoke the function is trusted
            LIMITER.check(request.source_ip, now)
        links = store.DynamoDBUrlStore(DYNAMODB, SETTINGS.table_name, context.get_remaining_time_in_millis())
        creator_ip = request.source_ip if SETTINGS.store_creator_ip else None
        link, created = shorten(asked, links, now, creator_ip=creator_ip)
        return _answer(link, created=created, base_url=next(iter(origins), None))

    return api.serve(event, create, has_domain=SETTINGS.domain_name != "")


def _answer(link: Link, *, created: bool, base_url: str | None) -> api.Answer:
    short_url = f"{base_url}/{link.short_code}" if base_url else None
    result = {
        "short_code": link.short_code,
        "original_url": link.kind.original_url,
        "short_url": short_url,
        "created_at": link.created_at,
        "expires_at": None if link.expires_at is None else timestamp(link.expires_at),
        "redirect_type": link.kind.redirect_type,
    }
    location = {"Location": short_url} if created and short_url else {}
    return api.Answer(201 if created else 200, result, api.NO_STORE | location)
