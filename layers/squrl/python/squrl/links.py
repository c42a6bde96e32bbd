"""A link, its lifetime, and whether it is live."""

import time
from dataclasses import dataclass
from typing import NamedTuple

ACTIVE = "active"
DISABLED = "disabled"  # an expired link isn't stored as such: it is an active one whose time has passed


class Kind(NamedTuple):
    """What makes two requests the same one: they share a link if their kinds are equal.

    Attributes
    ----------
    original_url : str
        The destination, as stored.
    redirect_type : str
        ``"301"`` or ``"302"``.
    ttl_hours : int or None
        The lifetime asked for, in hours; ``None`` for a link that never expires.
    """

    original_url: str
    redirect_type: str
    ttl_hours: int | None

    def expires_at(self, now: int) -> int | None:
        """Return when a link made or renewed at `now` expires; both in Unix seconds."""
        return None if self.ttl_hours is None else now + self.ttl_hours * 3600


@dataclass(frozen=True, slots=True)
class Link:
    """One row of the table.

    Attributes
    ----------
    short_code : str
        What the short URL ends with; the table's key.
    kind : Kind
        Destination, redirect type and lifetime.
    created_at : str
        UTC, to the second, such as ``2026-08-23T10:30:00Z``.
    expires_at : int or None
        Unix seconds; ``None`` when it never expires.
    custom_code : bool
        Whether the caller chose the code.
    status : str
        `ACTIVE` or `DISABLED`.
    click_count : int
        Clicks counted so far.
    creator_ip : str or None
        Kept only where the operator asked for it.
    """

    short_code: str
    kind: Kind
    created_at: str
    expires_at: int | None
    custom_code: bool = False
    status: str = ACTIVE
    click_count: int = 0
    creator_ip: str | None = None

    @property
    def collect_at(self) -> int | None:
        """From when on the table may remove the row, in Unix seconds; ``None`` for never."""
        return self.expires_at if self.status == ACTIVE else None

    def is_live(self, now: int) -> bool:
        """Tell whether the link may be followed at `now`, in Unix seconds."""
        return self.status == ACTIVE and (self.expires_at is None or now < self.expires_at)


def timestamp(seconds: int) -> str:
    """Return Unix seconds as ISO 8601 in UTC, such as ``2026-08-23T10:30:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
