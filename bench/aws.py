"""What stands for AWS in front of the functions: DynamoDB Local, watched and slowed down, and KMS's one operation."""

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bench.http import Handler, Server

_KEPT = ("x-amzn-requestid", "x-amz-crc32", "content-type")
_KMS = "TrentService"  # KMS's name in the header that names operations
_IDLE_SECONDS = 5  # after which DynamoDB Local may have closed a connection


class Call(NamedTuple):
    """A call that went through: when it came and went (``time.perf_counter``), and how long DynamoDB Local took."""

    operation: str
    table: str
    began: float
    ended: float
    engine_seconds: float


@dataclass
class Watched:
    """What went through since the last `reset`."""

    url: str  # where DynamoDB and KMS answer
    delay: float = 0.0  # seconds added to every answer of the database
    asks_capacity: bool = False  # whether every call also asks for its consumed capacity
    calls: list[Call] = field(default_factory=list)  # to the database
    kms_calls: int = 0
    read_units: float = 0.0  # what DynamoDB would have billed, indexes included
    write_units: float = 0.0

    def reset(self) -> None:
        """Forget what went through."""
        self.calls.clear()
        self.kms_calls = 0
        self.read_units = self.write_units = 0.0

    @property
    def in_a_row(self) -> int:
        """How many calls came one after the other: of those that overlap in time, one counts."""
        count, ended = 0, float("-inf")
        for call in sorted(self.calls, key=lambda each: each.ended):
            if call.began >= ended:
                count, ended = count + 1, call.ended
        return count


@contextmanager
def watched(engine: str) -> Iterator[Watched]:
    """Answer for DynamoDB, by the engine at that URL, and for KMS, on a free port of 127.0.0.1."""
    seen = Watched("")
    with Server(_handler(engine, seen)) as server:
        seen.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield seen
        finally:
            server.shutdown()


def _handler(engine: str, seen: Watched) -> type[Handler]:
    class Watcher(Handler):
        def setup(self) -> None:
            super().setup()
            self.engine = http.client.HTTPConnection(urlsplit(engine).netloc)
            self.used = time.perf_counter()

        def finish(self) -> None:
            self.engine.close()
            super().finish()

        def do_POST(self) -> None:  # noqa: N802 (http.server's name)
            began, request = time.perf_counter(), json.loads(self.body())
            service, _, operation = self.headers["X-Amz-Target"].partition(".")
            if service == _KMS:
                seen.kms_calls += 1
                self.answer(HTTPStatus.OK, {"Content-Type": "application/x-amz-json-1.1"}, _mac(request))
                return
            if seen.asks_capacity:
                request["ReturnConsumedCapacity"] = "INDEXES"
            headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
            asked = time.perf_counter()
            if asked > self.used + _IDLE_SECONDS:
                self.engine.close()  # and opened again by the request
            self.engine.request("POST", "/", json.dumps(request).encode(), headers)
            answer = self.engine.getresponse()
            content, answered = answer.read(), time.perf_counter()
            self.used = answered
            if seen.asks_capacity:
                _bill(seen, operation, answer.status, json.loads(content))
            time.sleep(seen.delay)
            table = request.get("TableName") or next(iter(request.get("RequestItems", [""])))
            call = Call(operation, table, began, time.perf_counter(), answered - asked)
            seen.calls.append(call)
            kept = {name: value for name, value in answer.getheaders() if name.lower() in _KEPT}
            self.answer(answer.status, kept, content)

    return Watcher


def _mac(request: dict[str, Any]) -> bytes:
    """Answer GenerateMac: https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html."""
    mac = hmac.digest(b"KMS's own secret", base64.b64decode(request["Message"]), hashlib.sha256)
    answer = {name: request[name] for name in ("KeyId", "MacAlgorithm")} | {"Mac": base64.b64encode(mac).decode()}
    return json.dumps(answer).encode()


def _bill(seen: Watched, operation: str, status: int, answer: dict[str, Any]) -> None:
    """Add up what a call consumed.

    DynamoDB Local tells nothing of a write whose condition failed, which DynamoDB bills as if it had been done (one
    unit for a link), and 0 for a query that finds nothing, where DynamoDB bills half a unit at least:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """
    consumed = answer.get("ConsumedCapacity", [])  # a batch tells it by table
    by_table = consumed if isinstance(consumed, list) else [consumed]
    units = sum(float(each.get("CapacityUnits", 0)) for each in by_table)
    if operation in {"GetItem", "BatchGetItem", "Query", "Scan"}:
        seen.read_units += max(units, 0.5)
    else:
        seen.write_units += units if status == HTTPStatus.OK else 1.0
