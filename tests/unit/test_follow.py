"""A code becomes a destination, or the reason why not; the table is the in-memory fake."""

from dataclasses import replace
from typing import Any

import pytest

from squrl import telemetry
from squrl.clicks import Click
from squrl.errors import Gone, NotFound, RateLimitExceeded, ServiceUnavailable
from squrl.follow import RECENT_LINKS, follow
from squrl.links import DISABLED, Kind, Link, timestamp
from tests.support.fakes import FakeLinkStore

NOW = 1_800_000_000
KIND = Kind("https://example.com/", "301", None)


@pytest.fixture
def store():
    return FakeLinkStore()


@pytest.fixture
def counted(monkeypatch):
    names: list[str] = []
    monkeypatch.setattr(telemetry, "count", names.append)
    return names


class Queue:
    """Takes clicks, unless it is told to fail."""

    def __init__(self) -> None:
        self.clicks: list[Click] = []
        self.works = True

    def send(self, click: Click) -> bool:
        if self.works:
            self.clicks.append(click)
        return self.works


@pytest.fixture
def queue(monkeypatch):
    monkeypatch.setattr("squrl.follow._recent", {})
    return Queue()


@pytest.fixture
def throttled(store, queue, monkeypatch):
    """Refuse every count, and keep a list of the reads."""
    reads: list[str] = []
    get = store.get

    def read(short_code: str) -> Link | None:
        reads.append(short_code)
        link: Link | None = get(short_code)
        return link

    monkeypatch.setattr(store, "count_click", failing(RateLimitExceeded("throttled")))
    monkeypatch.setattr(store, "get", read)
    return reads


def failing(error):
    def fail(*_):
        raise error

    return fail


def put(store: FakeLinkStore, **changes: Any) -> None:
    store.links["abc"] = Link(
        **{"short_code": "abc", "kind": KIND, "created_at": timestamp(NOW - 60), "expires_at": None} | changes
    )


@pytest.mark.parametrize("expires_at", [None, NOW + 1])
def test_given_a_live_link_when_clicked_then_it_is_returned_with_the_click_counted(store, counted, expires_at):
    put(store, expires_at=expires_at, click_count=41)

    link = follow("abc", store, NOW, click=True)

    assert link.kind == KIND
    assert store.links["abc"].click_count == 42
    assert counted == ["url_lookup_count"]


def test_given_a_live_link_when_only_looked_at_then_no_click_is_counted(store, counted):
    put(store)

    link = follow("abc", store, NOW, click=False)

    assert link == store.links["abc"]
    assert link.click_count == 0
    assert counted == ["url_lookup_count"]


@pytest.mark.parametrize("click", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW},
        {"expires_at": NOW - 10**6},
        {"status": DISABLED},
        {"status": DISABLED, "expires_at": NOW + 60},
    ],
    ids=["this very second", "long expired", "disabled", "disabled by hand, with expiry"],
)
def test_given_a_link_that_is_not_live_when_followed_then_it_is_gone_and_not_counted(store, counted, changes, click):
    put(store, **changes)

    with pytest.raises(Gone):
        follow("abc", store, NOW, click=click)

    assert store.links["abc"].click_count == 0
    assert counted == ["url_lookup_count", "url_lookup_miss"]


@pytest.mark.parametrize("click", [True, False])
def test_given_no_link_when_followed_then_it_is_not_found_and_none_is_made(store, counted, click):
    with pytest.raises(NotFound):
        follow("abc", store, NOW, click=click)

    assert store.links == {}
    assert counted == ["url_lookup_count", "url_lookup_miss"]


@pytest.mark.parametrize(
    "code", ["", "ab", "a" * 21, "a b", "a/b", "abc\n", "äöü", "\ud800ab", "create", "Favicon", "robots"]
)
@pytest.mark.parametrize("click", [True, False])
def test_given_what_can_be_no_code_when_followed_then_it_is_not_found_without_asking_the_table(counted, code, click):
    no_store: Any = None

    with pytest.raises(NotFound):
        follow(code, no_store, NOW, click=click)

    assert counted == ["url_lookup_count", "url_lookup_miss"]


def test_given_a_count_whose_outcome_is_unknown_when_clicked_then_the_visitor_is_sent_on_and_nothing_is_queued(
    store, counted, queue, monkeypatch
):
    put(store)
    monkeypatch.setattr(store, "count_click", failing(ServiceUnavailable("timed out")))

    link = follow("abc", store, NOW, click=True, queue=queue)

    assert link.kind == KIND
    assert queue.clicks == []
    assert counted == ["click_uncertain", "url_lookup_count"]


def test_given_a_table_that_can_not_even_be_read_when_clicked_then_that_is_said(store, counted, monkeypatch):
    def fail(*_: object) -> Link:
        raise ServiceUnavailable("timed out")

    monkeypatch.setattr(store, "count_click", fail)
    monkeypatch.setattr(store, "get", fail)

    with pytest.raises(ServiceUnavailable):
        follow("abc", store, NOW, click=True)

    assert counted == ["click_uncertain"]


# A click that the table can't take


def test_given_a_throttled_table_when_clicked_then_the_click_is_queued_for_the_link_that_it_was_on(
    store, counted, queue, throttled
):
    put(store)

    links = [follow("abc", store, NOW + second, click=True, queue=queue) for second in range(2)]

    assert [link.kind for link in links] == [KIND, KIND]
    assert [click[1:] for click in queue.clicks] == [("abc", timestamp(NOW - 60), at) for at in (NOW, NOW + 1)]
    assert len({click.id for click in queue.clicks}) == 2
    assert counted == ["click_queued", "url_lookup_count"] * 2


@pytest.mark.parametrize("reason", ["no queue", "the queue fails", "a row without created_at"])
def test_given_a_click_that_can_not_be_queued_when_throttled_then_the_visitor_is_sent_on_and_it_is_uncertain(
    store, counted, queue, throttled, reason
):
    put(store, **({"created_at": ""} if "row" in reason else {}))
    queue.works = "fails" not in reason

    link = follow("abc", store, NOW, click=True, queue=None if reason == "no queue" else queue)

    assert link.kind == KIND
    assert queue.clicks == []
    assert counted == ["click_uncertain", "url_lookup_count"]


@pytest.mark.parametrize(
    ("changes", "error"), [({"status": DISABLED}, Gone), ({"expires_at": NOW}, Gone), (None, NotFound)]
)
def test_given_no_live_link_when_throttled_then_no_click_is_queued(store, counted, queue, throttled, changes, error):
    if changes is not None:
        put(store, **changes)

    with pytest.raises(error):
        follow("abc", store, NOW, click=True, queue=queue)

    assert queue.clicks == []
    assert counted == ["url_lookup_count", "url_lookup_miss"]


def test_given_a_link_that_everybody_clicks_when_throttled_then_it_is_read_at_most_every_two_seconds(
    store, counted, queue, throttled
):
    put(store)

    for at in (NOW, NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 4):
        follow("abc", store, at, click=True, queue=queue)

    assert len(throttled) == 3
    assert len(queue.clicks) == 6


def test_given_a_link_that_expires_when_throttled_then_its_codes_next_owner_is_seen_at_that_second(
    store, counted, queue, throttled
):
    put(store, expires_at=NOW + 1)
    follow("abc", store, NOW, click=True, queue=queue)
    put(store, kind=KIND._replace(original_url="https://other.example/"), created_at=timestamp(NOW + 1))

    link = follow("abc", store, NOW + 1, click=True, queue=queue)

    assert link.kind == KIND._replace(original_url="https://other.example/")
    assert [click.created_at for click in queue.clicks] == [timestamp(NOW - 60), timestamp(NOW + 1)]


def test_given_many_links_when_throttled_then_only_so_many_are_kept(store, counted, queue, throttled, monkeypatch):
    recent: dict[str, Any] = {}
    monkeypatch.setattr("squrl.follow._recent", recent)
    put(store)
    for number in range(3 * RECENT_LINKS):
        store.links[f"abc{number}"] = replace(store.links["abc"], short_code=f"abc{number}")

        follow(f"abc{number}", store, NOW, click=True, queue=queue)

    assert len(queue.clicks) == 3 * RECENT_LINKS
    assert len(recent) <= RECENT_LINKS


def test_given_a_table_that_can_not_be_read_either_when_throttled_then_the_caller_is_told(
    store, counted, queue, throttled, monkeypatch
):
    monkeypatch.setattr(store, "get", failing(RateLimitExceeded("throttled")))

    with pytest.raises(RateLimitExceeded):
        follow("abc", store, NOW, click=True, queue=queue)

    assert (queue.clicks, counted) == ([], [])
