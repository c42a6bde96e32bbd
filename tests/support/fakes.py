"""The ports in memory. The store is held to the real one's behaviour by tests/integration/test_store_contract.py."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from squrl.aws.event_bus import Event, Published
from squrl.clicks import Click, OldDays
from squrl.domains import DomainLists
from squrl.keys import Key
from squrl.links import ACTIVE, DAY, DELETED, Kind, Link, timestamp
from squrl.ports import Claimed, Counted, Cursor, HeldBy, LateClicks, NotCounted, Page

NOW = 1_800_000_000  # 2027-01-15T08:00:00Z: the first second of a minute, and of an hour
FOREVER = Kind("https://example.com/", "301", None)


def a_link(short_code: str = "abc", kind: Kind = FOREVER, **changes: Any) -> Link:
    """Return a live link that was made ten hours before `NOW`."""
    made = NOW - 36_000
    return replace(Link(short_code, kind, timestamp(made), kind.expires_at(made)), **changes)


class FakeLinkStore:
    """Links in a dictionary.

    Attributes
    ----------
    links : dict of str to Link
        By code.
    late_clicks : set of str
        The ids of those that were added.
    failures : dict of str to Exception
        What a method raises, by its name.
    calls : list of str
        The methods that were called.
    """

    def __init__(self, *links: Link) -> None:
        self.links = {link.short_code: link for link in links}
        self.late_clicks: set[str] = set()
        self.past: dict[tuple[str, str], dict[int, int]] = {}
        self.failures: dict[str, Exception] = {}
        self.calls: list[str] = []

    def get(self, short_code: str) -> Link | None:
        self._begin("get")
        return self.links.get(short_code)

    def count_click(self, short_code: str, now: int, *, is_bot: bool = False) -> Counted | NotCounted:
        self._begin("count_click")
        link = self.links.get(short_code)
        if link is None or not link.is_live(now) or (is_bot and link.click_limit is not None):
            return NotCounted(link)
        return Counted(self._put(_clicked(link, 1, None if is_bot else now // DAY)))

    def add_clicks(
        self, short_code: str, created_at: str, clicks: Mapping[str, int], *, are_bots: bool = False
    ) -> LateClicks:
        self._begin("add_clicks")
        missing = clicks.keys() - self.late_clicks
        link = self.links.get(short_code)
        if link is None or link.created_at != created_at:
            return LateClicks(0, len(missing))
        days = {at // DAY for at in clicks.values()}
        clicked = _clicked(link, len(missing), None if are_bots else min(days)) if missing else link
        if are_bots and link.click_limit is not None:
            clicked = replace(clicked, click_limit=link.click_limit + len(missing))
        self._put(clicked)
        self.late_clicks |= missing
        return LateClicks(len(missing), 0)

    def move_days(self, link: Link, before: int) -> bool:
        self._begin("move_days")
        row = self.links.get(link.short_code)
        old = sorted(day for day in link.days if day < before)
        moved = {day: link.days[day] for day in old[:100]}
        before = old[100] if len(old) > len(moved) else before
        if row is None or row.created_at != link.created_at or not moved or not moved.items() <= row.days.items():
            return False
        past = self.past.setdefault((link.short_code, link.created_at), {})
        past |= {day: past.get(day, 0) + clicks for day, clicks in moved.items()}
        days = {day: clicks for day, clicks in row.days.items() if day not in moved}
        self._put(replace(row, days=days, days_from=before))
        return True

    def past_days(self, link: Link) -> Mapping[int, int]:
        self._begin("past_days")
        return dict(self.past.get((link.short_code, link.created_at), {}))

    def renew(self, short_code: str, kind: Kind, now: int) -> Link | None:
        self._begin("renew")
        link = self.links.get(short_code)
        if link is None or link.kind != kind or not link.is_live(now) or link.expires_at is None or link.max_clicks:
            return link
        expires_at = kind.expires_at(now)
        is_later = expires_at is not None and link.expires_at < expires_at
        return self._put(replace(link, expires_at=expires_at, revision=link.revision + 1)) if is_later else link

    def claim(self, link: Link, now: int) -> Claimed | HeldBy:
        self._begin("claim")
        holder = self.links.get(link.short_code)
        if holder is not None and not self._is_free(holder, link, now):
            return HeldBy(holder)
        return Claimed(self._put(link))

    @staticmethod
    def _is_free(holder: Link, link: Link, now: int) -> bool:
        if link.kind.owner and link.custom_code:
            return holder.is_given_up(link.kind.owner, now)
        has_expired = holder.status == ACTIVE and holder.has_expired(now)
        return holder.kind == link.kind and has_expired and not holder.max_clicks and not link.max_clicks

    def find(self, kind: Kind, now: int) -> str | None:
        self._begin("find")
        links = sorted(self.links.values(), key=lambda link: link.created_at)
        entries = [link for link in links if link.kind.original_url == kind.original_url][:25]
        same = (link for link in entries if link.kind == kind and link.max_clicks is None)
        return next((link.short_code for link in same if link.is_live(now)), None)

    def change(self, before: Link, after: Link, *, exactly: bool = False) -> Link | None:
        self._begin("change")
        row = self.links.get(before.short_code)
        touches = before.kind.ttl_hours != after.kind.ttl_hours or any(
            getattr(before, name) != getattr(after, name) for name in ("status", "expires_at", "locked")
        )
        decisive = ["created_at", "status", *(["expires_at", "locked"] if touches else [])]
        decisive += ["revision"] if exactly else []
        if row is None or row.kind.owner != before.kind.owner:
            return None
        if any(getattr(row, name) != getattr(before, name) for name in decisive):
            return None
        names = (field.name for field in fields(Link) if field.name not in {"kind", "revision"})
        changes = {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
        kind = {name: value for name, value in after.kind._asdict().items() if value != getattr(before.kind, name)}
        if "max_clicks" in changes:
            limit = changes["max_clicks"]
            changes["click_limit"] = None if limit is None else row.bot_click_count + limit
        if after.status == DELETED:
            changes |= {"title": None, "tags": frozenset(), "creator_ip": None}
            kind["original_url"] = ""
        return self._put(replace(row, **changes, kind=row.kind._replace(**kind), revision=row.revision + 1))

    def release(self, link: Link) -> bool:
        self._begin("release")
        row = self.links.get(link.short_code)
        if row is not None and (row.created_at, row.kind.owner) != (link.created_at, link.kind.owner):
            return False
        self.links.pop(link.short_code, None)
        return True

    def page(self, owner: str | None, after: Cursor | None, limit: int) -> Page:
        self._begin("page")
        links = [link for link in self.links.values() if owner is None or link.kind.owner == owner]
        links.sort(key=lambda link: (link.created_at, link.short_code), reverse=True)
        if after is not None:
            at = (after.get("created_at"), after["short_code"])
            links = [link for link in links if owner is None or (link.created_at, link.short_code) < at]
            if owner is None:
                codes = [link.short_code for link in links]
                links = links[codes.index(after["short_code"]) + 1 :]
        shown, more = links[:limit], links[limit:]
        keys = {"short_code": shown[-1].short_code} if more else None
        if keys and owner is not None:
            keys |= {"owner": owner, "created_at": shown[-1].created_at}
        return Page(shown, keys)

    def refreshed(self, links: Sequence[Link]) -> list[Link]:
        self._begin("refreshed")
        rows = ((link, self.links.get(link.short_code)) for link in links)
        same = [(row, link) for link, row in rows if row is not None and row.created_at == link.created_at]
        return [row for row, link in same if row.kind.owner == link.kind.owner]

    def _put(self, link: Link) -> Link:
        self.links[link.short_code] = link
        return link

    def _begin(self, method: str) -> None:
        self.calls.append(method)
        if method in self.failures:
            raise self.failures[method]


def _clicked(link: Link, clicks: int, day: int | None) -> Link:
    """Return a link with more clicks of people on a day, or of bots (``None``)."""
    link = replace(link, click_count=link.click_count + clicks)
    if day is None:
        return replace(link, bot_click_count=link.bot_click_count + clicks)
    return replace(link, days={**link.days, day: link.days.get(day, 0) + clicks})


class FakeSecretStore:
    """Knows a secret that every test has."""

    def secret(self) -> bytes:
        return b"a secret for tests, of 32 bytes."


class FakeClickQueue:
    """Keeps clicks in a list, unless it is told to fail."""

    def __init__(self) -> None:
        self.clicks: list[Click] = []
        self.old_days: list[OldDays] = []
        self.works = True

    def send(self, message: Click | OldDays) -> bool:
        if self.works:
            if isinstance(message, OldDays):
                self.old_days.append(message)
            else:
                self.clicks.append(message)
        return self.works


class FakeEventBus:
    """Keeps events in a list, up to the first of a code that is refused."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.refused = ""

    def publish(self, events: Sequence[Event]) -> Published:
        for number, event in enumerate(events):
            if event.short_code == self.refused:
                return Published(number, "InternalFailure")
            self.events.append(event)
        return Published(len(events))


class FakeDomainPolicy:
    """Knows the lists that it is given; `refreshed` counts how often they were to be read again."""

    def __init__(self, lists: DomainLists | None = None) -> None:
        self.lists = lists or DomainLists()
        self.refreshed = 0

    def refresh(self) -> None:
        self.refreshed += 1

    def current(self) -> DomainLists:
        return self.lists


class FakeClientLimiter:
    """Permits all while it is told to, and keeps who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_within_limit = True

    def permits(self, address: str, now: int) -> bool:  # noqa: ARG002 (as the real one)
        self.asked.append(address)
        return self.is_within_limit


class FakeDurableTable:
    """Keys and domain lists in memory: a `KeyRegistry` and a `DomainRegistry`."""

    def __init__(self, *keys: Key) -> None:
        self.keys = {key.id: key for key in keys}
        self.lists = DomainLists()
        self.asked: list[str] = []

    def find_key(self, id_: str) -> Key | None:
        self.asked.append(id_)
        return self.keys.get(id_)

    def add_key(self, key: Key) -> bool:
        return self.keys.setdefault(key.id, key) is key

    def list_keys(self) -> list[Key]:
        return list(self.keys.values())

    def remove_key(self, id_: str) -> None:
        self.keys.pop(id_, None)

    def read_domain_lists(self) -> DomainLists:
        return self.lists

    def change_domain_lists(self, add: DomainLists, remove: DomainLists) -> DomainLists:
        parts = zip(self.lists, add, remove, strict=True)
        self.lists = DomainLists(*((old | added) - removed for old, added, removed in parts))
        return self.lists
