"""The click queue's consumer: add what could not be counted at once to its links."""

import os
import time
from typing import TYPE_CHECKING, Any

from squrl import store, telemetry
from squrl.count import count_clicks
from squrl.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SETTINGS = Settings.from_environment(os.environ)
DYNAMODB = store.connect()


@telemetry.observed
def lambda_handler(event: Any, context: "LambdaContext") -> dict[str, Any]:  # noqa: ANN401 (an event may be any JSON)
    """Take one batch of SQS's, and tell which of its messages have to come again."""
    links = store.DynamoDBUrlStore(
        DYNAMODB, SETTINGS.table_name, context.get_remaining_time_in_millis(), SETTINGS.state_table_name
    )
    messages = {record["messageId"]: record["body"] for record in event["Records"]}
    failed = count_clicks(messages, links, int(time.time()))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
