"""The X-Ray daemon's place: what functions send to it is kept."""

import json
import socket
import threading
from typing import Any, Self


class Daemon:
    """Listens on a port of its own; a context manager.

    Attributes
    ----------
    address : str
        Where it listens.
    """

    def __init__(self) -> None:
        self._packets: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._port: int = self._socket.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._socket.close()

    def received(self) -> str:
        """Return all that was sent, and take nothing more."""
        self._stop()
        return "\n".join(self._packets)

    def traces(self) -> list[list[dict[str, Any]]]:
        """Return what was sent so far: for each trace, in the order of their ids, its parts in the order of their times."""
        traces: dict[str, list[dict[str, Any]]] = {}
        for packet in tuple(self._packets):
            part = json.loads(packet.partition("\n")[2])
            traces.setdefault(part["trace_id"], []).extend(_flat(part))
        return [sorted(traces[id_], key=lambda part: part["start_time"]) for id_ in sorted(traces)]

    def _listen(self) -> None:
        while packet := self._socket.recv(65_535):
            self._packets.append(packet.decode())

    def _stop(self) -> None:
        """Have the thread take what was sent before, and end."""
        if self._thread.is_alive():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"", ("127.0.0.1", self._port))
            self._thread.join(5)


def _flat(part: dict[str, Any]) -> list[dict[str, Any]]:
    parts = part.pop("subsegments", [])
    return [part, *(each for nested in parts for each in _flat(nested))]
