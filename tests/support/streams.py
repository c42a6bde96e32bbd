"""A table's stream as Lambda hands it to a function, read from AWS's own engine; and Lambda's filters for it."""

import base64
import json
import time
from typing import Any

import boto3

from tests.support.tables import Tables


class TableStream:
    """The stream of the links' table, from where it is when this is made.

    Parameters
    ----------
    tables : Tables
        The tables.
    """

    def __init__(self, tables: Tables) -> None:
        session: Any = boto3.Session("any", "any", region_name="us-east-1")
        self._client = session.client("dynamodbstreams", endpoint_url=tables.endpoint)
        self._arn = tables.client.describe_table(TableName=tables.links)["Table"]["LatestStreamArn"]
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        self._iterators = [
            self._client.get_shard_iterator(StreamArn=self._arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST")[
                "ShardIterator"
            ]
            for shard in shards
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]

    def read(self, number: int) -> list[dict[str, Any]]:
        """Return that many records, as soon as they are there, in Lambda's form."""
        found: list[dict[str, Any]] = []
        until = time.monotonic() + 10
        while len(found) < number:
            assert time.monotonic() < until, f"{len(found)} records instead of {number}"
            for position, iterator in enumerate(self._iterators):
                answer = self._client.get_records(ShardIterator=iterator)
                found += [as_lambda_has_it(record, self._arn) for record in answer["Records"]]
                self._iterators[position] = answer.get("NextShardIterator", iterator)
        assert len(found) == number
        return found


def as_lambda_has_it(record: Any, arn: str) -> dict[str, Any]:
    """Return a record of the streams' API in the form of an event, which is JSON.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-example.html
    """
    written = record["dynamodb"]
    images = {name: written[name] for name in ("Keys", "NewImage", "OldImage") if name in written}
    event = {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": written["ApproximateCreationDateTime"].timestamp(),
            **images,
            "SequenceNumber": written["SequenceNumber"],
            "SizeBytes": written["SizeBytes"],
            "StreamViewType": written["StreamViewType"],
        },
        "eventSourceARN": arn,
    }
    found: dict[str, Any] = json.loads(json.dumps(event, default=lambda value: base64.b64encode(value).decode()))
    return found


def collected(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a removal as it is when the table's TTL removes the row, which DynamoDB Local doesn't do.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
    """
    return record | {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}


def passes(record: dict[str, Any], patterns: list[str]) -> bool:
    """Tell whether Lambda hands a record to the function: one of the filters has to match.

    This knows what the template uses: equality, ``anything-but`` and ``exists``, which looks at leaves alone, so that
    what isn't there has no leaf there. https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    """
    return any(_matches(record, json.loads(pattern)) for pattern in patterns)


def _matches(value: Any, pattern: dict[str, Any]) -> bool:
    for name, wanted in pattern.items():
        inner = value.get(name) if isinstance(value, dict) else None
        if isinstance(wanted, dict):
            is_so = _matches(inner, wanted)
        else:
            is_so = any(_is(None if isinstance(inner, dict | list) else inner, rule) for rule in wanted)
        if not is_so:
            return False
    return True


def _is(leaf: Any, rule: Any) -> bool:
    match rule:
        case {"exists": bool(exists)}:
            return (leaf is not None) is exists
        case {"anything-but": list(others)}:
            return leaf is not None and leaf not in others
        case dict():
            raise ValueError(rule)
    return bool(leaf == rule)
