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

from local.template import Stack

PRICES = Path(__file__).with_name("prices.json")

GB, MILLION = 2**30, 1_000_000
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
# "When traffic is low, Lambda scales back the processing to five concurrent batches", and to two only where no maximum
# concurrency is set: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html. Each asks again after a
# long poll, of 20 seconds at most: best-practices-setting-up-long-polling.html in the guide of SQS.
POLLERS, POLL_SECONDS = 5, 20
# "3 Dashboards for up to 50 metrics per month": https://aws.amazon.com/cloudwatch/pricing/
FREE_DASHBOARD_METRICS = 50
# Versions whose snapshots are kept: the one that visitors get, and the one before (`squrl prune`).
SNAPSHOTS = 2
QUEUE_BATCH = 10  # messages, the most that SQS gives or takes at once
# An assumption: EventBridge promises no time for PutEvents. What a stack has is function_duration of its function.
EVENTS_MS = 30.0
# Entries of one PutEvents: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
EVENTS_BATCH = 10
TRANSACTED_UNITS = 2  # for each item of up to 1 KB that a transaction writes
# What API Gateway puts in for each variable of the access log's format.
ACCESS_LOG_VALUES = {
    "$context.requestId": "JKJaXmPLvHcESHA=",
    "$context.routeKey": "GET /{short_code}",
    "$context.status": "301",
    "$context.responseLatency": "27",
    "$context.integrationLatency": "24",
    "$context.error.message": "-",
    "$context.integrationErrorMessage": "-",
}

CREATE, REDIRECT, MIX = "create_new", "redirect", "mix"  # what is created has a key, as the template has it
OPEN = "create_unlimited"  # without a key, and without a limit for clients
# What managing is measured by, and in how many of it dollars are told.
MANAGING = {
    "manage_page": ("a page of 50", 1_000_000),
    "manage_change": ("a change of the title", 1_000_000),
    "manage_destination": ("a change of the destination", 1_000_000),
    "manage_bulk": ("a bulk of 100 new links", 1_000),
}
# What is shown to people.
PAGES = {
    "redirect_preview": ("a preview, as a page", 1_000_000),
    "pages_home": ("the web page, without what it loads", 1_000_000),
    "pages_qr": ("a QR code, as SVG", 1_000_000),
    "pages_png": ("a QR code, as PNG", 1_000_000),
}
# Which function serves an operation: by what comes before "_" in its name.
FUNCTIONS = {
    "redirect": "RedirectFunction",
    "create": "CreateUrlFunction",
    "manage": "ManageLinksFunction",
    "pages": "PagesFunction",
}
# The bars but the last leave these two out: everything else is functions, database, logs, metrics and traces.
API, SENT = "API", "data sent"
FIXED = (API, "Lambda, requests", "DynamoDB, reads", "DynamoDB, writes", SENT)  # no setting changes these
MEMORIES = (128, 256, 512, 1024, 1769)  # MB


class CostError(Exception):
    """Something that a cost follows from is missing; the message says what."""


class Operation(NamedTuple):
    """What one request takes, as measured.

    Attributes
    ----------
    cpu_ms, init_cpu_ms, first_cpu_ms : float
        Processor time on one whole core: of a warm request, of a process until it can take one, and of its first one.
    round_trips : float
        Calls to the database, one after the other.
    read_units, write_units : float
        What DynamoDB bills, index included.
    log_bytes, log_events : float
        What the function logs; its metrics are log events.
    sent_bytes : float
        The answer with its headers.
    peak_bytes : float
        Most memory that the process had at once; 0 if nobody looked.
    local_ms : float
        From event to answer on the machine of the benchmark, with DynamoDB Local; 0 if nobody looked.
    """

    cpu_ms: float
    round_trips: float
    read_units: float
    write_units: float
    log_bytes: float
    log_events: float
    sent_bytes: float
    init_cpu_ms: float
    first_cpu_ms: float = 0
    peak_bytes: float = 0
    local_ms: float = 0


Operations = Mapping[str, Operation]


def operations(measured: Mapping[str, Any]) -> dict[str, Operation]:
    """Read the benchmark's results, or raise a `CostError` if a figure is missing."""
    found = measured.get("operations", {})
    if lacking := {CREATE, REDIRECT, OPEN, *MANAGING, *PAGES} - found.keys():
        raise CostError(f"The measurements have no operation {', '.join(sorted(lacking))}")
    try:
        return {name: Operation(**values) for name, values in found.items()}
    except TypeError as error:
        raise CostError(f"The measurements are another version's: {error}") from error


class Prices:
    """List prices in US dollars, from a file like ``prices.json``; a `CostError` for one that isn't there."""

    def __init__(self, path: Path = PRICES) -> None:
        content = json.loads(path.read_text())
        self.region = content["region"]
        self.read = min(price["read"] for price in content["prices"].values())  # the oldest one's date
        self._prices = content["prices"]

    def total(self, name: str, quantity: float) -> float:
        """Return what a month's quantity costs, tier by tier."""
        if name not in self._prices:
            raise CostError(f"There is no price {name}")
        dollars, start = 0.0, 0.0
        for limit, price in self._prices[name]["tiers"]:
            end = quantity if limit is None else min(limit, quantity)
            dollars += max(end - start, 0) * price
            start = end
        return dollars

    def free(self, name: str) -> float:
        """Return what every account has for nothing each month, for as long as it likes."""
        return float(self._prices[name].get("free", 0))

    def unit(self, name: str, quantity: float = 1e-9) -> float:
        """Return the price of one unit, on average over a month's quantity; of the first unit by default."""
        return self.total(name, quantity) / quantity


@dataclasses.dataclass(frozen=True)
class Function:
    """What the template says of a function that its cost depends on. Memory is in MB."""

    memory: int
    architecture: str
    traced: bool
    snapshot: bool
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
        """Return the time that a cold start adds.

        Until it can take a request, a function has a whole core, whatever its memory:
        https://serverlessland.com/content/service/lambda/guides/effectively-running-java-on-serverless/init-heavy-lifting.
        With SnapStart that is done once, when a version is published.
        """
        return (0 if self.snapshot else operation.init_cpu_ms) + operation.first_cpu_ms / self.share

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
    access_log_bytes, access_log_days : int
        A typical record of it, and for how long it is kept.
    custom_metrics, alarms, alarm_metrics, dashboards, dashboard_metrics, own_keys, queues : int
        How many there are: metrics of dashboards by the widgets' rows, keys in KMS, queues that Lambda asks.
    encrypts_tables : bool
        Whether DynamoDB asks KMS for the tables' key.
    click_batch : int
        Late clicks that are counted together, at most.
    create_rate, redirect_rate : float
        Requests a second that the API lets through to each route.
    """

    functions: dict[str, Function]
    access_log_class: str
    access_log_bytes: int
    access_log_days: int
    custom_metrics: int
    alarms: int
    alarm_metrics: int
    dashboards: int
    dashboard_metrics: int
    own_keys: int
    queues: int
    encrypts_tables: bool
    click_batch: int
    create_rate: float
    redirect_rate: float

    @classmethod
    def read(cls, stack: Stack) -> Self:
        """Read a stack; raise a `CostError` if a variable of the access log has no typical value here."""
        groups = stack.of_type("AWS::Logs::LogGroup")
        alarms = stack.of_type("AWS::CloudWatch::Alarm").values()
        dashboards = stack.of_type("AWS::CloudWatch::Dashboard").values()
        own_metrics = _dashboard_metrics(each["DashboardBody"] for each in dashboards)
        tables = stack.of_type("AWS::DynamoDB::Table").values()
        functions = stack.of_type("AWS::Serverless::Function")
        events = [event for each in functions.values() for event in each.get("Events", {}).values()]
        sources = [each["Properties"] for each in events if each["Type"] == "SQS"]
        (api,) = stack.of_type("AWS::Serverless::HttpApi").values()
        access_log: dict[str, str] = api.get("AccessLogSettings", {})
        group = groups.get(access_log.get("DestinationArn", "").rpartition(":")[2], {})
        return cls(
            functions={name: _function(functions[logical_id], groups) for name, logical_id in FUNCTIONS.items()},
            access_log_class=_log_class(group) if access_log else "",
            access_log_bytes=len(_access_log_record(access_log.get("Format", "")).encode()),
            access_log_days=int(group.get("RetentionInDays", 0)),
            custom_metrics=len(own_metrics) + ERROR_METRICS if stack.parameters["Monitoring"] == "full" else 0,
            alarms=len(alarms),
            alarm_metrics=sum(
                "MetricStat" in metric for each in alarms for metric in each.get("Metrics", ["MetricStat"])
            ),
            dashboards=len(dashboards),
            dashboard_metrics=sum(
                len(widget["properties"].get("metrics", ()))
                for each in dashboards
                for widget in json.loads(each["DashboardBody"])["widgets"]
            ),
            own_keys=len(stack.of_type("AWS::KMS::Key")),
            queues=len(sources),
            encrypts_tables=any(table.get("SSESpecification", {}).get("SSEEnabled") for table in tables),
            click_batch=max(int(each["BatchSize"]) for each in sources),
            create_rate=float(api["RouteSettings"]["POST /create"]["ThrottlingRateLimit"]),
            redirect_rate=float(api["DefaultRouteSettings"]["ThrottlingRateLimit"]),
        )

    def function(self, operation: str) -> Function:
        """Return the function that serves an operation."""
        return self.functions[operation.partition("_")[0]]

    def without_access_log(self) -> "Setup":
        """Return the same setup without an access log."""
        return dataclasses.replace(self, access_log_class="", access_log_bytes=0, access_log_days=0)

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
        """Return the requests per second that the operation's function serves: to manage links, as many as creates."""
        return self.redirects if operation.startswith(REDIRECT) else self.creates

    def times(self, factor: float, name: str) -> "Traffic":
        """Return a multiple of this traffic."""
        return Traffic(name, self.creates * factor, self.redirects * factor)


REQUIRED = Traffic("10 000 creates and 100 000 redirects a minute", 10_000 / 60, 100_000 / 60)
QUIET = REQUIRED.times(MILLION / REQUIRED.month, "a million requests a month")
RARE = REQUIRED.times(10_000 / REQUIRED.month, "10 000 requests a month")
IDLE = Traffic("nobody uses it", 0, 0)


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
        Line("Lambda, restores", "lambda.restored", COLD_SHARE * function.memory / 1024 if function.snapshot else 0),
        Line("DynamoDB, reads", "dynamodb.reads", operation.read_units),
        Line("DynamoDB, writes", "dynamodb.writes", operation.write_units),
        Line("logs of the functions", f"logs.{function.log_class}", log),
        Line("access log", f"logs.{setup.access_log_class or 'STANDARD'}", access_log),
        Line("logs, stored", "logs.storage", stored),
        Line("traces", "xray.traces", traced_share(traffic.rate(name)) if function.traced else 0),
        Line(SENT, "transfer.out", operation.sent_bytes / GB),
    ]


def month_lines(measured: Operations, setup: Setup, traffic: Traffic) -> list[Line]:
    """Return what is billed for a month, whatever its requests are."""
    # A metric is paid for the hours in which it has data: for those that have a request, if requests come at random.
    used = -math.expm1(-traffic.month / (MONTH / 3600))
    key_requests = 0.0
    if setup.encrypts_tables and traffic.month:
        processes = sum(max(1, busy(name, measured[name], setup, traffic)) for name in (CREATE, REDIRECT))
        key_requests = min(processes * MONTH / KEY_SECONDS, traffic.month)
    cached = sum(function.memory / 1024 for function in setup.functions.values() if function.snapshot)
    return [
        Line("Lambda, snapshots", "lambda.snapshots", cached * SNAPSHOTS * MONTH),
        Line("table keys, requests", "kms.requests", key_requests),
        Line("clients' key", "kms.keys", setup.own_keys),
        Line("click queue, asked for messages", "sqs.requests", setup.queues * POLLERS * MONTH / POLL_SECONDS),
        Line("custom metrics", "cloudwatch.metrics", setup.custom_metrics * used),
        Line("alarms", "cloudwatch.alarms", setup.alarm_metrics),
        Line("dashboard", "cloudwatch.dashboards", setup.dashboards),
    ]


def month_bill(
    measured: Operations, setup: Setup, traffic: Traffic, prices: Prices, *, is_allowed: bool = False
) -> dict[str, float]:
    """Return dollars a month by line, for new links and redirects.

    Parameters
    ----------
    measured, setup, traffic, prices
        As for `bill`; `measured` may be empty for a month without requests.
    is_allowed : bool
        Whether what an account has for nothing is taken off, as if nothing else of the account used it.
    """
    lines = month_lines(measured, setup, traffic)
    if traffic.month:
        for name, rate in ((CREATE, traffic.creates), (REDIRECT, traffic.redirects)):
            its_lines = request_lines(name, measured[name], setup, traffic)
            lines += [line._replace(quantity=line.quantity * rate * MONTH) for line in its_lines]
    used: dict[str, float] = {}
    for line in lines:
        used[line.price] = used.get(line.price, 0) + line.quantity
    found: dict[str, float] = {}
    for line in lines:
        is_free = is_allowed and (line.name != "dashboard" or setup.dashboard_metrics <= FREE_DASHBOARD_METRICS)
        quantity = max(used[line.price] - (prices.free(line.price) if is_free else 0), 0)
        share = line.quantity / used[line.price] if used[line.price] else 0
        found[line.name] = found.get(line.name, 0) + prices.total(line.price, quantity) * share
    return found


def busy(name: str, operation: Operation, setup: Setup, traffic: Traffic) -> float:
    """Return how many processes of an operation's function are busy at once, on average."""
    return traffic.rate(name) * setup.function(name).milliseconds(operation) / 1000


def traced_share(rate: float) -> float:
    """Return the share of requests that Lambda traces, if they arrive at random, `rate` a second."""
    firsts = 1 - math.exp(-rate)  # seconds that have a request, of all seconds
    return (firsts + TRACED_SHARE * (rate - firsts)) / rate


Bill = dict[str, dict[str, float]]


def bill(measured: Operations, setup: Setup, traffic: Traffic, prices: Prices) -> Bill:
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
    found: Bill = {}
    for name, its_lines in billed.items():
        for line in its_lines:
            unit = prices.unit(line.price, month.get(line.price) or 1e-9)
            found.setdefault(line.name, {})[name] = MILLION * line.quantity * unit
    for row in found.values():
        row[MIX] = sum(row[name] * count for name, count in counts.items()) / traffic.month
    return found


def total(billed: Bill, column: str, *, only: str = "", without: Iterable[str] = ()) -> float:
    """Return the dollars per million of one column: of the lines whose name begins with `only`."""
    return sum(row[column] for name, row in billed.items() if name.startswith(only) and name not in without)


class Bar(NamedTuple):
    """A figure in US dollars per million, and what it has to be below."""

    name: str
    value: float
    must: float | None = None
    aim: float | None = None


def bars(measured: Operations, billed: Bill, traffic: Traffic) -> list[Bar]:
    """Compare with what is demanded of creates without a key, and without a limit for clients."""
    columns = {"creates": CREATE, "redirects": REDIRECT, "the mix": MIX}
    calls = {name: measured[name].round_trips for name in (CREATE, REDIRECT)}
    calls[MIX] = (calls[CREATE] * traffic.creates + calls[REDIRECT] * traffic.redirects) * MONTH / traffic.month
    found = []
    for label, column in columns.items():
        database, everything = total(billed, column, only="DynamoDB"), total(billed, column, without=(API, SENT))
        found += [
            Bar(f"Lambda, {label}", total(billed, column, only="Lambda"), 0.50),
            Bar(f"DynamoDB, database operations of {label}", database / calls[column], 1.00),
            Bar(f"functions, database, logs, metrics, traces, {label}", everything, 2.00),
        ]
    return [*found, Bar("everything, the mix", total(billed, MIX), aim=2.00)]


def keyed_bars(billed: Bill) -> list[Bar]:
    """Compare with what is demanded of creates with a key, and tell what managing costs."""
    own = "functions, database, logs, metrics, traces"
    return [
        Bar(f"{own}, creates with a key", total(billed, CREATE, without=(API, SENT)), 2.60),
        Bar(f"{own}, the mix with keys", total(billed, MIX, without=(API, SENT)), 1.35),
        Bar("everything, the mix with keys", total(billed, MIX)),
        *(
            Bar(f"{own}, {label}" + ("" if many == MILLION else f", per {many}"), dollars * many / MILLION)
            for name, (label, many) in MANAGING.items()
            for dollars in [total(billed, name, without=(API, SENT))]
        ),
    ]


def queued_click(measured: Operations, setup: Setup, prices: Prices, together: int) -> float:
    """Return dollars per million clicks that were throttled and go through the queue, so many of a link together."""
    write = TRANSACTED_UNITS * prices.unit("dynamodb.writes")
    # The id is each click's own; the link's write and the invocation are everybody's.
    drained = _drained(setup, prices, setup.function(REDIRECT).milliseconds(measured[REDIRECT]))
    return MILLION * (_queued(setup, prices) + write + (drained + write) / together)


def moved_days(measured: Operations, setup: Setup, prices: Prices) -> float:
    """Return dollars per million times that a link's old days are moved out of its row."""
    units = prices.unit("dynamodb.reads") + 2 * TRANSACTED_UNITS * prices.unit("dynamodb.writes")
    # The row is read, then both rows are written in one call more.
    drained = _drained(setup, prices, setup.function(REDIRECT).milliseconds(measured[REDIRECT]) + DATABASE_MS)
    return MILLION * (_queued(setup, prices) + drained + units)


def event(measured: Operations, setup: Setup, prices: Prices, together: int) -> float:
    """Return dollars per million changes that are published as events, so many in one call.

    Lambda reads the stream for nothing, and what a filter drops costs nothing, so a click adds nothing to it:
    https://aws.amazon.com/dynamodb/pricing/on-demand/, https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    """
    drained = _drained(setup, prices, setup.function(REDIRECT).milliseconds(measured[REDIRECT]) + EVENTS_MS)
    return MILLION * (prices.unit("events.published") + drained / together)


def _queued(setup: Setup, prices: Prices) -> float:
    """Return dollars for a message: the function's time to send it, and what the queue takes."""
    redirect = setup.function(REDIRECT)
    duration = prices.unit(f"lambda.duration.{redirect.architecture}")
    return (1 + 2 / QUEUE_BATCH) * prices.unit("sqs.requests") + redirect.gb_seconds(DATABASE_MS) * duration


def _drained(setup: Setup, prices: Prices, milliseconds: float) -> float:
    """Return dollars for an invocation of a consumer, which is as large as the redirect function."""
    redirect = setup.function(REDIRECT)
    duration = prices.unit(f"lambda.duration.{redirect.architecture}")
    return prices.unit("lambda.requests") + redirect.gb_seconds(milliseconds) * duration


def memories(measured: Operations) -> list[int]:
    """Return the sizes in MB that the functions were seen to fit into."""
    peak = max(operation.peak_bytes for operation in measured.values()) / 2**20
    return [memory for memory in MEMORIES if memory > peak]


def _function(properties: dict[str, Any], groups: Mapping[str, Any]) -> Function:
    group = groups.get(properties["LoggingConfig"]["LogGroup"], {})
    return Function(
        memory=int(properties["MemorySize"]),
        architecture=properties["Architectures"][0],
        traced=properties["Tracing"] == "Active",
        snapshot=properties.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions",
        log_class=_log_class(group),
        log_days=int(group.get("RetentionInDays", 0)),
    )


def _log_class(group: Mapping[str, Any]) -> str:
    return str(group.get("LogGroupClass", "STANDARD"))


def _access_log_record(form: str) -> str:
    """Return a typical record of the access log."""
    variables = {each[0] for each in re.finditer(r"\$context(\.\w+)+", form)}
    if unknown := variables - ACCESS_LOG_VALUES.keys():
        raise CostError(f"Say in ACCESS_LOG_VALUES what {', '.join(sorted(unknown))} typically is")
    return re.sub(r"\$context(\.\w+)+", lambda variable: ACCESS_LOG_VALUES[variable[0]], form)


def _dashboard_metrics(bodies: Iterable[str]) -> set[tuple[str, ...]]:
    """Return the metrics of squrl's own that dashboards show: name and dimensions.

    ``.`` repeats a field of the row above, ``...`` all fields but the last ones:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    found = set()
    for widget in (widget for body in bodies for widget in json.loads(body)["widgets"]):
        above: list[str] = []
        for row in widget["properties"].get("metrics", []):
            fields = [field for field in row if isinstance(field, str)]
            if fields[:1] == ["..."]:
                fields = [*above[: len(above) - len(fields) + 1], *fields[1:]]
            above = [above[index] if field == "." else field for index, field in enumerate(fields)]
            if above[:1] == ["Squrl"]:
                found.add(tuple(above[1:]))
    return found
