"""Every row of the contract, over HTTP and in direct invocations, through the genuine runtime and database."""

import itertools
import json
import time
from dataclasses import replace

import pytest

from squrl import codes
from squrl.links import DISABLED, Kind, Link, timestamp

_NUMBERS = itertools.count()


def a_url() -> str:
    """Return a destination that no other test has: the table is shared."""
    return f"https://example.com/{time.time_ns()}/{next(_NUMBERS)}"


@pytest.fixture
def a_row(put_row):
    """Put a link into the table as it is, and return it."""

    def put(**changes: object) -> Link:
        code = f"row-{time.time_ns() % 10**12}"
        link = Link(code, Kind(a_url(), "301", None), timestamp(int(time.time())), None)
        link = replace(link, **changes)  # type: ignore[arg-type]
        put_row(link)
        return link

    return put


# create


def test_given_a_destination_when_created_then_the_link_is_new_and_complete(api, get_row):
    url = a_url()

    answer = api.create(original_url=url)

    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Location"] == body["short_url"] == f"{api.url}/{body['short_code']}"
    assert body == body | {"original_url": url, "expires_at": None, "redirect_type": "301"}
    assert len(body["short_code"]) == codes.LENGTH
    assert get_row(body["short_code"]) == Link(body["short_code"], Kind(url, "301", None), body["created_at"], None)


def test_given_the_same_request_twice_when_created_then_the_second_gets_the_first_ones_link(api):
    url = a_url()
    first = api.create(original_url=url)

    second = api.create(original_url=url)

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert "Location" not in second.headers


def test_given_other_wishes_when_created_then_other_links_are_made(api):
    url = a_url()

    answers = [
        api.create(original_url=url, **wishes)
        for wishes in (
            {},
            {"redirect_type": "302"},
            {"ttl_hours": 1},
            {"ttl_hours": 2},
            {"custom_code": f"x-{next(_NUMBERS)}-{time.time_ns() % 10**9}"},
        )
    ]

    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["short_code"] for answer in answers}) == 5


def test_given_a_lifetime_when_created_then_it_expires_that_many_hours_later_and_is_renewed_by_a_duplicate(
    api, put_row, get_row
):
    url = a_url()
    made = api.create(original_url=url, ttl_hours=2).json()
    row = get_row(made["short_code"])
    put_row(replace(row, expires_at=row.expires_at - 3600))

    renewed = api.create(original_url=url, ttl_hours=2)

    assert renewed.status_code == 200
    assert renewed.json()["created_at"] == made["created_at"]
    assert renewed.json()["expires_at"] >= made["expires_at"]
    assert get_row(made["short_code"]).expires_at >= row.expires_at


def test_given_a_destination_in_another_spelling_when_created_then_it_is_the_same_link(api):
    path = a_url().removeprefix("https://example.com")

    answers = [
        api.create(original_url=f"{start}{path}") for start in ("https://example.com", "HTTPS://EXAMPLE.com:443")
    ]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[1].json()["original_url"] == f"https://example.com{path}"


def test_given_characters_beyond_ascii_when_created_and_followed_then_only_the_location_is_encoded(api):
    number = a_url().rpartition("/")[2]

    body = api.create(original_url=f"https://BÜCHER.example.com/ä?{number}#ß").json()
    redirect = api.get(body["short_code"])

    assert body["original_url"] == f"https://xn--bcher-kva.example.com/ä?{number}#ß"
    assert redirect.headers["Location"] == f"https://xn--bcher-kva.example.com/%C3%A4?{number}#%C3%9F"


def test_given_a_custom_code_when_asked_for_again_and_by_others_then_only_its_own_request_gets_it(api):
    url, code = a_url(), f"c-{time.time_ns() % 10**12}"

    first = api.create(original_url=url, custom_code=code)
    same = api.create(original_url=url, custom_code=code)
    without = api.create(original_url=url)
    other = api.create(original_url=a_url(), custom_code=code)
    another_lifetime = api.create(original_url=url, custom_code=code, ttl_hours=1)

    assert [answer.status_code for answer in (first, same, other, another_lifetime)] == [201, 200, 409, 409]
    assert first.json()["short_code"] == code
    assert without.json()["short_code"] == code
    assert other.json()["error"] == "ConflictError"


def test_given_an_expired_link_when_its_custom_code_is_asked_for_then_it_is_claimed(api, a_row, get_row):
    expired = a_row(kind=Kind(a_url(), "301", 1), expires_at=int(time.time()), click_count=8)

    answer = api.create(original_url=a_url(), custom_code=expired.short_code)

    assert answer.status_code == 201
    assert get_row(expired.short_code).click_count == 0


def test_given_a_disabled_link_when_asked_for_again_then_it_is_gone_and_stays_disabled(api, put_row, get_row):
    url = a_url()
    row = get_row(api.create(original_url=url).json()["short_code"])
    put_row(replace(row, status=DISABLED))

    derived = api.create(original_url=url)
    custom = api.create(original_url=url, custom_code=row.short_code)
    others = api.create(original_url=a_url(), custom_code=row.short_code)
    followed = api.get(row.short_code)

    assert [answer.status_code for answer in (derived, custom, others, followed)] == [410, 410, 409, 410]
    assert get_row(row.short_code) == replace(row, status=DISABLED)


def test_given_anothers_link_at_the_derived_code_when_created_then_the_next_probe_is_taken(api, put_row):
    kind = Kind(a_url(), "301", None)
    put_row(Link(codes.derive(kind, 0), Kind(a_url(), "301", None), timestamp(0), None))

    answer = api.create(original_url=kind.original_url)

    assert answer.status_code == 201
    assert answer.json()["short_code"] == codes.derive(kind, 1)


BAD_FIELDS = [
    ({"original_url": None}, ["original_url"]),
    ({"original_url": 5}, ["original_url"]),
    ({"custom_code": "ab"}, ["custom_code"]),
    ({"custom_code": "a b c"}, ["custom_code"]),
    ({"custom_code": "Admin"}, ["custom_code"]),
    ({"ttl_hours": 0}, ["ttl_hours"]),
    ({"ttl_hours": 87_601}, ["ttl_hours"]),
    ({"ttl_hours": True}, ["ttl_hours"]),
    ({"ttl_hours": "24"}, ["ttl_hours"]),
    ({"ttl_hours": 1.5}, ["ttl_hours"]),
    ({"redirect_type": 301}, ["redirect_type"]),
    ({"redirect_type": "307"}, ["redirect_type"]),
    ({"ttl": 24}, ["ttl"]),
    ({"ttl_hours": -1, "redirect_type": "x", "url": "y"}, ["ttl_hours", "redirect_type", "url"]),
]


@pytest.mark.parametrize(("fields", "names"), BAD_FIELDS, ids=str)
def test_given_bad_fields_when_created_then_each_is_named(api, invoke, fields, names):
    request = {"original_url": a_url()} | fields

    over_http = api.create(**request)
    direct = invoke("CreateUrlFunction", request)

    assert over_http.status_code == 400
    assert over_http.headers["Cache-Control"] == "no-store"
    assert over_http.json()["error"] == "ValidationError"
    assert [detail["field"] for detail in over_http.json()["details"]] == names
    assert direct == over_http.json() | {"status": 400}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "javascript:alert(1)",
        "//example.com",
        "https://",
        "https://example.com:99999/",
        "https://user:pass@example.com/",
        "https://example.com/a b",
        "https://example.com\\@other.example/",
        "https://example.com/\u0000",
        "https://example.com/\ud800",
        "http://app.localhost/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0177.1/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:a00:1::]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://printer/",
        "http://nas.local./",
        "http://a..b.example.com/",
        "http://-a.example.com/",
        "https://example.com/" + "a" * 2029,
    ],
)
def test_given_a_destination_that_breaks_a_rule_when_created_then_the_rule_is_told(api, invoke, url):
    over_http = api.create(original_url=url)
    direct = invoke("CreateUrlFunction", {"original_url": url})

    assert over_http.status_code == 400
    for error in (over_http.json(), direct):
        assert error["error"] == "InvalidUrl"
        assert error["message"].startswith("The URL must ")
        assert error["details"] is None
    assert direct["status"] == 400


def test_given_the_shorteners_own_address_when_created_then_it_is_refused(api):
    answer = api.create(original_url=api.url + "/abc")

    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidUrl")


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "1", "null", "[" * 10_000])
def test_given_a_body_that_is_no_object_when_created_then_the_detail_names_the_body(api, body):
    answer = api.request("POST", "/create", data=body)

    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["details"]] == ["body"]


@pytest.mark.parametrize("event", [None, [], "x", 1, True], ids=str)
def test_given_a_direct_event_that_is_no_object_when_created_then_the_detail_names_the_body(invoke, event):
    answer = invoke("CreateUrlFunction", event)

    assert (answer["error"], answer["status"]) == ("ValidationError", 400)
    assert [detail["field"] for detail in answer["details"]] == ["body"]


def test_given_a_direct_invocation_when_created_then_the_result_is_plain(invoke):
    url = a_url()

    answer = invoke("CreateUrlFunction", {"original_url": url, "ttl_hours": 1, "redirect_type": "302"})
    again = invoke("CreateUrlFunction", {"original_url": url, "ttl_hours": 1, "redirect_type": "302"})

    assert set(answer) == {"short_code", "original_url", "short_url", "created_at", "expires_at", "redirect_type"}
    assert answer["short_url"] is None
    assert again["short_code"] == answer["short_code"]


# redirect


def test_given_a_link_when_followed_then_it_redirects_and_counts_gets_but_not_heads(api, a_row, get_row):
    link = a_row()

    answers = [api.get(link.short_code), api.head(link.short_code), api.get(link.short_code)]

    for answer in answers:
        assert answer.status_code == 301
        assert answer.headers["Location"] == link.kind.original_url
        assert answer.headers["X-Short-Code"] == link.short_code
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert answer.content == b""
    assert get_row(link.short_code).click_count == 2


def test_given_a_302_when_followed_then_nobody_may_keep_it(api, a_row):
    link = a_row(kind=Kind(a_url(), "302", None))

    answer = api.get(link.short_code)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")


def test_given_a_link_that_expires_soon_when_followed_then_it_may_be_kept_no_longer_than_it_lives(api, a_row):
    link = a_row(kind=Kind(a_url(), "301", 1), expires_at=int(time.time()) + 600)

    answer = api.get(link.short_code)

    assert answer.status_code == 301
    assert 0 < int(answer.headers["Cache-Control"].removeprefix("public, max-age=")) <= 600


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"expires_at": 1_000_000_000}, 410),
        ({"status": DISABLED}, 410),
        (None, 404),
    ],
    ids=["expired", "disabled", "unknown"],
)
def test_given_no_live_link_when_followed_then_it_is_said_why_and_nothing_counted(
    api, invoke, a_row, get_row, method, changes, status
):
    link = a_row(**changes) if changes else None
    code = link.short_code if link else f"none-{next(_NUMBERS)}"

    answer = api.request(method, f"/{code}")
    direct = invoke("RedirectFunction", {"short_code": code})

    assert answer.status_code == direct["status"] == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert direct["error"] == {404: "NotFound", 410: "Gone"}[status]
    assert method == "HEAD" or answer.json() == {key: direct[key] for key in ("error", "message", "details")}
    assert get_row(code) == link


@pytest.mark.parametrize("code", ["ab", "a" * 21, "favicon.ico", "robots.txt", "a%20b", "%C3%A4%C3%B6%C3%BC", "health"])
def test_given_what_is_no_code_when_followed_then_it_is_not_found(api, code):
    answer = api.get(code)

    assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")


def test_given_a_direct_invocation_when_followed_then_the_result_is_plain_and_counts(invoke, a_row, get_row):
    link = a_row(kind=Kind(a_url() + "/ä", "302", None))

    answer = invoke(
        "RedirectFunction",
        {"short_code": link.short_code, "client_ip": "192.0.2.1", "user_agent": "x", "referer": "https://a.example/"},
    )

    assert answer == {"original_url": link.kind.original_url, "redirect_type": "302"}
    assert get_row(link.short_code).click_count == 1


@pytest.mark.parametrize("event", [{}, {"short_code": 7}, {"short_code": None}, [], None], ids=json.dumps)
def test_given_no_code_when_invoked_directly_then_it_is_a_validation_error(invoke, event):
    answer = invoke("RedirectFunction", event)

    assert (answer["error"], answer["status"]) == ("ValidationError", 400)


# What is logged


def test_given_secrets_when_created_and_followed_then_none_of_them_is_logged_at_any_level(api, api_log):
    secret = f"secret-{time.time_ns()}"
    headers = {"User-Agent": f"{secret}-agent", "Referer": f"https://{secret}.example/"}

    created = api.request("POST", "/create", json={"original_url": f"{a_url()}/{secret}"}, headers=headers)
    refused = api.request("POST", "/create", json={f"{secret}-field": f"https://{secret}.example/"}, headers=headers)
    followed = api.request("GET", f"/{created.json()['short_code']}", headers=headers)

    assert [answer.status_code for answer in (created, refused, followed)] == [201, 400, 301]
    log = api_log.read_text()
    assert '"url_creation_count"' in log
    assert secret not in log
    assert "botocore" not in log


# Neither the client nor the wire breaks it


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-Proto": "gopher"}, {"Content-Type": "text/plain"}], ids=str
)
def test_given_odd_headers_when_created_then_it_is_answered_all_the_same(api, headers):
    answer = api.request("POST", "/create", data=json.dumps({"original_url": a_url()}), headers=headers)

    assert answer.status_code == 201
