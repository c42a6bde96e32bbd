"""The template's tables in AWS's own engine, looked at and written to past the functions."""

import os
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from local.dynamodb import client
from squrl import keys
from squrl.aws.client import Service, connect
from squrl.aws.durable_table import DurableTable
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.aws.links_table import SECRET_ROW, LinksTable, from_item, to_item
from squrl.domains import DomainLists
from squrl.invocation import Invocation
from squrl.keys import Role
from squrl.links import Link
from tests.support.functions import ACCOUNT, variables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Tables:
    """The tables of one stack.

    Parameters
    ----------
    endpoint : str
        The engine's.

    Attributes
    ----------
    links, ephemeral, durable : str
        The tables' names.
    client : botocore client
        For tests; the functions' own is `service`'s.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.client: DynamoDBClient = client(endpoint)
        names = variables("create_url")
        self.links, self.ephemeral, self.durable = (
            names[f"{kind}TABLE_NAME"] for kind in ("", "EPHEMERAL_", "DURABLE_")
        )

    @property
    def service(self) -> Service:
        """DynamoDB as the functions know it, for an invocation that begins now and has a minute."""
        with patch.dict(os.environ, ACCOUNT):
            return Service(connect("dynamodb", self.endpoint), Invocation(remaining_ms=60_000))

    @property
    def store(self) -> LinksTable:
        """The links as the functions know them, for such an invocation."""
        service = self.service
        durable = DurableTable(service, self.durable)
        return LinksTable(service, self.links, EphemeralTable(service, self.ephemeral), durable)

    def put(self, *links: Link) -> None:
        """Write links as they are, whatever stands there."""
        for link in links:
            self.client.put_item(TableName=self.links, Item=to_item(link))

    def item(self, short_code: str) -> dict[str, Any] | None:
        """Return a link's row."""
        key = {"short_code": {"S": short_code}}
        return self.client.get_item(TableName=self.links, Key=key, ConsistentRead=True).get("Item")

    def get(self, short_code: str) -> Link | None:
        """Return a link."""
        return from_item(self.item(short_code))

    def all(self) -> dict[str, Link]:
        """Return all links by their codes."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.links, ConsistentRead=True)
        items = (item for page in pages for item in page["Items"] if item["short_code"]["S"] != SECRET_ROW)
        return {link.short_code: link for link in filter(None, map(from_item, items))}

    def delete(self, *links: Link) -> None:
        """Remove rows, as the table's TTL does with expired ones."""
        for link in links:
            self.client.delete_item(TableName=self.links, Key={"short_code": {"S": link.short_code}})

    def count(self, original_url: str) -> int:
        """Count the links to one destination."""
        return self.client.query(
            TableName=self.links,
            IndexName="original-url-index",
            KeyConditionExpression="original_url = :url",
            ExpressionAttributeValues={":url": {"S": original_url}},
            Select="COUNT",
        )["Count"]

    def make_key(self, owner: str, role: Role = Role.WRITE) -> str:
        """Make a key, as an operator does; return its text."""
        key, text = keys.make("for tests", owner, role, int(time.time()), None)
        self.add_keys(key)
        return text

    def add_keys(self, *added: keys.Key) -> None:
        """Write keys that aren't there yet."""
        table = DurableTable(self.service, self.durable)
        for key in added:
            table.add_key(key)

    def set_domain_lists(self, lists: DomainLists) -> None:
        """Make the domain lists these, as an operator does."""
        table = DurableTable(self.service, self.durable)
        table.change_domain_lists(lists, DomainLists(*map(frozenset.difference, table.read_domain_lists(), lists)))
