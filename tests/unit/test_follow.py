"""A code becomes a destination, or the reason why not."""

from dataclasses import replace

import pytest

from squrl.clicks import Click, OldDays
from squrl.domains import DomainLists
from squrl.errors import Gone, NotFound
from squrl.follow import RECENT_LINKS, Followed, Outcome, Ports, RecentLinks, Visitor, follow
from squrl.links import DAY, DISABLED, MAX_DAYS, timestamp
from squrl.ports import Throttled, Unavailable
from tests.support.fakes import FOREVER, NOW, FakeClickQueue, FakeDomainPolicy, FakeLinkStore, a_link

TODAY = NOW // DAY
LIMITED = a_link(max_clicks=2, click_limit=3, click_count=1, bot_click_count=1)


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
@pytest.mark.parametrize("visitor", Visitor)
def test_given_a_live_link_when_followed_then_its_visitor_decides_what_counts(ports, expires_at, visitor):
    link = ports.store.links["abc"] = a_link(expires_at=expires_at, click_count=41, bot_click_count=1, days={TODAY: 8})

    followed = follow("abc", NOW, ports, visitor)

    counted = {
        Visitor.PERSON: replace(link, click_count=42, days={TODAY: 9}),
        Visitor.BOT: replace(link, click_count=42, bot_click_count=2),
        Visitor.ONLOOKER: link,
    }[visitor]
    assert followed.destination() == ports.store.links["abc"] == counted
    assert (followed.outcome, followed.is_withheld) == (
        Outcome.NONE if visitor is Visitor.ONLOOKER else Outcome.COUNTED,
        False,
    )
    assert ports.store.calls == ["get" if visitor is Visitor.ONLOOKER else "count_click"]


@pytest.mark.parametrize("visitor", Visitor)
@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOW},
        {"expires_at": NOW - 10**6},
        {"status": DISABLED},
        {"status": DISABLED, "expires_at": NOW + 60},
        {"max_clicks": 5, "click_limit": 7, "click_count": 7, "bot_click_count": 2},
    ],
    ids=["this very second", "long expired", "disabled", "disabled before it expires", "used up"],
)
def test_given_a_link_that_is_not_live_when_followed_then_it_is_gone(ports, changes, visitor):
    link = ports.store.links["abc"] = a_link(**changes)

    followed = follow("abc", NOW, ports, visitor)

    assert (followed.link, *seen(followed)) == (link, Outcome.NONE, Gone)
    assert ports.store.links["abc"] == link
    with pytest.raises(Gone):
        followed.destination()


@pytest.mark.parametrize("visitor", Visitor)
def test_given_no_link_when_followed_then_it_is_not_found_and_none_is_made(ports, visitor):
    ports.store.links = {}

    followed = follow("abc", NOW, ports, visitor)

    assert (followed.link, *seen(followed)) == (None, Outcome.NONE, NotFound)
    assert ports.store.links == {}
    with pytest.raises(NotFound):
        followed.destination()


@pytest.mark.parametrize("visitor", Visitor)
@pytest.mark.parametrize(
    "code", ["", "a" * 65, "a b", "a/b", "abc\n", "äöü", "\ud800ab", "#secret", "QR", "create", "Favicon"], ids=ascii
)
def test_given_what_can_not_be_a_code_when_followed_then_nobody_is_asked(ports, code, visitor):
    followed = follow(code, NOW, ports, visitor)

    assert seen(followed) == (Outcome.NONE, NotFound)
    assert (ports.store.calls, ports.domains.refreshed) == ([], 0)


@pytest.mark.parametrize("visitor", Visitor)
def test_given_a_denied_domain_when_a_link_to_it_is_followed_then_it_is_gone(ports, visitor):
    ports.domains.lists = DomainLists.of(denied=["example.com"])

    followed = follow("abc", NOW, ports, visitor)

    assert seen(followed)[1] is Gone
    assert len(ports.store.calls) == ports.domains.refreshed == 1


def test_given_domain_lists_when_followed_then_their_reading_begins_first(ports):
    ports.domains.refresh = lambda: ports.store.calls.append("refresh")

    follow("abc", NOW, ports, Visitor.PERSON)

    assert ports.store.calls == ["refresh", "count_click"]


def test_given_a_count_whose_outcome_is_unknown_when_clicked_then_it_is_not_queued(ports):
    ports.store.failures["count_click"] = Unavailable()

    followed = follow("abc", NOW, ports, Visitor.PERSON)

    assert followed.destination().kind == FOREVER
    assert (followed.outcome, ports.queue.clicks) == (Outcome.UNCERTAIN, [])


@pytest.mark.parametrize("failure", [Throttled, Unavailable])
def test_given_a_click_that_was_sent_when_nothing_can_be_read_then_it_is_uncertain(ports, failure):
    ports.store.failures = {"count_click": Unavailable(), "get": failure()}

    followed = follow("abc", NOW, ports, Visitor.PERSON)

    assert seen(followed) == (Outcome.UNCERTAIN, failure)
    assert ports.queue.clicks == []
    with pytest.raises(failure):
        followed.destination()


@pytest.mark.parametrize("visitor", Visitor)
@pytest.mark.parametrize("failure", [Throttled, Unavailable])
def test_given_no_click_that_was_sent_when_nothing_can_be_read_then_that_is_said(throttled, failure, visitor):
    throttled.store.failures["get"] = failure()

    with pytest.raises(failure):
        follow("abc", NOW, throttled, visitor)

    assert throttled.queue.clicks == []


@pytest.mark.parametrize("code", ["a", "Zz", "0" * 64])
def test_given_a_code_that_was_imported_when_followed_then_its_length_is_no_matter(ports, code):
    ports.store.links[code] = a_link(code)

    assert follow(code, NOW, ports, Visitor.PERSON).destination() == ports.store.links[code]


def test_given_a_throttled_store_when_clicked_then_the_click_is_queued_for_its_link(throttled):
    followed = [follow("abc", NOW + second, throttled, Visitor.PERSON) for second in range(2)]

    assert [one.outcome for one in followed] == [Outcome.QUEUED] * 2
    assert [one.destination().kind for one in followed] == [FOREVER] * 2
    assert [click[1:] for click in throttled.queue.clicks] == [
        ("abc", a_link().created_at, NOW + at, False) for at in (0, 1)
    ]
    assert len({click.id for click in throttled.queue.clicks}) == 2


@pytest.mark.parametrize("reason", ["the queue fails", "a row without created_at"])
def test_given_a_click_that_can_not_be_queued_when_throttled_then_it_is_uncertain(throttled, reason):
    throttled.queue.works = reason != "the queue fails"
    throttled.store.links["abc"] = a_link(
        created_at="" if reason == "a row without created_at" else timestamp(NOW - 60)
    )

    followed = follow("abc", NOW, throttled, Visitor.PERSON)

    assert followed.destination().kind == FOREVER
    assert (followed.outcome, throttled.queue.clicks) == (Outcome.UNCERTAIN, [])


@pytest.mark.parametrize(
    ("links", "miss"),
    [([a_link(status=DISABLED)], Gone), ([a_link(expires_at=NOW)], Gone), ([], NotFound)],
    ids=["disabled", "expired", "none"],
)
def test_given_no_live_link_when_throttled_then_no_click_is_queued(throttled, links, miss):
    throttled.store.links = {link.short_code: link for link in links}

    followed = follow("abc", NOW, throttled, Visitor.PERSON)

    assert (*seen(followed), throttled.queue.clicks) == (Outcome.NONE, miss, [])


def test_given_a_popular_link_when_throttled_then_reads_are_two_seconds_apart(throttled):
    for at in (0, 0, 1, 2, 3, 4, -1):  # the last one by a clock that was set back
        follow("abc", NOW + at, throttled, Visitor.PERSON)

    assert throttled.store.calls.count("get") == 4
    assert len(throttled.queue.clicks) == 7


@pytest.mark.parametrize(
    ("links", "miss"),
    [([a_link(status=DISABLED)], Gone), ([a_link(expires_at=NOW - 1)], Gone), ([], NotFound)],
    ids=["disabled", "expired", "none"],
)
def test_given_a_popular_code_that_is_dead_when_throttled_then_reads_are_as_rare(throttled, links, miss):
    throttled.store.links = {link.short_code: link for link in links}

    followed = [follow("abc", NOW + at, throttled, Visitor.PERSON) for at in (0, 0, 1, 1, 2, 3)]

    assert [seen(one) for one in followed] == [(Outcome.NONE, miss)] * 6
    assert throttled.store.calls.count("get") == 2


def test_given_a_code_that_is_made_when_throttled_then_it_is_found_soon(throttled):
    throttled.store.links = {}
    follow("abc", NOW, throttled, Visitor.PERSON)
    throttled.store.links["abc"] = a_link()

    followed = [follow("abc", NOW + at, throttled, Visitor.PERSON) for at in (1, 2)]

    assert [seen(one) for one in followed] == [(Outcome.NONE, NotFound), (Outcome.QUEUED, None)]


def test_given_a_link_that_expires_when_throttled_then_its_codes_next_owner_is_seen(throttled):
    other = FOREVER._replace(original_url="https://other.example/")
    throttled.store.links["abc"] = a_link(expires_at=NOW + 1)
    follow("abc", NOW, throttled, Visitor.PERSON)
    throttled.store.links["abc"] = a_link(kind=other, created_at=timestamp(NOW + 1))

    followed = follow("abc", NOW + 1, throttled, Visitor.PERSON)

    assert followed.destination().kind == other
    assert [click.created_at for click in throttled.queue.clicks] == [a_link().created_at, timestamp(NOW + 1)]


def test_given_many_links_when_throttled_then_no_more_than_some_are_remembered(throttled):
    links = [replace(a_link(), short_code=f"abc{number}") for number in range(RECENT_LINKS + 1)]
    throttled.store.links = {link.short_code: link for link in links}

    for link in [*links, links[0]]:
        follow(link.short_code, NOW, throttled, Visitor.PERSON)

    assert throttled.store.calls.count("get") == RECENT_LINKS + 2  # the first one was forgotten


def test_given_a_bot_when_throttled_then_its_click_is_queued_as_one(throttled):
    follow("abc", NOW, throttled, Visitor.BOT)

    (click,) = throttled.queue.clicks
    assert click == Click(click.id, "abc", a_link().created_at, NOW, is_bot=True)


# A link with a limit


def test_given_a_limit_when_people_come_then_so_many_are_sent_on_and_no_more(ports):
    ports.store.links["abc"] = LIMITED

    followed = [follow("abc", NOW, ports, Visitor.PERSON) for _ in range(4)]

    assert [(*seen(one), one.is_withheld) for one in followed] == [
        *[(Outcome.COUNTED, None, False)] * 2,  # the second one used the link up, and is sent on all the same
        *[(Outcome.NONE, Gone, False)] * 2,
    ]
    assert ports.store.links["abc"] == replace(LIMITED, click_count=3, days={TODAY: 2})
    assert ports.store.calls == ["count_click"] * 4


@pytest.mark.parametrize("visitor", [Visitor.BOT, Visitor.ONLOOKER])
def test_given_a_limit_when_no_person_comes_then_nothing_is_counted_or_told(ports, visitor):
    ports.store.links["abc"] = LIMITED

    followed = [follow("abc", NOW, ports, visitor) for _ in range(9)]

    assert [(*seen(one), one.is_withheld) for one in followed] == [(Outcome.NONE, None, True)] * 9
    assert ports.store.links["abc"] == LIMITED
    assert len(ports.store.calls) == 9


@pytest.mark.parametrize("visitor", Visitor)
def test_given_a_limit_and_a_denied_domain_when_followed_then_it_is_gone(ports, visitor):
    ports.store.links["abc"] = LIMITED
    ports.domains.lists = DomainLists.of(denied=["example.com"])

    followed = follow("abc", NOW, ports, visitor)

    assert (seen(followed)[1], followed.is_withheld) == (Gone, False)


@pytest.mark.parametrize(
    ("failure", "outcome"), [(Throttled, Outcome.NONE), (Unavailable, Outcome.UNCERTAIN)], ids=["throttled", "unknown"]
)
def test_given_a_limit_when_a_click_may_not_count_then_nobody_is_sent_on(ports, failure, outcome):
    ports.store.links["abc"] = LIMITED
    ports.store.failures["count_click"] = failure()

    followed = follow("abc", NOW, ports, Visitor.PERSON)

    assert (*seen(followed), followed.is_withheld) == (outcome, Unavailable, False)
    assert ports.queue.clicks == []
    with pytest.raises(Unavailable):
        followed.destination()


@pytest.mark.parametrize("failure", [Throttled, Unavailable])
def test_given_a_limit_when_a_bots_click_fails_then_it_still_learns_nothing(ports, failure):
    ports.store.links["abc"] = LIMITED
    ports.store.failures["count_click"] = failure()

    followed = follow("abc", NOW, ports, Visitor.BOT)

    assert (followed.miss, followed.is_withheld, ports.queue.clicks) == (None, True, [])


@pytest.mark.parametrize("visitor", [Visitor.PERSON, Visitor.BOT])
@pytest.mark.parametrize("failure", [Throttled, Unavailable])
def test_given_a_link_that_is_used_up_when_a_click_fails_then_it_is_gone(ports, failure, visitor):
    ports.store.links["abc"] = replace(LIMITED, click_count=3)
    ports.store.failures["count_click"] = failure()

    followed = follow("abc", NOW, ports, visitor)

    assert (type(followed.miss), ports.queue.clicks) == (Gone, [])


# Days that are old


def days(number: int) -> dict[int, int]:
    """Return so many days with clicks, the last of them yesterday."""
    return {TODAY - age: age for age in range(1, number + 1)}


@pytest.mark.parametrize(("number", "messages"), [(MAX_DAYS - 1, 0), (MAX_DAYS, 1), (MAX_DAYS + 9, 1)])
def test_given_a_row_of_many_days_when_its_day_begins_then_they_are_to_be_moved_once(ports, number, messages):
    ports.store.links["abc"] = a_link(days=days(number))

    for second in range(3):
        follow("abc", NOW + second, ports, Visitor.PERSON)

    assert ports.queue.old_days == [OldDays("abc", a_link().created_at)] * messages
    assert ports.store.links["abc"].days == days(number) | {TODAY: 3}
    assert ports.store.calls == ["count_click"] * 3


def test_given_days_that_were_not_moved_when_another_day_begins_then_that_is_asked_again(ports):
    ports.store.links["abc"] = a_link(days=days(MAX_DAYS))

    for at in (NOW, NOW + DAY, NOW + DAY + 1):
        follow("abc", at, ports, Visitor.PERSON)

    assert ports.queue.old_days == [OldDays("abc", a_link().created_at)] * 2


@pytest.mark.parametrize("visitor", [Visitor.BOT, Visitor.ONLOOKER])
def test_given_a_row_of_many_days_when_no_person_comes_then_they_stay(ports, visitor):
    ports.store.links["abc"] = a_link(days=days(MAX_DAYS + 9))

    follow("abc", NOW, ports, visitor)

    assert ports.queue.old_days == []


def test_given_a_queue_that_fails_when_old_days_are_found_then_nothing_changes(ports):
    ports.store.links["abc"] = a_link(days=days(MAX_DAYS))
    ports.queue.works = False

    followed = follow("abc", NOW, ports, Visitor.PERSON)

    assert (*seen(followed), followed.destination()) == (Outcome.COUNTED, None, ports.store.links["abc"])
    assert (ports.store.links["abc"].days, ports.store.links["abc"].click_count) == (days(MAX_DAYS) | {TODAY: 1}, 1)
