"""Races in AWS's own engine: whatever the order, the table and every answer agree on who won."""

import itertools
import time
import uuid
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from squrl import codes, requests
from squrl.aws.client_limiter import DayKey, TableClientLimiter
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.destinations import Rules
from squrl.errors import PreconditionFailed, SqurlError
from squrl.keys import OPERATOR, Identity, Role
from squrl.links import DAY, DELETED, DISABLED, Kind, Link, timestamp
from squrl.manage import Ports as ChangePorts
from squrl.manage import Revisions, change, delete
from squrl.ports import Claimed, Counted, HeldBy, Throttled
from squrl.shorten import Caller, Ports, shorten
from tests.support.concurrency import all_at_once
from tests.support.fakes import FakeDomainPolicy, FakeSecretStore

NOW = 1_800_000_000
ROUNDS = 10
RIVALS = 8
SECRET = FakeSecretStore().secret()
US = Identity(Role.WRITE, "us")
_NUMBERS = itertools.count(time.time_ns() % 10**9)


def a_kind(ttl_hours: int | None = None, owner: str | None = None) -> Kind:
    return Kind(f"https://example.com/race/{next(_NUMBERS)}", "301", ttl_hours, owner)


def with_clicks(link: Link, people: int) -> Link:
    """Return a link with the clicks of so many people, all of one day."""
    return replace(link, click_count=people, days={NOW // DAY: people} if people else {})


@pytest.fixture
def put(tables):
    """Write a link with a code that no other test has."""

    def put(kind: Kind | None = None, **changes: Any) -> Link:
        link = replace(Link(f"race-{next(_NUMBERS)}", kind or a_kind(), timestamp(NOW), None), **changes)
        tables.put(link)
        return link

    return put


@pytest.fixture
def request_for(tables):
    """Return a function that asks for a link, as one caller."""

    def ask(kind: Kind, now: int = NOW) -> Any:
        wish = requests.read(requests.CreateRequest, {"original_url": kind.original_url, "ttl_hours": kind.ttl_hours})
        ports = Ports(tables.store, FakeSecretStore(), FakeDomainPolicy())
        return partial(shorten, wish, Caller(), now, ports, Rules())

    return ask


def test_given_renewals_and_claims_at_expiry_when_they_race_then_one_side_wins(tables, put):
    for _ in range(ROUNDS):
        link = put(a_kind(24), expires_at=NOW, created_at=timestamp(NOW - 86_400))
        again = replace(link, created_at=timestamp(NOW), expires_at=NOW + 24 * 3600)
        others = [Link(link.short_code, a_kind(), timestamp(NOW), None) for _ in range(RIVALS)]

        results = all_at_once(
            [partial(tables.store.renew, link.short_code, link.kind, NOW - 1)] * RIVALS
            + [partial(tables.store.claim, each, NOW) for each in [again] * RIVALS + others]
        )

        renewals, claims = results[:RIVALS], results[RIVALS : 2 * RIVALS]
        row = tables.get(link.short_code)
        assert row.kind == link.kind
        assert all(isinstance(claim, HeldBy) for claim in results[2 * RIVALS :])
        if row.created_at == link.created_at:
            assert row.expires_at == NOW - 1 + 24 * 3600
            assert all(renewed == row for renewed in renewals)
            assert Claimed not in map(type, claims)
        else:
            assert [claim.link for claim in claims if isinstance(claim, Claimed)] == [row]


def test_given_requests_around_expiry_when_they_race_then_all_get_the_one_link(tables, put, request_for):
    for _ in range(ROUNDS):
        kind = a_kind(24)
        link = put(kind, short_code=codes.derive(kind, 0, SECRET), expires_at=NOW, click_count=5)

        results = all_at_once([request_for(kind, NOW - 1)] * RIVALS + [request_for(kind, NOW)] * RIVALS)

        assert {link.short_code for link, _ in results} == {link.short_code}
        assert sum(created for _, created in results) <= 1
        assert tables.count(kind.original_url) == 1


def test_given_codes_that_others_hold_when_requests_race_then_they_meet_at_one(tables, put, request_for):
    for _ in range(ROUNDS):
        kind = a_kind()
        probes = [codes.derive(kind, probe, SECRET) for probe in range(4)]
        put(short_code=probes[0])
        put(short_code=probes[1], status=DISABLED)
        put(a_kind(1), short_code=probes[2], expires_at=NOW - 3600)

        results = all_at_once([request_for(kind)] * RIVALS)

        assert {link.short_code for link, _ in results} == {probes[3]}
        assert Counter(created for _, created in results) == {True: 1, False: RIVALS - 1}
        assert tables.count(kind.original_url) == 1


@pytest.fixture
def manage(tables):
    """Return a function that changes a link, as one caller who is told of it or refused; without fields it deletes."""

    def manage(identity: Identity, link: Link, revisions: Revisions = None, **fields: Any) -> Any:
        ports = ChangePorts(tables.store, FakeDomainPolicy())

        def send() -> Link | SqurlError | None:
            try:
                if not fields:
                    delete(link.short_code, identity, ports.store, revisions)
                    return None
                wish = requests.read(requests.ChangeRequest, fields)
                return change(link.short_code, wish, identity, NOW, ports, Rules(), revisions).after
            except SqurlError as error:
                return error

        return send

    return manage


def test_given_clicks_while_a_link_is_deleted_when_they_race_then_all_counted_stay(tables, put, manage):
    link = put(a_kind(owner="us"), title="T")
    clicks = [lambda: [tables.store.count_click(link.short_code, NOW) for _ in range(10)]] * RIVALS

    *clicked, _ = all_at_once([*clicks, manage(US, link)])

    counted = sum(isinstance(click, Counted) for click in itertools.chain(*clicked))
    erased = replace(link, kind=link.kind._replace(original_url=""), title=None)
    assert tables.get(link.short_code) == replace(with_clicks(erased, counted), status=DELETED, revision=2)


def test_given_one_revision_for_many_changes_when_they_race_then_one_wins(tables, put, manage):
    for _ in range(ROUNDS):
        link = put(a_kind(owner="us"), revision=7)

        results = all_at_once(
            [manage(US, link, frozenset({7}), title=f"T{number}") for number in range(RIVALS)]
            + [manage(US, link, frozenset({7}))]
        )

        (winner,) = [result for result in results if not isinstance(result, PreconditionFailed)]
        row = tables.get(link.short_code)
        assert row.revision == 8
        assert row.status == DELETED if winner is None else row == winner


def test_given_two_fields_when_one_is_changed_meanwhile_then_no_half_is_left(tables, put, manage):
    for _ in range(ROUNDS):
        link = put(a_kind(owner="us"), title="A")

        # The first has its title already, and so only writes its tags: unless the second comes in between.
        both, other = all_at_once([manage(US, link, title="A", tags=["a"]), manage(US, link, title="B")])

        assert (both.title, both.tags) == ("A", {"a"})
        last = max(both, other, key=lambda told: told.revision)
        assert tables.get(link.short_code).title == last.title


def test_given_a_released_code_when_another_takes_it_then_nobody_late_harms_it(tables, put, manage):
    for _ in range(ROUNDS):
        link = put(a_kind(owner="us"))  # both are made in one second
        other = replace(link, kind=a_kind(owner="them"), custom_code=True)

        def take(other: Link = other) -> Claimed:
            while not isinstance(claimed := tables.store.claim(other, NOW), Claimed):
                pass
            return claimed

        late = [partial(tables.store.release, link), manage(US, link, title="T"), manage(US, link, status=DISABLED)]
        all_at_once([take, partial(tables.store.release, link), *late, manage(US, link)])

        assert tables.get(link.short_code) == other


def test_given_clicks_while_a_link_is_disabled_when_they_race_then_answers_are_true(tables, put, manage):
    link = put()
    clicks = [lambda: [tables.store.count_click(link.short_code, NOW) for _ in range(10)]] * RIVALS

    *clicked, _ = all_at_once([*clicks, manage(OPERATOR, link, status=DISABLED)])

    counted = sum(isinstance(click, Counted) for click in itertools.chain(*clicked))
    assert tables.get(link.short_code) == replace(with_clicks(link, counted), status=DISABLED, revision=2)


def test_given_clicks_and_late_clicks_when_they_race_then_each_is_counted_once(tables, put):
    link = put()
    late = [{uuid.uuid4().hex: NOW for _ in range(10)} for _ in range(RIVALS)]

    def click() -> bool:
        try:
            return isinstance(tables.store.count_click(link.short_code, NOW), Counted)
        except Throttled:  # a transaction was writing the row: nothing was done
            return False

    def add(clicks: dict[str, int]) -> int:
        while True:
            try:
                return int(tables.store.add_clicks(link.short_code, link.created_at, clicks).added)
            except Throttled:  # the messages come again
                continue

    results = all_at_once([click] * 10 * RIVALS + [partial(add, clicks) for clicks in late * 2])

    assert sum(results[10 * RIVALS :]) == 10 * RIVALS
    assert tables.get(link.short_code) == with_clicks(link, sum(results))


def test_given_a_limit_when_processes_count_one_client_then_so_many_requests_pass(tables):
    address, now = f"2001:db8::{next(_NUMBERS) % 2**16:x}:0:0:0:1", NOW + next(_NUMBERS) * 60
    day_key = DayKey(timestamp(now)[:10], b"the key that KMS would give")

    def passes() -> bool:
        service = tables.service
        table = EphemeralTable(service, tables.ephemeral)
        limiter = TableClientLimiter(day_key, table, service.invocation, key_id="key", limit=20)
        permitted = limiter.permits(address, now)
        assert service.invocation.incidents == []
        return permitted

    assert sum(all_at_once([passes] * 60)) == 20
