"""The functions, event in and answer out, with their ports in memory; and what they write besides."""

import json
from dataclasses import replace
from typing import Any

import pytest

from squrl import telemetry
from squrl.clicks import Click, OldDays
from squrl.domains import DomainLists
from squrl.invocation import Incident
from squrl.links import DAY, KEPT_DAYS, MAX_DAYS, Kind
from squrl.ports import Throttled, Unavailable
from squrl.settings import SettingsError
from tests.support import description, events
from tests.support.aws import refusal
from tests.support.fakes import NOW, a_link
from tests.support.functions import Context, Functions, as_lambda, load, log_in, metrics_in, variables

EVERYWHERE = {"X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex"}
CODE = "hello-squrl"
API = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
OWN = {"BaseUrl": "https://sq.example", "DomainName": "my.example"}


@pytest.fixture
def functions(clock):
    return Functions()


def create(functions: Functions, event: str = "http", **changes: Any) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Return status, headers and result of a sample event for create with other values in it."""
    answer = functions.invoke("create_url", events.load(f"create_url/{event}.json") | changes)
    if "statusCode" in answer:
        return answer["statusCode"], answer["headers"], json.loads(answer["body"])
    return answer.pop("status", 201), {}, answer


# The sample events


def is_described(name: str) -> bool:
    """Tell whether a sample event's route is the API's; the others are what browsers and crawlers ask a host for."""
    return events.load(name)["routeKey"].partition(" ")[2] in description.DOCUMENT["paths"]


@pytest.mark.parametrize("name", events.ANSWERS)
def test_given_a_sample_event_when_invoked_then_its_answer_is_as_it_is_named(functions, name):
    answer = functions.invoke(name.partition("/")[0], events.load(name))

    assert events.status_and_error(name, answer) == events.ANSWERS[name]
    if "/http" in name and is_described(name):
        http = events.load(name)["requestContext"]["http"]
        description.check_answer(
            http["method"], http["path"], *(answer[part] for part in ("statusCode", "headers", "body"))
        )


# What follows from no event alone, and what the same code answers on every route, has its tests elsewhere.
SHARED = {401, 403, 413, 429, 500, 503}


def test_given_the_apis_description_when_compared_then_each_answer_has_a_sample_event():
    sampled = {
        (events.load(name)["routeKey"], status)
        for name, (status, _) in events.ANSWERS.items()
        if "/http" in name and is_described(name)
    }

    assert sampled <= description.answers()
    assert {(route, status) for route, status in description.answers() - sampled if status not in SHARED} == set()
    assert {status for _, status in sampled} >= SHARED - {429, 500, 503}


@pytest.mark.parametrize("name", events.BATCHES)
def test_given_a_sample_batch_when_invoked_then_what_fails_is_named(functions, name):
    failed, clicks = events.BATCHES[name]

    answer = functions.invoke("count_clicks", events.load(name))

    assert answer == {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
    assert functions.store.links[CODE].click_count == clicks


def test_given_the_sample_of_old_days_when_invoked_then_they_are_moved_and_none_is_lost(functions):
    (link,) = (link for link in events.LINKS if link.short_code == "evergreen")

    functions.invoke("count_clicks", events.load("count_clicks/sqs_old_days.json"))

    assert functions.store.links["evergreen"].days == {}
    assert functions.store.past_days(link) == link.days
    assert metrics_in(functions.written).keys() >= {telemetry.DAYS_MOVED}


def test_given_the_folder_of_events_when_listed_then_every_file_is_in_the_table():
    files = {path.relative_to(events.FOLDER).as_posix() for path in events.FOLDER.rglob("*.json")}

    assert files == {*events.ANSWERS, *events.BATCHES, *events.STREAMS}


@pytest.mark.parametrize("function", ["create_url", "redirect"])
@pytest.mark.parametrize("kind", events.OTHER_KINDS)
def test_given_an_event_of_another_kind_when_invoked_then_nothing_is_done(functions, function, kind):
    answer = functions.invoke(
        function, events.OTHER_KINDS[kind] | {"original_url": "https://example.com/x", "short_code": CODE}
    )

    (record,) = log_in(functions.written)[:1]
    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (400, "ValidationError")
    assert (record["level"], record["message"]) == ("WARNING", "An event of an unknown kind was refused")
    assert "example.com" not in str(functions.written)
    assert (functions.store.calls, functions.limiter.asked, functions.domains.refreshed) == ([], [], 0)


@pytest.mark.parametrize(("function", "route"), [("create_url", "$default"), ("redirect", "POST /create")])
def test_given_a_route_of_another_function_when_invoked_then_it_is_not_found(functions, function, route):
    answer = functions.invoke(function, events.load(f"{function}/http.json") | {"routeKey": route})

    assert (answer["statusCode"], functions.store.calls) == (404, [])


# create


def test_given_a_new_destination_when_posted_then_the_answer_is_complete(functions):
    status, headers, result = create(functions, "http_lifetime")

    short_url = f"{API}/{result['short_code']}"
    more = {"Cache-Control": "no-store", "Content-Type": "application/json", "Referrer-Policy": "no-referrer"}
    assert (status, headers) == (201, EVERYWHERE | more | {"Location": short_url})
    assert result == {
        "short_code": result["short_code"],
        "original_url": "https://example.com/very/long/url",
        "short_url": short_url,
        "created_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-16T08:00:00Z",
        "redirect_type": "302",
    }


def test_given_a_known_destination_when_posted_then_there_is_no_new_location(functions):
    status, headers, result = create(functions, "http_custom_code")

    assert (status, result["expires_at"], "Location" in headers) == (200, None, False)


@pytest.mark.parametrize(
    ("event", "parameters", "changes", "start"),
    [
        ("http", {}, {"headers": {"Host": "127.0.0.1:3000", "X-Forwarded-Proto": "http"}}, "http://127.0.0.1:3000/"),
        ("http", {}, {"headers": {"host": '"><script>', "x-forwarded-proto": "gopher"}}, f"{API}/"),
        ("http", {"DomainName": "my.example"}, {}, "https://my.example/"),
        ("http", OWN, {"headers": {"host": "go.example.com"}}, "https://sq.example/"),
        ("direct", {}, {}, None),
        ("direct", {"DomainName": "my.example"}, {}, "https://my.example/"),
        ("direct", OWN, {}, "https://sq.example/"),
    ],
)
def test_given_a_base_url_or_none_when_created_then_the_short_url_starts_with_it(
    functions, event, parameters, changes, start
):
    functions.parameters = parameters

    _, headers, result = create(functions, event, **changes)

    assert result["short_url"] == (start and start + result["short_code"])
    assert headers.get("Location") == (result["short_url"] if headers else None)


@pytest.mark.parametrize(
    ("parameters", "destination", "status"),
    [
        *[
            (OWN | {"AllowPrivateDestinations": allow}, f"https://{host}/x", 400)
            for allow in ("false", "true")
            for host in ("GO.example.com", "go.example.com:8443", "sq.example.", "my.example", API[8:])
        ],
        ({}, "http://wiki/page", 400),
        ({"AllowPrivateDestinations": "true"}, "http://wiki/page", 201),
    ],
)
def test_given_a_destination_when_posted_then_own_hosts_and_parameters_decide(
    functions, parameters, destination, status
):
    functions.parameters = parameters

    told, _, result = create(
        functions, headers={"host": "go.example.com"}, body=json.dumps({"original_url": destination})
    )

    assert (told, result.get("error")) == (status, "InvalidUrl" if status == 400 else None)


@pytest.mark.parametrize(
    ("event", "store_it", "kept", "limited"),
    [("http", "false", None, True), ("http", "true", "192.0.2.44", True), ("direct", "true", None, False)],
)
def test_given_a_caller_when_it_creates_then_it_is_limited_and_kept_as_set(functions, event, store_it, kept, limited):
    functions.parameters = {"StoreCreatorIp": store_it}

    _, _, result = create(functions, event)

    assert functions.store.links[result["short_code"]].creator_ip == kept
    assert functions.limiter.asked == (["192.0.2.44"] if limited else [])


@pytest.mark.parametrize("body", ["no JSON", '{"original_url": "ftp://example.com/"}', "x" * 40_000])
def test_given_a_bad_request_when_posted_then_it_counts_as_much_as_a_good_one(functions, body):
    functions.limiter.is_within_limit = False

    status, headers, result = create(functions, body=body)

    assert (status, result["error"], headers["Retry-After"]) == (429, "RateLimitExceeded", "60")
    assert (functions.limiter.asked, functions.store.calls) == (["192.0.2.44"], [])


# redirect


@pytest.mark.parametrize(
    ("redirect_type", "seconds_left", "caching"),
    [
        *[("301", left, f"public, max-age={min(left or 3600, 3600)}") for left in (None, 3601, 59, 1)],
        *[("302", left, "no-store") for left in (None, 59)],
    ],
)
@pytest.mark.parametrize("event", ["http", "http_head"])
def test_given_a_live_link_when_visited_then_its_type_decides_on_caching(
    functions, event, redirect_type, seconds_left, caching
):
    kind = Kind("https://example.com/ä?q=ü%20#\u4e2d", redirect_type, None)
    functions.store.links[CODE] = a_link(CODE, kind, expires_at=seconds_left and NOW + seconds_left)

    answer = functions.invoke("redirect", events.load(f"redirect/{event}.json"))

    location = "https://example.com/%C3%A4?q=%C3%BC%20#%E4%B8%AD"
    headers = EVERYWHERE | {"Location": location, "X-Short-Code": CODE, "Cache-Control": caching}
    assert answer == {"statusCode": int(redirect_type), "headers": headers, "body": ""}
    assert functions.store.links[CODE].click_count == (event == "http")


@pytest.mark.parametrize("max_age", [0, 60, 86_400])
@pytest.mark.parametrize("seconds_left", [None, 59, 86_401])
@pytest.mark.parametrize("event", ["http", "http_head"])
def test_given_a_permanent_max_age_when_visited_then_browsers_keep_a_301_so_long(
    functions, event, max_age, seconds_left
):
    functions.parameters = {"PermanentMaxAge": str(max_age)}
    functions.store.links[CODE] = a_link(CODE, expires_at=seconds_left and NOW + seconds_left)

    answer = functions.invoke("redirect", events.load(f"redirect/{event}.json"))

    assert answer["headers"]["Cache-Control"] == f"public, max-age={min(max_age, seconds_left or max_age)}"


def test_given_a_live_link_when_invoked_directly_then_its_destination_is_as_stored(functions):
    functions.store.links[CODE] = a_link(CODE, Kind("https://example.com/ä", "302", None))

    answer = functions.invoke("redirect", events.load("redirect/direct.json"))

    assert answer == {"original_url": "https://example.com/ä", "redirect_type": "302"}
    assert functions.store.links[CODE].click_count == 1


@pytest.mark.parametrize("event", [None, [], "hello", 1, True, {}, {"short_code": None}, {"short_code": 7}], ids=str)
def test_given_a_direct_invocation_without_a_code_when_invoked_then_it_is_refused(functions, event):
    answer = functions.invoke("redirect", event)

    assert (answer["error"], answer["status"], len(answer["details"])) == ("ValidationError", 400, 1)


# redirect, and who it is that comes


TODAY = NOW // DAY
CURL = {"user-agent": "curl/8.14.1"}
BROWSER = events.load("redirect/http.json")["headers"]
LIMITED = a_link(CODE, max_clicks=2, click_limit=2, title="Secret title")
BOTS: list[dict[str, str]] = [
    CURL,
    {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    BROWSER | {"sec-purpose": "prefetch"},
    BROWSER | {"Sec-Purpose": "prefetch;prerender"},
    BROWSER | {"purpose": "prefetch"},
    BROWSER | {"x-purpose": "preview"},
    BROWSER | {"x-moz": "prefetch"},
]


def visit(
    functions: Functions, headers: dict[str, str] = BROWSER, route: str = "GET /{short_code}", **changes: Any
) -> dict[str, Any]:
    """Return what a visitor of the sample's link is answered."""
    event = events.load("redirect/http.json") | {"routeKey": route, "headers": headers} | changes
    event["requestContext"]["http"]["method"] = changes.get("method", route.partition(" ")[0])
    answer: dict[str, Any] = functions.invoke("redirect", event)
    return answer


def press(functions: Functions, headers: dict[str, str] = BROWSER) -> dict[str, Any]:
    """Return what who presses the button is answered."""
    return visit(functions, headers, "POST /{short_code}")


@pytest.mark.parametrize("headers", BOTS, ids=str)
def test_given_a_bot_when_it_visits_then_it_is_sent_on_and_counted_apart(functions, headers):
    link = functions.store.links[CODE] = a_link(CODE, click_count=3, bot_click_count=1, days={TODAY: 2})

    answers = [visit(functions, headers) for _ in range(2)]

    assert [answer["statusCode"] for answer in answers] == [301] * 2
    assert functions.store.links[CODE] == replace(link, click_count=5, bot_click_count=3)


@pytest.mark.parametrize("headers", [BROWSER, {}, BROWSER | {"sec-purpose": "", "purpose": "x"}], ids=str)
def test_given_a_person_when_visiting_then_the_days_clicks_grow(functions, headers, clock):
    link = functions.store.links[CODE] = a_link(CODE, click_count=3, bot_click_count=1, days={TODAY: 2})

    visit(functions, headers)
    clock.wall = (TODAY + 1) * DAY
    visit(functions, headers)

    assert functions.store.links[CODE] == replace(link, click_count=5, days={TODAY: 3, TODAY + 1: 1})


@pytest.mark.parametrize("headers", BOTS, ids=str)
def test_given_a_limit_when_a_bot_visits_then_it_gets_a_page_and_learns_nothing(functions, headers):
    functions.store.links[CODE] = LIMITED

    answer = visit(functions, headers)

    headers = answer["headers"]
    assert (answer["statusCode"], headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (headers["Cache-Control"], "Location" in headers) == ("no-store", False)
    assert f'<form method="post" action="/{CODE}"><button>' in answer["body"]
    assert not [word for word in ("example.com", "Secret", "X-Short-Code") if word in str(answer)]
    assert functions.store.links[CODE] == LIMITED


@pytest.mark.parametrize("headers", [BROWSER, *BOTS[:2]], ids=str)
def test_given_a_limit_when_the_headers_are_asked_for_then_nothing_is_told(functions, headers):
    functions.store.links[CODE] = LIMITED

    answer = visit(functions, headers, "HEAD /{short_code}")

    assert (answer["statusCode"], answer["body"], answer["headers"]["Cache-Control"]) == (200, "", "no-store")
    assert "example.com" not in str(answer)
    assert functions.store.links[CODE] == LIMITED


@pytest.mark.parametrize("redirect_type", ["301", "302"])
def test_given_a_limit_when_people_visit_then_no_browser_keeps_what_it_got(functions, redirect_type):
    functions.store.links[CODE] = replace(LIMITED, kind=LIMITED.kind._replace(redirect_type=redirect_type))

    answers = [visit(functions) for _ in range(3)]

    assert [answer["statusCode"] for answer in answers] == [int(redirect_type)] * 2 + [410]
    assert [answer["headers"]["Cache-Control"] for answer in answers] == ["no-store"] * 3
    assert (functions.store.links[CODE].click_count, functions.store.links[CODE].days) == (2, {TODAY: 2})


@pytest.mark.parametrize("headers", [BROWSER, *BOTS], ids=str)
def test_given_a_button_when_pressed_then_whoever_it_is_counts_as_a_person(functions, headers):
    functions.store.links[CODE] = LIMITED

    answers = [press(functions, headers) for _ in range(3)]

    more = {"Location": "https://example.com/", "X-Short-Code": CODE, "Cache-Control": "no-store"}
    assert answers[:2] == [{"statusCode": 303, "headers": EVERYWHERE | more, "body": ""}] * 2
    assert (answers[2]["statusCode"], json.loads(answers[2]["body"])["error"]) == (410, "Gone")
    assert functions.store.links[CODE] == replace(LIMITED, click_count=2, days={TODAY: 2})


@pytest.mark.parametrize("redirect_type", ["301", "302"])
def test_given_a_link_without_a_limit_when_its_button_is_pressed_then_it_is_a_303_too(functions, redirect_type):
    kind = Kind("https://example.com/?a=1", redirect_type, None, forward_query=True)
    functions.store.links[CODE] = a_link(CODE, kind)

    answer = visit(functions, CURL, "POST /{short_code}", rawQueryString="a=2")

    assert (answer["statusCode"], answer["headers"]["Location"]) == (303, "https://example.com/?a=2")
    assert (answer["headers"]["Cache-Control"], functions.store.links[CODE].days) == ("no-store", {TODAY: 1})


@pytest.mark.parametrize("failure", [Throttled(), Unavailable()], ids=repr)
@pytest.mark.parametrize("way", [visit, press], ids=["visit", "press"])
def test_given_a_limit_when_a_click_may_not_count_then_the_visitor_waits(functions, failure, way):
    functions.store.links[CODE] = LIMITED
    functions.store.failures = {"count_click": failure}

    answer = way(functions)

    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (503, "ServiceUnavailable")
    assert (answer["headers"]["Retry-After"], answer["headers"]["Cache-Control"]) == ("1", "no-store")
    assert "example.com" not in str(answer)
    assert functions.queue.clicks == []
    assert ("click_uncertain" in metrics_in(functions.written)) == isinstance(failure, Unavailable)


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 301), ("HEAD", 301), ("POST", 303), ("PUT", 404), ("DELETE", 404), ("OPTIONS", 404)]
)
def test_given_a_slash_behind_a_code_when_called_then_the_method_decides(functions, method, status):
    functions.store.links[CODE] = a_link(CODE)

    answer = visit(functions, route="$default", method=method, rawPath=f"/{CODE}/", pathParameters=None)

    assert answer["statusCode"] == status
    assert functions.store.links[CODE].click_count == (method in {"GET", "POST"})


@pytest.mark.parametrize(
    ("user_agent", "is_bot"), [("curl/8.14.1", True), (BROWSER["user-agent"], False), (None, False), (7, False)]
)
def test_given_a_direct_invocation_when_it_names_who_comes_then_that_decides(functions, user_agent, is_bot):
    functions.store.links |= {CODE: a_link(CODE), "limited": replace(LIMITED, short_code="limited")}

    told = [functions.invoke("redirect", {"short_code": code, "user_agent": user_agent}) for code in (CODE, "limited")]

    assert [each["original_url"] for each in told] == [
        "https://example.com/",
        None if is_bot else "https://example.com/",
    ]
    assert functions.store.links[CODE].bot_click_count == is_bot
    assert functions.store.links["limited"].click_count == (not is_bot)


# count_clicks


def test_given_clicks_and_old_days_when_they_come_late_then_each_is_done_and_counted(functions):
    days = {TODAY - age: 1 for age in range(1, MAX_DAYS + 2)}
    link = functions.store.links[CODE] = a_link(CODE, days=days, click_count=len(days))
    clicks = [Click.on(link, NOW), Click.on(link, NOW - DAY), Click.on(link, NOW, is_bot=True)]
    messages: list[Click | OldDays] = [*clicks, OldDays(CODE, link.created_at)]
    records = [{"messageId": str(at), "body": message.to_message()} for at, message in enumerate(messages)]

    answer = functions.invoke("count_clicks", {"Records": records})

    row = functions.store.links[CODE]
    kept = {day: clicks for day, clicks in days.items() if day >= TODAY - KEPT_DAYS}
    assert answer == {"batchItemFailures": []}
    assert row.days == kept | {TODAY: 1, TODAY - 1: 2}
    assert (row.click_count, row.bot_click_count, row.days_from) == (len(days) + 3, 1, TODAY - KEPT_DAYS)
    assert functions.store.past_days(row) == {day: 1 for day in days if day < TODAY - KEPT_DAYS}
    assert metrics_in(functions.written).keys() >= {"click_counted_late", "days_moved"}
    assert log_in(functions.written) == []


def test_given_messages_that_fail_when_they_come_late_then_the_log_says_which(functions):
    functions.store.failures = {"add_clicks": Throttled()}
    record = {"messageId": "fails", "body": Click.on(a_link(), NOW).to_message()}

    answer = functions.invoke("count_clicks", {"Records": [record, {"messageId": "bad", "body": "{"}]})

    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}, {"itemIdentifier": "fails"}]}
    malformed, returned = log_in(functions.written)
    assert (malformed["message"], malformed["message_id"]) == ("Malformed click message", "bad")
    assert (returned["message"], returned["cause"], returned["clicks"]) == (
        "Clicks returned to the queue",
        "Throttled",
        1,
    )


# Both


@pytest.mark.parametrize("name", ["create_url/http.json", "redirect/http.json", "redirect/http_not_found.json"])
@pytest.mark.parametrize(("parameters", "is_told"), [(OWN, True), ({}, False)])
def test_given_a_domain_when_answered_then_browsers_use_https_only(functions, name, parameters, is_told):
    functions.parameters = parameters

    answer = functions.invoke(name.partition("/")[0], events.load(name))

    assert ("Strict-Transport-Security" in answer["headers"]) is is_told


@pytest.mark.parametrize(
    "name", ["create_url/http", "create_url/direct", "redirect/http", "redirect/http_head", "redirect/direct"]
)
def test_given_a_denied_domain_when_a_link_leads_there_then_it_is_refused(functions, name):
    functions.domains.lists = DomainLists.of(denied=["example.com"])

    answer = functions.invoke(name.partition("/")[0], events.load(f"{name}.json"))

    assert answer.get("statusCode", answer.get("status")) == (400 if name.startswith("create") else 410)
    assert "Location" not in answer.get("headers", {})


# What is written besides the answer


@pytest.mark.parametrize("kind_of_event", ["http", "direct"])
@pytest.mark.parametrize(("function", "method"), [("create_url", "claim"), ("redirect", "count_click")])
@pytest.mark.parametrize("cause", [KeyError("secret-inside"), refusal("AccessDeniedException")], ids=repr)
def test_given_a_defect_when_invoked_then_it_is_logged_without_anything_secret(
    functions, function, method, kind_of_event, cause
):
    functions.store.failures = {method: cause}

    answer = functions.invoke(function, events.load(f"{function}/{kind_of_event}.json"))

    error = json.loads(answer["body"]) if kind_of_event == "http" else answer
    (record,) = log_in(functions.written)
    aws_error = {"Code": "AccessDeniedException", "Message": ""} if not isinstance(cause, KeyError) else None
    assert error["error"] == "InternalServerError"
    assert (record["level"], record["message"], record["cause"]) == ("ERROR", "Defect", type(cause).__name__)
    assert (record["function_request_id"], record.get("aws_error")) == (Context().aws_request_id, aws_error)
    assert any("fakes.py" in frame for frame in record["stack"])
    assert "secret-inside" not in f"{answer} {functions.written}"


@pytest.mark.parametrize(
    ("name", "failures", "expected"),
    [
        ("create_url/http.json", {}, {"url_creation_count"}),
        ("create_url/http_custom_code.json", {}, {"url_reuse_count"}),
        ("create_url/direct_conflict_error.json", {}, {"error_count"}),
        ("redirect/http.json", {}, {"url_lookup_count"}),
        ("redirect/http_head.json", {}, {"url_lookup_count"}),
        ("redirect/direct_not_found.json", {}, {"url_lookup_count", "url_lookup_miss", "error_count"}),
        ("redirect/http.json", {"count_click": Throttled()}, {"url_lookup_count", "click_queued"}),
        ("redirect/http.json", {"count_click": Unavailable()}, {"url_lookup_count", "click_uncertain"}),
        (
            "redirect/http.json",
            {"count_click": Unavailable(), "get": Unavailable()},
            {"click_uncertain", "error_count"},
        ),
        ("count_clicks/sqs.json", {}, {"click_counted_late", "click_discarded"}),
        ("count_clicks/sqs.json", {"add_clicks": Throttled()}, set()),
        ("count_clicks/sqs_malformed.json", {}, {"click_counted_late"}),
    ],
)
def test_given_an_outcome_when_invoked_then_its_metrics_are_written_by_service(functions, name, failures, expected):
    function = name.partition("/")[0]
    functions.store.failures = failures

    functions.invoke(function, events.load(name))

    metrics = metrics_in(functions.written)
    service = {"service": variables(function)["POWERTOOLS_SERVICE_NAME"]}
    error_type = {"error_type": events.ANSWERS.get(name, (0, None))[1] or "ServiceUnavailable"}
    metrics.pop("ColdStart", None)
    assert {
        record["_aws"]["CloudWatchMetrics"][0]["Namespace"] for record in functions.written if "_aws" in record
    } == {"Squrl"}
    assert metrics.keys() == expected | {"function_duration"}
    assert sorted(metrics.pop("error_count", []), key=len) == (
        [service, service | error_type] if "error_count" in expected else []
    )
    assert all(dimensions == [service] for dimensions in metrics.values())


def test_given_incidents_and_queries_when_invoked_then_each_is_reported_once():
    def handler(event, invocation):
        for incident in Incident:
            invocation.note(incident, "SomeError")
        with invocation.timed_query():
            return event

    with as_lambda(variables("redirect")) as written:
        answer = telemetry.observed(handler)("event", Context())

    reported = {(record["message"], record["level"], record["cause"]) for record in log_in(written)}
    metrics = metrics_in(written)
    assert answer == "event"
    assert metrics.keys() - {"ColdStart"} == {*Incident, "database_query_duration", "function_duration"}
    assert reported == {
        ("A click could not be queued", "WARNING", "SomeError"),
        ("The domain lists could not be read", "ERROR", "SomeError"),
        ("A link was followed or made without the latest domain lists", "WARNING", "SomeError"),
        ("A client could not be limited", "WARNING", "SomeError"),
    }
    assert len(log_in(written)) == 4


@pytest.mark.parametrize("monitoring", ["full", "essential"])
@pytest.mark.parametrize("name", [name for name in events.ANSWERS if "/http" in name])
def test_given_any_request_when_answered_then_nothing_of_the_visitor_is_written(functions, name, monitoring):
    functions.parameters = {"Monitoring": monitoring}
    event = events.load(name)
    http = event["requestContext"]["http"]

    answer = functions.invoke(name.partition("/")[0], event)

    headers = event["headers"]
    secrets = {
        http["sourceIp"],
        http["userAgent"],
        headers.get("referer"),
        headers.get("authorization"),
        "example.com/",
    }
    written = json.dumps(functions.written).replace("as in https://example.com/path", "")
    assert not [secret for secret in secrets - {None} if secret in written]
    logged = [record for record in log_in(functions.written) if record["message"] != "Figures"]
    assert logged == [] or answer["statusCode"] >= 400 or '"error"' in answer["body"]


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("redirect/http.json", {"url_lookup_count"}),
        ("redirect/http_not_found.json", {"url_lookup_count", "url_lookup_miss", "error_count"}),
        ("create_url/http.json", {"url_creation_count"}),
    ],
)
def test_given_the_essentials_when_invoked_then_figures_are_one_record_and_no_metrics(functions, name, figures):
    functions.parameters = {"Monitoring": "essential"}

    functions.invoke("redirect", events.load("redirect/http.json"))
    functions.invoke(name.partition("/")[0], events.load(name))

    (record,) = [record for record in log_in(functions.written) if record["message"] == "Figures"]
    counts = {figure for figure in record if figure.endswith(("_count", "_miss"))}
    assert metrics_in(functions.written) == {}
    assert counts == figures
    assert all(record[figure] == [1] for figure in figures)
    assert len(record["function_duration"]) == 1  # not the last one's as well


def test_given_the_essentials_when_something_goes_wrong_then_what_alarms_watch_is_a_metric(functions):
    functions.parameters = {"Monitoring": "essential"}
    functions.store.failures = {"count_click": Unavailable(), "get": Unavailable()}

    def handler(event, invocation):
        for incident in Incident:
            invocation.note(incident, "SomeError")

    functions.invoke("redirect", events.load("redirect/http_302.json"))
    with as_lambda(variables("redirect", Monitoring="essential")) as written:
        telemetry.observed(handler)("event", Context())

    service = {"service": variables("redirect")["POWERTOOLS_SERVICE_NAME"]}
    assert metrics_in(functions.written) == {"error_count": [service | {"error_type": "ServiceUnavailable"}]}
    assert metrics_in(written) == {"domain_list_error": [service], "limiter_unavailable": [service]}


def test_given_a_cold_start_when_invoked_then_it_is_counted(functions, monkeypatch):
    monkeypatch.setattr("aws_lambda_powertools.metrics.provider.cold_start.is_cold_start", True)

    functions.invoke("redirect", events.load("redirect/http.json"))

    assert "ColdStart" in metrics_in(functions.written)


@pytest.mark.parametrize("monitoring", ["full", "essential"])
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("redirect/http.json", 400),
        ("create_url/http.json", 410),
        ("redirect/http_not_found.json", 1200),
        ("create_url/http_validation_error.json", 1200),
    ],
)
def test_given_a_warm_process_when_it_answers_then_what_it_writes_stays_small(functions, name, most, monitoring):
    function = name.partition("/")[0]
    functions.parameters = {"Monitoring": monitoring}
    functions.invoke(function, events.load(name))

    functions.invoke(function, events.load(name))

    assert 0 < len("\n".join(json.dumps(record, separators=(",", ":")) for record in functions.written)) <= most


def test_given_a_variable_that_is_missing_when_a_function_loads_then_it_is_named():
    environment = {name: value for name, value in variables("redirect").items() if name != "TABLE_NAME"}

    with pytest.raises(SettingsError, match="TABLE_NAME"):
        load("redirect", environment)
