"""What a write to a link's row means to others: which event it is, if any."""

from dataclasses import replace
from typing import NamedTuple

from squrl.links import ACTIVE, DELETED, DISABLED, Link

CREATED = "Link Created"
CHANGED = "Link Changed"
DISABLED_ = "Link Disabled"
ENABLED = "Link Enabled"
DELETED_ = "Link Deleted"
COLLECTED = "Link Collected"


class Write(NamedTuple):
    """One write to a link's row.

    Attributes
    ----------
    id : str
        Its own, the same however often it is told.
    at : int
        When it was, in Unix seconds.
    before, after : Link or None
        The row as it was and as it is since; ``None`` where there is none.
    is_collected : bool
        Whether the table removed the row by itself, long after the link expired.
    """

    id: str
    at: int
    before: Link | None
    after: Link | None
    is_collected: bool = False

    @property
    def short_code(self) -> str:
        """The row's key."""
        return next(link.short_code for link in (self.after, self.before) if link)

    @property
    def event(self) -> str | None:
        """The event that it is, by its detail type; ``None`` for clicks, and for days that left the row."""
        before, after = self.before, self.after
        if after is None:
            return COLLECTED if self.is_collected else DELETED_
        if before is None:
            return CREATED
        if _without_clicks(before) == _without_clicks(after):
            return None
        # A change makes the revision grow; who takes a code over that was given up begins anew.
        if before.created_at != after.created_at or after.revision <= before.revision:
            return CREATED
        if before.status == after.status:
            return CHANGED
        return {ACTIVE: ENABLED, DISABLED: DISABLED_, DELETED: DELETED_}.get(after.status, CHANGED)


def _without_clicks(link: Link) -> Link:
    # The limit grows with bots that came before it was set and are counted late; `max_clicks` is what a caller sets.
    return replace(link, click_count=0, bot_click_count=0, days={}, days_from=None, click_limit=None)
