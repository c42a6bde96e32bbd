"""The tables: the links' as the contract has it, and safe where it holds people's links; the other for a while."""

import pytest

from tests.template.runs import Call, projected, run
from tests.template.stack import Stack


def table_of(stack):
    return stack.resources["UrlsTable"], stack.of_type("AWS::DynamoDB::Table")["UrlsTable"]


@pytest.mark.parametrize(
    ("environment", "policy"), [("local", "Delete"), ("dev", "Delete"), ("staging", "Delete"), ("prod", "Retain")]
)
def test_given_an_environment_then_only_the_table_of_prod_is_kept_and_protected(template, environment, policy):
    resource, properties = table_of(Stack(template, Environment=environment))

    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (policy, policy)
    assert properties["DeletionProtectionEnabled"] is (environment == "prod")


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
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
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


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_given_any_environment_then_what_is_remembered_for_a_while_has_a_table_of_its_own(template, environment):
    properties = Stack(template, Environment=environment).of_type("AWS::DynamoDB::Table")["StateTable"]

    assert properties["TableName"] == f"squrl-state-{environment}"
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert properties["AttributeDefinitions"] == [{"AttributeName": "id", "AttributeType": "S"}]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties["SSESpecification"]["SSEEnabled"] is True
