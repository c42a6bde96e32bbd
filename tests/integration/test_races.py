"""Races in AWS's own engine: whatever the order, the table and every answer agree on who won."""

import itertools
import time
import uuid
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from squrl import codes
from squrl.aws.client_limiter import DayKey, TableClientLimiter
from squrl.aws.durable_table import DurableTable
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.destinations import Rules
from squrl.domains import DomainLists
from squrl.links import DISABLED, Kind, Link, timestamp
from squrl.ports import Claimed, Counted, Throttled
from squrl.requests import CreateRequest
from squrl.shorten import Caller, Ports, shorten
from tests.support.concurrency import all_at_once
from tests.support.fakes import FakeClientLimiter, FakeDomainPolicy

NOW = 1_800_000_000
ROUNDS = 10
RIVALS = 8
_NUMBERS = itertools.count(time.time_ns() % 10**9)


def a_kind(ttl_hours: int | None = None) -> Kind:
    return Kind(f"https://example.com/race/{next(_NUMBERS)}", "301", ttl_hours)


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

    def ask(kind: Kind, now: int = NOW, **options: Any) -> Any:
        wish = CreateRequest(original_url=kind.original_url, ttl_hours=kind.ttl_hours)
        ports = Ports(tables.store, FakeDomainPolicy(), FakeClientLimiter())
        return partial(shorten, wish, Caller(), now, ports, Rules(), **options)

    return ask


def test_given_renewals_and_claims_at_expiry_when_they_race_then_one_side_wins(tables, put):
    for _ in range(ROUNDS):
        link = put(a_kind(24), expires_at=NOW)
        others = [Link(link.short_code, a_kind(), timestamp(NOW), None) for _ in range(RIVALS)]

        results = all_at_once(
            [partial(tables.store.renew, link.short_code, link.kind, NOW - 1)] * RIVALS
            + [partial(tables.store.claim, other, NOW) for other in others]
        )

        renewals, claims = results[:RIVALS], results[RIVALS:]
        row = tables.get(link.short_code)
        if row.kind == link.kind:
            assert row.expires_at == NOW - 1 + 24 * 3600
            assert all(renewed == row for renewed in renewals)
            assert Claimed not in map(type, claims)
        else:
            assert [claim.link for claim in claims if isinstance(claim, Claimed)] == [row]
            assert not any(renewed.kind == link.kind and renewed.expires_at > NOW for renewed in renewals)


def test_given_requests_around_expiry_when_they_race_then_all_get_the_one_link(tables, put, request_for):
    for _ in range(ROUNDS):
        kind = a_kind(24)
        link = put(kind, short_code=codes.derive(kind, 0), expires_at=NOW, click_count=5)

        results = all_at_once([request_for(kind, NOW - 1)] * RIVALS + [request_for(kind, NOW)] * RIVALS)

        assert {link.short_code for link, _ in results} == {link.short_code}
        assert sum(created for _, created in results) <= 1
        assert tables.count(kind.original_url) == 1


def test_given_codes_that_others_hold_when_requests_race_then_they_meet_at_one(tables, put, request_for):
    for _ in range(ROUNDS):
        kind, prefix = a_kind(), f"probe-{next(_NUMBERS)}"
        put(short_code=f"{prefix}-0")
        put(short_code=f"{prefix}-1", status=DISABLED)
        put(a_kind(1), short_code=f"{prefix}-2", expires_at=NOW - 3600)

        request = request_for(kind, derivation=lambda _, probe, prefix=prefix: f"{prefix}-{probe}")
        results = all_at_once([request] * RIVALS)

        assert {link.short_code for link, _ in results} == {f"{prefix}-2"}
        assert Counter(created for _, created in results) == {True: 1, False: RIVALS - 1}
        assert tables.count(kind.original_url) == 1


def test_given_clicks_while_a_link_is_disabled_when_they_race_then_answers_are_true(tables, put):
    link = put()
    clicks = [lambda: [tables.store.count_click(link.short_code, NOW) for _ in range(10)]] * RIVALS

    *clicked, _ = all_at_once([*clicks, partial(tables.store.disable, link.short_code)])

    counted = sum(isinstance(click, Counted) for click in itertools.chain(*clicked))
    assert tables.get(link.short_code) == replace(link, status=DISABLED, click_count=counted)


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
                return tables.store.add_clicks(link.short_code, link.created_at, clicks).added
            except Throttled:  # the messages come again
                continue

    results = all_at_once([click] * 10 * RIVALS + [partial(add, clicks) for clicks in late * 2])

    assert sum(results[10 * RIVALS :]) == 10 * RIVALS
    assert tables.get(link.short_code) == replace(link, click_count=sum(results))


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


def test_given_lists_in_the_table_when_read_then_they_are_what_the_operator_wrote(tables):
    table = DurableTable(tables.service, tables.durable)
    lists = DomainLists.of(denied=["evil.example", "Bücher.example"], allowed=["example"])

    tables.set_domain_lists(lists)
    found = table.read_domain_lists()
    tables.set_domain_lists(DomainLists())

    assert found == lists
    assert table.read_domain_lists() == DomainLists()
