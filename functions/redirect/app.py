"""GET and HEAD /{short_code}: send the visitor on, and count the click of a GET."""

import os
import time
from typing import TYPE_CHECKING, Any

from squrl import api, store, telemetry
from squrl.clicks import SqsClickQueue
from squrl.domains import DomainPolicy
from squrl.errors import Gone, ValidationError
from squrl.follow import follow
from squrl.links import Link
from squrl.settings import RedirectSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MAX_AGE = 3600  # seconds for which a browser may follow a 301 without asking again

SETTINGS = RedirectSettings.from_environment(os.environ)
DYNAMODB = store.connect()
DOMAINS = DomainPolicy(DYNAMODB, SETTINGS.state_table_name)


@telemetry.observed
def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event: an HTTP API's, or a direct invocation with a ``short_code``."""

    def redirect(request: api.Request) -> api.Answer:
        lists = DOMAINS.current()  # before the time is looked at: it may have taken some
        remaining_ms = context.get_remaining_time_in_millis()
        links = store.DynamoDBUrlStore(DYNAMODB, SETTINGS.table_name, remaining_ms)
        queue = SqsClickQueue(SETTINGS.click_queue_url, remaining_ms) if SETTINGS.click_queue_url else None
        now = int(time.time())
        link = follow(_short_code(request), links, now, click=request.method != "HEAD", queue=queue)
        if not lists.permit(link.kind.original_url):
            raise Gone("Links to this domain were disabled")
        return _answer(link, now)

    return api.serve(event, redirect, has_domain=SETTINGS.domain_name != "")


def _short_code(request: api.Request) -> str:
    if request.is_http:
        return request.path_parameter("short_code")
    short_code = request.fields().get("short_code")
    if not isinstance(short_code, str):
        raise ValidationError([{"field": "short_code", "message": "short_code is required, and must be a string"}])
    return short_code


def _answer(link: Link, now: int) -> api.Answer:
    destination, redirect_type, _ = link.kind
    if redirect_type == "301":
        max_age = MAX_AGE if link.expires_at is None else min(MAX_AGE, link.expires_at - now)
        caching = f"public, max-age={max_age}"
    else:
        caching = "no-store"  # so that every click is counted
    return api.Answer(
        int(redirect_type),
        {"original_url": destination, "redirect_type": redirect_type},
        {"Location": api.location(destination), "X-Short-Code": link.short_code, "Cache-Control": caching},
        has_body=False,
    )
