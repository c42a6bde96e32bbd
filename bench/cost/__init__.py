"""US dollars per million requests: what was measured of the functions, times AWS's list prices, as the template has it.

Everything that is neither measured nor in the template nor in ``prices.json`` is a constant here, with its source.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.template.stack import Stack, Template

PRICES = Path(__file__).with_name("prices.json")

GB = 2**30
MILLION = 1_000_000
MONTH = 730 * 3600  # seconds, as AWS's own calculator has it

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: at 1 769 MB a function has one vCPU.
VCPU_MB = 1769
# An assumption: AWS promises "single-digit milliseconds". What a stack has is its metric database_query_duration.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Introduction.html
DATABASE_MS = 4.0
# "Cold starts typically occur in under 1% of invocations":
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
COLD_SHARE = 0.01
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html: the first request of a second, and 5 % of the others.
TRACED_SHARE = 0.05
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
LOG_EVENT_BYTES = 26
# "Each log event ... compresses to 0.15" in the examples of https://aws.amazon.com/cloudwatch/pricing/
LOG_COMPRESSION = 0.15
# error_count of each function, and by error_type for what callers do every day: ValidationError, InvalidUrl,
# ConflictError, NotFound and Gone. The dashboard finds these by a search, so the template doesn't list them.
ERROR_METRICS = 7
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html: the key is asked for once
# in five minutes, here taken for each process of a function.
KEY_SECONDS = 300
QUEUE_BATCH = 10  # messages, the most that SQS gives or takes at once
COUNTED_TOGETHER = 99  # clicks, the BatchSize in the template
TRANSACTED_UNITS = 2  # for each item of up to 1 KB that a transaction writes

# What API Gateway puts in for each variable of the access log's format.
ACCESS_LOG_VALUES = {
    "$context.requestId": "JKJaXmPLvHcESHA=",
    "$context.requestTime": "22/Nov/2026:10:30:00 +0000",
    "$context.requestTimeEpoch": "1795343400",
    "$context.routeKey": "GET /{short_code}",
    "$context.status": "301",
    "$context.responseLength": "0",
    "$context.responseLatency": "27",
    "$context.integrationLatency": "24",
    "$context.integration.latency": "24",
    "$context.integrationStatus": "200",
    "$context.integration.status": "200",
    "$context.integration.integrationStatus": "200",
    "$context.integration.requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "$context.integration.error": "-",
    "$context.integrationErrorMessage": "-",
    "$context.error.message": "-",
    "$context.error.responseType": "-",
    "$context.httpMethod": "GET",
    "$context.protocol": "HTTP/1.1",
    "$context.stage": "$default",
    "$context.apiId": "a1b2c3d4e5",
    "$context.domainName": "go.example.com",
}

CREATE, REDIRECT = "create_new", "redirect"
FUNCTIONS = {"create": "CreateUrlFunction", "redirect": "RedirectFunction"}
# These two bars leave out: everything else is functions, database, logs, metrics and traces.
API, SENT = "API", "data sent"
MEMORIES = (128, 192, 256, 384, 512, 1024, 1769)  # MB


class CostError(Exception):
    """Something that a cost follows from is missing; the message says what."""


class Operation(NamedTuple):
    """What one request takes, as measured.

    Attributes
    ----------
    cpu_ms : float
        Processor time of the function's process, on one whole core, warm.
    round_trips : float
        Calls to the database, one after the other.
    read_units, write_units : float
        What DynamoDB bills, index included.
    log_bytes, log_events : float
        What the function logs; its metrics are log events.
    sent_bytes : float
        The answer with its headers.
    init_cpu_ms : float
        Processor time from a process's start until it is ready.
    peak_bytes : float
        Most memory that the process had at once; 0 if nobody looked.
    """

    cpu_ms: float
    round_trips: float
    read_units: float
    write_units: float
    log_bytes: float
    log_events: float
    sent_bytes: float
    init_cpu_ms: float
    peak_bytes: float = 0


def operations(measured: Mapping[str, Any]) -> dict[str, Operation]:
    """Read the benchmark's results.

    Raises
    ------
    CostError
        If a figure is missing.
    """
    found = measured.get("operations", {})
    for name in (CREATE, REDIRECT):
        if name not in found:
            raise CostError(f"The measurements have no operation {name}")
    known = {}
    for name, values in found.items():
        needed = Operation._fields[: -len(Operation._field_defaults)]
        if lacking := [field for field in needed if field not in values]:
            raise CostError(f"The measurements of {name} lack {', '.join(lacking)}")
        known[name] = Operation(**{field: float(values[field]) for field in Operation._fields if field in values})
    return known


class Prices:
    """List prices in US dollars, from a file like ``prices.json``.

    Raises
    ------
    CostError
        From every method, if there is no such price.
    """

    def __init__(self, path: Path = PRICES) -> None:
        content = json.loads(path.read_text())
        self.read = content["read"]
        self.region = content["region"]
        self._prices = content["prices"]
        self._path = path

    def total(self, name: str, quantity: float) -> float:
        """Return what a month's quantity costs, tier by tier."""
        if name not in self._prices:
            raise CostError(f"There is no price {name} in {self._path.name}")
        dollars, start = 0.0, 0.0
        for limit, price in self._prices[name]["tiers"]:
            end = quantity if limit is None else min(limit, quantity)
            dollars += max(end - start, 0) * price
            start = end
        return dollars

    def unit(self, name: str, quantity: float = 0) -> float:
        """Return the price of one unit, on average over a month's quantity; of the first unit by default."""
        return self.total(name, quantity) / quantity if quantity else self.total(name, 1e-9) / 1e-9


@dataclasses.dataclass(frozen=True)
class Function:
    """What the template says of a function that its cost depends on. Memory is in MB."""

    memory: int
    architecture: str
    traced: bool
    log_class: str
    log_days: int

    @property
    def share(self) -> float:
        """The part of a core that the function has."""
        return min(self.memory / VCPU_MB, 1)

    def milliseconds(self, operation: Operation) -> float:
        """Return the time that one warm request takes."""
        return operation.cpu_ms / self.share + operation.round_trips * DATABASE_MS

    def start_milliseconds(self, operation: Operation) -> float:
        """Return the time that a cold start adds: at most, since it is reckoned at the share of a warm function."""
        return operation.init_cpu_ms / self.share

    def gb_seconds(self, milliseconds: float) -> float:
        """Return what Lambda bills for a time: whole milliseconds, begun ones included."""
        return math.ceil(round(milliseconds, 6)) / 1000 * self.memory / 1024


@dataclasses.dataclass(frozen=True)
class Setup:
    """What the template says that a cost depends on.

    Attributes
    ----------
    functions : dict
        By the names in `FUNCTIONS`.
    access_log_class : str
        Of the access log's group; empty if there is no access log.
    access_log_bytes : int
        A typical record of it.
    """

    functions: dict[str, Function]
    access_log_class: str
    access_log_bytes: int
    access_log_days: int
    custom_metrics: int
    alarm_metrics: int
    dashboards: int
    has_key: bool

    @classmethod
    def read(cls, template: Template, parameters: Mapping[str, str] | None = None) -> Self:
        """Read the template, with its defaults but for the parameters given.

        Raises
        ------
        CostError
            If there is no such parameter, or a variable of the access log has no typical value here.
        """
        parameters = parameters or {}
        if unknown := parameters.keys() - template["Parameters"].keys():
            raise CostError(f"The template has no parameter {', '.join(sorted(unknown))}")
        stack = Stack(template, **parameters)
        groups = {each["LogGroupName"]: each for each in stack.of_type("AWS::Logs::LogGroup").values()}
        alarms = stack.of_type("AWS::CloudWatch::Alarm").values()
        (stage,) = stack.of_type("AWS::ApiGatewayV2::Stage").values()
        access_log: dict[str, str] = stage.get("AccessLogSettings", {})
        group: dict[str, Any] = next(
            (each for name, each in groups.items() if f":{name}:" in access_log.get("DestinationArn", "")), {}
        )
        dashboards = stack.of_type("AWS::CloudWatch::Dashboard").values()
        tables = stack.of_type("AWS::DynamoDB::Table").values()
        return cls(
            functions={
                name: _function(stack.resources[logical_id]["Properties"], groups)
                for name, logical_id in FUNCTIONS.items()
            },
            access_log_class=_log_class(group) if access_log else "",
            access_log_bytes=len(_access_log_record(access_log.get("Format", "")).encode()),
            access_log_days=int(group.get("RetentionInDays", 0)),
            custom_metrics=len(_dashboard_metrics(board["DashboardBody"] for board in dashboards)) + ERROR_METRICS,
            alarm_metrics=sum(
                "MetricStat" in each for alarm in alarms for each in alarm.get("Metrics", ["MetricStat"])
            ),
            dashboards=len(dashboards),
            has_key=any(table.get("SSESpecification", {}).get("SSEEnabled") for table in tables),
        )

    def function(self, operation: str) -> Function:
        """Return the function that serves an operation."""
        return self.functions["create" if operation.startswith("create") else "redirect"]

    def with_functions(self, **changes: Any) -> "Setup":  # noqa: ANN401 (any field of a function)
        """Return the same setup with something changed in every function."""
        functions = {name: dataclasses.replace(each, **changes) for name, each in self.functions.items()}
        return dataclasses.replace(self, functions=functions)


class Traffic(NamedTuple):
    """Requests per second, all month long."""

    name: str
    creates: float
    redirects: float

    @property
    def month(self) -> float:
        """Requests in a month."""
        return (self.creates + self.redirects) * MONTH

    def rate(self, operation: str) -> float:
        """Return the requests per second that the operation's function serves."""
        return self.creates if operation.startswith("create") else self.redirects

    def times(self, factor: float, name: str) -> "Traffic":
        """Return a multiple of this traffic."""
        return Traffic(name, self.creates * factor, self.redirects * factor)


REQUIRED = Traffic("10 000 creates and 100 000 redirects a minute", 10_000 / 60, 100_000 / 60)
QUIET = REQUIRED.times(MILLION / REQUIRED.month, "a million requests a month")


class Line(NamedTuple):
    """One thing that is billed: its price, and how much of it is used."""

    name: str
    price: str
    quantity: float


def request_lines(name: str, operation: Operation, setup: Setup, traffic: Traffic) -> list[Line]:
    """Return what is billed for one request of a kind."""
    function = setup.function(name)
    duration = f"lambda.duration.{function.architecture}"
    log = (operation.log_bytes + operation.log_events * LOG_EVENT_BYTES) / GB
    access_log = (setup.access_log_bytes + LOG_EVENT_BYTES) / GB if setup.access_log_class else 0
    stored = (log * function.log_days + access_log * setup.access_log_days) * LOG_COMPRESSION / (MONTH / 86400)
    return [
        Line(API, "api.requests", 1),
        Line("Lambda, requests", "lambda.requests", 1),
        Line("Lambda, time", duration, function.gb_seconds(function.milliseconds(operation))),
        Line("Lambda, cold starts", duration, COLD_SHARE * function.gb_seconds(function.start_milliseconds(operation))),
        Line("DynamoDB, reads", "dynamodb.reads", operation.read_units),
        Line("DynamoDB, writes", "dynamodb.writes", operation.write_units),
        Line("logs of the functions", f"logs.{function.log_class}", log),
        Line("access log", f"logs.{setup.access_log_class or 'STANDARD'}", access_log),
        Line("logs, stored", "logs.storage", stored),
        Line("traces", "xray.traces", traced_share(traffic.rate(name)) if function.traced else 0),
        Line(SENT, "transfer.out", operation.sent_bytes / GB),
    ]


def month_lines(measured: Mapping[str, Operation], setup: Setup, traffic: Traffic) -> list[Line]:
    """Return what is billed for a month, whatever its requests are."""
    processes = sum(max(1, busy(name, measured[name], setup, traffic)) for name in (CREATE, REDIRECT))
    return [
        Line("encryption key", "kms.requests", processes * MONTH / KEY_SECONDS if setup.has_key else 0),
        Line("custom metrics", "cloudwatch.metrics", setup.custom_metrics),
        Line("alarms", "cloudwatch.alarms", setup.alarm_metrics),
        Line("dashboard", "cloudwatch.dashboards", setup.dashboards),
    ]


def busy(name: str, operation: Operation, setup: Setup, traffic: Traffic) -> float:
    """Return how many processes of an operation's function are busy at once, on average."""
    return traffic.rate(name) * setup.function(name).milliseconds(operation) / 1000


def traced_share(rate: float) -> float:
    """Return the share of requests that Lambda traces, if they arrive at random, `rate` a second."""
    firsts = 1 - math.exp(-rate)  # seconds that have a request, of all seconds
    return (firsts + TRACED_SHARE * (rate - firsts)) / rate


MIX = "mix"
Bill = dict[str, dict[str, float]]


def bill(measured: Mapping[str, Operation], setup: Setup, traffic: Traffic, prices: Prices) -> Bill:
    """Return dollars per million: by line, then by operation and for the mix of new links and redirects.

    Tiers are those of the whole month's traffic, and every kind of request pays the average price.
    """
    shared = [line._replace(quantity=line.quantity / traffic.month) for line in month_lines(measured, setup, traffic)]
    billed = {name: request_lines(name, operation, setup, traffic) + shared for name, operation in measured.items()}
    counts = {CREATE: traffic.creates * MONTH, REDIRECT: traffic.redirects * MONTH}
    month: dict[str, float] = {}
    for name, count in counts.items():
        for line in billed[name]:
            month[line.price] = month.get(line.price, 0) + count * line.quantity
    table: Bill = {}
    for name, its_lines in billed.items():
        for line in its_lines:
            unit = prices.unit(line.price, month.get(line.price, 0)) if line.quantity else 0
            table.setdefault(line.name, {})[name] = MILLION * line.quantity * unit
    for row in table.values():
        row[MIX] = sum(row[name] * count for name, count in counts.items()) / traffic.month
    return table


def total(table: Bill, column: str, *, without: Iterable[str] = ()) -> float:
    """Return the dollars per million of one column."""
    return sum(row[column] for name, row in table.items() if name not in without)


class Row(NamedTuple):
    """A figure and its bars. The value is in US dollars; `met` is None where there is no bar."""

    name: str
    value: float
    must: float | None
    aim: float | None
    met: bool | None


def bars(measured: Mapping[str, Operation], table: Bill, traffic: Traffic) -> list[Row]:
    """Compare with what is demanded. Values are US dollars per million."""
    columns = {"creates": CREATE, "redirects": REDIRECT, "the mix": MIX}
    calls = {CREATE: measured[CREATE].round_trips, REDIRECT: measured[REDIRECT].round_trips}
    calls[MIX] = (calls[CREATE] * traffic.creates + calls[REDIRECT] * traffic.redirects) * MONTH / traffic.month

    def of(service: str, column: str) -> float:
        return sum(row[column] for name, row in table.items() if name.startswith(service))

    found = [Row(f"Lambda, {label}", of("Lambda", column), 0.50, None, None) for label, column in columns.items()]
    found += [
        Row(f"DynamoDB, database operations of {label}", of("DynamoDB", column) / calls[column], 1.00, None, None)
        for label, column in columns.items()
    ]
    found += [
        Row(
            f"functions, database, logs, metrics, traces, {label}",
            total(table, column, without=(API, SENT)),
            2.00,
            None,
            None,
        )
        for label, column in columns.items()
    ]
    found.append(Row("everything, the mix", total(table, MIX), None, 2.00, None))
    return [row._replace(met=row.value < (row.must or row.aim or math.inf)) for row in found]


def options(measured: Mapping[str, Operation], setup: Setup, prices: Prices) -> list[Row]:
    """Return the price of what is off or rare, in US dollars per million of each, at the first tier."""
    create, redirect = (setup.functions[name] for name in FUNCTIONS)
    duration = prices.unit(f"lambda.duration.{redirect.architecture}")
    one_trip = create.gb_seconds(DATABASE_MS) * duration
    write = prices.unit("dynamodb.writes")
    drained = redirect.gb_seconds(redirect.milliseconds(measured[REDIRECT])) * duration
    queue = (1 + 2 / QUEUE_BATCH) * prices.unit("sqs.requests") + redirect.gb_seconds(DATABASE_MS) * duration

    def counted(together: int) -> float:
        """Return the price of one click of so many: the id is its own; the link and the invocation are everybody's."""
        shared = prices.unit("lambda.requests") + drained + TRANSACTED_UNITS * write
        return queue + TRANSACTED_UNITS * write + shared / together

    priced = {
        "a limit per client on creating: an update more for each create": write + one_trip,
        "a throttled click that goes through the queue, alone": counted(1),
        f"a throttled click that goes through the queue, with {COUNTED_TOGETHER - 1} others": counted(COUNTED_TOGETHER),
    }
    return [Row(name, MILLION * price, None, None, None) for name, price in priced.items()]


def report(
    measured: Mapping[str, Any],
    template: Template,
    parameters: Mapping[str, str] | None = None,
    traffic: Traffic = REQUIRED,
) -> list[Row]:
    """Return every line at the mix, every bar and every option, in US dollars per million.

    Parameters
    ----------
    measured : mapping
        The benchmark's results, as ``.local/bench/results.json`` has them.
    template : dict
        From `tests.template.stack.read`.
    parameters : mapping, optional
        The stack's, where they are not the template's defaults.
    traffic : Traffic
        What the month is like.

    Raises
    ------
    CostError
        If a measurement, a price or the value of a variable of the access log is missing.
    """
    known, setup, prices = operations(measured), Setup.read(template, parameters), Prices()
    table = bill(known, setup, traffic, prices)
    at_the_mix = [Row(name, row[MIX], None, None, None) for name, row in table.items()]
    return [*at_the_mix, *bars(known, table, traffic), *options(known, setup, prices)]


def memories(measured: Mapping[str, Operation]) -> list[int]:
    """Return the sizes in MB that the functions were seen to fit into."""
    peak = max(operation.peak_bytes for operation in measured.values()) / 2**20
    return [memory for memory in MEMORIES if memory > peak]


def cheapest(
    measured: Mapping[str, Operation], setup: Setup, prices: Prices, sizes: Iterable[int], traffic: Traffic = REQUIRED
) -> tuple[float, Setup]:
    """Try all settings of memory, tracing and the access log; return what everything costs at the mix, and the best.

    The logs of the functions carry their metrics, which the class Standard alone understands:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
    """
    tried = (
        dataclasses.replace(setup.with_functions(memory=memory, traced=traced), access_log_class=log_class)
        for memory in sizes
        for traced in (False, True)
        for log_class in ("STANDARD", "INFREQUENT_ACCESS")
    )
    return min(
        ((total(bill(measured, each, traffic, prices), MIX), each) for each in tried), key=lambda found: found[0]
    )


def _function(properties: dict[str, Any], groups: Mapping[str, Any]) -> Function:
    group = groups.get(properties["LoggingConfig"]["LogGroup"], {})
    return Function(
        memory=int(properties["MemorySize"]),
        architecture=properties["Architectures"][0],
        traced=properties["TracingConfig"]["Mode"] == "Active",
        log_class=_log_class(group),
        log_days=int(group.get("RetentionInDays", 0)),
    )


def _log_class(group: Mapping[str, Any]) -> str:
    return str(group.get("LogGroupClass", "STANDARD"))


def _access_log_record(form: str) -> str:
    """Return a typical record of the access log."""

    def value(variable: re.Match[str]) -> str:
        try:
            return ACCESS_LOG_VALUES[variable[0]]
        except KeyError:
            raise CostError(f"Say in ACCESS_LOG_VALUES what {variable[0]} typically is") from None

    return re.sub(r"\$context(\.\w+)+", value, form)


def _dashboard_metrics(bodies: Iterable[str]) -> set[tuple[str, ...]]:
    """Return the metrics of squrl's own that dashboards show: name and dimensions."""
    rows = [
        row
        for body in bodies
        for widget in json.loads(body)["widgets"]
        for row in widget["properties"].get("metrics", [])
    ]
    return {tuple(part for part in row[1:] if isinstance(part, str)) for row in rows if row[0] == "Squrl"}
