"""The handlers, event in and answer out; the table of links is the in-memory fake."""

import base64
import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from squrl import store as store_module
from squrl import telemetry
from squrl.errors import RateLimitExceeded, ServiceUnavailable
from squrl.links import Kind, Link
from tests.support import events
from tests.support.fakes import FakeLinkStore

NOW = 1_800_000_000.75
EVERYWHERE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
CODE = "hello-squrl"


class Context(LambdaContext):
    def __init__(self) -> None:
        self._function_name = "squrl-test"
        self._memory_limit_in_mb = 256
        self._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:squrl-test"
        self._aws_request_id = "5a3e0e5d-ca7c-4321-b27b-df5256214532"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 5000


class State:
    """The other table: the operator's domain lists, and whether a client is within its limit."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=KeyError)

    def __init__(self) -> None:
        self.domains: dict[str, Any] = {}
        self.counted: list[str] = []
        self.limit_is_reached = False

    def get_item(self, **request: Any) -> dict[str, Any]:
        assert (request["TableName"], request["Key"]) == ("squrl-state-test", {"id": {"S": "domains"}})
        return {"Item": self.domains}

    def update_item(self, **request: Any) -> None:
        if self.limit_is_reached:
            raise self.exceptions.ConditionalCheckFailedException
        self.counted.append(request["Key"]["id"]["S"])


@pytest.fixture
def state(monkeypatch):
    state = State()
    monkeypatch.setattr(store_module, "connect", lambda: state)
    return state


@pytest.fixture
def urls(state, monkeypatch):
    fake = FakeLinkStore()
    fake.links = {link.short_code: link for link in events.LINKS}
    monkeypatch.setattr(store_module, "DynamoDBUrlStore", lambda *_: fake)
    monkeypatch.setattr("squrl.follow._recent", {})
    monkeypatch.setattr("time.time", lambda: NOW)
    return fake


@pytest.fixture
def environment(monkeypatch):
    variables = {
        "TABLE_NAME": "squrl-urls-test",
        "STATE_TABLE_NAME": "squrl-state-test",
        "CLICK_QUEUE_URL": "",
        "BASE_URL": "",
        "DOMAIN_NAME": "",
        "ALLOW_PRIVATE_DESTINATIONS": "false",
        "STORE_CREATOR_IP": "false",
        "CREATES_PER_MINUTE_PER_CLIENT": "0",
        "CLIENT_KEY_ID": "",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return monkeypatch.setenv


@pytest.fixture
def output(capsys, monkeypatch):
    """Capture what a function writes, its log too: the logger was made before this test's standard output was."""
    stream = SimpleNamespace(write=lambda text: sys.stdout.write(text), flush=lambda: None)  # noqa: PLW0108 (late)
    monkeypatch.setattr(telemetry.logger.registered_handler, "stream", stream)
    return capsys


def load(function: str) -> ModuleType:
    """Import a function as Lambda does: anew, with the environment of the moment."""
    path = Path(__file__).parents[2] / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"{function}_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def invoke(function: str, event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = load(function).lambda_handler(event, Context())
    json.dumps(answer, ensure_ascii=False).encode()  # the runtime has to be able to send it
    return answer


def create(urls_event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return invoke("create_url", urls_event | changes)


# The sample events


@pytest.mark.parametrize("name", events.ANSWERS)
def test_given_a_sample_event_when_invoked_then_the_answer_is_the_one_it_is_named_for(name, urls, environment):
    event = events.load(name)

    answer = invoke(name.partition("/")[0], event)

    assert events.status_and_error(name, answer) == events.ANSWERS[name]


def test_given_the_folder_of_events_then_every_file_is_in_the_table():
    files = {path.relative_to(events.FOLDER).as_posix() for path in events.FOLDER.rglob("*.json")}

    assert files == {*events.ANSWERS, *events.BATCHES}


@pytest.mark.parametrize("name", events.BATCHES)
def test_given_a_sample_batch_when_invoked_then_its_clicks_are_counted_and_what_fails_is_named(name, urls, environment):
    failed, clicks = events.BATCHES[name]

    answer = invoke("count_clicks", events.load(name))

    assert answer == {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
    assert urls.links[CODE].click_count == clicks


# create


def test_given_a_new_destination_when_posted_then_the_answer_is_complete(urls, environment):
    answer = invoke("create_url", events.load("create_url/http_lifetime.json"))

    code = json.loads(answer["body"])["short_code"]
    host = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
    assert answer["statusCode"] == 201
    assert answer["headers"] == EVERYWHERE | {
        "Cache-Control": "no-store",
        "Content-Type": "application/json",
        "Location": f"{host}/{code}",
    }
    assert json.loads(answer["body"]) == {
        "short_code": code,
        "original_url": "https://example.com/very/long/url",
        "short_url": f"{host}/{code}",
        "created_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-16T08:00:00Z",
        "redirect_type": "302",
    }


def test_given_a_known_destination_when_posted_then_it_is_ok_and_not_created(urls, environment):
    answer = invoke("create_url", events.load("create_url/http_custom_code.json"))

    assert answer["statusCode"] == 200
    assert answer["headers"] == EVERYWHERE | {"Cache-Control": "no-store", "Content-Type": "application/json"}
    assert json.loads(answer["body"])["expires_at"] is None


@pytest.mark.parametrize(
    ("base_url", "headers", "start"),
    [
        ("", {"host": "go.example.com", "x-forwarded-proto": "https"}, "https://go.example.com/"),
        ("", {"Host": "127.0.0.1:3000", "X-Forwarded-Proto": "http"}, "http://127.0.0.1:3000/"),
        ("", {"host": '"><script>', "x-forwarded-proto": "gopher"}, "https://a1b2c3d4e5.execute-api.us-east-1."),
        ("https://sq.example", {"host": "go.example.com", "x-forwarded-proto": "http"}, "https://sq.example/"),
    ],
    ids=["the caller's", "with its port, as SAM CLI sends it", "a host that is none", "the stack's"],
)
def test_given_a_base_url_or_none_when_posted_then_the_short_url_starts_with_it(
    urls, environment, base_url, headers, start
):
    environment("BASE_URL", base_url)

    answer = create(events.load("create_url/http.json"), headers=headers)

    assert json.loads(answer["body"])["short_url"].startswith(start)
    assert answer["headers"]["Location"] == json.loads(answer["body"])["short_url"]


@pytest.mark.parametrize(
    ("base_url", "domain_name", "start"),
    [
        ("", "", None),
        ("https://sq.example", "", "https://sq.example/"),
        ("", "go.example", "https://go.example/"),
        ("https://sq.example", "go.example", "https://sq.example/"),
    ],
)
def test_given_a_direct_invocation_when_created_then_only_a_base_url_or_a_domain_makes_a_short_url(
    urls, environment, base_url, domain_name, start
):
    environment("BASE_URL", base_url)
    environment("DOMAIN_NAME", domain_name)

    answer = invoke("create_url", events.load("create_url/direct.json"))

    assert answer["short_url"] == (start and start + answer["short_code"])
    assert set(answer) == {"short_code", "original_url", "short_url", "created_at", "expires_at", "redirect_type"}


@pytest.mark.parametrize("allow_private", ["false", "true"])
@pytest.mark.parametrize(
    "destination",
    [
        "https://GO.example.com/loop",
        "https://go.example.com:8443/x",
        "https://sq.example./abc",
        "https://my.example/abc",
        "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/abc",
    ],
)
def test_given_the_shorteners_own_host_when_posted_then_it_is_refused_as_a_loop(
    urls, environment, destination, allow_private
):
    environment("BASE_URL", "https://sq.example")
    environment("DOMAIN_NAME", "my.example")
    environment("ALLOW_PRIVATE_DESTINATIONS", allow_private)
    event = events.load("create_url/http.json")

    answer = create(event, headers={"host": "go.example.com"}, body=json.dumps({"original_url": destination}))

    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (400, "InvalidUrl")


@pytest.mark.parametrize(("allow_private", "status"), [("false", 400), ("true", 201)])
def test_given_an_intranet_when_a_private_destination_is_posted_then_the_setting_decides(
    urls, environment, allow_private, status
):
    environment("ALLOW_PRIVATE_DESTINATIONS", allow_private)

    answer = create(events.load("create_url/http.json"), body='{"original_url": "http://wiki/page"}')

    assert answer["statusCode"] == status


def test_given_an_address_that_is_none_when_posted_then_none_is_kept(urls, environment):
    environment("STORE_CREATOR_IP", "true")
    event = events.load("create_url/http.json")
    event["requestContext"]["http"]["sourceIp"] = ["x"]

    answer = invoke("create_url", event)

    assert urls.links[json.loads(answer["body"])["short_code"]].creator_ip is None


@pytest.mark.parametrize(("store_creator_ip", "kept"), [("false", None), ("true", "192.0.2.44")])
def test_given_the_operators_choice_when_posted_then_the_creators_address_is_kept_or_not(
    urls, environment, store_creator_ip, kept
):
    environment("STORE_CREATOR_IP", store_creator_ip)

    answer = invoke("create_url", events.load("create_url/http.json"))

    assert urls.links[json.loads(answer["body"])["short_code"]].creator_ip == kept


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "null",
        "[]",
        '"text"',
        "24",
        "{",
        "{'original_url': 1}",
        "[" * 100_000,
        "1" * 5000,
        '{"original_url": "https://example.com/", "ttl_hours": NaN}',
        b"\xff\xfe\xfd",
    ],
    ids=str,
)
def test_given_a_body_that_is_no_json_object_when_posted_then_the_one_detail_names_the_body(urls, environment, body):
    is_binary = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body

    answer = create(events.load("create_url/http.json"), body=text, isBase64Encoded=is_binary)

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"]) == {
        "error": "ValidationError",
        "message": "body must be a JSON object",
        "details": [{"field": "body", "message": "body must be a JSON object"}],
    }


@pytest.mark.parametrize("sign", ["", "-"])
def test_given_a_number_longer_than_python_reads_when_posted_then_its_own_field_is_named(urls, environment, sign):
    body = f'{{"original_url": "https://example.com/", "ttl_hours": {sign}{"9" * 5000}}}'

    answer = create(events.load("create_url/http.json"), body=body)

    assert [detail["field"] for detail in json.loads(answer["body"])["details"]] == ["ttl_hours"]


@pytest.mark.parametrize("name", ["http", "direct"])
def test_given_a_denied_domain_when_a_link_to_it_is_asked_for_then_the_url_is_invalid(urls, state, environment, name):
    state.domains = {"denied": {"SS": ["example.com"]}}

    answer = invoke("create_url", events.load(f"create_url/{name}.json"))

    error = json.loads(answer["body"]) if name == "http" else answer
    assert error["error"] == "InvalidUrl"
    assert error["message"].startswith("The URL must not ")
    assert set(urls.links) == {link.short_code for link in events.LINKS}


@pytest.fixture
def limited(environment, monkeypatch):
    environment("CREATES_PER_MINUTE_PER_CLIENT", "1")
    environment("CLIENT_KEY_ID", "1234abcd-12ab-34cd-56ef-1234567890ab")
    kms = SimpleNamespace(generate_mac=lambda **_: {"Mac": b"key"})
    monkeypatch.setattr("squrl.limiter.connect", lambda: kms)


def test_given_a_client_within_its_limit_when_it_creates_then_it_is_counted_and_nothing_of_it_is_kept(
    urls, state, limited
):
    answer = invoke("create_url", events.load("create_url/http.json"))

    assert answer["statusCode"] == 201
    assert len(state.counted) == 1
    assert "192.0.2.44" not in state.counted[0]


def test_given_a_client_beyond_its_limit_when_it_creates_then_it_is_told_when_to_come_back_and_nothing_is_made(
    urls, state, limited
):
    state.limit_is_reached = True

    answer = invoke("create_url", events.load("create_url/http.json"))

    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (429, "RateLimitExceeded")
    assert answer["headers"]["Retry-After"] == "60"
    assert set(urls.links) == {link.short_code for link in events.LINKS}


@pytest.mark.parametrize("name", ["direct", "http_invalid_url", "http_validation_error", "http_validation_error_body"])
def test_given_a_direct_invocation_or_a_bad_request_when_it_comes_then_no_client_is_counted(urls, state, limited, name):
    state.limit_is_reached = True

    answer = invoke("create_url", events.load(f"create_url/{name}.json"))

    assert answer.get("statusCode", 200) in (200, 400)
    assert state.counted == []


# redirect


@pytest.mark.parametrize(
    ("redirect_type", "seconds_left", "status", "caching"),
    [
        ("301", None, 301, "public, max-age=3600"),
        ("301", 3601, 301, "public, max-age=3600"),
        ("301", 59, 301, "public, max-age=59"),
        ("301", 1, 301, "public, max-age=1"),
        ("302", None, 302, "no-store"),
        ("302", 59, 302, "no-store"),
    ],
)
def test_given_a_live_link_when_followed_then_it_redirects_with_the_caching_of_its_type(
    urls, environment, redirect_type, seconds_left, status, caching
):
    expires_at = None if seconds_left is None else int(NOW) + seconds_left
    kind = Kind("https://example.com/ä?q=ü%20#\u4e2d", redirect_type, None)
    urls.links[CODE] = Link(CODE, kind, "2026-11-22T10:30:00Z", expires_at)

    answer = invoke("redirect", events.load("redirect/http.json"))

    assert answer == {
        "statusCode": status,
        "headers": EVERYWHERE
        | {
            "Location": "https://example.com/%C3%A4?q=%C3%BC%20#%E4%B8%AD",
            "X-Short-Code": CODE,
            "Cache-Control": caching,
        },
        "body": "",
    }


def test_given_a_live_link_when_invoked_directly_then_the_destination_is_as_stored_and_the_click_counts(
    urls, environment
):
    urls.links[CODE] = replace(urls.links[CODE], kind=Kind("https://example.com/ä", "302", None))

    answer = invoke("redirect", events.load("redirect/direct.json"))

    assert answer == {"original_url": "https://example.com/ä", "redirect_type": "302"}
    assert urls.links[CODE].click_count == 1


@pytest.mark.parametrize("name", ["http", "http_head", "direct"])
def test_given_a_denied_domain_when_a_link_to_it_is_followed_then_it_is_gone(urls, state, environment, name):
    state.domains = {"denied": {"SS": ["example.com"]}}

    answer = invoke("redirect", events.load(f"redirect/{name}.json"))

    assert (answer.get("statusCode") or answer["status"]) == 410
    assert "Location" not in answer.get("headers", {})


def test_given_a_row_that_no_browser_could_follow_when_its_host_is_looked_up_then_it_is_answered(
    urls, state, environment
):
    state.domains = {"denied": {"SS": ["example.com"]}}
    urls.links[CODE] = replace(urls.links[CODE], kind=Kind("https://[::1", "302", None))

    answer = invoke("redirect", events.load("redirect/http.json"))

    assert answer["statusCode"] == 302


def test_given_a_queue_when_a_click_is_throttled_then_it_is_sent_there(urls, environment, monkeypatch):
    sent: list[dict[str, str]] = []
    environment("CLICK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/squrl-clicks-test")
    monkeypatch.setattr("squrl.clicks.connect", lambda url: SimpleNamespace(send_message=lambda **m: sent.append(m)))

    def refuse(*_: object) -> None:
        raise RateLimitExceeded("Too many")

    monkeypatch.setattr(urls, "count_click", refuse)

    answer = invoke("redirect", events.load("redirect/http.json"))

    assert answer["statusCode"] == 301
    assert [message["QueueUrl"].rpartition("/")[2] for message in sent] == ["squrl-clicks-test"]
    assert json.loads(sent[0]["MessageBody"])["short_code"] == CODE
    assert "example.com" not in sent[0]["MessageBody"]


@pytest.mark.parametrize(("domain_name", "is_told"), [("go.example", True), ("", False)])
@pytest.mark.parametrize("name", ["create_url/http.json", "redirect/http.json", "redirect/http_not_found.json"])
def test_given_a_domain_of_its_own_when_answered_then_browsers_are_told_to_use_https_only(
    urls, environment, domain_name, is_told, name
):
    environment("DOMAIN_NAME", domain_name)

    answer = invoke(name.partition("/")[0], events.load(name))

    assert ("Strict-Transport-Security" in answer["headers"]) is is_told


@pytest.mark.parametrize(("event", "clicks"), [("redirect/http.json", 1), ("redirect/http_head.json", 0)])
def test_given_a_get_or_a_head_when_followed_then_only_the_get_counts(urls, environment, event, clicks):
    answer = invoke("redirect", events.load(event))

    assert answer["statusCode"] == 301
    assert urls.links[CODE].click_count == clicks


@pytest.mark.parametrize("event", [None, [], "hello", 1, True, {}, {"short_code": None}, {"short_code": 7}], ids=str)
def test_given_a_direct_invocation_without_a_code_when_followed_then_it_is_a_validation_error(urls, environment, event):
    answer = invoke("redirect", event)

    assert (answer["error"], answer["status"]) == ("ValidationError", 400)
    assert len(answer["details"]) == 1


# Failures, for both


@pytest.mark.parametrize(
    ("failure", "status"), [(RateLimitExceeded("Too many"), 429), (ServiceUnavailable("Too late"), 503)]
)
@pytest.mark.parametrize("name", ["create_url/http.json", "redirect/http.json"])
def test_given_a_table_that_does_not_answer_when_asked_then_the_caller_is_told_when_to_come_back(
    urls, environment, monkeypatch, failure, status, name
):
    def fail(*_: object) -> None:
        raise failure

    for method in ("get", "count_click", "find_live", "claim"):
        monkeypatch.setattr(urls, method, fail)

    answer = invoke(name.partition("/")[0], events.load(name))

    assert answer["statusCode"] == status
    assert answer["headers"]["Retry-After"] == "1"
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind_of_event", ["http", "direct"])
@pytest.mark.parametrize("function", ["create_url", "redirect"])
def test_given_a_defect_when_invoked_then_nothing_of_the_inside_or_of_the_visitor_is_told_or_logged(
    urls, environment, monkeypatch, output, function, kind_of_event
):
    def break_down(*_: object) -> None:
        message = "secret-inside 192.0.2.44 https://example.com/very/long/url"
        raise KeyError(message)

    for method in ("count_click", "find_live"):
        monkeypatch.setattr(urls, method, break_down)

    answer = invoke(function, events.load(f"{function}/{kind_of_event}.json"))

    error = json.loads(answer["body"]) if kind_of_event == "http" else answer
    assert (error["error"], error["details"]) == ("InternalServerError", None)
    assert "secret-inside" not in json.dumps(answer)
    logged = output.readouterr().out
    record = next(json.loads(line) for line in logged.splitlines() if '"Defect"' in line)
    assert record["level"] == "ERROR"
    assert record["function_request_id"] == Context().aws_request_id
    assert record["cause"] == "KeyError"
    assert any("break_down" in frame for frame in record["stack"])
    assert "secret-inside" not in logged


# What leaves the process besides the answer


def emitted(output: str) -> dict[str, list[set[str]]]:
    """Return each metric that was written, with the sets of dimensions it was written under."""
    metrics: dict[str, list[set[str]]] = {}
    for line in output.splitlines():
        for directive in json.loads(line).get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "Squrl"
            for metric in directive["Metrics"]:
                metrics.setdefault(metric["Name"], []).extend(set(names) for names in directive["Dimensions"])
    return metrics


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("create_url/http.json", {"url_creation_count"}),
        ("create_url/http_custom_code.json", {"url_reuse_count"}),
        ("create_url/direct_conflict_error.json", {"error_count"}),
        ("redirect/http.json", {"url_lookup_count"}),
        ("redirect/direct_not_found.json", {"url_lookup_count", "url_lookup_miss", "error_count"}),
    ],
)
def test_given_an_outcome_when_answered_then_its_metrics_are_written_by_service(
    urls, environment, output, monkeypatch, name, expected
):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "squrl-test-local")

    invoke(name.partition("/")[0], events.load(name))

    metrics = emitted(output.readouterr().out)
    assert set(metrics) - {"ColdStart"} == expected | {"function_duration"}
    for metric, dimensions in metrics.items():
        if metric == "error_count":
            assert sorted(dimensions, key=len) == [{"service"}, {"service", "error_type"}]
        elif metric != "ColdStart":
            assert dimensions == [{"service"}]


@pytest.mark.parametrize("name", [name for name in events.ANSWERS if name.startswith("redirect/http")])
def test_given_any_redirect_when_answered_then_nothing_of_the_visitor_is_logged(urls, environment, output, name):
    event = events.load(name)

    invoke("redirect", event)

    written = output.readouterr()
    http = event["requestContext"]["http"]
    for secret in (http["sourceIp"], http["userAgent"], event["headers"]["referer"], "example.com/"):
        assert secret not in written.out + written.err


def test_given_a_success_when_redirected_then_nothing_but_metrics_is_logged(urls, environment, output):
    invoke("redirect", events.load("redirect/http.json"))

    assert all("_aws" in json.loads(line) for line in output.readouterr().out.splitlines())


def test_given_a_cold_start_when_invoked_then_it_is_counted(urls, environment, output, monkeypatch):
    monkeypatch.setattr("aws_lambda_powertools.metrics.provider.cold_start.is_cold_start", True)

    invoke("redirect", events.load("redirect/http.json"))

    assert "ColdStart" in emitted(output.readouterr().out)


def test_given_a_missing_setting_when_loaded_then_it_is_named(environment, monkeypatch):
    monkeypatch.delenv("TABLE_NAME")

    with pytest.raises(ValueError, match="TABLE_NAME"):
        load("redirect")


def test_the_metrics_namespace_is_the_contracts():
    assert telemetry.NAMESPACE == "Squrl"


@pytest.mark.parametrize(
    ("function", "event", "most"),
    [
        ("redirect", "redirect/http.json", 400),
        ("create_url", "create_url/http.json", 410),
        ("redirect", "redirect/http_not_found.json", 1200),
        ("create_url", "create_url/http_validation_error.json", 1200),
    ],
)
def test_given_a_warm_process_when_a_request_is_answered_then_its_log_stays_in_its_budget(
    urls, environment, output, function, event, most
):
    handler = load(function).lambda_handler
    handler(events.load("redirect/http_head.json" if function == "redirect" else event), Context())
    output.readouterr()

    answer = handler(events.load(event), Context())

    assert answer["statusCode"] == events.ANSWERS[event][0] or function == "create_url"  # the second time it is there
    assert 0 < len(output.readouterr().out.encode()) <= most
