"""Every row of the contract, over HTTP and in direct invocations, through the genuine runtime and database."""

import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest
import requests

from squrl import codes
from squrl.clicks import Click, OldDays
from squrl.keys import Role
from squrl.links import DAY, KEPT_DAYS, Kind, Link, timestamp
from tests.support import events
from tests.support.runtime import running

BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def limited(people: int) -> dict[str, int]:
    """Return what a link has that so many people may follow, and nobody has yet."""
    return {"max_clicks": people, "click_limit": people}


# create


def test_given_a_destination_when_created_then_the_link_is_new_and_complete(api, tables, url):
    answer = api.create(original_url=url)

    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Location"] == body["short_url"] == f"{api.url}/{body['short_code']}"
    assert body == body | {"original_url": url, "expires_at": None, "redirect_type": "301"}
    assert len(body["short_code"]) == codes.LENGTH
    assert tables.get(body["short_code"]) == Link(body["short_code"], Kind(url, "301", None), body["created_at"], None)


def test_given_the_same_request_twice_when_created_then_the_link_is_the_same(api, url):
    first, second = (api.create(original_url=each) for each in (url, url.replace("https://e", "HTTPS://E")))

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert "Location" not in second.headers


def test_given_other_wishes_when_created_then_other_links_are_made(api, url, new):
    wishes: list[dict[str, Any]] = [
        {},
        {"redirect_type": "302"},
        {"ttl_hours": 1},
        {"ttl_hours": 2},
        {"forward_query": True},
        {"max_clicks": 5},
        {"max_clicks": 5},
        {"custom_code": new("x-")},
    ]

    answers = [api.create(original_url=url, **each) for each in wishes]

    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["short_code"] for answer in answers}) == 8


def test_given_a_lifetime_when_created_again_then_the_link_is_renewed(api, tables, url):
    made = api.create(original_url=url, ttl_hours=2).json()
    row = tables.get(made["short_code"])
    tables.put(replace(row, expires_at=row.expires_at - 3600))

    renewed = api.create(original_url=url, ttl_hours=2)

    assert renewed.status_code == 200
    assert renewed.json()["created_at"] == made["created_at"]
    assert renewed.json()["expires_at"] >= made["expires_at"]
    assert tables.get(made["short_code"]).expires_at >= row.expires_at


def test_given_characters_beyond_ascii_when_followed_then_the_location_is_encoded(api, new):
    number = new("")

    body = api.create(original_url=f"https://BÜCHER.example.com/ä?{number}#ß").json()
    redirect = api.get(body["short_code"])

    assert body["original_url"] == f"https://xn--bcher-kva.example.com/ä?{number}#ß"
    assert redirect.headers["Location"] == f"https://xn--bcher-kva.example.com/%C3%A4?{number}#%C3%9F"


def test_given_a_custom_code_when_asked_for_again_then_only_its_own_request_gets_it(api, url, new):
    code = new("c-")
    asked = [
        {"original_url": url, "custom_code": code},
        {"original_url": url, "custom_code": code},
        {"original_url": url},
        {"original_url": f"{url}/other", "custom_code": code},
        {"original_url": url, "custom_code": code, "ttl_hours": 1},
    ]

    first, same, without, other, another_lifetime = (api.create(**each) for each in asked)

    assert (first.status_code, first.json()["short_code"]) == (201, code)
    assert (same.status_code, same.json()["short_code"]) == (200, code)
    assert without.status_code == 201  # who doesn't ask for a code gets none that somebody chose
    assert without.json()["short_code"] != code
    assert [(each.status_code, each.json()["error"]) for each in (other, another_lifetime)] == [
        (409, "ConflictError")
    ] * 2


def test_given_an_expired_code_when_asked_for_then_its_own_request_alone_gets_it(api, tables, put, url):
    expired = put(kind=Kind(url, "301", 24), expires_at=int(time.time()), click_count=8, custom_code=True)

    other = api.create(original_url=f"{url}/other", custom_code=expired.short_code, ttl_hours=24)
    own = api.create(original_url=url, custom_code=expired.short_code, ttl_hours=24)

    assert (other.status_code, own.status_code) == (409, 201)
    assert tables.get(expired.short_code).click_count == 0


def test_given_a_disabled_link_when_asked_for_again_then_it_is_gone_until_enabled(api, tables, url):
    code, admin = api.create(original_url=url).json()["short_code"], tables.make_key("boss", Role.ADMIN)
    assert api.request("PATCH", f"/links/{code}", key=admin, json={"status": "disabled"}).status_code == 200
    disabled = tables.get(code)

    derived = api.create(original_url=url)
    custom = api.create(original_url=url, custom_code=code)
    others = api.create(original_url=f"{url}/other", custom_code=code)
    followed = api.get(code)

    assert [answer.status_code for answer in (derived, custom, others, followed)] == [410, 410, 409, 410]
    assert tables.get(code) == disabled
    assert api.request("PATCH", f"/links/{code}", key=admin, json={"status": "active"}).status_code == 200
    assert [answer.status_code for answer in (api.create(original_url=url), api.get(code))] == [200, 301]


def test_given_anothers_link_at_the_derived_code_when_created_then_it_is_left_alone(api, put, url, tables):
    kind, secret = Kind(url, "301", None), tables.store.secret()
    put(short_code=codes.derive(kind, 0, secret))

    answer = api.create(original_url=url)

    assert (answer.status_code, answer.json()["short_code"]) == (201, codes.derive(kind, 1, secret))


BAD_FIELDS = [
    *({"original_url": value} for value in (None, 5)),
    *({"custom_code": value} for value in ("ab", "a b c", "Admin")),
    *({"ttl_hours": value} for value in (0, 87_601, True, "24", 1.5)),
    *({"redirect_type": value} for value in (301, "307")),
    *({"max_clicks": value} for value in (0, 1_000_000_001, True, "24", 1.5)),
    *({"forward_query": value} for value in ("true", 1)),
    {"ttl": 24},
    {"ttl_hours": -1, "redirect_type": "x", "url": "y"},
]


@pytest.mark.parametrize("fields", BAD_FIELDS, ids=str)
def test_given_bad_fields_when_created_then_each_is_named(api, invoke, url, fields):
    request = {"original_url": url} | fields

    over_http, direct = api.create(**request), invoke("CreateUrlFunction", request)

    assert over_http.status_code == 400
    assert over_http.headers["Cache-Control"] == "no-store"
    assert over_http.json()["error"] == "ValidationError"
    assert [detail["field"] for detail in over_http.json()["details"]] == list(fields)
    assert direct == over_http.json() | {"status": 400}


BAD_URLS = """
    ftp://example.com/  javascript:alert(1)  //example.com  https://  https://example.com:99999/
    https://user:pass@example.com/  https://example.com\\@other.example/  https://a..b.example.com/
    https://-a.example.com/  http://app.localhost/  http://127.0.0.1/  http://2130706433/  http://0177.1/
    http://0x7f.1/  http://[::1]/  http://[::ffff:10.0.0.1]/  http://[64:ff9b::a00:1]/  http://[2002:a00:1::]/
    http://169.254.169.254/latest/meta-data/  http://100.64.0.1/  http://printer/  http://nas.local./
""".split()  # noqa: SIM905 (a line for each would be a page)
BAD_URLS += [
    "https://example.com/a b",
    "https://example.com/\0x",
    "https://example.com/\ud800",
    f"https://a.com/{'a' * 2035}",
]


@pytest.mark.parametrize("bad", BAD_URLS, ids=ascii)
def test_given_a_destination_that_breaks_a_rule_when_created_then_it_is_told(api, invoke, bad):
    over_http, direct = api.create(original_url=bad), invoke("CreateUrlFunction", {"original_url": bad})

    assert over_http.status_code == direct["status"] == 400
    for error in (over_http.json(), direct):
        assert (error["error"], error["details"]) == ("InvalidUrl", None)
        assert error["message"].startswith("The URL must ")


def test_given_the_shorteners_own_address_when_created_then_it_is_refused(api):
    answer = api.create(original_url=f"{api.url}/abc")

    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidUrl")


def refused_body(error):
    return error["error"] == "ValidationError" and [detail["field"] for detail in error["details"]] == ["body"]


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "1", "null", "[" * 10_000], ids=lambda body: body[:9])
def test_given_a_body_that_is_no_object_when_created_then_it_is_refused(api, body):
    answer = api.request("POST", "/create", data=body)

    assert answer.status_code == 400
    assert refused_body(answer.json())


@pytest.mark.parametrize("event", [None, [], "x", 1, True, {"Records": []}, {"headers": {}, "body": "{}"}], ids=str)
def test_given_an_event_of_no_known_kind_when_invoked_then_it_is_refused(invoke, event):
    answer = invoke("CreateUrlFunction", event)

    assert answer.get("status", answer.get("statusCode")) == 400
    assert refused_body(answer if "error" in answer else json.loads(answer["body"]))


def test_given_a_direct_invocation_when_created_then_the_result_is_plain(invoke, url):
    request = {"original_url": url, "ttl_hours": 1, "redirect_type": "302"}

    answer, again = (invoke("CreateUrlFunction", request) for _ in range(2))

    assert (answer["original_url"], answer["owner"], answer["short_url"]) == (url, None, None)
    assert again["short_code"] == answer["short_code"]


# redirect


def test_given_a_link_when_followed_then_gets_are_counted_and_heads_are_not(api, tables, put):
    link = put()

    answers = [api.get(link.short_code), api.head(link.short_code), api.get(link.short_code)]

    for answer in answers:
        assert (answer.status_code, answer.content) == (301, b"")
        assert answer.headers["Location"] == link.kind.original_url
        assert answer.headers["X-Short-Code"] == link.short_code
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert tables.get(link.short_code).click_count == 2


def test_given_a_302_when_followed_then_nobody_may_keep_it(api, put):
    answer = api.get(put("302").short_code)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")


def test_given_a_link_that_expires_soon_when_followed_then_it_is_kept_no_longer(api, put):
    answer = api.get(put(expires_at=int(time.time()) + 600).short_code)

    assert answer.status_code == 301
    assert 0 < int(answer.headers["Cache-Control"].removeprefix("public, max-age=")) <= 600


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("state", ["expired", "disabled", "deleted", "unknown"])
def test_given_no_live_link_when_followed_then_it_is_said_why(api, invoke, tables, put, new, method, state):
    changes: dict[str, Any] = {"expires_at": 10**9} if state == "expired" else {"status": state}
    code = new("none-") if state == "unknown" else put(**changes).short_code
    before = tables.get(code)

    answer = api.request(method, f"/{code}")
    direct = invoke("RedirectFunction", {"short_code": code})

    expected = (404, "NotFound") if state == "unknown" else (410, "Gone")
    assert (direct["status"], direct["error"]) == expected
    assert answer.status_code == expected[0]
    assert answer.headers["Cache-Control"] == "no-store"
    assert method == "HEAD" or answer.json() | {"status": answer.status_code} == direct
    assert tables.get(code) == before


@pytest.mark.parametrize("code", ["ab", "a" * 21, "favicon.png", "a%20b", "%C3%A4%C3%B6%C3%BC"])
def test_given_what_is_no_code_when_followed_then_it_is_not_found(api, code):
    answer = api.get(code)

    assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")


def test_given_a_direct_invocation_when_followed_then_it_is_plain_and_counts(invoke, tables, put):
    link = put("302")
    visitor = {"client_ip": "192.0.2.1", "user_agent": "x", "referer": "https://a.example/"}

    answer = invoke("RedirectFunction", {"short_code": link.short_code} | visitor)

    assert answer == {"original_url": link.kind.original_url, "redirect_type": "302"}
    assert tables.get(link.short_code).click_count == 1


@pytest.mark.parametrize("event", [{}, {"short_code": 7}, {"short_code": None}, [], None], ids=json.dumps)
def test_given_no_code_when_invoked_directly_then_it_is_a_validation_error(invoke, event):
    answer = invoke("RedirectFunction", event)

    assert (answer["error"], answer["status"]) == ("ValidationError", 400)


@pytest.mark.parametrize("max_age", [0, 86_400])
def test_given_an_age_for_301s_when_followed_then_browsers_keep_them_that_long(tables, put, tmp_path, max_age):
    event = events.load("redirect/http.json") | {"pathParameters": {"short_code": put().short_code}}
    options = {"parameters": {"PermanentMaxAge": str(max_age)}, "AWS_ENDPOINT_URL_DYNAMODB": tables.endpoint}

    with running("redirect", tmp_path / "log", **options) as invoke:
        answer = invoke(event)

    assert (answer["statusCode"], answer["headers"]["Cache-Control"]) == (301, f"public, max-age={max_age}")


# what a click adds


def figures(tables, code):
    """Return a link's clicks, bots' clicks and people's clicks by day, after a look at whether they add up."""
    link = tables.get(code)
    assert link.click_count == link.bot_click_count + sum(link.days.values())
    return link.click_count, link.bot_click_count, dict(link.days)


def test_given_a_person_when_it_follows_then_click_and_day_are_counted(api, tables, put):
    code, days = put().short_code, [int(time.time()) // DAY]

    answers = [api.get(code), api.get(code), api.head(code), api.get(code, Referer="https://social.example/")]

    days.append(int(time.time()) // DAY)
    clicks, bots, by_day = figures(tables, code)
    assert {answer.status_code for answer in answers} == {301}
    assert (clicks, bots, by_day.keys() <= {*days}) == (3, 0, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": BOT},
        {"User-Agent": "curl/8.14.1"},
        {"User-Agent": "WhatsApp/2.23.20.0"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
    ],
    ids=str,
)
def test_given_a_bot_when_it_follows_then_it_is_sent_on_and_counted_apart(api, tables, put, headers):
    link = put()

    answer = api.get(link.short_code, **headers)

    assert (answer.status_code, answer.headers["Location"]) == (301, link.kind.original_url)
    assert figures(tables, link.short_code) == (1, 1, {})


def test_given_a_bot_in_a_direct_invocation_when_it_follows_then_it_is_counted_apart(invoke, tables, put):
    link = put()

    answer = invoke("RedirectFunction", {"short_code": link.short_code, "user_agent": BOT})

    assert answer["original_url"] == link.kind.original_url
    assert figures(tables, link.short_code) == (1, 1, {})


# click limit


@pytest.mark.parametrize("redirect_type", ["301", "302"])
def test_given_a_limit_when_people_follow_then_so_many_are_sent_on(api, tables, url, new, redirect_type):
    key = tables.make_key(new("team-"))
    link = api.create(key=key, original_url=url, max_clicks=2, redirect_type=redirect_type).json()
    code = link["short_code"]

    answers = [api.get(code) for _ in range(3)]

    seen = api.request("GET", f"/links/{code}", key=key).json()
    listed = api.request("GET", "/links", key=key, params={"status": "used_up"}).json()["links"]
    assert [answer.status_code for answer in answers] == [int(redirect_type)] * 2 + [410]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert (answers[2].json()["error"], "Location" in answers[2].headers) == ("Gone", False)
    assert listed == [seen]
    assert seen == link | {"status": "used_up", "click_count": 2}


def test_given_a_limit_when_bots_and_onlookers_come_then_none_is_used_up_nor_told(api, invoke, tables, put):
    link = put(**limited(1))
    code, before = link.short_code, tables.get(link.short_code)

    pages = [
        api.get(code, **headers)
        for headers in (
            {"User-Agent": BOT},
            {"Sec-Purpose": "prefetch"},
            {"Purpose": "prefetch"},
            {"X-Moz": "prefetch"},
        )
    ]
    probed = api.head(code)
    direct = invoke("RedirectFunction", {"short_code": code, "user_agent": BOT})

    for page in (*pages, probed):
        assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
        assert link.kind.original_url not in f"{page.headers} {page.text}"
    assert {page.headers["Content-Type"] for page in pages} == {"text/html; charset=utf-8"}
    assert (probed.content, direct) == (b"", {"original_url": None, "redirect_type": "301"})
    assert tables.get(code) == before


def test_given_a_person_taken_for_a_bot_when_the_button_is_pressed_then_it_is_sent_on(api, tables, put):
    link = put(**limited(1))
    code = link.short_code
    page = api.get(code, **{"User-Agent": BOT})
    (action,) = re.findall('<form method="post" action="/([^"]+)"><button>', page.text)

    pressed, again = api.press(action, **{"User-Agent": BOT}), api.press(action)
    afterwards = [api.get(code, **{"User-Agent": BOT}), api.head(code), api.get(code)]

    assert (pressed.status_code, pressed.content) == (303, b"")
    assert (pressed.headers["Location"], pressed.headers["Cache-Control"]) == (link.kind.original_url, "no-store")
    assert [answer.status_code for answer in (again, *afterwards)] == [410] * 4
    clicks, bots, by_day = figures(tables, code)
    assert (clicks, bots, sum(by_day.values())) == (1, 0, 1)


@pytest.mark.parametrize("state", ["unlimited", "disabled", "unknown"])
def test_given_a_link_without_a_page_when_the_button_is_pressed_then_it_is_as_if_followed(api, put, new, state):
    code = {
        "unlimited": lambda: put().short_code,
        "disabled": lambda: put(status="disabled", **limited(1)).short_code,
        "unknown": lambda: new("none-"),
    }[state]()

    assert api.press(code).status_code == {"unlimited": 303, "disabled": 410, "unknown": 404}[state]


def test_given_a_limit_that_is_set_later_when_followed_then_people_since_the_start_count(api, tables, url, new):
    key = tables.make_key(new("team-"))
    code = api.create(key=key, original_url=url, redirect_type="302").json()["short_code"]
    for headers in ({"User-Agent": BOT}, {}, {"User-Agent": BOT}, {"User-Agent": BOT}):
        assert api.get(code, **headers).status_code == 302

    visits = []
    for limit in (2, 3, None):
        changed = api.request("PATCH", f"/links/{code}", key=key, json={"max_clicks": limit})
        assert (changed.status_code, changed.json()["max_clicks"]) == (200, limit)
        visits += [api.get(code).status_code for _ in range(2)]

    assert visits == [302, 410, 302, 410, 302, 302]
    clicks, bots, by_day = figures(tables, code)
    assert (clicks, bots, sum(by_day.values())) == (8, 3, 5)


# forwarding


@pytest.mark.parametrize(
    ("destination", "query", "location"),
    [
        ("/p", "a=1", "/p?a=1"),
        ("/p?a=1", "", "/p?a=1"),
        ("/p?a=1&b=2#f", "b=3&c=4", "/p?a=1&b=3&c=4#f"),
        ("/p?b=2&a=1&b=5", "b=3&b=4", "/p?b=3&b=4&a=1"),
        ("/p?x=a%20b", "y=a+b&z=%2F%26,&e=&n", "/p?x=a%20b&y=a+b&z=%2F%26,&e=&n"),
        ("/p?a%62=1", "ab=2", "/p?ab=2"),
        ("/p?a=1", "q=" + "x" * 2_048, "/p?a=1"),
    ],
)
def test_given_a_link_that_forwards_when_followed_then_the_visitors_query_is_added(
    api, put, destination, query, location
):
    start = "https://example.com"
    link = put(kind=Kind(start + destination, "302", None, forward_query=True))

    answers = [api.request(method, f"/{link.short_code}?{query}") for method in ("GET", "HEAD", "POST")]

    assert [answer.status_code for answer in answers] == [302, 302, 303]
    assert {answer.headers["Location"] for answer in answers} == {start + location}


def test_given_a_link_that_does_not_forward_when_followed_then_a_query_changes_nothing(api, put):
    link = put()

    answer = api.get(f"{link.short_code}?utm_source=letter")

    assert (answer.status_code, answer.headers["Location"]) == (301, link.kind.original_url)


# statistics


def statistics(api, code, key, query=""):
    answer = api.request("GET", f"/links/{code}/stats{query}", key=key)
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()


def this_day():
    """Return the number of a day that lasts for as long as a test takes."""
    left = DAY - time.time() % DAY
    if left < 15:
        time.sleep(left)
    return int(time.time()) // DAY


def by_date(first, *clicks):
    return [{"date": timestamp((first + number) * DAY)[:10], "clicks": each} for number, each in enumerate(clicks)]


def test_given_clicks_when_the_statistics_are_asked_for_then_they_add_up(api, tables, put, new):
    owner = new("team-")
    key, today = tables.make_key(owner, Role.READ), this_day()
    link = put(
        kind=Kind(new("https://example.com/"), "302", None, owner),
        click_count=20,  # of which 5 were there before days were counted
        bot_click_count=4,
        days={today - 31: 8, today - 2: 3},
    )
    code = link.short_code
    for headers in ({}, {}, {"User-Agent": BOT}):
        assert api.get(code, **headers).status_code == 302

    usual, window = (
        statistics(api, code, key, query)
        for query in ("", f"?from={timestamp((today - 31) * DAY)[:10]}&to={timestamp((today - 30) * DAY)[:10]}")
    )

    assert usual == (
        200,
        {
            "short_code": code,
            "click_count": 23,
            "bot_click_count": 5,
            "undated_click_count": 5,
            "last_click_on": timestamp(today * DAY)[:10],
            "timezone": "UTC",
            "from": timestamp((today - 29) * DAY)[:10],
            "to": timestamp(today * DAY)[:10],
            "days": by_date(today - 29, *[0] * 27, 3, 0, 2),
        },
    )
    assert window[1]["days"] == by_date(today - 31, 8, 0)


def test_given_old_days_when_they_are_moved_then_every_day_can_still_be_asked_for(api, invoke, tables, put, new):
    owner = new("team-")
    key, today = tables.make_key(owner, Role.READ), this_day()
    first = today - 399
    days = {day: day % 7 + 1 for day in range(first, today, 9)}
    link = put(
        kind=Kind(new("https://example.com/"), "302", None, owner),
        created_at=timestamp(first * DAY),
        click_count=sum(days.values()),
        days=days,
    )
    year = f"?from={timestamp(first * DAY)[:10]}&to={timestamp(today * DAY)[:10]}"
    before = statistics(api, link.short_code, key, year)

    message = OldDays(link.short_code, link.created_at).to_message()
    answer = invoke("CountClicksFunction", {"Records": [{"messageId": "1", "body": message}]})

    assert answer == {"batchItemFailures": []}
    assert 0 < len(tables.get(link.short_code).days) <= KEPT_DAYS
    assert statistics(api, link.short_code, key, year) == before
    assert before[1]["days"] == by_date(first, *(days.get(day, 0) for day in range(first, today + 1)))
    assert before[1]["undated_click_count"] == 0


def test_given_a_click_that_was_queued_when_counted_then_it_is_on_the_day_it_was_made(api, invoke, tables, put, new):
    owner = new("team-")
    link = put(kind=Kind(new("https://example.com/"), "302", None, owner))
    made = int(time.time()) - 3 * DAY
    clicks = [Click.on(link, made), Click.on(link, made, is_bot=True)]

    records = [{"messageId": str(number), "body": each.to_message()} for number, each in enumerate(clicks)]
    answers = [invoke("CountClicksFunction", {"Records": records}) for _ in range(2)]

    assert answers == [{"batchItemFailures": []}] * 2
    _, told = statistics(api, link.short_code, tables.make_key(owner, Role.READ))
    assert (told["click_count"], told["bot_click_count"], told["undated_click_count"]) == (2, 1, 0)
    assert told["last_click_on"] == timestamp(made)[:10]
    assert {"date": timestamp(made)[:10], "clicks": 1} in told["days"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=yesterday", "from"),
        ("?to=2026-02-30", "to"),
        ("?from=2026-11-24&to=2026-11-23", "from"),
        ("?from=2025-01-01&to=2026-02-05", "from"),
    ],
)
def test_given_no_window_when_the_statistics_are_asked_for_then_it_is_refused(api, tables, put, new, query, field):
    owner = new("team-")
    link = put(kind=Kind(new("https://example.com/"), "301", None, owner))

    status, error = statistics(api, link.short_code, tables.make_key(owner, Role.READ), query)

    assert (status, [detail["field"] for detail in error["details"]]) == (400, [field])


def test_given_statistics_when_asked_for_then_only_who_may_see_the_link_gets_them(api, tables, put, new):
    owner = new("team-")
    own, deleted, anonymous = (
        put(kind=Kind(new("https://example.com/"), "301", None, owner)),
        put(kind=Kind("", "301", None, owner), status="deleted", click_count=3, bot_click_count=3),
        put(),
    )
    reader, stranger, admin = (
        tables.make_key(*each) for each in ((owner, Role.READ), ("others", Role.WRITE), ("boss", Role.ADMIN))
    )
    codes = [link.short_code for link in (own, deleted, anonymous)] + [new("none-")]

    told = {key: [statistics(api, code, key)[0] for code in codes] for key in (None, reader, stranger, admin)}

    assert told == {None: [401] * 4, reader: [200, 200, 404, 404], stranger: [404] * 4, admin: [200] * 3 + [404]}
    assert statistics(api, deleted.short_code, reader)[1]["click_count"] == 3


# managing


def test_given_a_key_that_was_just_made_when_used_then_a_link_is_managed_to_its_end(api, invoke, tables, url, new):
    asked = {"name": "e2e", "owner": new("team-"), "role": "write"}
    made = invoke("ManageLinksFunction", {"method": "POST", "path": "/keys", "body": asked})
    key = made["body"]["key"]

    link = api.create(key=key, original_url=url, title="Tä", tags=["a"], redirect_type="302").json()
    path = f"/links/{link['short_code']}"
    (listed,) = api.request("GET", f"/links?tag=a&q={url[-9:]}", key=key).json()["links"]
    changed = api.request("PATCH", path, key=key, json={"original_url": f"{url}/2"}, headers={"If-Match": '"1"'})
    visits = [api.get(link["short_code"])]
    for status in ("disabled", "active"):
        assert api.request("PATCH", path, key=key, json={"status": status}).status_code == 200
        visits.append(api.get(link["short_code"]))
    seen = api.request("GET", path, key=key)
    too_late = api.request("PATCH", path, key=key, json={"title": "x"}, headers={"If-Match": '"1"'})
    deleted = [api.request("DELETE", path, key=key).status_code for _ in range(2)]

    assert (made["status"], listed) == (201, link)
    assert changed.json() == link | {"original_url": f"{url}/2", "revision": 2, "cached_until": None}
    assert [visit.status_code for visit in visits] == [302, 410, 302]
    assert visits[0].headers["Location"] == f"{url}/2"
    assert (seen.json()["click_count"], seen.headers["ETag"], too_late.status_code) == (2, '"4"', 412)
    assert (deleted, api.get(link["short_code"]).status_code) == ([204, 204], 410)
    row = tables.get(link["short_code"])
    assert (row.kind.original_url, row.title, row.tags, row.click_count) == ("", None, frozenset(), 2)


def test_given_a_hundred_links_when_sent_in_bulk_then_each_is_made_changed_and_listed(api, tables, url, new):
    key, admin = (tables.make_key(new("bulk-"), role) for role in (Role.WRITE, Role.ADMIN))
    body: dict[str, Any] = {"links": [{"original_url": f"{url}/{number}"} for number in range(100)]}

    made = api.request("POST", "/links/bulk", key=key, json=body).json()["results"]
    codes = [result["link"]["short_code"] for result in made]
    body = {"short_codes": codes, "set": {"tags": ["x"]}}
    changed = api.request("PATCH", "/links/bulk", key=key, json=body).json()["results"]
    first = api.request("GET", "/links", key=key, params={"limit": "60", "tag": "x"}).json()
    more = {"limit": "60", "tag": "x", "cursor": first["cursor"]}
    second = api.request("GET", "/links", key=key, params=more).json()
    body = {"links": [{"short_code": new("old"), "original_url": url, "imported_clicks": 7}]}
    imported = [api.request("POST", "/links/import", key=each, json=body) for each in (admin, admin, key)]

    assert [result["status"] for result in (*made, *changed)] == [201] * 100 + [200] * 100
    assert len({*codes}) == 100
    assert {link["short_code"] for link in (*first["links"], *second["links"])} == {*codes}
    assert (len(first["links"]), second["cursor"]) == (60, None)
    assert [each.status_code for each in imported] == [200, 200, 403]
    assert [each.json()["results"][0]["status"] for each in imported[:2]] == [201, 200]


def test_given_anothers_link_when_asked_for_then_it_looks_like_none(api, tables, put, new):
    key, theirs = tables.make_key("us"), put(kind=Kind(new("https://example.com/"), "301", None, "them"))

    for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
        answers = [
            api.request(method, f"/links/{code}", key=key, json=body) for code in (theirs.short_code, new("none-"))
        ]
        seen = [(each.status_code, each.content, dict(each.headers) | {"Date": ""}) for each in answers]
        assert (seen[0][0], seen[0]) == (404, seen[1])
    assert tables.get(theirs.short_code) == theirs


@pytest.mark.parametrize("path", ["/keys", "/domains", "/keys/Admin001"])
def test_given_what_operators_alone_do_when_asked_over_http_then_there_is_nothing(api, tables, path):
    key = tables.make_key("boss", Role.ADMIN)
    body = {"name": "x", "owner": "x", "role": "admin"}

    answers = [
        requests.request(method, api.url + path, json=body, headers={"X-Api-Key": key}, timeout=30)
        for method in ("GET", "POST", "PATCH", "DELETE")
    ]

    assert {answer.status_code for answer in answers} == {404}


# Neither the log tells anything, nor does the client break anything


def test_given_secrets_when_created_and_followed_then_no_level_logs_any(api, api_log, tables, url, new):
    secret = new("secret-")
    headers = {"User-Agent": f"{secret}-agent", "Referer": f"https://{secret}.example/"}

    created = api.request("POST", "/create", json={"original_url": f"{url}/{secret}"}, headers=headers)
    refused = api.request("POST", "/create", json={f"{secret}-field": f"https://{secret}.example/"}, headers=headers)
    followed = api.request("GET", f"/{created.json()['short_code']}", headers=headers)

    assert [answer.status_code for answer in (created, refused, followed)] == [201, 400, 301]
    key = tables.make_key("logged")
    assert api.create(key=key, original_url=url, title=f"{secret}-title", tags=[f"{secret}-tag"]).status_code == 201
    assert api.request("GET", "/links", key=f"{key[:-1]}!").status_code == 401
    log = api_log.read_text()
    assert '"url_creation_count"' in log
    assert key[12:] not in log
    assert secret not in log
    assert "botocore" not in log


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-Proto": "gopher"}, {"Content-Type": "text/plain"}], ids=str
)
def test_given_odd_headers_when_created_then_it_is_answered_all_the_same(api, url, headers):
    answer = api.request("POST", "/create", data=json.dumps({"original_url": url}), headers=headers)

    assert answer.status_code == 201


# What people see


def test_given_a_link_when_previewed_then_it_is_shown_and_nothing_is_counted(api, tables, put):
    link = put(kind=Kind("https://example.com/where?a=1", "301", None))

    as_json, as_page = api.get(f"{link.short_code}+"), api.get(f"{link.short_code}+", Accept="text/html")
    probed = api.head(f"{link.short_code}+")

    assert as_json.json()["original_url"] == "https://example.com/where?a=1"
    assert "/where?a=1" in as_page.text
    assert as_page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (probed.status_code, probed.content) == (200, b"")
    assert tables.get(link.short_code) == link


@pytest.mark.parametrize("path", ["no-such-link", "no-such-link+", "no-such-link/qr"])
def test_given_nothing_there_when_a_browser_asks_then_it_gets_a_page_and_others_json(api, path):
    page, other = api.get(path, Accept="text/html,*/*;q=0.8"), api.get(path, Accept="application/json")

    assert (page.status_code, other.status_code) == (404, 404)
    assert page.text.startswith("<!doctype html>")
    assert other.json()["error"] == "NotFound"
    assert page.headers["Vary"] == other.headers["Vary"] == "Accept"


def test_given_a_link_when_its_qr_code_is_asked_for_then_it_is_a_picture_and_counts_nothing(api, tables, put):
    link = put()

    svg, png = (api.request("GET", f"/{link.short_code}/qr{query}") for query in ("", "?format=png&size=100"))

    assert (svg.headers["Content-Type"], png.headers["Content-Type"]) == ("image/svg+xml", "image/png")
    assert png.content.startswith(b"\x89PNG")
    assert tables.get(link.short_code) == link


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.yaml", "/robots.txt", "/favicon.ico", "/health"])
def test_given_what_browsers_and_crawlers_ask_for_when_fetched_then_it_is_there(api, path):
    answer = requests.get(f"{api.url}{path}", timeout=30)

    assert answer.status_code == 200
    assert len(answer.content) < 60 * 1024
