"""The table's stream: publish what callers wrote to links as events, in order for each link."""

import os
from typing import Any

from squrl import telemetry
from squrl.aws.change_stream import read_record, sequence_number
from squrl.aws.client import Service, connect
from squrl.aws.event_bus import Event, EventBus, Published
from squrl.changes import Write
from squrl.invocation import Invocation
from squrl.settings import PublishChangesSettings
from squrl.web.response import link_body

telemetry.quiet_libraries()
SETTINGS = PublishChangesSettings(os.environ)
BASE_URL = next(iter(SETTINGS.origins), None)


class UnreadableRecordError(Exception):
    """A row isn't as squrl writes it: Lambda divides the batch until its record is alone, and lays that aside."""


@telemetry.observed
def lambda_handler(event: Any, invocation: Invocation) -> dict[str, Any]:  # noqa: ANN401 (an event may be any JSON)
    """Take one batch of the stream's, and tell from which record on it has to come again."""
    numbers: list[str] = []  # of the records in which the events are
    events: list[Event] = []
    unread = None
    for record in event["Records"]:
        try:
            write = read_record(record)
        except (KeyError, TypeError, ValueError) as error:
            unread = sequence_number(record)
            telemetry.logger.error("Unreadable record", event_id=record["eventID"], cause=type(error).__name__)
            break
        if write is not None and write.event is not None:
            numbers.append(sequence_number(record))
            events.append(_event(write, write.event))
    if unread and unread == sequence_number(event["Records"][0]):
        raise UnreadableRecordError
    published = EventBus(Service(connect("events"), invocation), SETTINGS.event_bus).publish(events)
    _report(published, len(events))
    failed = unread if published.cause is None else numbers[published.number]
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}


def _event(write: Write, name: str) -> Event:
    """Return the event that a write is: the same one, whenever it is told."""
    link, before = (each and link_body(each, BASE_URL, write.at) for each in (write.after, write.before))
    detail = {"id": write.id, "short_code": write.short_code, "link": link, "before": before}
    return Event(write.short_code, name, write.at, detail)


def _report(published: Published, events: int) -> None:
    if published.number:
        telemetry.count(telemetry.EVENT_PUBLISHED, published.number)
    if published.cause is not None:
        telemetry.count(telemetry.EVENT_NOT_PUBLISHED, events - published.number)
        telemetry.logger.warning(
            "Events returned to the stream", cause=published.cause, events=events - published.number
        )
