"""Races in AWS's own engine: whatever the order, the table and every answer agree on who won."""

import time
import uuid
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import chain
from types import SimpleNamespace

import pytest

from squrl import codes
from squrl.domains import DomainLists, DomainPolicy
from squrl.errors import RateLimitExceeded
from squrl.limiter import ClientLimiter
from squrl.links import DISABLED, Kind, Link, timestamp
from squrl.shorten import CreateRequest, shorten
from tests.support.concurrency import all_at_once
from tests.conftest import STATE_TABLE

NOW = 1_800_000_000
ROUNDS = 10
RIVALS = 8


def a_kind(ttl_hours=None):
    return Kind(f"https://example.com/race/{time.time_ns()}", "301", ttl_hours)


@pytest.fixture
def expiring(put_row):
    """Put a link into the table that is live just before NOW and expired at NOW."""

    def put():
        kind = a_kind(24)
        link = Link(f"race-{time.time_ns() % 10**12}", kind, timestamp(NOW - 86_400), NOW)
        put_row(link)
        return link

    return put


def test_given_renewals_and_reclaims_at_the_second_of_expiry_when_they_race_then_only_one_side_wins(
    dynamodb_store, get_row, expiring
):
    for _ in range(ROUNDS):
        link = expiring()
        others = [Link(link.short_code, a_kind(), timestamp(NOW), None) for _ in range(RIVALS)]

        results = all_at_once(
            [partial(dynamodb_store.renew, link.short_code, link.kind, NOW - 1)] * RIVALS
            + [partial(dynamodb_store.claim, other, NOW) for other in others]
        )

        renewals, holders = results[:RIVALS], results[RIVALS:]
        row = get_row(link.short_code)
        if row.kind == link.kind:
            assert row.expires_at == NOW - 1 + 24 * 3600
            assert all(renewed == row for renewed in renewals)
            assert None not in holders
        else:
            assert [other for other, holder in zip(others, holders, strict=True) if holder is None] == [row]
            assert not any(renewed.kind == link.kind and renewed.expires_at > NOW for renewed in renewals)


def test_given_identical_requests_before_and_after_expiry_when_they_race_then_one_row_is_left_and_all_name_it(
    dynamodb_store, count_rows, put_row
):
    for _ in range(ROUNDS):
        kind = a_kind(24)
        put_row(Link(codes.derive(kind, 0), kind, timestamp(NOW - 86_400), NOW, click_count=5))

        results = all_at_once(
            [partial(shorten, CreateRequest(kind, None), dynamodb_store, NOW - 1)] * RIVALS
            + [partial(shorten, CreateRequest(kind, None), dynamodb_store, NOW)] * RIVALS
        )

        assert {link.short_code for link, _ in results} == {codes.derive(kind, 0)}
        assert sum(created for _, created in results) <= 1
        assert count_rows(kind.original_url) == 1


def test_given_identical_requests_whose_codes_others_hold_when_they_race_then_they_meet_at_the_same_probe(
    dynamodb_store, count_rows, put_row
):
    for number in range(ROUNDS):
        kind, prefix = a_kind(), f"p{time.time_ns() % 10**9}-{number}"
        put_row(Link(f"{prefix}-0", a_kind(), timestamp(NOW), None))
        put_row(Link(f"{prefix}-1", a_kind(), timestamp(NOW), None, status=DISABLED))
        put_row(Link(f"{prefix}-2", a_kind(1), timestamp(NOW - 7200), NOW - 3600))

        def derivation(_, probe, prefix=prefix):
            return f"{prefix}-{probe}"

        request = partial(shorten, CreateRequest(kind, None), dynamodb_store, NOW, derivation=derivation)
        results = all_at_once([request] * RIVALS)

        assert {link.short_code for link, _ in results} == {f"{prefix}-2"}
        assert Counter(created for _, created in results) == {True: 1, False: RIVALS - 1}
        assert count_rows(kind.original_url) == 1


def test_given_clicks_while_a_link_is_disabled_when_they_race_then_each_answer_matches_what_was_counted(
    dynamodb_store, dynamodb, get_row, put_row
):
    link = Link(f"race-{time.time_ns() % 10**12}", a_kind(), timestamp(NOW), None)
    put_row(link)

    def disable():
        dynamodb.update_item(
            TableName="squrl-urls-local",
            Key={"short_code": {"S": link.short_code}},
            UpdateExpression="SET #status = :disabled REMOVE expires_at",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":disabled": {"S": DISABLED}},
        )

    clicks = [lambda: [dynamodb_store.count_click(link.short_code, NOW) for _ in range(10)]] * RIVALS
    *clicked, _ = all_at_once([*clicks, disable])

    counted = sum(found.is_live(NOW) for found in chain(*clicked))
    assert get_row(link.short_code) == replace(link, status=DISABLED, click_count=counted)


def test_given_clicks_and_late_clicks_when_they_race_then_each_is_counted_once(dynamodb_store, get_row, put_row):
    link = Link(f"race-{time.time_ns() % 10**12}", a_kind(), timestamp(NOW), None)
    put_row(link)
    late = [{uuid.uuid4().hex: NOW for _ in range(10)} for _ in range(RIVALS)]

    def click():
        try:
            dynamodb_store.count_click(link.short_code, NOW)
        except RateLimitExceeded:  # a transaction was writing the row: nothing was done
            return 0
        return 1

    def count(clicks):
        try:
            return dynamodb_store.add_clicks(link.short_code, link.created_at, clicks)[0]
        except RateLimitExceeded:  # the messages come again
            return count(clicks)

    results = all_at_once([click] * 10 * RIVALS + [partial(count, clicks) for clicks in late * 2])

    assert sum(results[10 * RIVALS :]) == 10 * RIVALS
    assert get_row(link.short_code) == replace(link, click_count=sum(results))


@pytest.fixture
def limiters(dynamodb, monkeypatch):
    """Make a process's limiter each; the key of the day is made here instead of in KMS."""
    monkeypatch.setattr("squrl.limiter.connect", lambda: SimpleNamespace(generate_mac=lambda **_: {"Mac": b"key"}))
    return lambda limit: ClientLimiter(dynamodb, STATE_TABLE, "key", limit)


def test_given_a_limit_when_many_processes_count_one_client_then_exactly_so_many_requests_pass(limiters):
    address, now = f"2001:db8::{time.time_ns() % 2**16:x}:0:0:0:1", NOW + time.time_ns() % 10**6 * 60

    def passes():
        try:
            limiters(20).check(address, now)
        except RateLimitExceeded:
            return False
        return True

    results = all_at_once([passes] * 60)

    assert sum(results) == 20


def test_given_lists_in_the_table_when_a_process_reads_them_then_they_are_what_the_operator_wrote(dynamodb):
    names = {"denied": {"SS": ["evil.example", "xn--bcher-kva.example"]}, "allowed": {"SS": ["example"]}}
    dynamodb.put_item(TableName=STATE_TABLE, Item={"id": {"S": "domains"}} | names)

    found = DomainPolicy(dynamodb, STATE_TABLE).current()
    dynamodb.delete_item(TableName=STATE_TABLE, Key={"id": {"S": "domains"}})

    assert found == DomainLists(frozenset(names["denied"]["SS"]), frozenset(names["allowed"]["SS"]))
    assert DomainPolicy(dynamodb, STATE_TABLE).current() == DomainLists()
