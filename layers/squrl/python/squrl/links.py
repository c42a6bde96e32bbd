"""A link, its lifetime, and whether it is live."""

import calendar
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

ACTIVE = "active"
DELETED = "deleted"
DISABLED = "disabled"
# What an active link becomes; neither is stored.
EXPIRED = "expired"
USED_UP = "used_up"

OWNED_KEPT = 400 * 86_400  # seconds for which an owner's link stays after it expired
DAY = 86_400  # seconds
# Days that a row has before its old ones are moved: so many fit into a kilobyte with all the rest. Those of the last
# thirty days stay whatever comes: a click that is counted late finds its day there.
MAX_DAYS = 35
KEPT_DAYS = 30


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
    forward_query : bool
        Whether a visitor's query parameters are added to the destination's.
    """

    original_url: str
    redirect_type: str
    ttl_hours: int | None
    owner: str | None = None
    forward_query: bool = False

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
        Clicks counted so far, bots' among them.
    bot_click_count : int
        Those of bots.
    days : mapping of int to int
        People's clicks by the UTC day, counted from 1970-01-01 on, but for the days that were moved out of the row.
    days_from : int or None
        The day before which all days were moved; ``None`` if none was.
    max_clicks : int or None
        How many people are sent on at most; ``None`` for any number.
    click_limit : int or None
        The `click_count` at which that many were: bots that came before the limit was set don't use it up.
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
    bot_click_count: int = 0
    days: Mapping[int, int] = field(default_factory=dict, hash=False)
    days_from: int | None = None
    max_clicks: int | None = None
    click_limit: int | None = None
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

    @property
    def is_used_up(self) -> bool:
        """Whether as many people were sent on as may be."""
        return self.click_limit is not None and self.click_count >= self.click_limit

    def has_expired(self, now: int) -> bool:
        """Tell whether the link's time has passed at `now`, in Unix seconds."""
        return self.expires_at is not None and now >= self.expires_at

    def is_live(self, now: int) -> bool:
        """Tell whether the link may be followed at `now`, in Unix seconds."""
        return self.status == ACTIVE and not self.has_expired(now) and not self.is_used_up

    def is_given_up(self, owner: str | None, now: int) -> bool:
        """Tell whether the code is free for a custom code of an owner: the link was that owner's, and is over."""
        is_over = (self.status == ACTIVE and self.has_expired(now)) or (self.status == DELETED and not self.locked)
        return owner is not None and owner == self.kind.owner and is_over

    def state(self, now: int) -> str:
        """Return what a visitor would meet at `now`: the status, ``expired`` or ``used_up``."""
        if self.status != ACTIVE or self.is_live(now):
            return self.status
        return EXPIRED if self.has_expired(now) else USED_UP


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
