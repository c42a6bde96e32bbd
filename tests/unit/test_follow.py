"""A code becomes a destination, or the reason why not; the table is the in-memory fake."""

from typing import Any

import pytest

from squrl import telemetry
from squrl.errors import Gone, NotFound, RateLimitExceeded, ServiceUnavailable
from squrl.follow import follow
from squrl.links import DISABLED, Kind, Link, timestamp
from tests.fakes import FakeUrlStore

NOW = 1_800_000_000
KIND = Kind("https://example.com/", "301", None)


@pytest.fixture
def store():
    return FakeUrlStore()


@pytest.fixture
def counted(monkeypatch):
    names: list[str] = []
    monkeypatch.setattr(telemetry, "count", names.append)
    return names


def put(store: FakeUrlStore, **changes: Any) -> None:
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


@pytest.mark.parametrize("failure", [RateLimitExceeded("throttled"), ServiceUnavailable("timed out")])
def test_given_a_count_that_fails_when_clicked_then_the_visitor_is_sent_on_from_a_read(
    store, counted, failure, monkeypatch
):
    put(store)

    def fail(short_code: str, now: int) -> Link:
        raise failure

    monkeypatch.setattr(store, "count_click", fail)

    link = follow("abc", store, NOW, click=True)

    assert link.kind == KIND
    assert counted == ["click_uncertain", "url_lookup_count"]


def test_given_a_table_that_can_not_even_be_read_when_clicked_then_that_is_said(store, counted, monkeypatch):
    def fail(*_: object) -> Link:
        raise ServiceUnavailable("timed out")

    monkeypatch.setattr(store, "count_click", fail)
    monkeypatch.setattr(store, "get", fail)

    with pytest.raises(ServiceUnavailable):
        follow("abc", store, NOW, click=True)

    assert counted == ["click_uncertain"]
