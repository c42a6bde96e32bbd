"""A bus of EventBridge's, to which changes are published."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from squrl.aws.client import Service
from squrl.ports import StoreError

SOURCE = "squrl"
# Entries in one call, the most that EventBridge takes; a hundred KB at most here, of the 256 that it takes:
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
ENTRIES = 10
ATTEMPTS = 5


class Event(NamedTuple):
    """One event.

    Attributes
    ----------
    short_code : str
        Of the link that it is about: one link's events are published one after the other.
    name : str
        The detail type.
    at : int
        Unix seconds.
    detail : dict
        What it says, as JSON has it.
    """

    short_code: str
    name: str
    at: int
    detail: dict[str, Any]


class Published(NamedTuple):
    """How many events were published before the first that wasn't, and why that one wasn't; ``None`` if all were."""

    number: int
    cause: str | None = None


class EventBus:
    """A bus, for one invocation.

    Parameters
    ----------
    service : Service
        EventBridge.
    name : str
        The bus's.
    """

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self._name = name

    def publish(self, events: Sequence[Event]) -> Published:
        """Publish events in order, up to the first that isn't taken.

        EventBridge goes on behind an entry that fails, so no call has two of one link: else the second could be told
        before the first. Of other links, some behind the first failure may be published, and will be again.
        """
        number = 0
        for batch in _batches(events):
            try:
                answer = self._service.call("put_events", attempts=ATTEMPTS, Entries=[*map(self._entry, batch)])
            except StoreError as error:
                return Published(number, type(error).__name__)
            except ClientError as error:  # access that is taken away, a bus that is gone
                return Published(number, error.response["Error"]["Code"])
            for entry in answer["Entries"]:
                if "ErrorCode" in entry:
                    return Published(number, entry["ErrorCode"])
                number += 1
        return Published(number)

    def _entry(self, event: Event) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event.name,
            "Time": event.at,
            "Detail": json.dumps(event.detail, ensure_ascii=False),
        }


def _batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Divide events into batches for one call each, none of which has two of one link."""
    batch: list[Event] = []
    for event in events:
        if len(batch) == ENTRIES or any(each.short_code == event.short_code for each in batch):
            yield batch
            batch = []
        batch.append(event)
    if batch:
        yield batch
