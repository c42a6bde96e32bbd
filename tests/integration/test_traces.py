"""What X-Ray is sent: both functions, in a process of their own, with this test as the daemon."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from squrl.links import Kind, Link
from tests.support import events

ROOT = Path(__file__).parents[2]
TRACE = "1-6921a5f0-0123456789abcdef01234567"
INVOKE = """
import json, sys
from types import SimpleNamespace
import app
context = SimpleNamespace(
    function_name="squrl-test", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="id",
    tenant_id=None, get_remaining_time_in_millis=lambda: 5000,
)
app.lambda_handler(json.load(sys.stdin), context)
"""


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        yield listener


@pytest.fixture
def trace(daemon, dynamodb_endpoint):
    """Invoke a function as Lambda does when X-Ray samples the request; return the subsegments that it sends."""

    def run(function: str, event: Any) -> list[dict[str, Any]]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "layers/squrl/python"),
            "LAMBDA_TASK_ROOT": "/var/task",
            "_X_AMZN_TRACE_ID": f"Root={TRACE};Parent=0123456789abcdef;Sampled=1",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "POWERTOOLS_SERVICE_NAME": "squrl-test",
            "TABLE_NAME": "squrl-urls-local",
            "STATE_TABLE_NAME": "squrl-state-local",
            "CLICK_QUEUE_URL": "",
            "BASE_URL": "",
            "DOMAIN_NAME": "",
            "ALLOW_PRIVATE_DESTINATIONS": "false",
            "STORE_CREATOR_IP": "false",
            "CREATES_PER_MINUTE_PER_CLIENT": "0",
            "CLIENT_KEY_ID": "",
        }
        subprocess.run(
            [sys.executable, "-c", INVOKE],
            cwd=ROOT / "functions" / function,
            env=environment,
            input=json.dumps(event),
            text=True,
            timeout=30,
            check=True,
        )
        sent: list[dict[str, Any]] = []
        while not any(part["name"].startswith("## ") for part in sent):  # the handler's own ends, and is sent, last
            packet = daemon.recv(65_535).decode()
            sent.append(json.loads(packet.partition("\n")[2]))
        return sent

    return run


@pytest.mark.parametrize(
    ("function", "event", "calls"),
    [  # a process first reads the domain lists
        ("create_url", "create_url/http_custom_code.json", ["GetItem", "PutItem"]),
        ("redirect", "redirect/http.json", ["GetItem", "UpdateItem"]),
        ("redirect", "redirect/http_head.json", ["GetItem", "GetItem"]),
    ],
)
def test_given_a_sampled_request_when_answered_then_the_trace_has_code_and_database_calls_but_no_secrets(
    trace, put_row, function, event, calls
):
    put_row(Link("hello-squrl", Kind("https://example.com/welcome", "301", None), "2026-11-22T10:30:00Z", None))
    given = events.load(event)

    sent = trace(function, given)

    handler = sent[-1]
    assert handler["trace_id"] == TRACE
    assert handler["annotations"]["short_code"] == "hello-squrl"
    parts = sent[:-1] + handler.get("subsegments", [])
    assert [part["aws"]["operation"] for part in parts if part["name"] == "dynamodb"] == calls
    http = given["requestContext"]["http"]
    for secret in (http["sourceIp"], http["userAgent"], "social.example", "example.com/welcome"):
        assert secret not in json.dumps(sent)
