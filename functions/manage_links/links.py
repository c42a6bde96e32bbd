"""Links: list, look at, change, delete."""

import json
from typing import Any

from call import Call

from squrl import manage, requests
from squrl.authorize import require
from squrl.destinations import accept
from squrl.errors import ValidationError
from squrl.keys import Role
from squrl.links import timestamp
from squrl.web import cursors
from squrl.web.response import NO_STORE, PERMANENT_MAX_AGE, Response

EVERYBODY = "*"


def list_links(call: Call) -> Response:
    """Return a page of links, the newest first."""
    query = call.request.query
    owner = query.get("owner") or call.identity.owner or EVERYBODY
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
    page = manage.page(None if owner == EVERYBODY else owner, filters, int(text), after, call.store, call.now)
    cursor = cursors.seal(page.cursor, of, secret) if page.cursor else None
    return Response(200, {"links": [call.link(link) for link in page.links], "cursor": cursor}, NO_STORE)


def see_link(call: Call) -> Response:
    """Return one link."""
    link = manage.see(call.short_code, call.identity, call.store)
    return Response(200, call.link(link), NO_STORE | {"ETag": f'"{link.revision}"'})


def change_link(call: Call) -> Response:
    """Change one link."""
    return change_one(call, call.short_code, dict(call.request.fields()), call.request.revisions())


def change_one(call: Call, short_code: str, fields: dict[str, Any], revisions: manage.Revisions = None) -> Response:
    """Change a link, by what its caller sent."""
    change = requests.read(requests.ChangeRequest, fields)
    ports = manage.Ports(call.store, call.domains)
    before, link = manage.change(short_code, change, call.identity, call.now, ports, call.rules, revisions)
    was_kept = before.kind.redirect_type == "301" and before != link
    body = call.link(link) | {"cached_until": timestamp(call.now + PERMANENT_MAX_AGE) if was_kept else None}
    return Response(200, body, NO_STORE | {"ETag": f'"{link.revision}"'})


def delete_link(call: Call) -> Response:
    """Delete one link; with ``?release=true`` its row, too."""
    if call.request.query.get("release") == "true":
        manage.release(call.short_code, call.identity, call.store)
    else:
        manage.delete(call.short_code, call.identity, call.store, call.request.revisions())
    return Response(204, headers=NO_STORE)
