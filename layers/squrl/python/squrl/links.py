"""A link, its lifetime, and whether it is live."""

import calendar
import time
from dataclasses import dataclass
from typing import NamedTuple

ACTIVE = "active"
DELETED = "deleted"
DISABLED = "disabled"  # an expired link isn't stored as such: it is an active one whose time has passed


OWNED_KEPT = 400 * 86_400  # seconds for which an owner's link stays after it expired


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
    owner : str or None
        Whose link it is; ``None`` for an anonymous one.
    """

    original_url: str
    redirect_type: str
    ttl_hours: int | None
    owner: str | None = None

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
        `ACTIVE`, `DISABLED` or `DELETED`. The destination of a deleted link is empty.
    click_count : int
        Clicks counted so far.
    creator_ip : str or None
        Kept only where the operator asked for it.
    title : str or None
        For people.
    tags : frozenset of str
        For people, and for filters.
    locked : bool
        Whether an admin disabled it, so that its owner can't enable it.
    imported_clicks : int
        What another product had counted; never mixed into `click_count`.
    revision : int
        Grows by one with every change by a caller, not with clicks.
    """

    short_code: str
    kind: Kind
    created_at: str
    expires_at: int | None
    custom_code: bool = False
    status: str = ACTIVE
    click_count: int = 0
    creator_ip: str | None = None
    title: str | None = None
    tags: frozenset[str] = frozenset()
    locked: bool = False
    imported_clicks: int = 0
    revision: int = 1

    @property
    def collect_at(self) -> int | None:
        """From when on the table may remove the row, in Unix seconds; ``None`` for never."""
        return collect_at(self.expires_at, self.kind.owner) if self.status == ACTIVE else None

    def is_live(self, now: int) -> bool:
        """Tell whether the link may be followed at `now`, in Unix seconds."""
        return self.status == ACTIVE and (self.expires_at is None or now < self.expires_at)

    def state(self, now: int) -> str:
        """Return what a visitor would meet at `now`: the status, or ``expired``."""
        return "expired" if self.status == ACTIVE and not self.is_live(now) else self.status


def collect_at(expires_at: int | None, owner: str | None) -> int | None:
    """Return from when on the row of an active link may be removed: an owner's figures stay longer."""
    return None if expires_at is None else expires_at + (OWNED_KEPT if owner else 0)


_TIME = "%Y-%m-%dT%H:%M:%SZ"


def timestamp(seconds: int) -> str:
    """Return Unix seconds as ISO 8601 in UTC, such as ``2026-08-23T10:30:00Z``."""
    return time.strftime(_TIME, time.gmtime(seconds))


def seconds(timestamp: str) -> int:
    """Return the Unix seconds of a time such as ``2026-08-23T10:30:00Z``.

    Raises
    ------
    ValueError
        If it isn't one.
    """
    return calendar.timegm(time.strptime(timestamp, _TIME))
