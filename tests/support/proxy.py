"""A proxy in front of an AWS service that fails as AWS and networks do, call by call, as a rule says.

It speaks the JSON protocol, as DynamoDB and SQS do, so that the SDK meets what it would meet: an error's type and
checksum, a connection that is reset or refused, an answer that comes late or never.
"""

import asyncio
import json
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

INTERNAL = "InternalServerError"

_NAMESPACES = {"DynamoDB": "com.amazonaws.dynamodb.v20120810", "AmazonSQS": "com.amazonaws.sqs"}


@dataclass(frozen=True)
class Call:
    """What a client asks for: an operation of AWS's, such as ``PutItem``, and its parameters."""

    service: str
    operation: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What happens to a call.

    Attributes
    ----------
    name : str
        For the table.
    applied : bool
        Whether the service gets the call before that happens; otherwise it gets it afterwards, if at all.
    seconds : float
        How long the call is held.
    error : str or None
        The error that the caller gets, by AWS's name for it. After `INTERNAL` the caller knows nothing; all others say
        that nothing was done.
    reset : bool
        Whether the caller's connection is reset.
    """

    name: str
    applied: bool = False
    seconds: float = 0
    error: str | None = None
    reset: bool = False


Rule = Callable[[Call], Fault | None]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Passes calls on to `upstream` from a port of its own, in a thread of its own; a context manager.

    Attributes
    ----------
    url : str
        Where it listens.
    rule : callable
        Says what happens to a call, if anything.
    injected : Counter
        The faults that happened, by name.
    lost : list of (Call, bool)
        The calls whose callers didn't learn the outcome, and whether the service carried them out.
    overdue : int
        How many of those only this machine was too slow for.
    cut : int
        Connections that an outage reset. The last answer on each may not have been read, as a reset discards what has
        just arrived.
    """

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._port = 0
        self._callers = set[asyncio.StreamWriter]()
        self._idle: list[Connection] = []
        self._awake = asyncio.Event()
        self._awake.set()
        self._busy = 0
        self.reset()

    def reset(self) -> None:
        """Let every call through, and forget what has been."""
        self.rule: Rule = lambda _: None
        self.injected = Counter[str]()
        self.lost: list[tuple[Call, bool]] = []
        self.overdue = 0
        self.cut = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Have no one listen, and every connection reset."""
        self._hang_up()
        try:
            yield
        finally:
            self._run(self._listen())

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Accept connections and calls, but pass nothing on until the end."""
        self._loop.call_soon_threadsafe(self._awake.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._awake.set)

    def settle(self) -> None:
        """Wait until the service has got every call that was held."""
        while self._busy:
            time.sleep(0.01)

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def _hang_up(self) -> None:
        self._run(self._close())
        while self._callers:
            time.sleep(0.01)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=1000)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        self.cut += len(self._callers)
        for caller in self._callers:
            _reset(caller)
        while self._idle:
            self._idle.pop()[1].close()

    async def _end(self) -> None:
        """Close everything, and let go of the calls that are held."""
        await self._close()
        held = asyncio.all_tasks() - {asyncio.current_task()}
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        await asyncio.sleep(0)  # transports close one turn later

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    request = await _read(reader)
                    self._busy += 1
                    try:
                        await self._answer(request, reader, writer)
                    finally:
                        self._busy -= 1
        finally:
            writer.close()
            self._callers.discard(writer)

    async def _answer(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = _parse(request)
        fault = self.rule(call) or Fault("")
        if fault.name:
            self.injected[fault.name] += 1
        is_let_through = not fault.name and self._awake.is_set()
        await self._awake.wait()
        answer = await self._pass_on(request) if fault.applied else b""
        await asyncio.sleep(fault.seconds)
        if not (fault.applied or fault.reset or fault.error):
            answer = await self._pass_on(request)
        # A caller that has given up waiting has closed its end.
        if fault.reset or fault.error == INTERNAL or reader.at_eof():
            self.lost.append((call, answer.startswith(b"HTTP/1.1 200 ")))
            self.overdue += is_let_through
        if fault.reset:
            _reset(writer)
        else:
            writer.write(_error(call, fault.error) if fault.error else answer)
            await writer.drain()

    async def _pass_on(self, request: bytes) -> bytes:
        """Hand a call to the service, on a connection that is kept for the next one."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        writer.write(request)
        answer = await _read(reader)
        self._idle.append((reader, writer))
        return answer


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read one message of HTTP/1.1 whose length is told, as that of all of these are."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(_headers(head).get("content-length", 0))
    return head + await reader.readexactly(length)


def _headers(head: bytes) -> dict[str, str]:
    fields = (line.partition(":") for line in head.decode("latin-1").splitlines()[1:])
    return {name.lower(): value.strip() for name, _, value in fields}


def _parse(request: bytes) -> Call:
    head, _, body = request.partition(b"\r\n\r\n")
    target, _, operation = _headers(head)["x-amz-target"].partition(".")
    return Call(target.partition("_")[0], operation, json.loads(body))


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST rather than FIN."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _error(call: Call, code: str) -> bytes:
    status = HTTPStatus.INTERNAL_SERVER_ERROR if code == INTERNAL else HTTPStatus.BAD_REQUEST
    fields: dict[str, Any] = {"__type": f"{_NAMESPACES[call.service]}#{code}", "message": "Injected"}
    if code == "TransactionCanceledException":
        others = [{"Code": "None"}] * (len(call.parameters["TransactItems"]) - 1)
        fields["CancellationReasons"] = [{"Code": "TransactionConflict"}, *others]
    body = json.dumps(fields).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        f"x-amz-crc32: {zlib.crc32(body)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
