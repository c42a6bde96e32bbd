"""An in-memory `UrlStore`, held to the real one's behaviour by tests/integration/test_store_contract.py."""

from collections.abc import Mapping
from dataclasses import replace

from squrl.links import Kind, Link


class FakeUrlStore:
    """Links in a dictionary. `index_is_behind` makes the index know nothing, as it may in DynamoDB for a moment."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self.late_clicks: set[str] = set()
        self.index_is_behind = False

    def get(self, short_code: str) -> Link | None:
        return self.links.get(short_code)

    def count_click(self, short_code: str, now: int) -> Link | None:
        link = self.links.get(short_code)
        if link is not None and link.is_live(now):
            link = self.links[short_code] = replace(link, click_count=link.click_count + 1)
        return link

    def add_clicks(self, short_code: str, created_at: str, clicks: Mapping[str, int]) -> tuple[int, int]:
        missing = clicks.keys() - self.late_clicks
        link = self.links.get(short_code)
        if link is None or link.created_at != created_at:
            return 0, len(missing)
        self.links[short_code] = replace(link, click_count=link.click_count + len(missing))
        self.late_clicks |= missing
        return len(missing), 0

    def find_live(self, kind: Kind, now: int) -> str | None:
        if self.index_is_behind:
            return None
        found = [link for link in self.links.values() if link.kind == kind and link.is_live(now)]
        return min(found, key=lambda link: link.created_at).short_code if found else None

    def renew(self, short_code: str, kind: Kind, now: int) -> Link | None:
        link = self.links.get(short_code)
        if link is None or link.kind != kind or not link.is_live(now) or link.expires_at is None:
            return link
        expires_at = kind.expires_at(now)
        if expires_at is not None and link.expires_at < expires_at:
            link = self.links[short_code] = replace(link, expires_at=expires_at)
        return link

    def claim(self, link: Link, now: int) -> Link | None:
        holder = self.links.get(link.short_code)
        if holder is not None and (holder.status != "active" or holder.is_live(now)):
            return holder
        self.links[link.short_code] = link
        return None
