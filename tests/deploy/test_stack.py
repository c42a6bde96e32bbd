"""What a deployment of dev makes, and what it answers.

Ministack says nothing of a table's TTL, point-in-time recovery and encryption, and makes no routes of an HTTP API's
definition: those are for tests/template.
"""

import json
from datetime import UTC, datetime

import pytest

from tests.events import ANSWERS, LINKS, load, status_and_error

FUNCTIONS = {"create-url": 10, "redirect": 5}  # and their time-outs, in seconds


def test_given_a_deployment_when_its_outputs_are_read_then_they_lead_to_its_resources(stack, client):
    (api,) = client("apigatewayv2").get_apis()["Items"]
    (topic,) = client("sns").list_topics()["Topics"]

    assert stack == {
        "ApiUrl": api["ApiEndpoint"],
        "TableName": "squrl-urls-dev",
        "DashboardUrl": "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        "#dashboards/dashboard/squrl-dev-us-east-1",
        "AlarmTopicArn": topic["TopicArn"],
    }


def test_given_a_deployment_when_the_table_is_described_then_it_is_the_contracts(stack, client):
    table = client("dynamodb").describe_table(TableName=stack["TableName"])["Table"]

    (index,) = table["GlobalSecondaryIndexes"]
    assert table["KeySchema"] == [{"AttributeName": "short_code", "KeyType": "HASH"}]
    assert index["IndexName"] == "original-url-index"
    assert index["KeySchema"] == [
        {"AttributeName": "original_url", "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    assert set(index["Projection"]["NonKeyAttributes"]) == {"status", "redirect_type", "ttl_hours", "expires_at"}
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
    assert (live["MemorySize"], live["Timeout"]) == (256, FUNCTIONS[function])
    assert live["TracingConfig"] == {"Mode": "Active"}
    assert live["LoggingConfig"]["LogGroup"] == f"/aws/lambda/squrl-{function}-dev"
    assert ":layer:squrl-dev:" in layer["Arn"]
    assert variables["TABLE_NAME"] == stack["TableName"]
    assert variables["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    assert variables["POWERTOOLS_SERVICE_NAME"] == f"squrl-{function}-dev"


def test_given_a_deployment_when_log_groups_are_listed_then_all_are_kept_for_a_week(stack, client):
    groups = client("logs").describe_log_groups()["logGroups"]

    assert {group["logGroupName"]: group.get("retentionInDays") for group in groups} == {
        "/aws/lambda/squrl-create-url-dev": 7,
        "/aws/lambda/squrl-redirect-dev": 7,
        "/aws/vendedlogs/squrl-dev/access": 7,
    }


def test_given_a_deployment_when_alarms_are_listed_then_each_is_published_to_the_topic(stack, client):
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]

    topic = client("sns").get_topic_attributes(TopicArn=stack["AlarmTopicArn"])["Attributes"]
    (statement,) = json.loads(topic["Policy"])["Statement"]
    assert len(alarms) == 12
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [stack["AlarmTopicArn"]] for alarm in alarms)
    assert "cloudwatch.amazonaws.com" in statement["Principal"]["Service"]


def test_given_a_deployment_when_the_dashboard_is_read_then_every_name_in_it_is_filled_in(stack, client):
    body = client("cloudwatch").get_dashboard(DashboardName="squrl-dev-us-east-1")["DashboardBody"]

    assert len(json.loads(body)["widgets"]) == 12
    assert "${" not in body
    assert stack["TableName"] in body


@pytest.mark.parametrize(
    ("function", "routes"), [("create-url", {"POST/create"}), ("redirect", {"GET/*", "HEAD/*"})], ids=FUNCTIONS
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
    answer = invoke(name.partition("/")[0].replace("_", "-"), load(name))

    assert status_and_error(name, answer) == ANSWERS[name]


def test_given_a_new_destination_when_a_link_is_made_then_its_row_is_in_the_table(rows, invoke):
    link = json.loads(invoke("create-url", load("create_url/http.json"))["body"])

    row = rows()[link["short_code"]]
    assert len(rows()) == len(LINKS) + 1
    assert {name: value for name, value in row.items() if name != "created_at"} == {
        "short_code": {"S": link["short_code"]},
        "original_url": {"S": link["original_url"]},
        "redirect_type": {"S": "301"},
        "click_count": {"N": "0"},
        "custom_code": {"BOOL": False},
        "status": {"S": "active"},
    }
    assert datetime.fromisoformat(row["created_at"]["S"]).tzinfo == UTC


def test_given_a_link_when_it_is_followed_and_probed_then_the_click_alone_is_counted(rows, invoke):
    invoke("redirect", load("redirect/http.json"))
    invoke("redirect", load("redirect/http_head.json"))

    assert rows()["hello-squrl"]["click_count"] == {"N": "1"}


@pytest.mark.parametrize(
    ("function", "event", "metric"),
    [
        ("create-url", "create_url/direct_custom_code.json", "url_reuse_count"),
        ("redirect", "redirect/direct.json", "url_lookup_count"),
    ],
    ids=FUNCTIONS,
)
def test_given_an_invocation_when_the_functions_log_group_is_read_then_it_has_the_metrics(
    rows, invoke, client, function, event, metric
):
    invoke(function, load(event))

    events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/squrl-{function}-dev")["events"]
    assert any(f'"service":"squrl-{function}-dev"' in e["message"] and f'"{metric}":[1' in e["message"] for e in events)
