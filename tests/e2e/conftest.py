"""The whole stack as `make start` runs it, on free ports, with every answer held to openapi.yaml."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

from squrl.links import Kind, Link, timestamp
from tests.support import description, events
from tests.support.commands import sam_local
from tests.support.functions import ACCOUNT

BROWSER = events.load("redirect/http.json")["headers"]["user-agent"]
EVERYWHERE = {"X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex"}
_NUMBERS = itertools.count(time.time_ns() % 10**9)


class Api:
    """A browser whose every exchange has to be one that openapi.yaml describes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.headers["User-Agent"] = BROWSER

    def request(self, method: str, path: str, *, key: str | None = None, **options: Any) -> requests.Response:
        if key:
            options["headers"] = {"Authorization": f"Bearer {key}"} | options.get("headers", {})
        response = self._session.request(method, self.url + path, allow_redirects=False, timeout=30, **options)
        description.check(method, path, response)
        assert response.headers.items() >= EVERYWHERE.items()
        is_redirect = response.status_code in (301, 302, 303)  # its destination may know where a visitor comes from
        assert response.headers.get("Referrer-Policy") == (None if is_redirect else "no-referrer")
        return response

    def create(self, *, key: str | None = None, **fields: Any) -> requests.Response:
        return self.request("POST", "/create", key=key, json=fields)

    def get(self, code: str, **headers: str) -> requests.Response:
        return self.request("GET", f"/{code}", headers=headers)

    def head(self, code: str) -> requests.Response:
        return self.request("HEAD", f"/{code}")

    def press(self, code: str, **headers: str) -> requests.Response:
        return self.request("POST", f"/{code}", headers=headers)


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
