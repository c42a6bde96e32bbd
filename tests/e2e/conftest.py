"""The whole stack as `make start` runs it, on free ports, with every answer held to docs/openapi.yaml."""

import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

from local.processes import free_port
from squrl.links import Kind, Link, timestamp
from tests.support import description
from tests.support.commands import serving
from tests.support.functions import ACCOUNT

EVERYWHERE = {"X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex"}
_NUMBERS = itertools.count(time.time_ns() % 10**9)


def sam_local(command: str, endpoint: str, log: Path) -> Iterator[int]:
    """Run SAM CLI's command as this project does; yield its port."""
    port = free_port()
    parameters = "LogLevel=DEBUG CreatesPerMinutePerClient=0"
    options = ("--port", str(port), "--parameter-overrides", parameters)
    with serving(command, *options, log=log, env=os.environ | {"DYNAMODB_PORT": endpoint.rpartition(":")[2]}):
        yield port


@pytest.fixture(scope="session")
def api_log(tmp_path_factory) -> Path:
    """Name the file that has what the API's terminal shows, the functions' logs among it."""
    return Path(tmp_path_factory.mktemp("start-api"), "log")


@pytest.fixture(scope="session")
def api_url(tables, api_log) -> Iterator[str]:
    for port in sam_local("start-api", tables.endpoint, api_log):
        yield f"http://127.0.0.1:{port}"


class Api:
    """A client whose every exchange has to be one that docs/openapi.yaml describes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        response = self._session.request(method, self.url + path, allow_redirects=False, timeout=30, **options)
        description.check(method, path, response)
        assert response.headers.items() >= EVERYWHERE.items()
        is_redirect = response.status_code in (301, 302)  # its destination may know where a visitor comes from
        assert response.headers.get("Referrer-Policy") == (None if is_redirect else "no-referrer")
        return response

    def create(self, **fields: Any) -> requests.Response:
        return self.request("POST", "/create", json=fields)

    def get(self, code: str) -> requests.Response:
        return self.request("GET", f"/{code}")

    def head(self, code: str) -> requests.Response:
        return self.request("HEAD", f"/{code}")


@pytest.fixture
def api(api_url) -> Api:
    return Api(api_url)


@pytest.fixture(scope="session")
def _lambda(tables, tmp_path_factory) -> Iterator[Any]:
    for port in sam_local("start-lambda", tables.endpoint, tmp_path_factory.mktemp("start-lambda") / "log"):
        session = boto3.Session(
            ACCOUNT["AWS_ACCESS_KEY_ID"], ACCOUNT["AWS_SECRET_ACCESS_KEY"], region_name=ACCOUNT["AWS_DEFAULT_REGION"]
        )
        config = Config(retries={"total_max_attempts": 1})
        yield session.client("lambda", endpoint_url=f"http://127.0.0.1:{port}", config=config)


@pytest.fixture
def invoke(_lambda) -> Any:
    """Invoke a function directly; the answer has to be a plain object, not a failed invocation."""

    def call(function: str, event: Any) -> dict[str, Any]:
        answer = _lambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    return call


@pytest.fixture
def new() -> Any:
    """Return a text that no other test has: the table is shared."""
    return lambda start: f"{start}{next(_NUMBERS)}"


@pytest.fixture
def url(new) -> str:
    """Return a destination that no other test has."""
    return str(new("https://example.com/"))


@pytest.fixture
def put(tables, new) -> Any:
    """Write a link that no other test has, and return it."""

    def put(redirect_type: str = "301", **changes: Any) -> Link:
        kind = Kind(new("https://example.com/"), redirect_type, None)
        link = replace(Link(new("row-"), kind, timestamp(int(time.time())), None), **changes)
        tables.put(link)
        return link

    return put
