"""What must hold for any input at all: for the property tests, the fuzzer, and the tests through Lambda's runtime."""

import importlib.util
import io
import json
import os
import re
import socket
from contextlib import redirect_stdout
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import ada_url

from squrl import store, telemetry
from squrl.api import location
from squrl.destinations import accept
from squrl.errors import InvalidUrl
from tests.support.events import LINKS
from tests.support.fakes import FakeLinkStore

CODE = re.compile(r"[A-Za-z0-9_-]{3,20}")
PRIVATE_NAMES = (".local", ".localhost", ".internal", ".home.arpa")
MAX_ANSWER = 512_000  # bytes: an error names at most a hundred fields
MAX_LOG_LINE = 2_000  # bytes

_STATUSES = {"InvalidUrl": 400, "ValidationError": 400, "NotFound": 404, "ConflictError": 409, "Gone": 410}
_HEADER = re.compile(r"[ -~]+")  # ASCII without control characters
_LOCATION = re.compile(r"https?://[!-~]+")
_NAT64 = 0x0064FF9B << 96

_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "TABLE_NAME": "squrl-urls-local",
    "STATE_TABLE_NAME": "",
    "CLICK_QUEUE_URL": "",
    "BASE_URL": "",
    "DOMAIN_NAME": "",
    "ALLOW_PRIVATE_DESTINATIONS": "false",
    "STORE_CREATOR_IP": "false",
    "CREATES_PER_MINUTE_PER_CLIENT": "0",
    "CLIENT_KEY_ID": "",
}
_CONTEXT = SimpleNamespace(
    function_name="squrl-test",
    memory_limit_in_mb=256,
    invoked_function_arn="arn",
    aws_request_id="id",
    tenant_id=None,
    get_remaining_time_in_millis=lambda: 5000,
)


class Functions:
    """The handlers in this process, over a table in memory that has the sample events' links before each event."""

    def __init__(self) -> None:
        with patch.dict(os.environ, _ENVIRONMENT):
            self._handlers = {name: _load(name) for name in ("create_url", "redirect", "count_clicks")}

    def invoke(self, name: str, event: Any) -> tuple[int, dict[str, Any]]:
        """Return status and result of one event, after a look at the answer's form and at what was logged."""
        return read_answer(event, self._answer(name, event))

    def count(self, message: str) -> bool:
        """Tell whether a message of the click queue is taken for a click, and not to come again."""
        answer = self._answer("count_clicks", {"Records": [{"messageId": "1", "body": message}]})
        assert answer["batchItemFailures"] in ([], [{"itemIdentifier": "1"}])
        return not answer["batchItemFailures"]

    def _answer(self, name: str, event: Any) -> Any:
        links = FakeLinkStore()
        links.links = {link.short_code: link for link in LINKS}
        handler = telemetry.logger.registered_handler
        with (
            redirect_stdout(io.StringIO()) as output,
            patch.object(handler, "stream", output),
            patch.object(store, "DynamoDBUrlStore", lambda *_: links),
        ):
            answer = self._handlers[name](event, _CONTEXT)
        check_log(output.getvalue())
        return answer


def read_answer(event: Any, answer: Any) -> tuple[int, dict[str, Any]]:
    """Return status and result of an answer, which must have the form that its event asks for and be no 5xx."""
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < MAX_ANSWER  # Lambda has to be able to encode it
    status, result = answer.get("status", 200), answer
    if isinstance(event, dict) and isinstance(event.get("requestContext"), dict) and "http" in event["requestContext"]:
        assert answer.keys() == {"statusCode", "headers", "body"}
        status, headers = answer["statusCode"], answer["headers"]
        assert all(_HEADER.fullmatch(text) for pair in headers.items() for text in pair), headers
        assert "Location" not in headers or _LOCATION.fullmatch(headers["Location"]), headers
        if status in (301, 302):
            assert (answer["body"], "Location" in headers) == ("", True)
        else:
            # So that no browser reads HTML in what is repeated of a request.
            assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == ("application/json", "nosniff")
        result = json.loads(answer["body"] or "{}")
    assert status == _STATUSES[result["error"]] if "error" in result else status in (200, 201, 301, 302), answer
    return status, result


def check_log(log: str) -> None:
    """Check what a function wrote: lines of JSON that don't grow with the request."""
    for line in log.splitlines():
        json.loads(line)
        assert len(line.encode()) <= MAX_LOG_LINE, line


def check_destination(text: str) -> str | None:
    """Return a destination as it is stored, or `None` if it is refused, after a look at all that depends on it."""
    try:
        stored = accept(text)
    except InvalidUrl:
        return None
    header = location(stored)
    read = ada_url.URL(header)
    assert accept(stored) == stored
    assert _LOCATION.fullmatch(header), header
    assert read.host == ada_url.URL(stored).host == ada_url.URL(text).host
    assert stored.startswith(f"{read.protocol}//{read.host}")
    assert not read.username + read.password
    assert is_public(read.hostname), stored
    return stored


def is_public(host: str) -> bool:
    """Tell by Python's and the C library's knowledge alone whether a host is a public one, in whatever spelling."""
    host = host.strip("[]").removesuffix(".")
    try:
        address = ip_address(host)
    except ValueError:
        try:
            address = IPv4Address(socket.inet_aton(host))
        except OSError:
            return "." in host and not host.endswith(PRIVATE_NAMES)
    if isinstance(address, IPv6Address):
        is_nat64 = int(address) >> 32 == _NAT64 >> 32
        nat64 = IPv4Address(int(address) & 0xFFFFFFFF) if is_nat64 else None
        address = address.ipv4_mapped or address.sixtofour or nat64 or address
    special = ("private", "loopback", "link_local", "multicast", "reserved", "unspecified")
    return not any(getattr(address, f"is_{kind}") for kind in special)


def _load(function: str) -> Any:
    path = Path(__file__).parents[2] / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"fuzzed_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lambda_handler
