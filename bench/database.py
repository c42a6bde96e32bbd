"""A proxy before DynamoDB Local that answers later, counts calls, and asks what they would have been billed."""

import http.client
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_KEPT = ("x-amzn-requestid", "x-amz-crc32", "content-type")


@dataclass
class Probe:
    """What went through the proxy since the last `reset`.

    Attributes
    ----------
    url : str
        Where it answers.
    delay : float
        Seconds added to every answer.
    asks_capacity : bool
        Whether every call also asks for its consumed capacity.
    calls : dict
        The engine's times in seconds, without the delay, by operation such as ``UpdateItem``.
    read_units, write_units : float
        What DynamoDB would have billed, indexes included.
    """

    url: str
    delay: float = 0.0
    asks_capacity: bool = False
    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    read_units: float = 0.0
    write_units: float = 0.0

    def reset(self) -> None:
        """Forget what went through."""
        self.calls.clear()
        self.read_units = self.write_units = 0.0

    @property
    def round_trips(self) -> int:
        """How many calls went through."""
        return sum(map(len, self.calls.values()))


@contextmanager
def probe(endpoint: str) -> Iterator[Probe]:
    """Have a proxy before an endpoint answer on a free port of 127.0.0.1, for as long as the context lasts."""
    behind = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.engine = http.client.HTTPConnection(behind)

        def finish(self) -> None:
            self.engine.close()
            super().finish()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if seen.asks_capacity:
                body = json.dumps(json.loads(body) | {"ReturnConsumedCapacity": "INDEXES"}).encode()
            headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
            started = time.perf_counter()
            self.engine.request("POST", "/", body, headers)
            answer = self.engine.getresponse()
            content = answer.read()
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            seen.calls[operation].append(time.perf_counter() - started)
            if seen.asks_capacity:
                _bill(seen, operation, answer.status, json.loads(content))
            time.sleep(seen.delay)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() in _KEPT:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing: a function's connection breaks when its process is ended."""

    with Server(("127.0.0.1", 0), Handler) as server:
        seen = Probe(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield seen
        finally:
            server.shutdown()


def _bill(seen: Probe, operation: str, status: int, answer: dict[str, Any]) -> None:
    """Add up what a call consumed.

    DynamoDB Local tells nothing of a write whose condition failed, which DynamoDB bills as if it had been done (one
    unit for a link), and 0 for a query that finds nothing, where DynamoDB bills half a unit at least:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """
    units = float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0))
    if operation in {"GetItem", "Query"}:
        seen.read_units += max(units, 0.5)
    else:
        seen.write_units += units if status == HTTPStatus.OK else 1.0
