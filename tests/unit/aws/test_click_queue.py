"""A click is sent to SQS in time, or it is said that it may not be there."""

import pytest
from botocore.exceptions import UnknownServiceError

from squrl.aws import click_queue
from squrl.aws.click_queue import ATTEMPTS, SqsClickQueue
from squrl.clicks import Click, OldDays
from squrl.invocation import Incident, Invocation
from tests.support.aws import NEVER_SENT, THROTTLED, UNKNOWN, ScriptedClient, refusal
from tests.support.fakes import NOW, a_link

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/squrl-clicks-test"
CLICK = Click.on(a_link(), NOW)
FAILURES = [
    NEVER_SENT[1],
    UNKNOWN[2],
    THROTTLED[1],
    refusal("AccessDenied", 403),
    UnknownServiceError(service_name="sqs", known_service_names=""),
]


@pytest.fixture
def send(clock, monkeypatch):
    """Send the click to a queue that answers by a script; tell whether it is there, how often it was sent."""

    def send(*script, url=URL, remaining_ms=5000, message=CLICK):
        client, invocation = ScriptedClient(*script), Invocation(remaining_ms)
        monkeypatch.setattr(click_queue, "connect", lambda *asked: client if asked == ("sqs", URL) else None)
        is_queued = SqsClickQueue(url, invocation).send(message)
        sent = {"QueueUrl": URL, "MessageBody": message.to_message()}
        assert client.requests == [sent] * len(client.requests)
        return is_queued, len(client.requests), invocation.incidents

    return send


@pytest.mark.parametrize("failure", [*NEVER_SENT, *UNKNOWN, THROTTLED[1]], ids=str)
def test_given_a_queue_when_sending_fails_once_then_the_click_is_sent_again(send, failure):
    assert send(None) == (True, 1, [])
    assert send(failure, None) == (True, 2, [])


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_given_a_failure_that_lasts_when_sent_then_it_is_noted_and_nothing_raised(send, failure):
    is_queued, sent, incidents = send(failure)

    assert not is_queued
    assert sent == (ATTEMPTS if failure in FAILURES[:3] else 1)
    assert incidents == [(Incident.CLICK_NOT_QUEUED, type(failure).__qualname__)]


def test_given_a_link_with_old_days_when_sent_then_it_is_there(send):
    assert send(None, message=OldDays("abc", a_link().created_at)) == (True, 1, [])


def test_given_little_time_when_sent_then_it_is_not_begun(send):
    assert send(None, remaining_ms=500)[:2] == (False, 0)


def test_given_no_queue_when_sent_then_the_click_is_not_there(send):
    assert send(None, url="") == (False, 0, [])
