"""The secret from which codes follow: each table has one, whoever starts first and whatever answer is lost."""

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError

from squrl import codes
from squrl.aws.client import Service
from squrl.aws.links_table import SECRET_ROW, KnownSecret, LinksTable, RememberedSecret
from squrl.destinations import Rules
from squrl.links import Kind
from squrl.ports import Unavailable
from squrl.requests import CreateRequest
from squrl.shorten import Caller, Ports, Shortened, shorten
from tests.support.concurrency import all_at_once
from tests.support.fakes import FakeDomainPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_800_000_000
KIND = Kind("https://example.com/", "301", None)
RIVALS = 8


class Client:
    """A client of DynamoDB to which things happen.

    Attributes
    ----------
    lost : list of str
        Methods whose next call is done, and its answer lost: one call for each time that it is named.
    before : dict of str to callable
        What happens just before a method's next call.
    """

    def __init__(self, client: Any, lost: tuple[str, ...] = ()) -> None:
        self._client = client
        self.meta, self.close = client.meta, client.close
        self.lost = list(lost)
        self.before: dict[str, Callable[[], object]] = {}

    def __getattr__(self, method: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.before.pop(method, lambda: None)()
            try:
                return getattr(self._client, method)(**arguments)
            finally:
                if method in self.lost:
                    self.lost.remove(method)
                    raise ReadTimeoutError(endpoint_url="DynamoDB")

        return call


class Process:
    """A process of the create function that starts now.

    Attributes
    ----------
    client : Client
        Its own.
    """

    def __init__(self, tables: Any, name: str, lost: tuple[str, ...] = ()) -> None:
        service = tables.service
        self.client = Client(service._client, lost)  # noqa: SLF001 (the functions' own, with their time-outs)
        self.table = LinksTable(Service(self.client, service.invocation), name)
        self.secrets = RememberedSecret(KnownSecret(), self.table)

    def secret(self) -> bytes:
        return self.secrets.secret()

    def shorten(self, kind: Kind = KIND, custom_code: str | None = None) -> Shortened:
        request = CreateRequest(custom_code=custom_code, **kind._asdict())
        return shorten(request, Caller(), NOW, Ports(self.table, self.secrets, FakeDomainPolicy()), Rules())


@pytest.fixture
def new_table(tables):
    """Make an empty table of links; return its name."""
    names = []

    def new() -> str:
        names.append(f"links-{time.time_ns()}")
        tables.client.create_table(
            TableName=names[-1],
            KeySchema=[{"AttributeName": "short_code", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "short_code", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return names[-1]

    yield new
    for name in names:
        tables.client.delete_table(TableName=name)


@pytest.fixture
def table(new_table):
    return new_table()


@pytest.fixture
def start(tables, table):
    """Start a process on the table."""
    return lambda *lost: Process(tables, table, lost)


@pytest.fixture
def stored(tables, table):
    """Read the secret past the functions."""

    def read() -> bytes:
        answer = tables.client.get_item(TableName=table, Key={"short_code": {"S": SECRET_ROW}}, ConsistentRead=True)
        return bytes(answer["Item"]["secret"]["B"])

    return read


@pytest.mark.parametrize("_round", range(5))
def test_given_an_empty_table_when_processes_start_at_once_then_all_have_one_secret(start, stored, _round):
    processes = [start() for _ in range(RIVALS)]

    found = all_at_once([process.secret for process in processes])

    assert set(found) == {stored()}
    assert len(stored()) == codes.SECRET_BYTES


@pytest.mark.parametrize(
    "lost",
    [("get_item",), ("put_item",), ("get_item", "put_item"), ("put_item", "put_item"), ("get_item", "get_item")],
    ids=" and ".join,
)
@pytest.mark.parametrize("has_rival", [False, True], ids=["alone", "with a rival between read and write"])
def test_given_an_empty_table_when_answers_are_lost_then_there_is_one_secret(start, stored, lost, has_rival):
    first, rival = start(*lost), start()
    if has_rival:
        first.client.before["put_item"] = rival.secret

    found = [first.secret(), rival.secret(), start(*lost).secret()]

    assert first.client.lost == []
    assert set(found) == {stored()}


def test_given_no_answer_at_all_when_a_process_starts_then_its_next_request_finds_the_secret(start, stored):
    process = start(*["put_item"] * 5)

    with pytest.raises(Unavailable):
        process.secret()

    assert process.secret() == stored()


def test_given_tables_when_each_has_made_its_secret_then_no_two_are_alike(tables, new_table):
    found = [Process(tables, new_table()).secret() for _ in range(3)]

    assert len(set(found)) == 3


def test_given_another_stack_on_the_table_when_asked_the_same_then_it_names_the_same_link(start):
    one, another = start(), start()

    first, second = one.shorten(), another.shorten()

    assert first.created
    assert second == (first.link, False)


def test_given_a_restored_copy_when_asked_then_old_and_new_links_have_the_same_codes(tables, start, table, new_table):
    one = start()
    old, _ = one.shorten()
    restored = new_table()
    for item in tables.client.scan(TableName=table)["Items"]:
        tables.client.put_item(TableName=restored, Item=item)

    copy = Process(tables, restored)

    assert copy.shorten() == (old, False)
    new = KIND._replace(original_url="https://example.com/new")
    assert copy.shorten(new).link.short_code == one.shorten(new).link.short_code


def test_given_guesses_at_the_secret_when_their_codes_are_taken_then_a_link_has_its_own(tables, start, new_table):
    victim, attacker = start(), start()
    elsewhere = Process(tables, new_table()).secret()
    guesses = [b"", bytes(32), b"\xff" * 32, b"squrl", SECRET_ROW.encode(), elsewhere]
    for guess in guesses:
        for code in codes_of(KIND, guess):
            attacker.shorten(Kind("https://attacker.example/", "301", None), code)

    link, created = victim.shorten()

    assert created
    assert link.short_code == codes_of(KIND, victim.secret())[0]


def test_given_all_derived_codes_taken_when_asked_then_each_request_gets_a_random_one(start):
    process = start()
    derived = codes_of(KIND, process.secret())  # the same attack, by somebody who has read the table
    for code in derived:
        process.shorten(Kind("https://attacker.example/", "301", None), code)

    first, second = process.shorten(), process.shorten()

    assert first.created
    assert second.created
    assert len({first.link.short_code, second.link.short_code, *derived}) == codes.PROBES + 2


def codes_of(kind: Kind, secret: bytes) -> list[str]:
    return [codes.derive(kind, probe, secret) for probe in range(codes.PROBES)]
