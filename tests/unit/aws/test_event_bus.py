"""Events are published in order for each link; what isn't taken is told, and all behind it comes again."""

import json

import pytest

from squrl.aws.client import Service
from squrl.aws.event_bus import ATTEMPTS, ENTRIES, Event, EventBus, Published
from squrl.invocation import Invocation
from tests.support.aws import NEVER_SENT, THROTTLED, UNKNOWN, ScriptedClient, refusal
from tests.support.fakes import NOW

OTHERS = [Event(f"code-{number}", "Link Created", NOW, {"id": str(number)}) for number in range(25)]
SAME = [Event("abc", "Link Changed", NOW, {"id": str(number)}) for number in range(3)]
FAILED = {"ErrorCode": "InternalFailure", "ErrorMessage": "x"}


def entries(*failed):
    """Return an answer for as many entries as there may be, some of which fail."""
    return {"Entries": [FAILED if number in failed else {"EventId": "1"} for number in range(ENTRIES)]}


class Taking(ScriptedClient):
    """Answers as many entries as it was given."""

    def _call(self, _operation, **request):
        answer = super()._call(_operation, **request)
        return {"Entries": answer["Entries"][: len(request["Entries"])]}


@pytest.fixture
def publish(clock):
    """Publish events to a bus that answers by a script; return the outcome, and the ids of each call."""

    def publish(events, *script, remaining_ms=30_000):
        client = Taking(*script)
        published = EventBus(Service(client, Invocation(remaining_ms)), "links").publish(events)
        calls = [[json.loads(each["Detail"])["id"] for each in call["Entries"]] for call in client.requests]
        return published, calls

    return publish


def test_given_many_events_when_published_then_each_call_has_ten_in_order(publish):
    published, calls = publish(OTHERS, entries())

    assert published == Published(25)
    assert [len(call) for call in calls] == [10, 10, 5]
    assert [id_ for call in calls for id_ in call] == [str(number) for number in range(25)]


def test_given_events_of_one_link_when_published_then_no_call_has_two(publish):
    published, calls = publish([SAME[0], OTHERS[10], SAME[1], OTHERS[11], SAME[2]], entries())

    assert published == Published(5)
    assert calls == [["0", "10"], ["1", "11"], ["2"]]


def test_given_an_entry_that_fails_then_nothing_behind_its_call_is_published(publish):
    published, calls = publish(OTHERS, entries(), entries(3, 7), entries())

    assert published == Published(13, "InternalFailure")
    assert len(calls) == 2


@pytest.mark.parametrize("failure", [*NEVER_SENT, *UNKNOWN, THROTTLED[1]], ids=str)
def test_given_a_failure_that_passes_then_the_call_is_made_again(publish, failure):
    published, calls = publish(OTHERS[:2], failure, entries())

    assert published == Published(2)
    assert calls == [["0", "1"]] * 2


@pytest.mark.parametrize(
    ("failure", "cause", "calls"),
    [
        (THROTTLED[1], "Throttled", ATTEMPTS),
        (UNKNOWN[0], "Unavailable", ATTEMPTS),
        (refusal("AccessDeniedException"), "AccessDeniedException", 1),
        (refusal("ResourceNotFoundException"), "ResourceNotFoundException", 1),
    ],
    ids=str,
)
def test_given_a_failure_that_lasts_then_its_cause_is_told_and_nothing_raised(publish, failure, cause, calls):
    published, made = publish(OTHERS[:12], entries(), failure)

    assert published == Published(10, cause)
    assert len(made) == 1 + calls


def test_given_an_event_when_published_then_its_entry_is_eventbridges(clock):
    client = Taking(entries())

    EventBus(Service(client, Invocation(30_000)), "links").publish([Event("abc", "Link Created", NOW, {"é": "ü"})])

    (entry,) = client.requests[0]["Entries"]
    assert entry == {
        "EventBusName": "links",
        "Source": "squrl",
        "DetailType": "Link Created",
        "Time": NOW,
        "Detail": '{"é": "ü"}',
    }


def test_given_nothing_when_published_then_nobody_is_asked(publish):
    assert publish([], entries()) == (Published(0), [])
