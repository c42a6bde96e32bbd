"""The second in which a link expires, in AWS's own engine: its code is its own request's, and nobody else's."""

import time
from functools import partial
from typing import Any

import pytest

from squrl import codes, manage
from squrl.destinations import Rules
from squrl.errors import ConflictError
from squrl.keys import Identity, Role
from squrl.links import Kind, Link, timestamp
from squrl.ports import Counted
from squrl.requests import ChangeRequest, CreateRequest, read
from squrl.shorten import Caller, Ports, Shortened, shorten
from tests.support.concurrency import all_at_once
from tests.support.fakes import FakeDomainPolicy, FakeSecretStore

EXPIRY = 1_800_000_000
ROUNDS = 10
RIVALS = 4
CLOCKS = pytest.mark.parametrize("now", [EXPIRY, EXPIRY + 1], ids=["at its second", "a second later"])


def a_kind(ttl_hours: int, owner: str | None = None) -> Kind:
    return Kind(f"https://example.com/{time.time_ns()}", "301", ttl_hours, owner)


def codes_of(kind: Kind) -> list[str]:
    """Return the first two codes of a kind."""
    return [codes.derive(kind, probe, FakeSecretStore().secret()) for probe in range(2)]


@pytest.fixture
def ask(tables):
    """Return a request, to be sent by a process of its own: it ends with a link, or with the error it is told."""

    def ask(kind: Kind, now: int, custom_code: str | None = None) -> Any:
        ports = Ports(tables.store, FakeSecretStore(), FakeDomainPolicy())
        wish: dict[str, Any] = {
            "original_url": kind.original_url,
            "redirect_type": kind.redirect_type,
            "ttl_hours": kind.ttl_hours,
        }
        request = CreateRequest(custom_code=custom_code, **wish)
        caller = Caller(Identity(Role.WRITE, kind.owner) if kind.owner else None)

        def send() -> Shortened | ConflictError:
            try:
                return shorten(request, caller, now, ports, Rules())
            except ConflictError as error:
                return error

        return send

    return ask


@pytest.fixture
def expiring(tables):
    """Put a link into the table whose code somebody chose, and which another kind's request would get first."""

    def put() -> tuple[Link, Kind]:
        kind, other = a_kind(24), a_kind(48)
        link = Link(codes_of(other)[0], kind, timestamp(EXPIRY - 86_400), EXPIRY, custom_code=True, click_count=5)
        tables.put(link)
        return link, other

    return put


@CLOCKS
def test_given_an_expired_link_when_all_ask_then_its_own_request_alone_gets_its_code(tables, ask, expiring, now):
    for _ in range(ROUNDS):
        link, other = expiring()

        results = all_at_once(
            [ask(link.kind, now, link.short_code) for _ in range(RIVALS)]
            + [ask(other, now, link.short_code) for _ in range(RIVALS)]
            + [ask(other, now) for _ in range(RIVALS)]
        )

        own, choosing, plain = results[:RIVALS], results[RIVALS : 2 * RIVALS], results[2 * RIVALS :]
        new = Link(link.short_code, link.kind, timestamp(now), now + 86_400, custom_code=True)
        assert tables.get(link.short_code) == new
        assert {shortened.link for shortened in own} == {new}
        assert [shortened.created for shortened in own].count(True) == 1
        assert {error.status for error in choosing} == {409}
        assert {shortened.link for shortened in plain} == {
            Link(codes_of(other)[1], other, timestamp(now), now + 2 * 86_400)
        }
        assert [shortened.created for shortened in plain].count(True) == 1


@CLOCKS
def test_given_an_expired_link_when_others_ask_then_it_stays_until_it_is_collected(tables, ask, expiring, now):
    link, other = expiring()
    choosing = partial(ask, other, custom_code=link.short_code)

    before = [request() for request in (choosing(now), choosing(now + 86_400), ask(other, now))]

    assert [isinstance(result, ConflictError) for result in before] == [True, True, False]
    assert tables.get(link.short_code) == link

    tables.delete(link)
    after = choosing(now + 86_400)()

    assert after.created
    assert tables.get(link.short_code) == after.link


def test_given_clocks_on_both_sides_of_expiry_when_all_ask_then_one_row_is_left(tables, ask, expiring):
    for _ in range(ROUNDS):
        link, other = expiring()
        clocks = [EXPIRY - 1, EXPIRY] * RIVALS

        results = all_at_once(
            [ask(link.kind, now, link.short_code) for now in clocks]
            + [ask(other, now, link.short_code) for now in clocks]
        )

        own, others = results[: len(clocks)], results[len(clocks) :]
        row = tables.get(link.short_code)
        assert (row.kind, row.expires_at) == (link.kind, EXPIRY + 86_400)
        assert {shortened.link.short_code for shortened in own} == {link.short_code}
        assert [shortened.created for shortened in own].count(True) == (row.created_at != link.created_at)
        assert {error.status for error in others} == {409}


@pytest.mark.parametrize("now", [EXPIRY, EXPIRY + 399 * 86_400], ids=["at its second", "399 days later"])
def test_given_an_owners_expired_link_when_all_choose_its_code_then_its_owner_wins(tables, ask, now):
    for _ in range(ROUNDS):
        kind, another = a_kind(24, "us"), a_kind(48, "us")
        link = Link(codes_of(kind)[0], kind, timestamp(EXPIRY - 86_400), EXPIRY, custom_code=True, click_count=5)
        tables.put(link)
        code = link.short_code

        results = all_at_once(
            [ask(another, now, code) for _ in range(RIVALS)]
            + [ask(a_kind(48, owner), now, code) for owner in ("them", None) for _ in range(RIVALS)]
        )

        own, others = results[:RIVALS], results[RIVALS:]
        assert tables.get(code) == Link(code, another, timestamp(now), now + 2 * 86_400, custom_code=True)
        assert {shortened.link for shortened in own} == {tables.get(code)}
        assert [shortened.created for shortened in own].count(True) == 1
        assert {error.status for error in others} == {409}


def test_given_a_longer_lifetime_and_clicks_at_expiry_when_racing_then_it_goes_on(tables, ask):
    for _ in range(ROUNDS):
        kind = a_kind(24, "us")
        link = Link(codes_of(kind)[0], kind, timestamp(EXPIRY - 86_400), EXPIRY)
        tables.put(link)
        ports = manage.Ports(tables.store, FakeDomainPolicy())
        longer = partial(
            manage.change,
            link.short_code,
            read(ChangeRequest, {"ttl_hours": 48}),
            Identity(Role.WRITE, "us"),
            EXPIRY,
            ports,
            Rules(),
        )

        *results, changed = all_at_once(
            [partial(tables.store.count_click, link.short_code, EXPIRY) for _ in range(2 * RIVALS)]
            + [ask(kind, EXPIRY - 1) for _ in range(RIVALS)]
            + [longer]
        )

        row = tables.get(link.short_code)
        assert row.click_count == sum(isinstance(result, Counted) for result in results)
        assert (row.kind.ttl_hours, row.expires_at) == (48, EXPIRY + 2 * 86_400)
        assert changed.after.expires_at == row.expires_at
        assert tables.item(link.short_code)["collect_at"] == {"N": str(row.expires_at + 400 * 86_400)}
