"""Queued clicks become counts, each once; the table is the in-memory fake."""

from collections import Counter
from typing import Any

import pytest

from squrl import telemetry
from squrl.clicks import Click
from squrl.count import MAX_AGE, count_clicks
from squrl.errors import RateLimitExceeded, ServiceUnavailable
from squrl.links import Kind, Link, timestamp
from squrl.store import REMEMBERED
from tests.support.fakes import FakeLinkStore

NOW = 1_800_000_000
CREATED = timestamp(NOW - 60)
LINKS = [Link(code, Kind(f"https://example.com/{code}", "301", None), CREATED, None) for code in ("abc", "def")]


@pytest.fixture
def store():
    store = FakeLinkStore()
    store.links = {link.short_code: link for link in LINKS}
    return store


@pytest.fixture(autouse=True)
def counted(monkeypatch):
    counts: Counter[str] = Counter()
    monkeypatch.setattr(telemetry, "count", lambda name, number=1: counts.update({name: number}))
    return counts


def batch(*clicks: Click) -> dict[str, str]:
    return {f"message-{number}": click.to_message() for number, click in enumerate(clicks)}


def clicks_of(store: FakeLinkStore) -> dict[str, int]:
    return {code: link.click_count for code, link in store.links.items()}


def test_given_clicks_on_several_links_when_counted_then_each_link_is_written_once_with_their_sum(
    store, counted, monkeypatch
):
    written: list[Any] = []
    add_clicks = store.add_clicks

    def add(*call):
        written.append(call[:2])
        return add_clicks(*call)

    monkeypatch.setattr(store, "add_clicks", add)
    messages = batch(*(Click.on(link, NOW) for link in LINKS * 3 + LINKS[:1]))

    failed = count_clicks(messages, store, NOW + 5)

    assert failed == []
    assert clicks_of(store) == {"abc": 4, "def": 3}
    assert written == [("abc", CREATED), ("def", CREATED)]
    assert counted == {"click_counted_late": 7}


def test_given_a_click_that_comes_twice_when_counted_then_it_counts_once(store, counted):
    click = Click.on(LINKS[0], NOW)

    failed = [count_clicks(batch(click, click), store, NOW), count_clicks(batch(click), store, NOW + 100)]

    assert failed == [[], []]
    assert clicks_of(store)["abc"] == 1
    assert counted == {"click_counted_late": 1}


@pytest.mark.parametrize("change", ["collected", "claimed by another"])
def test_given_a_link_that_is_no_more_when_counted_then_its_clicks_are_discarded_and_nobody_gets_them(
    store, counted, change
):
    messages = batch(Click.on(LINKS[0], NOW), Click.on(LINKS[0], NOW), Click.on(LINKS[1], NOW))
    del store.links["abc"]
    if change != "collected":
        store.links["abc"] = Link("abc", Kind("https://other.example/", "301", None), timestamp(NOW + 1), None)

    failed = count_clicks(messages, store, NOW + 5)

    assert failed == []
    assert clicks_of(store) == ({"def": 1} if change == "collected" else {"abc": 0, "def": 1})
    assert counted == {"click_counted_late": 1, "click_discarded": 2}


@pytest.mark.parametrize("failure", [RateLimitExceeded("throttled"), ServiceUnavailable("timed out")])
def test_given_a_link_that_can_not_be_written_when_counted_then_only_its_messages_come_again(
    store, counted, monkeypatch, failure
):
    add_clicks = store.add_clicks

    def fail(short_code, created_at, clicks):
        if short_code == "abc":
            raise failure
        return add_clicks(short_code, created_at, clicks)

    monkeypatch.setattr(store, "add_clicks", fail)
    once, other, twice = Click.on(LINKS[0], NOW), Click.on(LINKS[1], NOW), Click.on(LINKS[0], NOW)

    failed = count_clicks(batch(once, other, twice, twice), store, NOW)

    assert failed == ["message-0", "message-2", "message-3"]
    assert clicks_of(store) == {"abc": 0, "def": 1}
    assert counted == {"click_counted_late": 1}


def test_given_a_defect_when_some_links_are_written_then_it_goes_up_and_what_was_counted_is_said(
    store, counted, monkeypatch
):
    add_clicks = store.add_clicks

    def fail(short_code, created_at, clicks):
        if short_code == "def":
            raise KeyError
        return add_clicks(short_code, created_at, clicks)

    monkeypatch.setattr(store, "add_clicks", fail)

    with pytest.raises(KeyError):
        count_clicks(batch(*(Click.on(link, NOW) for link in LINKS)), store, NOW)

    assert counted == {"click_counted_late": 1}


def test_given_a_message_that_is_no_click_when_counted_then_it_fails_and_the_others_are_counted(store, counted):
    messages = {"bad": "{"} | batch(Click.on(LINKS[0], NOW))

    failed = count_clicks(messages, store, NOW)

    assert failed == ["bad"]
    assert clicks_of(store)["abc"] == 1
    assert counted == {"click_counted_late": 1}


@pytest.mark.parametrize(("age", "is_counted"), [(MAX_AGE, True), (MAX_AGE + 1, False)])
def test_given_an_old_click_when_counted_then_it_is_discarded_before_it_could_be_forgotten(
    store, counted, age, is_counted
):
    failed = count_clicks(batch(Click.on(LINKS[0], NOW - age)), store, NOW)

    assert failed == []
    assert clicks_of(store)["abc"] == is_counted
    assert counted == ({"click_counted_late": 1} if is_counted else {"click_discarded": 1})
    assert REMEMBERED - MAX_AGE == 2 * 86_400


def test_given_no_messages_when_counted_then_nothing_happens(store, counted):
    assert count_clicks({}, store, NOW) == []
    assert counted == {}
