"""Use case: a code becomes a destination, and the click is counted."""

from squrl import codes, telemetry
from squrl.errors import Gone, NotFound, RateLimitExceeded, ServiceUnavailable
from squrl.links import Link
from squrl.store import UrlStore


def follow(short_code: str, store: UrlStore, now: int, *, click: bool) -> Link:
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
        link = _look_up(short_code, store, now, click=click)
    except (NotFound, Gone):
        telemetry.count(telemetry.URL_LOOKUP_COUNT)
        telemetry.count(telemetry.URL_LOOKUP_MISS)
        raise
    telemetry.count(telemetry.URL_LOOKUP_COUNT)
    telemetry.annotate(short_code)
    return link


def _look_up(short_code: str, store: UrlStore, now: int, *, click: bool) -> Link:
    if not codes.is_well_formed(short_code) or codes.is_reserved(short_code):
        raise NotFound("There is no link with this code")
    link = _count_click(short_code, store, now) if click else store.get(short_code)
    if link is None:
        raise NotFound("There is no link with this code")
    if not link.is_live(now):
        raise Gone("The link has expired or was disabled")
    return link


def _count_click(short_code: str, store: UrlStore, now: int) -> Link | None:
    """Count the click and find the link in one round trip; if the count fails, the visitor is sent on all the same."""
    try:
        return store.count_click(short_code, now)
    except (RateLimitExceeded, ServiceUnavailable):
        telemetry.count(telemetry.CLICK_UNCERTAIN)
        return store.get(short_code)
