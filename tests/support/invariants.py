"""What must hold for any input at all: for the property tests, the fuzzer, and the tests through Lambda's runtime."""

import json
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import ada_url

from squrl.destinations import Rules, accept
from squrl.errors import InvalidUrl
from squrl.web.response import location
from tests.support import events
from tests.support.fakes import FakeDurableTable, FakeLinkStore
from tests.support.functions import FOLDERS, Functions

CODE = re.compile(r"[A-Za-z0-9_-]{3,20}")
PRIVATE_NAMES = (".local", ".localhost", ".internal", ".home.arpa")
MAX_ANSWER = 512_000  # bytes: an error names at most a hundred fields
MAX_LOG_LINE = 2_000  # bytes

_STATUSES = {
    "InvalidUrl": 400,
    "ValidationError": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "ConflictError": 409,
    "Gone": 410,
    "PreconditionFailed": 412,
    "PayloadTooLarge": 413,
}
_REFUSED = 400
_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_RULES = Rules()
_HEADER = re.compile(r"[ -~]+")  # ASCII without control characters
_LOCATION = re.compile(r"https?://[!-~]+")
_NAT64 = 0x0064FF9B << 96

# What tells that an event is another AWS service's, and no direct invocation.
_MARKS = {"requestContext", "headers", "httpMethod", "version", "Records"}


class CheckedFunctions:
    """The functions in this process. Their tables have the sample events' links and keys before each event."""

    def __init__(self) -> None:
        self._functions = Functions()
        for name in FOLDERS:
            self._functions.invoke(name, {"Records": []})  # loads it

    def invoke(self, name: str, event: Any) -> tuple[int, dict[str, Any]]:
        """Return status and result of one event, after a look at the answer's form and at what was logged."""
        return read_answer(event, self._answer(name, event))

    def count(self, message: str) -> bool:
        """Tell whether a message of the click queue is taken for a click, and not to come again."""
        answer = self._answer("count_clicks", {"Records": [{"messageId": "1", "body": message}]})
        assert answer["batchItemFailures"] in ([], [{"itemIdentifier": "1"}])
        return not answer["batchItemFailures"]

    def _answer(self, name: str, event: Any) -> Any:
        self._functions.store = FakeLinkStore(*events.LINKS)
        self._functions.durable = FakeDurableTable(*events.KEYS)
        answer = self._functions.invoke(name, event, remaining_ms=30_000)
        check_log(json.dumps(record) for record in self._functions.written)
        return answer


def read_answer(event: Any, answer: Any) -> tuple[int, dict[str, Any]]:
    """Return status and result of an answer, which must have the form that its event asks for and be no 5xx.

    So must each result of a bulk request.
    """
    assert len(json.dumps(answer, ensure_ascii=False).encode()) < MAX_ANSWER  # Lambda has to be able to encode it
    status, result, is_page = answer.get("status", 200), answer, False
    marks = event.keys() & _MARKS if isinstance(event, dict) else set()
    if marks:
        context = event.get("requestContext")
        is_known = isinstance(context, dict) and isinstance(context.get("http"), dict)
        assert is_known or answer["statusCode"] == _REFUSED
        assert answer.keys() - {"isBase64Encoded"} == {"statusCode", "headers", "body"}
        status, headers = answer["statusCode"], answer["headers"]
        assert all(_HEADER.fullmatch(text) for pair in headers.items() for text in pair), headers
        assert "Location" not in headers or _LOCATION.fullmatch(headers["Location"]), headers
        # A page; what the web page loads, and pictures; or, for HEAD, nothing.
        is_page = headers.get("Content-Type") == _HTML or (status == 200 and headers.get("Content-Type") != _JSON)
        if status in (204, 301, 302, 303):
            assert (answer["body"], "Location" in headers) == ("", status != 204)
        elif is_page:
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers.get("Content-Type") != _HTML or "default-src 'none'" in headers["Content-Security-Policy"]
        else:
            # So that no browser reads HTML in what is repeated of a request.
            assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == (_JSON, "nosniff")
        result = {} if is_page else json.loads(answer["body"] or "{}")
    elif answer.keys() == {"status", "body"}:  # an operator's call
        result = answer["body"] or {}
    elif "error" not in answer:
        status = 200  # a link may have a status of its own
    if is_page:
        assert status in (200, 302, 400, 403, 404, 410, 429)
        return status, {}
    for each, told in [(status, result), *((one["status"], one.get("error", {})) for one in result.get("results", []))]:
        assert each == _STATUSES[told["error"]] if "error" in told else each in (200, 201, 204, 301, 302, 303), answer
    return status, result


def check_log(lines: Iterable[str]) -> None:
    """Check what a function wrote: lines of JSON that don't grow with the request."""
    for line in lines:
        json.loads(line)
        assert len(line.encode()) <= MAX_LOG_LINE, line


def check_destination(text: str) -> str | None:
    """Return a destination as it is stored, or `None` if it is refused, after a look at all that depends on it."""
    try:
        stored = accept(text, _RULES)
    except InvalidUrl:
        return None
    header = location(stored)
    read = ada_url.URL(header)
    assert accept(stored, _RULES) == stored
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
