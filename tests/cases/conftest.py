"""The whole stack as `make start` runs it, in front of the tests' tables."""

import http.client
import json

import pytest


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
def gateway(api_url):
    return Gateway(int(api_url.rpartition(":")[2]))
