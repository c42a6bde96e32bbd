"""The usual redirect: read the link, then count the click.

As in https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/programming-with-python.html (a resource's table)
and https://docs.powertools.aws.dev/lambda/python/latest/tutorial/ (the three decorators).
"""

import os
import time

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics(namespace="Usual")
tracer = Tracer()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context
@tracer.capture_lambda_handler
def lambda_handler(event, context):
    short_code = event["pathParameters"]["short_code"]
    link = table.get_item(Key={"short_code": short_code}).get("Item")
    if link is None:
        metrics.add_metric("url_lookup_miss", MetricUnit.Count, 1)
        return {"statusCode": 404, "body": "Not found"}
    if "expires_at" in link and link["expires_at"] <= time.time():
        return {"statusCode": 410, "body": "Gone"}
    table.update_item(
        Key={"short_code": short_code},
        UpdateExpression="ADD click_count :one",
        ExpressionAttributeValues={":one": 1},
    )
    metrics.add_metric("url_lookup_count", MetricUnit.Count, 1)
    logger.info("Redirected", short_code=short_code)
    return {
        "statusCode": int(link["redirect_type"]),
        "headers": {"Location": link["original_url"]},
    }
