"""What is measured: squrl as a checkout has built it, and what it is compared with."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cost import FUNCTIONS
from bench.measure import Subject, Subjects
from bench.report import ROOT
from bench.runtime import Function
from local import dynamodb, tables
from local.template import Stack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EXAMPLE = "https://example.com/"
HOT = "hello-squrl"  # the code in events/redirect/http.json
# The limit for each client is on, and never reached.
LIMITED, UNLIMITED = {"CreatesPerMinutePerClient": "999999999"}, {"CreatesPerMinutePerClient": "0"}
DENIED = [f"denied-{number}.example" for number in range(100)]

_BATCH = 25  # the most that BatchWriteItem takes


class Checkout:
    """squrl in a folder where ``make build`` has been run, with tables of its own in the database.

    Parameters
    ----------
    folder : Path
        With ``.aws-sam/build``, ``functions`` and ``events``.
    endpoint : str
        Where DynamoDB Local answers.
    prefix : str
        What its tables' names begin with, so that several can be in one database.
    """

    def __init__(self, folder: Path, endpoint: str, prefix: str = "") -> None:
        self.folder = folder
        self.layer = folder / ".aws-sam/build/SqurlLayer"
        self._events = folder / "events"
        self._template = folder / ".aws-sam/build/template.yaml"
        self._endpoint = endpoint
        self._prefix = prefix
        stack = Stack(LIMITED, self._template)
        self._environment = stack.environment(FUNCTIONS["redirect"])
        self._tables = {each["TableName"]: each for each in stack.of_type("AWS::DynamoDB::Table").values()}
        for name, properties in self._tables.items():
            properties["TableName"] = f"{prefix}{name}"
        tables.ensure(endpoint, [stack.resources])
        self.links_table = f"{prefix}{self._environment['TABLE_NAME']}"
        put_links(endpoint, self.links_table, [(HOT, f"{EXAMPLE}welcome")])

    def deny(self, domains: list[str]) -> None:
        """Have links lead to none of these domains."""
        if "DURABLE_TABLE_NAME" not in self._environment:
            table = f"{self._prefix}{self._environment['STATE_TABLE_NAME']}"
            dynamodb.client(self._endpoint).put_item(
                TableName=table, Item={"id": {"S": "domains"}, "denied": {"SS": domains}}
            )
            return
        table = f"{self._prefix}{self._environment['DURABLE_TABLE_NAME']}"
        item: dict[str, Any] = {"kind": {"S": "domains"}, "id": {"S": "lists"}, "denied": {"SS": domains}}
        dynamodb.client(self._endpoint).put_item(TableName=table, Item=item)

    def event(self, name: str) -> Any:  # noqa: ANN401 (an event may be any JSON)
        """Return one of the sample events, such as ``redirect/http``."""
        return json.loads((self._events / f"{name}.json").read_text())

    def operations(
        self, aws: str, *, database: str = "", parameters: Mapping[str, str] = LIMITED, sampled: bool = False
    ) -> dict[str, Subject]:
        """Return the kinds of requests, by name: what comes before ``_`` says which function answers.

        Parameters
        ----------
        aws : str
            Where KMS answers, and the database unless `database` says where.
        database : str
            Where the database answers.
        parameters : mapping of str to str
            The stack's.
        sampled : bool
            Whether X-Ray wants the requests.
        """
        stack = Stack(parameters, self._template)
        endpoints = {"AWS_ENDPOINT_URL_DYNAMODB": database or aws, "AWS_ENDPOINT_URL_KMS": aws}
        redirect, create = (self._function(stack, name, endpoints, sampled) for name in FUNCTIONS.values())
        request = self.event("create_url/http")
        again = shorten(request, f"{EXAMPLE}{uuid.uuid4()}")
        return {
            "redirect": Subject(redirect, _always(self.event("redirect/http")), 301),
            "redirect_head": Subject(redirect, _always(self.event("redirect/http_head")), 301),
            "redirect_missed": Subject(redirect, _always(self.event("redirect/http_not_found")), 404),
            "redirect_malformed": Subject(redirect, _always(self.event("redirect/http_not_found_malformed")), 404),
            "create_new": Subject(create, lambda: shorten(request, f"{EXAMPLE}{uuid.uuid4()}"), 201),
            "create_reused": Subject(create, _always(again), 200, first_status=201),
        }

    def _function(self, stack: Stack, logical_id: str, endpoints: Mapping[str, str], sampled: bool) -> Function:
        found, declared = stack.function(logical_id), stack.environment(logical_id)
        environment = {
            **{name: f"{self._prefix}{value}" if value in self._tables else value for name, value in declared.items()},
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(found.memory),
            **endpoints,
        }
        layers = tuple(Path(layer.codeuri).resolve() / "python" for layer in found.layers)
        return Function(Path(found.codeuri).resolve(), found.handler, layers, environment, sampled)


def comparisons(own: Checkout, database: str) -> Subjects:
    """Return what squrl is compared with; the events are squrl's."""
    usual, bare = ROOT / ".aws-sam/usual", ROOT / "bench/bare"
    layers = (usual / "Layer/python",)
    environment = {
        "TABLE_NAME": own.links_table,
        "POWERTOOLS_SERVICE_NAME": "usual",
        "AWS_ENDPOINT_URL_DYNAMODB": database,
    }
    follow, request = _always(own.event("redirect/http")), own.event("create_url/http")

    def create() -> Any:  # noqa: ANN401
        return shorten(request, f"{EXAMPLE}{uuid.uuid4()}")

    return {
        "usual redirect": Subject(Function(usual / "Redirect", "app.lambda_handler", layers, environment), follow, 301),
        "usual create": Subject(Function(usual / "Create", "app.lambda_handler", layers, environment), create, 201),
        "bare update": Subject(Function(bare, "app.update", layers, environment), follow, 204),
        "bare query and put": Subject(
            Function(bare, "app.query_and_put", layers, environment), lambda: {"body": f"{EXAMPLE}{uuid.uuid4()}"}, 204
        ),
        "nothing": Subject(Function(bare, "app.nothing", layers, environment), follow, 204),
    }


def link_item(short_code: str, url: str) -> dict[str, Any]:
    """Return the row of a link that never expires."""
    return {
        "short_code": {"S": short_code},
        "original_url": {"S": url},
        "redirect_type": {"S": "301"},
        "created_at": {"S": "2026-01-01T00:00:00Z"},
        "custom_code": {"BOOL": True},
        "status": {"S": "active"},
        "click_count": {"N": "0"},
    }


def put_links(endpoint: str, table_name: str, links: Iterable[tuple[str, str]]) -> None:
    """Write links that never expire, each a code and a destination.

    Raises
    ------
    RuntimeError
        If the database doesn't take them all.
    """
    client = dynamodb.client(endpoint)
    batch: list[Any] = []
    for short_code, url in links:
        batch.append({"PutRequest": {"Item": link_item(short_code, url)}})
        if len(batch) == _BATCH:
            _write(client, table_name, batch)
            batch = []
    if batch:
        _write(client, table_name, batch)


def _write(client: "DynamoDBClient", table_name: str, batch: list[Any]) -> None:
    if client.batch_write_item(RequestItems={table_name: batch})["UnprocessedItems"]:
        raise RuntimeError("DynamoDB Local did not take a whole batch")


def _always(event: Any) -> Callable[[], Any]:  # noqa: ANN401
    return lambda: event


def shorten(request: Any, url: str) -> Any:  # noqa: ANN401
    """Return a request to create with another destination."""
    return request | {"body": json.dumps({"original_url": url}), "isBase64Encoded": False}
