"""Links are looked at, listed, changed, deleted and released: by whom, which, and what then stands in the table."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from squrl import manage
from squrl.destinations import Rules
from squrl.domains import DomainLists
from squrl.errors import Forbidden, Gone, InvalidUrl, NotFound, PreconditionFailed, SqurlError, ValidationError
from squrl.keys import OPERATOR, Identity, Role
from squrl.links import ACTIVE, DELETED, DISABLED, Kind, Link, timestamp
from squrl.manage import Filters, Ports
from squrl.ports import Page, Unavailable
from squrl.requests import ChangeRequest, read
from tests.support.fakes import NOW, FakeDomainPolicy, FakeLinkStore, a_link
from tests.support.functions import ROOT

READER, WRITER, ADMIN = (Identity(role, "us") for role in Role)
CALLERS = {"reader": READER, "writer": WRITER, "admin": ADMIN, "operator": OPERATOR}
DAY = 24 * 3600


def kind(owner: str | None = "us", ttl_hours: int | None = None, url: str = "https://example.com/") -> Kind:
    return Kind(url, "301", ttl_hours, owner)


def change(store: FakeLinkStore, fields: dict[str, Any], identity: Identity = WRITER, **options: Any) -> Link:
    ports = Ports(store, options.pop("domains", FakeDomainPolicy()))
    request = read(ChangeRequest, fields)
    return manage.change("abc", request, identity, NOW, ports, Rules(), options.pop("revisions", None)).after


# Who reaches which link

OWNED = {"own": "us", "foreign": "them", "anonymous": None}
STATES: dict[str, dict[str, Any]] = {
    "live": {},
    "expired": {"expires_at": NOW},
    "used up": {"max_clicks": 5, "click_limit": 7},
    "disabled": {"status": DISABLED},
    "locked": {"status": DISABLED, "locked": True},
    "deleted": {"status": DELETED, "title": None},
}


def expected(caller: str, whose: str, state: str, act: str) -> type[SqurlError] | None:  # noqa: PLR0911 (a table)
    """Return what the contract's tables say of a caller, a link and an act."""
    is_admin = caller in {"admin", "operator"}
    if caller == "reader" and act != "see":
        return Forbidden
    if act == "release" and not is_admin:
        return Forbidden
    if whose != "own" and not is_admin:
        return NotFound
    if act in {"see", "release", "delete"}:
        return None
    if state == "deleted":
        return Gone
    if act == "title" and whose == "anonymous":
        return Forbidden
    if act == "enable" and state == "locked" and not is_admin:
        return Forbidden
    return None


ACTS: dict[str, Any] = {
    "see": lambda store, identity: manage.see("abc", identity, store),
    "delete": lambda store, identity: manage.delete("abc", identity, store),
    "release": lambda store, identity: manage.release("abc", identity, store),
    "title": lambda store, identity: change(store, {"title": "New"}, identity),
    "enable": lambda store, identity: change(store, {"status": "active"}, identity),
    "disable": lambda store, identity: change(store, {"status": "disabled"}, identity),
}


@pytest.mark.parametrize(
    ("caller", "whose", "state", "act"), itertools.product(CALLERS, OWNED, STATES, ACTS), ids="-".join
)
def test_given_a_caller_and_a_link_when_acted_on_then_the_rules_hold(caller, whose, state, act):
    link = a_link("abc", kind(OWNED[whose]), **{"title": "Old", "click_count": 7} | STATES[state])
    store = FakeLinkStore(link)
    error = expected(caller, whose, state, act)

    if error:
        with pytest.raises(error):
            ACTS[act](store, CALLERS[caller])
        assert store.links == {"abc": link}
    else:
        ACTS[act](store, CALLERS[caller])
        row = store.links.get("abc")
        assert (row is None) == (act == "release")
        assert row is None or (row.click_count, row.created_at) == (7, link.created_at)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("code", ["#secret", "", "a b", "ä", "x" * 65, "x" * 5000])
def test_given_what_can_be_no_code_when_used_then_no_row_is_touched(act, code):
    store = FakeLinkStore(a_link(code))
    request = read(ChangeRequest, {"status": "active"})
    calls: dict[str, Any] = {
        "see": lambda: manage.see(code, OPERATOR, store),
        "delete": lambda: manage.delete(code, OPERATOR, store),
        "release": lambda: manage.release(code, OPERATOR, store),
    }
    ports = Ports(store, FakeDomainPolicy())
    call = calls.get(act, lambda: manage.change(code, request, OPERATOR, NOW, ports, Rules()))

    if act == "release":
        call()
    else:
        with pytest.raises(NotFound):
            call()
    assert (store.calls, list(store.links)) == ([], [code])


def test_given_a_foreign_link_or_none_when_seen_then_the_answers_are_alike():
    caught = []
    for store in (FakeLinkStore(a_link("abc", kind("them"))), FakeLinkStore()):
        with pytest.raises(NotFound) as error:
            manage.see("abc", WRITER, store)
        caught.append((error.value.message, error.value.details, store.calls))

    assert caught[0] == caught[1]


# Change


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"title": "New"}, {"title": "New"}),
        ({"title": None}, {"title": None}),
        ({"title": ""}, {"title": None}),
        ({"tags": ["b", "a", "b"]}, {"tags": frozenset("ab")}),
        ({"tags": []}, {"tags": frozenset()}),
        ({"tags": None}, {"tags": frozenset()}),
        ({"ttl_hours": 24}, {"kind": kind(ttl_hours=24), "expires_at": NOW + DAY}),
        ({"ttl_hours": None}, {"kind": kind(), "expires_at": None}),
        ({"redirect_type": "302"}, {"kind": kind(ttl_hours=48)._replace(redirect_type="302")}),
        (
            {"original_url": " HTTPS://Example.COM:443/new "},
            {"kind": kind(ttl_hours=48, url="https://example.com/new")},
        ),
        ({"status": "disabled"}, {"status": DISABLED}),
        ({"forward_query": True}, {"kind": kind(ttl_hours=48)._replace(forward_query=True)}),
        ({"max_clicks": 9}, {"max_clicks": 9, "click_limit": 11}),
        (
            {"title": "N", "tags": ["x"], "ttl_hours": 1, "status": "disabled"},
            {
                "title": "N",
                "tags": frozenset("x"),
                "kind": kind(ttl_hours=1),
                "expires_at": NOW + 3600,
                "status": DISABLED,
            },
        ),
    ],
    ids=str,
)
def test_given_fields_when_changed_then_they_are_set_and_all_else_stays(fields, changes):
    counted: dict[str, Any] = {"click_count": 7, "bot_click_count": 2, "days": {20_000: 5}, "days_from": 19_999}
    link = a_link("abc", kind(ttl_hours=48), title="Old", tags=frozenset({"t"}), revision=3, **counted)
    store = FakeLinkStore(link)

    changed = change(store, fields)

    assert changed == store.links["abc"] == replace(link, **changes, revision=4)


def test_given_no_field_when_changed_then_it_is_refused():
    with pytest.raises(ValidationError, match="must name something"):
        change(FakeLinkStore(a_link("abc", kind())), {})


def test_given_what_is_there_already_when_changed_then_nothing_is_written():
    link = a_link("abc", kind(), title="Old", revision=3)
    store = FakeLinkStore(link)

    assert change(store, {"title": "Old", "status": "active", "redirect_type": "301"}) == link
    assert store.calls == ["get"]


@pytest.mark.parametrize("url", ["", "ftp://example.com/", "http://127.0.0.1/", "https://user:x@example.com/"])
def test_given_a_destination_that_breaks_a_rule_when_changed_then_it_stays(url):
    link = a_link("abc", kind())
    store = FakeLinkStore(link)

    with pytest.raises(InvalidUrl):
        change(store, {"original_url": url})
    assert (store.links["abc"], store.calls) == (link, [])


def test_given_a_denied_domain_when_a_link_is_to_lead_there_then_it_is_refused():
    domains = FakeDomainPolicy(DomainLists(denied=frozenset({"bad.example"})))
    store = FakeLinkStore(a_link("abc", kind()))

    with pytest.raises(InvalidUrl, match="does not link to"):
        change(store, {"original_url": "https://www.bad.example/"}, domains=domains)
    assert (domains.refreshed, store.calls) == (1, [])


def test_given_no_new_destination_when_changed_then_the_lists_are_not_read():
    domains = FakeDomainPolicy()

    change(FakeLinkStore(a_link("abc", kind())), {"title": "New"}, domains=domains)

    assert domains.refreshed == 0


def test_given_an_expired_link_when_it_gets_a_longer_life_then_it_is_back():
    store = FakeLinkStore(a_link("abc", kind(ttl_hours=1), expires_at=NOW - 10, click_count=7))

    changed = change(store, {"ttl_hours": 24})

    assert (changed.state(NOW), changed.expires_at, changed.click_count) == (ACTIVE, NOW + DAY, 7)


@pytest.mark.parametrize(
    ("fields", "state", "limits"),
    [
        ({"max_clicks": 6}, ACTIVE, (6, 8)),
        ({"max_clicks": 5}, "used_up", (5, 7)),
        ({"max_clicks": 1}, "used_up", (1, 3)),
        ({"max_clicks": None}, ACTIVE, (None, None)),
        ({"title": "New"}, "used_up", (5, 7)),
        ({"max_clicks": 6, "ttl_hours": 1}, ACTIVE, (6, 8)),
    ],
    ids=str,
)
def test_given_a_link_that_is_used_up_when_its_limit_is_raised_then_it_is_back(fields, state, limits):
    store = FakeLinkStore(a_link("abc", kind(), max_clicks=5, click_limit=7, click_count=7, bot_click_count=2))

    changed = change(store, fields)

    assert (changed.state(NOW), (changed.max_clicks, changed.click_limit), changed.click_count) == (state, limits, 7)


@pytest.mark.parametrize("forwards", [False, None])
def test_given_a_link_that_forwards_when_told_not_to_then_it_stops(forwards):
    store = FakeLinkStore(a_link("abc", kind()._replace(forward_query=True)))

    assert change(store, {"forward_query": forwards}).kind == kind()


@pytest.mark.parametrize(
    ("fields", "state"), [({"status": "active"}, "expired"), ({"status": "active", "ttl_hours": 1}, "active")]
)
def test_given_a_disabled_link_past_its_end_when_enabled_then_its_end_counts(fields, state):
    store = FakeLinkStore(a_link("abc", kind(ttl_hours=1), expires_at=NOW - 10, status=DISABLED))

    assert change(store, fields).state(NOW) == state


@pytest.mark.parametrize(
    ("identity", "owner", "locks"),
    [
        (WRITER, "us", False),
        (ADMIN, "us", False),
        (ADMIN, "them", True),
        (OPERATOR, "us", True),
    ],
)
def test_given_who_disables_a_link_then_only_a_foreign_admins_act_locks_it(identity, owner, locks):
    store = FakeLinkStore(a_link("abc", kind(owner)))

    assert change(store, {"status": "disabled"}, identity).locked is locks


def test_given_a_locked_link_when_its_owner_changes_it_then_it_stays_locked():
    store = FakeLinkStore(a_link("abc", kind(), status=DISABLED, locked=True))

    changed = change(store, {"title": "New", "status": "disabled"})

    assert (changed.title, changed.status, changed.locked) == ("New", DISABLED, True)


@pytest.mark.parametrize("fields", [{"status": "active"}, {"status": "active", "title": "New"}])
def test_given_a_locked_link_when_its_owner_enables_it_then_nothing_changes(fields):
    link = a_link("abc", kind(), status=DISABLED, locked=True)
    store = FakeLinkStore(link)

    with pytest.raises(Forbidden, match="admin disabled"):
        change(store, fields)
    assert store.links["abc"] == link


def test_given_a_locked_link_when_an_admin_enables_it_then_the_lock_is_gone():
    store = FakeLinkStore(a_link("abc", kind("them"), status=DISABLED, locked=True))

    changed = change(store, {"status": "active"}, ADMIN)

    assert (changed.status, changed.locked) == (ACTIVE, False)


# If-Match


@pytest.mark.parametrize("revisions", [None, frozenset({3}), frozenset({1, 3})])
def test_given_a_revision_that_holds_when_changed_then_it_is_written(revisions):
    store = FakeLinkStore(a_link("abc", kind(), revision=3))

    assert change(store, {"title": "New"}, revisions=revisions).revision == 4


@pytest.mark.parametrize("revisions", [frozenset(), frozenset({2, 4})])
@pytest.mark.parametrize("act", ["change", "delete"])
def test_given_a_revision_that_does_not_hold_when_written_then_it_is_refused(revisions, act):
    link = a_link("abc", kind(), revision=3)
    store = FakeLinkStore(link)

    with pytest.raises(PreconditionFailed):
        change(store, {"title": "N"}, revisions=revisions) if act == "change" else manage.delete(
            "abc", WRITER, store, revisions
        )
    assert store.links["abc"] == link


class Rival(FakeLinkStore):
    """Somebody else is faster: before each of the first changes another one is made."""

    def __init__(self, link: Link, *changes: dict[str, Any]) -> None:
        super().__init__(link)
        self.changes = list(changes)

    def change(self, before: Link, after: Link, *, exactly: bool = False) -> Link | None:
        if self.changes:
            row = self.links[before.short_code]
            self._put(replace(row, **self.changes.pop(0), revision=row.revision + 1))
        return super().change(before, after, exactly=exactly)


def test_given_somebody_faster_when_if_match_is_sent_then_it_is_refused():
    store = Rival(a_link("abc", kind(), revision=3), {"title": "Theirs"})

    with pytest.raises(PreconditionFailed):
        change(store, {"tags": ["mine"]}, revisions=frozenset({3}))
    assert (store.links["abc"].title, store.links["abc"].tags) == ("Theirs", frozenset())


def test_given_somebody_faster_with_another_field_when_changed_then_both_hold():
    store = Rival(a_link("abc", kind()), {"title": "Theirs", "click_count": 9}, {"expires_at": NOW + 1})

    changed = change(store, {"tags": ["mine"]})

    assert (changed.title, changed.tags, changed.click_count) == ("Theirs", frozenset({"mine"}), 9)


@pytest.mark.parametrize("fields", [{"title": "Mine"}, {"status": "active"}, {"ttl_hours": 9}, {"status": "disabled"}])
def test_given_somebody_who_deletes_first_when_changed_then_it_stays_deleted(fields):
    store = Rival(a_link("abc", kind(), status=DISABLED), {"status": DELETED})
    if fields == {"status": "disabled"}:
        store = Rival(a_link("abc", kind()), {"status": DELETED})

    with pytest.raises(Gone):
        change(store, fields)
    assert store.links["abc"].status == DELETED


def test_given_a_lock_that_comes_first_when_its_owner_enables_then_it_stays_locked():
    store = Rival(a_link("abc", kind(), status=DISABLED), {"locked": True})

    with pytest.raises(Forbidden):
        change(store, {"status": "active"})


def test_given_many_rivals_when_changed_then_it_is_tried_again():
    rivals = [{"expires_at": NOW + number} for number in range(50)]
    store = Rival(a_link("abc", kind()), *rivals)

    assert change(store, {"status": "disabled"}).status == DISABLED


def test_given_rivals_without_end_when_changed_then_nothing_is_told_as_done():
    store = Rival(a_link("abc", kind()), *[{"expires_at": NOW + number} for number in range(1000)])

    with pytest.raises(Unavailable):
        change(store, {"status": "disabled"})


# Delete and release


def test_given_a_link_when_deleted_then_what_it_said_is_erased_and_figures_stay():
    link = a_link("abc", kind(ttl_hours=48), title="T", tags=frozenset("t"), creator_ip="192.0.2.1", click_count=7)
    store = FakeLinkStore(link)

    manage.delete("abc", WRITER, store)
    manage.delete("abc", WRITER, store)

    row = store.links["abc"]
    assert (row.status, row.kind.original_url, row.title, row.tags) == (DELETED, "", None, frozenset())
    assert (row.creator_ip, row.click_count, row.revision, row.collect_at) == (None, 7, 2, None)
    assert (row.created_at, row.kind.owner, row.state(NOW)) == (link.created_at, "us", DELETED)


def test_given_a_locked_link_when_its_owner_deletes_it_then_its_code_stays_down():
    store = FakeLinkStore(a_link("abc", kind(), status=DISABLED, locked=True))

    manage.delete("abc", WRITER, store)

    assert store.links["abc"].locked


def test_given_a_release_when_done_twice_then_it_is_done():
    store = FakeLinkStore(a_link("abc", kind()))

    manage.release("abc", ADMIN, store)
    manage.release("abc", ADMIN, store)

    assert store.links == {}


# Lists


def links_of(number: int, **changes: Any) -> list[Link]:
    """Return links of one owner, each a second younger than the one before."""
    return [
        a_link(f"code-{at:04}", kind(), created_at=timestamp(NOW - 100_000 + at), **changes) for at in range(number)
    ]


def pages(store: FakeLinkStore, limit: int = 50, owner: str | None = "us", **filters: Any) -> list[Page]:
    """Return all pages of a list."""
    found = [manage.page(owner, Filters(**filters), limit, None, store, NOW)]
    while found[-1].cursor:
        found.append(manage.page(owner, Filters(**filters), limit, found[-1].cursor, store, NOW))
        assert len(found) < 1000
    return found


def codes_in(found: list[Page]) -> list[str]:
    return [link.short_code for page in found for link in page.links]


@pytest.mark.parametrize("limit", [1, 7, 50, 100])
def test_given_links_when_paged_through_then_all_are_there_newest_first(limit):
    links = links_of(230)
    store = FakeLinkStore(*links, a_link("theirs", kind("them")), a_link("nobodys", kind(None)))

    found = pages(store, limit)

    assert codes_in(found) == [link.short_code for link in reversed(links)]
    assert all(len(page.links) == limit for page in found[:-2])


def test_given_links_of_one_moment_when_paged_through_then_each_is_there_once():
    links = [a_link(f"code-{number}", kind()) for number in range(25)]

    found = pages(FakeLinkStore(*links), 4)

    assert sorted(codes_in(found)) == sorted(link.short_code for link in links)


def test_given_everybodys_links_when_paged_through_then_all_are_there_once():
    links = [*links_of(30), a_link("theirs", kind("them")), a_link("nobodys", kind(None))]

    found = pages(FakeLinkStore(*links), 7, None)

    assert sorted(codes_in(found)) == sorted(link.short_code for link in links)


def test_given_links_that_come_and_go_when_paged_through_then_the_rest_is_complete():
    links = links_of(60)
    store = FakeLinkStore(*links)
    found = manage.page("us", Filters(), 20, None, store, NOW)
    seen = [link.short_code for link in found.links]

    while found.cursor:
        del store.links[found.cursor["short_code"]]  # the very one where the list goes on
        store.links["new" + found.cursor["short_code"]] = a_link(
            "new" + found.cursor["short_code"], kind(), created_at=timestamp(NOW)
        )
        found = manage.page("us", Filters(), 20, found.cursor, store, NOW)
        seen += [link.short_code for link in found.links]

    assert seen == [link.short_code for link in reversed(links)]


STATE_LINKS = [
    a_link("live", kind(), title="Summer SALE", tags=frozenset({"shop", "x"})),
    a_link("ended", kind(url="https://example.com/Winter"), expires_at=NOW),
    a_link("down", kind(), status=DISABLED, expires_at=NOW - 1, tags=frozenset({"shop"})),
    a_link("gone", kind(url=""), status=DELETED, tags=frozenset()),
    a_link("spent", kind(url="https://x.example/"), max_clicks=5, click_limit=5, click_count=5),
    a_link("limited", kind(url="https://x.example/"), max_clicks=5, click_limit=5, click_count=4),
]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"live", "ended", "down", "spent", "limited"}),
        ({"status": "active"}, {"live", "limited"}),
        ({"status": "expired"}, {"ended"}),
        ({"status": "disabled"}, {"down"}),
        ({"status": "deleted"}, {"gone"}),
        ({"status": "used_up"}, {"spent"}),
        ({"tag": "shop"}, {"live", "down"}),
        ({"tag": "sho"}, set()),
        ({"text": "sale"}, {"live"}),
        ({"text": "WINTER"}, {"ended"}),
        ({"text": "OW"}, {"down"}),
        ({"text": "example.com"}, {"live", "ended", "down"}),
        ({"url": "https://example.com/Winter"}, {"ended"}),
        ({"url": "https://example.com/winter"}, set()),
        ({"tag": "shop", "status": "disabled", "text": "down", "url": "https://example.com/"}, {"down"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("owner", ["us", None])
def test_given_filters_when_listed_then_each_has_to_hold(filters, expected, owner):
    found = pages(FakeLinkStore(*STATE_LINKS), 2, owner, **filters)

    assert sorted(codes_in(found)) == sorted(expected)


def test_given_a_filter_that_leaves_little_then_a_bounded_part_is_looked_through():
    links = links_of(1300)
    links[3] = replace(links[3], tags=frozenset({"rare"}))
    store = FakeLinkStore(*links)

    first = manage.page("us", Filters(tag="rare"), 50, None, store, NOW)
    calls = len(store.calls)
    found = pages(store, 50, tag="rare")

    assert (first.links, first.cursor is not None, calls) == ([], True, manage.PAGES)
    assert (codes_in(found), len(found)) == (["code-0003"], 3)


def test_given_a_page_full_amid_a_part_when_paged_on_then_nothing_is_skipped():
    links = [replace(link, tags=frozenset({"even"} if at % 2 else {"odd"})) for at, link in enumerate(links_of(90))]

    found = pages(FakeLinkStore(*links), 7, tag="even")

    assert codes_in(found) == [link.short_code for link in reversed(links) if "even" in link.tags]


@pytest.mark.parametrize("limit", [1, 50, 100])
def test_given_a_page_without_filters_when_made_then_it_takes_two_calls(limit):
    store = FakeLinkStore(*links_of(300))

    manage.page("us", Filters(), limit, None, store, NOW)

    assert store.calls == ["page", "refreshed"]


class Behind(FakeLinkStore):
    """The index is behind: it still has the links as they were."""

    def __init__(self, *links: Link) -> None:
        super().__init__(*links)
        self.index = dict(self.links)

    def page(self, owner, after, limit):
        now, self.links = self.links, self.index
        try:
            return super().page(owner, after, limit)
        finally:
            self.links = now


def test_given_an_index_that_is_behind_when_listed_then_links_are_as_they_are():
    old = links_of(4)
    store = Behind(*old)
    store.links["code-0000"] = replace(old[0], click_count=5, title="New", revision=2)
    store.links["code-0001"] = replace(old[1], status=DELETED)
    store.links["code-0002"] = replace(old[2], created_at=timestamp(NOW), kind=kind("them"))
    del store.links["code-0003"]

    (found,) = pages(store)

    assert found.links == [store.links["code-0000"]]


@pytest.mark.parametrize(("status", "listed"), [("used_up", ["spent"]), ("active", ["limited", "unlimited"])])
def test_given_an_index_without_counts_when_listed_then_what_is_used_up_is_found(status, listed):
    limits = {"max_clicks": 5, "click_limit": 5}
    links = [a_link("spent", kind(), **limits), a_link("limited", kind(), **limits), a_link("unlimited", kind())]
    store = Behind(*[replace(link, click_limit=None) for link in links])
    store.links = {link.short_code: replace(link, click_count=5 if link.short_code == "spent" else 4) for link in links}

    assert sorted(codes_in(pages(store, status=status))) == listed


def test_given_a_code_that_passed_to_another_owner_when_listed_then_it_is_not_shown():
    (old,) = links_of(1)
    store = Behind(old)
    store.links[old.short_code] = replace(old, kind=kind("them"))

    (found,) = pages(store)

    assert found.links == []


def test_given_the_page_for_callers_then_it_says_how_far_a_filter_looks():
    text = " ".join((ROOT / "docs/api.md").read_text().split())

    assert f"look through at most {manage.PAGES * manage.PAGE} links a call" in text
