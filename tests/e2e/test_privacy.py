"""Nothing of a visitor, and nothing of a key, leaves the functions where it must not.

Every kind of request goes through Lambda's runtime, and every way out is searched.
"""

import base64
import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests

from squrl.domains import DomainLists
from tests.support import events
from tests.support.functions import ROOT
from tests.support.runtime import running
from tests.support.xray import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tables import Tables

# Hexadecimal, since that reads the same in JSON, in base64 URLs and behind percent signs.
SECRETS = {
    "address": "203.0.113.77",
    "agent": "a9e27c5d",
    "referer": "4ef3e7b1",
    "path": "de57a1b2",
    "query": "c0ffee99",
    "forwarded": "f0e4da2d",
    "title": "71713e57",
    "tag": "7a9e0b5c",
    "key": events.SECRET_TEXT[:16],
}
ADDRESS = SECRETS["address"]
DIGESTS = {
    **{f"{name} of the address": hashlib.new(name, ADDRESS.encode()) for name in ("md5", "sha1", "sha256", "sha512")},
    "digest of the key": hashlib.sha256(events.SECRET_TEXT.encode()),
}
TRACES = {  # what to look for; of a digest as little as could still be recognised
    **SECRETS,
    "address in hexadecimal": "cb00714d",
    **{name: digest.hexdigest()[:12] for name, digest in DIGESTS.items()},
    **{f"{name} in base64": base64.b64encode(digest.digest()).decode()[:10] for name, digest in DIGESTS.items()},
}
MAY_BE_STORED = ("original_url", "title", "tags", "digest")  # the attributes that may hold what a caller sent
# A visitor's own query may be told to that visitor, where the link forwards it.
MAY_BE_TOLD = {"answers": {"path", "query", "forwarded"}, "answers to owners": {"path", "query", "title", "tag"}}

VISITOR = {  # what an event says of a visitor, by its key without hyphens and underscores
    **dict.fromkeys(("sourceip", "clientip", "xforwardedfor"), ADDRESS),
    "referer": f"https://{SECRETS['referer']}.example/{SECRETS['referer']}",
}


def disguise(value: Any) -> Any:
    """Put the secrets into an event, wherever one of their kind can stand."""
    if isinstance(value, dict):
        if value.get("isBase64Encoded"):
            plain = disguise(base64.b64decode(value["body"]).decode())
            value = value | {"body": base64.b64encode(plain.encode()).decode()}
        if "x-forwarded-for" in value:
            value = value | {"forwarded": f"for={ADDRESS}", "cookie": SECRETS["referer"], "via": f"1.1 {ADDRESS}"}
        if "rawQueryString" in value:
            forwarded = f"f={SECRETS['forwarded']}&{SECRETS['forwarded']}"
            value = value | {"rawQueryString": f"{value['rawQueryString']}&{forwarded}"}
            value |= {"queryStringParameters": value.get("queryStringParameters", {}) | {"f": SECRETS["forwarded"]}}
        return {key: _disguised(re.sub("[-_]", "", key).lower(), each) for key, each in value.items()}
    if isinstance(value, list):
        return [disguise(each) for each in value]
    if isinstance(value, str):
        tail = f"/{SECRETS['path']}?q={SECRETS['query']}"
        value = re.sub(r"https?://example\.com[^\"\s]*", lambda url: url[0].rstrip("/") + tail, value)
        value = re.sub(r'"title": "[^"]*"', f'"title": "{SECRETS["title"]}"', value)
        return re.sub(r'"tags": \[[^]]*\]', f'"tags": ["{SECRETS["tag"]}"]', value)
    return value


def _disguised(name: str, value: Any) -> Any:
    if name in ("useragent", "secpurpose"):  # what it was decides on the answer
        return f"{value} ({SECRETS['agent']})"
    return VISITOR.get(name) or disguise(value)


def with_body(**fields: Any) -> Any:
    return disguise(events.load("create_url/http.json") | {"body": json.dumps(fields)})


def managing(query: dict[str, str], name: str = "http_list", **changes: Any) -> Any:
    return disguise(events.load(f"manage_links/{name}.json")) | {"queryStringParameters": query} | changes


LINKS = [
    replace(
        link,
        kind=link.kind._replace(original_url=disguise(link.kind.original_url)),
        title=link.title and SECRETS["title"],
        tags=link.tags and frozenset({SECRETS["tag"]}),
    )
    for link in events.LINKS
]
TOKEN = f"sq_{events.KEYS[0].id}_{events.SECRET_TEXT}"
EVENTS = [(name, disguise(events.load(name))) for name in events.ANSWERS]
ASKED = {name.partition("/")[0] for name in events.ANSWERS}  # functions
# What the samples have not: secrets in places where none belong.
ODD_EVENTS = [
    ("create_url", with_body(**{f"{SECRETS['path']}-{number}": ADDRESS for number in range(200)})),
    ("create_url", with_body(original_url=f"ftp://user:{SECRETS['path']}@example.com/", custom_code=SECRETS["agent"])),
    ("create_url", with_body(original_url=f"https://{ADDRESS}/{SECRETS['path']}")),
    ("create_url", with_body(original_url={"https://example.com/": SECRETS["query"]}, ttl_hours=SECRETS["query"])),
    ("create_url", disguise(events.load("create_url/http.json")) | {"body": f"not JSON {SECRETS['path']} {ADDRESS}"}),
    ("create_url", SECRETS["path"]),
    ("create_url", {"httpMethod": "POST", "path": f"/{SECRETS['path']}", "headers": {"x-forwarded-for": ADDRESS}}),
    (
        "redirect",
        disguise(events.load("redirect/http.json")) | {"pathParameters": {"short_code": f"{SECRETS['path']} "}},
    ),
    (
        "redirect",
        {"short_code": "none-such", "client_ip": ADDRESS, "user_agent": SECRETS["agent"], "x": SECRETS["path"]},
    ),
    (
        "manage_links",
        managing({"q": SECRETS["title"], "tag": SECRETS["tag"], "url": f"https://{SECRETS['path']}.example"}),
    ),
    ("manage_links", managing({"owner": SECRETS["path"] * 9, "status": SECRETS["query"], "cursor": SECRETS["agent"]})),
    ("manage_links", managing({"key": TOKEN}, headers={"x-api-key": f"{TOKEN}!", "cookie": TOKEN})),
    ("manage_links", managing({}, "http_see", pathParameters={"short_code": TOKEN})),
    (
        "manage_links",
        managing({}, "http_change", body=json.dumps({TOKEN: TOKEN, "title": 7, "tags": [TOKEN]})),
    ),
    ("manage_links", {"method": "DELETE", "path": f"/keys/{TOKEN}"}),
    ("manage_links", {"method": "POST", "path": f"/{TOKEN}", "body": {"key": TOKEN}}),
]


class AWS(BaseHTTPRequestHandler):
    """SQS and KMS, which keep what they are asked, and a DynamoDB that can only be read."""

    endpoint: str  # of the real DynamoDB
    asked: dict[str, list[Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        fields = json.loads(body)
        self.asked.setdefault(operation, []).append(fields | {"head": f"{self.path} {self.headers}"})
        status, answer = 200, b""
        if operation == "GenerateMac":
            answer = json.dumps({"Mac": base64.b64encode(bytes(32)).decode()}).encode()
        elif operation == "SendMessage":
            digest = hashlib.md5(fields["MessageBody"].encode(), usedforsecurity=False).hexdigest()
            answer = json.dumps({"MessageId": "1", "MD5OfMessageBody": digest}).encode()
        elif operation == "UpdateItem":
            status, answer = 400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}'
        else:
            real = requests.post(self.endpoint, body, headers=dict(self.headers), timeout=5)
            status, answer = real.status_code, real.content
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def aws(tables) -> Iterator[Any]:
    """Return the URL of AWS's other services, and what they are asked, by operation."""
    asked: dict[str, list[Any]] = {}
    handler = type("Handler", (AWS,), {"endpoint": tables.endpoint, "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon() as daemon:
        yield daemon


def stored(tables: "Tables") -> str:
    """Return every row of every table, without the attributes that may hold what a caller sent."""
    names = tables.client.list_tables()["TableNames"]
    rows = [row for name in names for row in tables.client.scan(TableName=name)["Items"]]
    kept = [{name: value for name, value in row.items() if name not in MAY_BE_STORED} for row in rows]
    return json.dumps(kept, default=repr)


def leaks(sinks: dict[str, str]) -> set[tuple[str, str]]:
    return {
        (sink, name)
        for sink, text in sinks.items()
        for name, secret in TRACES.items()
        if secret in text and name not in MAY_BE_TOLD.get(sink, ())
    }


def reset(tables: "Tables") -> None:
    """Put the sample events' links and keys into the tables, as each event expects them."""
    tables.put(*LINKS)
    tables.add_keys(*events.KEYS)
    tables.set_domain_lists(DomainLists())


def test_given_every_kind_of_request_when_answered_then_no_trace_is_left(tables, daemon, aws, tmp_path):
    url, asked = aws
    usual = {
        "parameters": {"LogLevel": "DEBUG", "CreatesPerMinutePerClient": "1000"},  # writes all that other levels do
        "AWS_ENDPOINT_URL_DYNAMODB": tables.endpoint,
        "AWS_ENDPOINT_URL_KMS": url,
        "CLICK_QUEUE_URL": f"{url}/123456789012/clicks",
    }
    no_table, no_answer = {"TABLE_NAME": "no-such-table"}, {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1"}
    no_writes, one_a_minute = {"AWS_ENDPOINT_URL_DYNAMODB": url}, {"CREATES_PER_MINUTE_PER_CLIENT": "1"}
    logs: list[Path] = []
    told = {"answers": "", "answers to owners": "", "errors": ""}

    def start(function: str, **more: str) -> Any:
        logs.append(tmp_path / f"{function}-{len(logs)}.log")
        return running(function, logs[-1], xray=daemon.address, **(usual | more))

    # What each request is for has to have happened, or nothing could have leaked.
    with ExitStack() as stack:
        functions = {name: stack.enter_context(start(name)) for name in sorted(ASKED)}
        reset(tables)
        for name, event in EVENTS:
            if name.startswith("manage_links/"):
                reset(tables)
            answer = functions[name.partition("/")[0]](event)
            status, error = events.ANSWERS[name]  # of those that make a link, the second finds the first one's
            assert events.status_and_error(name, answer) in ((status, error), (200 if status == 201 else status, error))
            text = json.dumps(answer)
            is_owners = "imported_clicks" in text or "undated_click_count" in text
            told["errors" if error else "answers to owners" if is_owners else "answers"] += text
            if name == "manage_links/direct_make_key.json":
                new_key = answer["body"]["key"].rpartition("_")[2]
        for function, event in ODD_EVENTS:
            assert functions[function](event)
    for name, more, status in (
        ("create_url/http", no_table, 500),
        ("redirect/http", no_table, 500),
        ("manage_links/http_see", no_table, 500),
        ("manage_links/http_stats", no_answer, 503),
        ("create_url/http", no_answer, 503),
        ("redirect/http", no_answer, 503),
        ("create_url/http", one_a_minute, 429),
        ("redirect/http", no_writes, 301),
        ("redirect/http_bot", no_writes, 301),
        ("redirect/http_forward_query", no_writes, 302),
        ("redirect/http_button", no_writes, 503),
    ):
        with start(name.partition("/")[0], **more) as invoke:
            assert status in {invoke(dict(EVENTS)[f"{name}.json"])["statusCode"] for _ in range(3)}
    queued = [message["MessageBody"] for message in asked["SendMessage"]]
    records = [{"messageId": str(number), "body": body} for number, body in enumerate([*queued, json.dumps(SECRETS)])]
    records += events.load("count_clicks/sqs_old_days.json")["Records"]
    with start("count_clicks") as count_clicks:
        assert count_clicks({"Records": records}) == {"batchItemFailures": [{"itemIdentifier": str(len(queued))}]}

    # Everything that leaves the functions, by where it goes to; another way out is another line.
    sinks = {
        "logs and metrics": "".join(log.read_text() for log in logs),
        "traces": daemon.received(),
        "tables": stored(tables),
        "other services": json.dumps(asked),
        **told,
    }
    marks = [
        ('"Defect"',),
        ("## lambda_handler",),
        ("client#", "days#"),
        ("clicked_at", '\\"is_bot\\": true'),
        ("short_code", SECRETS["forwarded"], "Continue to the link"),
        (SECRETS["title"],),
        ("Gone",),
    ]
    found = zip(marks, sinks.values(), strict=True)
    assert [mark for each, text in found for mark in each if mark not in text] == []
    assert leaks(sinks) == set()
    digest = hashlib.sha256(new_key.encode())
    for secret in (new_key, digest.hexdigest(), base64.b64encode(digest.digest()).decode()):
        assert "".join(sinks.values()).count(secret) == (secret == new_key)  # once, in the answer that makes it


LEAKS = """
import hashlib
answer_well = answer
def answer(event, *arguments, **options):
    http = event.get("requestContext", {}).get("http")
    if http:
        telemetry.logger.info("Visit", visitor=hashlib.sha256(http["sourceIp"].encode()).hexdigest())
        telemetry._tracer().put_annotation("visitor", http["userAgent"])
        visit = {"short_code": {"S": "visit"}, "from": {"S": event["headers"]["referer"]}}
        DYNAMODB.put_item(TableName=SETTINGS.table_name, Item=visit)
    return answer_well(event, *arguments, **options)
"""


def test_given_a_function_that_leaks_when_searched_then_each_leak_is_found(tables, daemon, tmp_path):
    folder = shutil.copytree(ROOT / "functions" / "redirect", tmp_path / "redirect")
    with (folder / "app.py").open("a") as code:
        code.write(LEAKS)
    log, variables = tmp_path / "log", {"AWS_ENDPOINT_URL_DYNAMODB": tables.endpoint}

    with running("redirect", log, folder=folder, xray=daemon.address, **variables) as invoke:
        answer = invoke(dict(EVENTS)["redirect/http.json"])

    sinks = {"logs": log.read_text(), "traces": daemon.received(), "table": stored(tables)}
    tables.client.delete_item(TableName=tables.links, Key={"short_code": {"S": "visit"}})
    assert answer["statusCode"] in (301, 404)
    assert leaks(sinks) == {("logs", "sha256 of the address"), ("traces", "agent"), ("table", "referer")}
