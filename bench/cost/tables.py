"""The figures as tables: what a million requests and a month cost, and what a load meets before it gets there."""

import math
from collections.abc import Iterable

from bench.cost import (
    API,
    COLD_SHARE,
    CREATE,
    DATABASE_MS,
    FIXED,
    GB,
    MILLION,
    MIX,
    MONTH,
    QUIET,
    REDIRECT,
    REQUIRED,
    SENT,
    Operation,
    Operations,
    Prices,
    Setup,
    Traffic,
    bars,
    bill,
    busy,
    memories,
    queued_click,
    total,
)
from bench.report import number, table
from local.template import Stack

DAY, HOUR = 86_400, 3600  # seconds
HUGE = REQUIRED.times(10_000, "ten thousand times the required load")

# Default quotas and hard limits.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
API_RATE = 10_000  # requests a second, of all APIs of an account in a region
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
CONCURRENCY = 1_000  # executions at once, of all functions of an account in a region
RATE_PER_CONCURRENCY = 10  # requests a second that one of them is good for, however short they are
STARTS = 100  # processes a second of a function: 1 000 in ten seconds
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html, bp-partition-key-design.html,
# on-demand-capacity-mode.html
TABLE_UNITS = 40_000  # a second, reads and writes each, of the table and of each index
NEW_TABLE_WRITES = 4_000  # a second, until the table has seen more
PARTITION_WRITES = 1_000  # a second; so it is of one link, and of one destination in the index

# A link to a destination of 80 bytes, by the rules of
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
LINK_BYTES = 292
INDEX_BYTES = 267
CODES = 62**7
PROBES = 8
TTL_DELAY = 2  # days until an expired row is removed: "within a few days"

TARGET = 0.70  # the use that auto scaling of provisioned capacity keeps to, by default
# Parameters that change what a stack costs, or that one could think do. What the functions do by them is measured.
PARAMETERS = (("Tracing", "Active"), ("GradualDeployment", "true"))


def costs(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Return what ``python -m bench.cost`` prints."""
    required, quiet = (bill(measured, setup, traffic, prices) for traffic in (REQUIRED, QUIET))
    columns = [*measured, MIX]
    rows = [
        [name, *(f"{row[each]:.3f}" for each in columns), f"{quiet[name][MIX]:.3f}"] for name, row in required.items()
    ]
    for name, without in (("without API and data sent", (API, SENT)), ("everything", ())):
        sums = [total(required, each, without=without) for each in columns]
        rows.append([name, *(f"{each:.3f}" for each in [*sums, total(quiet, MIX, without=without)])])
    met = [
        [bar.name, f"{bar.value:.3f}", f"< {limit:.2f}", "yes" if bar.value < limit else "no"]
        for bar in bars(measured, required, REQUIRED)
        for limit in [bar.must or bar.aim or math.inf]
    ]
    return "\n\n".join(
        [
            f"US dollars per million, list prices of {prices.region} as of {prices.read}, no free tier.",
            f"For {REQUIRED.name}; the last column is for {QUIET.name}:",
            table(["", *columns, f"{MIX}, quiet"], rows),
            table(["", "is", "limit", "met"], met),
            memory(measured, setup, prices),
            every_month(setup, prices),
        ]
    )


def fixed(measured: Operations, setup: Setup, prices: Prices) -> float:
    """Return the dollars per million of the mix that no setting changes."""
    billed = bill(measured, setup, REQUIRED, prices)
    return sum(billed[name][MIX] for name in FIXED)


def parameters(measured: Operations, setup: Setup, prices: Prices) -> list[tuple[str, str]]:
    """Return what each of `PARAMETERS` adds to the mix in dollars per million."""
    rows = []
    for name, value in PARAMETERS:
        for traffic in (REQUIRED, QUIET):
            having, lacking = (
                total(bill(measured, each, traffic, prices), MIX) for each in (Setup.read(Stack({name: value})), setup)
            )
            rows.append((f"`{name}={value}`: {traffic.name}", f"{having - lacking:+.3f}"))
    return rows


def late_clicks(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Say what clicks cost that go through the queue."""
    alone, together = (number(queued_click(measured, setup, prices, each)) for each in (1, setup.click_batch))
    return (
        f"A million throttled clicks that go through the queue add {alone} dollars, one by one, or {together} where "
        f"{setup.click_batch} of a link come together."
    )


def memory(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Return what each memory size does, reckoned from the processor time."""
    rows = []
    for size in memories(measured):
        changed = setup.with_functions(memory=size)
        billed = bill(measured, changed, REQUIRED, prices)
        functions = [(changed.function(name), measured[name]) for name in (REDIRECT, CREATE)]
        rows.append(
            [
                f"{size} MB",
                *(number(round(function.milliseconds(operation), 1)) for function, operation in functions),
                *(number(round(function.start_milliseconds(operation))) for function, operation in functions),
                f"{total(billed, MIX, without=(API, SENT)):.3f}",
            ]
        )
    header = ["", "redirect, ms", "create, ms", "start of redirect, ms", "of create, ms", "dollars per million"]
    return (
        f"Processor time by the share of a core that a size has, {DATABASE_MS:.0f} ms for a call to the database, "
        f"{COLD_SHARE:.0%} of requests cold; dollars are for the mix, without API and data sent.\n\n"
        f"{table(header, rows)}"
    )


def every_month(setup: Setup, prices: Prices) -> str:
    """Return what a stack costs in a month without a request. Nothing of it is measured."""

    def row(name: str, price: str, quantity: float) -> list[str]:
        return [name, f"{prices.total(price, quantity):.2f}"]

    stored = f"a million links of {LINK_BYTES} bytes, with index and continuous backup"
    return table(
        ["US dollars a month", ""],
        [
            row(f"{setup.alarms} alarms over {setup.alarm_metrics} metrics", "cloudwatch.alarms", setup.alarm_metrics),
            row(f"{setup.custom_metrics} custom metrics, at most", "cloudwatch.metrics", setup.custom_metrics),
            row("dashboard", "cloudwatch.dashboards", setup.dashboards),
            row("the clients' key; none with `CreatesPerMinutePerClient=0`", "kms.keys", setup.own_keys),
            [stored, f"{storage(MILLION, prices):.2f}"],
        ],
    )


def scaling(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Return the tables of the guide to scaling."""
    parts = {
        "What a load meets": _limits(measured, setup),
        "What a month costs": _months(measured, setup, prices),
        "What links take": _links(prices),
        "What begins to pay, and when": _break_evens(measured, setup, prices),
    }
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts.items())


def concurrency(measured: Operations, setup: Setup, traffic: Traffic) -> float:
    """Return the concurrency quota that a load needs: executions at once, or a tenth of the requests per second."""
    executions = sum(busy(name, measured[name], setup, traffic) for name in (CREATE, REDIRECT))
    return max(executions, (traffic.creates + traffic.redirects) / RATE_PER_CONCURRENCY)


def link_writes(traffic: Traffic) -> float:
    """Return write units a second of the links' table itself: one for a new link, one for a click."""
    return traffic.creates + traffic.redirects


def _limits(measured: Operations, setup: Setup) -> str:
    def row(name: str, figures: Iterable[float], limit: float | None = None) -> list[str]:
        now, later = figures
        reached = [number(limit), f"{number(limit / now)} x"] if limit else ["", ""]
        return [name, number(now), number(later), *reached]

    loads = (REQUIRED, HUGE)
    writes = [link_writes(load) for load in loads]
    creates, redirects = zip(*((load.creates, load.redirects) for load in loads), strict=True)
    at_once = [[busy(name, measured[name], setup, load) for load in loads] for name in (CREATE, REDIRECT)]
    ramps = [
        max(each, load.redirects / RATE_PER_CONCURRENCY) / STARTS for each, load in zip(at_once[1], loads, strict=True)
    ]
    return table(
        ["", "required", "x 10 000", "default limit", "reached at"],
        [
            row("API: requests a second", (load.creates + load.redirects for load in loads), API_RATE),
            row("Lambda: creates at once", at_once[0]),
            row("Lambda: redirects at once", at_once[1]),
            row(
                "Lambda: concurrency quota needed", (concurrency(measured, setup, each) for each in loads), CONCURRENCY
            ),
            row("Lambda: seconds from none to all", ramps),
            row("table: write units a second", writes, TABLE_UNITS),
            row("table, new: write units a second", writes, NEW_TABLE_WRITES),
            row("table: partitions, at least", (math.ceil(each / PARTITION_WRITES) for each in writes)),
            row("index: write units a second", creates, TABLE_UNITS),
            row("index: read units a second", (each * measured[CREATE].read_units for each in creates), TABLE_UNITS),
            row("one link: clicks a second, if it had all", redirects, PARTITION_WRITES),
            row("one destination: new links a second, if it had all", creates, PARTITION_WRITES),
        ],
    )


def _months(measured: Operations, setup: Setup, prices: Prices) -> str:
    rows = []
    factors = (0.1, 1, 10, 100, 10_000)
    for traffic in (QUIET, *(REQUIRED.times(each, f"required x {number(each)}") for each in factors)):
        billed = bill(measured, setup, traffic, prices)
        month = traffic.month / MILLION
        services = [total(billed, MIX, only=service) for service in (API, "Lambda", "DynamoDB")]
        everything, sent = total(billed, MIX), billed[SENT][MIX]
        dollars = [*services, everything - sum(services) - sent, sent, everything]
        rows.append([traffic.name, *map(number, [month, *(each * month for each in dollars), everything])])
    header = [
        "US dollars a month",
        "million requests",
        "API",
        "Lambda",
        "DynamoDB",
        "logs, metrics",
        "data sent",
        "all",
    ]
    return table([*header, "per million"], rows)


def storage(links: float, prices: Prices) -> float:
    """Return dollars a month for links that are kept: table and index, and the table's continuous backup."""
    stored = prices.total("dynamodb.storage", links * (LINK_BYTES + INDEX_BYTES) / GB)
    return stored + prices.total("dynamodb.backup", links * LINK_BYTES / GB)


def _links(prices: Prices) -> str:
    spans = [("24 hours", 1, True), ("30 days", 30, True), ("a year", 365, True)]
    spans += [("ever, after a year", 365, False), ("ever, after five", 5 * 365, False)]
    header = ["links kept for", "million", "GB", "$ a month", "of all codes", "refused"]
    parts = []
    for load in (REQUIRED, HUGE):
        rows = []
        for name, days, expires in spans:
            live = load.creates * DAY * days
            kept = load.creates * DAY * (days + TTL_DELAY * expires)
            share = live / CODES
            figures = [live / MILLION, kept * (LINK_BYTES + INDEX_BYTES) / GB, storage(kept, prices)]
            codes = [f"{share:.2%}", f"{share**PROBES:.0e}"] if share < 1 else ["too few", "all"]
            rows.append([name, *map(number, figures), *codes])
        parts += [f"With new links as in {load.name}:", table(header, rows)]
    return "\n\n".join(parts)


def used_from(prices: Prices) -> float:
    """Return the share of provisioned writes that must be used for them to cost less than on demand."""
    return prices.unit("dynamodb.provisioned-writes") / HOUR / prices.unit("dynamodb.writes")


def hits_from(redirect: float, sent: float, prices: Prices, operation: Operation) -> float:
    """Return the share of redirects that CloudFront must answer itself for it to pay.

    Parameters
    ----------
    redirect : float
        Dollars per million of redirects that reach the API, without the data sent.
    sent : float
        Dollars per million for that data, which CloudFront sends instead.
    prices, operation
        The list prices, and what a redirect takes.
    """
    edge = prices.unit("cloudfront.requests") + operation.sent_bytes / GB * prices.unit("cloudfront.transfer")
    return (MILLION * edge - sent) / redirect


def _break_evens(measured: Operations, setup: Setup, prices: Prices) -> str:
    billed = bill(measured, setup, REQUIRED, prices)
    writes = (
        REQUIRED.creates * measured[CREATE].write_units + REQUIRED.redirects * measured[REDIRECT].write_units
    ) * MONTH
    provisioned = prices.total("dynamodb.provisioned-writes", writes / TARGET / HOUR)
    redirect = total(billed, REDIRECT, without=[SENT])
    hits = hits_from(redirect, billed[SENT][REDIRECT], prices, measured[REDIRECT])
    replicated = link_writes(REQUIRED) * MONTH
    region = prices.total("dynamodb.replicated-writes", replicated)
    region += prices.total("dynamodb.writes", REQUIRED.creates * MONTH)
    region += prices.total("transfer.regions", replicated * LINK_BYTES / GB)
    throughput = total(billed, MIX, only="DynamoDB") * REQUIRED.month / MILLION
    months = throughput / prices.total("dynamodb.storage", REQUIRED.creates * MONTH * (LINK_BYTES + INDEX_BYTES) / GB)
    on_demand, share = prices.total("dynamodb.writes", writes), region / (total(billed, MIX) * REQUIRED.month / MILLION)
    return f"""\
- **Provisioned capacity**: where more than {used_from(prices):.0%} of it is used. With auto scaling, which keeps to
  {TARGET:.0%}: while the average is above {used_from(prices) / TARGET:.0%} of the peak. If the required load were even
  all month long, its writes would take {number(provisioned)} instead of {number(on_demand)}.
- **CloudFront** before the API: where it answers more than {hits:.0%} of redirects itself. A million that it passes on
  cost {number(redirect)} behind it.
- **A second region** (global table): never in dollars. Its copy of the table takes {number(region)} a month more at the
  required load, {share:.0%} of the whole bill, before any request is served there.
- **The table class Standard-IA**: when storage is half of the table's cost. With links kept for ever, that is after
  {number(months)} months of the required load."""
