"""Use case: clicks that were queued are added to their links, each once."""

from collections import defaultdict
from collections.abc import Mapping

from squrl import telemetry
from squrl.clicks import Click
from squrl.errors import RateLimitExceeded, ServiceUnavailable
from squrl.store import REMEMBERED, UrlStore

# Older clicks are never counted: by then it may be forgotten that they were. Two days are kept for clocks that differ
# and for an invocation's own time.
MAX_AGE = REMEMBERED - 2 * 86_400  # seconds
MAX_BATCH = 99  # messages: with the link's own that makes 100 writes, the most that one transaction takes


def count_clicks(messages: Mapping[str, str], store: UrlStore, now: int) -> list[str]:
    """Add queued clicks to their links, with one write for each link.

    Parameters
    ----------
    messages : mapping of str to str
        Bodies by the messages' ids, `MAX_BATCH` at most.
    store : UrlStore
        The table.
    now : int
        Unix seconds.

    Returns
    -------
    list of str
        The messages that have to come again: those that could not be written, and those that are no clicks at all,
        which end in the dead-letter queue.
    """
    failed: list[str] = []
    clicks: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    carriers: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    discarded = 0
    for message_id, body in messages.items():
        try:
            click = Click.from_message(body)
        except ValueError:
            telemetry.logger.error("A message is no click", message_id=message_id)
            failed.append(message_id)
            continue
        if click.clicked_at < now - MAX_AGE:
            discarded += 1
            continue
        link = click.short_code, click.created_at
        clicks[link][click.id] = click.clicked_at
        carriers[link].append(message_id)

    for link, times in clicks.items():
        try:
            added, without_link = store.add_clicks(*link, times)
        except (RateLimitExceeded, ServiceUnavailable) as error:
            telemetry.logger.warning("Clicks have to come again", cause=error.name, clicks=len(times))
            failed += carriers[link]
            continue
        if added:
            telemetry.count(telemetry.CLICK_COUNTED_LATE, added)
        discarded += without_link
    if discarded:
        telemetry.count(telemetry.CLICK_DISCARDED, discarded)
        telemetry.logger.warning("Clicks were discarded: too old, or their link is no more", clicks=discarded)
    return failed
