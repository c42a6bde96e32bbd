"""Connections that die while nobody looks: what a network does to those of a process that is frozen."""

import asyncio
import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit


class Death(StrEnum):
    """How a connection dies."""

    CLOSED = "closed"  # by the service, which has waited long enough
    RESET = "reset"  # by what stands in between, at once
    RESET_ON_USE = "reset on first use"  # by what stands in between, and has forgotten it
    SILENT = "silent"  # what stands in between has forgotten it, and says nothing


class Relay:
    """Passes the bytes of connections on to `upstream` from a port of its own; a context manager.

    Attributes
    ----------
    url : str
        Where it listens.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = parts.hostname, parts.port
        self._deaths: dict[asyncio.StreamWriter, Death | None] = {}  # by caller
        self._tasks = set[asyncio.Task[None]]()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kill(self, death: Death) -> int:
        """Have all connections die, and return how many there were. Those that come later live."""
        return asyncio.run_coroutine_threadsafe(self._kill(death), self._loop).result(10)

    async def _kill(self, death: Death) -> int:
        dying = [caller for caller, died in self._deaths.items() if died is None]
        for caller in dying:
            self._deaths[caller] = death
            if death is Death.CLOSED:
                caller.close()
            if death is Death.RESET:
                _reset(caller)
        return len(dying)

    async def _close(self) -> None:
        self._server.close()
        for caller in list(self._deaths):
            caller.transport.abort()
        await asyncio.gather(*self._tasks)

    def _accept(self, reader: asyncio.StreamReader, caller: asyncio.StreamWriter) -> None:
        self._tasks.add(self._loop.create_task(self._serve(reader, caller)))

    async def _serve(self, reader: asyncio.StreamReader, caller: asyncio.StreamWriter) -> None:
        self._deaths[caller] = None
        answers, service = await asyncio.open_connection(*self._upstream)
        copying = asyncio.create_task(_copy(answers, caller))
        with suppress(ConnectionError):
            while octets := await reader.read(65536):
                if self._deaths[caller] is None:
                    service.write(octets)
                elif self._deaths[caller] is Death.RESET_ON_USE:
                    _reset(caller)
        service.close()
        await copying
        caller.close()
        del self._deaths[caller]


@contextmanager
def stopped(leader: int) -> Iterator[None]:
    """Have all processes of a session stand still."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    session = []
    for pid in pids:
        with suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                session.append(pid)
    for pid in session:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in session:
            os.kill(pid, signal.SIGCONT)


async def _copy(answers: asyncio.StreamReader, caller: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while octets := await answers.read(65536):
            caller.write(octets)


def _reset(caller: asyncio.StreamWriter) -> None:
    """Close a connection with RST rather than FIN."""
    caller.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.transport.abort()
