"""Whose links: nothing is shared across owners, and each finds its own; and links of another product are taken over."""

from dataclasses import replace
from typing import Any

import pytest

from squrl import codes
from squrl.destinations import Rules
from squrl.domains import DomainLists
from squrl.errors import ConflictError, Gone, InvalidUrl, ValidationError
from squrl.keys import OPERATOR, Identity, Role
from squrl.links import ACTIVE, DELETED, DISABLED, Kind, Link, timestamp
from squrl.ports import Unavailable
from squrl.requests import CreateRequest, ImportRequest, read
from squrl.shorten import Caller, Ports, Shortened, admit, import_link, shorten
from tests.support.fakes import NOW, FakeClientLimiter, FakeDomainPolicy, FakeLinkStore, FakeSecretStore, a_link

URL = "https://example.com/"
US, THEM = Caller(Identity(Role.WRITE, "us")), Caller(Identity(Role.WRITE, "them"))
ADMIN, NOBODY, DIRECT = Caller(Identity(Role.ADMIN, "boss")), Caller(None, "192.0.2.1"), Caller(OPERATOR)


def ports(store: FakeLinkStore, domains: FakeDomainPolicy | None = None) -> Ports:
    return Ports(store, FakeSecretStore(), domains or FakeDomainPolicy())


def ask(store: FakeLinkStore, caller: Caller = US, **fields: Any) -> Shortened:
    request = read(CreateRequest, {"original_url": URL} | fields)
    return shorten(request, caller, NOW, ports(store), Rules())


def kind(owner: str | None = "us", ttl_hours: int | None = None) -> Kind:
    return Kind(URL, "301", ttl_hours, owner)


@pytest.fixture
def store():
    return FakeLinkStore()


# Nothing is shared


@pytest.mark.parametrize("ttl_hours", [None, 24])
def test_given_the_same_destination_when_owners_ask_then_each_has_one_link(store, ttl_hours):
    callers = [US, THEM, NOBODY, ADMIN, US, THEM, NOBODY, ADMIN]

    found = [ask(store, caller, ttl_hours=ttl_hours) for caller in callers]

    assert [shortened.created for shortened in found] == [True] * 4 + [False] * 4
    assert [link.kind.owner for link, _ in found] == ["us", "them", None, "boss"] * 2
    assert len({link.short_code for link, _ in found}) == len(store.links) == 4


def test_given_two_keys_of_one_owner_when_they_ask_then_they_share(store):
    one = ask(store, US).link
    other = ask(store, Caller(Identity(Role.ADMIN, "us"))).link

    assert one == other


@pytest.mark.parametrize(
    "changes",
    [{"custom_code": True}, {"custom_code": True, "imported_clicks": 5}, {"title": "T"}, {"custom_code": False}],
    ids=["custom", "imported", "titled", "of another request"],
)
def test_given_an_own_link_with_any_code_when_asked_for_then_it_is_found(store, changes):
    own = a_link("my-code", kind(), **changes)
    store.links["my-code"] = own

    assert ask(store) == Shortened(own, created=False)


@pytest.mark.parametrize("owner", ["them", None])
def test_given_a_strangers_custom_link_when_asked_for_then_it_is_not_returned(store, owner):
    theirs = a_link("my-code", kind(owner), custom_code=True)
    store.links["my-code"] = theirs

    assert ask(store).link.short_code != "my-code"
    assert ask(store, NOBODY).link.short_code != "my-code"
    assert store.links["my-code"] == theirs


@pytest.mark.parametrize("state", [{"expires_at": NOW}, {"status": DISABLED}, {"status": DELETED}])
def test_given_an_own_custom_link_that_is_not_live_then_a_new_one_is_made(store, state):
    store.links["my-code"] = a_link("my-code", kind(ttl_hours=1), **{"custom_code": True} | state)

    assert ask(store, ttl_hours=1).created


def test_given_an_index_that_is_behind_when_asked_then_the_table_decides(store):
    store.links["my-code"] = a_link("my-code", kind()._replace(original_url="https://example.com/new"))
    store.find = lambda kind, now: "my-code"

    assert ask(store).created


def test_given_an_own_link_with_a_lifetime_when_asked_for_then_it_is_renewed(store):
    store.links["my-code"] = a_link("my-code", kind(ttl_hours=24), custom_code=True)

    link, created = ask(store, ttl_hours=24)

    assert (link.short_code, link.expires_at, link.revision, created) == ("my-code", NOW + 24 * 3600, 2, False)


def test_given_nobodys_request_when_made_then_the_index_is_not_asked(store):
    ask(store, NOBODY)

    assert store.calls == ["claim"]


def test_given_an_owners_request_when_made_then_it_takes_two_calls(store):
    ask(store, US)

    assert store.calls == ["find", "claim"]


# Custom codes


@pytest.mark.parametrize(
    ("holder", "caller", "outcome"),
    [
        (a_link("mine", kind(), custom_code=True), US, "same"),
        (a_link("mine", kind(), custom_code=True), THEM, ConflictError),
        (a_link("mine", kind(), custom_code=True), NOBODY, ConflictError),
        (a_link("mine", kind(None), custom_code=True), NOBODY, "same"),
        (a_link("mine", kind(None), custom_code=True), US, ConflictError),
        (a_link("mine", kind(ttl_hours=1), expires_at=NOW), US, "new"),
        (a_link("mine", kind(ttl_hours=1), expires_at=NOW), THEM, ConflictError),
        (a_link("mine", kind(None, 1), expires_at=NOW), US, ConflictError),
        (a_link("mine", kind(), status=DELETED), US, "new"),
        (a_link("mine", kind(), status=DELETED), THEM, ConflictError),
        (a_link("mine", kind(), status=DELETED), NOBODY, ConflictError),
        (a_link("mine", kind(), status=DELETED, locked=True), US, ConflictError),
        (a_link("mine", kind(None), status=DELETED), NOBODY, ConflictError),
        (a_link("mine", kind(), status=DISABLED), US, Gone),
        (a_link("mine", kind(), status=DISABLED), THEM, ConflictError),
    ],
)
def test_given_a_code_that_was_used_when_asked_for_then_its_owner_alone_gets_it(store, holder, caller, outcome):
    store.links["mine"] = replace(holder, click_count=9)

    if isinstance(outcome, str):
        link, created = ask(store, caller, custom_code="mine")
        assert (created, link.click_count) == (outcome == "new", 0 if outcome == "new" else 9)
    else:
        with pytest.raises(outcome):
            ask(store, caller, custom_code="mine")
        assert store.links["mine"].click_count == 9


def test_given_a_deleted_derived_code_when_asked_for_then_the_next_one_is_given(store):
    first = codes.derive(kind(), 0, FakeSecretStore().secret())
    store.links[first] = a_link(first, kind()._replace(original_url=""), status=DELETED)

    link, created = ask(store)

    assert (created, link.short_code) == (True, codes.derive(kind(), 1, FakeSecretStore().secret()))


# Title, tags, and who may name an owner


def test_given_title_and_tags_when_asked_for_again_then_they_are_set(store):
    first = ask(store, title="One", tags=["a"])
    again = ask(store, title="Two")
    third = ask(store, tags=["b", "b"])

    assert (first.link.title, first.link.tags) == ("One", frozenset("a"))
    assert (again.link.title, again.link.tags, again.link.revision) == ("Two", frozenset("a"), 2)
    assert (third.link.title, third.link.tags, third.link.revision) == ("Two", frozenset("b"), 3)
    assert store.links[first.link.short_code] == third.link


def test_given_the_same_title_when_asked_for_again_then_nothing_is_written(store):
    ask(store, title="One", tags=["a"])
    store.calls.clear()

    assert ask(store, title="One", tags=["a"]).link.revision == 1
    assert "change" not in store.calls


def test_given_a_link_that_goes_while_it_is_titled_then_that_is_not_told_as_done(store):
    ask(store)
    store.change = lambda *_, **__: None

    with pytest.raises(Unavailable):
        ask(store, title="One")


@pytest.mark.parametrize(
    ("caller", "fields", "at_fault"),
    [
        (NOBODY, {"title": "T"}, ["title"]),
        (NOBODY, {"title": ""}, ["title"]),
        (NOBODY, {"tags": ["a"]}, ["tags"]),
        (NOBODY, {"tags": []}, ["tags"]),
        (NOBODY, {"owner": "us"}, ["owner"]),
        (NOBODY, {"owner": "us", "title": "T"}, ["owner"]),
        (DIRECT, {"title": "T", "tags": ["a"]}, ["title", "tags"]),
        (US, {"owner": "them"}, ["owner"]),
        (US, {"owner": "us"}, ["owner"]),
    ],
    ids=str,
)
def test_given_fields_that_the_caller_may_not_set_then_each_has_a_detail(store, caller, fields, at_fault):
    with pytest.raises(ValidationError) as caught:
        ask(store, caller, **fields)

    assert [detail["field"] for detail in caught.value.details or ()] == at_fault
    assert store.calls == []


@pytest.mark.parametrize(
    ("caller", "fields", "owner"),
    [
        (ADMIN, {}, "boss"),
        (ADMIN, {"owner": "us", "title": "T"}, "us"),
        (DIRECT, {}, None),
        (DIRECT, {"owner": "us", "tags": ["a"]}, "us"),
        (US, {"owner": None, "title": None}, "us"),
        (NOBODY, {"owner": None, "title": None, "tags": None}, None),
    ],
    ids=str,
)
def test_given_an_admin_or_an_operator_when_an_owner_is_named_then_it_is_theirs(store, caller, fields, owner):
    assert ask(store, caller, **fields).link.kind.owner == owner


def test_given_an_owners_link_when_it_ends_then_its_row_stays_for_its_figures(store):
    owned, nobodys = (ask(store, caller, ttl_hours=1).link for caller in (US, NOBODY))

    assert owned.collect_at == NOW + 3600 + 400 * 86_400
    assert nobodys.collect_at == NOW + 3600


@pytest.mark.parametrize(("caller", "asked"), [(NOBODY, 1), (US, 0), (ADMIN, 0), (DIRECT, 0)])
def test_given_a_key_when_admitted_then_the_clients_address_is_not_counted(caller, asked):
    limiter = FakeClientLimiter()

    admit(replace_address(caller), limiter, NOW)

    assert len(limiter.asked) == asked


def replace_address(caller: Caller) -> Caller:
    return caller if caller is DIRECT else caller._replace(address="192.0.2.1")


# Import


def take_over(
    store: FakeLinkStore, caller: Caller = ADMIN, domains: Any = None, *, is_dry_run: bool = False, **fields: Any
) -> Shortened:
    request = read(ImportRequest, {"original_url": URL, "short_code": "x"} | fields)
    return import_link(request, caller, NOW, ports(store, domains), Rules(), is_dry_run=is_dry_run)


def test_given_a_link_of_another_product_when_imported_then_it_is_as_it_was(store):
    link, created = take_over(
        store,
        short_code="Old_1",
        created_at="2020-01-02T03:04:05Z",
        expires_at="2027-06-01T00:00:00Z",
        status="disabled",
        owner="us",
        imported_clicks=4321,
        redirect_type="302",
        title="T",
        tags=["a"],
    )

    assert created
    assert (link.created_at, link.expires_at) == ("2020-01-02T03:04:05Z", 1_811_808_000)
    assert (link.status, link.kind.owner, link.custom_code) == (DISABLED, "us", True)
    assert (link.imported_clicks, link.click_count) == (4321, 0)
    assert store.links == {"Old_1": link}


@pytest.mark.parametrize("status", ["active", "disabled", None])
def test_given_a_locked_link_when_imported_then_it_is_so_if_it_is_disabled(store, status):
    link, _ = take_over(store, status=status, locked=True)

    assert link.locked == (status == DISABLED)


def test_given_only_a_code_when_imported_then_it_is_made_as_by_create(store):
    link, created = take_over(store)

    assert (link, created) == (
        Link("x", Kind(URL, "301", None, "boss"), timestamp(NOW), None, custom_code=True),
        True,
    )


@pytest.mark.parametrize(
    ("fields", "expires_at", "ttl_hours"),
    [
        ({"ttl_hours": 24}, NOW + 86_400, 24),
        ({"expires_at": timestamp(NOW + 5400)}, NOW + 5400, 2),
        ({"expires_at": timestamp(NOW + 5400), "ttl_hours": 7}, NOW + 5400, 7),
        ({"expires_at": timestamp(NOW - 5)}, NOW - 5, 1),
        ({"expires_at": timestamp(NOW), "created_at": timestamp(NOW - 3600)}, NOW, 1),
        ({"expires_at": "9999-12-31T23:59:59Z"}, 253_402_300_799, 87_600),
    ],
    ids=str,
)
def test_given_an_end_when_imported_then_the_link_has_a_lifetime(store, fields, expires_at, ttl_hours):
    link, _ = take_over(store, **fields)

    assert (link.expires_at, link.kind.ttl_hours) == (expires_at, ttl_hours)


def test_given_an_imported_link_that_ends_then_it_is_not_shared_as_one_without_end(store):
    take_over(store, owner="us", expires_at=timestamp(NOW + 5400))

    link, created = ask(store, US)

    assert (created, link.expires_at) == (True, None)


@pytest.mark.parametrize("state", [{}, {"expires_at": NOW - 9}, {"status": DISABLED}], ids=str)
@pytest.mark.parametrize("owner", ["boss", "us", None])
def test_given_an_import_when_sent_again_then_nothing_of_the_link_changes(store, state, owner):
    link = a_link("x", kind(owner), **{"click_count": 9, "title": "Mine"} | state)
    store.links["x"] = link

    assert take_over(store, imported_clicks=4, title="Theirs") == Shortened(link, created=False)
    assert store.links == {"x": link}


@pytest.mark.parametrize(
    "changes", [{"kind": kind()._replace(original_url="https://example.com/2")}, {"status": DELETED}]
)
def test_given_a_code_of_another_link_when_imported_then_it_is_a_conflict(store, changes):
    holder = a_link("x", **{"kind": kind()._replace(original_url="")} | changes)
    store.links["x"] = holder

    with pytest.raises(ConflictError):
        take_over(store)
    assert store.links == {"x": holder}


@pytest.mark.parametrize("url", [URL, "", "https://example.com/2"])
@pytest.mark.parametrize(
    "state", [{}, {"expires_at": NOW - 9}, {"status": DELETED}, {"status": DELETED, "locked": True}]
)
@pytest.mark.parametrize("owner", ["boss", "us", None])
def test_given_any_holder_when_an_import_is_tried_first_then_it_tells_what_comes(store, url, state, owner):
    store.links["x"] = holder = a_link("x", **{"kind": kind(owner)._replace(original_url=url)} | state)

    def outcome(**options):
        try:
            return take_over(store, **options).created
        except ConflictError:
            return None

    tried = outcome(is_dry_run=True)

    assert store.links == {"x": holder}
    assert tried == outcome()


@pytest.mark.parametrize(
    ("caller", "fields", "error"),
    [
        (ADMIN, {"custom_code": "other"}, ValidationError),
        (DIRECT, {"title": "T"}, ValidationError),
        (ADMIN, {"original_url": "ftp://example.com"}, InvalidUrl),
        (ADMIN, {"original_url": "https://bad.example/"}, InvalidUrl),
    ],
    ids=str,
)
def test_given_what_is_not_allowed_when_imported_then_no_row_is_touched(store, caller, fields, error):
    domains = FakeDomainPolicy(DomainLists(denied=frozenset({"bad.example"})))

    with pytest.raises(error):
        take_over(store, caller, domains, **fields)
    assert store.calls == []


def test_given_an_active_link_when_imported_by_an_operator_then_it_may_be_nobodys(store):
    link, _ = take_over(store, DIRECT)

    assert (link.kind.owner, link.status) == (None, ACTIVE)
