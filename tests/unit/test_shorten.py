"""One code per request, whatever stands in the way."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from squrl import codes
from squrl.destinations import Rules
from squrl.domains import DomainLists
from squrl.errors import ConflictError, Gone, InvalidUrl, RateLimitExceeded
from squrl.keys import Identity, Role
from squrl.links import DISABLED, Kind, Link, timestamp
from squrl.ports import Throttled, Unavailable
from squrl.requests import CreateRequest, read
from squrl.shorten import Caller, Ports, Shortened, admit, shorten
from tests.support.fakes import (
    FOREVER,
    NOW,
    FakeClientLimiter,
    FakeDomainPolicy,
    FakeLinkStore,
    FakeSecretStore,
    a_link,
)

HOUR = 3600
ONE_DAY = FOREVER._replace(ttl_hours=24)
OTHER = FOREVER._replace(original_url="https://other.example/")
LIFETIMES = pytest.mark.parametrize("kind", [FOREVER, ONE_DAY], ids=["forever", "one day"])


def derived(kind: Kind) -> list[str]:
    return [codes.derive(kind, probe, FakeSecretStore().secret()) for probe in range(codes.PROBES)]


CODES, DAY_CODES = derived(FOREVER), derived(ONE_DAY)


def disabled(link: Link) -> Link:
    return replace(link, status=DISABLED)


def expired(link: Link) -> Link:
    return replace(link, expires_at=NOW)


def put(link: Link) -> Callable[[FakeLinkStore], object]:
    return lambda store: store.links.update({link.short_code: link})


def collect(code: str) -> Callable[[FakeLinkStore], object]:
    return lambda store: store.links.pop(code)


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
    own = {"custom_code": custom_code, "max_clicks": more.pop("max_clicks", None)}
    request = read(CreateRequest, kind._asdict() | own)
    ports = Ports(store, more.pop("secrets", FakeSecretStore()), more.pop("domains", FakeDomainPolicy()))
    return shorten(request, more.pop("caller", Caller()), now, ports, more.pop("rules", Rules()), **more)


# What is asked before the table


@pytest.mark.parametrize(("second", "wait"), [(0, 60), (1, 59), (59, 1), (60, 60)])
def test_given_a_caller_beyond_its_limit_when_it_asks_then_it_is_told_to_wait(second, wait):
    limiter = FakeClientLimiter()
    limiter.is_within_limit = False

    with pytest.raises(RateLimitExceeded) as refusal:
        admit(Caller(address="192.0.2.1"), limiter, NOW + second)

    assert (refusal.value.retry_after, limiter.asked) == (wait, ["192.0.2.1"])


@pytest.mark.parametrize(
    ("caller", "is_within", "asked"), [(Caller(address="192.0.2.1"), True, 1), (Caller(), False, 0)]
)
def test_given_a_caller_within_its_limit_or_trusted_when_it_asks_then_it_may(caller, is_within, asked):
    limiter = FakeClientLimiter()
    limiter.is_within_limit = is_within

    admit(caller, limiter, NOW)

    assert len(limiter.asked) == asked


def test_given_a_destination_alone_when_shortened_then_the_rest_has_its_defaults():
    ports = Ports(FakeLinkStore(), FakeSecretStore(), FakeDomainPolicy())

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
    store = FakeLinkStore()

    with pytest.raises(InvalidUrl, match=r"^The URL must "):
        ask(store, Kind(url, "301", None), secrets=None, **options)

    assert store.calls == []


@pytest.mark.parametrize(
    ("caller", "kept"),
    [
        (Caller(address="192.0.2.1", keeps_address=True), "192.0.2.1"),
        (Caller(address="192.0.2.1"), None),
        (Caller(keeps_address=True), None),
    ],
)
def test_given_the_operators_choice_when_shortened_then_the_address_is_kept_or_not(caller, kept):
    shortened = ask(FakeLinkStore(), caller=caller)

    assert shortened.link.creator_ip == kept


# A request without a custom code


@LIFETIMES
def test_given_no_link_when_shortened_then_its_code_is_claimed_in_one_round_trip(kind):
    store = FakeLinkStore()

    link, created = ask(store, kind)

    assert created
    assert link == Link(derived(kind)[0], kind, timestamp(NOW), kind.expires_at(NOW))
    assert store.links == {link.short_code: link}
    assert store.calls == ["claim"]


@LIFETIMES
@pytest.mark.parametrize("later", [0, HOUR, -HOUR])
def test_given_the_same_request_before_when_shortened_then_its_link_is_kept(kind, later):
    store = FakeLinkStore()
    first, _ = ask(store, kind)
    store.calls.clear()

    second, created = ask(store, kind, now=NOW + later)

    assert not created
    expires_at = kind.expires_at(NOW + max(0, later))  # renewed, never shortened
    assert second == replace(first, expires_at=expires_at, revision=1 if expires_at == first.expires_at else 2)
    assert store.links == {first.short_code: second}
    assert store.calls == (["claim"] if kind is FOREVER else ["claim", "renew"])


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_type": "302"},
        {"ttl_hours": 24},
        {"ttl_hours": 25},
        {"original_url": "https://example.com"},
        {"forward_query": True},
    ],
    ids=str,
)
def test_given_a_link_of_another_kind_when_shortened_then_a_new_one_is_made(change):
    store = FakeLinkStore()
    first, _ = ask(store)

    second, created = ask(store, FOREVER._replace(**change))

    assert created
    assert second.short_code != first.short_code
    assert len(store.links) == 2


@pytest.mark.parametrize(
    "custom",
    [a_link("custom", custom_code=True), a_link(CODES[0], custom_code=True)],
    ids=["anywhere", "where its own would be"],
)
def test_given_a_code_that_a_stranger_chose_when_shortened_then_it_is_not_returned(custom):
    store = FakeLinkStore(custom)

    link, created = ask(store)

    assert (created, link.custom_code) == (True, False)
    assert link.short_code in CODES[:2]
    assert store.links[custom.short_code] == custom


@pytest.mark.parametrize(
    ("holder", "kind", "place"),
    [
        (a_link(CODES[0], OTHER), FOREVER, 1),
        (a_link(DAY_CODES[0], FOREVER), ONE_DAY, 1),
        (disabled(a_link(CODES[0], OTHER)), FOREVER, 1),
        (disabled(a_link(CODES[0], custom_code=True)), FOREVER, 1),
        (expired(a_link(CODES[0], OTHER)), FOREVER, 1),
        (expired(a_link(DAY_CODES[0], OTHER._replace(ttl_hours=24))), ONE_DAY, 1),
        (expired(a_link(DAY_CODES[0], ONE_DAY, click_count=7)), ONE_DAY, 0),
    ],
    ids=["live", "same destination", "disabled", "a stranger's, disabled", "expired", "alike, expired", "its own"],
)
def test_given_a_link_at_the_first_probe_when_shortened_then_only_its_own_goes(holder, kind, place):
    store = FakeLinkStore(holder)

    link, created = ask(store, kind)

    assert (link, created) == (Link(derived(kind)[place], kind, timestamp(NOW), kind.expires_at(NOW)), True)
    assert store.links[holder.short_code] == (holder if place else link)


def test_given_its_own_link_behind_anothers_when_shortened_then_it_is_found():
    store = FakeLinkStore(a_link(CODES[0], OTHER), a_link(CODES[1]))

    link, created = ask(store)

    assert (link.short_code, created) == (CODES[1], False)


def test_given_probes_that_are_all_taken_when_shortened_then_a_random_code_is_given():
    taken = [a_link(code, OTHER) for code in CODES]
    store = FakeLinkStore(*taken)

    links = [ask(store).link for _ in range(2)]

    assert len({link.short_code for link in links} - set(CODES)) == 2  # "exactly one" doesn't cover this
    assert list(store.links.values()) == [*taken, *links]


def test_given_random_codes_that_are_taken_too_when_shortened_then_it_may_try_again(monkeypatch):
    store = FakeLinkStore(*(a_link(code, OTHER) for code in (*CODES, "drawn00")))
    monkeypatch.setattr(codes, "draw", lambda: "drawn00")

    with pytest.raises(Unavailable):
        ask(store)

    assert len(store.calls) == codes.PROBES + codes.DRAWS


@pytest.mark.parametrize(
    ("link", "custom_code", "error"),
    [
        (disabled(a_link(CODES[0])), None, Gone),
        (a_link("my-code", OTHER), "my-code", ConflictError),
        (a_link("my-code", ONE_DAY), "my-code", ConflictError),
        (disabled(a_link("my-code", OTHER)), "my-code", ConflictError),
        (expired(a_link("my-code", OTHER)), "my-code", ConflictError),
        (disabled(a_link("my-code", custom_code=True)), "my-code", Gone),
    ],
    ids=["own, disabled", "another's", "another lifetime", "its disabled", "its expired", "own code, disabled"],
)
def test_given_a_code_that_is_taken_when_shortened_then_it_is_refused(link, custom_code, error):
    store = FakeLinkStore(link)

    with pytest.raises(error):
        ask(store, custom_code=custom_code)

    assert list(store.links.values()) == [link]


# What happens between two calls of one request


@pytest.mark.parametrize(
    ("interruptions", "place", "created"),
    [
        ({("renew", 1): collect(DAY_CODES[0])}, 0, True),
        ({("renew", 1): put(expired(a_link(DAY_CODES[0], ONE_DAY)))}, 0, True),
        ({("renew", 1): put(a_link(DAY_CODES[0], OTHER))}, 1, True),
        ({("claim", 1): put(a_link(DAY_CODES[0], ONE_DAY, created_at=timestamp(NOW - 1)))}, 0, False),
        (
            {
                ("renew", 1): collect(DAY_CODES[0]),
                ("claim", 2): put(a_link(DAY_CODES[0], ONE_DAY)),
                ("renew", 2): put(a_link(DAY_CODES[0], OTHER)),
            },
            1,
            True,
        ),
    ],
    ids=["collected", "expired", "reclaimed by another", "a rival was first", "it changes hands at every call"],
)
def test_given_a_link_that_changes_meanwhile_when_shortened_then_the_table_decides(interruptions, place, created):
    store = InterruptedStore(a_link(DAY_CODES[0], ONE_DAY))
    store.interruptions = interruptions

    link, was_created = ask(store, ONE_DAY)

    assert (link.short_code, was_created) == (DAY_CODES[place], created)


def test_given_a_link_disabled_before_its_renewal_when_shortened_then_it_is_gone():
    link = a_link(DAY_CODES[0], ONE_DAY)
    store = InterruptedStore(link)
    store.interruptions = {("renew", 1): put(disabled(link))}

    with pytest.raises(Gone):
        ask(store, ONE_DAY)

    assert list(store.links.values()) == [disabled(link)]


# A request with a custom code


@pytest.mark.parametrize(
    ("kind", "links"),
    [(FOREVER, []), (FOREVER, [a_link(CODES[0])]), (ONE_DAY, [expired(a_link("my-code", ONE_DAY, click_count=9))])],
    ids=["new", "has another", "expired"],
)
def test_given_a_free_custom_code_when_asked_for_then_it_is_claimed(kind, links):
    store = FakeLinkStore(*links)

    shortened = ask(store, kind, "my-code", secrets=None)

    assert shortened == (Link("my-code", kind, timestamp(NOW), kind.expires_at(NOW), custom_code=True), True)
    assert store.links["my-code"] == shortened.link
    assert store.calls == ["claim"]


@LIFETIMES
def test_given_a_custom_code_of_the_same_request_when_asked_for_then_it_is_renewed(kind):
    store = FakeLinkStore(a_link("my-code", kind, custom_code=True, click_count=3))

    shortened = ask(store, kind, "my-code", secrets=None)

    renewed = {} if kind is FOREVER else {"expires_at": kind.expires_at(NOW), "revision": 2}
    assert shortened == (a_link("my-code", kind, custom_code=True, click_count=3, **renewed), False)


@pytest.mark.parametrize("failing", ["claim", "renew"])
@pytest.mark.parametrize("failure", [Throttled(), Unavailable(), KeyError()], ids=repr)
def test_given_a_store_that_fails_when_shortened_then_its_failure_goes_up(failing, failure):
    store = FakeLinkStore(a_link(DAY_CODES[0], ONE_DAY))
    store.failures = {failing: failure}

    with pytest.raises(type(failure)):
        ask(store, ONE_DAY)


# A request with a limit of clicks


ADMIN = Caller(Identity(Role.ADMIN, "us"))
OWNED = ONE_DAY._replace(owner="us")


@pytest.mark.parametrize("caller", [Caller(), ADMIN], ids=["anonymous", "with a key"])
def test_given_a_limit_when_the_same_is_asked_twice_then_each_is_a_link_of_its_own(caller):
    store = FakeLinkStore()
    kind = FOREVER._replace(owner=caller.identity and caller.identity.owner)

    made = [ask(store, kind, max_clicks=5, caller=caller) for _ in range(2)]

    links = [link for link, _ in made]
    assert [created for _, created in made] == [True, True]
    assert list(store.links.values()) == links
    assert [(link.max_clicks, link.click_limit, link.custom_code) for link in links] == [(5, 5, False)] * 2
    assert len({link.short_code for link in links} - set(derived(kind))) == 2
    assert store.calls == ["claim"] * 2


@pytest.mark.parametrize("kind", [FOREVER, ONE_DAY, OWNED], ids=["forever", "one day", "an owner's"])
@pytest.mark.parametrize("limited", ["first", "second", "both"])
def test_given_a_limit_when_a_custom_code_is_taken_then_it_is_a_conflict(kind, limited):
    first, second = (5 if limited in {each, "both"} else None for each in ("first", "second"))
    store = FakeLinkStore(a_link("my-code", kind, custom_code=True, max_clicks=first, click_limit=first))
    before = dict(store.links)

    with pytest.raises(ConflictError):
        ask(store, kind, "my-code", max_clicks=second, caller=ADMIN if kind.owner else Caller())

    assert store.links == before


def test_given_a_limit_when_a_free_custom_code_is_asked_for_then_it_is_claimed():
    store = FakeLinkStore()

    link, created = ask(store, custom_code="my-code", max_clicks=5)

    assert (created, link.short_code, link.max_clicks, link.click_limit) == (True, "my-code", 5, 5)


@pytest.mark.parametrize(
    ("kind", "is_free"), [(ONE_DAY, False), (OWNED, True)], ids=["an anonymous link's", "the owner's"]
)
def test_given_an_expired_link_with_a_limit_when_its_code_is_asked_for_then_an_owner_gets_it(kind, is_free):
    store = FakeLinkStore(expired(a_link("my-code", kind, custom_code=True, max_clicks=5, click_limit=5)))
    caller = ADMIN if kind.owner else Caller()

    if is_free:
        assert ask(store, kind, "my-code", caller=caller).created
    else:
        with pytest.raises(ConflictError):
            ask(store, kind, "my-code", caller=caller)


@pytest.mark.parametrize("place", ["anywhere", "where its own would be"])
@pytest.mark.parametrize("kind", [FOREVER, ONE_DAY, OWNED], ids=["forever", "one day", "an owner's"])
def test_given_a_link_with_a_limit_when_the_same_is_asked_without_then_it_is_not_shared(kind, place):
    code = "limited" if place == "anywhere" else derived(kind)[0]
    limited = a_link(code, kind, max_clicks=5, click_limit=5)
    store = FakeLinkStore(limited)

    link, created = ask(store, kind, caller=ADMIN if kind.owner else Caller())

    assert (created, link.max_clicks, link.short_code) == (True, None, derived(kind)[code in derived(kind)])
    assert store.links[code] == limited


def test_given_a_limit_that_comes_meanwhile_when_found_by_the_index_then_it_is_not_shared():
    found = a_link("found", OWNED)
    store = InterruptedStore(found)
    store.interruptions = {("renew", 1): put(replace(found, max_clicks=5, click_limit=5))}

    link, created = ask(store, OWNED, caller=ADMIN)

    assert (created, link.max_clicks) == (True, None)


def test_given_random_codes_that_are_all_taken_when_limited_then_it_may_try_again(monkeypatch):
    store = FakeLinkStore(a_link("drawn00", OTHER))
    monkeypatch.setattr(codes, "draw", lambda: "drawn00")

    with pytest.raises(Unavailable):
        ask(store, max_clicks=1)

    assert store.calls == ["claim"] * codes.DRAWS
