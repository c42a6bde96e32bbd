"""What was queued is done: clicks are added to their links, each once, and old days leave their row."""

from dataclasses import replace

import pytest

from squrl.aws.ephemeral_table import CLICK_KEPT
from squrl.clicks import Click, OldDays
from squrl.late_clicks import OLDEST_CLICK, Batch, do_later
from squrl.links import DAY, KEPT_DAYS, MAX_DAYS, timestamp
from squrl.ports import Throttled, Unavailable
from tests.support.fakes import NOW, FakeLinkStore, a_link

TODAY = NOW // DAY
ABC, DEF = a_link("abc"), a_link("def")
LONG = {TODAY - age: age + 1 for age in range(MAX_DAYS + 1)}  # one day more than a row is to have


@pytest.fixture
def store():
    return FakeLinkStore(ABC, DEF)


def messages(*queued: Click | OldDays) -> dict[str, str]:
    return {f"message-{number}": each.to_message() for number, each in enumerate(queued)}


def clicks_of(store: FakeLinkStore) -> dict[str, int]:
    return {code: link.click_count for code, link in store.links.items()}


def test_given_clicks_on_several_links_when_added_then_each_link_is_written_once(store):
    batch = do_later(messages(*(Click.on(link, NOW) for link in [ABC, DEF] * 3 + [ABC])), store, NOW + 5)

    assert batch == Batch(added=7)
    assert clicks_of(store) == {"abc": 4, "def": 3}
    assert store.calls == ["add_clicks"] * 2


def test_given_a_click_that_comes_twice_when_added_then_it_counts_once(store):
    click = Click.on(ABC, NOW)

    batches = [do_later(messages(*clicks), store, NOW) for clicks in ([click, click], [click])]

    assert batches == [Batch(added=1), Batch()]
    assert clicks_of(store)["abc"] == 1


@pytest.mark.parametrize(
    "successors", [[], [a_link(created_at=timestamp(NOW + 1))]], ids=["collected", "claimed by another"]
)
def test_given_a_link_that_is_no_more_when_clicks_are_added_then_they_are_discarded(store, successors):
    clicks = messages(*(Click.on(link, NOW) for link in (ABC, ABC, DEF)))
    store.links = {link.short_code: link for link in [*successors, DEF]}

    batch = do_later(clicks, store, NOW + 5)

    assert batch == Batch(added=1, discarded=2)
    assert clicks_of(store) == dict.fromkeys(store.links, 0) | {"def": 1}


@pytest.mark.parametrize("failure", [Throttled(), Unavailable()], ids=repr)
def test_given_a_link_that_can_not_be_written_when_added_then_its_clicks_return(store, failure, monkeypatch):
    add_clicks = store.add_clicks

    def fail_for_abc(short_code, *arguments, **options):
        if short_code == "abc":
            raise failure
        return add_clicks(short_code, *arguments, **options)

    monkeypatch.setattr(store, "add_clicks", fail_for_abc)
    twice = Click.on(ABC, NOW)

    batch = do_later(messages(Click.on(ABC, NOW), Click.on(DEF, NOW), twice, twice), store, NOW)

    returned = dict.fromkeys(["message-0", "message-2", "message-3"], type(failure).__name__)
    assert batch == Batch(added=1, returned=returned)
    assert clicks_of(store) == {"abc": 0, "def": 1}


def test_given_a_defect_when_added_then_it_goes_up(store):
    store.failures["add_clicks"] = KeyError()

    with pytest.raises(KeyError):
        do_later(messages(Click.on(ABC, NOW)), store, NOW)


def test_given_a_message_that_is_not_a_click_when_added_then_the_others_count(store):
    batch = do_later({"bad": "{"} | messages(Click.on(ABC, NOW)), store, NOW)

    assert batch == Batch(added=1, malformed=["bad"])
    assert clicks_of(store)["abc"] == 1


@pytest.mark.parametrize(
    ("age", "expected"), [(OLDEST_CLICK, Batch(added=1)), (OLDEST_CLICK + 1, Batch(discarded=1))], ids=str
)
def test_given_an_old_click_when_added_then_it_is_discarded_before_it_is_forgotten(store, age, expected):
    batch = do_later(messages(Click.on(ABC, NOW - age)), store, NOW)

    assert batch == expected
    assert CLICK_KEPT - OLDEST_CLICK == 2 * DAY


def test_given_clicks_of_several_days_when_added_then_each_is_in_its_day(store):
    at = (NOW - DAY, NOW, NOW - DAY, NOW - 20 * DAY)

    batch = do_later(messages(*(Click.on(ABC, each) for each in at)), store, NOW)

    assert (batch, store.calls) == (Batch(added=4), ["add_clicks"] * 3)
    assert store.links["abc"] == replace(ABC, click_count=4, days={TODAY: 1, TODAY - 1: 2, TODAY - 20: 1})


def test_given_the_last_second_of_a_day_when_added_then_the_next_is_another_day(store):
    midnight = TODAY * DAY

    do_later(messages(Click.on(ABC, midnight - 1), Click.on(ABC, midnight)), store, NOW)

    assert store.links["abc"].days == {TODAY - 1: 1, TODAY: 1}


def test_given_bots_among_the_clicks_when_added_then_they_are_counted_apart(store):
    bots = [Click.on(ABC, NOW, is_bot=True), Click.on(ABC, NOW - DAY, is_bot=True)]

    batch = do_later(messages(*bots, Click.on(ABC, NOW)), store, NOW)

    assert batch == Batch(added=3)
    assert store.links["abc"] == replace(ABC, click_count=3, bot_click_count=2, days={TODAY: 1})


# Old days


def test_given_a_row_of_many_days_when_asked_then_the_old_ones_leave_it(store):
    store.links["abc"] = long = replace(ABC, click_count=999, days=LONG)

    batch = do_later(messages(OldDays("abc", ABC.created_at), Click.on(DEF, NOW)), store, NOW)

    first = TODAY - KEPT_DAYS
    assert batch == Batch(added=1, moved=1)
    left = {day: clicks for day, clicks in LONG.items() if day >= first}
    assert store.links["abc"] == replace(long, days=left, days_from=first)
    assert store.past_days(ABC) == {day: clicks for day, clicks in LONG.items() if day < first}


def test_given_one_row_that_is_named_often_when_asked_then_its_days_are_moved_once(store):
    store.links["abc"] = replace(ABC, days=LONG)
    asked = [OldDays("abc", ABC.created_at)] * 3

    batches = [do_later(messages(*asked), store, NOW) for _ in range(2)]

    assert batches == [Batch(moved=1), Batch()]
    assert store.calls.count("move_days") == 1


@pytest.mark.parametrize(
    "links",
    [[], [replace(ABC, days=LONG, created_at=timestamp(NOW))], [replace(ABC, days=dict(list(LONG.items())[1:]))]],
    ids=["collected", "claimed by another", "moved by another"],
)
def test_given_no_row_of_many_days_when_asked_then_nothing_is_moved(store, links):
    store.links = {link.short_code: link for link in links}

    batch = do_later(messages(OldDays("abc", ABC.created_at)), store, NOW)

    assert (batch, store.calls) == (Batch(), ["get"])


@pytest.mark.parametrize("method", ["get", "move_days"])
@pytest.mark.parametrize("failure", [Throttled(), Unavailable()], ids=repr)
def test_given_days_that_can_not_be_moved_when_asked_then_that_is_given_up_quietly(store, method, failure):
    store.links["abc"] = replace(ABC, days=LONG)
    store.failures[method] = failure

    batch = do_later(messages(OldDays("abc", ABC.created_at), Click.on(DEF, NOW)), store, NOW)

    assert batch == Batch(added=1)  # another day's first click asks again
    assert store.links["abc"].days == LONG
