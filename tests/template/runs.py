"""What a function really does: the calls that it makes and the metrics that it writes, over every outcome there is.

The handler is the real one, in the environment that the template gives it, with the real store and clients; only
AWS's answers are made up. Whatever a table can answer is answered in turn, so no path is forgotten.
"""

import functools
import importlib.util
import io
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from squrl.aws.links_table import SECRET_ROW, to_item
from squrl.clicks import Click, OldDays
from squrl.links import DISABLED, MAX_DAYS, Kind, Link, timestamp
from squrl.settings import Settings
from tests.support import events
from tests.template.stack import ACCOUNT, REGION, ROOT, Stack

DESTINATION = "https://example.com/a"
FOREVER, FOR_A_DAY = Kind(DESTINATION, "301", None), Kind(DESTINATION, "302", 24)
OWNED = Kind("https://example.com/1", "301", None, "marketing")  # what the sample of a bulk asks for
NOW = int(time.time())
DAY, CALL = 86_400, 0.1  # seconds; the second is what a call takes
LIVE, EXPIRED = NOW + 36_500 * DAY, NOW - 3600

ROWS = [
    Link("abc", FOREVER, timestamp(NOW), None),
    Link("abc", FOREVER, timestamp(NOW), None, status=DISABLED),
    Link("abc", FOR_A_DAY, timestamp(NOW), LIVE),
    Link("abc", FOR_A_DAY, timestamp(NOW), EXPIRED),
    Link("abc", FOR_A_DAY, timestamp(NOW), None, status=DISABLED),
    Link("abc", OWNED, timestamp(NOW), None),
    Link("abc", OWNED, timestamp(NOW), None, days=dict.fromkeys(range(100, 101 + MAX_DAYS), 1), days_from=100),
    replace(events.LINKS[-1], short_code="abc"),  # which is deleted
]


def _with_key(event: Any) -> Any:
    key = events.load("manage_links/http_bulk_create.json")["headers"]["authorization"]
    return event | {"headers": event["headers"] | {"authorization": key}}


_CREATES = [events.load(name) for name in events.ANSWERS if name.startswith("create_url/http")]
EVENTS: dict[str, list[Any]] = {
    "functions/create_url/": [
        *_CREATES,  # where a key is needed, these are refused
        *map(_with_key, _CREATES),
        {"original_url": DESTINATION},
        {"original_url": DESTINATION, "custom_code": "my-code"},
        {"original_url": DESTINATION, "redirect_type": "302", "ttl_hours": 24},
        {"original_url": DESTINATION, "redirect_type": "302", "ttl_hours": 24, "custom_code": "my-code"},
        {"original_url": OWNED.original_url, "owner": OWNED.owner, "title": "One"},
    ],
    "functions/manage_links/": [
        *(events.load(name) for name in events.ANSWERS if name.startswith("manage_links/")),
        {"method": "GET", "path": "/links/abc/stats"},
    ],
    "functions/redirect/": [events.load(name) for name in events.ANSWERS if name.startswith("redirect/")],
    "functions/pages/": [events.load(name) for name in events.ANSWERS if name.startswith("pages/")],
    "functions/count_clicks/": [
        *(events.load(name) for name in events.BATCHES),
        *(
            {"Records": [{"messageId": "1", "body": message.to_message()}]}
            for message in (Click("a" * 32, "abc", timestamp(NOW), 0), OldDays("abc", timestamp(NOW)))
        ),
    ],
    "functions/publish_changes/": [events.load(name) for name in events.STREAMS],
}

# What AWS may answer to an operation: the body, and the code of an error. A row that is not there is left out.
Reply = tuple[dict[str, Any], str]

DEFECT: Reply = ({}, "AccessDeniedException")
FAILURES: list[Reply] = [({}, "ThrottlingException"), ({}, "InternalServerError"), DEFECT]
FAILED_CONDITIONS: list[Reply] = [
    (body, "ConditionalCheckFailedException") for body in [{}, *({"Item": to_item(row)} for row in ROWS)]
]
REPLIES: dict[str, list[Reply]] = {
    "GetItem": [*(({"Item": to_item(row)}, "") for row in ROWS), ({}, ""), *FAILURES],
    "Query": [({"Items": []}, ""), ({"Items": [to_item(ROWS[0]), to_item(ROWS[-2])]}, ""), *FAILURES],
    "Scan": [({"Items": [to_item(row) for row in ROWS]}, ""), *FAILURES],
    "BatchGetItem": [({"Responses": [to_item(row) for row in ROWS], "UnprocessedKeys": {}}, ""), *FAILURES],
    "DeleteItem": [({}, ""), ({}, "ConditionalCheckFailedException"), *FAILURES],
    "PutItem": [({}, ""), *FAILED_CONDITIONS[1:], *FAILURES],  # where no row is, nothing keeps one from being put
    "UpdateItem": [*(({"Attributes": to_item(row)}, "") for row in ROWS), *FAILED_CONDITIONS, *FAILURES],
    "TransactWriteItems": [
        ({}, ""),
        *(
            ({"CancellationReasons": [{"Code": code} for code in codes]}, "TransactionCanceledException")
            for codes in (["ConditionalCheckFailed"], ["None", "ConditionalCheckFailed"], ["TransactionConflict"])
        ),
        *FAILURES,
    ],
}
# What safeguards a request or takes its overflow: each failure of these once, while all the rest goes well.
THROTTLED: Reply = ({}, "ThrottlingException")
KEYS = [
    {
        "id": {"S": key.id},
        "digest": {"B": key.digest},
        "name": {"S": key.name},
        "owner": {"S": key.owner},
        "role": {"S": key.role.name},
        "created_at": {"N": str(key.created_at)},
    }
    for key in reversed(events.KEYS)  # an admin's first: all else goes well with that one
]
BROKEN: Reply = ({"Item": {"denied": {"SS": ["example.com"]}}}, "")  # an entry is an attribute
SIDE_REPLIES: dict[tuple[str, str | None], list[Reply]] = {
    ("GetItem", "domains"): [({}, ""), ({"Item": {"denied example.com": {"BOOL": True}}}, ""), BROKEN, THROTTLED],
    ("UpdateItem", "domains"): [({"Attributes": {"denied example.com": {"BOOL": True}}}, ""), THROTTLED],
    ("GetItem", "key"): [*(({"Item": key}, "") for key in KEYS), ({}, ""), THROTTLED],
    ("PutItem", "key"): [({}, ""), ({}, "ConditionalCheckFailedException"), THROTTLED],
    ("Query", "key"): [({"Items": KEYS}, ""), THROTTLED],
    ("DeleteItem", "key"): [({}, ""), THROTTLED],
    ("Query", "days#*"): [({"Items": []}, ""), THROTTLED],
    ("UpdateItem", "client#*"): [({}, ""), ({}, "ConditionalCheckFailedException"), THROTTLED],
    ("GenerateMac", None): [({"Mac": b"key"}, ""), THROTTLED],
    ("SendMessage", None): [({}, ""), THROTTLED],
    ("PutEvents", None): [
        ({"Entries": [{"EventId": "1"}]}, ""),
        ({"Entries": [{"ErrorCode": "InternalFailure"}]}, ""),
        THROTTLED,
    ],
}


class Question(NamedTuple):
    """What is asked of AWS: the same question has the same answer, as long as an event is handled."""

    operation: str
    resource: str
    rows: str | None


class Metric(NamedTuple):
    """One metric of CloudWatch's: all three together are its identity."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


class Call(NamedTuple):
    """One thing that is done to one resource: in IAM's words, and with the ARN and the partition key that IAM compares.

    The key is that of a row of the tables that have several kinds of rows, as a pattern for its kind.
    """

    action: str
    resource: str
    rows: str | None = None


@dataclass
class Run:
    """What a function did.

    Attributes
    ----------
    settings : Settings
        What it read from its environment.
    calls : set of Call
        What it asked of AWS.
    operations : set of tuple of str
        The same of DynamoDB, as its metrics have it: operation and table.
    metrics : set of Metric
        What it wrote.
    """

    settings: Settings = field(init=False)
    calls: set[Call] = field(default_factory=set)
    operations: set[tuple[str, str]] = field(default_factory=set)
    metrics: set[Metric] = field(default_factory=set)


def run(stack: Stack, function: str) -> Run:
    """Run a function of the stack, by its logical id, through every outcome."""
    properties = stack.of_type("AWS::Lambda::Function")[function]
    source = stack.source["Resources"][function]["Properties"]
    return _run(
        source["CodeUri"],
        properties["FunctionName"],
        tuple(sorted(properties["Environment"]["Variables"].items())),
        tuple(projected(stack).items()),
    )


def projected(stack: Stack) -> dict[str, frozenset[str]]:
    """Return the attributes that each index of the links' table holds: the keys of both, and what is projected."""
    table = stack.of_type("AWS::DynamoDB::Table")["UrlsTable"]
    return {
        index["IndexName"]: frozenset(
            {key["AttributeName"] for key in [*table["KeySchema"], *index["KeySchema"]]}
            | set(index["Projection"]["NonKeyAttributes"])
        )
        for index in table["GlobalSecondaryIndexes"]
    }


@functools.cache
def _run(
    folder: str,
    name: str,
    variables: tuple[tuple[str, str], ...],
    indexes: tuple[tuple[str, frozenset[str]], ...],
) -> Run:
    output = io.StringIO()
    context = _Context(name)
    tables = {"EPHEMERAL_TABLE_NAME": "id", "DURABLE_TABLE_NAME": "kind"}  # and their partition keys
    cloud = _Cloud(dict(indexes), {value: tables[name] for name, value in variables if name in tables})
    with redirect_stdout(output), _loaded(folder, dict(variables), cloud) as app:
        cloud.seen.settings = app.SETTINGS if hasattr(app, "SETTINGS") else app.WIRING.settings
        for event in EVENTS[folder]:
            pending: list[list[int]] = [[]]
            while pending:
                path = pending.pop()
                cloud.start(path)
                try:
                    answer = app.lambda_handler(event, context)
                    is_page = isinstance(answer, dict) and answer.get("statusCode") == 500
                    is_defect = is_page or "InternalServerError" in json.dumps(answer)
                except ClientError:  # as a batch fails
                    is_defect = True
                asks_for_lists = isinstance(event, dict) and event.get("path") == "/domains"
                told = [DEFECT, BROKEN] if asks_for_lists else [DEFECT]  # others do without the lists
                if isinstance(event, dict) and event.get("rawPath") == "/health":
                    told = []  # whatever keeps the table from being read is its answer
                assert is_defect == any(reply in told for reply in cloud.given.values())
                if cloud.is_aside:
                    continue
                # Each question that was asked for the first time could have been answered otherwise.
                for depth, question in list(enumerate(cloud.given))[len(path) :]:
                    taken = path + [0] * (depth - len(path))
                    pending += [[*taken, other] for other in range(1, len(cloud.replies(question)))]
    cloud.seen.metrics = {metric for line in output.getvalue().splitlines() for metric in _metrics(json.loads(line))}
    return cloud.seen


class _Cloud:
    """Answers in AWS's place, the same question always in the same way, as a path of choices says."""

    def __init__(self, indexes: dict[str, frozenset[str]], side_tables: dict[str, str]) -> None:
        self.seen = Run()
        self.now = float(NOW)
        self._indexes = indexes
        self._side_tables = side_tables

    def start(self, path: list[int]) -> None:
        self._path = path
        self.now += DAY  # whatever a process remembers of the last time is too old
        self.given: dict[Question, Reply] = {}
        self.is_aside = False  # whether a side service did anything but go well

    def replies(self, question: Question) -> list[Reply]:
        operation, _, rows = question
        return REPLIES[operation] if self._is_link(question) else SIDE_REPLIES[operation, rows]

    def _is_link(self, question: Question) -> bool:
        return question.operation in REPLIES and question.resource not in self._side_tables

    def answer(self, client: Any, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        question = self._note(client.meta.service_model.service_name, operation, request)
        self.now += CALL  # so an invocation's time ends, however often the same is answered
        if question.rows == SECRET_ROW:
            return {}  # a process asks once in its life, so no event's questions can have this one among them
        if question not in self.given:
            depth = len(self.given)
            choice = self._path[depth] if depth < len(self._path) else 0
            self.given[question] = self.replies(question)[choice]
            self.is_aside |= choice > 0 and not self._is_link(question)
        body, code = self.given[question]
        if code:
            status = 500 if code == "InternalServerError" else 400
            answer = _padded(body, request) | {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise client.exceptions.from_code(code)(answer, operation)
        if "Entries" in body:
            return {"Entries": body["Entries"] * len(request["Entries"])}
        if "Responses" in body:
            return body | {"Responses": {question.resource: body["Responses"]}}
        if "IndexName" in request:
            indexed = self._indexes[request["IndexName"]]
            return {"Items": [{name: row[name] for name in row if name in indexed} for row in body["Items"]]}
        return body

    def _note(self, service: str, operation: str, request: dict[str, Any]) -> Question:
        """Keep what a call is to IAM and to the metrics; return what it asks."""
        if service == "sqs":
            self.seen.calls.add(Call(f"sqs:{operation}", _arn("sqs", request["QueueUrl"].rpartition("/")[2])))
            return Question(operation, request["QueueUrl"], None)
        if service == "kms":
            self.seen.calls.add(Call(f"kms:{operation}", _arn("kms", f"key/{request['KeyId']}")))
            return Question(operation, request["KeyId"], None)
        if service == "events":
            (bus,) = {entry["EventBusName"] for entry in request["Entries"]}
            self.seen.calls.add(Call(f"events:{operation}", _arn("events", f"event-bus/{bus}")))
            return Question(operation, bus, None)
        parts = [(operation, request)]
        if operation == "TransactWriteItems":  # IAM looks at what is in it
            parts = [(f"{kind}Item", write) for part in request["TransactItems"] for kind, write in part.items()]
        if operation == "BatchGetItem":
            parts = [(operation, {"TableName": table}) for table in request["RequestItems"]]
        for action, part in parts:
            index = f"/index/{part['IndexName']}" if "IndexName" in part else ""
            arn = _arn("dynamodb", f"table/{part['TableName']}{index}")
            self.seen.calls.add(Call(f"dynamodb:{action}", arn, self._kind(part)))
            self.seen.operations.add((operation, part["TableName"]))
        _, first = parts[0]
        is_secret = _row(first).get("short_code") == {"S": SECRET_ROW}
        return Question(operation, first["TableName"], SECRET_ROW if is_secret else self._kind(first))

    def _kind(self, request: dict[str, Any]) -> str | None:
        """Return a pattern for the kind of row that a request is about, where its table has several."""
        key = self._side_tables.get(request["TableName"])
        if key is None:
            return None
        kind = _row(request)[key] if _row(request) else request["ExpressionAttributeValues"][f":{key}"]
        return re.sub("#.*", "#*", kind["S"])


def _row(request: dict[str, Any]) -> dict[str, Any]:
    """Return the row that a request is about, or its key; nothing for a query."""
    row: dict[str, Any] = request.get("Key") or request.get("Item") or {}
    return row


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _padded(body: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Give each write of a transaction a reason: what is said of the first ones, and none for the others."""
    if "CancellationReasons" not in body:
        return body
    reasons = body["CancellationReasons"] + [{"Code": "None"}] * len(request["TransactItems"])
    return {"CancellationReasons": reasons[: len(request["TransactItems"])]}


class _Context(LambdaContext):
    def __init__(self, name: str) -> None:
        self._function_name = name
        self._memory_limit_in_mb = 256
        self._invoked_function_arn = f"arn:aws:lambda:{REGION}:123456789012:function:{name}"
        self._aws_request_id = "5a3e0e5d-ca7c-4321-b27b-df5256214532"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 5000


@contextmanager
def _loaded(folder: str, variables: dict[str, str], cloud: _Cloud) -> Iterator[ModuleType]:
    """Import a function as a cold start does: anew, with its package, in its own environment and nothing else."""
    lambdas_own = {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    mine = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "squrl"}
    spec = importlib.util.spec_from_file_location("app", ROOT / folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    for name in mine:
        del sys.modules[name]
    before = set(sys.modules)
    try:
        with (
            patch.dict(os.environ, lambdas_own | variables, clear=True),
            patch.object(sys, "path", [str(ROOT / folder), *sys.path]),
            patch("boto3.DEFAULT_SESSION", new=None),
            patch("aws_lambda_powertools.metrics.provider.cold_start.is_cold_start", new=True),
            # A bound method would not be given the client.
            patch("botocore.client.BaseClient._make_api_call", lambda *call: cloud.answer(*call)),  # noqa: PLW0108
            patch("threading.Thread.start", lambda thread: thread.run()),  # so that what is asked has an order
            patch("threading.Thread.join"),
            patch("time.sleep"),
            patch("time.time", lambda: cloud.now),
            patch("time.monotonic", lambda: cloud.now),
        ):
            spec.loader.exec_module(module)
            yield module
    finally:
        own = {each for each in sys.modules if each.partition(".")[0] == "squrl"}
        own |= {each for each in set(sys.modules) - before if _is_in(ROOT / folder, sys.modules[each])}
        for name in own:
            del sys.modules[name]
        sys.modules.update(mine)


def _is_in(folder: Path, module: ModuleType) -> bool:
    return str(getattr(module, "__file__", "")).startswith(str(folder))


def _metrics(record: dict[str, Any]) -> Iterator[Metric]:
    """Read one line of output, in the Embedded Metric Format if it holds metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    for directive in record.get("_aws", {}).get("CloudWatchMetrics", []):
        for metric in directive["Metrics"]:
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, record[name]) for name in names)
                yield Metric(directive["Namespace"], metric["Name"], dimensions)
