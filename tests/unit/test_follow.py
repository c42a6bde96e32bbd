"""A code becomes a destination, or the reason why not."""

from dataclasses import replace

import pytest

from squrl.domains import DomainLists
from squrl.errors import Gone, NotFound
from squrl.follow import RECENT_LINKS, Followed, Outcome, Ports, RecentLinks, follow
from squrl.links import DISABLED, timestamp
from squrl.ports import Throttled, Unavailable
from tests.support.fakes import FOREVER, NOW, FakeClickQueue, FakeDomainPolicy, FakeLinkStore, a_link


@pytest.fixture
def ports():
    return Ports(FakeLinkStore(a_link()), FakeClickQueue(), FakeDomainPolicy(), RecentLinks())


@pytest.fixture
def throttled(ports):
    ports.store.failures["count_click"] = Throttled()
    return ports


def seen(followed: Followed) -> tuple[Outcome, type[Exception] | None]:
    return followed.outcome, type(followed.miss) if followed.miss else None


@pytest.mark.parametrize("expires_at", [None, NOW + 1])
@pytest.mark.parametrize("is_click", [True, False])
def test_given_a_live_link_when_followed_then_only_a_click_is_counted(ports, expires_at, is_click):
    ports.store.links["abc"] = a_link(expires_at=expires_at, click_count=41)

    followed = follow("abc", NOW, ports, is_click=is_click)

    assert followed.destination() == ports.store.links["abc"]
    assert (followed.outcome, followed.destination().click_count) == (
        (Outcome.COUNTED, 42) if is_click else (Outcome.NONE, 41)
    )
    assert ports.store.calls == ["count_click" if is_click else "get"]


@pytest.mark.parametrize("is_click", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW},
        {"expires_at": NOW - 10**6},
        {"status": DISABLED},
        {"status": DISABLED, "expires_at": NOW + 60},
    ],
    ids=["this very second", "long expired", "disabled", "disabled before it expires"],
)
def test_given_a_link_that_is_not_live_when_followed_then_it_is_gone(ports, changes, is_click):
    link = ports.store.links["abc"] = a_link(**changes)

    followed = follow("abc", NOW, ports, is_click=is_click)

    assert (followed.link, *seen(followed)) == (link, Outcome.NONE, Gone)
    assert ports.store.links["abc"].click_count == 0
    with pytest.raises(Gone):
        followed.destination()


@pytest.mark.parametrize("is_click", [True, False])
def test_given_no_link_when_followed_then_it_is_not_found_and_none_is_made(ports, is_click):
    ports.store.links = {}

    followed = follow("abc", NOW, ports, is_click=is_click)

    assert (followed.link, *seen(followed)) == (None, Outcome.NONE, NotFound)
    assert ports.store.links == {}
    with pytest.raises(NotFound):
        followed.destination()


@pytest.mark.parametrize("is_click", [True, False])
@pytest.mark.parametrize(
    "code", ["", "ab", "a" * 21, "a b", "a/b", "abc\n", "äöü", "\ud800ab", "create", "Favicon", "robots"], ids=ascii
)
def test_given_what_can_not_be_a_code_when_followed_then_nobody_is_asked(ports, code, is_click):
    followed = follow(code, NOW, ports, is_click=is_click)

    assert seen(followed) == (Outcome.NONE, NotFound)
    assert (ports.store.calls, ports.domains.refreshed) == ([], 0)


@pytest.mark.parametrize("is_click", [True, False])
def test_given_a_denied_domain_when_a_link_to_it_is_followed_then_it_is_gone(ports, is_click):
    ports.domains.lists = DomainLists.of(denied=["example.com"])

    followed = follow("abc", NOW, ports, is_click=is_click)

    assert seen(followed)[1] is Gone
    assert len(ports.store.calls) == ports.domains.refreshed == 1


def test_given_domain_lists_when_followed_then_their_reading_begins_first(ports):
    ports.domains.refresh = lambda: ports.store.calls.append("refresh")

    follow("abc", NOW, ports, is_click=True)

    assert ports.store.calls == ["refresh", "count_click"]


def test_given_a_count_whose_outcome_is_unknown_when_clicked_then_it_is_not_queued(ports):
    ports.store.failures["count_click"] = Unavailable()

    followed = follow("abc", NOW, ports, is_click=True)

    assert followed.destination().kind == FOREVER
    assert (followed.outcome, ports.queue.clicks) == (Outcome.UNCERTAIN, [])


@pytest.mark.parametrize("failure", [Throttled, Unavailable])
def test_given_a_store_that_can_not_be_read_either_when_clicked_then_that_is_said(ports, failure):
    ports.store.failures = {"count_click": failure(), "get": failure()}

    with pytest.raises(failure):
        follow("abc", NOW, ports, is_click=True)

    assert ports.queue.clicks == []


def test_given_a_throttled_store_when_clicked_then_the_click_is_queued_for_its_link(throttled):
    followed = [follow("abc", NOW + second, throttled, is_click=True) for second in range(2)]

    assert [one.outcome for one in followed] == [Outcome.QUEUED] * 2
    assert [one.destination().kind for one in followed] == [FOREVER] * 2
    assert [click[1:] for click in throttled.queue.clicks] == [("abc", a_link().created_at, NOW + at) for at in (0, 1)]
    assert len({click.id for click in throttled.queue.clicks}) == 2


@pytest.mark.parametrize("reason", ["the queue fails", "a row without created_at"])
def test_given_a_click_that_can_not_be_queued_when_throttled_then_it_is_uncertain(throttled, reason):
    throttled.queue.works = reason != "the queue fails"
    throttled.store.links["abc"] = a_link(
        created_at="" if reason == "a row without created_at" else timestamp(NOW - 60)
    )

    followed = follow("abc", NOW, throttled, is_click=True)

    assert followed.destination().kind == FOREVER
    assert (followed.outcome, throttled.queue.clicks) == (Outcome.UNCERTAIN, [])


@pytest.mark.parametrize(
    ("links", "miss"),
    [([a_link(status=DISABLED)], Gone), ([a_link(expires_at=NOW)], Gone), ([], NotFound)],
    ids=["disabled", "expired", "none"],
)
def test_given_no_live_link_when_throttled_then_no_click_is_queued(throttled, links, miss):
    throttled.store.links = {link.short_code: link for link in links}

    followed = follow("abc", NOW, throttled, is_click=True)

    assert (*seen(followed), throttled.queue.clicks) == (Outcome.NONE, miss, [])


def test_given_a_popular_link_when_throttled_then_reads_are_two_seconds_apart(throttled):
    for at in (0, 0, 1, 2, 3, 4, -1):  # the last one by a clock that was set back
        follow("abc", NOW + at, throttled, is_click=True)

    assert throttled.store.calls.count("get") == 4
    assert len(throttled.queue.clicks) == 7


def test_given_a_link_that_expires_when_throttled_then_its_codes_next_owner_is_seen(throttled):
    other = FOREVER._replace(original_url="https://other.example/")
    throttled.store.links["abc"] = a_link(expires_at=NOW + 1)
    follow("abc", NOW, throttled, is_click=True)
    throttled.store.links["abc"] = a_link(kind=other, created_at=timestamp(NOW + 1))

    followed = follow("abc", NOW + 1, throttled, is_click=True)

    assert followed.destination().kind == other
    assert [click.created_at for click in throttled.queue.clicks] == [a_link().created_at, timestamp(NOW + 1)]


def test_given_many_links_when_throttled_then_no_more_than_some_are_remembered(throttled):
    links = [replace(a_link(), short_code=f"abc{number}") for number in range(RECENT_LINKS + 1)]
    throttled.store.links = {link.short_code: link for link in links}

    for link in [*links, links[0]]:
        follow(link.short_code, NOW, throttled, is_click=True)

    assert throttled.store.calls.count("get") == RECENT_LINKS + 2  # the first one was forgotten
