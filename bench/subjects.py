"""What is measured: squrl as a checkout has built it, and what it is compared with."""

import dataclasses
import hashlib
import json
import string
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cost import FUNCTIONS
from bench.measure import Subject, Subjects
from bench.report import ROOT
from bench.runtime import Function
from local import LocalError, dynamodb, tables
from local.template import Stack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EXAMPLE = "https://example.com/"
# The code in events/redirect/http.json. Its row is as large as an ordinary link's becomes: it has many days, and its
# destination, title and tags together have the 480 bytes up to which a click is promised to be one write unit.
HOT = "hello-squrl"
HOT_URL, HOT_TITLE = EXAMPLE.ljust(80, "a"), "b" * 120
HOT_TAGS = [f"{number}".ljust(28, "c") for number in range(10)]
HOT_DAYS = 35
FORWARDING = "forwarding"  # the same, and visitors' queries are passed on
FRESH = "fresh-link"  # the same without days; what squrl is compared with has none in its rows
YEAR_LINK, YEAR = "year-link", 365  # clicked on each of so many days
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
QUERY = "utm_source=newsletter&utm_medium=email&utm_campaign=spring"
# A limit for each client is never reached; it is on where anyone may create, unless it is 0.
NEVER_REACHED = {"CreatesPerMinutePerClient": "999999999"}
LIMITED = NEVER_REACHED | {"CreateAccess": "anyone"}
UNLIMITED = LIMITED | {"CreatesPerMinutePerClient": "0"}
OWNER = "marketing"  # whose the key is
KEY_ID, KEY_SECRET = "Bench001", "Benchmark".ljust(43, "0")
PAGE, PAGE_OWNER = 50, "page"  # links that a list shows at once, and who has no others
BULK = 100  # links that are made at once
OWNED = "owned-link"  # a link with an owner, to be changed
DENIED = [f"denied-{number}.example" for number in range(100)]

DAY = 86_400  # seconds
DIGITS = string.digits + string.ascii_lowercase

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

    Raises
    ------
    LocalError
        If it hasn't been built.
    """

    def __init__(self, folder: Path, endpoint: str, prefix: str = "") -> None:
        self.folder = folder
        self.layer = folder / ".aws-sam/build/SqurlLayer"
        self._events = folder / "events"
        self._template = folder / ".aws-sam/build/template.yaml"
        self._endpoint = endpoint
        self._prefix = prefix
        if not self._template.is_file():
            raise LocalError(f"{folder} has not been built: run `make build` there.")
        self._known = Stack({}, self._template).parameters.keys()
        stack = self._stack({})
        self._environment = stack.environment(FUNCTIONS["redirect"])
        self._tables = {each["TableName"]: each for each in stack.of_type("AWS::DynamoDB::Table").values()}
        for name, properties in self._tables.items():
            properties["TableName"] = f"{prefix}{name}"
        tables.ensure(endpoint, [stack.resources])
        self.links_table = f"{prefix}{self._environment['TABLE_NAME']}"
        self._today = int(time.time()) // DAY
        has_days = (self.layer / "python/squrl/statistics.pyc").is_file()  # else it is from before there were any
        days = self._days(HOT_DAYS) if has_days else {}
        self._put(self.links_table, hot_item(HOT) | days)
        self._put(self.links_table, hot_item(FORWARDING) | days | {"forward_query": {"BOOL": True}})
        self._put(self.links_table, hot_item(FRESH))
        if FUNCTIONS["manage"] not in stack.resources:
            return
        self._durable_table = f"{prefix}{self._environment['DURABLE_TABLE_NAME']}"
        put_key(endpoint, self._durable_table)
        put_links(endpoint, self.links_table, [(OWNED, f"{EXAMPLE}owned")], OWNER)
        page = ((f"page-{number}", f"{EXAMPLE}page/{number}") for number in range(PAGE))
        put_links(endpoint, self.links_table, page, PAGE_OWNER)
        if has_days:
            self._put_year()

    def _days(self, count: int) -> dict[str, Any]:
        """Return the attributes of a row with clicks on the last days: the day's number, counted from 1970-01-01 on."""
        days = range(self._today - count + 1, self._today + 1)
        return {f"d{DIGITS[day // 1296]}{DIGITS[day // 36 % 36]}{DIGITS[day % 36]}": {"N": "12345"} for day in days}

    def _put_year(self) -> None:
        """Write a link of the key's owner that was clicked on every day of a year: the last ones are in its row."""
        first = self._today - HOT_DAYS + 1
        item = hot_item(YEAR_LINK) | self._days(HOT_DAYS) | {"days_from": {"N": str(first)}}
        self._put(self.links_table, item)
        moved: dict[int, dict[str, Any]] = {}
        for day in range(self._today - YEAR + 1, first):
            moved.setdefault(day // 100, {})[f"d{day % 100}"] = {"N": "12345"}
        for part, days in moved.items():
            key = {"kind": {"S": f"days#{YEAR_LINK}"}, "id": {"S": f"{item['created_at']['S']}#{part:04}"}}
            self._put(self._durable_table, key | days)

    def _put(self, table_name: str, item: dict[str, Any]) -> None:
        dynamodb.client(self._endpoint).put_item(TableName=table_name, Item=item)

    def deny(self, domains: list[str]) -> None:
        """Have links lead to none of these domains."""
        item: dict[str, Any] = {"kind": {"S": "domains"}, "id": {"S": "lists"}}
        item |= {f"denied {domain}": {"BOOL": True} for domain in domains}
        self._put(self._durable_table, item)

    def event(self, name: str) -> Any:  # noqa: ANN401 (an event may be any JSON)
        """Return one of the sample events, such as ``redirect/http``."""
        return json.loads((self._events / f"{name}.json").read_text())

    def operations(
        self, aws: str, *, database: str = "", parameters: Mapping[str, str] | None = None, sampled: bool = False
    ) -> dict[str, Subject]:
        """Return the kinds of requests, by name: what comes before ``_`` says which function answers.

        They have a key where one needs one to create. A checkout from before there were keys creates without, and has
        no requests to manage links.

        Parameters
        ----------
        aws : str
            Where KMS answers, and the database unless `database` says where.
        database : str
            Where the database answers.
        parameters : mapping of str to str or None
            The stack's, where they aren't the template's defaults.
        sampled : bool
            Whether X-Ray wants the requests.
        """
        stack = self._stack(parameters or {})
        endpoints = {"AWS_ENDPOINT_URL_DYNAMODB": database or aws, "AWS_ENDPOINT_URL_KMS": aws}
        functions = {
            kind: self._function(stack, name, endpoints, sampled)
            for kind, name in FUNCTIONS.items()
            if name in stack.resources
        }
        redirect, create = functions["redirect"], functions["create"]
        request = self.event("create_url/http")
        if create.environment.get("CREATE_ACCESS") == "key":
            request = with_key(request)
        again = shorten(request, HOT_URL)  # which its owner has already
        renewed = shorten(request, f"{EXAMPLE}{uuid.uuid4()}", ttl_hours=24)
        visit = self.event("redirect/http")
        bot = visit | {"headers": visit["headers"] | {"user-agent": BOT}}
        forwarded = of(visit, FORWARDING) | {"rawQueryString": QUERY}
        found = {
            "redirect": Subject(redirect, _always(visit), 301),
            "redirect_fresh": Subject(redirect, _always(of(visit, FRESH)), 301),
            "redirect_bot": Subject(redirect, _always(bot), 301),
            "redirect_forwarded": Subject(redirect, _always(forwarded), 301),
            "redirect_head": Subject(redirect, _always(self.event("redirect/http_head")), 301),
            "redirect_missed": Subject(redirect, _always(self.event("redirect/http_not_found")), 404),
            "redirect_malformed": Subject(redirect, _always(self.event("redirect/http_not_found_malformed")), 404),
            "create_new": Subject(create, lambda: shorten(request, f"{EXAMPLE}{uuid.uuid4()}"), 201),
            "create_reused": Subject(create, _always(again), 200, first_status=201),
            "create_renewed": Subject(create, _always(renewed), 200, first_status=201),
        }
        if "pages" in functions:
            preview, pages = self.event("redirect/http_preview_page"), functions["pages"]
            found |= {
                "redirect_preview": Subject(redirect, _always(of(preview, f"{HOT}+")), 200),
                "pages_home": Subject(pages, _always(self.event("pages/http_home")), 200),
                "pages_qr": Subject(pages, _always(self.event("pages/http_qr")), 200),
                "pages_png": Subject(pages, _always(self.event("pages/http_qr_png")), 200),
            }
        return found | (self._managing(functions["manage"]) if "manage" in functions else {})

    def _managing(self, manage: Function) -> dict[str, Subject]:
        change, bulk = (with_key(self.event(f"manage_links/http_{name}")) for name in ("change", "bulk_create"))
        change = of(change, OWNED)

        def links() -> Any:  # noqa: ANN401
            return with_body(bulk, links=[{"original_url": f"{EXAMPLE}{uuid.uuid4()}"} for _ in range(BULK)])

        return {
            "manage_page": Subject(manage, _always(self.page()), 200, holds=_is_full),
            "manage_stats": Subject(manage, _always(self._statistics()), 200, holds=_is_a_year),
            "manage_change": Subject(manage, lambda: with_body(change, title=f"{uuid.uuid4()}"), 200),
            "manage_destination": Subject(
                manage, lambda: with_body(change, original_url=f"{EXAMPLE}{uuid.uuid4()}"), 200
            ),
            "manage_bulk": Subject(manage, links, 200, holds=_are_made, weight=BULK // 5),
        }

    def page(self, owner: str = PAGE_OWNER, limit: int = PAGE, cursor: str = "") -> Any:  # noqa: ANN401
        """Return a request for a page of an owner's links, as an admin's key asks."""
        query = {"owner": owner, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return with_key(self.event("manage_links/http_list")) | {"queryStringParameters": query}

    def _statistics(self) -> Any:  # noqa: ANN401
        """Return a request for the clicks of a year."""
        window = {"from": _date(self._today - YEAR + 1), "to": _date(self._today)}
        see = of(with_key(self.event("manage_links/http_see")), YEAR_LINK)
        return see | {"routeKey": "GET /links/{short_code}/stats", "queryStringParameters": window}

    def _stack(self, parameters: Mapping[str, str]) -> Stack:
        """Return the stack. One from before there were keys has not all parameters; in it, anyone may create."""
        asked = {name: value for name, value in {**NEVER_REACHED, **parameters}.items() if name in self._known}
        return Stack(asked, self._template)

    def _function(self, stack: Stack, logical_id: str, endpoints: Mapping[str, str], sampled: bool) -> Function:
        found, declared = stack.function(logical_id), stack.environment(logical_id)
        environment = {
            **{name: f"{self._prefix}{value}" if value in self._tables else value for name, value in declared.items()},
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
    follow, request = _always(of(own.event("redirect/http"), FRESH)), own.event("create_url/http")

    def create() -> Any:  # noqa: ANN401
        return shorten(request, f"{EXAMPLE}{uuid.uuid4()}")

    redirect = Function(usual / "Redirect", "app.lambda_handler", layers, environment)
    return {
        "usual redirect": Subject(redirect, follow, 301),
        "usual sampled": Subject(dataclasses.replace(redirect, sampled=True), follow, 301),
        "usual create": Subject(Function(usual / "Create", "app.lambda_handler", layers, environment), create, 201),
        "bare update": Subject(Function(bare, "app.update", layers, environment), follow, 204),
        "bare query and put": Subject(
            Function(bare, "app.query_and_put", layers, environment), lambda: {"body": f"{EXAMPLE}{uuid.uuid4()}"}, 204
        ),
        "nothing": Subject(Function(bare, "app.nothing", layers, environment), follow, 204),
    }


def link_item(short_code: str, url: str, owner: str = "") -> dict[str, Any]:
    """Return the row of a link that never expires."""
    item: dict[str, Any] = {
        "short_code": {"S": short_code},
        "original_url": {"S": url},
        "redirect_type": {"S": "301"},
        "created_at": {"S": "2026-01-01T00:00:00Z"},
        "custom_code": {"BOOL": True},
        "status": {"S": "active"},
        "click_count": {"N": "0"},
        "revision": {"N": "1"},
    }
    return item | ({"owner": {"S": owner}} if owner else {})


def hot_item(short_code: str) -> dict[str, Any]:
    """Return a row as large as an ordinary link's becomes, but for its days."""
    attributes = {
        "title": {"S": HOT_TITLE},
        "tags": {"SS": HOT_TAGS},
        "click_count": {"N": "1234567"},
        "bot_click_count": {"N": "123456"},
    }
    return link_item(short_code, HOT_URL, OWNER) | attributes


def put_key(endpoint: str, table_name: str) -> None:
    """Write the key of `with_key`, an admin's."""
    row: dict[str, Any] = {
        "kind": {"S": "key"},
        "id": {"S": KEY_ID},
        "digest": {"B": hashlib.sha256(KEY_SECRET.encode()).digest()},
        "name": {"S": "benchmark"},
        "owner": {"S": OWNER},
        "role": {"S": "ADMIN"},
        "created_at": {"N": str(int(time.time()))},
    }
    dynamodb.client(endpoint).put_item(TableName=table_name, Item=row)


def put_links(endpoint: str, table_name: str, links: Iterable[tuple[str, str]], owner: str = "") -> None:
    """Write links that never expire, each a code and a destination.

    Raises
    ------
    RuntimeError
        If the database doesn't take them all.
    """
    client = dynamodb.client(endpoint)
    batch: list[Any] = []
    for short_code, url in links:
        batch.append({"PutRequest": {"Item": link_item(short_code, url, owner)}})
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


def _is_full(answer: Any) -> bool:  # noqa: ANN401
    return len(json.loads(answer["body"])["links"]) == PAGE


def _are_made(answer: Any) -> bool:  # noqa: ANN401
    return [each["status"] for each in json.loads(answer["body"])["results"]] == [201] * BULK


def _is_a_year(answer: Any) -> bool:  # noqa: ANN401
    days = json.loads(answer["body"])["days"]
    return len(days) == YEAR and all(day["clicks"] for day in days)


def _date(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY))


def of(request: Any, short_code: str) -> Any:  # noqa: ANN401
    """Return a request for another link."""
    return request | {"pathParameters": {"short_code": short_code}}


def shorten(request: Any, url: str, **fields: Any) -> Any:  # noqa: ANN401
    """Return a request to create with another destination, and perhaps more fields."""
    return with_body(request, original_url=url, **fields)


def with_body(request: Any, **fields: Any) -> Any:  # noqa: ANN401
    """Return a request with another body."""
    return request | {"body": json.dumps(fields), "isBase64Encoded": False}


def with_key(request: Any) -> Any:  # noqa: ANN401
    """Return a request with the key of `put_key`."""
    return request | {"headers": request["headers"] | {"authorization": f"Bearer sq_{KEY_ID}_{KEY_SECRET}"}}
