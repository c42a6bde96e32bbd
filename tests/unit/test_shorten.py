"""One code per request, whatever stands in the way."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from squrl import codes
from squrl.destinations import Rules
from squrl.domains import DomainLists
from squrl.errors import ConflictError, Gone, InvalidUrl, RateLimitExceeded
from squrl.links import DISABLED, Kind, Link, timestamp
from squrl.requests import CreateRequest, read
from squrl.shorten import Caller, Ports, Shortened, shorten
from tests.support.fakes import FOREVER, NOW, FakeClientLimiter, FakeDomainPolicy, FakeLinkStore, a_link

HOUR = 3600
ONE_DAY = FOREVER._replace(ttl_hours=24)
OTHER = FOREVER._replace(original_url="https://other.example/")
LIFETIMES = pytest.mark.parametrize("kind", [FOREVER, ONE_DAY], ids=["forever", "one day"])
INDEX = pytest.mark.parametrize("index_is_behind", [False, True])


def probe(kind: Kind, number: int) -> str:
    """Give every kind the same codes, so that all of them collide."""
    return f"probe-{number}"


def disabled(link: Link) -> Link:
    return replace(link, status=DISABLED)


def expired(link: Link) -> Link:
    return replace(link, expires_at=NOW)


def put(link: Link) -> Callable[[FakeLinkStore], object]:
    return lambda store: store.links.update({link.short_code: link})


class InterruptedStore(FakeLinkStore):
    """A store in which something else happens just before one of its methods is called for the n-th time."""

    def __init__(self, *links: Link) -> None:
        super().__init__(*links)
        self.interruptions: dict[tuple[str, int], Callable[[FakeLinkStore], object]] = {}

    def _begin(self, method: str) -> None:
        super()._begin(method)
        self.interruptions.get((method, self.calls.count(method)), lambda _: None)(self)


def ask(
    store: FakeLinkStore, kind: Kind = FOREVER, custom_code: str | None = None, now: int = NOW, **more: Any
) -> Shortened:
    request = read(CreateRequest, kind._asdict() | {"custom_code": custom_code})
    ports = Ports(store, more.pop("domains", FakeDomainPolicy()), more.pop("limiter", FakeClientLimiter()))
    return shorten(request, more.pop("caller", Caller()), now, ports, more.pop("rules", Rules()), **more)


# What is asked before the table


def test_given_a_destination_alone_when_shortened_then_the_rest_has_its_defaults():
    ports = Ports(FakeLinkStore(), FakeDomainPolicy(), FakeClientLimiter())

    link, created = shorten(
        read(CreateRequest, {"original_url": "HTTPS://Example.com:443/"}), Caller(), NOW, ports, Rules()
    )

    assert (link.kind, created) == (FOREVER, True)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ftp://example.com/", {}),
        ("http://10.0.0.1/", {}),
        ("https://go.example.com/", {"rules": Rules(own_hosts=frozenset({"go.example.com"}))}),
        ("https://example.com/", {"domains": FakeDomainPolicy(DomainLists.of(denied=["example.com"]))}),
        ("https://example.com/", {"domains": FakeDomainPolicy(DomainLists.of(allowed=["other.example"]))}),
    ],
    ids=["scheme", "private", "own host", "denied", "not allowed"],
)
def test_given_a_destination_that_is_refused_when_shortened_then_nobody_is_asked(url, options):
    store, limiter = FakeLinkStore(), FakeClientLimiter()

    with pytest.raises(InvalidUrl, match=r"^The URL must "):
        ask(store, Kind(url, "301", None), limiter=limiter, caller=Caller("192.0.2.1"), **options)

    assert (store.calls, limiter.asked) == ([], [])


@pytest.mark.parametrize(("second", "wait"), [(0, 60), (1, 59), (59, 1), (60, 60)])
def test_given_a_caller_beyond_its_limit_when_it_asks_then_it_is_told_to_wait(second, wait):
    store, limiter = FakeLinkStore(), FakeClientLimiter()
    limiter.is_within_limit = False

    with pytest.raises(RateLimitExceeded) as refusal:
        ask(store, caller=Caller("192.0.2.1"), limiter=limiter, now=NOW + second)

    assert refusal.value.retry_after == wait
    assert (store.calls, limiter.asked) == ([], ["192.0.2.1"])


def test_given_a_caller_without_address_when_it_asks_then_it_is_not_limited():
    limiter = FakeClientLimiter()
    limiter.is_within_limit = False

    shortened = ask(FakeLinkStore(), limiter=limiter)

    assert (shortened.created, limiter.asked) == (True, [])


@pytest.mark.parametrize(
    ("caller", "kept"),
    [(Caller("192.0.2.1", keeps_address=True), "192.0.2.1"), (Caller("192.0.2.1"), None), (Caller(), None)],
)
def test_given_the_operators_choice_when_shortened_then_the_address_is_kept_or_not(caller, kept):
    shortened = ask(FakeLinkStore(), caller=caller)

    assert shortened.link.creator_ip == kept


# A request without a custom code


@LIFETIMES
def test_given_no_link_when_shortened_then_a_derived_code_is_claimed(kind):
    store = FakeLinkStore()

    link, created = ask(store, kind)

    assert created
    assert link == Link(codes.derive(kind, 0), kind, timestamp(NOW), kind.expires_at(NOW))
    assert store.links == {link.short_code: link}


@LIFETIMES
@INDEX
@pytest.mark.parametrize("later", [0, HOUR, -HOUR])
def test_given_the_same_request_before_when_shortened_then_its_link_is_kept(kind, index_is_behind, later):
    store = FakeLinkStore()
    first, _ = ask(store, kind)
    store.index_is_behind = index_is_behind

    second, created = ask(store, kind, now=NOW + later)

    assert not created
    assert second == replace(first, expires_at=kind.expires_at(NOW + max(0, later)))  # renewed, never shortened
    assert store.links == {first.short_code: second}


@pytest.mark.parametrize(
    "change",
    [{"redirect_type": "302"}, {"ttl_hours": 24}, {"ttl_hours": 25}, {"original_url": "https://example.com"}],
    ids=str,
)
def test_given_a_link_of_another_kind_when_shortened_then_a_new_one_is_made(change):
    store = FakeLinkStore()
    first, _ = ask(store)

    second, created = ask(store, FOREVER._replace(**change))

    assert created
    assert second.short_code != first.short_code
    assert len(store.links) == 2


def test_given_live_links_of_one_kind_when_shortened_then_the_oldest_is_returned():
    older = a_link("custom", custom_code=True)

    shortened = ask(FakeLinkStore(a_link("derived", created_at=timestamp(NOW - HOUR)), older))

    assert shortened == (older, False)


@pytest.mark.parametrize(
    ("holder", "code"),
    [
        (a_link("probe-0", OTHER), "probe-1"),
        (a_link("probe-0", ONE_DAY), "probe-1"),
        (disabled(a_link("probe-0", OTHER)), "probe-1"),
        (expired(a_link("probe-0", OTHER)), "probe-0"),
        (expired(a_link("probe-0", FOREVER, click_count=7)), "probe-0"),
    ],
    ids=["live", "same destination but another lifetime", "disabled", "expired", "its own, expired"],
)
def test_given_a_link_at_the_first_probe_when_shortened_then_only_expired_ones_go(holder, code):
    store = FakeLinkStore(holder)

    shortened = ask(store, derivation=probe)

    assert shortened == (Link(code, FOREVER, timestamp(NOW), None), True)
    assert store.links["probe-0"] == (shortened.link if code == "probe-0" else holder)


def test_given_its_own_link_behind_anothers_when_the_index_is_late_then_it_is_found():
    store = FakeLinkStore(a_link("probe-0", OTHER), a_link("probe-1"))
    store.index_is_behind = True

    link, created = ask(store, derivation=probe)

    assert (link.short_code, created) == ("probe-1", False)


@pytest.mark.parametrize(
    ("links", "custom_code", "error"),
    [
        ([a_link(f"probe-{number}", OTHER) for number in range(codes.PROBES)], None, ConflictError),
        ([disabled(a_link("probe-0"))], None, Gone),
        ([a_link("my-code", OTHER)], "my-code", ConflictError),
        ([a_link("my-code", ONE_DAY)], "my-code", ConflictError),
        ([disabled(a_link("my-code", OTHER))], "my-code", ConflictError),
        ([disabled(a_link("my-code", custom_code=True))], "my-code", Gone),
    ],
    ids=["all probes", "own, disabled", "another's", "another lifetime", "another's, disabled", "own code, disabled"],
)
def test_given_codes_that_are_taken_when_shortened_then_it_is_refused(links, custom_code, error):
    store = FakeLinkStore(*links)

    with pytest.raises(error):
        ask(store, custom_code=custom_code, derivation=probe)

    assert list(store.links.values()) == links


# What happens between two calls of one request


@LIFETIMES
@pytest.mark.parametrize(
    "fate",
    [
        lambda store: store.links.pop("probe-1"),
        put(a_link("probe-1", OTHER)),
        lambda store: store.links.update({"probe-1": disabled(store.links["probe-1"])}),
        lambda store: store.links.update({"probe-1": expired(store.links["probe-1"])}),
    ],
    ids=["collected", "reclaimed by another", "disabled", "expired"],
)
def test_given_a_link_that_only_the_index_knows_when_shortened_then_it_is_ignored(kind, fate):
    store = InterruptedStore(a_link("probe-1", kind))
    store.interruptions = {("get" if kind is FOREVER else "renew", 1): fate}

    link, created = ask(store, kind, derivation=probe)

    assert (link.short_code, created) == ("probe-0", True)


@pytest.mark.parametrize(
    ("interruptions", "code", "created"),
    [
        ({("renew", 1): lambda store: store.links.pop("probe-0")}, "probe-0", True),
        ({("renew", 1): put(expired(a_link("probe-0", ONE_DAY)))}, "probe-0", True),
        ({("renew", 1): put(a_link("probe-0", OTHER))}, "probe-1", True),
        ({("claim", 1): put(a_link("probe-0", ONE_DAY, created_at=timestamp(NOW - 1)))}, "probe-0", False),
        (
            {
                ("renew", 1): put(a_link("probe-0", OTHER)),
                ("claim", 2): put(a_link("probe-0", ONE_DAY)),
                ("renew", 2): put(a_link("probe-0", OTHER)),
            },
            "probe-1",
            True,
        ),
    ],
    ids=["collected", "expired", "reclaimed by another", "a rival was first", "it changes hands at every call"],
)
def test_given_a_link_that_changes_meanwhile_when_shortened_then_the_table_decides(interruptions, code, created):
    store = InterruptedStore(a_link("probe-0", ONE_DAY))
    store.index_is_behind = True
    store.interruptions = interruptions

    link, was_created = ask(store, ONE_DAY, derivation=probe)

    assert (link.short_code, was_created) == (code, created)


def test_given_a_link_disabled_before_its_renewal_when_shortened_then_it_is_gone():
    store = InterruptedStore(a_link("probe-0", ONE_DAY))
    store.index_is_behind = True
    store.interruptions = {("renew", 1): put(disabled(a_link("probe-0", ONE_DAY)))}

    with pytest.raises(Gone):
        ask(store, ONE_DAY, derivation=probe)


# A request with a custom code


@pytest.mark.parametrize(
    "links",
    [[], [a_link("already")], [expired(a_link("my-code", OTHER, click_count=9))]],
    ids=["new", "has another", "expired"],
)
def test_given_a_free_custom_code_when_asked_for_then_it_is_claimed(links):
    store = FakeLinkStore(*links)

    shortened = ask(store, custom_code="my-code")

    assert shortened == (Link("my-code", FOREVER, timestamp(NOW), None, custom_code=True), True)
    assert store.links["my-code"] == shortened.link
    assert store.calls == ["claim"]


@LIFETIMES
def test_given_a_custom_code_of_the_same_request_when_asked_for_then_it_is_renewed(kind):
    store = FakeLinkStore(a_link("my-code", kind, custom_code=True, click_count=3))

    shortened = ask(store, kind, "my-code")

    assert shortened == (
        a_link("my-code", kind, custom_code=True, click_count=3, expires_at=kind.expires_at(NOW)),
        False,
    )


@pytest.mark.parametrize("failing", ["find_live", "claim"])
def test_given_a_store_that_fails_when_shortened_then_its_failure_goes_up(failing):
    store = FakeLinkStore()
    store.failures = {failing: KeyError()}

    with pytest.raises(KeyError):
        ask(store)
