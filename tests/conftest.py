"""The table in AWS's own engine, for the tests that need it: one in memory for the whole run."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from local.dynamodb import client, engine
from local.tables import create_tables
from squrl.links import Link
from squrl.store import INDEX, DynamoDBUrlStore, from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "squrl-urls-local"
STATE_TABLE = "squrl-state-local"

# No proxy stands between a machine and itself; processes that tests start inherit this.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


@pytest.fixture(scope="session")
def dynamodb_endpoint() -> Iterator[str]:
    with engine(0, in_memory=True) as endpoint:
        create_tables(endpoint)
        yield endpoint


@pytest.fixture(scope="session")
def dynamodb(dynamodb_endpoint: str) -> "DynamoDBClient":
    return client(dynamodb_endpoint)


@pytest.fixture
def dynamodb_store(dynamodb: "DynamoDBClient") -> DynamoDBUrlStore:
    return DynamoDBUrlStore(dynamodb, TABLE, 60_000, STATE_TABLE)


@pytest.fixture
def put_row(dynamodb: "DynamoDBClient") -> Callable[[Link], None]:
    """Write a row as it is, whatever stands there, as an operator might."""
    return lambda link: dynamodb.put_item(TableName=TABLE, Item=to_item(link)) and None


@pytest.fixture
def get_row(dynamodb: "DynamoDBClient") -> Callable[[str], Link | None]:
    def get(short_code: str) -> Link | None:
        answer = dynamodb.get_item(TableName=TABLE, Key={"short_code": {"S": short_code}}, ConsistentRead=True)
        return from_item(answer.get("Item"))

    return get


@pytest.fixture
def delete_row(dynamodb: "DynamoDBClient") -> Callable[[Link], None]:
    """Remove a row, as the table's TTL does with an expired one."""
    return lambda link: dynamodb.delete_item(TableName=TABLE, Key={"short_code": {"S": link.short_code}}) and None


@pytest.fixture
def count_rows(dynamodb: "DynamoDBClient") -> Callable[[str], int]:
    """Count the links to one destination."""

    def count(original_url: str) -> int:
        answer = dynamodb.query(
            TableName=TABLE,
            IndexName=INDEX,
            KeyConditionExpression="original_url = :url",
            ExpressionAttributeValues={":url": {"S": original_url}},
            Select="COUNT",
        )
        return answer["Count"]

    return count
