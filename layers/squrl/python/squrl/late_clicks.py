"""Use case: what was queued is done later. Clicks are added to their links, each once; old days leave their row."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from squrl.clicks import OldDays, read_message
from squrl.links import DAY, KEPT_DAYS, MAX_DAYS
from squrl.ports import LinkStore, StoreError

# Older clicks are never counted: by then it may be forgotten that they were. The store remembers them for thirty days;
# two are kept for clocks that differ and for an invocation's own time.
OLDEST_CLICK = 28 * DAY
MAX_BATCH = 99  # messages: with the link's own that makes 100 writes, the most that one transaction takes


@dataclass
class Batch:
    """What came of a batch of messages.

    Attributes
    ----------
    added, discarded : int
        Clicks that were counted, and that are too old or whose link is no more.
    moved : int
        Links whose old days were moved.
    malformed : list of str
        Messages that can't be read. They come again, and end in the dead-letter queue.
    returned : dict of str to str
        Messages that could not be done, with the reason. They come again.
    """

    added: int = 0
    discarded: int = 0
    moved: int = 0
    malformed: list[str] = field(default_factory=list)
    returned: dict[str, str] = field(default_factory=dict)


class _Group(NamedTuple):
    """Clicks that one write adds."""

    short_code: str
    created_at: str
    day: int
    are_bots: bool


def do_later(messages: Mapping[str, str], store: LinkStore, now: int) -> Batch:
    """Do what was queued, with one write for each link and day.

    Parameters
    ----------
    messages : mapping of str to str
        Bodies by the messages' ids, `MAX_BATCH` at most.
    store : LinkStore
        The links.
    now : int
        Unix seconds.
    """
    batch = Batch()
    clicks: defaultdict[_Group, dict[str, int]] = defaultdict(dict)
    carriers: defaultdict[_Group | OldDays, list[str]] = defaultdict(list)
    for message_id, body in messages.items():
        try:
            message = read_message(body)
        except ValueError:
            batch.malformed.append(message_id)
            continue
        group: _Group | OldDays
        if isinstance(message, OldDays):
            group = message
        else:
            if message.clicked_at < now - OLDEST_CLICK:
                batch.discarded += 1
                continue
            group = _Group(message.short_code, message.created_at, message.clicked_at // DAY, message.is_bot)
            clicks[group][message.id] = message.clicked_at
        carriers[group].append(message_id)
    for group, message_ids in carriers.items():
        try:
            if isinstance(group, OldDays):
                batch.moved += _move(group, store, now)
            else:
                added, discarded = store.add_clicks(
                    group.short_code, group.created_at, clicks[group], are_bots=group.are_bots
                )
                batch.added += added
                batch.discarded += discarded
        except StoreError as error:
            if isinstance(group, OldDays):  # the link's first click of another day asks again
                continue
            batch.returned |= dict.fromkeys(message_ids, type(error).__name__)
    return batch


def _move(old_days: OldDays, store: LinkStore, now: int) -> bool:
    """Move the old days out of a link's row, if it still has many; somebody else may have done it."""
    link = store.get(old_days.short_code)
    if link is None or link.created_at != old_days.created_at or len(link.days) <= MAX_DAYS:
        return False
    return store.move_days(link, now // DAY - KEPT_DAYS)
