"""A click as a message, and what is sent to SQS when."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError, UnknownServiceError
from hypothesis import given
from hypothesis import strategies as st

from squrl import clicks
from squrl.clicks import Click, SqsClickQueue
from squrl.links import Kind, Link

NOW = 1_800_000_000
LINK = Link("abc", Kind("https://example.com/", "301", None), "2026-11-22T10:30:00Z", None)
URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/squrl-clicks-test"

REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "SendMessage")
FAILURES = [REFUSED, ConnectTimeoutError(endpoint_url="x"), ReadTimeoutError(endpoint_url="x")]


@pytest.fixture
def sqs(monkeypatch):
    """Stand in for the client: answers with the lines of a script, the last one for ever, and keeps what was sent."""

    def make(*script: Any) -> SimpleNamespace:
        lines, client = list(script), SimpleNamespace(sent=[])

        def send_message(**request: str) -> None:
            client.sent.append(request)
            line = lines.pop(0) if len(lines) > 1 else lines[0]
            if isinstance(line, Exception):
                raise line

        client.send_message = send_message
        monkeypatch.setattr(clicks, "connect", lambda url: client)
        return client

    return make


def test_given_a_click_when_it_is_sent_and_read_then_it_is_the_same_and_says_nothing_of_destination_or_visitor():
    click = Click.on(LINK, NOW)

    message = click.to_message()

    assert Click.from_message(message) == click
    assert json.loads(message) == {
        "id": click.id,
        "short_code": "abc",
        "created_at": "2026-11-22T10:30:00Z",
        "clicked_at": NOW,
    }


def test_given_two_clicks_at_once_then_they_are_two():
    assert Click.on(LINK, NOW) != Click.on(LINK, NOW)


RIGHT: dict[str, Any] = Click("a" * 32, "abc", "2026-11-22T10:30:00Z", NOW)._asdict()


def test_given_a_message_of_a_later_version_with_more_in_it_when_read_then_it_is_the_click():
    assert Click.from_message(json.dumps(RIGHT | {"more": 1}))._asdict() == RIGHT


@pytest.mark.parametrize("name", RIGHT)
def test_given_a_message_without_a_part_when_read_then_it_is_no_click(name):
    parts = {key: value for key, value in RIGHT.items() if key != name}

    with pytest.raises(ValueError, match="no click"):
        Click.from_message(json.dumps(parts))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "A" * 32},
        {"id": "a" * 33},
        {"id": 7},
        {"short_code": ""},
        {"short_code": "a b c"},
        {"short_code": None},
        {"created_at": ""},
        {"created_at": "\ud800"},
        {"created_at": "2" * 65},
        {"created_at": 5},
        {"clicked_at": -1},
        {"clicked_at": str(NOW)},
        {"clicked_at": NOW + 0.5},
        {"clicked_at": True},
        {"clicked_at": NOW * 1000},
    ],
    ids=str,
)
def test_given_a_message_with_a_part_that_is_wrong_when_read_then_it_is_no_click(changes):
    with pytest.raises(ValueError, match="no click"):
        Click.from_message(json.dumps(RIGHT | changes))


@pytest.mark.parametrize("body", ["", "{", "null", "[]", "[1, 2, 3, 4]", '"abc"', "1" * 5000, "[" * 100_000])
def test_given_a_message_that_is_no_object_when_read_then_it_is_no_click(body):
    with pytest.raises(ValueError):  # noqa: PT011 (json's own, too)
        Click.from_message(body)


@given(st.text() | st.dictionaries(st.sampled_from(sorted(RIGHT)), st.integers() | st.text()).map(json.dumps))
def test_given_any_message_when_read_then_it_is_a_click_or_a_value_error(body):
    try:
        click = Click.from_message(body)
    except ValueError:
        return
    assert Click.from_message(click.to_message()) == click


# Sending


def test_given_a_click_when_sent_then_it_is_in_the_queue(sqs):
    client, click = sqs(None), Click.on(LINK, NOW)

    is_queued = SqsClickQueue(URL, 5000).send(click)

    assert is_queued
    assert client.sent == [{"QueueUrl": URL, "MessageBody": click.to_message()}]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_given_a_failure_when_sent_then_the_same_click_is_sent_once_more(sqs, failure):
    client = sqs(failure, None)

    is_queued = SqsClickQueue(URL, 5000).send(Click.on(LINK, NOW))

    assert is_queued
    assert client.sent[0] == client.sent[1]
    assert len(client.sent) == 2


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_given_a_failure_that_lasts_when_sent_then_it_is_said_and_nothing_raised(sqs, failure):
    client = sqs(failure)

    is_queued = SqsClickQueue(URL, 5000).send(Click.on(LINK, NOW))

    assert not is_queued
    assert len(client.sent) == clicks.ATTEMPTS


def test_given_no_client_when_sent_then_it_is_said_and_nothing_raised(monkeypatch):
    def fail(url: str) -> None:
        raise UnknownServiceError(service_name="sqs", known_service_names="dynamodb")

    monkeypatch.setattr(clicks, "connect", fail)

    assert not SqsClickQueue(URL, 5000).send(Click.on(LINK, NOW))


LONGEST_ATTEMPT_MS = int(1000 * (clicks.CONNECT_TIMEOUT + clicks.READ_TIMEOUT + clicks.MARGIN))


@pytest.mark.parametrize(("spare_ms", "attempts"), [(-1, 0), (1, 1)])
def test_given_little_time_when_sent_then_no_attempt_is_begun_that_could_end_too_late(
    sqs, monkeypatch, spare_ms, attempts
):
    client = sqs(ReadTimeoutError(endpoint_url="x"))
    passing = iter([0.0, 0.0, 0.1])
    monkeypatch.setattr("squrl.clicks.time.monotonic", lambda: next(passing))

    is_queued = SqsClickQueue(URL, LONGEST_ATTEMPT_MS + spare_ms).send(Click.on(LINK, NOW))

    assert not is_queued
    assert len(client.sent) == attempts


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:9324/000000000000/clicks"])
def test_given_a_queues_url_when_the_client_is_made_then_it_asks_there_once_and_not_for_long(url):
    clicks.connect.cache_clear()

    client = clicks.connect(url)

    config: Any = client.meta.config
    assert url.startswith(client.meta.endpoint_url + "/")
    assert clicks.connect(url) is client
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (0.3, 0.5)
