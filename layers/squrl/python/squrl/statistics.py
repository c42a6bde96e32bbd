"""Use case: what was counted on a link, day by day."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from squrl.keys import Identity
from squrl.links import Link
from squrl.manage import see
from squrl.ports import LinkStore


class Statistics(NamedTuple):
    """What was counted on a link.

    Attributes
    ----------
    link : Link
        The link, with its sums.
    days : mapping of int to int
        People's clicks by the UTC day, counted from 1970-01-01 on: every day that has any.
    """

    link: Link
    days: Mapping[int, int]

    @property
    def undated(self) -> int:
        """What the link had before days were counted: what of its sum is no bot's and of no day."""
        return self.link.click_count - self.link.bot_click_count - sum(self.days.values())


def see_statistics(short_code: str, identity: Identity, store: LinkStore) -> Statistics:
    """Return what was counted on a link that the caller may know of. One read, and one more if days were moved.

    The row is read first. It says which days it doesn't have any longer; only these are taken from where they were
    moved to. So a move in between changes nothing: what it took out of the row was read there.

    Raises
    ------
    NotFound, Throttled, Unavailable
        As for `manage.see`.
    """
    link = see(short_code, identity, store)
    if link.days_from is None:
        return Statistics(link, link.days)
    days = Counter({day: clicks for day, clicks in store.past_days(link).items() if day < link.days_from})
    days.update(link.days)
    return Statistics(link, days)
