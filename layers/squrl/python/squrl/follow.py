"""Use case: a code becomes a destination, and the click is counted."""

from enum import Enum, auto
from typing import NamedTuple

from squrl import codes
from squrl.clicks import Click, OldDays
from squrl.errors import Gone, NotFound, SqurlError
from squrl.links import DAY, MAX_DAYS, Link
from squrl.ports import ClickQueue, Counted, DomainPolicy, LinkStore, StoreError, Throttled, Unavailable

RECENT_SECONDS = 2
RECENT_LINKS = 100


class Outcome(Enum):
    """What came of a click."""

    COUNTED = auto()
    QUEUED = auto()  # it is counted later
    UNCERTAIN = auto()  # nobody knows whether it is counted
    NONE = auto()  # there was none: the link was only looked at, or isn't live


class Visitor(Enum):
    """Who follows a link."""

    PERSON = auto()
    BOT = auto()
    ONLOOKER = auto()  # only looks where the link leads, and counts as nobody


class Followed(NamedTuple):
    """What a visitor gets.

    Attributes
    ----------
    link : Link or None
        The one that has the code, live or not.
    outcome : Outcome
        What came of the click.
    miss : SqurlError or StoreError or None
        Why the visitor isn't sent on. A `StoreError` means that nobody knows whether there is such a link, or whether
        it is used up.
    is_withheld : bool
        Whether the visitor may not learn where the link leads: its limit is for people who are sent on.
    """

    link: Link | None
    outcome: Outcome = Outcome.NONE
    miss: SqurlError | StoreError | None = None
    is_withheld: bool = False

    def destination(self) -> Link:
        """Return the link to send the visitor on with.

        Raises
        ------
        NotFound
            If no link has the code, or it can't be a code.
        Gone
            If the link has expired, or it or its domain was disabled.
        Throttled, Unavailable
            If the click was sent, but the store could not be read after that.
        """
        if self.miss or self.link is None:
            raise self.miss or NotFound("There is no link with this code")
        return self.link


class RecentLinks:
    """What a process read of codes that are asked for more often than the table allows: a few, for two seconds.

    What isn't live, or isn't there, is remembered as well: a popular link that was taken down is still asked for.
    """

    def __init__(self) -> None:
        self._links: dict[str, tuple[int, Link | None]] = {}

    def read(self, short_code: str, store: LinkStore, now: int) -> Link | None:
        """Read a link at `now`, in Unix seconds; at most every two seconds: the throttled ones are the popular ones."""
        read_at, link = self._links.get(short_code, (0, None))
        # One that has expired meanwhile is read again: its code may have a new owner.
        has_expired = link is not None and link.is_live(read_at) and not link.is_live(now)
        if short_code in self._links and 0 <= now - read_at < RECENT_SECONDS and not has_expired:
            return link
        link = store.get(short_code)
        if len(self._links) >= RECENT_LINKS:
            self._links.clear()
        self._links[short_code] = now, link
        return link


class Ports(NamedTuple):
    """What following a link needs of the outside."""

    store: LinkStore
    queue: ClickQueue
    domains: DomainPolicy
    recent: RecentLinks


_Count = tuple[Link | None, Outcome, StoreError | None]


def follow(short_code: str, now: int, ports: Ports, visitor: Visitor) -> Followed:
    """Find the link that has a code, and count the click on it.

    The domain lists are asked for side by side with the store, so that they cost the visitor no time.

    Parameters
    ----------
    short_code : str
        What the visitor asked for. What can't be a code is answered without asking anybody.
    now : int
        Unix seconds.
    ports : Ports
        The outside.
    visitor : Visitor
        Who asks: this decides what is counted.

    Raises
    ------
    Throttled, Unavailable
        If the store could not even be read.
    """
    if visitor is Visitor.ONLOOKER:
        return look(short_code, now, ports.store, ports.domains)
    if not _may_exist(short_code):
        return _unknown()
    ports.domains.refresh()
    link, outcome, failure = _count(short_code, now, ports, is_bot=visitor is Visitor.BOT)
    if failure:
        return Followed(None, outcome, failure)
    followed = _judged(link, outcome, now, ports.domains)
    return followed._replace(is_withheld=False) if visitor is Visitor.PERSON else followed


def look(short_code: str, now: int, store: LinkStore, domains: DomainPolicy) -> Followed:
    """Find the link that has a code, and count nothing. The rest is as with `follow`."""
    if not _may_exist(short_code):
        return _unknown()
    domains.refresh()
    return _judged(store.get(short_code), Outcome.NONE, now, domains)


def _may_exist(short_code: str) -> bool:
    return codes.is_well_formed(short_code) and not codes.is_reserved(short_code)


def _unknown(outcome: Outcome = Outcome.NONE) -> Followed:
    return Followed(None, outcome, NotFound("There is no link with this code"))


def _judged(link: Link | None, outcome: Outcome, now: int, domains: DomainPolicy) -> Followed:
    """Return what somebody gets of a link who may not learn where one with a limit leads."""
    if link is None:
        return _unknown(outcome)
    # A click that was counted was let through, though it may be the one that used the link up.
    if outcome is not Outcome.COUNTED and not link.is_live(now):
        return Followed(link, outcome, Gone("The link has expired, is used up or was taken down"))
    if not domains.current().permits(link.kind.original_url):
        return Followed(link, outcome, Gone("Links to this domain were disabled"))
    return Followed(link, outcome, is_withheld=link.max_clicks is not None)


def _count(short_code: str, now: int, ports: Ports, *, is_bot: bool) -> _Count:
    """Count the click and find the link in one round trip; if the count fails, the visitor is sent on all the same.

    But not with a link that has a limit: then a click may be used up without a redirect, never the other way round.
    """
    try:
        result = ports.store.count_click(short_code, now, is_bot=is_bot)
    except Throttled:
        return _queue(short_code, now, ports, is_bot=is_bot)
    except Unavailable:
        try:
            link = ports.store.get(short_code)
        except StoreError as failure:  # the click may be counted all the same
            return None, Outcome.UNCERTAIN, failure
        return link, Outcome.UNCERTAIN, _unless_sent_on(link, now, is_bot=is_bot)
    if not isinstance(result, Counted):
        return result.link, Outcome.NONE, None
    days = result.link.days
    # The first person of a day looks after the row.
    if not is_bot and len(days) > MAX_DAYS and days.get(now // DAY) == 1:
        ports.queue.send(OldDays(result.link.short_code, result.link.created_at))
    return result.link, Outcome.COUNTED, None


def _queue(short_code: str, now: int, ports: Ports, *, is_bot: bool) -> _Count:
    """Have a click counted later, which the table couldn't take."""
    link = ports.recent.read(short_code, ports.store, now)
    if link is None or not link.is_live(now) or link.max_clicks is not None:
        return link, Outcome.NONE, _unless_sent_on(link, now, is_bot=is_bot)
    # A row that an operator wrote may lack created_at: then nothing says which link was clicked.
    is_queued = link.created_at != "" and ports.queue.send(Click.on(link, now, is_bot=is_bot))
    return link, Outcome.QUEUED if is_queued else Outcome.UNCERTAIN, None


def _unless_sent_on(link: Link | None, now: int, *, is_bot: bool) -> StoreError | None:
    """Return why a person isn't sent on whose click may not be counted: the link has a limit."""
    is_limited = link is not None and link.max_clicks is not None and link.is_live(now)
    return Unavailable() if is_limited and not is_bot else None
