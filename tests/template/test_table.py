"""The tables: the links' as the contract has it; what must not be lost is safe in prod; what passes is not kept."""

import pytest

from tests.template.runs import Call, projected, run
from tests.template.stack import Stack


def table_of(stack):
    return stack.resources["UrlsTable"], stack.of_type("AWS::DynamoDB::Table")["UrlsTable"]


@pytest.mark.parametrize("environment", ["local", "dev", "staging", "prod"])
@pytest.mark.parametrize("name", ["UrlsTable", "DurableTable"])
def test_given_an_environment_then_prod_alone_keeps_and_protects_what_must_not_be_lost(template, environment, name):
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
    }
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "collect_at", "Enabled": True}
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"]["SSEEnabled"] is True


def test_given_the_index_then_it_is_the_contracts(template):
    stack = Stack(template)
    _, properties = table_of(stack)

    (index,) = properties["GlobalSecondaryIndexes"]

    assert index["IndexName"] == "original-url-index"
    assert index["KeySchema"] == [
        {"AttributeName": "original_url", "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    assert projected(stack) == {
        "short_code",
        "original_url",
        "created_at",
        "status",
        "redirect_type",
        "ttl_hours",
        "expires_at",
    }


def test_given_the_index_then_it_holds_every_attribute_that_a_query_filters_on(template):
    stack = Stack(template)

    seen = run(stack, "CreateUrlFunction")

    assert seen.filtered >= {"original_url", "status", "redirect_type", "ttl_hours", "expires_at"}
    assert seen.filtered <= projected(stack)
    assert Call("dynamodb:Query", f"{stack.attribute('UrlsTable', 'Arn')}/index/original-url-index") in seen.calls


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
