"""The least that a redirect and a create need of the database, with a default client and nothing around it."""

import os
import time
import uuid

import boto3

TABLE_NAME = os.environ["TABLE_NAME"]
DYNAMODB = boto3.client("dynamodb")


def nothing(event, context):
    """Answer at once: what the runtime client itself costs."""
    return {"statusCode": 204}


def update(event, context):
    """Count a click as squrl does."""
    DYNAMODB.update_item(
        TableName=TABLE_NAME,
        Key={"short_code": {"S": event["pathParameters"]["short_code"]}},
        UpdateExpression="ADD click_count :one",
        ConditionExpression="#status = :active AND (attribute_not_exists(expires_at) OR expires_at > :now)",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={
            ":one": {"N": "1"},
            ":active": {"S": "active"},
            ":now": {"N": str(int(time.time()))},
        },
        ReturnValues="ALL_NEW",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    return {"statusCode": 204}


def query_and_put(event, context):
    """Look for a link in the index and write one, as a create does that asks first."""
    now = str(int(time.time()))
    DYNAMODB.query(
        TableName=TABLE_NAME,
        IndexName="original-url-index",
        KeyConditionExpression="original_url = :url",
        FilterExpression="redirect_type = :type AND attribute_not_exists(ttl_hours) AND #status = :active"
        " AND (attribute_not_exists(expires_at) OR expires_at > :now)",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={
            ":url": {"S": event["body"]},
            ":type": {"S": "301"},
            ":active": {"S": "active"},
            ":now": {"N": now},
        },
    )
    DYNAMODB.put_item(
        TableName=TABLE_NAME,
        Item={
            "short_code": {"S": uuid.uuid4().hex},
            "original_url": {"S": event["body"]},
            "redirect_type": {"S": "301"},
            "created_at": {"S": "2026-01-01T00:00:00Z"},
            "custom_code": {"BOOL": False},
            "status": {"S": "active"},
            "click_count": {"N": "0"},
        },
        ConditionExpression="attribute_not_exists(short_code) OR (#status = :active AND expires_at <= :now)",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":active": {"S": "active"}, ":now": {"N": now}},
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    return {"statusCode": 204}
