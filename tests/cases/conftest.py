"""The whole stack as `make start` runs it, in front of the tests' tables."""

import http.client
import json
import os
import signal
import subprocess
import sys

import pytest

from local import processes
from tests.support.functions import ROOT
from tests.support.ports import wait_for_port


class Gateway:
    """What `make start` starts. It is asked for what a test says, byte by byte."""

    def __init__(self, port):
        self.port = port

    def request(self, method, target, body=None, headers=None):
        """Return the status, the headers and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def create(self, original_url):
        status, _, body = self.request("POST", "/create", json.dumps({"original_url": original_url}))
        assert status in (200, 201), (original_url, body)
        return json.loads(body)["short_code"]


@pytest.fixture(scope="session")
def gateway(tables, tmp_path_factory):
    port, log = processes.free_port(), tmp_path_factory.mktemp("make-start") / "log"
    environment = os.environ | {"DYNAMODB_PORT": tables.endpoint.rpartition(":")[2]}
    command = [sys.executable, "-m", "local", "start-api", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    try:
        wait_for_port(port, process, log)
        yield Gateway(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
