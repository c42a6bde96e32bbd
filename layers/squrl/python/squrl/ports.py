"""What the use cases need of the outside. `squrl.aws` has each port in AWS; the tests have each in memory."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from squrl.clicks import Click, OldDays
from squrl.domains import DomainLists
from squrl.keys import Key
from squrl.links import Kind, Link


class StoreError(Exception):
    """The store didn't do what was asked."""


class Throttled(StoreError):
    """The store refused for want of capacity. Nothing was written; later it may be."""


class Unavailable(StoreError):
    """The store didn't answer in time. A write may have been applied."""


class _Outcome:
    """What came of a write, with the link that it was about. Outcomes of different kinds are never equal.

    A dataclass each would be the same, and take a hundredth of a redirect's cold start.
    """

    __slots__ = ("link",)

    def __init__(self, link: Link) -> None:
        self.link = link

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, _Outcome) and other.link == self.link

    def __hash__(self) -> int:
        return hash((type(self), self.link))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.link!r})"


class Claimed(_Outcome):
    """The code was free, and now is this link's."""


class HeldBy(_Outcome):
    """Another link has the code, or this very link, claimed before."""


class Counted(_Outcome):
    """The click was added; the link is as it was after that."""


class NotCounted(_Outcome):
    """No click was added, since the link isn't live; ``None`` if there is no link."""

    link: Link | None  # type: ignore[assignment]

    def __init__(self, link: Link | None) -> None:
        self.link = link


class LateClicks(NamedTuple):
    """What came of clicks that came late: how many were added, and how many can't be, their link being no more."""

    added: int
    discarded: int


Cursor = dict[str, str]  # where a list goes on: the keys of the last link that was looked at


class Page(NamedTuple):
    """A part of a list, and where the next one begins; ``None`` at the end."""

    links: list[Link]
    cursor: Cursor | None


class LinkStore(Protocol):
    """The links. Times are Unix seconds.

    Raises
    ------
    Throttled, Unavailable
        From every method.
    """

    def get(self, short_code: str) -> Link | None:
        """Return the link as it is now."""

    def count_click(self, short_code: str, now: int, *, is_bot: bool = False) -> Counted | NotCounted:
        """Add one click if the link is live at `now`: to the sum, and to the UTC day's people or to the bots.

        A bot's click on a link with a limit isn't added.

        A write whose outcome is unknown isn't repeated: that could count one click twice. A throttled one isn't
        repeated either, unless a transaction was in its way: a visitor is waiting, and a click can be queued.
        """

    def add_clicks(
        self, short_code: str, created_at: str, clicks: Mapping[str, int], *, are_bots: bool = False
    ) -> LateClicks:
        """Add clicks that came late, given by their ids with their times: each once, however often it comes.

        They are of one UTC day, and for the link of that `created_at` alone: its code may have passed to another one.
        """

    def move_days(self, link: Link, before: int) -> bool:
        """Move a link's days before one out of its row, to where `past_days` finds them; tell whether it was done.

        The oldest hundred are moved, and no more. It isn't done if the row isn't as in `link` any more.
        """

    def past_days(self, link: Link) -> Mapping[int, int]:
        """Return the clicks of the days that were moved out of a link's row, by day."""

    def renew(self, short_code: str, kind: Kind, now: int) -> Link | None:
        """Extend the lifetime if this is still a live link of this kind that expires sooner, and return it as it is."""

    def claim(self, link: Link, now: int) -> Claimed | HeldBy:
        """Write the link if its code is free, or was this very kind's and has expired.

        For others an expired code stays taken until the store has collected the row: nobody inherits the visitors of a
        printed link in the second of its expiry.
        """

    def find(self, kind: Kind, now: int) -> str | None:
        """Return the code of a live link of this kind, of those that the index has (eventually consistent).

        The oldest 25 links to a destination are looked at, and no more.
        """

    def change(self, before: Link, after: Link, *, exactly: bool = False) -> Link | None:
        """Write what differs, and return the link as it then is; ``None`` if the row isn't as `before` any more.

        What has to be as before is what the change rests on: which link it is, its owner and status; for a change of
        status or end both, and the lock; with `exactly` the revision, too. So two changes at once both hold if they
        touch different fields, and no click is lost.
        """

    def release(self, link: Link) -> bool:
        """Remove a link's row, so that its code is free; tell whether the row still was that link's, or gone."""

    def page(self, owner: str | None, after: Cursor | None, limit: int) -> Page:
        """Return links of an owner, the newest first, as the index has them: without counts, perhaps a moment behind.

        Without an owner (``None``) those of everybody, in no order.

        Parameters
        ----------
        owner : str or None
            Whose.
        after : Cursor or None
            Where the page before ended.
        limit : int
            How many are looked at, 100 at most.
        """

    def refreshed(self, links: Sequence[Link]) -> list[Link]:
        """Return up to a hundred links as they are now, with their counts, in the same order; without those gone."""


class SecretStore(Protocol):
    """Keeps the secret from which codes follow. It goes wherever the links go."""

    def secret(self) -> bytes:
        """Return the secret. Whoever asks first makes it, and all who ask get the same.

        Raises
        ------
        Throttled, Unavailable
            If it can't be had.
        """


class KeyStore(Protocol):
    """Knows the keys."""

    def find_key(self, id_: str) -> Key | None:
        """Return a key by its id."""


class KeyRegistry(KeyStore, Protocol):
    """Keeps the keys."""

    def add_key(self, key: Key) -> bool:
        """Write a new key; tell whether its id was free."""

    def list_keys(self) -> list[Key]:
        """Return all keys."""

    def remove_key(self, id_: str) -> None:
        """Remove a key, if it is there."""


class DomainRegistry(Protocol):
    """Keeps the domain lists."""

    def read_domain_lists(self) -> DomainLists:
        """Return the lists as they are now."""

    def change_domain_lists(self, add: DomainLists, remove: DomainLists) -> DomainLists:
        """Add and remove entries in one update, which loses nobody else's; return the lists."""


class ClickQueue(Protocol):
    """Takes clicks that are to be counted later, and links with old days to be moved."""

    def send(self, message: Click | OldDays) -> bool:
        """Put a message into the queue; tell whether it certainly is there."""


class DomainPolicy(Protocol):
    """The operator's domain lists, as far as this process knows them. Neither method raises anything."""

    def refresh(self) -> None:
        """Begin to read the lists again where that is due. Returns at once."""

    def current(self) -> DomainLists:
        """Return the lists. Waits a moment for a reading that has begun, where what is known is too old."""


class ClientLimiter(Protocol):
    """How often a client may ask."""

    def permits(self, address: str, now: int) -> bool:
        """Count one request of a client at `now`; tell whether it is within its limit of this minute.

        A limiter that fails permits: it must not stop anybody.
        """
