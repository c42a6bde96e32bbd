"""Keys and managing, event in and answer out: who gets which answer, and that nobody learns what isn't theirs."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from squrl import keys
from squrl.domains import DomainLists
from squrl.keys import Key, Role
from squrl.links import ACTIVE, DAY, DISABLED, Kind, timestamp
from squrl.ports import Throttled, Unavailable
from squrl.web.request import of_operator
from tests.support import description, events
from tests.support.fakes import NOW, a_link
from tests.support.functions import Functions, log_in, metrics_in

API = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
HOUR = 3600
CODE, THEIRS, NOBODYS = "summer-sale", "theirs", "nobodys"
URL = "https://example.com/sale"


def a_key(owner: str, role: Role, expires_at: int | None = None) -> tuple[Key, str]:
    return keys.make("for tests", owner, role, NOW - HOUR, expires_at)


READ, READ_TOKEN = a_key("marketing", Role.READ)
WRITE, WRITE_TOKEN = a_key("marketing", Role.WRITE)
ADMIN, ADMIN_TOKEN = a_key("marketing", Role.ADMIN)
BOSS, BOSS_TOKEN = a_key("boss", Role.ADMIN)
FOREIGN, FOREIGN_TOKEN = a_key("sales", Role.WRITE)
EXPIRED, EXPIRED_TOKEN = a_key("marketing", Role.ADMIN, NOW)
REVOKED, REVOKED_TOKEN = a_key("marketing", Role.ADMIN)
WRONG_TOKEN = ADMIN_TOKEN[:12] + WRITE_TOKEN[12:]
UNKNOWN_TOKEN = a_key("marketing", Role.ADMIN)[1]


@pytest.fixture
def functions(clock):
    functions = Functions()
    functions.parameters = {"CreateAccess": "key"}
    for key in (READ, WRITE, ADMIN, BOSS, FOREIGN, EXPIRED, REVOKED):
        functions.durable.add_key(key)
    functions.durable.remove_key(REVOKED.id)
    return functions


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class Answer:
    """What the API answered."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.status: int = answer["statusCode"]
        self.headers: dict[str, str] = answer["headers"]
        self.text: str = answer["body"]
        self.body: Any = json.loads(answer["body"]) if answer["body"] else None


def call(
    functions: Functions,
    route: str,
    token: str | None = WRITE_TOKEN,
    body: Any = None,
    code: str | None = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    function: str = "manage_links",
    remaining_ms: int = 30_000,
) -> Answer:
    """Send one request through the API; what it is answered has to be described."""
    method, _, path = route.partition(" ")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path.replace("{short_code}", code or ""),
        "headers": {"host": API.removeprefix("https://"), "x-forwarded-proto": "https"}
        | ({} if token is None else bearer(token))
        | (headers or {}),
        "requestContext": {"http": {"method": method, "sourceIp": "192.0.2.44"}},
        "isBase64Encoded": False,
    }
    if code is not None:
        event["pathParameters"] = {"short_code": code}
    if query is not None:
        event["queryStringParameters"] = query
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    answer = Answer(functions.invoke(function, event, remaining_ms=remaining_ms))
    if (route, answer.status) in description.answers() or route in ROUTES:
        description.check_answer(
            method, path.replace("{short_code}", "any"), answer.status, answer.headers, answer.text
        )
    return answer


def operate(functions: Functions, method: str, path: str, body: Any = None, query: Any = None) -> tuple[int, Any]:
    event = {"method": method, "path": path}
    event |= {} if body is None else {"body": body}
    event |= {} if query is None else {"query": query}
    answer = functions.invoke("manage_links", event, remaining_ms=30_000)
    assert answer.keys() == {"status", "body"}
    return answer["status"], answer["body"]


# Every route with every kind of key

ENTRY = {"links": [{"original_url": "https://example.com/new"}]}
IMPORT = {"links": [{"original_url": "https://example.com/new", "short_code": "old"}]}
CHANGE = {"short_codes": [CODE], "set": {"title": "New"}}
# route: arguments, the role that it needs, its answer to that
ROUTES: dict[str, tuple[dict[str, Any], Role, int]] = {
    "GET /links": ({}, Role.READ, 200),
    "GET /links/{short_code}": ({"code": CODE}, Role.READ, 200),
    "GET /links/{short_code}/stats": ({"code": CODE}, Role.READ, 200),
    "PATCH /links/{short_code}": ({"code": CODE, "body": {"title": "New"}}, Role.WRITE, 200),
    "DELETE /links/{short_code}": ({"code": CODE}, Role.WRITE, 204),
    "POST /links/bulk": ({"body": ENTRY}, Role.WRITE, 200),
    "PATCH /links/bulk": ({"body": CHANGE}, Role.WRITE, 200),
    "POST /links/import": ({"body": IMPORT}, Role.ADMIN, 200),
    "POST /create": ({"body": {"original_url": "https://example.com/new"}, "function": "create_url"}, Role.WRITE, 201),
}
REFUSED: dict[str, dict[str, Any]] = {
    "no key": {"token": None},
    "empty": {"token": ""},
    "malformed": {"token": "sq_abc"},
    "another scheme": {"token": None, "headers": {"authorization": f"Basic {ADMIN_TOKEN}"}},
    "unknown": {"token": UNKNOWN_TOKEN},
    "wrong secret": {"token": WRONG_TOKEN},
    "expired": {"token": EXPIRED_TOKEN},
    "revoked": {"token": REVOKED_TOKEN},
    "two keys": {"token": ADMIN_TOKEN, "headers": {"x-api-key": WRITE_TOKEN}},
    "a good and a bad one": {"token": ADMIN_TOKEN, "headers": {"x-api-key": "x"}},
    "in the query": {"token": None, "query": {"key": ADMIN_TOKEN, "authorization": f"Bearer {ADMIN_TOKEN}"}},
    "in a cookie": {"token": None, "headers": {"cookie": f"authorization=Bearer {ADMIN_TOKEN}"}},
}
UNAUTHORIZED = {
    "Cache-Control": "no-store",
    "Content-Type": "application/json",
    "Referrer-Policy": "no-referrer",
    "WWW-Authenticate": "Bearer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
GOOD = {"read": READ_TOKEN, "write": WRITE_TOKEN, "admin": ADMIN_TOKEN}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("route", ROUTES)
def test_given_a_key_that_is_not_good_when_called_then_all_get_one_401(functions, route, kind):
    arguments, _, _ = ROUTES[route]
    before = dict(functions.store.links)

    answer = call(functions, route, **arguments | REFUSED[kind])

    assert (answer.status, answer.headers) == (401, UNAUTHORIZED)
    assert answer.body == {
        "error": "Unauthorized",
        "message": "A valid key is needed: send 'Authorization: Bearer sq_...'; an operator makes one: make key",
        "details": None,
    }
    assert (functions.store.calls, functions.store.links, functions.domains.refreshed) == ([], before, 0)


@pytest.mark.parametrize("route", ROUTES)
def test_given_who_tries_the_ids_of_keys_when_told_then_none_is_told_from_another(functions, route):
    arguments, _, _ = ROUTES[route]
    seen = []

    for kind in ("unknown", "wrong secret", "expired", "revoked"):
        functions.durable.asked.clear()
        answer = call(functions, route, **arguments | REFUSED[kind])
        seen.append(
            (vars(answer), len(functions.durable.asked), log_in(functions.written), metrics_in(functions.written))
        )

    assert seen == [seen[0]] * 4


@pytest.mark.parametrize("role", GOOD)
@pytest.mark.parametrize("route", ROUTES)
def test_given_a_role_when_called_then_it_may_what_the_contract_says(functions, route, role):
    arguments, needed, status = ROUTES[route]
    before = dict(functions.store.links)

    answer = call(functions, route, GOOD[role], **arguments)

    if Role[role.upper()] >= needed:
        assert answer.status == status
    else:
        assert (answer.status, answer.body["error"], functions.store.links) == (403, "Forbidden", before)


@pytest.mark.parametrize("route", ROUTES)
def test_given_any_key_in_x_api_key_when_called_then_it_works_as_well(functions, route):
    arguments, _, status = ROUTES[route]

    both = {"x-api-key": ADMIN_TOKEN} | bearer(ADMIN_TOKEN)

    assert call(functions, route, None, headers={"x-api-key": ADMIN_TOKEN}, **arguments).status == status
    assert call(functions, route, None, headers=both, **arguments).status in {status, 200}


BODIES = {
    "PATCH /links/{short_code}": {"title": "New"},
    "GET /links/{short_code}": None,
    "GET /links/{short_code}/stats": None,
    "DELETE /links/{short_code}": None,
}


@pytest.mark.parametrize("token", [FOREIGN_TOKEN, READ_TOKEN], ids=["foreign write", "read"])
@pytest.mark.parametrize("route", BODIES)
def test_given_anothers_link_or_none_when_called_then_they_can_not_be_told_apart(functions, route, token):
    code = CODE if token == FOREIGN_TOKEN else THEIRS
    answers, calls = [], []
    for each in (code, NOBODYS, "no-such-code"):
        functions.store.calls.clear()
        answer = call(functions, route, token, BODIES[route], each, headers={"if-match": '"9"'})
        answers.append((answer.status, answer.headers, answer.text))
        calls.append((list(functions.store.calls), list(metrics_in(functions.written))))

    assert answers[0] == answers[1] == answers[2]
    assert calls[0] == calls[1] == calls[2]
    assert answers[0][0] in {404, 403}


def test_given_others_codes_in_a_bulk_when_changed_then_they_look_as_if_not_there(functions):
    codes = [CODE, THEIRS, NOBODYS, "no-such-code", "#secret", "x" * 5000, ""]

    answer = call(functions, "PATCH /links/bulk", body={"short_codes": codes, "set": {"title": "New"}})

    first, *others = answer.body["results"]
    assert (first["status"], first["link"]["title"]) == (200, "New")
    assert len(others) == 6
    assert all(other == others[0] for other in others)
    assert others[0]["status"] == 404


@pytest.mark.parametrize("owner", ["sales", "*", "nobody-has-this"])
@pytest.mark.parametrize("token", [READ_TOKEN, WRITE_TOKEN], ids=["read", "write"])
def test_given_another_owner_in_a_list_when_asked_then_an_admin_is_needed(functions, owner, token):
    assert call(functions, "GET /links", token, query={"owner": owner}).status == 403


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "token", [READ_TOKEN, ADMIN_TOKEN, EXPIRED_TOKEN, "sq_abc"], ids=["read", "admin", "old", "bad"]
)
def test_given_any_answer_to_a_key_then_it_is_not_kept_nor_the_key_written(functions, route, token):
    arguments, _, _ = ROUTES[route]

    answer = call(functions, route, token, **arguments)

    assert answer.headers["Cache-Control"] == "no-store"
    assert traces_of(token, json.dumps([functions.written, answer.headers]) + answer.text) == []


def traces_of(token: str, text: str) -> list[str]:
    """Return what a text has of a key: its id, its secret, or a digest of that in any spelling."""
    _, id_, secret = token.split("_") if token.count("_") == 2 else ("", token, token)
    digest = hashlib.sha256(secret.encode())
    spelled = [digest.hexdigest(), base64.b64encode(digest.digest()).decode(), repr(digest.digest())]
    return [part for part in (id_, secret, *spelled) if part in text]


@pytest.mark.parametrize("method", ["get", "find_key"])
@pytest.mark.parametrize("cause", [KeyError, Throttled, Unavailable])
def test_given_a_failure_when_a_key_was_shown_then_nothing_of_it_is_written(functions, monkeypatch, method, cause):
    def fail(*_: object) -> None:
        raise cause(ADMIN_TOKEN)

    monkeypatch.setattr(functions.store if method == "get" else functions.durable, method, fail)

    answer = call(functions, "GET /links/{short_code}", ADMIN_TOKEN, code=CODE)

    assert answer.status == {KeyError: 500, Throttled: 429, Unavailable: 503}[cause]
    assert traces_of(ADMIN_TOKEN, json.dumps(functions.written) + answer.text) == []
    assert log_in(functions.written)[0]["error_type"] == answer.body["error"]


# Creating, with and without a key


@pytest.mark.parametrize("access", ["key", "anyone"])
@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind not in {"no key", "in the query", "in a cookie"}])
def test_given_a_bad_key_when_anybody_may_create_then_it_is_still_refused(functions, access, kind):
    functions.parameters = {"CreateAccess": access}
    arguments, _, _ = ROUTES["POST /create"]

    assert call(functions, "POST /create", **arguments | REFUSED[kind]).status == 401


def test_given_anybody_may_create_when_without_a_key_then_the_link_is_nobodys(functions):
    functions.parameters = {"CreateAccess": "anyone"}
    arguments, _, _ = ROUTES["POST /create"]

    answer = call(functions, "POST /create", None, **arguments)

    assert answer.status == 201
    assert set(answer.body) == {"short_code", "original_url", "short_url", "created_at", "expires_at", "redirect_type"}
    assert functions.store.links[answer.body["short_code"]].kind.owner is None


@pytest.mark.parametrize("access", ["key", "anyone"])
def test_given_a_key_when_created_then_the_whole_link_is_answered(functions, access):
    functions.parameters = {"CreateAccess": access}
    body = {"original_url": URL + "/2", "title": "T", "tags": ["b", "a"], "ttl_hours": 1, "forward_query": True}

    answer = call(functions, "POST /create", body=body, function="create_url")
    again = call(functions, "POST /create", body=body, function="create_url")

    code = answer.body["short_code"]
    assert (answer.status, answer.headers["Location"]) == (201, f"{API}/{code}")
    assert answer.body == {
        "short_code": code,
        "short_url": f"{API}/{code}",
        "original_url": URL + "/2",
        "redirect_type": "301",
        "forward_query": True,
        "status": "active",
        "custom_code": False,
        "created_at": timestamp(NOW),
        "expires_at": timestamp(NOW + HOUR),
        "ttl_hours": 1,
        "max_clicks": None,
        "owner": "marketing",
        "title": "T",
        "tags": ["a", "b"],
        "locked": False,
        "click_count": 0,
        "bot_click_count": 0,
        "imported_clicks": 0,
        "revision": 1,
    }
    assert (again.status, again.body, "Location" in again.headers) == (200, answer.body, False)
    assert (functions.limiter.asked, functions.store.links[code].kind.owner) == ([], "marketing")


@pytest.mark.parametrize("token", [None, WRITE_TOKEN], ids=["anonymous", "with a key"])
def test_given_a_limit_when_created_then_each_request_gets_a_link_of_its_own(functions, token):
    functions.parameters = {"CreateAccess": "anyone"}
    body = {"original_url": URL + "/2", "max_clicks": 100}

    answers = [call(functions, "POST /create", token, body, function="create_url") for _ in range(2)]

    links = [functions.store.links[answer.body["short_code"]] for answer in answers]
    assert [answer.status for answer in answers] == [201, 201]
    assert len({link.short_code for link in links}) == 2
    assert [(link.max_clicks, link.click_limit) for link in links] == [(100, 100)] * 2
    assert [answer.body.get("max_clicks") for answer in answers] == [100 if token else None] * 2


def test_given_a_direct_invocation_when_created_then_it_needs_no_key(functions):
    answer = functions.invoke("create_url", {"original_url": URL + "/2", "owner": "sales", "title": "T"})

    assert (answer["owner"], answer["title"], answer["short_url"]) == ("sales", "T", None)


# One link


def test_given_an_own_link_when_seen_then_it_is_whole_with_its_revision(functions):
    answer = call(functions, "GET /links/{short_code}", READ_TOKEN, code=CODE)

    assert (answer.status, answer.headers["ETag"]) == (200, '"4"')
    assert answer.body == {
        "short_code": CODE,
        "short_url": f"{API}/{CODE}",
        "original_url": URL,
        "redirect_type": "302",
        "forward_query": False,
        "status": "active",
        "custom_code": True,
        "created_at": "2026-11-22T10:30:00Z",
        "expires_at": timestamp(1_900_000_000),
        "ttl_hours": 720,
        "max_clicks": None,
        "owner": "marketing",
        "title": "Summer sale",
        "tags": ["shop"],
        "locked": False,
        "click_count": 0,
        "bot_click_count": 0,
        "imported_clicks": 0,
        "revision": 4,
    }


def test_given_a_deleted_link_when_seen_then_it_has_no_destination(functions):
    answer = call(functions, "GET /links/{short_code}", READ_TOKEN, code="deleted")

    assert (answer.status, answer.body["original_url"], answer.body["status"]) == (200, None, "deleted")


@pytest.mark.parametrize("base", [{"BaseUrl": "https://sq.example"}, {"DomainName": "sq.example"}])
def test_given_a_base_url_when_seen_then_short_urls_start_with_it(functions, base):
    functions.parameters = base

    assert call(functions, "GET /links/{short_code}", code=CODE).body["short_url"] == f"https://sq.example/{CODE}"
    assert operate(functions, "GET", f"/links/{CODE}")[1]["short_url"] == f"https://sq.example/{CODE}"


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        (None, 200),
        ("*", 200),
        ('"4"', 200),
        ('W/"4"', 200),
        ('"3", "4"', 200),
        ('"3","5"', 412),
        ('W/"3"', 412),
        ("4", 412),
        ('"04x"', 412),
        ("anything", 412),
        ('""', 412),
    ],
)
def test_given_if_match_when_changed_then_a_faster_change_is_not_lost(functions, if_match, status):
    headers = {} if if_match is None else {"if-match": if_match}

    answer = call(functions, "PATCH /links/{short_code}", body={"title": "New"}, code=CODE, headers=headers)

    assert answer.status == status
    if status == 200:
        assert (answer.headers["ETag"], answer.body["revision"]) == ('"5"', 5)
    else:
        assert (answer.body["error"], functions.store.links[CODE].title) == ("PreconditionFailed", "Summer sale")


@pytest.mark.parametrize(("if_match", "advice"), [("4", "with its quotes"), ('"3"', "changed meanwhile")])
def test_given_an_if_match_that_fails_then_the_message_says_why(functions, if_match, advice):
    headers = {"if-match": if_match}

    answer = call(functions, "PATCH /links/{short_code}", body={"title": "New"}, code=CODE, headers=headers)

    assert advice in answer.body["message"]


@pytest.mark.parametrize("if_match", [None, '"4"', '"3"'])
def test_given_if_match_when_deleted_then_it_counts_as_well(functions, if_match):
    headers = {} if if_match is None else {"if-match": if_match}

    answer = call(functions, "DELETE /links/{short_code}", code=CODE, headers=headers)

    assert answer.status == (412 if if_match == '"3"' else 204)


LASTING = timestamp(NOW + HOUR)


@pytest.mark.parametrize(
    ("before", "fields", "until"),
    [
        ({}, {"original_url": "https://example.com/2"}, LASTING),
        ({}, {"redirect_type": "302"}, LASTING),
        ({}, {"status": "disabled"}, LASTING),
        ({}, {"forward_query": True}, LASTING),
        ({}, {"max_clicks": 5}, LASTING),
        ({"max_clicks": 5, "click_limit": 5}, {"original_url": "https://example.com/2"}, None),
        ({"max_clicks": 5, "click_limit": 5}, {"max_clicks": None}, None),
        ({}, {"ttl_hours": 1}, None),
        ({}, {"title": "New"}, None),
        ({}, {"ttl_hours": 2}, None),
        ({"expires_at": NOW + 60}, {"status": "disabled"}, timestamp(NOW + 60)),
        ({"expires_at": NOW + 60}, {"ttl_hours": 1}, None),
        ({"status": DISABLED}, {"status": "active"}, None),
        ({"expires_at": NOW - 60}, {"original_url": "https://example.com/2"}, None),
        ({"kind": Kind(URL, "302", None, "marketing")}, {"original_url": "https://example.com/2"}, None),
        ({"kind": Kind(URL, "302", None, "marketing")}, {"redirect_type": "301"}, None),
    ],
    ids=str,
)
def test_given_a_change_when_browsers_may_hold_what_was_then_it_says_until_when(functions, before, fields, until):
    functions.store.links["x"] = replace(a_link("x", Kind(URL, "301", None, "marketing")), **before)

    answer = call(functions, "PATCH /links/{short_code}", body=fields, code="x")

    assert (answer.status, answer.body["cached_until"]) == (200, until)


@pytest.mark.parametrize(
    ("seconds", "until"), [(0, None), (60, timestamp(NOW + 60)), (86_400, timestamp(NOW + 86_400))]
)
def test_given_a_permanent_max_age_when_changed_then_browsers_hold_it_no_longer(functions, seconds, until):
    functions.parameters = {"PermanentMaxAge": str(seconds)}
    functions.store.links["x"] = a_link("x", Kind(URL, "301", None, "marketing"))

    answer = call(functions, "PATCH /links/{short_code}", body={"status": "disabled"}, code="x")

    assert answer.body["cached_until"] == until


def test_given_a_used_up_link_when_its_limit_is_raised_then_visitors_are_sent_on(functions):
    limits = {"max_clicks": 1, "click_limit": 4, "click_count": 4, "bot_click_count": 3}
    functions.store.links["x"] = a_link("x", Kind(URL, "301", None, "marketing"), **limits)
    assert call(functions, "GET /links/{short_code}", code="x").body["status"] == "used_up"

    answer = call(functions, "PATCH /links/{short_code}", body={"max_clicks": 2}, code="x")

    visits = [functions.invoke("redirect", {"short_code": "x"}) for _ in range(2)]
    assert (answer.body["status"], answer.body["max_clicks"], answer.body["click_count"]) == ("active", 2, 4)
    assert (visits[0]["original_url"], visits[1]["status"]) == (URL, 410)


def test_given_a_link_when_deleted_twice_then_both_are_204_and_visitors_get_410(functions):
    for _ in range(2):
        answer = call(functions, "DELETE /links/{short_code}", code=CODE)
        assert (answer.status, answer.text) == (204, "")

    visit = functions.invoke("redirect", {"short_code": CODE})
    assert (visit["status"], visit["error"]) == (410, "Gone")
    assert call(functions, "PATCH /links/{short_code}", body={"status": "active"}, code=CODE).status == 410


@pytest.mark.parametrize("token", [WRITE_TOKEN, READ_TOKEN], ids=["write", "read"])
def test_given_a_release_when_the_key_is_no_admins_then_it_is_refused(functions, token):
    answer = call(functions, "DELETE /links/{short_code}", token, code=CODE, query={"release": "true"})

    assert (answer.status, functions.store.links[CODE].status) == (403, ACTIVE)


def test_given_a_release_when_an_admin_asks_then_the_code_is_free_for_anybody(functions):
    for _ in range(2):
        assert (
            call(functions, "DELETE /links/{short_code}", BOSS_TOKEN, code=CODE, query={"release": "true"}).status
            == 204
        )

    body = {"original_url": "https://example.com/2", "custom_code": CODE}
    answer = call(functions, "POST /create", FOREIGN_TOKEN, body, function="create_url")
    assert (answer.status, answer.body["owner"]) == (201, "sales")


@pytest.mark.parametrize("release", ["1", "yes", "TRUE", ""])
def test_given_a_release_that_is_neither_when_asked_then_nothing_is_deleted(functions, release):
    answer = call(functions, "DELETE /links/{short_code}", BOSS_TOKEN, code=CODE, query={"release": release})

    assert (answer.status, functions.store.links[CODE].status) == (400, ACTIVE)


def test_given_a_link_that_an_admin_took_down_then_its_owner_gets_it_back_by_no_way(functions):
    assert call(functions, "PATCH /links/{short_code}", BOSS_TOKEN, {"status": "disabled"}, CODE).body["locked"]

    assert call(functions, "PATCH /links/{short_code}", body={"status": "active"}, code=CODE).status == 403
    assert call(functions, "DELETE /links/{short_code}", code=CODE).status == 204
    again = call(functions, "POST /create", body={"original_url": URL, "custom_code": CODE}, function="create_url")
    assert (again.status, functions.invoke("redirect", {"short_code": CODE})["status"]) == (409, 410)


def test_given_an_anonymous_link_then_an_admin_may_change_its_status_alone(functions):
    change: dict[str, Any] = {"body": {"status": "disabled"}, "code": NOBODYS}

    assert call(functions, "PATCH /links/{short_code}", WRITE_TOKEN, **change).status == 404
    assert call(functions, "PATCH /links/{short_code}", ADMIN_TOKEN, **change).status == 200
    for fields in ({"title": "T"}, {"original_url": URL}, {"status": "active", "ttl_hours": 1}):
        assert call(functions, "PATCH /links/{short_code}", ADMIN_TOKEN, fields, NOBODYS).status == 403
    assert call(functions, "DELETE /links/{short_code}", ADMIN_TOKEN, code=NOBODYS).status == 204


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "body"),
        ("", 400, "body"),
        ("[]", 400, "body"),
        ({"status": "deleted"}, 400, "status"),
        ({"original_url": None}, 400, "original_url"),
        ({"owner": "sales"}, 400, "owner"),
        ({"short_code": "x"}, 400, "short_code"),
        ({"click_count": 0}, 400, "click_count"),
        ({"locked": False}, 400, "locked"),
        ({"revision": 1}, 400, "revision"),
        ("{" + " " * 32 * 1024 + "}", 413, None),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_given_a_change_that_breaks_a_rule_when_sent_then_nothing_changes(functions, body, status, field):
    before = dict(functions.store.links)

    answer = call(functions, "PATCH /links/{short_code}", body=body, code=CODE)

    assert (answer.status, functions.store.links) == (status, before)
    assert field is None or [detail["field"] for detail in answer.body["details"]] == [field]


def test_given_a_denied_domain_when_a_link_is_to_lead_there_then_it_is_refused(functions):
    functions.domains.lists = DomainLists(denied=frozenset({"bad.example"}))

    answer = call(functions, "PATCH /links/{short_code}", body={"original_url": "https://bad.example/"}, code=CODE)

    assert (answer.status, answer.body["error"]) == (400, "InvalidUrl")


def test_given_the_services_own_host_when_a_link_is_led_there_then_it_is_refused(functions):
    answer = call(functions, "PATCH /links/{short_code}", body={"original_url": f"{API}/x"}, code=CODE)

    assert (answer.status, answer.body["error"]) == (400, "InvalidUrl")


# Lists


def test_given_keys_when_listed_then_each_sees_its_owners_links(functions):
    expected = {READ_TOKEN: {CODE}, ADMIN_TOKEN: {CODE}, FOREIGN_TOKEN: {THEIRS}, BOSS_TOKEN: set()}

    for token, codes in expected.items():
        body = call(functions, "GET /links", token).body
        assert ({link["short_code"] for link in body["links"]}, body["cursor"]) == (codes, None)


@pytest.mark.parametrize(("owner", "codes"), [("sales", {THEIRS}), ("marketing", {CODE}), ("nobody", set())])
def test_given_an_admin_when_an_owner_is_named_then_its_links_are_listed(functions, owner, codes):
    body = call(functions, "GET /links", BOSS_TOKEN, query={"owner": owner}).body

    assert {link["short_code"] for link in body["links"]} == codes


def test_given_an_admin_when_everybody_is_asked_for_then_all_are_listed(functions):
    body = call(functions, "GET /links", BOSS_TOKEN, query={"owner": "*"}).body

    assert {link["short_code"] for link in body["links"]} == {*functions.store.links} - {"deleted"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *[({"limit": limit}, "limit") for limit in ("0", "101", "-1", "", "5.0", "1e1", "٣", "5,5", "9" * 5000, "ten")],
        *[({"status": status}, "status") for status in ("old", "", "Active", "active,disabled")],
        *[({"owner": owner}, "owner") for owner in ("", "Sales", "x" * 33, "x" * 5000, "a b", "**")],
        *[({"cursor": cursor}, "cursor") for cursor in ("x", "AAAA", "x" * 5000, "\ud800")],
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_given_a_parameter_that_breaks_a_rule_when_listed_then_it_is_refused(functions, query, field):
    answer = call(functions, "GET /links", BOSS_TOKEN, query=query)

    assert (answer.status, answer.body["error"]) == (400, "ValidationError")
    assert [detail["field"] for detail in answer.body["details"]] == [field]
    assert functions.store.calls == []


def test_given_a_url_that_is_no_destination_when_listed_then_it_is_an_invalid_url(functions):
    answer = call(functions, "GET /links", query={"url": "ftp://example.com"})

    assert (answer.status, answer.body["error"]) == (400, "InvalidUrl")


@pytest.mark.parametrize(
    "query",
    [
        {"unknown": "x"},
        {"limit": "100"},
        {"limit": "1"},
        {"status": "active"},
        {"tag": "shop"},
        {"q": "SUMMER"},
        {"url": " HTTPS://example.com:443/sale"},
        {"owner": "marketing"},
        {"q": ""},
        {"cursor": ""},
    ],
    ids=str,
)
def test_given_parameters_that_fit_when_listed_then_the_link_is_there(functions, query):
    answer = call(functions, "GET /links", query=query)

    assert [link["short_code"] for link in answer.body["links"]] == [CODE]


def test_given_pages_when_followed_then_a_cursor_holds_for_its_own_list_alone(functions):
    for number in range(25):
        code = f"page-{number:02}"
        functions.store.links[code] = a_link(code, Kind(URL, "301", None, "marketing"), title="paged")
    query = {"limit": "10", "q": "paged"}
    first = call(functions, "GET /links", query=query).body
    cursor = {"cursor": first["cursor"]}
    second = call(functions, "GET /links", query=query | cursor).body
    third = call(functions, "GET /links", query=query | {"limit": "100", "cursor": second["cursor"]}).body

    codes = [link["short_code"] for page in (first, second, third) for link in page["links"]]
    assert (sorted(codes), third["cursor"]) == ([f"page-{number:02}" for number in range(25)], None)
    for other in ({"q": "page"}, {"tag": "x"}, {"status": "active"}, {"owner": "sales"}):
        assert call(functions, "GET /links", BOSS_TOKEN, query=query | cursor | other).status == 400
    for token in (READ_TOKEN, ADMIN_TOKEN, FOREIGN_TOKEN, BOSS_TOKEN):
        assert call(functions, "GET /links", token, query=query | cursor).status == 400
    assert call(functions, "GET /links", query=query | {"cursor": first["cursor"][:-1] + "_"}).status == 400
    assert "secret" not in first["cursor"]


# Statistics


STATS = "GET /links/{short_code}/stats"
TODAY = NOW // DAY  # 2027-01-15
COUNTED = a_link(
    "counted",
    Kind(URL, "301", None, "marketing"),
    click_count=30,
    bot_click_count=7,
    days={TODAY: 2, TODAY - 1: 3, TODAY - 3: 0, TODAY - 40: 5},
    days_from=TODAY - 50,
)


def stats(functions: Functions, **query: str) -> Answer:
    functions.store.links["counted"] = COUNTED
    functions.store.past[COUNTED.short_code, COUNTED.created_at] = {TODAY - 60: 6, TODAY - 400: 1}
    return call(functions, STATS, READ_TOKEN, code="counted", query=query)


def test_given_a_link_when_its_statistics_are_seen_then_every_day_is_there(functions):
    answer = stats(functions, **{"from": "2027-01-12", "to": "2027-01-15"})

    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.body == {
        "short_code": "counted",
        "click_count": 30,
        "bot_click_count": 7,
        "undated_click_count": 6,
        "last_click_on": "2027-01-15",
        "timezone": "UTC",
        "from": "2027-01-12",
        "to": "2027-01-15",
        "days": [
            {"date": "2027-01-12", "clicks": 0},
            {"date": "2027-01-13", "clicks": 0},
            {"date": "2027-01-14", "clicks": 3},
            {"date": "2027-01-15", "clicks": 2},
        ],
    }


@pytest.mark.parametrize(
    ("query", "window", "days", "clicks"),
    [
        ({}, ("2026-12-17", "2027-01-15"), 30, 5),
        ({"from": "2027-01-15"}, ("2027-01-15", "2027-01-15"), 1, 2),
        ({"from": "2026-12-01"}, ("2026-12-01", "2027-01-15"), 46, 10),
        ({"to": "2026-12-10"}, ("2026-11-11", "2026-12-10"), 30, 11),
        ({"to": "2026-12-07"}, ("2026-11-08", "2026-12-07"), 30, 11),
        ({"from": "2025-12-12", "to": "2027-01-15"}, ("2025-12-12", "2027-01-15"), 400, 16),
        ({"from": "2025-12-11", "to": "2027-01-14"}, ("2025-12-11", "2027-01-14"), 400, 15),
        ({"from": "2024-02-28", "to": "2024-03-01"}, ("2024-02-28", "2024-03-01"), 3, 0),
        ({"from": "2027-02-01"}, ("2027-02-01", "2027-02-01"), 1, 0),
        ({"from": "2026-11-16", "to": "2026-11-16"}, ("2026-11-16", "2026-11-16"), 1, 6),
        ({"to": "1970-01-02"}, ("1969-12-04", "1970-01-02"), 30, 0),
        ({"to": "9999-12-31"}, ("9999-12-02", "9999-12-31"), 30, 0),
    ],
    ids=str,
)
def test_given_a_window_when_statistics_are_seen_then_it_has_both_its_ends(functions, query, window, days, clicks):
    body = stats(functions, **query).body

    dates = [day["date"] for day in body["days"]]
    assert (body["from"], body["to"], dates[0], dates[-1]) == window * 2
    assert (len(set(dates)), dates, sum(day["clicks"] for day in body["days"])) == (days, sorted(dates), clicks)
    assert (body["click_count"], body["last_click_on"]) == (30, "2027-01-15")  # of all days, not of the window's


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        *[({"from": day}, ["from"]) for day in ("", "yesterday", "2026-1-1", "2026-02-30", "1969-12-31", "0000-00-00")],
        *[({"to": day}, ["to"]) for day in ("2026-11-24T00:00:00Z", " 2026-11-24", "\u0662026-11-24", "2026-11-24\n")],
        ({"from": "x", "to": "y"}, ["from", "to"]),
        ({"from": "2027-01-02", "to": "2027-01-01"}, ["from"]),
        ({"from": "2025-12-11", "to": "2027-01-15"}, ["from"]),
        ({"from": "1970-01-01"}, ["from"]),
        ({"from": "0001-01-01", "to": "9999-12-31"}, ["from"]),
        ({"from": "9" * 5000}, ["from"]),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_given_a_window_that_makes_no_sense_when_asked_for_then_it_is_refused(functions, query, fields):
    answer = stats(functions, **query)

    assert (answer.status, answer.body["error"]) == (400, "ValidationError")
    assert [detail["field"] for detail in answer.body["details"]] == fields
    assert functions.store.calls == []


def test_given_a_link_that_nobody_clicked_when_seen_then_there_is_no_last_click(functions):
    body = call(functions, STATS, code=CODE).body

    assert (body["click_count"], body["last_click_on"], body["undated_click_count"]) == (0, None, 0)
    assert {day["clicks"] for day in body["days"]} == {0}


def test_given_a_deleted_link_when_its_statistics_are_seen_then_they_are_there(functions):
    stats(functions)
    call(functions, "DELETE /links/{short_code}", code="counted")

    answer = call(functions, STATS, code="counted", query={"from": "2026-11-16"})

    assert (answer.status, sum(day["clicks"] for day in answer.body["days"])) == (200, 16)


@pytest.mark.parametrize(("token", "status"), [(WRITE_TOKEN, 404), (ADMIN_TOKEN, 200), (BOSS_TOKEN, 200)])
def test_given_an_anonymous_link_when_its_statistics_are_asked_for_then_an_admin_sees(functions, token, status):
    assert call(functions, STATS, token, code=NOBODYS).status == status


# Many at once


def test_given_bad_entries_when_created_in_bulk_then_they_spoil_no_other(functions):
    functions.store.links["down"] = a_link("down", Kind(URL, "301", None, "marketing"), status=DISABLED)
    entries = [
        {"original_url": "https://example.com/1"},
        {"original_url": "ftp://example.com/2"},
        "no object",
        None,
        {"original_url": "https://example.com/3", "custom_code": THEIRS},
        {"original_url": "https://example.com/4", "ttl_hours": 0},
        {"original_url": "https://example.com/5", "owner": "sales"},
        {"original_url": URL, "custom_code": "down"},
        {"original_url": "https://example.com/1"},
        {"original_url": "https://example.com/6", "title": "T", "custom_code": "my-own"},
    ]

    answer = call(functions, "POST /links/bulk", body={"links": entries})

    results = answer.body["results"]
    assert [result["status"] for result in results] == [201, 400, 400, 400, 409, 400, 400, 410, 200, 201]
    assert results[0]["link"] == results[8]["link"]
    assert (results[9]["link"]["title"], results[9]["link"]["short_url"]) == ("T", f"{API}/my-own")
    for result in results:
        assert result.keys() == ({"status", "link"} if result["status"] < 300 else {"status", "error"})
    errors = [result["error"]["error"] for result in results if "error" in result]
    assert errors == ["InvalidUrl", *["ValidationError"] * 2, "ConflictError", *["ValidationError"] * 2, "Gone"]


def test_given_a_bulk_when_sent_again_then_nothing_changes(functions):
    body = {"links": [{"original_url": f"https://example.com/{number}"} for number in range(100)]}

    first = call(functions, "POST /links/bulk", body=body)
    links = dict(functions.store.links)
    again = call(functions, "POST /links/bulk", body=body)

    assert [result["status"] for result in first.body["results"]] == [201] * 100
    assert [result["status"] for result in again.body["results"]] == [200] * 100
    assert (functions.store.links, len({link["link"]["short_code"] for link in first.body["results"]})) == (links, 100)


def test_given_entries_with_a_limit_when_a_bulk_is_sent_again_then_each_is_made_anew(functions):
    entry = {"original_url": "https://example.com/1", "max_clicks": 5}
    body = {"links": [entry, entry | {"custom_code": "my-own"}]}

    answers = [call(functions, "POST /links/bulk", body=body).body["results"] for _ in range(2)]

    assert [[result["status"] for result in results] for results in answers] == [[201, 201], [201, 409]]
    assert answers[0][0]["link"]["short_code"] != answers[1][0]["link"]["short_code"]


@pytest.mark.parametrize("error", [Throttled(), Unavailable(), KeyError("inside")], ids=repr)
def test_given_a_store_that_fails_for_one_in_bulk_then_only_that_one_is_told_so(functions, error):
    claim = functions.store.claim

    def failing(link: Any, now: int) -> Any:
        if link.kind.original_url.endswith("/2"):
            raise error
        return claim(link, now)

    functions.store.claim = failing
    body = {"links": [{"original_url": f"https://example.com/{number}"} for number in range(4)]}

    answer = call(functions, "POST /links/bulk", body=body)

    expected = {Throttled: 429, Unavailable: 503, KeyError: 500}[type(error)]
    assert [result["status"] for result in answer.body["results"]] == [201, 201, expected, 201]
    assert "inside" not in answer.text


@pytest.mark.parametrize("route", ["POST /links/bulk", "PATCH /links/bulk", "POST /links/import"])
def test_given_no_time_when_in_bulk_then_each_entry_is_told_so_and_nothing_is_done(functions, route):
    before = dict(functions.store.links)
    body = ROUTES[route][0]["body"]

    answer = call(functions, route, ADMIN_TOKEN, body, remaining_ms=1500)

    (result,) = answer.body["results"]
    assert (result["status"], result["error"]["error"]) == (503, "ServiceUnavailable")
    assert functions.store.links == before


def test_given_time_that_ends_when_in_bulk_then_what_was_done_is_told(functions, clock):
    claim = functions.store.claim

    def slow(link: Any, now: int) -> Any:
        clock.sleep(1.9)
        return claim(link, now)

    functions.store.claim = slow
    body = {"links": [{"original_url": f"https://example.com/{number}"} for number in range(20)]}

    answer = call(functions, "POST /links/bulk", body=body, remaining_ms=30_000)

    statuses = [result["status"] for result in answer.body["results"]]
    assert statuses == [201] * 15 + [503] * 5
    made = [result["link"]["short_code"] for result in answer.body["results"][:15]]
    assert all(code in functions.store.links for code in made)
    assert sum(clock.pauses) < 30


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        ("POST /links/bulk", {"links": []}, "links"),
        ("POST /links/bulk", {"links": [{}] * 101}, "links"),
        ("POST /links/bulk", {"links": {}}, "links"),
        ("POST /links/bulk", {}, "links"),
        ("POST /links/bulk", [], "body"),
        ("POST /links/bulk", "no JSON", "body"),
        ("POST /links/bulk", ENTRY | {"set": {}}, "set"),
        ("POST /links/bulk", ENTRY | {"\ud800": {}}, "?"),
        ("PATCH /links/bulk", {"short_codes": [CODE] * 101, "set": {"title": "T"}}, "short_codes"),
        ("PATCH /links/bulk", {"set": {"title": "T"}}, "short_codes"),
        ("PATCH /links/bulk", {"short_codes": [CODE]}, "set"),
        ("PATCH /links/bulk", {"short_codes": [CODE], "set": []}, "set"),
        ("PATCH /links/bulk", {"short_codes": [CODE], "set": {"title": 1}}, "title"),
        ("PATCH /links/bulk", CHANGE | {"links": []}, "links"),
        ("POST /links/import", {"links": [{}] * 101}, "links"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_given_a_bulk_that_breaks_a_rule_when_sent_then_all_of_it_is_refused(functions, route, body, field):
    before = dict(functions.store.links)

    answer = call(functions, route, ADMIN_TOKEN, body)

    assert (answer.status, functions.store.links) == (400, before)
    assert [detail["field"] for detail in answer.body["details"]] == [field]


def test_given_a_bulk_change_without_anything_to_change_then_each_entry_is_told(functions):
    answer = call(functions, "PATCH /links/bulk", body={"short_codes": [CODE], "set": {}})

    assert [result["status"] for result in answer.body["results"]] == [400]


def test_given_codes_that_are_no_text_when_changed_in_bulk_then_they_are_refused(functions):
    functions.store.links["123"] = a_link("123", Kind(URL, "301", None, "marketing"))

    answer = call(
        functions, "PATCH /links/bulk", body={"short_codes": [123, None, ["123"], "123"], "set": {"title": "N"}}
    )

    assert [result["status"] for result in answer.body["results"]] == [400, 400, 400, 200]


@pytest.mark.parametrize("route", ["POST /links/bulk", "PATCH /links/bulk", "POST /links/import"])
@pytest.mark.parametrize("over", [0, 1])
def test_given_a_body_over_256_kb_when_sent_then_it_is_refused(functions, route, over):
    text = json.dumps(ROUTES[route][0]["body"])
    text += " " * (256 * 1024 - len(text) + over)

    assert call(functions, route, ADMIN_TOKEN, text).status == (413 if over else 200)


def test_given_a_page_of_another_site_when_it_sends_a_bulk_then_it_is_refused(functions):
    headers = {"origin": "https://evil.example"}

    assert call(functions, "POST /links/bulk", body=ENTRY, headers=headers).status == 403


def test_given_links_of_another_product_when_imported_then_each_is_answered(functions):
    entries = [
        {"short_code": "a", "original_url": URL, "created_at": "2020-01-02T03:04:05Z", "owner": "sales"},
        {"short_code": "b", "original_url": URL, "status": "disabled", "imported_clicks": 5},
        {"short_code": CODE, "original_url": URL},
        {"short_code": THEIRS, "original_url": URL},
        {"short_code": "links", "original_url": URL},
        {"original_url": URL},
        {"short_code": "c", "original_url": URL, "expires_at": "soon"},
    ]

    answer = call(functions, "POST /links/import", BOSS_TOKEN, {"links": entries})

    results = answer.body["results"]
    assert [result["status"] for result in results] == [201, 201, 200, 409, 400, 400, 400]
    assert (results[0]["link"]["owner"], results[0]["link"]["created_at"]) == ("sales", "2020-01-02T03:04:05Z")
    assert (results[1]["link"]["owner"], results[1]["link"]["status"]) == ("boss", "disabled")
    assert (results[1]["link"]["imported_clicks"], results[1]["link"]["click_count"]) == (5, 0)
    assert results[2]["link"]["owner"] == "marketing"


def test_given_an_import_when_tried_first_then_it_tells_the_same_and_changes_nothing(functions):
    entries = [
        {"short_code": "a", "original_url": URL},
        {"short_code": CODE, "original_url": URL},
        {"short_code": THEIRS, "original_url": URL},
        {"short_code": "b", "original_url": "http://127.0.0.1/"},
    ]
    before = dict(functions.store.links)

    tried = call(functions, "POST /links/import", BOSS_TOKEN, {"links": entries}, query={"dry_run": "true"})

    assert functions.store.links == before
    assert tried.body == call(functions, "POST /links/import", BOSS_TOKEN, {"links": entries}).body
    assert [result["status"] for result in tried.body["results"]] == [201, 200, 409, 400]


def test_given_a_dry_run_that_is_neither_when_imported_then_it_is_refused(functions):
    body = {"links": [{"short_code": "a", "original_url": URL}]}

    answer = call(functions, "POST /links/import", BOSS_TOKEN, body, query={"dry_run": "yes"})

    assert (answer.status, answer.body["details"][0]["field"]) == (400, "dry_run")
    assert "a" not in functions.store.links


# Operators


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "status"),
    [
        ("GET", "/links", None, None, 200),
        ("GET", "/links", None, {"owner": "sales", "limit": 5, "cursor": None}, 200),
        ("GET", "/links", None, {"limit": 0}, 400),
        ("GET", f"/links/{THEIRS}", None, None, 200),
        ("GET", "/links/nowhere", None, None, 404),
        ("GET", f"/links/{THEIRS}/stats", None, {"from": "2026-11-01"}, 200),
        ("GET", f"/links/{NOBODYS}/stats", None, None, 200),
        ("GET", f"/links/{NOBODYS}/stats", None, {"from": 20261101}, 400),
        ("GET", "/links/nowhere/stats", None, None, 404),
        ("GET", "/links/#secret", None, None, 404),
        ("GET", "/links/bulk", None, None, 404),
        ("PATCH", f"/links/{THEIRS}", {"title": "T"}, None, 200),
        ("PATCH", f"/links/{NOBODYS}", {"title": "T"}, None, 403),
        ("PATCH", f"/links/{NOBODYS}", {"status": "disabled"}, None, 200),
        ("PATCH", "/links/deleted", {"title": "T"}, None, 410),
        ("DELETE", f"/links/{THEIRS}", None, None, 204),
        ("DELETE", f"/links/{THEIRS}", None, {"release": True}, 204),
        ("DELETE", f"/links/{THEIRS}", None, {"release": "no"}, 400),
        ("POST", "/links/bulk", {"links": [{"original_url": URL, "owner": "x", "title": "T"}]}, None, 200),
        ("PATCH", "/links/bulk", {"short_codes": [CODE, THEIRS], "set": {"status": "disabled"}}, None, 200),
        ("POST", "/links/import", {"links": [{"original_url": URL, "short_code": "x"}]}, None, 200),
        ("POST", "/keys", {"name": "n", "owner": "o", "role": "read"}, None, 201),
        ("POST", "/keys", {"name": "n", "owner": "o", "role": "boss"}, None, 400),
        ("POST", "/keys", None, None, 400),
        ("GET", "/keys", None, None, 200),
        ("DELETE", f"/keys/{WRITE.id}", None, None, 204),
        ("DELETE", "/keys/Unknown1", None, None, 204),
        ("DELETE", f"/keys/{WRITE_TOKEN}", None, None, 400),
        ("GET", "/domains", None, None, 200),
        ("PATCH", "/domains", {"denied": {"add": ["bad.example"]}}, None, 200),
        ("PATCH", "/domains", {"denied": {"add": ["a b"]}}, None, 400),
        ("PUT", "/links", None, None, 404),
        ("get", "/links", None, None, 404),
        ("POST", "/create", {"original_url": URL}, None, 404),
        ("GET", "/keys/", None, None, 404),
        ("GET", "links", None, None, 404),
    ],
)
def test_given_an_operators_call_when_invoked_then_it_has_status_and_body(functions, method, path, body, query, status):
    answered, result = operate(functions, method, path, body, query)

    assert answered == status
    assert (result is None) == (status == 204)
    assert status < 400 or result.keys() == {"error", "message", "details"}


@pytest.mark.parametrize(
    "event", [[], "text", None, 1, {}, {"method": "GET"}, {"path": "/links"}, {"method": {}, "path": []}]
)
def test_given_a_direct_invocation_that_is_no_call_when_invoked_then_it_is_told(functions, event):
    answer = functions.invoke("manage_links", event)

    assert answer["status"] in {400, 404}
    assert functions.store.calls == []


@pytest.mark.parametrize("kind", events.OTHER_KINDS)
def test_given_an_event_of_another_kind_when_invoked_then_nothing_is_done(functions, kind):
    event = events.OTHER_KINDS[kind] | {"method": "POST", "path": "/keys"}

    answer = functions.invoke("manage_links", event)

    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (400, "ValidationError")
    assert functions.store.calls == []


@pytest.mark.parametrize("route", ["POST /keys", "GET /keys", "DELETE /keys/{id}", "GET /domains", "PATCH /domains"])
def test_given_an_operators_route_when_the_api_sends_it_then_there_is_nothing(functions, route):
    answer = call(functions, route, BOSS_TOKEN, {"name": "n", "owner": "o", "role": "admin"})

    assert (answer.status, len(functions.durable.keys)) == (404, 6 + len(events.KEYS))


def test_given_a_new_key_when_made_by_an_operator_then_it_works_until_it_is_revoked(functions):
    status, made = operate(functions, "POST", "/keys", {"name": "Ana", "owner": "new", "role": "write", "ttl_hours": 1})

    assert status == 201
    assert made.keys() == {"id", "name", "owner", "role", "created_at", "expires_at", "key"}
    assert (made["owner"], made["role"], made["expires_at"]) == ("new", "write", timestamp(NOW + HOUR))
    assert traces_of(made["key"], json.dumps(functions.written)) == []
    assert call(functions, "POST /create", made["key"], {"original_url": URL}, function="create_url").status == 201

    _, listed = operate(functions, "GET", "/keys")
    assert {key["id"] for key in listed["keys"]} >= {made["id"], WRITE.id}
    assert traces_of(made["key"], json.dumps(listed)) == [made["id"]]

    assert operate(functions, "DELETE", f"/keys/{made['id']}") == (204, None)
    assert call(functions, "GET /links", made["key"]).status == 401


def test_given_an_operator_without_an_owner_when_listing_then_all_are_there(functions):
    _, page = operate(functions, "GET", "/links")

    assert {link["short_code"] for link in page["links"]} == {*functions.store.links} - {"deleted"}


def test_given_an_operators_pages_when_followed_then_they_are_complete(functions):
    codes, cursor = [], None
    for _ in range(10):
        _, page = operate(functions, "GET", "/links", query={"limit": 2, "cursor": cursor})
        codes += [link["short_code"] for link in page["links"]]
        cursor = page["cursor"]
        if cursor is None:
            break

    assert sorted(codes) == sorted({*functions.store.links} - {"deleted"})


def test_given_an_operator_when_it_makes_links_then_no_address_is_kept(functions):
    functions.parameters = {"StoreCreatorIp": "true"}

    _, answer = operate(functions, "POST", "/links/bulk", {"links": [{"original_url": URL}]})

    link = functions.store.links[answer["results"][0]["link"]["short_code"]]
    assert (link.creator_ip, link.kind.owner) == (None, None)


def test_given_the_domain_lists_when_changed_then_the_lists_are_answered(functions):
    operate(functions, "PATCH", "/domains", {"denied": {"add": ["Bad.Example", "old.example"]}})

    status, lists = operate(
        functions,
        "PATCH",
        "/domains",
        {"denied": {"remove": ["old.example"]}, "allowed": {"add": ["192.0.2.1/%75/1/"]}},
    )

    assert (status, lists) == (200, {"denied": ["bad.example"], "allowed": ["192.0.2.1/u/1"]})
    assert operate(functions, "GET", "/domains") == (200, lists)


def test_given_a_path_that_fits_two_routes_then_the_one_without_parts_goes_first():
    routes = ["GET /links/{short_code}", "GET /links/bulk", "GET /links/{short_code}/x"]

    found = [of_operator({"method": "GET", "path": path}, routes) for path in ("/links/bulk", "/links/a", "/links/a/b")]

    assert [request and request.route for request in found] == ["GET /links/bulk", "GET /links/{short_code}", None]


# What is counted


def test_given_what_managing_does_when_counted_then_it_is_after_it_happened(functions):
    body = {"links": [{"original_url": URL + "/2"}, {"original_url": "ftp://x"}]}

    call(functions, "POST /links/bulk", body=body)

    found = metrics_in(functions.written)
    assert found["url_creation_count"] == [{"service": "squrl-manage-links-local"}]
    assert {"service": "squrl-manage-links-local", "error_type": "InvalidUrl"} in found["error_count"]
