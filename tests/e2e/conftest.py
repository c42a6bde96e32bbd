"""The whole stack as `make start` runs it, on free ports, with every answer held to docs/openapi.yaml."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

from tests.support.ports import free_port, wait_for_port

ROOT = Path(__file__).parents[2]
OPENAPI = OpenAPI.from_file_path(str(ROOT / "docs" / "openapi.yaml"))
EVERYWHERE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def sam_local(command: str, endpoint: str, log: Path, *options: str) -> Iterator[int]:
    """Run `python -m local COMMAND` for the tests, and stop it by its process id."""
    port = free_port()
    environment = os.environ | {"DYNAMODB_PORT": endpoint.rpartition(":")[2]}
    arguments = [sys.executable, "-m", "local", command, "--port", str(port), *options]
    with log.open("w") as output:
        process = subprocess.Popen(
            arguments, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    try:
        wait_for_port(port, process, log)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def api_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name the file that has what the API's terminal shows, the functions' logs among it."""
    return tmp_path_factory.mktemp("start-api") / "log"


@pytest.fixture(scope="session")
def api_url(dynamodb_endpoint: str, api_log: Path) -> Iterator[str]:
    parameters = "LogLevel=DEBUG CreatesPerMinutePerClient=0"
    for port in sam_local("start-api", dynamodb_endpoint, api_log, "--parameter-overrides", parameters):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def lambda_client(dynamodb_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    for port in sam_local("start-lambda", dynamodb_endpoint, tmp_path_factory.mktemp("start-lambda") / "log"):
        yield boto3.client(
            "lambda",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",  # noqa: S106 (DynamoDB Local and SAM CLI take any)
            config=Config(retries={"total_max_attempts": 1}),
        )


class Api:
    """A client whose every exchange has to be one that docs/openapi.yaml describes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        response = self._session.request(method, self.url + path, allow_redirects=False, timeout=30, **options)
        described = RequestsOpenAPIRequest(requests.Request(method, "http://127.0.0.1:3000" + path))
        OPENAPI.validate_response(described, RequestsOpenAPIResponse(response))
        assert response.headers.items() >= EVERYWHERE.items()
        return response

    def create(self, **fields: Any) -> requests.Response:
        return self.request("POST", "/create", json=fields)

    def get(self, code: str) -> requests.Response:
        return self.request("GET", f"/{code}")

    def head(self, code: str) -> requests.Response:
        return self.request("HEAD", f"/{code}")


@pytest.fixture
def api(api_url: str) -> Api:
    return Api(api_url)


@pytest.fixture
def invoke(lambda_client: Any) -> Any:
    """Invoke a function directly; the answer has to be a plain object, not a failed invocation."""

    def call(function: str, event: Any) -> dict[str, Any]:
        answer = lambda_client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    return call
