"""From a table of the template to DynamoDB's parameters."""

from typing import Any

import pytest

from local import LocalError, dynamodb
from local.tables import create_request, schema

PROPERTIES: dict[str, Any] = {
    "TableName": "links",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "code", "AttributeType": "S"},
        {"AttributeName": "url", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "code", "KeyType": "HASH"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-url",
            "KeySchema": [{"AttributeName": "url", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status", "expires_at"]},
            "ContributorInsightsSpecification": {"Enabled": True},
        }
    ],
}
LEFT_OUT = {
    "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    "SSESpecification": {"SSEEnabled": True},
    "DeletionProtectionEnabled": {"Fn::If": ["IsProduction", True, False]},
    "Tags": [{"Key": "Service", "Value": "squrl"}],
}


def test_a_table_is_created_as_the_template_says():
    index = {name: PROPERTIES["GlobalSecondaryIndexes"][0][name] for name in ("IndexName", "KeySchema", "Projection")}

    assert create_request("Table", PROPERTIES | LEFT_OUT) == PROPERTIES | {"GlobalSecondaryIndexes": [index]}


def test_a_table_without_a_name_gets_its_logical_id():
    properties = {name: value for name, value in PROPERTIES.items() if name != "TableName"}

    assert create_request("Table", properties)["TableName"] == "Table"


def test_a_stream_takes_the_apis_form():
    request = create_request("Table", PROPERTIES | {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}})

    assert request["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}


def test_throughput_from_a_parameter_is_a_number():
    throughput = {"ReadCapacityUnits": "5", "WriteCapacityUnits": 6}

    request = create_request("Table", PROPERTIES | {"ProvisionedThroughput": throughput})

    assert request["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}


def test_what_sam_cli_doesnt_resolve_is_an_error():
    with pytest.raises(LocalError, match="Table: SAM CLI doesn't resolve Fn::If here"):
        create_request("Table", PROPERTIES | {"TableName": {"Fn::If": ["IsProduction", "a", "b"]}})


def test_the_order_of_definitions_makes_no_other_schema():
    shuffled = PROPERTIES | {"AttributeDefinitions": PROPERTIES["AttributeDefinitions"][::-1]}
    described = shuffled | {"TableStatus": "ACTIVE", "ItemCount": 5}

    assert schema(PROPERTIES) == schema(described)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"KeySchema": [{"AttributeName": "url", "KeyType": "HASH"}]}, "keys"),
        ({"GlobalSecondaryIndexes": []}, "index by-url"),
        (
            {
                "GlobalSecondaryIndexes": [
                    PROPERTIES["GlobalSecondaryIndexes"][0] | {"Projection": {"ProjectionType": "ALL"}}
                ]
            },
            "index by-url",
        ),
    ],
    ids=["keys", "no index", "projection"],
)
def test_another_schema_is_noticed(changes, part):
    before, after = schema(PROPERTIES), schema(PROPERTIES | changes)

    assert before.get(part) != after.get(part)


def test_another_type_of_key_is_noticed():
    definitions = [{"AttributeName": "code", "AttributeType": "N"}, PROPERTIES["AttributeDefinitions"][1]]

    assert schema(PROPERTIES)["keys"] != schema(PROPERTIES | {"AttributeDefinitions": definitions})["keys"]


def test_the_engines_port_can_be_set(monkeypatch):
    monkeypatch.delenv("DYNAMODB_PORT", raising=False)
    assert dynamodb.default_port() == 8000
    monkeypatch.setenv("DYNAMODB_PORT", "8123")
    assert dynamodb.default_port() == 8123


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "²"])
def test_a_port_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("DYNAMODB_PORT", text)

    with pytest.raises(LocalError, match="DYNAMODB_PORT"):
        dynamodb.default_port()
