"""Many links at once: each entry is answered by itself, and one bad entry spoils no other."""

from collections.abc import Callable
from functools import partial
from typing import Any

from call import Call
from links import change_one

from squrl import requests, telemetry
from squrl.authorize import require
from squrl.errors import ServiceUnavailable, ValidationError
from squrl.keys import Role
from squrl.shorten import Caller, Ports, Shortened, import_link, shorten
from squrl.web.answering import attempt
from squrl.web.response import NO_STORE, Response

MAX_BODY = 256 * 1024  # bytes
ENTRY_SECONDS = 2.0  # that one entry may take, so that the others' results are told in time


def create_links(call: Call) -> Response:
    """Create up to a hundred links."""
    require(call.identity, Role.WRITE)
    call.request.require_same_site(call.settings.origins, call.settings.cors_origin)
    return _each(
        call, "links", lambda entry: _made(call, shorten, requests.read(requests.CreateRequest, _object(entry)))
    )


def import_links(call: Call) -> Response:
    """Take up to a hundred links over from another product; with ``?dry_run=true``, say what would come of each."""
    require(call.identity, Role.ADMIN)
    is_dry_run = call.request.flag("dry_run")
    use_case = partial(import_link, is_dry_run=is_dry_run)

    def take(entry: object) -> Response:
        return _made(call, use_case, requests.read(requests.ImportRequest, _object(entry)), is_dry_run=is_dry_run)

    return _each(call, "links", take)


def change_links(call: Call) -> Response:
    """Change up to a hundred links in the same way."""
    require(call.identity, Role.WRITE)
    change = _object(call.request.fields(MAX_BODY).get("set"), "set must be a JSON object", "set")
    requests.read(requests.ChangeRequest, change)  # what is wrong with it is wrong for all
    return _each(call, "short_codes", lambda entry: change_one(call, _code(entry), change), "set")


def _made(
    call: Call, use_case: Callable[..., Shortened], request: requests.CreateRequest, *, is_dry_run: bool = False
) -> Response:
    caller = Caller(call.identity, call.request.client_address, keeps_address=call.settings.store_creator_ip)
    ports = Ports(call.store, call.secrets, call.domains)
    link, created = use_case(request, caller, call.now, ports, call.rules)
    if not is_dry_run:
        telemetry.count(telemetry.URL_CREATION_COUNT if created else telemetry.URL_REUSE_COUNT)
    return Response(201 if created else 200, call.link(link))


def _each(call: Call, name: str, operation: Callable[[Any], Response], *others: str) -> Response:
    """Answer each entry; those for which no time is left get a 503."""
    fields = call.request.fields(MAX_BODY)
    if unknown := fields.keys() - {name, *others}:
        field = str(min(unknown))[:100].encode(errors="replace").decode()
        raise ValidationError([{"field": field, "message": f"{field} is not a field of this request"}])
    results = []
    for entry in requests.read_entries(fields, name):
        has_time = call.invocation.has_time_for(ENTRY_SECONDS)
        response = attempt(partial(operation, entry) if has_time else _out_of_time)
        key = "error" if response.status >= 400 else "link"  # noqa: PLR2004 (where errors begin)
        results.append({"status": response.status, key: response.body})
    return Response(200, {"results": results}, NO_STORE)


def _out_of_time() -> Response:
    raise ServiceUnavailable("There was no time left for this entry; send it again")


def _object(entry: object, message: str = "every entry must be a JSON object", field: str = "links") -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise ValidationError([{"field": field, "message": message}])
    return entry


def _code(entry: object) -> str:
    if not isinstance(entry, str):
        raise ValidationError([{"field": "short_codes", "message": "every entry must be a string"}])
    return entry
