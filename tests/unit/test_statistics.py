"""What was counted on a link: its sums, and every day's clicks, wherever they are kept."""

from dataclasses import replace

import pytest

from squrl.errors import NotFound
from squrl.keys import OPERATOR, Identity, Role
from squrl.links import DAY, Kind
from squrl.ports import Throttled, Unavailable
from squrl.statistics import see_statistics
from tests.support.fakes import NOW, FakeLinkStore, a_link

TODAY = NOW // DAY
READER = Identity(Role.READ, "us")
OWN = a_link("abc", Kind("https://example.com/", "301", None, "us"), click_count=60, bot_click_count=7)
ALL = {TODAY - age: age for age in range(1, 10)}  # 45 clicks


def moved(store: FakeLinkStore, before: int) -> None:
    """Move the days before one, as the click queue's consumer does."""
    assert store.move_days(store.links["abc"], before)
    store.calls.clear()


def test_given_a_link_whose_days_are_in_its_row_when_seen_then_it_is_read_once():
    store = FakeLinkStore(replace(OWN, days=ALL))

    link, days = found = see_statistics("abc", READER, store)

    assert (link, days, found.undated) == (store.links["abc"], ALL, 60 - 7 - 45)
    assert store.calls == ["get"]


def test_given_days_that_were_moved_when_seen_then_all_are_there_with_one_more_read():
    store = FakeLinkStore(replace(OWN, days=ALL))
    moved(store, TODAY - 5)

    found = see_statistics("abc", READER, store)

    assert (dict(found.days), found.undated) == (ALL, 8)
    assert store.calls == ["get", "past_days"]


def test_given_days_that_are_moved_between_the_reads_when_seen_then_none_counts_twice(monkeypatch):
    store = FakeLinkStore(replace(OWN, days=ALL))
    moved(store, TODAY - 7)
    past_days = store.past_days

    def late(link):
        moved(store, TODAY - 2)
        return past_days(link)

    monkeypatch.setattr(store, "past_days", late)

    found = see_statistics("abc", READER, store)

    assert (dict(found.days), found.undated) == (ALL, 8)


def test_given_late_clicks_on_a_day_that_was_moved_when_seen_then_both_parts_count():
    store = FakeLinkStore(replace(OWN, days=ALL))
    moved(store, TODAY - 5)
    store.add_clicks("abc", OWN.created_at, {"a" * 32: (TODAY - 8) * DAY})

    found = see_statistics("abc", READER, store)

    assert found.days[TODAY - 8] == ALL[TODAY - 8] + 1
    assert (found.link.click_count, found.undated) == (61, 8)


def test_given_a_code_that_had_another_link_when_seen_then_its_days_are_not_counted():
    store = FakeLinkStore(replace(OWN, days=ALL))
    moved(store, TODAY - 5)
    store.links["abc"] = replace(OWN, created_at="2027-01-01T00:00:00Z", click_count=0, bot_click_count=0, days_from=9)

    found = see_statistics("abc", READER, store)

    assert (dict(found.days), found.undated) == ({}, 0)


@pytest.mark.parametrize("owner", ["them", None])
def test_given_a_link_that_is_not_the_callers_when_seen_then_it_is_as_if_not_there(owner):
    store = FakeLinkStore(replace(OWN, kind=OWN.kind._replace(owner=owner)))

    with pytest.raises(NotFound):
        see_statistics("abc", READER, store)
    assert see_statistics("abc", OPERATOR, store).link.click_count == 60


@pytest.mark.parametrize("method", ["get", "past_days"])
@pytest.mark.parametrize("failure", [Throttled(), Unavailable()], ids=repr)
def test_given_a_store_that_fails_when_seen_then_no_part_is_told_as_all(method, failure):
    store = FakeLinkStore(replace(OWN, days=ALL, days_from=TODAY - 20))
    store.failures[method] = failure

    with pytest.raises(type(failure)):
        see_statistics("abc", READER, store)
