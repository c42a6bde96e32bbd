"""The figures as tables: what a million requests and a month cost, and what a load meets before it gets there."""

import math
import textwrap
from functools import cache

from bench import cost
from bench.cost import (
    CREATE,
    GB,
    IDLE,
    MILLION,
    MIX,
    MONTH,
    QUIET,
    RARE,
    REDIRECT,
    REQUIRED,
    SENT,
    Operations,
    Prices,
    Setup,
    Traffic,
    balancer,
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
PARTITION_WRITES = 1_000  # a second; so it is of one link, and of one destination or owner in an index
PARTITION_READS = 3_000  # units a second
KEY_SECONDS = 30  # for which a process remembers a key: `FOUND_KEPT` of aws/keys.py

# An owner's link to a destination of 80 bytes, and both indexes, by the rules of
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
LINK_BYTES, INDEX_BYTES = 316, 293 + 303
CODES, PROBES = 62**7, 8
PAGE, BULK = 50, 100  # links
ROW_READ_UNITS = 0.5  # each row of a batch that is read, eventually consistent
INDEX_WRITES = 1  # a change of what the index has, but not of its keys
TTL_DELAY = 2  # days until an expired row is removed: "within a few days"

MOVED_EVERY = 5  # days: a row with the last 31 has 36 then, which is more than 35 (`MAX_DAYS` of links.py)
TARGET = 0.70  # the use that auto scaling of provisioned capacity keeps to, by default
# Parameters that change what a stack costs, or that one could think do. What the functions do by them is measured.
PARAMETERS = (
    ("Tracing", "Active"),
    ("GradualDeployment", "true"),
    ("Monitoring", "essential"),
    ("EventBus", "default"),
    ("SnapStart", "PublishedVersions"),
)
MONITORINGS = ("essential", "full")


def costs(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Return what ``python -m bench.cost`` prints first."""
    required, quiet = (cost.bill(measured, setup, traffic, prices) for traffic in (REQUIRED, QUIET))
    columns = [*(name for name in measured if name not in cost.MANAGING | cost.PAGES), MIX]
    rows = [(name, [*(row[each] for each in columns), quiet[name][MIX]]) for name, row in required.items()]
    for name, without in (("without API and data sent", (cost.API, SENT)), ("everything", ())):
        sums = (cost.total(required, each, without=without) for each in columns)
        rows.append((name, [*sums, cost.total(quiet, MIX, without=without)]))
    return "\n\n".join(
        [
            f"US dollars per million, list prices of {prices.region} as of {prices.read}, no free tier.",
            f"For {REQUIRED.name}; the last column is for {QUIET.name}:",
            table(["", *columns, f"{MIX}, quiet"], ([name, *(f"{each:.3f}" for each in row)] for name, row in rows)),
            managing(measured, setup, prices),
            memory(measured, setup, prices),
            little(measured, setup, prices),
            every_month(prices),
            events(measured, setup, prices),
        ]
    )


def fixed(measured: Operations, setup: Setup, prices: Prices) -> float:
    """Return the dollars per million of the mix that no setting changes."""
    billed = cost.bill(measured, setup, REQUIRED, prices)
    return sum(billed[name][MIX] for name in cost.FIXED)


def parameters(measured: Operations, setup: Setup, prices: Prices) -> list[tuple[str, str]]:
    """Return what each of `PARAMETERS` adds to the mix in dollars per million."""
    rows = []
    for name, value in PARAMETERS:
        changed = _setup(**{name: value})
        for traffic in (REQUIRED, QUIET):
            having, lacking = (cost.total(cost.bill(measured, each, traffic, prices), MIX) for each in (changed, setup))
            rows.append((f"`{name}={value}`: {traffic.name}", f"{having - lacking:+.3f}"))
    return rows


def late_clicks(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Say what clicks cost that go through the queue."""
    alone, together = (number(cost.queued_click(measured, setup, prices, each)) for each in (1, setup.click_batch))
    return (
        f"A million throttled clicks that go through the queue add {alone} dollars, one by one, or {together} where "
        f"{setup.click_batch} of a link come together."
    )


def moved_days(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Say what it costs that rows stay small."""
    dollars = number(cost.moved_days(measured, setup, prices))
    return (
        f"A million times that a link's old days are moved cost {dollars} dollars: "
        f"{number(365 / MOVED_EVERY)} times a year for a link that has clicks on every day."
    )


def events(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Say what changes cost that are published as events."""
    alone, together = (number(cost.event(measured, setup, prices, each)) for each in (1, cost.EVENTS_BATCH))
    return (
        f"With `EventBus`, a million changes cost {alone} dollars as events, one by one, or {together} where "
        f"{cost.EVENTS_BATCH} come together. A click adds nothing: the stream's filter drops it."
    )


def managing(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Return what a new link with a key takes, what managing links does, and what people see."""
    billed = cost.bill(measured, setup, REQUIRED, prices)
    rows = []
    for name, (label, many) in {CREATE: ("a new link", MILLION), **cost.MANAGING, **cost.PAGES}.items():
        operation = measured[name]
        taken = (operation.local_ms, operation.round_trips, operation.read_units, operation.write_units)
        reckoned = round(setup.function(name).milliseconds(operation), 1)
        dollars = [cost.total(billed, name, without=each) * many / MILLION for each in ((cost.API, SENT), ())]
        rows.append([label, *map(number, [*taken, reckoned]), *(f"{each:.3f}" for each in dollars), number(many)])
    header = ["with a key that is remembered, or a page", "ms, here", "calls in a row", "read units", "write units"]
    header += ["ms, reckoned", "dollars without API and data sent", "everything", "for"]
    return (
        f"Here: DynamoDB Local. Reckoned: {cost.DATABASE_MS:.0f} ms a call, processor time by the share of a core.\n\n"
        f"{table(header, rows)}"
    )


def memory(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Return what each memory size does, reckoned from the processor time."""
    rows = []
    for size in cost.memories(measured):
        changed = setup.with_functions(memory=size)
        functions = [(changed.function(name), measured[name]) for name in (REDIRECT, CREATE)]
        warm = (number(round(function.milliseconds(operation), 1)) for function, operation in functions)
        cold = (number(round(function.start_milliseconds(operation))) for function, operation in functions)
        dollars = cost.total(cost.bill(measured, changed, REQUIRED, prices), MIX, without=(cost.API, SENT))
        rows.append([f"{size} MB", *warm, *cold, f"{dollars:.3f}"])
    header = ["", "redirect, ms", "create, ms", "start of redirect, ms", "of create, ms", "dollars per million"]
    return (
        f"Processor time by the share of a core that a size has, {cost.DATABASE_MS:.0f} ms a call to the database,\n"
        f"{cost.COLD_SHARE:.0%} of requests cold; dollars are for the mix, without API and data sent.\n\n"
        f"{table(header, rows)}"
    )


def every_month(prices: Prices) -> str:
    """Return what a stack costs in a month without a request. Nothing of it is measured."""
    setups = {name: _setup(Monitoring=name) for name in MONITORINGS}
    bills = _idle(prices)
    rows = [[line, *(f"{billed[line]:.2f}" for billed in bills)] for line in bills[0]]
    rows.append(["all", *(f"{sum(billed.values()):.2f}" for billed in bills)])
    for option in ({"GradualDeployment": "true"}, {"CreateAccess": "anyone"}, {"SnapStart": "PublishedVersions"}):
        changed = _idle(prices, **option)
        more = (sum(with_it.values()) - sum(without.values()) for with_it, without in zip(changed, bills, strict=True))
        ((name, value),) = option.items()
        rows.append([f"with `{name}={value}`", *(f"{each:+.2f}" for each in more)])
    header = ["US dollars a month", *(f"{name}{less}" for name in MONITORINGS for less in ("", ", less what is free"))]
    has = (f"`{name}` {each.alarms} alarms over {each.alarm_metrics} metrics" for name, each in setups.items())
    return (
        f"{table(header, rows)}\n\n"
        f"{'; '.join(has)}.\n"
        f"A million links of {LINK_BYTES} bytes, with index and continuous backup: {storage(MILLION, prices):.2f} more."
    )


@cache
def _setup(**parameters: str) -> Setup:
    return Setup.read(Stack(parameters))


def _idle(prices: Prices, **parameters: str) -> list[dict[str, float]]:
    """Return the bills of a month without requests: for each `MONITORINGS`, at list prices and less what is free."""
    setups = [_setup(Monitoring=name, **parameters) for name in MONITORINGS]
    return [cost.month_bill({}, each, IDLE, prices, is_allowed=free) for each in setups for free in (False, True)]


def little(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Return what little use costs in a month, line by line, with and without what an account has for nothing."""
    traffics = (IDLE, RARE, QUIET)
    bills = [
        cost.month_bill(measured, setup, each, prices, is_allowed=free) for free in (False, True) for each in traffics
    ]
    names = [name for name in bills[-1] if any(billed.get(name) for billed in bills)]
    rows = [[name, *(f"{billed.get(name, 0):.2f}" for billed in bills)] for name in names]
    rows.append(["all", *(f"{sum(billed.values()):.2f}" for billed in bills)])
    uses = ("idle", "10 000 requests", "a million")
    return table(["US dollars a month", *uses, *(f"{use}, less what is free" for use in uses)], rows)


def scaling(measured: Operations, setup: Setup, prices: Prices) -> str:
    """Return the tables of the guide to scaling."""
    parts = {
        "What a load meets": _limits(measured, setup),
        "What managing meets": _managing_limits(measured, setup),
        "What a month costs": _months(measured, setup, prices),
        "What little use costs": _little(measured, prices),
        "What links take": _links(prices),
        "What begins to pay, and when": _break_evens(measured, setup, prices),
    }
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts.items())


def concurrency(measured: Operations, setup: Setup, traffic: Traffic) -> float:
    """Return the concurrency quota that a load needs: executions at once, or a tenth of the requests per second."""
    executions = sum(cost.busy(name, measured[name], setup, traffic) for name in (CREATE, REDIRECT))
    return max(executions, traffic.month / MONTH / RATE_PER_CONCURRENCY)


def _limits(measured: Operations, setup: Setup) -> str:
    loads = (REQUIRED, HUGE)
    everything = [load.month / MONTH for load in loads]  # a second; each is a write to the links' table
    creates, redirects = ([load.creates for load in loads], [load.redirects for load in loads])
    busy = {name: [cost.busy(name, measured[name], setup, load) for load in loads] for name in (CREATE, REDIRECT)}
    keys = [max(1, each) / KEY_SECONDS for each in busy[CREATE]]  # a strongly consistent read of each process
    ramps = [max(busy[REDIRECT][each], redirects[each] / RATE_PER_CONCURRENCY) / STARTS for each in (0, 1)]
    rows: list[tuple[str, list[float], float | None]] = [
        ("API: requests a second", everything, API_RATE),
        ("route of creates: requests a second (`CreateRateLimit`)", creates, setup.create_rate),
        ("route of redirects: requests a second (`RedirectRateLimit`)", redirects, setup.redirect_rate),
        ("Lambda: creates at once", busy[CREATE], None),
        ("Lambda: redirects at once", busy[REDIRECT], None),
        ("Lambda: concurrency quota needed", [concurrency(measured, setup, load) for load in loads], CONCURRENCY),
        ("Lambda: seconds from none to all", ramps, None),
        ("table: write units a second", everything, TABLE_UNITS),
        ("table, new: write units a second", everything, NEW_TABLE_WRITES),
        ("table: partitions, at least", [math.ceil(each / PARTITION_WRITES) for each in everything], None),
        ("each index: write units a second", creates, TABLE_UNITS),
        ("one link: clicks a second, if it had all", redirects, PARTITION_WRITES),
        ("one destination: new links a second, if it had all", creates, PARTITION_WRITES),
        ("one owner: new links a second, if it had all", creates, PARTITION_WRITES),
        ("one key: reads a second, if all creates had it", keys, PARTITION_READS),
    ]
    cells = (
        [name, *map(number, figures), *([number(limit), f"{number(limit / figures[0])} x"] if limit else ["", ""])]
        for name, figures, limit in rows
    )
    return table(["", "required", "x 10 000", "default limit", "reached at"], cells)


def _managing_limits(measured: Operations, setup: Setup) -> str:
    """Return how many calls a second fill each limit, if nothing else is asked."""
    page, change, bulk = (measured[f"manage_{name}"] for name in ("page", "change", "bulk"))
    function = setup.functions["manage"]
    # Of what a page reads, a batch of rows is the table's, half a unit each; the rest is the index's.
    entries = page.read_units - PAGE * ROW_READ_UNITS
    limits: list[tuple[str, list[float]]] = [
        ("its route (`CreateRateLimit`)", [setup.create_rate] * 3),
        (
            "Lambda: concurrency",
            [
                min(CONCURRENCY * 1000 / function.milliseconds(each), CONCURRENCY * RATE_PER_CONCURRENCY)
                for each in (page, change, bulk)
            ],
        ),
        ("table: read units", [TABLE_UNITS / each.read_units for each in (page, change, bulk)]),
        ("table, new: write units", [math.inf, NEW_TABLE_WRITES, NEW_TABLE_WRITES / BULK]),
        ("table: write units", [math.inf, TABLE_UNITS, TABLE_UNITS / BULK]),
        (
            "one owner: its part of the index",
            [PARTITION_READS / entries, PARTITION_WRITES / INDEX_WRITES, PARTITION_WRITES / BULK],
        ),
        ("one link", [math.inf, PARTITION_WRITES, math.inf]),
    ]
    cells = ([name, *("" if each == math.inf else number(round(each, 1)) for each in found)] for name, found in limits)
    return table(["a second, at most", "pages of 50", "changes of one title", "bulks of 100"], cells)


def _months(measured: Operations, setup: Setup, prices: Prices) -> str:
    rows = []
    factors = (0.1, 1, 10, 100, 10_000)
    for traffic in (QUIET, *(REQUIRED.times(each, f"required x {number(each)}") for each in factors)):
        billed = cost.bill(measured, setup, traffic, prices)
        month = traffic.month / MILLION
        services = [cost.total(billed, MIX, only=service) for service in (cost.API, "Lambda", "DynamoDB")]
        everything, sent = cost.total(billed, MIX), billed[SENT][MIX]
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


def _little(measured: Operations, prices: Prices) -> str:
    parts = []
    for name in MONITORINGS:
        parts += [f"With `Monitoring={name}`:", little(measured, _setup(Monitoring=name), prices)]
    return "\n\n".join(parts)


def storage(links: float, prices: Prices) -> float:
    """Return dollars a month for links that are kept: table and index, and the table's continuous backup."""
    stored = prices.total("dynamodb.storage", links * (LINK_BYTES + INDEX_BYTES) / GB)
    return stored + prices.total("dynamodb.backup", links * LINK_BYTES / GB)


def _links(prices: Prices) -> str:
    spans = {"24 hours": 1, "30 days": 30, "a year": 365, "ever, after a year": 365, "ever, after five": 5 * 365}
    parts = []
    for load in (REQUIRED, HUGE):
        rows = []
        for name, days in spans.items():
            live = load.creates * DAY * days
            kept = live if name.startswith("ever") else live + load.creates * DAY * TTL_DELAY
            share = live / CODES
            figures = [live / MILLION, kept * (LINK_BYTES + INDEX_BYTES) / GB, storage(kept, prices)]
            codes = [f"{share:.2%}", f"{share**PROBES:.0e}"] if share < 1 else ["too few", "all"]
            rows.append([name, *map(number, figures), *codes])
        header = ["links kept for", "million", "GB", "$ a month", "of all codes", "refused"]
        parts += [f"With new links as in {load.name}:", table(header, rows)]
    return "\n\n".join(parts)


def used_from(prices: Prices) -> float:
    """Return the share of provisioned writes that must be used for them to cost less than on demand."""
    return prices.unit("dynamodb.provisioned-writes") / HOUR / prices.unit("dynamodb.writes")


def hits_from(redirect: float, sent: float, prices: Prices, operation: cost.Operation) -> float:
    """Return the share of redirects that CloudFront must answer itself for it to pay.

    Parameters
    ----------
    redirect, sent : float
        Dollars per million of redirects that reach the API: without the data sent, and for it, which CloudFront sends
        instead.
    prices, operation
        The list prices, and what a redirect takes.
    """
    edge = prices.unit("cloudfront.requests") + operation.sent_bytes / GB * prices.unit("cloudfront.transfer")
    return (MILLION * edge - sent) / redirect


def _break_evens(measured: Operations, setup: Setup, prices: Prices) -> str:
    billed = cost.bill(measured, setup, REQUIRED, prices)
    month = REQUIRED.month / MILLION
    units = sum(measured[name].write_units * REQUIRED.rate(name) * MONTH for name in (CREATE, REDIRECT))
    on_demand = prices.total("dynamodb.writes", units)
    provisioned = prices.total("dynamodb.provisioned-writes", units / TARGET / HOUR)
    redirect = cost.total(billed, REDIRECT, without=[SENT])
    hits = hits_from(redirect, billed[SENT][REDIRECT], prices, measured[REDIRECT])
    region = prices.total("dynamodb.replicated-writes", REQUIRED.month)
    region += prices.total("dynamodb.writes", REQUIRED.creates * MONTH)
    region += prices.total("transfer.regions", REQUIRED.month * LINK_BYTES / GB)
    stored = prices.total("dynamodb.storage", REQUIRED.creates * MONTH * (LINK_BYTES + INDEX_BYTES) / GB)
    return f"""\
- **Provisioned capacity**: where more than {used_from(prices):.0%} of it is used. With auto scaling, which keeps to
  {TARGET:.0%}: while the average is above {used_from(prices) / TARGET:.0%} of the peak. If the required load were even
  all month long, its writes would take {number(provisioned)} instead of {number(on_demand)}.
- **CloudFront** before the API: where it answers more than {hits:.0%} of redirects itself. A million that it passes on
  cost {number(redirect)} behind it.
{_load_balancer(measured, setup, prices)}
- **A second region** (global table): never in dollars. Its copy of the table takes {number(region)} a month more at the
  required load, {region / cost.total(billed, MIX) / month:.0%} of the whole bill, before any request is served there.
- **The table class Standard-IA**: when storage is half of the table's cost. With links kept for ever, that is after
  {number(cost.total(billed, MIX, only="DynamoDB") * month / stored)} months of the required load."""


def _load_balancer(measured: Operations, setup: Setup, prices: Prices) -> str:
    million, bill = REQUIRED.month / MILLION, cost.bill(measured, setup, REQUIRED, prices)
    before, api = cost.total(bill, MIX) * million, bill[cost.API][MIX] * million
    units, after = balancer.units(measured, REQUIRED), balancer.month(measured, setup, REQUIRED, prices)
    largest = max(units, key=units.__getitem__)
    others = ", ".join(f"{number(round(value, 1))} for {name}" for name, value in units.items() if name != largest)

    def saved(*parts: float) -> str:
        left = after.others + after.itself + sum(parts)
        return f"{(before - left) / before:.0%} of the bill, which is then {left / million:.2f} a million"

    text = (
        f"**An Application Load Balancer** instead of the API: from {number(balancer.pays_from(prices) / MILLION)} "
        f"million requests a month. At the required load it takes {number(after.itself)} instead of {number(api)}: "
        f"{number(units[largest])} capacity units for {largest}, since no visitor uses another's ({others}). The TLS "
        f"handshakes are data sent, {number(after.handshakes)} more. It saves {saved(after.handshakes)}; "
        f"{saved()}, if handshakes were free. With AWS WAF, which looks at every request for {number(after.firewall)}, "
        f"it saves {saved(after.handshakes, after.firewall)}; {saved(after.firewall)}, if handshakes were free."
    )
    return textwrap.fill(text, 118, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
