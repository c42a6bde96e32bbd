"""The tables: the links' as the contract has it; what must not be lost is safe in prod; what passes is not kept."""

from dataclasses import replace

import pytest

from squrl.aws.links_table import from_item, to_item
from squrl.links import Kind, Link
from tests.template.runs import projected
from tests.template.stack import Stack


def table_of(stack):
    return stack.resources["UrlsTable"], stack.of_type("AWS::DynamoDB::Table")["UrlsTable"]


@pytest.mark.parametrize("environment", ["local", "dev", "staging", "prod"])
@pytest.mark.parametrize("name", ["UrlsTable", "DurableTable"])
def test_given_an_environment_then_prod_alone_protects_what_must_not_be_lost(template, environment, name):
    resource = Stack(template, Environment=environment).resources[name]

    policy = "Retain" if environment == "prod" else "Delete"
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (policy, policy)
    assert resource["Properties"]["DeletionProtectionEnabled"] is (environment == "prod")
    assert resource["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_given_any_environment_then_the_table_is_the_contracts(template, environment):
    _, properties = table_of(Stack(template, Environment=environment, TableName="squrl-urls-restored"))

    assert properties["TableName"] == "squrl-urls-restored"
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["KeySchema"] == [{"AttributeName": "short_code", "KeyType": "HASH"}]
    assert {each["AttributeName"]: each["AttributeType"] for each in properties["AttributeDefinitions"]} == {
        "short_code": "S",
        "original_url": "S",
        "created_at": "S",
        "owner": "S",
    }
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "collect_at", "Enabled": True}
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"]["SSEEnabled"] is True


SHARED = {"redirect_type", "ttl_hours", "expires_at", "custom_code", "status", "forward_query", "max_clicks"}


@pytest.mark.parametrize(
    ("name", "key", "others"),
    [
        ("original-url-index", "original_url", {"owner"}),
        ("owner-index", "owner", {"original_url", "title", "tags", "locked", "imported_clicks", "revision"}),
    ],
    ids=["original-url", "owner"],
)
def test_given_an_index_then_it_is_the_contracts(template, name, key, others):
    stack = Stack(template)
    _, properties = table_of(stack)

    (index,) = (each for each in properties["GlobalSecondaryIndexes"] if each["IndexName"] == name)

    assert index["KeySchema"] == [
        {"AttributeName": key, "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    assert projected(stack)[name] == {"short_code", key, "created_at"} | SHARED | others


def test_given_the_indexes_then_a_click_writes_to_none_and_dynamodb_takes_what_they_project(template):
    _, properties = table_of(Stack(template))

    attributes = [
        attribute
        for index in properties["GlobalSecondaryIndexes"]
        for attribute in index["Projection"]["NonKeyAttributes"]
    ]

    assert [name for name in attributes if "click_count" in name] == []
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
    assert len(attributes) <= 100


@pytest.mark.parametrize("name", ["original-url-index", "owner-index"])
def test_given_an_index_then_a_link_that_is_read_from_it_lacks_its_counters_alone(template, name):
    full = Link(
        "abc",
        Kind("https://example.com/", "302", 24, "marketing"),
        "2026-11-22T10:30:00Z",
        1_900_000_000,
        custom_code=True,
        title="Title",
        tags=frozenset({"tag"}),
        locked=True,
        imported_clicks=7,
        revision=3,
        click_count=5,
        creator_ip="192.0.2.1",
    )

    item = to_item(full)
    read = from_item({key: item[key] for key in item.keys() & projected(Stack(template))[name]})

    assert read is not None
    shown = replace(full, click_count=0, creator_ip=None)
    decides = (read.kind, read.status, read.expires_at, read.custom_code)
    assert decides == (full.kind, full.status, full.expires_at, full.custom_code)
    assert (read == shown) is (name == "owner-index")


@pytest.mark.parametrize("environment", ["local", "prod"])
def test_given_any_environment_then_what_passes_can_not_be_restored(template, environment):
    resource = Stack(template, Environment=environment).resources["EphemeralTable"]
    properties = resource["Properties"]

    assert "DeletionPolicy" not in resource
    assert "PointInTimeRecoverySpecification" not in properties
    assert "StreamSpecification" not in properties
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


@pytest.mark.parametrize(
    ("name", "keys"),
    [("EphemeralTable", {"id": "HASH"}), ("DurableTable", {"kind": "HASH", "id": "RANGE"})],
    ids=["ephemeral", "durable"],
)
def test_given_what_is_no_link_then_it_has_a_table_of_its_own(template, name, keys):
    properties = Stack(template, Environment="dev").of_type("AWS::DynamoDB::Table")[name]

    assert properties["TableName"] == f"squrl-{name.removesuffix('Table').lower()}-dev"
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert {each["AttributeName"]: each["KeyType"] for each in properties["KeySchema"]} == keys
    assert properties["AttributeDefinitions"] == [{"AttributeName": key, "AttributeType": "S"} for key in keys]
    assert properties["SSESpecification"]["SSEEnabled"] is True
