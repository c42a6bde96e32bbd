"""One code per request, whatever stands in the way; the table is the in-memory fake."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from squrl import codes, telemetry
from squrl.errors import ConflictError, Gone, InvalidUrl, ValidationError
from squrl.links import DISABLED, Kind, Link, timestamp
from squrl.shorten import CreateRequest, shorten
from squrl.store import UrlStore
from tests.support.fakes import FakeLinkStore

NOW = 1_800_000_000
HOUR = 3600
URL = "https://example.com/very/long/url"
FOREVER = Kind(URL, "301", None)
ONE_DAY = Kind(URL, "301", 24)
OTHER = Kind("https://other.example/", "301", None)


def derivation(kind: Kind, probe: int) -> str:
    """Give every kind the same codes, so that all of them collide."""
    return f"probe-{probe}"


def a_link(short_code: str, kind: Kind, **changes: Any) -> Link:
    link = Link(short_code, kind, timestamp(NOW - 10 * HOUR), kind.expires_at(NOW - 10 * HOUR))
    return replace(link, **changes)


def disabled(link: Link) -> Link:
    return replace(link, status=DISABLED, expires_at=None)


def expired(link: Link) -> Link:
    return replace(link, expires_at=NOW)


def a_store(*links: Link) -> FakeLinkStore:
    store = FakeLinkStore()
    store.links = {link.short_code: link for link in links}
    return store


class Interrupted:
    """A store in which something else happens just before one of its methods is called for the n-th time."""

    def __init__(self, store: UrlStore, method: str, interruption: Callable[[], None], call: int = 1) -> None:
        self._store, self._method, self._interruption, self._call = store, method, interruption, call

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._call -= 1
            if self._call == 0:
                self._interruption()
        return getattr(self._store, name)


# A request without a custom code


@pytest.mark.parametrize("kind", [FOREVER, ONE_DAY], ids=["forever", "one day"])
def test_given_no_link_when_shortened_then_a_derived_code_is_claimed(kind):
    store = a_store()

    link, created = shorten(CreateRequest(kind, None), store, NOW, creator_ip="192.0.2.1")

    assert created
    assert link == Link(codes.derive(kind, 0), kind, timestamp(NOW), kind.expires_at(NOW), creator_ip="192.0.2.1")
    assert store.links == {link.short_code: link}


@pytest.mark.parametrize("index_is_behind", [False, True])
@pytest.mark.parametrize("kind", [FOREVER, ONE_DAY], ids=["forever", "one day"])
def test_given_the_same_request_before_when_shortened_then_its_link_is_returned(kind, index_is_behind):
    store = a_store()
    first, _ = shorten(CreateRequest(kind, None), store, NOW)
    store.index_is_behind = index_is_behind

    second, created = shorten(CreateRequest(kind, None), store, NOW)

    assert not created
    assert second == first
    assert len(store.links) == 1


@pytest.mark.parametrize("index_is_behind", [False, True])
def test_given_a_link_with_a_lifetime_when_asked_for_again_later_then_it_is_renewed(index_is_behind):
    store = a_store()
    first, _ = shorten(CreateRequest(ONE_DAY, None), store, NOW)
    store.index_is_behind = index_is_behind

    second, created = shorten(CreateRequest(ONE_DAY, None), store, NOW + HOUR)

    assert not created
    assert second == replace(first, expires_at=NOW + 25 * HOUR)
    assert store.links[first.short_code] == second


@pytest.mark.parametrize("index_is_behind", [False, True])
def test_given_a_link_that_lasts_longer_when_asked_for_by_a_slow_clock_then_it_is_not_shortened(index_is_behind):
    store = a_store()
    first, _ = shorten(CreateRequest(ONE_DAY, None), store, NOW)
    store.index_is_behind = index_is_behind

    second, created = shorten(CreateRequest(ONE_DAY, None), store, NOW - HOUR)

    assert not created
    assert second == first


@pytest.mark.parametrize(
    "other",
    [Kind(URL, "302", None), Kind(URL, "301", 24), Kind(URL, "301", 25), Kind(URL + "/", "301", None)],
    ids=["redirect type", "with a lifetime", "another lifetime", "destination"],
)
def test_given_a_link_of_another_kind_when_shortened_then_a_new_one_is_made(other):
    store = a_store()
    first, _ = shorten(CreateRequest(FOREVER, None), store, NOW)

    second, created = shorten(CreateRequest(other, None), store, NOW)

    assert created
    assert second.short_code != first.short_code
    assert len(store.links) == 2


def test_given_live_links_of_the_same_kind_when_shortened_then_the_oldest_is_returned_a_custom_one_included():
    older = a_link("custom", FOREVER, custom_code=True)
    newer = a_link("derived", FOREVER, created_at=timestamp(NOW - HOUR))
    store = a_store(newer, older)

    link, created = shorten(CreateRequest(FOREVER, None), store, NOW)

    assert (link, created) == (older, False)


def test_given_an_expired_link_of_its_own_when_shortened_then_its_code_is_claimed_anew():
    store = a_store(expired(a_link("probe-0", ONE_DAY, click_count=7)))

    link, created = shorten(CreateRequest(ONE_DAY, None), store, NOW, derivation=derivation)

    assert created
    assert link == Link("probe-0", ONE_DAY, timestamp(NOW), NOW + 24 * HOUR)


def test_given_its_own_link_disabled_when_shortened_then_it_is_gone():
    taken_down = disabled(a_link("probe-0", FOREVER))
    store = a_store(taken_down)

    with pytest.raises(Gone):
        shorten(CreateRequest(FOREVER, None), store, NOW, derivation=derivation)

    assert store.links == {"probe-0": taken_down}


@pytest.mark.parametrize(
    ("holder", "code"),
    [
        (a_link("probe-0", OTHER), "probe-1"),
        (a_link("probe-0", ONE_DAY), "probe-1"),
        (disabled(a_link("probe-0", OTHER)), "probe-1"),
        (expired(a_link("probe-0", OTHER)), "probe-0"),
    ],
    ids=["live", "same destination but another lifetime", "disabled", "expired"],
)
def test_given_anothers_link_at_the_first_probe_when_shortened_then_only_an_expired_one_gives_way(holder, code):
    store = a_store(holder)

    link, created = shorten(CreateRequest(FOREVER, None), store, NOW, derivation=derivation)

    assert (link.short_code, created) == (code, True)
    assert store.links["probe-0"] == (link if code == "probe-0" else holder)


def test_given_its_own_link_behind_anothers_when_shortened_with_a_late_index_then_it_is_found_by_the_same_probes():
    store = a_store(a_link("probe-0", OTHER), a_link("probe-1", FOREVER))
    store.index_is_behind = True

    link, created = shorten(CreateRequest(FOREVER, None), store, NOW, derivation=derivation)

    assert (link.short_code, created) == ("probe-1", False)


def test_given_others_links_at_all_probes_when_shortened_then_it_is_a_conflict_and_nothing_is_written():
    links = [a_link(f"probe-{probe}", OTHER) for probe in range(codes.PROBES)]
    store = a_store(*links)

    with pytest.raises(ConflictError):
        shorten(CreateRequest(FOREVER, None), store, NOW, derivation=derivation)

    assert list(store.links.values()) == links


# What happens between two calls of one request


@pytest.mark.parametrize("kind", [FOREVER, ONE_DAY], ids=["forever", "one day"])
@pytest.mark.parametrize(
    ("fate", "code"),
    [
        (lambda store: store.links.pop("probe-1"), "probe-0"),
        (lambda store: store.links.update({"probe-1": a_link("probe-1", OTHER)}), "probe-0"),
        (lambda store: store.links.update({"probe-1": disabled(store.links["probe-1"])}), "probe-0"),
        (lambda store: store.links.update({"probe-1": expired(store.links["probe-1"])}), "probe-0"),
    ],
    ids=["collected", "reclaimed by another", "disabled", "expired"],
)
def test_given_a_link_that_only_the_index_still_knows_when_shortened_then_it_is_not_returned(kind, fate, code):
    store = a_store(a_link("probe-1", kind))
    proof = "get" if kind is FOREVER else "renew"
    interrupted = Interrupted(store, proof, lambda: fate(store))

    link, created = shorten(CreateRequest(kind, None), interrupted, NOW, derivation=derivation)

    assert (link.short_code, created) == (code, True)


@pytest.mark.parametrize(
    ("fate", "outcome"),
    [
        (lambda store: store.links.pop("probe-0"), "probe-0"),
        (lambda store: store.links.update({"probe-0": expired(store.links["probe-0"])}), "probe-0"),
        (lambda store: store.links.update({"probe-0": a_link("probe-0", OTHER)}), "probe-1"),
    ],
    ids=["collected", "expired", "reclaimed by another"],
)
def test_given_a_link_that_is_lost_before_its_renewal_when_shortened_then_the_table_decides_again(fate, outcome):
    store = a_store(a_link("probe-0", ONE_DAY))
    store.index_is_behind = True
    interrupted = Interrupted(store, "renew", lambda: fate(store))

    link, created = shorten(CreateRequest(ONE_DAY, None), interrupted, NOW, derivation=derivation)

    assert (link.short_code, created) == (outcome, True)


def test_given_a_link_that_is_disabled_before_its_renewal_when_shortened_then_it_is_gone():
    store = a_store(a_link("probe-0", ONE_DAY))
    store.index_is_behind = True
    interrupted = Interrupted(
        store, "renew", lambda: store.links.update({"probe-0": disabled(a_link("probe-0", ONE_DAY))})
    )

    with pytest.raises(Gone):
        shorten(CreateRequest(ONE_DAY, None), interrupted, NOW, derivation=derivation)


def test_given_a_rival_who_claims_first_when_shortened_then_the_rivals_link_is_returned():
    store = a_store()
    rival = Link("probe-0", FOREVER, timestamp(NOW - 1), None)
    interrupted = Interrupted(store, "claim", lambda: store.links.update({"probe-0": rival}))

    link, created = shorten(CreateRequest(FOREVER, None), interrupted, NOW, derivation=derivation)

    assert (link, created) == (rival, False)


def test_given_a_link_that_changes_hands_at_every_call_when_shortened_then_the_next_probe_is_taken():
    store = a_store(a_link("probe-0", ONE_DAY))
    store.index_is_behind = True
    lost = Interrupted(store, "renew", lambda: store.links.update({"probe-0": a_link("probe-0", OTHER)}))
    back = Interrupted(lost, "claim", lambda: store.links.update({"probe-0": a_link("probe-0", ONE_DAY)}), call=2)
    lost_again = Interrupted(back, "renew", lambda: store.links.update({"probe-0": a_link("probe-0", OTHER)}), call=2)

    link, created = shorten(CreateRequest(ONE_DAY, None), lost_again, NOW, derivation=derivation)

    assert (link.short_code, created) == ("probe-1", True)


# A request with a custom code


def test_given_a_free_custom_code_when_asked_for_then_it_is_claimed_even_if_the_destination_has_another():
    store = a_store(a_link("already", FOREVER))

    link, created = shorten(CreateRequest(FOREVER, "my-code"), store, NOW)

    assert created
    assert link == Link("my-code", FOREVER, timestamp(NOW), None, custom_code=True)
    assert set(store.links) == {"already", "my-code"}


@pytest.mark.parametrize("kind", [FOREVER, ONE_DAY], ids=["forever", "one day"])
def test_given_the_same_request_with_its_custom_code_when_asked_again_then_the_link_is_returned_and_renewed(kind):
    store = a_store(a_link("my-code", kind, custom_code=True, click_count=3))

    link, created = shorten(CreateRequest(kind, "my-code"), store, NOW)

    assert not created
    assert link == a_link("my-code", kind, custom_code=True, click_count=3, expires_at=kind.expires_at(NOW))


@pytest.mark.parametrize(
    "holder",
    [a_link("my-code", OTHER), a_link("my-code", ONE_DAY), disabled(a_link("my-code", OTHER))],
    ids=["another destination", "another lifetime", "another's, disabled"],
)
def test_given_a_custom_code_of_another_link_when_asked_for_then_it_is_a_conflict(holder):
    store = a_store(holder)

    with pytest.raises(ConflictError):
        shorten(CreateRequest(FOREVER, "my-code"), store, NOW)

    assert store.links == {"my-code": holder}


def test_given_a_custom_code_whose_link_has_expired_when_asked_for_then_it_is_claimed():
    store = a_store(expired(a_link("my-code", OTHER, click_count=9)))

    link, created = shorten(CreateRequest(FOREVER, "my-code"), store, NOW)

    assert (link.kind, link.click_count, created) == (FOREVER, 0, True)


def test_given_its_own_custom_link_disabled_when_asked_for_again_then_it_is_gone():
    store = a_store(disabled(a_link("my-code", ONE_DAY, custom_code=True)))

    with pytest.raises(Gone):
        shorten(CreateRequest(ONE_DAY, "my-code"), store, NOW)


# What is counted


@pytest.mark.parametrize(
    ("links", "counted"), [([], "url_creation_count"), ([a_link("x", FOREVER)], "url_reuse_count")]
)
def test_given_an_outcome_when_it_has_happened_then_it_is_counted_once(links, counted, monkeypatch):
    names: list[str] = []
    monkeypatch.setattr(telemetry, "count", names.append)

    shorten(CreateRequest(FOREVER, None), a_store(*links), NOW)

    assert names == [counted]


def test_given_a_failure_when_shortened_then_no_outcome_is_counted(monkeypatch):
    names: list[str] = []
    monkeypatch.setattr(telemetry, "count", names.append)

    with pytest.raises(ConflictError):
        shorten(CreateRequest(FOREVER, "my-code"), a_store(a_link("my-code", OTHER)), NOW)

    assert names == []


# Reading a request


def read(**fields: Any) -> CreateRequest:
    return CreateRequest.read(fields, allow_private=False, own_hosts=())


def test_given_a_destination_alone_when_read_then_the_rest_has_its_defaults():
    assert read(original_url="HTTPS://Example.com:443") == CreateRequest(Kind("https://example.com", "301", None), None)


def test_given_nulls_when_read_then_they_count_as_absent():
    request = read(original_url=URL, custom_code=None, ttl_hours=None, redirect_type=None)

    assert request == CreateRequest(FOREVER, None)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("custom_code", ["abc", "A" * 20, "___", "a-b_C9"]),
        ("ttl_hours", [1, 24, 87_600]),
        ("redirect_type", ["301", "302"]),
    ],
)
def test_given_values_at_the_limits_when_read_then_they_are_kept(field, values):
    for value in values:
        request = read(original_url=URL, **{field: value})

        assert value in (request.custom_code, *request.kind)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("original_url", [None, 1, True, [], {}, 1.5]),
        (
            "custom_code",
            ["", "ab", "a" * 21, "a b", "a/b", "ä-ä-ä", "abc\n", "create", "HeAlTh", "well-known", 123, True, []],
        ),
        ("ttl_hours", [0, -1, 87_601, 10**400, True, False, "24", 24.0, float("nan"), [], {}]),
        ("redirect_type", ["303", "", 301, 302, True, [], {}]),
    ],
)
def test_given_a_bad_value_when_read_then_the_one_detail_names_its_field(field, values):
    for value in values:
        with pytest.raises(ValidationError) as caught:
            read(**{"original_url": URL, field: value})

        assert [detail["field"] for detail in caught.value.details or []] == [field]
        assert caught.value.message == (caught.value.details or [])[0]["message"]


def test_given_several_bad_fields_when_read_then_each_has_a_detail():
    with pytest.raises(ValidationError) as caught:
        read(custom_code="x", ttl_hours="24", redirect_type=301, ttl=24)

    fields = [detail["field"] for detail in caught.value.details or []]
    assert fields == ["original_url", "custom_code", "ttl_hours", "redirect_type", "ttl"]


def test_given_a_bad_destination_and_a_bad_field_when_read_then_the_field_is_told_first():
    with pytest.raises(ValidationError):
        read(original_url="ftp://example.com", ttl_hours=0)
    with pytest.raises(InvalidUrl):
        read(original_url="ftp://example.com", ttl_hours=1)


def test_given_many_unknown_fields_with_long_names_when_read_then_the_error_stays_small_and_encodable():
    with pytest.raises(ValidationError) as caught:
        read(original_url=URL, **{f"\ud800{number}" + "x" * 10_000: 1 for number in range(1000)})

    details = caught.value.details or []
    assert len(details) == 101
    assert details[-1] == {"field": "body", "message": "900 more fields are not of this request"}
    assert len(str(details).encode()) < 50_000


def test_given_unknown_fields_when_read_then_each_is_named_as_it_was_written():
    with pytest.raises(ValidationError) as caught:
        read(original_url=URL, größe=1, **{"a" * 99: 1, "x\ud800y": 1})

    assert [detail["field"] for detail in caught.value.details or []] == ["größe", "a" * 99, "x?y"]
