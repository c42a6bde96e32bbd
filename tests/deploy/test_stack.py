"""What a deployment of dev makes, and what it answers.

Ministack says nothing of a table's TTL, point-in-time recovery and encryption, and makes no routes of an HTTP API's
definition: those are for tests/template.
"""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from click.testing import CliRunner

from cli import app, smoke
from squrl.aws.links_table import to_item
from squrl.clicks import Click
from squrl.links import DAY, MAX_DAYS, Kind, Link, timestamp
from tests.support.events import ANSWERS, BATCHES, LINKS, load, status_and_error
from tests.support.gateway import Gateway

FUNCTIONS = {
    "create-url": 10,
    "manage-links": 30,
    "redirect": 5,
    "pages": 5,
    "count-clicks": 30,
}  # and their time-outs, in seconds


def test_given_a_deployment_when_its_outputs_are_read_then_they_lead_to_its_resources(stack, client):
    (api,) = client("apigatewayv2").get_apis()["Items"]
    (topic,) = client("sns").list_topics()["Topics"]

    assert stack == {
        "ApiUrl": api["ApiEndpoint"],
        "TableName": "squrl-urls-dev",
        "AlarmTopicArn": topic["TopicArn"],
    }


def test_given_a_deployment_when_the_table_is_described_then_it_is_the_contracts(stack, client):
    table = client("dynamodb").describe_table(TableName=stack["TableName"])["Table"]

    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert table["KeySchema"] == [{"AttributeName": "short_code", "KeyType": "HASH"}]
    assert {name: index["KeySchema"] for name, index in indexes.items()} == {
        f"{key.replace('_', '-')}-index": [
            {"AttributeName": key, "KeyType": "HASH"},
            {"AttributeName": "created_at", "KeyType": "RANGE"},
        ]
        for key in ("original_url", "owner")
    }
    projected = "status redirect_type ttl_hours expires_at custom_code owner forward_query max_clicks"
    assert set(indexes["original-url-index"]["Projection"]["NonKeyAttributes"]) == set(projected.split())
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["DeletionProtectionEnabled"] is False


@pytest.mark.parametrize("function", FUNCTIONS)
def test_given_a_deployment_when_what_is_live_is_described_then_it_has_the_settings_of_dev(stack, client, function):
    live = client("lambda").get_function_configuration(FunctionName=f"squrl-{function}-dev", Qualifier="live")

    variables = live["Environment"]["Variables"]
    (layer,) = live["Layers"]
    assert live["Version"] == "1"
    assert (live["Runtime"], live["Architectures"]) == ("python3.13", ["arm64"])
    assert (live["MemorySize"], live["Timeout"]) == (512, FUNCTIONS[function])
    assert live["TracingConfig"] == {"Mode": "Active"}
    assert live["LoggingConfig"]["LogGroup"] == f"/aws/lambda/squrl-{function}-dev"
    assert ":layer:squrl-dev:" in layer["Arn"]
    assert variables["TABLE_NAME"] == stack["TableName"]
    assert variables["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    assert variables["POWERTOOLS_SERVICE_NAME"] == f"squrl-{function}-dev"


def test_given_a_deployment_then_what_it_made_has_the_tags_of_samconfig(stack, client):
    arn = client("dynamodb").describe_table(TableName=stack["TableName"])["Table"]["TableArn"]

    tags = client("dynamodb").list_tags_of_resource(ResourceArn=arn)["Tags"]

    assert {"Key": "Service", "Value": "squrl"} in tags


def test_given_a_deployment_when_log_groups_are_listed_then_all_are_kept_for_a_week(stack, client):
    groups = client("logs").describe_log_groups()["logGroups"]

    assert {group["logGroupName"]: group.get("retentionInDays") for group in groups} == {
        "/aws/lambda/squrl-count-clicks-dev": 7,
        "/aws/lambda/squrl-create-url-dev": 7,
        "/aws/lambda/squrl-manage-links-dev": 7,
        "/aws/lambda/squrl-pages-dev": 7,
        "/aws/lambda/squrl-redirect-dev": 7,
        "/aws/vendedlogs/squrl-dev/access": 7,
    }


def test_given_a_deployment_when_alarms_are_listed_then_each_is_published_to_the_topic(stack, client):
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]

    topic = client("sns").get_topic_attributes(TopicArn=stack["AlarmTopicArn"])["Attributes"]
    (statement,) = json.loads(topic["Policy"])["Statement"]
    assert len(alarms) == 8  # dev has the essential ones
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [stack["AlarmTopicArn"]] for alarm in alarms)
    assert "cloudwatch.amazonaws.com" in statement["Principal"]["Service"]


def test_given_the_build_when_its_libraries_are_looked_at_then_they_know_the_services_that_are_called_and_no_others(
    build,
):
    data = build / "SqurlLayer" / "python" / "botocore" / "data"

    assert {path.name for path in data.iterdir() if path.is_dir()} == {"dynamodb", "events", "kms", "sqs"}


def test_given_a_deployment_when_the_redirect_is_asked_where_its_clicks_go_then_it_is_the_queue(stack, client):
    live = client("lambda").get_function_configuration(FunctionName="squrl-redirect-dev", Qualifier="live")

    url = client("sqs").get_queue_url(QueueName="squrl-clicks-dev")["QueueUrl"]

    assert live["Environment"]["Variables"]["CLICK_QUEUE_URL"].rpartition("/")[2] == url.rpartition("/")[2]


@pytest.mark.parametrize(
    ("function", "routes"),
    [
        ("create-url", {"POST/create"}),
        ("redirect", {"GET/*", "HEAD/*", "POST/*", "*"}),
        (
            "manage-links",
            {"GET/links", "GET/links/*", "PATCH/links/*", "DELETE/links/*"}
            | {"GET/links/*/stats", "POST/links/bulk", "PATCH/links/bulk", "POST/links/import"},
        ),
        (
            "pages",
            {
                f"{method}/{path}"
                for method in ("GET", "HEAD")
                for path in (
                    *("", "assets/*", "*/qr", "robots.txt", "favicon.ico", ".well-known/security.txt"),
                    *("health", "openapi.yaml", "docs"),
                )
            },
        ),
    ],
    ids=["create-url", "redirect", "manage-links", "pages"],
)
def test_given_a_deployment_when_a_function_is_asked_who_may_invoke_it_then_it_is_the_apis_routes(
    stack, client, function, routes
):
    policy = client("lambda").get_policy(FunctionName=f"squrl-{function}-dev", Qualifier="live")["Policy"]

    statements = json.loads(policy)["Statement"]
    (api,) = client("apigatewayv2").get_apis()["Items"]
    sources = {statement["Condition"]["ArnLike"]["AWS:SourceArn"].rpartition(":")[2] for statement in statements}
    assert {statement["Principal"]["Service"] for statement in statements} == {"apigateway.amazonaws.com"}
    assert sources == {f"{api['ApiId']}/*/{route}" for route in routes}


@pytest.mark.parametrize("name", ANSWERS)
def test_given_the_sample_links_when_a_sample_event_comes_then_the_answer_is_the_samples(rows, invoke, name):
    event = load(name)

    answer = invoke(name.partition("/")[0].replace("_", "-"), event)

    needs_a_key = name.startswith("create_url/http") and "authorization" not in event["headers"]
    assert status_and_error(name, answer) == ((401, "Unauthorized") if needs_a_key else ANSWERS[name])


@pytest.mark.parametrize("name", BATCHES)
def test_given_the_sample_links_when_a_sample_batch_comes_then_its_clicks_are_counted(rows, invoke, name):
    failed, clicks = BATCHES[name]

    answer = invoke("count-clicks", load(name))

    assert answer == {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
    assert rows()["hello-squrl"]["click_count"] == {"N": str(clicks)}


def test_given_a_click_in_the_queue_when_it_is_there_twice_then_it_is_counted_once_and_the_queue_is_empty(
    rows, eventually, client
):
    sqs, click = client("sqs"), Click.on(LINKS[0], int(time.time()))
    url = sqs.get_queue_url(QueueName="squrl-clicks-dev")["QueueUrl"]

    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody=click.to_message())

    states = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    eventually(lambda: rows()["hello-squrl"]["click_count"] == {"N": "1"})
    eventually(
        lambda: set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=states)["Attributes"].values()) == {"0"}
    )
    assert rows()["hello-squrl"]["click_count"] == {"N": "1"}


def test_given_a_message_that_is_no_click_when_it_failed_often_enough_then_it_is_with_the_dead_ones(stack, client):
    queues = {
        name: client("sqs").get_queue_url(QueueName=f"squrl-clicks-{name}")["QueueUrl"] for name in ("dev", "dead-dev")
    }

    attributes = client("sqs").get_queue_attributes(QueueUrl=queues["dev"], AttributeNames=["All"])["Attributes"]

    redrive = json.loads(attributes["RedrivePolicy"])
    dead = client("sqs").get_queue_attributes(QueueUrl=queues["dead-dev"], AttributeNames=["QueueArn"])["Attributes"]
    assert redrive["deadLetterTargetArn"] == dead["QueueArn"]
    assert int(attributes["VisibilityTimeout"]) >= 6 * FUNCTIONS["count-clicks"]


def test_given_running_functions_when_a_domain_is_denied_then_within_a_minute_links_there_are_gone(
    rows, eventually, invoke, operate, client
):
    row = to_item(replace(LINKS[0], kind=Kind("https://www.evil.example/", "302", None)))
    client("dynamodb").put_item(TableName="squrl-urls-dev", Item=row)
    assert invoke("redirect", load("redirect/http.json"))["statusCode"] == 302

    status, lists = operate("PATCH", "/domains", denied={"add": ["evil.example"]})

    assert (status, "evil.example" in lists["denied"]) == (200, True)
    eventually(lambda: invoke("redirect", load("redirect/http.json"))["statusCode"] == 410)
    eventually(lambda: invoke("create-url", {"original_url": "https://evil.example/"}).get("error") == "InvalidUrl")


def test_given_a_new_destination_when_a_link_is_made_then_its_row_is_in_the_table(rows, http, make_key):
    before = len(rows())

    status, link = http(make_key()["key"]).create(original_url="https://example.com/new")

    row = rows()[link["short_code"]]
    assert (status, len(rows())) == (201, before + 1)
    assert {name: value for name, value in row.items() if name != "created_at"} == {
        "short_code": {"S": link["short_code"]},
        "original_url": {"S": "https://example.com/new"},
        "redirect_type": {"S": "301"},
        "owner": {"S": "marketing"},
        "click_count": {"N": "0"},
        "custom_code": {"BOOL": False},
        "status": {"S": "active"},
        "revision": {"N": "1"},
        "changed": {"BOOL": True},  # a caller's write, until the first click
    }
    assert datetime.fromisoformat(row["created_at"]["S"]).tzinfo == UTC


def test_given_a_key_when_its_owner_manages_a_link_then_each_call_does_what_it_says(rows, http, make_key, invoke):
    caller = http(make_key()["key"])
    _, made = caller.create(original_url="https://example.com/managed", custom_code="managed", redirect_type="302")
    follow = load("redirect/http.json") | {"rawPath": "/managed", "pathParameters": {"short_code": "managed"}}

    def visit():
        return invoke("redirect", follow)["statusCode"]

    listed = caller.request("GET", "/links")[1]["links"]
    seen = caller.request("GET", "/links/managed")
    changed = caller.request("PATCH", "/links/managed", {"title": "New"}, **{"if-match": seen[2]["ETag"]})
    late = caller.request("PATCH", "/links/managed", {"title": "Newer"}, **{"if-match": seen[2]["ETag"]})
    visits = [visit()]
    for status in ("disabled", "active"):
        assert caller.request("PATCH", "/links/managed", {"status": status})[0] == 200
        visits.append(visit())
    deleted = caller.request("DELETE", "/links/managed")
    visits.append(visit())
    gone = caller.request("GET", "/links/managed")[1]

    assert made["short_code"] in {link["short_code"] for link in listed}
    assert (changed[0], changed[1]["title"], changed[1]["revision"], late[0]) == (200, "New", 2, 412)
    assert visits == [302, 410, 302, 410]
    assert (deleted[0], gone["status"], gone["original_url"], gone["click_count"]) == (204, "deleted", None, 2)


def test_given_a_hundred_links_when_made_and_changed_in_bulk_then_each_is_and_the_list_has_them(rows, http, make_key):
    caller = http(make_key(owner="bulk")["key"])
    links = [{"original_url": f"https://example.com/{number}", "tags": ["many"]} for number in range(100)]

    _, made, _ = caller.request("POST", "/links/bulk", {"links": links})
    codes = [result["link"]["short_code"] for result in made["results"]]
    _, changed, _ = caller.request("PATCH", "/links/bulk", {"short_codes": codes, "set": {"status": "disabled"}})

    listed = caller.request("GET", "/links")[1]
    assert [result["status"] for result in made["results"]] == [201] * 100
    assert [result["status"] for result in changed["results"]] == [200] * 100
    assert {rows()[code]["status"]["S"] for code in codes} == {"disabled"}
    assert (len(listed["links"]), listed["cursor"] is None) == (50, False)


def test_given_a_key_when_it_is_revoked_then_it_is_refused_within_a_minute(rows, http, make_key, operate, eventually):
    key = make_key()
    caller = http(key["key"])
    assert caller.request("GET", "/links")[0] == 200
    assert caller.create(original_url="https://example.com/before")[0] == 201

    status, _ = operate("DELETE", f"/keys/{key['id']}")

    assert status == 204
    eventually(lambda: caller.request("GET", "/links")[0] == 401)
    eventually(lambda: caller.create(original_url="https://example.com/after")[0] == 401)
    assert key["id"] not in {each["id"] for each in operate("GET", "/keys")[1]["keys"]}


def test_given_a_deployment_when_it_is_tried_then_all_of_it_works_and_nothing_is_left(
    rows, environment, invoke, operate, monkeypatch
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    gateway = Gateway(lambda function, event: invoke(function.replace("_", "-"), event))
    headers = smoke.visitor("https://go.example.com").headers
    monkeypatch.setattr(smoke, "visitor", lambda url: httpx.Client(base_url=url, headers=headers, transport=gateway))
    before, keys = rows(), operate("GET", "/keys")

    result = CliRunner(mix_stderr=False).invoke(app.squrl, ["smoke", "--stack", "squrl-dev"])

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "ok  delete"
    assert rows() == before
    assert operate("GET", "/keys") == keys


def test_given_no_key_or_a_foreign_one_then_nothing_is_told_and_nothing_is_done(rows, http, make_key):
    before = rows()
    stranger, other = http(), http(make_key(owner="sales")["key"])

    refused = [
        stranger.create(original_url="https://example.com/")[0],
        stranger.request("GET", "/links")[0],
        stranger.request("DELETE", "/links/summer-sale")[0],
        other.request("GET", "/links/summer-sale")[0],
        other.request("PATCH", "/links/summer-sale", {"status": "disabled"})[0],
    ]

    assert refused == [401, 401, 401, 404, 404]
    assert rows() == before


def test_given_a_link_when_it_is_followed_and_probed_then_the_click_alone_is_counted(rows, invoke):
    invoke("redirect", load("redirect/http.json"))
    invoke("redirect", load("redirect/http_head.json"))

    assert rows()["hello-squrl"]["click_count"] == {"N": "1"}


@pytest.fixture
def visit(invoke):
    """Return a function that asks for a short link as a visitor does, and returns the answer."""

    def ask(short_code, method="GET", **headers):
        event, route = load("redirect/http.json"), f"{method} /{{short_code}}"
        event |= {"routeKey": route, "rawPath": f"/{short_code}", "pathParameters": {"short_code": short_code}}
        event["requestContext"] |= {"routeKey": route, "http": event["requestContext"]["http"] | {"method": method}}
        return invoke("redirect", event | {"headers": event["headers"] | headers})

    return ask


def test_given_a_limit_when_a_bot_and_people_come_then_people_alone_are_sent_on_up_to_it(rows, http, make_key, visit):
    caller = http(make_key()["key"])
    caller.create(original_url="https://example.com/", custom_code="limited", redirect_type="302", max_clicks=2)

    bots = visit("limited", **{"user-agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"})
    statuses = [visit("limited", method)["statusCode"] for method in ("GET", "POST", "GET", "POST")]

    statistics = caller.request("GET", "/links/limited/stats")[1]
    assert (bots["statusCode"], "Location" in bots["headers"]) == (200, False)
    assert statuses == [302, 303, 410, 410]
    assert (statistics["click_count"], statistics["bot_click_count"]) == (2, 0)
    assert sum(day["clicks"] for day in statistics["days"]) == 2


def test_given_a_row_full_of_days_when_clicked_then_old_ones_are_moved_and_none_is_lost(
    rows, http, make_key, visit, eventually, client
):
    today = int(time.time()) // DAY
    days = {today - ago: ago for ago in range(1, MAX_DAYS + 1)}
    kind = Kind("https://example.com/", "302", None, "marketing")
    link = Link("many-days", kind, "2026-11-22T10:30:00Z", None, click_count=sum(days.values()), days=days)
    client("dynamodb").put_item(TableName="squrl-urls-dev", Item=to_item(link))

    assert visit("many-days")["statusCode"] == 302

    eventually(lambda: "days_from" in rows()["many-days"])
    first = timestamp(min(days) * DAY)[:10]
    statistics = http(make_key()["key"]).request("GET", f"/links/many-days/stats?from={first}")[1]
    clicks = [day["clicks"] for day in statistics["days"]]
    assert clicks[:MAX_DAYS] == list(range(MAX_DAYS, 0, -1))
    assert (sum(clicks), statistics["click_count"], statistics["undated_click_count"]) == (631, 631, 0)


@pytest.mark.parametrize(
    ("function", "event", "metric"),
    [
        ("create-url", "create_url/direct_custom_code.json", "url_reuse_count"),
        ("manage-links", "manage_links/direct_import.json", "url_creation_count"),
        ("redirect", "redirect/direct.json", "url_lookup_count"),
        ("pages", "pages/http_qr.json", "database_query_duration"),
        ("count-clicks", "count_clicks/sqs.json", "click_counted_late"),
    ],
    ids=FUNCTIONS,
)
def test_given_an_invocation_when_the_functions_log_group_is_read_then_it_has_the_metrics(
    rows, invoke, client, function, event, metric
):
    invoke(function, load(event))

    events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/squrl-{function}-dev")["events"]
    assert any(f'"service":"squrl-{function}-dev"' in e["message"] and f'"{metric}":[' in e["message"] for e in events)
