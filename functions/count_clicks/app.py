"""The click queue's consumer: add clicks that could not be counted at once, and move old days out of their rows."""

import os
import time
from collections import Counter
from typing import Any

from squrl import telemetry
from squrl.aws.client import Service, connect
from squrl.aws.durable_table import DurableTable
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.aws.links_table import LinksTable
from squrl.invocation import Invocation
from squrl.late_clicks import Batch, do_later
from squrl.settings import CountClicksSettings

telemetry.quiet_libraries()
SETTINGS = CountClicksSettings(os.environ)
DYNAMODB = connect("dynamodb")


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> dict[str, Any]:  # noqa: ANN401 (an event may be any JSON)
    """Take one batch of SQS's, and tell which of its messages have to come again."""
    dynamodb = Service(DYNAMODB, invocation)
    store = LinksTable(
        dynamodb,
        SETTINGS.table_name,
        EphemeralTable(dynamodb, SETTINGS.ephemeral_table_name),
        DurableTable(dynamodb, SETTINGS.durable_table_name),
    )
    messages = {record["messageId"]: record["body"] for record in event["Records"]}
    batch = do_later(messages, store, int(time.time()))
    _report(batch)
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in (*batch.malformed, *batch.returned)]}


def _report(batch: Batch) -> None:
    for message_id in batch.malformed:
        telemetry.logger.error("Malformed click message", message_id=message_id)
    for cause, clicks in Counter(batch.returned.values()).items():
        telemetry.logger.warning("Clicks returned to the queue", cause=cause, clicks=clicks)
    if batch.added:
        telemetry.count(telemetry.CLICK_COUNTED_LATE, batch.added)
    if batch.moved:
        telemetry.count(telemetry.DAYS_MOVED, batch.moved)
    if batch.discarded:
        telemetry.count(telemetry.CLICK_DISCARDED, batch.discarded)
        telemetry.logger.warning("Clicks discarded: too old, or their link is no more", clicks=batch.discarded)
