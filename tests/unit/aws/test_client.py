"""What is tried again, what is not, and what is said when AWS fails; and how the clients are made."""

import json
import random
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import JSONParser

from squrl.aws.client import BACKOFF, IDLE, TIMEOUTS, ConditionFailed, Service, connect, failed_conditions
from squrl.invocation import MARGIN, Invocation
from squrl.ports import Throttled, Unavailable
from tests.support.aws import NEVER_SENT, THROTTLED, UNKNOWN, ScriptedClient, cancelled, failed_condition, refusal

ATTEMPTS = 5


def call(*script: Any, remaining_ms: int = 10_000, **options: Any) -> tuple[Any, int]:
    """Return what came of a call with this script: the answer or the error; and how often the service was asked."""
    service = ScriptedClient(*script)
    try:
        answer = Service(service, Invocation(remaining_ms)).call(
            "put_item", attempts=ATTEMPTS, TableName="t", **options
        )
    except Exception as error:  # noqa: BLE001 (whatever it is, the test looks at it)
        answer = error
    assert all(request == {"TableName": "t"} for request in service.requests)
    return answer, len(service.requests)


@pytest.mark.parametrize("failure", [*THROTTLED, *NEVER_SENT, *UNKNOWN], ids=str)
def test_given_a_failure_when_repeating_does_no_harm_then_it_is_tried_again(clock, failure):
    answer, calls = call(failure, failure, "answer")

    assert (answer, calls) == ("answer", 3)
    assert len(clock.pauses) == 2


@pytest.mark.parametrize(
    ("failures", "raised"),
    [(THROTTLED, Throttled), (UNKNOWN, Unavailable), ([], None)],
    ids=["throttled", "unknown", "never sent"],
)
def test_given_a_failure_when_repeating_does_harm_then_only_what_was_not_sent_is(clock, failures, raised):
    for failure in failures:
        answer, calls = call(NEVER_SENT[0], NEVER_SENT[1], failure, "answer", repeatable=False)

        assert (type(answer), calls) == (raised, 3)
    assert call(*NEVER_SENT, "answer", repeatable=False) == ("answer", 3)


def test_given_throttling_when_repeating_does_harm_then_who_has_time_is_served(clock):
    assert call(THROTTLED[0], NEVER_SENT[0], THROTTLED[0], "answer", repeatable=False, patient=True) == ("answer", 4)
    for failure in UNKNOWN:
        answer, calls = call(THROTTLED[0], failure, "answer", repeatable=False, patient=True)

        assert (type(answer), calls) == (Unavailable, 2)


@pytest.mark.parametrize(
    ("script", "raised"),
    [
        ([THROTTLED[0]], Throttled),
        ([NEVER_SENT[0]], Unavailable),
        ([UNKNOWN[0]], Unavailable),
        ([NEVER_SENT[0], THROTTLED[0]], Throttled),
        ([UNKNOWN[0], THROTTLED[0]], Unavailable),  # nobody may be told that nothing was done
    ],
    ids=["throttled", "never sent", "unknown", "never sent, then throttled", "unknown, then throttled"],
)
def test_given_a_failure_that_lasts_when_attempts_are_used_up_then_it_is_said(clock, script, raised):
    error, calls = call(*script)

    assert (type(error), calls) == (raised, ATTEMPTS)
    assert error.__cause__ is script[-1]


def test_given_attempts_that_fail_when_repeated_then_the_pauses_grow(clock, monkeypatch):
    monkeypatch.setattr(random.SystemRandom, "uniform", lambda _, _least, longest: longest)

    call(UNKNOWN[0])

    assert clock.pauses == [BACKOFF * factor for factor in (1, 2, 4, 8)]


@pytest.mark.parametrize(("spare_ms", "calls"), [(-1, 0), (1, 1)])
def test_given_little_time_when_called_then_nothing_begins_that_could_end_too_late(clock, spare_ms, calls):
    longest_ms = round(1000 * (sum(TIMEOUTS["dynamodb"]) + MARGIN))

    error, made = call(UNKNOWN[0], remaining_ms=longest_ms + spare_ms)

    assert (type(error), made) == (Unavailable, calls)


@pytest.mark.parametrize(
    "error", [refusal("AccessDeniedException"), cancelled("ValidationError", "None"), KeyError()], ids=repr
)
def test_given_a_call_that_is_refused_when_it_fails_then_that_goes_up_unchanged(clock, error):
    answer, calls = call(error)

    assert (answer, calls) == (error, 1)


@pytest.mark.parametrize(
    ("failures", "may_be_applied"),
    [
        ([], False),
        ([THROTTLED[0]], False),
        ([NEVER_SENT[1]], False),
        ([UNKNOWN[2]], True),
        ([UNKNOWN[2], THROTTLED[0]], True),
    ],
    ids=["at once", "throttled", "never sent", "answer lost", "answer lost, then throttled"],
)
def test_given_a_condition_that_fails_when_written_then_it_says_by_which_row(clock, failures, may_be_applied):
    error, _ = call(*failures, failed_condition({"short_code": {"S": "abc"}}))

    assert isinstance(error, ConditionFailed)
    assert (error.item, error.may_be_applied) == ({"short_code": {"S": "abc"}}, may_be_applied)


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (cancelled("None", "ConditionalCheckFailed", "TransactionConflict"), [False, True, False]),
        (cancelled("ValidationError", "None"), None),
        (refusal("AccessDeniedException"), None),
    ],
    ids=["a condition", "something else", "no transaction"],
)
def test_given_a_transaction_that_is_cancelled_when_read_then_conditions_are_told(clock, error, failed):
    answer, calls = call(error)

    assert isinstance(answer, ClientError)
    assert (failed_conditions(answer), calls) == (failed, 1)


@pytest.mark.parametrize(
    ("pauses", "closed"),
    [
        ([], [0]),  # it never was connected
        ([0, 10, IDLE], [0, 0, 0, 0]),
        ([IDLE + 0.5, 1], [0, 1, 1]),
        ([86_400, 86_400], [0, 1, 2]),
        ([-1, 0], [0, 1, 1]),  # a clock that was set back: nobody knows for how long it was idle
    ],
    ids=str,
)
def test_given_a_process_that_was_frozen_when_it_calls_then_it_connects_anew(clock, pauses, closed):
    client = ScriptedClient("answer")
    seen = []

    for pause in (0, *pauses):  # the monotonic clock stands still in the freezer
        clock.wall += pause
        Service(client, Invocation(5000)).call("get_item")
        seen.append(client.closed)

    assert seen == closed


def test_given_two_threads_when_the_process_thaws_then_they_connect_anew_once(clock):
    client = ScriptedClient("answer")
    service = Service(client, Invocation(5000))
    service.call("get_item")
    clock.wall += IDLE + 1
    is_closing, may_end = threading.Event(), threading.Event()

    def close() -> None:
        client.closed += 1
        is_closing.set()
        may_end.wait(10)

    client.close = close  # type: ignore[method-assign]
    threads = [threading.Thread(target=service.call, args=("get_item",)) for _ in range(2)]
    threads[0].start()
    assert is_closing.wait(10)
    threads[1].start()
    threads[1].join(0.1)

    waits = threads[1].is_alive()
    may_end.set()
    for thread in threads:
        thread.join(10)

    assert (waits, client.closed, len(client.requests)) == (True, 1, 3)


@pytest.mark.parametrize(
    ("service", "url", "endpoint"),
    [
        ("dynamodb", None, "https://dynamodb.us-east-1.amazonaws.com"),
        ("kms", None, "https://kms.us-east-1.amazonaws.com"),
        ("sqs", "https://sqs.eu-central-1.amazonaws.com/123456789012/q", "https://sqs.eu-central-1.amazonaws.com"),
        ("sqs", "http://127.0.0.1:9324/000000000000/clicks", "http://127.0.0.1:9324"),
    ],
)
def test_given_a_service_when_connected_then_its_client_asks_once_and_not_for_long(service, url, endpoint):
    made = connect(service, url)

    config = made.meta.config
    assert (made.meta.endpoint_url, config.retries["total_max_attempts"]) == (endpoint, 1)
    assert (config.connect_timeout, config.read_timeout) == TIMEOUTS[service]
    assert connect(service, url) is made


def test_given_a_client_when_it_asks_then_it_sends_no_header_for_statistics(monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "squrl-redirect-test")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
    made = connect.__wrapped__("dynamodb")
    sent: list[str] = []

    def stop(request: Any, **_: Any) -> None:
        sent.extend(name.lower() for name in request.headers)
        raise KeyboardInterrupt

    made.meta.events.register("before-send", stop)

    with pytest.raises(KeyboardInterrupt):
        made.get_item(TableName="squrl-urls-test", Key={"short_code": {"S": "abc"}})

    assert set(sent) >= {"authorization", "x-amz-target"}
    assert not set(sent) & {"amz-sdk-invocation-id", "amz-sdk-request", "x-amzn-trace-id"}


ROW = {"code": {"S": "abc"}, "count": {"N": "1"}, "locked": {"BOOL": False}, "tags": {"SS": ["a", "b"]}}


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        {},
        ROW | {"secret": {"B": "eA=="}},
        ROW | {"list": {"L": [{"B": "eA=="}]}, "map": {"M": {"k": {"B": "eA=="}}}, "set": {"BS": ["eA=="]}},
        {"nothing": {"NULL": True}, "numbers": {"NS": ["1", "2"]}},
    ],
    ids=["plain", "empty", "with bytes", "with bytes inside", "others"],
)
@pytest.mark.parametrize(
    ("operation", "field"),
    [("UpdateItem", "Attributes"), ("GetItem", "Item"), ("Query", "Items"), ("BatchGetItem", "Responses")],
)
def test_given_a_row_when_parsed_as_it_comes_then_it_is_what_botocore_makes_of_it(row, operation, field, monkeypatch):
    rows = {"Query": [row, row], "BatchGetItem": {"t": [row]}}.get(operation, row)
    answer = {"headers": {}, "status_code": 200, "body": json.dumps({field: rows}).encode()}
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = connect("dynamodb", "http://127.0.0.1:1")
    shape = client.meta.service_model.operation_model(operation).output_shape

    parser = client._endpoint._response_parser_factory.create_parser("json")  # noqa: SLF001 (what botocore is given)
    ours = parser.parse(dict(answer), shape)

    assert type(parser) is not JSONParser
    assert ours == JSONParser().parse(dict(answer), shape)
