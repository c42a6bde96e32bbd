"""How often a client may ask: who counts as one, what is kept of it, and that no fault stops anybody."""

import hashlib
import hmac
from typing import Any

import pytest

from squrl.aws import client_limiter
from squrl.aws.client import Service
from squrl.aws.client_limiter import DayKey, TableClientLimiter
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.invocation import Incident, Invocation
from tests.support.aws import THROTTLED, UNKNOWN, ScriptedClient, failed_condition, refusal
from tests.support.fakes import NOW

DAY = 86_400
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


class Aws(ScriptedClient):
    """Keeps counts as DynamoDB does, and makes MACs as KMS does, under a key that nobody sees; fails as told."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.ends: list[int] = []
        self.days: list[str] = []
        self.failures: dict[str, Exception] = {}

    def update_item(self, **request: Any) -> None:
        if "dynamodb" in self.failures:
            raise self.failures["dynamodb"]
        id_, values = request["Key"]["id"]["S"], request["ExpressionAttributeValues"]
        if self.counts.get(id_, 0) >= int(values[":limit"]["N"]):
            raise failed_condition()
        self.counts[id_] = self.counts.get(id_, 0) + 1
        self.ends.append(int(values[":end"]["N"]))

    def generate_mac(self, **request: Any) -> dict[str, bytes]:
        self.days.append(request["Message"].decode())
        if "kms" in self.failures:
            raise self.failures["kms"]
        assert (request["KeyId"], request["MacAlgorithm"]) == (KEY_ID, "HMAC_SHA_256")
        return {"Mac": hmac.new(b"secret", request["Message"], hashlib.sha256).digest()}


class Process:
    """A process that limits clients, each request in an invocation of its own."""

    def __init__(self, aws: Aws, limit: int = 3, key_id: str = KEY_ID) -> None:
        self._aws, self._limit, self._key_id = aws, limit, key_id
        self._day_key = DayKey()
        self.incidents: list[tuple[Incident, str]] = []

    def permits(self, address: str, now: int = NOW) -> bool:
        invocation = Invocation(5000)
        table = EphemeralTable(Service(self._aws, invocation), "squrl-ephemeral-test")
        limiter = TableClientLimiter(self._day_key, table, invocation, key_id=self._key_id, limit=self._limit)
        is_permitted = limiter.permits(address, now)
        self.incidents += invocation.incidents
        return is_permitted


@pytest.fixture
def aws(monkeypatch):
    aws = Aws()
    monkeypatch.setattr(client_limiter, "connect", lambda service: {"kms": aws}[service])
    return aws


def test_given_a_limit_when_a_client_exceeds_it_then_it_waits_for_the_next_minute(aws):
    process = Process(aws, 3)

    permitted = [[process.permits("192.0.2.1", NOW + second) for _ in range(5)] for second in (0, 59, 60)]

    assert permitted == [[True] * 3 + [False] * 2, [False] * 5, [True] * 3 + [False] * 2]
    assert process.incidents == []
    assert aws.ends == [NOW + 300] * 3 + [NOW + 360] * 3  # kept for five minutes


def test_given_two_processes_when_a_client_asks_both_then_they_count_together(aws):
    processes = [Process(aws, 3), Process(aws, 3)]

    permitted = [process.permits("192.0.2.1") for process in processes * 3]

    assert sum(permitted) == 3


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
def test_given_two_addresses_when_one_client_may_have_both_then_they_are_one(aws, one, other, is_same):
    process = Process(aws, 1)
    process.permits(one)

    is_permitted = process.permits(other)

    assert is_permitted is not is_same


def test_given_a_new_day_when_a_client_asks_then_it_has_another_pseudonym(aws):
    process = Process(aws)

    for now in (NOW, NOW + 60, NOW + DAY, NOW + DAY + 60, NOW + 2 * DAY):
        process.permits("192.0.2.1", now)

    pseudonyms = [id_.split("#")[1] for id_ in aws.counts]
    assert aws.days == ["2027-01-15", "2027-01-16", "2027-01-17"]  # asked once a day
    assert [pseudonyms[0] == other for other in pseudonyms] == [True, True, False, False, False]


def test_given_what_is_stored_when_all_addresses_are_tried_then_none_is_found(aws):
    Process(aws).permits("192.0.2.1")

    kind, pseudonym, minute = next(iter(aws.counts)).split("#")

    addresses = [f"192.0.2.{number}".encode() for number in range(256)]
    guesses = {hashlib.sha256(address).hexdigest() for address in addresses}
    for key in ("", "2027-01-15", KEY_ID, "squrl-ephemeral-test"):
        guesses |= {hmac.new(key.encode(), address, hashlib.sha256).hexdigest() for address in addresses}
    assert (kind, int(minute), len(pseudonym)) == ("client", NOW // 60, 64)
    assert pseudonym not in guesses


@pytest.mark.parametrize(("limit", "key_id"), [(0, KEY_ID), (1, ""), (0, "")])
def test_given_no_limit_when_clients_ask_then_nobody_is_counted(aws, limit, key_id):
    process = Process(aws, limit, key_id)

    assert all(process.permits("192.0.2.1") for _ in range(10))
    assert (aws.counts, aws.days, process.incidents) == ({}, [], [])


@pytest.mark.parametrize("failure", [THROTTLED[1], UNKNOWN[2], refusal("AccessDenied"), RuntimeError("any")], ids=str)
@pytest.mark.parametrize("failing", ["dynamodb", "kms"])
def test_given_a_fault_when_clients_ask_then_they_pass_and_it_is_noted(aws, failing, failure):
    process = Process(aws, 1)
    aws.failures[failing] = failure

    assert all(process.permits("192.0.2.1") for _ in range(3))
    assert process.incidents == [(Incident.LIMITER_UNAVAILABLE, type(failure).__qualname__)] * 3
    aws.failures.clear()
    assert [process.permits("192.0.2.1") for _ in range(2)] == [True, False]


@pytest.mark.parametrize("address", ["", "x", "None", "192.0.2.1, 192.0.2.2", "192.0.2"])
def test_given_what_is_not_an_address_when_it_asks_then_it_passes_as_a_fault(aws, address):
    process = Process(aws, 1)

    assert process.permits(address)
    assert process.incidents == [(Incident.LIMITER_UNAVAILABLE, "ValueError")]
