"""Events that were laid aside are published by `squrl republish`, in their order, and then deleted."""

import io
import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from cli import app
from squrl.links import timestamp
from tests.support import events
from tests.support.functions import Functions

STACK, BUCKET, FUNCTION = "squrl-dev", "squrl-dev-unpublishedbucket-1", "squrl-publish-changes-dev"
NAMES = {
    "ManageLinksFunction": "squrl-manage-links-dev",
    "UnpublishedBucket": BUCKET,
    "PublishChangesFunction": FUNCTION,
}
MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)


def laid_aside(name, *, as_text=True):
    """Return what Lambda writes for a batch that failed.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    payload = events.load(f"publish_changes/stream_{name}.json")
    return {
        "requestContext": {"condition": "RecordAgeExceeded", "approximateInvokeCount": 60},
        "DDBStreamBatchInfo": {"batchSize": 1, "streamArn": payload["Records"][0]["eventSourceARN"]},
        "payload": json.dumps(payload) if as_text else payload,
    }


class Aws:
    """CloudFormation, S3 and Lambda, where the function runs in memory."""

    def __init__(self):
        self.functions = Functions()
        self.objects = {}
        self.region_name = "us-east-1"
        self.has_room = True

    def session(self, **_):
        return self

    def client(self, name, **_):
        assert name in {"cloudformation", "lambda", "s3"}
        return self

    def put(self, key, content, minute):
        self.objects[key] = (json.dumps(content).encode(), MIDNIGHT + timedelta(minutes=minute))

    def describe_stack_resource(self, *, StackName, LogicalResourceId):  # noqa: N803 (AWS's names)
        assert StackName == STACK
        if LogicalResourceId not in NAMES:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "Describe")
        return {"StackResourceDetail": {"PhysicalResourceId": NAMES[LogicalResourceId]}}

    def get_paginator(self, operation):
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket):  # noqa: N803
        assert Bucket == BUCKET
        listed = [{"Key": key, "LastModified": at} for key, (_, at) in self.objects.items()]
        return [{"Contents": listed[:1]}, {"Contents": listed[1:]}] if listed else [{}]

    def get_object(self, *, Bucket, Key):  # noqa: N803
        assert Bucket == BUCKET
        return {"Body": io.BytesIO(self.objects[Key][0])}

    def delete_object(self, *, Bucket, Key):  # noqa: N803
        assert Bucket == BUCKET
        del self.objects[Key]

    def invoke(self, *, FunctionName, Payload):  # noqa: N803
        assert FunctionName == FUNCTION
        if not self.has_room:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
        answer = self.functions.invoke("publish_changes", json.loads(Payload), remaining_ms=30_000)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def aws(monkeypatch):
    aws = Aws()
    monkeypatch.setattr(boto3, "Session", aws.session)
    aws.put("aws/lambda/1/shard-2", laid_aside("changed"), 5)
    aws.put("aws/lambda/1/shard-1", laid_aside("created", as_text=False), 1)
    return aws


@pytest.fixture
def republish():
    def run(*options):
        return CliRunner(mix_stderr=False).invoke(app.squrl, ["republish", *options], prog_name="squrl")

    return run


def told(aws):
    return [event.name for event in aws.functions.bus.events]


def test_given_batches_that_were_laid_aside_then_they_are_published_in_order_and_deleted(aws, republish):
    result = republish("--stack", STACK)

    assert (result.exit_code, result.stderr) == (0, "Published: 2 batches.\n")
    assert told(aws) == ["Link Created", "Link Changed"]
    assert [timestamp(event.at) for event in aws.functions.bus.events] == [
        "2026-11-25T10:00:00Z",
        "2026-11-25T10:02:00Z",
    ]
    assert aws.objects == {}
    assert republish("--stack", STACK).stderr == "There was nothing to publish.\n"


def test_given_a_bus_that_still_refuses_then_what_is_left_stays(aws, republish):
    aws.functions.bus.refused = "told"

    result = republish("--stack", STACK)

    assert result.exit_code == 1
    assert "2 of 2 batches are left" in result.stderr
    assert len(aws.objects) == 2


def test_given_no_room_for_the_function_then_what_is_left_stays(aws, republish):
    aws.has_room = False

    assert republish("--stack", STACK).exit_code == 1
    assert len(aws.objects) == 2


def test_given_a_stack_without_events_then_aws_says_so(aws, republish, monkeypatch):
    monkeypatch.delitem(NAMES, "UnpublishedBucket")

    result = republish("--stack", STACK)

    assert result.exit_code == 1
    assert "does not exist" in result.stderr


def test_given_no_stack_then_it_is_said_that_one_is_needed(aws, republish, monkeypatch):
    monkeypatch.setenv("SQURL_URL", "http://127.0.0.1:1")

    result = republish()

    assert result.exit_code == 2
    assert "--stack NAME" in result.stderr
