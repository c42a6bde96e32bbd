"""The usual create: a pydantic model, a query for a link to reuse, a put.

As in https://docs.powertools.aws.dev/lambda/python/latest/utilities/parser/ (a model for the body) and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/programming-with-python.html (a resource's table).
"""

import os
import secrets
import string
import time
from datetime import UTC, datetime
from typing import Literal

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from boto3.dynamodb.conditions import Key
from pydantic import BaseModel, Field, HttpUrl, ValidationError

logger = Logger()
metrics = Metrics(namespace="Usual")
tracer = Tracer()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


class CreateRequest(BaseModel):
    original_url: HttpUrl
    custom_code: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{3,20}$")
    ttl_hours: int | None = Field(default=None, ge=1, le=87_600)
    redirect_type: Literal["301", "302"] = "301"


class CreateAnswer(BaseModel):
    short_code: str
    original_url: str
    short_url: str
    created_at: str
    expires_at: int | None
    redirect_type: str


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context
@tracer.capture_lambda_handler
def lambda_handler(event, context):
    try:
        request = CreateRequest.model_validate_json(event["body"])
    except ValidationError as error:
        return {"statusCode": 400, "body": error.json()}
    url = str(request.original_url)
    found = table.query(IndexName="original-url-index", KeyConditionExpression=Key("original_url").eq(url))["Items"]
    if found:
        metrics.add_metric("url_reuse_count", MetricUnit.Count, 1)
        item = table.get_item(Key={"short_code": found[0]["short_code"]})["Item"]
    else:
        item = {
            "short_code": request.custom_code or "".join(secrets.choice(string.ascii_letters) for _ in range(7)),
            "original_url": url,
            "redirect_type": request.redirect_type,
            "created_at": datetime.now(UTC).isoformat(),
            "click_count": 0,
            "status": "active",
        }
        if request.ttl_hours:
            item["expires_at"] = int(time.time()) + request.ttl_hours * 3600
        table.put_item(Item=item, ConditionExpression="attribute_not_exists(short_code)")
        metrics.add_metric("url_creation_count", MetricUnit.Count, 1)
        logger.info("Created", short_code=item["short_code"])
    answer = CreateAnswer(
        short_code=item["short_code"],
        original_url=item["original_url"],
        short_url=f"https://{event['headers']['host']}/{item['short_code']}",
        created_at=item["created_at"],
        expires_at=item.get("expires_at"),
        redirect_type=item["redirect_type"],
    )
    return {
        "statusCode": 200 if found else 201,
        "headers": {"Content-Type": "application/json"},
        "body": answer.model_dump_json(),
    }
