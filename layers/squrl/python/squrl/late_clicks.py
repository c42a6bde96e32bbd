"""Use case: clicks that were queued are added to their links, each once."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from squrl.clicks import Click
from squrl.ports import LinkStore, StoreError

# Older clicks are never counted: by then it may be forgotten that they were. The store remembers them for thirty days;
# two are kept for clocks that differ and for an invocation's own time.
OLDEST_CLICK = 28 * 86_400  # seconds
MAX_BATCH = 99  # messages: with the link's own that makes 100 writes, the most that one transaction takes


@dataclass
class Batch:
    """What came of a batch of messages.

    Attributes
    ----------
    added, discarded : int
        Clicks that were counted, and that are too old or whose link is no more.
    malformed : list of str
        Messages that aren't clicks. They come again, and end in the dead-letter queue.
    returned : dict of str to str
        Messages whose clicks could not be written, with the reason. They come again.
    """

    added: int = 0
    discarded: int = 0
    malformed: list[str] = field(default_factory=list)
    returned: dict[str, str] = field(default_factory=dict)


def add_late_clicks(messages: Mapping[str, str], store: LinkStore, now: int) -> Batch:
    """Add queued clicks to their links, with one write for each link.

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
    clicks: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    carriers: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for message_id, body in messages.items():
        try:
            click = Click.from_message(body)
        except ValueError:
            batch.malformed.append(message_id)
            continue
        if click.clicked_at < now - OLDEST_CLICK:
            batch.discarded += 1
            continue
        link = click.short_code, click.created_at
        clicks[link][click.id] = click.clicked_at
        carriers[link].append(message_id)

    for link, times in clicks.items():
        try:
            added, discarded = store.add_clicks(*link, times)
        except StoreError as error:
            batch.returned |= dict.fromkeys(carriers[link], type(error).__name__)
            continue
        batch.added += added
        batch.discarded += discarded
    return batch
