"""Use case: a key becomes who asks, and what the caller may do."""

from squrl import keys
from squrl.errors import Forbidden, Unauthorized
from squrl.keys import Identity, Role
from squrl.ports import KeyStore


def authorize(token: str, store: KeyStore, now: int) -> Identity:
    """Return who a key stands for.

    Parameters
    ----------
    token : str
        The key as it was presented.
    store : KeyStore
        Knows the keys.
    now : int
        Unix seconds.

    Raises
    ------
    Unauthorized
        If it can't be a key, or is unknown, wrong or expired; which of them is not told.
    """
    parts = keys.read(token)
    if parts is None:
        raise Unauthorized
    id_, secret = parts
    key = store.find_key(id_)
    if key is None or not key.knows(secret, now):
        raise Unauthorized
    return Identity(key.role, key.owner)


def identify(token: str, store: KeyStore, now: int, *, anyone: bool) -> Identity | None:
    """Return who asks; ``None`` for somebody without a key, where that is allowed.

    Raises
    ------
    Unauthorized
        As for `authorize`, or if there is no key and one is needed.
    """
    if not token and anyone:
        return None
    return authorize(token, store, now)


def require(identity: Identity, role: Role) -> None:
    """Refuse a caller whose role is too low.

    Raises
    ------
    Forbidden
        If it is.
    """
    if identity.role < role:
        raise Forbidden(f"The key's role must be {role.name.lower()} at least")
