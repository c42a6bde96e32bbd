"""Links: list, look at, change, delete."""

import json
import re
from collections.abc import Mapping
from typing import Any

from call import Call

from squrl import manage, requests
from squrl.authorize import require
from squrl.destinations import accept
from squrl.errors import Detail, ValidationError
from squrl.keys import OWNER_PATTERN, Role
from squrl.links import ACTIVE, DELETED, DISABLED, EXPIRED, USED_UP, Link, timestamp
from squrl.web import cursors
from squrl.web.response import NO_STORE, Response

EVERYBODY = "*"
# What a link may be for a visitor.
STATES = (ACTIVE, EXPIRED, USED_UP, DISABLED, DELETED)


def list_links(call: Call) -> Response:
    """Return a page of links, the newest first."""
    query = call.request.query
    owner = query.get("owner", call.identity.owner or EVERYBODY)
    if owner != call.identity.owner:
        require(call.identity, Role.ADMIN)
    limit = query.get("limit", "50")
    _check(query, owner, limit)
    url = query.get("url")
    filters = manage.Filters(
        query.get("status"), query.get("tag"), query.get("q"), accept(url, call.rules) if url else None
    )
    secret = call.secrets.secret()
    of = json.dumps([call.identity, owner, filters])
    after = cursors.open_(query["cursor"], of, secret) if query.get("cursor") else None
    page = manage.page(None if owner == EVERYBODY else owner, filters, int(limit), after, call.store, call.now)
    cursor = cursors.seal(page.cursor, of, secret) if page.cursor else None
    return Response(200, {"links": [call.link(link) for link in page.links], "cursor": cursor}, NO_STORE)


def _check(query: Mapping[str, str], owner: str, limit: str) -> None:
    rules = {
        "owner": (owner == EVERYBODY or re.fullmatch(OWNER_PATTERN, owner), "must be an owner, or *"),
        "limit": (
            re.fullmatch("[0-9]{1,3}", limit) and 1 <= int(limit) <= manage.PAGE,
            f"must be between 1 and {manage.PAGE}",
        ),
        "status": (query.get("status", STATES[0]) in STATES, f"must be one of {', '.join(STATES)}"),
    }
    details: list[Detail] = [
        {"field": name, "message": f"{name} {message}"} for name, (holds, message) in rules.items() if not holds
    ]
    if details:
        raise ValidationError(details)


def see_link(call: Call) -> Response:
    """Return one link."""
    link = manage.see(call.short_code, call.identity, call.store)
    return Response(200, call.link(link), NO_STORE | {"ETag": f'"{link.revision}"'})


def change_link(call: Call) -> Response:
    """Change one link."""
    require(call.identity, Role.WRITE)
    return change_one(call, call.short_code, dict(call.request.fields()), call.request.revisions())


def change_one(call: Call, short_code: str, fields: dict[str, Any], revisions: manage.Revisions = None) -> Response:
    """Change a link, by what its caller sent."""
    change = requests.read(requests.ChangeRequest, fields)
    ports = manage.Ports(call.store, call.domains)
    before, link = manage.change(short_code, change, call.identity, call.now, ports, call.rules, revisions)
    body = call.link(link) | {"cached_until": _cached_until(before, link, call)}
    return Response(200, body, NO_STORE | {"ETag": f'"{link.revision}"'})


def _cached_until(before: Link, after: Link, call: Call) -> str | None:
    """Return until when browsers may follow what a link was; ``None`` where they ask, or would see no difference."""
    now, max_age = call.now, call.settings.permanent_max_age
    is_kept = before.kind.redirect_type == "301" and before.max_clicks is None and max_age
    if not is_kept or not before.is_live(now):
        return None
    until = min(now + max_age, before.expires_at or now + max_age)
    leads = [(link.kind.original_url, link.kind.redirect_type, link.kind.forward_query) for link in (before, after)]
    is_same = leads[0] == leads[1] and after.max_clicks is None and after.is_live(until - 1)
    return None if is_same else timestamp(until)


def delete_link(call: Call) -> Response:
    """Delete one link; with ``?release=true`` its row, too."""
    require(call.identity, Role.WRITE)
    if call.request.flag("release"):
        manage.release(call.short_code, call.identity, call.store)
    else:
        manage.delete(call.short_code, call.identity, call.store, call.request.revisions())
    return Response(204, headers=NO_STORE)
