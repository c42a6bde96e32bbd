"""What the store does when DynamoDB fails: what is tried again, what is not, and what the caller is told."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from squrl import store as store_module
from squrl.errors import RateLimitExceeded, ServiceUnavailable
from squrl.links import Kind, Link
from squrl.store import ATTEMPTS, DynamoDBUrlStore

NOW = 1_800_000_000
LINK = Link("abc", Kind("https://example.com/", "301", 24), "2026-11-22T10:30:00Z", NOW + 60)
ITEM = {
    "short_code": {"S": "abc"},
    "original_url": {"S": "https://example.com/"},
    "redirect_type": {"S": "301"},
    "ttl_hours": {"N": "24"},
    "created_at": {"S": "2026-11-22T10:30:00Z"},
    "expires_at": {"N": str(NOW + 60)},
    "custom_code": {"BOOL": False},
    "status": {"S": "active"},
    "click_count": {"N": "0"},
}


def answered(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "UpdateItem")


THROTTLED = [
    answered("ProvisionedThroughputExceededException", 400),
    answered("ThrottlingException", 400),
    answered("RequestLimitExceeded", 400),
    answered("TransactionConflictException", 400),
]
NEVER_SENT = [EndpointConnectionError(endpoint_url="x"), ConnectTimeoutError(endpoint_url="x")]
UNKNOWN = [
    answered("InternalServerError", 500),
    answered("ServiceUnavailable", 503),
    ReadTimeoutError(endpoint_url="x"),
    ConnectionClosedError(endpoint_url="x"),
    ResponseParserError("half an answer"),
]


class ConditionalCheckFailedException(ClientError):
    pass


class TransactionCanceledException(ClientError):
    """A transaction that was not applied, with a reason for each of its writes."""

    def __init__(self, *reasons: str) -> None:
        response: Any = {
            "Error": {"Code": "TransactionCanceledException"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
            "CancellationReasons": [{"Code": reason} for reason in reasons],
        }
        super().__init__(response, "TransactWriteItems")


class Client:
    """Answers every call with the next line of a script, and keeps count."""

    exceptions = SimpleNamespace(
        ConditionalCheckFailedException=ConditionalCheckFailedException,
        TransactionCanceledException=TransactionCanceledException,
    )

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.calls = 0
        self.requests: list[dict[str, Any]] = []

    def _call(self, **request: Any) -> Any:
        self.calls += 1
        self.requests.append(request)
        line = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(line, Exception):
            raise line
        return line

    get_item = put_item = update_item = query = transact_write_items = _call


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Pause by moving the clock, not by waiting."""
    clock = [1000.0]
    taken: list[float] = []

    def sleep(seconds: float) -> None:
        if seconds:
            taken.append(seconds)
            clock[0] += seconds

    monkeypatch.setattr("squrl.store.time.sleep", sleep)
    monkeypatch.setattr("squrl.store.time.monotonic", lambda: clock[0])
    return taken


def a_store(client: Any, remaining_ms: int = 10_000) -> DynamoDBUrlStore:
    return DynamoDBUrlStore(client, "squrl-urls-test", remaining_ms)


CLICKS = {"a" * 32: NOW, "b" * 32: NOW - 60}
OPERATIONS = {
    "get": lambda store: store.get("abc"),
    "count_click": lambda store: store.count_click("abc", NOW),
    "find_live": lambda store: store.find_live(LINK.kind, NOW),
    "renew": lambda store: store.renew("abc", LINK.kind, NOW),
    "claim": lambda store: store.claim(LINK, NOW),
    "add_clicks": lambda store: store.add_clicks("abc", LINK.created_at, CLICKS),
}
SUCCESS = {"Item": ITEM, "Attributes": ITEM, "Items": [ITEM]}


NOT_A_CLICK = sorted(set(OPERATIONS) - {"count_click"})


@pytest.mark.parametrize(
    ("operation", "failure"),
    [
        *itertools.product(NOT_A_CLICK, THROTTLED),
        *itertools.product(OPERATIONS, NEVER_SENT),
        ("add_clicks", TransactionCanceledException("TransactionConflict", "None", "None")),
        ("add_clicks", TransactionCanceledException("ThrottlingError", "None", "None")),
        ("add_clicks", TransactionCanceledException("None", "None", "ProvisionedThroughputExceeded")),
        ("add_clicks", answered("TransactionInProgressException", 400)),
    ],
    ids=str,
)
def test_given_a_call_that_was_not_applied_when_it_fails_then_it_is_tried_again(operation, failure, pauses):
    client = Client(failure, failure, SUCCESS)

    OPERATIONS[operation](a_store(client))

    assert client.calls == 3
    assert len(pauses) == 2


@pytest.mark.parametrize("failure", THROTTLED, ids=str)
def test_given_a_throttled_table_when_a_click_was_to_be_counted_then_it_is_said_at_once(failure, pauses):
    client = Client(NEVER_SENT[0], failure, SUCCESS)

    with pytest.raises(RateLimitExceeded):
        a_store(client).count_click("abc", NOW)

    assert client.calls == 2
    assert len(pauses) == 1


@pytest.mark.parametrize("failure", UNKNOWN, ids=str)
@pytest.mark.parametrize("operation", NOT_A_CLICK)
def test_given_an_unknown_outcome_when_repeating_does_no_harm_then_it_is_tried_again(operation, failure):
    client = Client(failure, SUCCESS)

    OPERATIONS[operation](a_store(client))

    assert client.calls == 2


@pytest.mark.parametrize("failure", UNKNOWN, ids=str)
def test_given_an_unknown_outcome_when_a_click_was_counted_then_it_is_never_repeated(failure, pauses):
    client = Client(failure, SUCCESS)

    with pytest.raises(ServiceUnavailable):
        a_store(client).count_click("abc", NOW)

    assert client.calls == 1
    assert pauses == []


@pytest.mark.parametrize(
    ("failure", "told"),
    [(THROTTLED[0], RateLimitExceeded), (NEVER_SENT[0], ServiceUnavailable), (UNKNOWN[0], ServiceUnavailable)],
    ids=str,
)
def test_given_a_failure_that_lasts_when_the_attempts_are_used_up_then_the_caller_is_told(failure, told, pauses):
    client = Client(failure)

    with pytest.raises(told):
        a_store(client).get("abc")

    assert client.calls == ATTEMPTS
    assert sum(pauses) < 2


def test_given_an_unknown_outcome_when_the_rest_is_throttled_then_nobody_is_told_that_nothing_was_done():
    client = Client(UNKNOWN[0], THROTTLED[0])

    with pytest.raises(ServiceUnavailable):
        a_store(client).claim(LINK, NOW)

    assert client.calls == ATTEMPTS


# add_clicks


def ids_written(request: dict[str, Any]) -> list[str]:
    return [write["Put"]["Item"]["id"]["S"] for write in request["TransactItems"][1:]]


def test_given_an_answer_that_was_lost_when_late_clicks_are_added_again_then_it_is_the_same_transaction():
    client = Client(UNKNOWN[2], SUCCESS)

    added = a_store(client).add_clicks("abc", LINK.created_at, CLICKS)

    assert added == (2, 0)
    assert client.requests[0] == client.requests[1]


def test_given_late_clicks_of_which_one_is_known_when_added_then_only_the_other_is_written_with_a_sum_of_its_own():
    client = Client(TransactionCanceledException("None", "ConditionalCheckFailed", "TransactionConflict"), SUCCESS)

    added = a_store(client).add_clicks("abc", LINK.created_at, CLICKS)

    first, second = client.requests
    assert added == (1, 0)
    assert ids_written(second) == [f"click#{'b' * 32}"]
    assert second["TransactItems"][0]["Update"]["ExpressionAttributeValues"][":clicks"] == {"N": "1"}
    assert second["ClientRequestToken"] != first["ClientRequestToken"]


def test_given_late_clicks_when_written_then_each_id_is_kept_for_thirty_days_from_its_click():
    client = Client(SUCCESS)

    a_store(client).add_clicks("abc", LINK.created_at, CLICKS)

    items = [write["Put"]["Item"] for write in client.requests[0]["TransactItems"][1:]]
    assert [int(item["expires_at"]["N"]) - 30 * 86_400 for item in items] == [NOW, NOW - 60]


def test_given_a_transaction_that_is_wrong_in_itself_when_canceled_then_that_is_a_defect():
    client = Client(TransactionCanceledException("ValidationError", "None", "None"))

    with pytest.raises(TransactionCanceledException):
        a_store(client).add_clicks("abc", LINK.created_at, CLICKS)

    assert client.calls == 1


LONGEST_ATTEMPT_MS = 1000 * (store_module.CONNECT_TIMEOUT + store_module.READ_TIMEOUT + store_module.MARGIN)


@pytest.mark.parametrize(("spare_ms", "calls"), [(-1, 0), (1, 1)])
def test_given_little_time_when_called_then_no_attempt_is_begun_that_could_end_too_late(spare_ms, calls):
    client = Client(UNKNOWN[2])

    with pytest.raises(ServiceUnavailable):
        a_store(client, remaining_ms=int(LONGEST_ATTEMPT_MS) + spare_ms).get("abc")

    assert client.calls == calls


def test_given_time_used_up_by_one_call_when_the_next_is_made_then_it_is_not_begun(monkeypatch):
    store = a_store(Client(SUCCESS), remaining_ms=5000)
    store.get("abc")
    monkeypatch.setattr("squrl.store.time.monotonic", lambda: 1000 + 5 - 1)

    with pytest.raises(ServiceUnavailable):
        store.get("abc")


def a_refused_write(item: dict[str, Any] | None) -> ClientError:
    response: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": item}
    return ConditionalCheckFailedException(response, "PutItem")


OTHERS = ITEM | {"original_url": {"S": "https://other.example/"}}


@pytest.mark.parametrize(
    ("script", "holder"),
    [
        ([UNKNOWN[2], a_refused_write(ITEM)], None),
        ([UNKNOWN[2], THROTTLED[0], a_refused_write(ITEM)], None),
        ([UNKNOWN[2], a_refused_write(OTHERS)], "https://other.example/"),
        ([THROTTLED[0], a_refused_write(ITEM)], "https://example.com/"),
        ([a_refused_write(ITEM)], "https://example.com/"),
    ],
    ids=["answer lost", "and throttled", "another's", "never applied", "at once"],
)
def test_given_a_claim_whose_answer_was_lost_when_repeated_then_its_own_row_is_no_rivals(script, holder):
    found = a_store(Client(*script)).claim(LINK, NOW)

    assert (found and found.kind.original_url) == holder


def test_given_attempts_that_fail_when_repeated_then_the_pauses_grow_from_the_backoff(monkeypatch, pauses):
    monkeypatch.setattr("squrl.store.random.uniform", lambda _, longest: longest)

    with pytest.raises(ServiceUnavailable):
        a_store(Client(UNKNOWN[0])).get("abc")

    assert pauses == [store_module.BACKOFF * factor for factor in (1, 2, 4, 8)]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_given_a_call_that_dynamodb_refuses_when_it_fails_then_that_is_a_defect_and_goes_up_unchanged(operation):
    refusal = answered("AccessDeniedException", 400)
    client = Client(refusal)

    with pytest.raises(ClientError) as caught:
        OPERATIONS[operation](a_store(client))

    assert caught.value is refusal
    assert client.calls == 1


def test_given_a_row_written_by_hand_when_followed_then_what_it_lacks_has_its_default():
    row = {"short_code": {"S": "abc"}, "original_url": {"S": "https://example.com/"}, "status": {"S": "active"}}

    link = a_store(Client({"Attributes": row})).count_click("abc", NOW)

    assert link == Link("abc", Kind("https://example.com/", "301", None), "", None)


def test_given_a_row_without_status_when_read_then_it_is_no_live_link():
    row = {"short_code": {"S": "abc"}, "original_url": {"S": "https://example.com/"}}

    link = a_store(Client({"Item": row})).get("abc")

    assert link is not None
    assert not link.is_live(NOW)


def test_the_client_leaves_every_decision_to_try_again_to_the_store(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    config: Any = store_module.connect().meta.config

    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (0.5, 1.0)


def test_the_client_sends_no_header_that_only_statistics_need(monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "squrl-redirect-test")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
    client: Any = store_module.connect()
    sent = []

    def stop(request: Any, **_: Any) -> None:
        sent.append({name.lower() for name in request.headers})
        raise KeyboardInterrupt

    client.meta.events.register("before-send", stop)

    with pytest.raises(KeyboardInterrupt):
        client.get_item(TableName="squrl-urls-test", Key={"short_code": {"S": "abc"}})

    assert sent[0] >= {"authorization", "x-amz-target"}
    assert not sent[0] & {"amz-sdk-invocation-id", "amz-sdk-request", "x-amzn-trace-id"}
