"""The ports in memory. The store is held to the real one's behaviour by tests/integration/test_store_contract.py."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from squrl.clicks import Click
from squrl.domains import DomainLists
from squrl.links import ACTIVE, DISABLED, Kind, Link, timestamp
from squrl.ports import Claimed, Counted, HeldBy, LateClicks, NotCounted

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
        self.failures: dict[str, Exception] = {}
        self.calls: list[str] = []

    def get(self, short_code: str) -> Link | None:
        self._begin("get")
        return self.links.get(short_code)

    def count_click(self, short_code: str, now: int) -> Counted | NotCounted:
        self._begin("count_click")
        link = self.links.get(short_code)
        if link is None or not link.is_live(now):
            return NotCounted(link)
        return Counted(self._put(replace(link, click_count=link.click_count + 1)))

    def add_clicks(self, short_code: str, created_at: str, clicks: Mapping[str, int]) -> LateClicks:
        self._begin("add_clicks")
        missing = clicks.keys() - self.late_clicks
        link = self.links.get(short_code)
        if link is None or link.created_at != created_at:
            return LateClicks(0, len(missing))
        self._put(replace(link, click_count=link.click_count + len(missing)))
        self.late_clicks |= missing
        return LateClicks(len(missing), 0)

    def renew(self, short_code: str, kind: Kind, now: int) -> Link | None:
        self._begin("renew")
        link = self.links.get(short_code)
        if link is None or link.kind != kind or not link.is_live(now) or link.expires_at is None:
            return link
        expires_at = kind.expires_at(now)
        is_later = expires_at is not None and link.expires_at < expires_at
        return self._put(replace(link, expires_at=expires_at)) if is_later else link

    def claim(self, link: Link, now: int) -> Claimed | HeldBy:
        self._begin("claim")
        holder = self.links.get(link.short_code)
        is_its_own = holder is not None and holder.kind == link.kind and holder.status == ACTIVE
        if holder is not None and (not is_its_own or holder.is_live(now)):
            return HeldBy(holder)
        return Claimed(self._put(link))

    def disable(self, short_code: str) -> Link | None:
        self._begin("disable")
        return self._with_status(short_code, DISABLED)

    def enable(self, short_code: str) -> Link | None:
        self._begin("enable")
        return self._with_status(short_code, ACTIVE)

    def _with_status(self, short_code: str, status: str) -> Link | None:
        link = self.links.get(short_code)
        return link and self._put(replace(link, status=status))

    def _put(self, link: Link) -> Link:
        self.links[link.short_code] = link
        return link

    def _begin(self, method: str) -> None:
        self.calls.append(method)
        if method in self.failures:
            raise self.failures[method]


class FakeSecretStore:
    """Knows a secret that every test has."""

    def secret(self) -> bytes:
        return b"a secret for tests, of 32 bytes."


class FakeClickQueue:
    """Keeps clicks in a list, unless it is told to fail."""

    def __init__(self) -> None:
        self.clicks: list[Click] = []
        self.works = True

    def send(self, click: Click) -> bool:
        if self.works:
            self.clicks.append(click)
        return self.works


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
