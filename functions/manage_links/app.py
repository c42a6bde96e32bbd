"""/links: links are listed, looked at, changed and deleted; and by direct invocation, keys and domain lists as well."""

import gc

gc.disable()  # modules aren't garbage, so looking through them while they load only takes time; `observed` ends this

import json
import os
import time
from collections.abc import Callable
from typing import Any

from squrl import keys, manage, requests, telemetry
from squrl.authorize import authorize, require
from squrl.aws.client import Service, connect
from squrl.aws.domain_lists import KnownDomainLists, RememberedDomainLists
from squrl.aws.durable_table import DurableTable
from squrl.aws.keys import KnownKeys, RememberedKeys
from squrl.aws.links_table import KnownSecret, LinksTable, RememberedSecret
from squrl.destinations import Rules, accept
from squrl.domains import DomainLists
from squrl.errors import Forbidden, NotFound, ServiceUnavailable, ValidationError
from squrl.invocation import Invocation
from squrl.keys import OPERATOR, Identity, Role
from squrl.links import timestamp
from squrl.settings import ManageSettings
from squrl.shorten import Caller, Ports, import_link, shorten
from squrl.web import cursors
from squrl.web.answering import answer, attempt
from squrl.web.request import DIRECT, Request, host_of, of_operator
from squrl.web.response import NO_STORE, Response, link_body

MAX_BULK = 256 * 1024  # bytes of a bulk request's body
ENTRY_SECONDS = 2.0  # that one entry of a bulk request may take, so that the others' results are told in time

SETTINGS = ManageSettings.from_environment(os.environ)
DYNAMODB = connect("dynamodb")
DOMAINS = KnownDomainLists()
SECRET = KnownSecret()
KEYS = KnownKeys()


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> Any:  # noqa: ANN401 (an event may be any JSON)
    """Answer one event: an HTTP API's, or an operator's direct invocation."""
    return answer(event, invocation, {**LINKS, DIRECT: operate}, SETTINGS)


class Call:
    """One request to this function: who makes it, and what it reaches."""

    def __init__(self, request: Request, invocation: Invocation, identity: Identity | None = None) -> None:
        dynamodb = Service(DYNAMODB, invocation)
        self.now = int(time.time())
        self.request = request
        self.invocation = invocation
        self.durable = DurableTable(dynamodb, SETTINGS.durable_table_name)
        self.store = LinksTable(dynamodb, SETTINGS.table_name)
        self.secrets = RememberedSecret(SECRET, self.store)
        self.domains = RememberedDomainLists(DOMAINS, self.durable, invocation)
        self.is_operators = identity is not None
        self.identity = identity or authorize(request.token(), RememberedKeys(KEYS, self.durable), self.now)
        origins = [*SETTINGS.origins, *([] if self.is_operators else request.origins)]
        self.base_url = next(iter(origins), None)
        self.rules = Rules(SETTINGS.allow_private_destinations, frozenset(map(host_of, origins)))
        self.short_code = request.path_parameter("short_code")

    def link(self, link: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return a link as it is answered."""
        return link_body(link, self.base_url, self.now)


def list_links(call: Call) -> Response:
    """Return a page of links, the newest first."""
    query = call.request.query
    owner = query.get("owner") or ("*" if call.is_operators else call.identity.owner)
    if owner != call.identity.owner:
        require(call.identity, Role.ADMIN)
    text = query.get("limit", "50")
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= manage.PAGE):
        raise ValidationError([{"field": "limit", "message": f"limit must be between 1 and {manage.PAGE}"}])
    url = query.get("url")
    filters = manage.Filters(
        query.get("status"), query.get("tag"), query.get("q"), accept(url, call.rules) if url else None
    )
    secret = call.secrets.secret()
    of = json.dumps([call.identity, owner, filters])
    after = cursors.open_(query["cursor"], of, secret) if query.get("cursor") else None
    page = manage.page(None if owner == "*" else owner, filters, int(text), after, call.store, call.now)
    cursor = cursors.seal(page.cursor, of, secret) if page.cursor else None
    return Response(200, {"links": [call.link(link) for link in page.links], "cursor": cursor}, NO_STORE)


def see_link(call: Call) -> Response:
    """Return one link."""
    link = manage.see(call.short_code, call.identity, call.store)
    return Response(200, call.link(link), NO_STORE | {"ETag": f'"{link.revision}"'})


def change_link(call: Call) -> Response:
    """Change one link."""
    return _change(call, call.short_code, call.request.fields(), call.request.revisions())


def _change(call: Call, short_code: str, fields: Any, revisions: manage.Revisions = None) -> Response:  # noqa: ANN401
    change = requests.read(requests.ChangeRequest, _object(fields))
    ports = manage.Ports(call.store, call.domains)
    link = manage.change(short_code, change, call.identity, call.now, ports, call.rules, revisions)
    # Browsers keep a 301 for an hour, and so may follow what was before.
    cached_until = timestamp(call.now + PERMANENT_MAX_AGE)
    return Response(200, call.link(link) | {"cached_until": cached_until}, NO_STORE | {"ETag": f'"{link.revision}"'})


def delete_link(call: Call) -> Response:
    """Delete one link; with ``?release=true`` its row, too."""
    if call.request.query.get("release") == "true":
        manage.release(call.short_code, call.identity, call.store)
    else:
        manage.delete(call.short_code, call.identity, call.store, call.request.revisions())
    return Response(204, headers=NO_STORE)


def create_links(call: Call) -> Response:
    """Create up to a hundred links."""
    require(call.identity, Role.WRITE)
    call.request.require_same_site(SETTINGS.origins, SETTINGS.cors_origin)

    def create(fields: Any) -> Response:  # noqa: ANN401
        asked = requests.read(requests.CreateRequest, _object(fields))
        link, created = shorten(asked, _caller(call), call.now, _ports(call), call.rules)
        telemetry.count(telemetry.URL_CREATION_COUNT if created else telemetry.URL_REUSE_COUNT)
        return Response(201 if created else 200, call.link(link))

    return _bulk(call, "links", create)


def import_links(call: Call) -> Response:
    """Take up to a hundred links over from another product."""
    require(call.identity, Role.ADMIN)

    def take_over(fields: Any) -> Response:  # noqa: ANN401
        asked = requests.read(requests.ImportRequest, _object(fields))
        link, created = import_link(asked, _caller(call), call.now, _ports(call), call.rules)
        telemetry.count(telemetry.URL_CREATION_COUNT if created else telemetry.URL_REUSE_COUNT)
        return Response(201 if created else 200, call.link(link))

    return _bulk(call, "links", take_over)


def change_links(call: Call) -> Response:
    """Change up to a hundred links in the same way."""
    require(call.identity, Role.WRITE)
    fields = call.request.fields(MAX_BULK)
    if unknown := fields.keys() - {"short_codes", "set"}:
        raise ValidationError([{"field": str(name)[:100], "message": "only short_codes and set"} for name in unknown][:1])
    change = _object(fields.get("set"))
    requests.read(requests.ChangeRequest, change)  # what is wrong with it is wrong for all
    return _bulk(call, "short_codes", lambda short_code: _change(call, str(short_code), change))


def _bulk(call: Call, name: str, operation: Callable[[Any], Response]) -> Response:
    """Answer each entry by itself, so that one bad entry spoils no other; those for which no time is left get a 503."""
    results = []
    for entry in requests.read_entries(call.request.fields(MAX_BULK), name):
        if call.invocation.has_time_for(ENTRY_SECONDS):
            response = attempt(lambda entry=entry: operation(entry))  # type: ignore[misc]
        else:
            response = attempt(_out_of_time)
        key = "error" if response.status >= 400 else "link"  # noqa: PLR2004 (where errors begin)
        results.append({"status": response.status, key: response.body})
    return Response(200, {"results": results}, NO_STORE)


def _out_of_time() -> Response:
    raise ServiceUnavailable("There was no time left for this entry; send it again")


def operate(request: Request, invocation: Invocation) -> Response:
    """Answer an operator's direct invocation."""
    routed = of_operator(request.fields(), OPERATIONS)
    response = (
        attempt(lambda: OPERATIONS[routed.route](Call(routed, invocation, OPERATOR)))
        if routed
        else attempt(_unknown_call)
    )
    return Response(200, {"status": response.status, "body": response.body})


def _unknown_call() -> Response:
    raise NotFound("There is no such call: it takes an object of method, path, query and body")


def make_key(call: Call) -> Response:
    """Make a key, which is shown this once."""
    asked = requests.read(requests.KeyRequest, call.request.fields())
    expires_at = None if asked.ttl_hours is None else call.now + asked.ttl_hours * 3600
    key, text = keys.make(asked.name, asked.owner, Role[asked.role.upper()], call.now, expires_at)
    if not call.durable.add_key(key):
        raise ServiceUnavailable("The id was taken; try again")
    return Response(201, _key(key) | {"key": text}, NO_STORE)


def list_keys(call: Call) -> Response:
    """Return all keys, without their secrets."""
    return Response(200, {"keys": [_key(key) for key in call.durable.list_keys()]}, NO_STORE)


def revoke_key(call: Call) -> Response:
    """Revoke a key: it is refused everywhere within a minute."""
    call.durable.remove_key(call.request.path_parameter("id"))
    return Response(204, headers=NO_STORE)


def see_domains(call: Call) -> Response:
    """Return the domain lists."""
    return _domains(call.durable.read_domain_lists())


def change_domains(call: Call) -> Response:
    """Add entries to the domain lists, and remove some."""
    change = requests.read_domain_change(call.request.fields())
    return _domains(call.durable.change_domain_lists(*change))


def _domains(lists: DomainLists) -> Response:
    return Response(200, {name: sorted(entries) for name, entries in lists._asdict().items()}, NO_STORE)


def _key(key: keys.Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "role": key.role.name.lower(),
        "created_at": timestamp(key.created_at),
        "expires_at": None if key.expires_at is None else timestamp(key.expires_at),
    }


def _object(fields: Any) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(fields, dict):
        raise ValidationError([{"field": "body", "message": "body must have JSON objects"}])
    return fields


def _caller(call: Call) -> Caller:
    return Caller(call.identity, call.request.client_address, keeps_address=SETTINGS.store_creator_ip)


def _ports(call: Call) -> Ports:
    return Ports(call.store, call.secrets, call.domains)


CALLS: dict[str, Callable[[Call], Response]] = {
    "GET /links": list_links,
    "POST /links/bulk": create_links,
    "PATCH /links/bulk": change_links,
    "POST /links/import": import_links,
    "GET /links/{short_code}": see_link,
    "PATCH /links/{short_code}": change_link,
    "DELETE /links/{short_code}": delete_link,
}
