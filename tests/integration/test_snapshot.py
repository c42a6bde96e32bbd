"""SnapStart makes many processes out of one: what must be each one's own may not be in what they have in common."""

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

import pytest

from squrl.domains import DomainLists
from squrl.links import Kind, Link
from tests.support import events
from tests.support.proxy import INTERNAL, Fault, Proxy
from tests.support.runtime import declared

COPIED = Path(events.__file__).with_name("snapshot.py")
COPIES = 100
FOUND = Link("found", Kind("https://elsewhere.example/", "302", None), "2026-11-22T10:30:00Z", None)
DENIED = Link("denied", Kind("https://denied.example/", "302", None), "2026-11-22T10:30:00Z", None)


class Credentials:
    """What gives a function that has SnapStart its role's credentials; these end too soon to be used a second time.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials

    Attributes
    ----------
    tokens : Counter
        Who asked, and how often.
    """

    def __init__(self) -> None:
        tokens = self.tokens = Counter[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                tokens[self.headers["Authorization"]] += 1
                names = ("AccessKeyId", "SecretAccessKey", "Token")
                ends = datetime.now(UTC) + timedelta(minutes=5)
                body = json.dumps(dict.fromkeys(names, "own") | {"Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def loaded(credentials: Credentials, database: Proxy) -> "subprocess.Popen[str]":
    """Start the process of which copies are made, with its role's credentials and no others."""
    role = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": credentials.url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "before",
        "AWS_ENDPOINT_URL_DYNAMODB": database.url,
    }
    function = declared("redirect", role)
    own = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    return subprocess.Popen(
        [sys.executable, COPIED],
        cwd=function.folder,
        env={name: value for name, value in function.environment.items() if name not in own}
        | {"PYTHONPATH": os.pathsep.join([str(function.folder), function.environment["PYTHONPATH"]])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def links(tables) -> Iterator[None]:
    yield
    tables.delete(FOUND, DENIED)
    tables.set_domain_lists(DomainLists())


def of(event: str, link: Link) -> Any:
    return events.load(f"redirect/{event}.json") | {"pathParameters": {"short_code": link.short_code}}


@pytest.mark.usefixtures("links")
def test_given_a_hundred_copies_of_a_loaded_process_when_each_answers_then_nothing_is_shared(tables):
    probes = itertools.count()

    def first_probe_of_each(call):
        is_probe = call.operation == "GetItem" and call.parameters["TableName"] == tables.links
        return Fault("fails", error=INTERNAL) if is_probe and next(probes) % 2 == 0 else None

    with Credentials() as credentials, Proxy(tables.endpoint) as database, loaded(credentials, database) as process:
        database.rule = first_probe_of_each
        assert process.stdout
        at_rest = json.loads(process.stdout.readline())
        asked_at_rest = Counter(credentials.tokens)
        # What happens after the snapshot, and what the copies have to find out.
        tables.put(FOUND, DENIED)
        tables.set_domain_lists(DomainLists.of(denied=["denied.example"]))
        orders = {
            "copies": COPIES,
            "environment": {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "after"},
            "events": [of("http_head", FOUND), of("http", FOUND), of("http", DENIED)],
            "status": 410,
        }
        output, _ = process.communicate(f"{json.dumps(orders)}\n", timeout=100)

    lines = [json.loads(line) for line in output.splitlines()]
    copies = [line for line in lines if "pauses" in line]
    assert at_rest == {"sockets": [], "threads": 1}
    assert asked_at_rest == {"before": 1}
    assert len(copies) == COPIES
    assert all(copy["statuses"] == [302, 302, 410] for copy in copies)
    assert len({tuple(copy["pauses"]) for copy in copies}) == COPIES, "they wait alike"
    assert sum("ColdStart" in line for line in lines) == COPIES
    assert credentials.tokens["after"] >= COPIES, "a copy has another's credentials"
    days = Counter(copy["now"] // 86_400 for copy in copies)
    assert tables.get("found").days == days, "a copy's clock is another's"
