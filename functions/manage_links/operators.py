"""What operators do by direct invocation alone: keys and domain lists."""

from typing import Any

from call import Call

from squrl import keys, requests
from squrl.domains import DomainLists
from squrl.errors import ServiceUnavailable, ValidationError
from squrl.keys import Role
from squrl.links import timestamp
from squrl.web.response import NO_STORE, Response


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
    id_ = call.request.path_parameter("id")
    if not keys.is_id(id_):  # a whole key, perhaps: nobody must believe that it was revoked
        raise ValidationError([{"field": "id", "message": f"id must be the {keys.ID_LENGTH} characters behind sq_"}])
    call.durable.remove_key(id_)
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
