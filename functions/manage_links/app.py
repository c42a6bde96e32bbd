"""/links: links are listed, looked at, changed and deleted; by direct invocation, keys and domain lists as well."""

import gc

gc.disable()  # modules aren't garbage, so looking through them while they load only takes time; `observed` ends this

import os
from collections.abc import Callable
from typing import Any

import bulk
import links
import operators
import stats
from call import Call, Wiring

from squrl import telemetry
from squrl.errors import NotFound
from squrl.invocation import Invocation
from squrl.keys import OPERATOR
from squrl.settings import ManageSettings
from squrl.web.answering import Operation, answer, attempt
from squrl.web.request import DIRECT, Request, of_operator
from squrl.web.response import Response

telemetry.quiet_libraries()
WIRING = Wiring(ManageSettings(os.environ))

LINKS = {
    "GET /links": links.list_links,
    "GET /links/{short_code}": links.see_link,
    "PATCH /links/{short_code}": links.change_link,
    "DELETE /links/{short_code}": links.delete_link,
    "GET /links/{short_code}/stats": stats.see_statistics,
    "POST /links/bulk": bulk.create_links,
    "PATCH /links/bulk": bulk.change_links,
    "POST /links/import": bulk.import_links,
}
# The API has none of these: who may invoke the function directly is trusted.
OPERATORS = LINKS | {
    "POST /keys": operators.make_key,
    "GET /keys": operators.list_keys,
    "DELETE /keys/{id}": operators.revoke_key,
    "GET /domains": operators.see_domains,
    "PATCH /domains": operators.change_domains,
}


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> Any:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event: an HTTP API's, or an operator's direct invocation."""
    return answer(event, invocation, OPERATIONS, WIRING.settings)


def keyed(operation: Callable[[Call], Response]) -> Operation:
    """Return an operation for whoever has a key."""
    return lambda request, invocation: operation(Call(WIRING, request, invocation))


def operate(request: Request, invocation: Invocation) -> Response:
    """Answer an operator's direct invocation."""
    response = attempt(lambda: _operated(request, invocation))
    return Response(200, {"status": response.status, "body": response.body})


def _operated(request: Request, invocation: Invocation) -> Response:
    routed = of_operator(request.fields(), OPERATORS)
    if routed is None:
        raise NotFound("There is no such call: an operator's has method, path, query and body")
    return OPERATORS[routed.route](Call(WIRING, routed, invocation, OPERATOR))


OPERATIONS = {route: keyed(operation) for route, operation in LINKS.items()} | {DIRECT: operate}
