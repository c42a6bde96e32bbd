"""How the time of a request grows with the links that there are."""

import random
import statistics
import string
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bench.cost.tables import number, table
from bench.measure import Event
from bench.runtime import Function, Process
from local import dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REQUESTS = 200
_BATCH = 25  # the most that BatchWriteItem takes


class Asked(Protocol):
    """What `measure` needs of the subjects."""

    functions: dict[str, tuple[Function, Event]]

    def of(self, url: str) -> Any:  # noqa: ANN401 (events are any JSON)
        """Return an event that shortens a destination."""


def put_links(endpoint: str, table_name: str, links: Iterable[tuple[str, str]]) -> None:
    """Write links that never expire, each a code and a destination."""
    client = dynamodb.client(endpoint)
    batch: list[Any] = []
    for short_code, url in links:
        item = {
            "short_code": {"S": short_code},
            "original_url": {"S": url},
            "redirect_type": {"S": "301"},
            "created_at": {"S": "2026-01-01T00:00:00Z"},
            "custom_code": {"BOOL": True},
            "status": {"S": "active"},
            "click_count": {"N": "0"},
        }
        batch.append({"PutRequest": {"Item": item}})
        if len(batch) == _BATCH:
            _write(client, table_name, batch)
            batch = []
    _write(client, table_name, batch)


def _write(client: "DynamoDBClient", table_name: str, batch: list[Any]) -> None:
    if batch:
        left = client.batch_write_item(RequestItems={table_name: batch})["UnprocessedItems"]
        if left:
            raise RuntimeError("DynamoDB Local did not take a whole batch")


def measure(endpoint: str, table_name: str, python: Path, subjects: Asked, sizes: Iterable[int]) -> str:
    """Return tables of medians in milliseconds: by links in the table, and by links to one destination."""
    numbers = random.Random(1)  # noqa: S311 (the same links in every run)
    codes: list[str] = []
    rows = []
    for size in sizes:
        added = ["".join(numbers.choices(string.ascii_letters, k=9)) for _ in range(size - len(codes))]
        put_links(endpoint, table_name, ((code, f"https://example.com/grown/{code}") for code in added))
        codes += added
        chosen = numbers.choices(codes, k=REQUESTS)
        rows.append([f"{number(size)}", *map(number, _times(python, subjects, chosen))])
    by_size = table(["links in the table", "new link", "existing link", "redirect", "miss"], rows)
    rows = []
    for size in (10, 100, 1000):
        url = f"https://example.com/popular/{size}"
        put_links(endpoint, table_name, ((f"p{size}-{n}", url) for n in range(size)))
        rows.append([number(size), number(_time(python, subjects, "create", [subjects.of(url)] * REQUESTS))])
    by_destination = table(["links to one destination", "existing link"], rows)
    return f"Medians in ms, of {REQUESTS} requests each:\n\n{by_size}\n\n{by_destination}"


def _times(python: Path, subjects: Asked, codes: list[str]) -> list[float]:
    event = subjects.functions["redirect"][1]()
    follow = [event | {"pathParameters": {"short_code": code}} for code in codes]
    missed = [event | {"pathParameters": {"short_code": uuid.uuid4().hex[:20]}} for _ in codes]
    new = [subjects.of(f"https://example.com/{uuid.uuid4()}") for _ in codes]
    existing = [subjects.of(f"https://example.com/grown/{code}") for code in codes]
    return [
        _time(python, subjects, function, events)
        for function, events in (("create", new), ("create", existing), ("redirect", follow), ("redirect", missed))
    ]


def _time(python: Path, subjects: Asked, function: str, events: list[Any]) -> float:
    with tempfile.TemporaryFile() as log, Process(python, subjects.functions[function][0], log) as process:
        process.invoke(events[0])
        return statistics.median(process.time(event) for event in events) * 1000
