"""Use case: a code becomes a destination, and the click is counted."""

from squrl import codes, telemetry
from squrl.clicks import Click, ClickQueue
from squrl.errors import Gone, NotFound, RateLimitExceeded, ServiceUnavailable
from squrl.links import Link
from squrl.store import UrlStore

RECENT_SECONDS = 2
RECENT_LINKS = 100

# What this process read of links that are clicked more often than they can be written, and when.
_recent: dict[str, tuple[int, Link]] = {}


def follow(short_code: str, store: UrlStore, now: int, *, click: bool, queue: ClickQueue | None = None) -> Link:
    """Return the live link that has a code.

    Parameters
    ----------
    short_code : str
        What the visitor asked for.
    store : UrlStore
        The table.
    now : int
        Unix seconds.
    click : bool
        Whether this counts as a click.
    queue : ClickQueue or None
        Takes a click that the table can't take.

    Raises
    ------
    NotFound
        If no link has the code, or it can't be a code; the latter without asking the table.
    Gone
        If the link has expired or was disabled.
    RateLimitExceeded, ServiceUnavailable
        If the table could not even be read.
    """
    try:
        link = _look_up(short_code, store, now, click=click, queue=queue)
    except (NotFound, Gone):
        telemetry.count(telemetry.URL_LOOKUP_COUNT)
        telemetry.count(telemetry.URL_LOOKUP_MISS)
        raise
    telemetry.count(telemetry.URL_LOOKUP_COUNT)
    telemetry.annotate(short_code)
    return link


def _look_up(short_code: str, store: UrlStore, now: int, *, click: bool, queue: ClickQueue | None) -> Link:
    if not codes.is_well_formed(short_code) or codes.is_reserved(short_code):
        raise NotFound("There is no link with this code")
    link = _count_click(short_code, store, now, queue) if click else store.get(short_code)
    if link is None:
        raise NotFound("There is no link with this code")
    if not link.is_live(now):
        raise Gone("The link has expired or was disabled")
    return link


def _count_click(short_code: str, store: UrlStore, now: int, queue: ClickQueue | None) -> Link | None:
    """Count the click and find the link in one round trip; if the count fails, the visitor is sent on all the same."""
    try:
        return store.count_click(short_code, now)
    except RateLimitExceeded:
        link = _read(short_code, store, now)
        if link is not None and link.is_live(now):
            # A row that an operator wrote may lack created_at: then nothing says which link was clicked.
            is_queued = queue is not None and link.created_at != "" and queue.send(Click.on(link, now))
            telemetry.count(telemetry.CLICK_QUEUED if is_queued else telemetry.CLICK_UNCERTAIN)
        return link
    except ServiceUnavailable:
        telemetry.count(telemetry.CLICK_UNCERTAIN)
        return store.get(short_code)


def _read(short_code: str, store: UrlStore, now: int) -> Link | None:
    """Read a link, at most every two seconds: the throttled ones are those that everybody asks for."""
    read_at, link = _recent.get(short_code, (0, None))
    # One that has expired meanwhile is read again: its code may have a new owner.
    if link is not None and 0 <= now - read_at < RECENT_SECONDS and link.is_live(now):
        return link
    link = store.get(short_code)
    if link is not None:
        if len(_recent) >= RECENT_LINKS:
            _recent.clear()
        _recent[short_code] = now, link
    return link
