"""Queued clicks are added to their links, each once."""

import pytest

from squrl.aws.ephemeral_table import CLICK_KEPT
from squrl.clicks import Click
from squrl.late_clicks import OLDEST_CLICK, Batch, add_late_clicks
from squrl.links import timestamp
from squrl.ports import Throttled, Unavailable
from tests.support.fakes import NOW, FakeLinkStore, a_link

ABC, DEF = a_link("abc"), a_link("def")


@pytest.fixture
def store():
    return FakeLinkStore(ABC, DEF)


def messages(*clicks: Click) -> dict[str, str]:
    return {f"message-{number}": click.to_message() for number, click in enumerate(clicks)}


def clicks_of(store: FakeLinkStore) -> dict[str, int]:
    return {code: link.click_count for code, link in store.links.items()}


def test_given_clicks_on_several_links_when_added_then_each_link_is_written_once(store):
    batch = add_late_clicks(messages(*(Click.on(link, NOW) for link in [ABC, DEF] * 3 + [ABC])), store, NOW + 5)

    assert batch == Batch(added=7)
    assert clicks_of(store) == {"abc": 4, "def": 3}
    assert store.calls == ["add_clicks"] * 2


def test_given_a_click_that_comes_twice_when_added_then_it_counts_once(store):
    click = Click.on(ABC, NOW)

    batches = [add_late_clicks(messages(*clicks), store, NOW) for clicks in ([click, click], [click])]

    assert batches == [Batch(added=1), Batch()]
    assert clicks_of(store)["abc"] == 1


@pytest.mark.parametrize(
    "successors", [[], [a_link(created_at=timestamp(NOW + 1))]], ids=["collected", "claimed by another"]
)
def test_given_a_link_that_is_no_more_when_clicks_are_added_then_they_are_discarded(store, successors):
    clicks = messages(*(Click.on(link, NOW) for link in (ABC, ABC, DEF)))
    store.links = {link.short_code: link for link in [*successors, DEF]}

    batch = add_late_clicks(clicks, store, NOW + 5)

    assert batch == Batch(added=1, discarded=2)
    assert clicks_of(store) == dict.fromkeys(store.links, 0) | {"def": 1}


@pytest.mark.parametrize("failure", [Throttled(), Unavailable()], ids=repr)
def test_given_a_link_that_can_not_be_written_when_added_then_its_clicks_return(store, failure, monkeypatch):
    add_clicks = store.add_clicks

    def fail_for_abc(short_code, *arguments):
        if short_code == "abc":
            raise failure
        return add_clicks(short_code, *arguments)

    monkeypatch.setattr(store, "add_clicks", fail_for_abc)
    twice = Click.on(ABC, NOW)

    batch = add_late_clicks(messages(Click.on(ABC, NOW), Click.on(DEF, NOW), twice, twice), store, NOW)

    returned = dict.fromkeys(["message-0", "message-2", "message-3"], type(failure).__name__)
    assert batch == Batch(added=1, returned=returned)
    assert clicks_of(store) == {"abc": 0, "def": 1}


def test_given_a_defect_when_added_then_it_goes_up(store):
    store.failures["add_clicks"] = KeyError()

    with pytest.raises(KeyError):
        add_late_clicks(messages(Click.on(ABC, NOW)), store, NOW)


def test_given_a_message_that_is_not_a_click_when_added_then_the_others_count(store):
    batch = add_late_clicks({"bad": "{"} | messages(Click.on(ABC, NOW)), store, NOW)

    assert batch == Batch(added=1, malformed=["bad"])
    assert clicks_of(store)["abc"] == 1


@pytest.mark.parametrize(
    ("age", "expected"), [(OLDEST_CLICK, Batch(added=1)), (OLDEST_CLICK + 1, Batch(discarded=1))], ids=str
)
def test_given_an_old_click_when_added_then_it_is_discarded_before_it_is_forgotten(store, age, expected):
    batch = add_late_clicks(messages(Click.on(ABC, NOW - age)), store, NOW)

    assert batch == expected
    assert CLICK_KEPT - OLDEST_CLICK == 2 * 86_400
