"""How often a client may ask: who counts as one, what is kept of it, and that no fault stops anybody."""

import hashlib
import hmac
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from squrl import limiter as limiter_module
from squrl import telemetry
from squrl.errors import RateLimitExceeded
from squrl.limiter import ClientLimiter

NOW = 1_800_000_000  # a minute's first second
DAY = 86_400
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


class ConditionalCheckFailedException(ClientError):
    pass


class Table:
    """Keeps counts as DynamoDB does; fails where it is told to."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self.failure: Exception | None = None

    def update_item(self, **request: Any) -> None:
        if self.failure:
            raise self.failure
        id_, values = request["Key"]["id"]["S"], request["ExpressionAttributeValues"]
        if self.counts.get(id_, 0) >= int(values[":limit"]["N"]):
            raise ConditionalCheckFailedException({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        self.counts[id_] = self.counts.get(id_, 0) + 1
        self.ends[id_] = int(values[":end"]["N"])


class Kms:
    """Makes MACs as KMS does: under a key that nobody sees."""

    def __init__(self) -> None:
        self.days: list[str] = []
        self.failure: Exception | None = None

    def generate_mac(self, **request: Any) -> dict[str, bytes]:
        self.days.append(request["Message"].decode())
        if self.failure:
            raise self.failure
        assert (request["KeyId"], request["MacAlgorithm"]) == (KEY_ID, "HMAC_SHA_256")
        return {"Mac": hmac.new(b"secret", request["Message"], hashlib.sha256).digest()}


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def kms(monkeypatch):
    kms = Kms()
    monkeypatch.setattr(limiter_module, "connect", lambda: kms)
    return kms


@pytest.fixture(autouse=True)
def counted(monkeypatch):
    names: list[str] = []
    monkeypatch.setattr(telemetry, "count", names.append)
    return names


def a_limiter(table: Any, limit: int = 3, key_id: str = KEY_ID) -> ClientLimiter:
    return ClientLimiter(table, "squrl-state-test", key_id, limit)


def passed(limiter: ClientLimiter, address: str | None, now: int = NOW) -> bool:
    try:
        limiter.check(address, now)
    except RateLimitExceeded:
        return False
    return True


def test_given_a_limit_when_a_client_asks_more_often_then_it_is_refused_until_the_next_minute(table, kms, counted):
    limiter = a_limiter(table, 3)

    results = [[passed(limiter, "192.0.2.1", NOW + second) for _ in range(5)] for second in (0, 59, 60)]

    assert results == [[True] * 3 + [False] * 2, [False] * 5, [True] * 3 + [False] * 2]
    assert counted == []


@pytest.mark.parametrize(("second", "wait"), [(0, 60), (1, 59), (59, 1)])
def test_given_a_client_that_is_refused_then_it_is_told_when_the_next_minute_begins(table, kms, second, wait):
    limiter = a_limiter(table, 1)
    limiter.check("192.0.2.1", NOW)

    with pytest.raises(RateLimitExceeded) as refusal:
        limiter.check("192.0.2.1", NOW + second)

    assert refusal.value.retry_after == wait


def test_given_two_processes_then_they_count_the_same_clients_together(table, kms):
    limiters = [a_limiter(table, 3), a_limiter(table, 3)]

    results = [passed(limiter, "192.0.2.1") for limiter in limiters * 3]

    assert sum(results) == 3


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:0DB8:0:0::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_given_two_addresses_then_they_are_one_client_if_one_client_may_have_both(table, kms, one, other, is_same):
    limiter = a_limiter(table, 1)
    limiter.check(one, NOW)

    assert passed(limiter, other) is not is_same


def test_given_a_day_then_kms_is_asked_once_in_a_process_and_the_next_day_gives_other_pseudonyms(table, kms):
    limiter = a_limiter(table, 9)

    for now in (NOW, NOW + 60, NOW + DAY, NOW + DAY + 60, NOW + 2 * DAY):
        limiter.check("192.0.2.1", now)

    pseudonyms = [id_.split("#")[1] for id_ in table.counts]
    assert kms.days == ["2027-01-15", "2027-01-16", "2027-01-17"]
    assert [pseudonyms[0] == other for other in pseudonyms] == [True, True, False, False, False]


def test_given_what_is_stored_when_all_addresses_are_tried_without_the_key_then_none_is_found(table, kms):
    a_limiter(table).check("192.0.2.1", NOW)

    (id_,) = table.counts

    kind, pseudonym, minute = id_.split("#")
    addresses = [f"192.0.2.{number}".encode() for number in range(256)]
    guesses = {hashlib.sha256(address).hexdigest() for address in addresses}
    guesses |= {
        hmac.new(key.encode(), address, hashlib.sha256).hexdigest()
        for address in addresses
        for key in ("", "2027-01-15", KEY_ID, "squrl-state-test")
    }
    assert (kind, int(minute), len(pseudonym)) == ("client", NOW // 60, 64)
    assert pseudonym not in guesses
    assert "192.0.2" not in id_


def test_given_a_count_then_it_is_kept_for_some_minutes(table, kms):
    a_limiter(table).check("192.0.2.1", NOW + 30)

    assert list(table.ends.values()) == [NOW + 300]


def test_given_no_limit_then_nothing_is_asked(counted):
    nothing: Any = None
    limiter = a_limiter(nothing, 0, "")

    assert all(passed(limiter, "192.0.2.1") for _ in range(100))
    assert counted == []


FAILURES = [
    ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "UpdateItem"),
    ReadTimeoutError(endpoint_url="x"),
    RuntimeError("any"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("failing", ["table", "kms"])
def test_given_a_fault_then_the_client_passes_and_it_is_counted(table, kms, counted, failing, failure):
    limiter = a_limiter(table, 1)
    {"table": table, "kms": kms}[failing].failure = failure

    assert all(passed(limiter, "192.0.2.1") for _ in range(3))
    assert counted == ["limiter_unavailable"] * 3


def test_given_a_fault_that_is_over_then_clients_are_limited_again(table, kms):
    limiter = a_limiter(table, 1)
    kms.failure = RuntimeError("any")
    limiter.check("192.0.2.1", NOW)
    kms.failure = None

    assert [passed(limiter, "192.0.2.1") for _ in range(2)] == [True, False]


@pytest.mark.parametrize("address", [None, "", "x", "192.0.2.1, 192.0.2.2", "192.0.2"])
def test_given_what_is_no_address_then_it_passes_and_is_counted_as_a_fault(table, kms, counted, address):
    assert passed(a_limiter(table, 1), address)
    assert counted == ["limiter_unavailable"]


def test_the_key_client_gives_up_soon_and_is_made_once(monkeypatch):
    limiter_module.connect.cache_clear()

    client = limiter_module.connect()

    config: Any = client.meta.config
    assert limiter_module.connect() is client
    assert client.meta.service_model.service_name == "kms"
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (0.3, 0.5)
