"""From an event to its answer: a table says which operation each route has, the same way for every function.

The table is a dict, where Powertools' Event Handler would be a router: direct invocations go the same way as the API's
requests, and redirect loads nothing that it doesn't use.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from squrl import telemetry
from squrl.errors import (
    Forbidden,
    InternalServerError,
    NotFound,
    RateLimitExceeded,
    ServiceUnavailable,
    SqurlError,
    ValidationError,
)
from squrl.invocation import Invocation
from squrl.ports import Throttled, Unavailable
from squrl.settings import ApiSettings, PageSettings
from squrl.web.request import Request, UnknownEventError
from squrl.web.response import Response, failure

Operation = Callable[[Request, Invocation], Response]
Operations = Mapping[str, Operation]


def answer(
    event: Any,  # noqa: ANN401 (a direct invocation's event may be any JSON)
    invocation: Invocation,
    operations: Operations,
    settings: ApiSettings,
    page_settings: PageSettings | None = None,
) -> Any:  # noqa: ANN401 (a direct invocation's result may be any JSON)
    """Answer one event by the operation of its route, in the form that its kind of event asks for.

    Every error becomes an answer: an expected one as it is, a defect as an `InternalServerError` that tells nothing.

    Parameters
    ----------
    event : any JSON value
        What Lambda hands to the function.
    invocation : Invocation
        Handed on to the operation.
    operations : mapping of str to Operation
        By route: the API's route key, or `request.DIRECT`.
    settings : ApiSettings
        The function's.
    page_settings : PageSettings or None
        What pages look like, where visitors ask: who prefers a page gets one that tells of an error.
    """
    has_domain = settings.domain_name != ""
    try:
        request = Request(event, is_behind_cdn=settings.origin_secret != "")
    except UnknownEventError as error:
        telemetry.logger.warning("An event of an unknown kind was refused", marks=str(error))
        refusal = ValidationError([{"field": "body", "message": "body must come through the API, or directly"}])
        telemetry.record_error(refusal)
        return failure(refusal).to_http(has_domain=has_domain)
    response = _response(request, invocation, operations, settings.origin_secret)
    if page_settings and response.status >= 400:  # noqa: PLR2004 (where errors begin)
        response = _shown(response, request, page_settings)
    return response.to_http(has_domain=has_domain) if request.is_http else response.to_direct()


def _response(request: Request, invocation: Invocation, operations: Operations, origin_secret: str) -> Response:
    def operate() -> Response:
        if request.is_http:
            _require_origin(request, origin_secret)
        return operations.get(request.route, _unknown_route)(request, invocation)

    return attempt(operate)


def _shown(response: Response, request: Request, settings: PageSettings) -> Response:
    if not request.prefers_page:
        return replace(response, headers={**response.headers, "Vary": "Accept"})
    from squrl.web import pages  # noqa: PLC0415 (few visitors need them, and all would wait for them)

    return pages.problem(response, settings)


def attempt(operation: Callable[[], Response]) -> Response:
    """Return what an operation does, or the response that tells of its error, which is counted and logged."""
    try:
        return operation()
    except Throttled:
        error: SqurlError = RateLimitExceeded("Too many requests; try again later")
    except Unavailable:
        error = ServiceUnavailable("The database did not answer in time; try again later")
    except SqurlError as expected:
        error = expected
    except Exception as cause:  # noqa: BLE001 (the last one who can answer)
        defect = InternalServerError("Something went wrong on our side")
        telemetry.record_defect(defect, cause)
        return failure(defect)
    telemetry.record_error(error)
    return failure(error)


def _require_origin(request: Request, secret: str) -> None:
    """Refuse what comes past the CDN, where there is one: it alone knows the secret."""
    sent = request.header("x-origin-secret").encode(errors="replace")
    if secret and not hmac.compare_digest(sent, secret.encode()):
        raise Forbidden("This address is closed: use that of the short links")


def _unknown_route(_request: Request, _invocation: Invocation) -> Response:
    raise NotFound("There is nothing here")
