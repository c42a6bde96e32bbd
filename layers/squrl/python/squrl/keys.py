"""Keys: who calls. What a key looks like, what it may do, and how a stored one knows it again."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from squrl import codes

ID_LENGTH = 8
SECRET_LENGTH = 43  # base62: 256 bits
OWNER_PATTERN = "^[a-z0-9-]{1,32}$"

_TOKEN = rf"sq_([A-Za-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9]{{{SECRET_LENGTH}}})"


class Role(IntEnum):
    """What a key may do; each role may do what the ones before it may."""

    READ = 1  # see its owner's links and their statistics
    WRITE = 2  # create, change and delete them
    ADMIN = 3  # all of that for every owner's links, and for those that have none


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is stored.

    Attributes
    ----------
    id : str
        Its first part, which isn't secret.
    digest : bytes
        SHA-256 of its second part, which is.
    name : str
        For people.
    owner : str
        Whose links it is for: a team, a person, a system.
    role : Role
        What it may do.
    created_at : int
        Unix seconds.
    expires_at : int or None
        Unix seconds; ``None`` if it never expires.
    """

    id: str
    digest: bytes
    name: str
    owner: str
    role: Role
    created_at: int
    expires_at: int | None = None

    def knows(self, secret: str, now: int) -> bool:
        """Tell whether this is its secret, in constant time, and whether it is valid at `now`, in Unix seconds."""
        is_its = hmac.compare_digest(self.digest, _digest(secret))
        return is_its and (self.expires_at is None or now < self.expires_at)


class Identity(NamedTuple):
    """Who asks.

    Attributes
    ----------
    role : Role
        What the caller may do.
    owner : str or None
        Whose links the caller is here for; ``None`` for an operator, who invokes a function directly and is an admin.
    """

    role: Role
    owner: str | None = None

    def reaches(self, owner: str | None) -> bool:
        """Tell whether the caller may know of a link of this owner, or of a link without one (``None``)."""
        return self.role is Role.ADMIN or (owner is not None and owner == self.owner)


OPERATOR = Identity(Role.ADMIN)


def make(name: str, owner: str, role: Role, now: int, expires_at: int | None) -> tuple[Key, str]:
    """Return a new key, and its text: ``sq_<id>_<secret>``, which is known at this moment alone."""
    id_, secret = codes.draw(ID_LENGTH), codes.draw(SECRET_LENGTH)
    return Key(id_, _digest(secret), name, owner, role, now, expires_at), f"sq_{id_}_{secret}"


def is_id(text: str) -> bool:
    """Tell whether this can be a key's id."""
    return re.fullmatch(rf"[A-Za-z0-9]{{{ID_LENGTH}}}", text) is not None


def read(text: str) -> tuple[str, str] | None:
    """Return a key's id and its secret; ``None`` for what can't be a key."""
    parts = re.fullmatch(_TOKEN, text)
    return (parts[1], parts[2]) if parts else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
