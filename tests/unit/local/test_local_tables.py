"""From a table of the template to DynamoDB's parameters."""

from typing import Any

import pytest

from local import LocalError, dynamodb
from local.tables import create_request, schema

INDEX = {
    "IndexName": "by-url",
    "KeySchema": [{"AttributeName": "url", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "expires_at"]},
}
PROPERTIES: dict[str, Any] = {
    "TableName": "links",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "code", "AttributeType": "S"},
        {"AttributeName": "url", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "code", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [INDEX],
}
LEFT_OUT = {
    "GlobalSecondaryIndexes": [INDEX | {"ContributorInsightsSpecification": {"Enabled": True}}],
    "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    "SSESpecification": {"SSEEnabled": True},
    "DeletionProtectionEnabled": {"Fn::If": ["IsProduction", True, False]},
    "Tags": [{"Key": "Service", "Value": "squrl"}],
}


@pytest.mark.parametrize(
    ("declared", "requested"),
    [
        (LEFT_OUT, {}),
        (
            {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}},
            {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}},
        ),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": "5", "WriteCapacityUnits": 6}},  # one from a parameter
            {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}},
        ),
    ],
    ids=["what makes no difference", "a stream", "throughput"],
)
def test_given_a_tables_properties_when_it_is_made_then_it_is_as_they_say(declared, requested):
    assert create_request("Table", PROPERTIES | declared) == PROPERTIES | requested


def test_given_a_table_without_a_name_when_made_then_it_has_its_logical_id():
    properties = {name: value for name, value in PROPERTIES.items() if name != "TableName"}

    assert create_request("Table", properties)["TableName"] == "Table"


def test_given_what_sam_cli_does_not_resolve_when_made_then_it_is_an_error():
    with pytest.raises(LocalError, match="Table: SAM CLI doesn't resolve Fn::If here"):
        create_request("Table", PROPERTIES | {"TableName": {"Fn::If": ["IsProduction", "a", "b"]}})


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"KeySchema": [{"AttributeName": "url", "KeyType": "HASH"}]}, "keys"),
        (
            {
                "AttributeDefinitions": [
                    {"AttributeName": "code", "AttributeType": "N"},
                    PROPERTIES["AttributeDefinitions"][1],
                ]
            },
            "keys",
        ),
        ({"GlobalSecondaryIndexes": []}, "index by-url"),
        ({"GlobalSecondaryIndexes": [INDEX | {"Projection": {"ProjectionType": "ALL"}}]}, "index by-url"),
        ({"AttributeDefinitions": PROPERTIES["AttributeDefinitions"][::-1], "ItemCount": 5}, None),
    ],
    ids=["keys", "a key's type", "no index", "projection", "order"],
)
def test_given_two_tables_when_compared_then_what_differs_is_named(changes, part):
    before, after = schema(PROPERTIES), schema(PROPERTIES | changes)

    assert [name for name in before if before[name] != after.get(name)] == ([part] if part else [])


def test_given_a_port_when_set_then_it_is_the_engines(monkeypatch):
    monkeypatch.delenv("DYNAMODB_PORT", raising=False)
    assert dynamodb.default_port() == 8000
    monkeypatch.setenv("DYNAMODB_PORT", "8123")
    assert dynamodb.default_port() == 8123


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "²"])
def test_given_a_port_that_is_none_when_set_then_it_is_refused(monkeypatch, text):
    monkeypatch.setenv("DYNAMODB_PORT", text)

    with pytest.raises(LocalError, match="DYNAMODB_PORT"):
        dynamodb.default_port()
