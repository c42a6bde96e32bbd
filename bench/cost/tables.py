"""The figures as tables: what a million requests cost, and what a load meets before it gets there."""

import math
from collections.abc import Iterable, Mapping

from bench.cost import (
    API,
    COLD_SHARE,
    CREATE,
    DATABASE_MS,
    GB,
    MILLION,
    MIX,
    MONTH,
    QUIET,
    REDIRECT,
    REQUIRED,
    SENT,
    Bill,
    Operation,
    Prices,
    Setup,
    Traffic,
    bars,
    bill,
    busy,
    cheapest,
    memories,
    options,
    total,
)

AIM = 2.00  # US dollars per million, for everything at the mix
DAY = 86400  # seconds
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
HOUR = 3600


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table: the first column is text, all others are figures."""
    header, cells = list(header), [list(row) for row in rows]
    widths = [max(len(row[column]) for row in [header, *cells]) for column in range(len(header))]

    def line(row: list[str]) -> str:
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        return f"| {' | '.join([row[0].ljust(widths[0]), *rest])} |"

    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return "\n".join([line(header), f"|{rule}|", *map(line, cells)])


def number(value: float) -> str:
    """Write a figure with three digits at least, whole ones without decimals, thousands set apart."""
    digits = 0 if value == int(value) else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace(",", " ")


def costs(measured: Mapping[str, Operation], setup: Setup, prices: Prices) -> str:
    """Return what ``python -m bench.cost`` prints."""
    required, quiet = (bill(measured, setup, traffic, prices) for traffic in (REQUIRED, QUIET))
    return "\n\n".join(
        [
            f"US dollars per million, list prices of {prices.region} as of {prices.read}, no free tier.",
            f"For {REQUIRED.name}:",
            _lines(required, measured),
            f"For {QUIET.name}:",
            _lines(quiet, measured),
            f"For {REQUIRED.name}, against what is demanded:",
            _bars(measured, required),
            "Not in these:",
            _options(measured, setup, prices),
            "What everything consists of:",
            _in_the_way(measured, setup, prices, required),
            (
                f"Memory, reckoned from the processor time, with {DATABASE_MS:.0f} ms for a call to the database and "
                f"{COLD_SHARE:.0%} of requests cold. Pairs are redirect, create; the mix is without API and data sent:"
            ),
            _memories(measured, setup, prices),
        ]
    )


def _lines(costed: Bill, measured: Mapping[str, Operation]) -> str:
    columns = [*measured, MIX]
    rows = [[name, *(f"{row[column]:.3f}" for column in columns)] for name, row in costed.items()]
    rows.append(["without API and data sent", *(f"{total(costed, each, without=(API, SENT)):.3f}" for each in columns)])
    rows.append(["everything", *(f"{total(costed, each):.3f}" for each in columns)])
    return table(["", *columns], rows)


def _bars(measured: Mapping[str, Operation], costed: Bill) -> str:
    return table(
        ["", "is", "must", "aim", "met"],
        [
            [
                row.name,
                f"{row.value:.3f}",
                *(f"< {bar:.2f}" if bar else "" for bar in (row.must, row.aim)),
                "yes" if row.met else "no",
            ]
            for row in bars(measured, costed, REQUIRED)
        ],
    )


def _options(measured: Mapping[str, Operation], setup: Setup, prices: Prices) -> str:
    rows = [[row.name, f"{row.value:.3f}"] for row in options(measured, setup, prices)]
    rows.append(["a link, stored for a month with its backup", f"{MILLION * storage(1, prices):.3f}"])
    return table(["", "costs"], rows)


def _in_the_way(measured: Mapping[str, Operation], setup: Setup, prices: Prices, costed: Bill) -> str:
    """Say what the aim for everything consists of, what no setting changes, and what the best settings give."""
    fixed = (API, "Lambda, requests", "DynamoDB, reads", "DynamoDB, writes", SENT)
    running, rows = 0.0, []
    for name, row in sorted(costed.items(), key=lambda each: -each[1][MIX]):
        running += row[MIX]
        rows.append([name, f"{row[MIX]:.3f}", f"{running:.3f}", "no" if name in fixed else "yes"])
    given = sum(costed[name][MIX] for name in fixed)
    notes = [
        f"No setting changes {given:.3f} of it, which leaves {AIM - given:.3f} for the rest of an aim of {AIM:.2f}."
    ]
    for sizes in (memories(measured), [setup.functions["redirect"].memory]):
        dollars, best = cheapest(measured, setup, prices, sizes)
        function = best.functions["redirect"]
        notes.append(
            f"The cheapest settings that keep every promise, of {', '.join(map(str, sizes))} MB: {function.memory} MB, "
            f"tracing {'on' if function.traced else 'off'}, access log {best.access_log_class}: {dollars:.3f}."
        )
    saved = costed["DynamoDB, writes"][MIX] * (1 - used_from(prices) / TARGET)
    notes.append(
        f"Provisioned capacity, {TARGET:.0%} of it used all month long, would take {saved:.3f} off; "
        "the contract says on demand."
    )
    return "\n\n".join([table(["", "costs", "so far", "by a setting"], rows), *notes])


def _memories(measured: Mapping[str, Operation], setup: Setup, prices: Prices) -> str:
    rows = []
    for memory in memories(measured):
        changed = setup.with_functions(memory=memory)
        costed = bill(measured, changed, REQUIRED, prices)
        times = [changed.function(name).milliseconds(measured[name]) for name in (REDIRECT, CREATE)]
        starts = [changed.function(name).start_milliseconds(measured[name]) for name in (REDIRECT, CREATE)]
        spent = [
            sum(row[name] for line, row in costed.items() if line.startswith("Lambda")) for name in (REDIRECT, CREATE)
        ]
        rows.append(
            [
                f"{memory} MB",
                *(f"{each:.1f}" for each in times),
                *(f"{each:.0f}" for each in starts),
                *(f"{each:.3f}" for each in spent),
                f"{total(costed, MIX, without=(API, SENT)):.3f}",
            ]
        )
    header = ["", "redirect ms", "create ms", "start ms", "start ms", "Lambda $", "Lambda $", "mix $"]
    return table(header, rows)


def scaling(measured: Mapping[str, Operation], setup: Setup, prices: Prices) -> str:
    """Return the tables of the guide to scaling."""
    return "\n\n".join(
        [
            "### What a load meets",
            _limits(measured, setup),
            "### What a month costs",
            _months(measured, setup, prices),
            "### What links take",
            _links(prices),
            "### What begins to pay, and when",
            _break_evens(measured, setup, prices),
        ]
    )


def concurrency(measured: Mapping[str, Operation], setup: Setup, traffic: Traffic) -> float:
    """Return the concurrency quota that a load needs: executions at once, or a tenth of the requests per second."""
    executions = sum(busy(name, measured[name], setup, traffic) for name in (CREATE, REDIRECT))
    return max(executions, (traffic.creates + traffic.redirects) / RATE_PER_CONCURRENCY)


def table_writes(measured: Mapping[str, Operation], traffic: Traffic) -> float:
    """Return write units a second of the table itself: one unit of a create is the index's."""
    return traffic.creates * (measured[CREATE].write_units - 1) + traffic.redirects * measured[REDIRECT].write_units


def _limits(measured: Mapping[str, Operation], setup: Setup) -> str:
    def row(name: str, figures: Iterable[float], limit: float | None) -> list[str]:
        now, later = figures
        reached = [number(limit), f"{number(limit / now)} x"] if limit else ["", ""]
        return [name, number(now), number(later), *reached]

    loads = (REQUIRED, HUGE)

    def executions(name: str) -> list[float]:
        return [busy(name, measured[name], setup, load) for load in loads]

    def ramp(load: Traffic) -> float:
        return max(busy(REDIRECT, measured[REDIRECT], setup, load), load.redirects / RATE_PER_CONCURRENCY) / STARTS

    return table(
        ["", "required", "x 10 000", "default limit", "reached at"],
        [
            row("API: requests a second", (load.creates + load.redirects for load in loads), API_RATE),
            row("Lambda: creates at once", executions(CREATE), None),
            row("Lambda: redirects at once", executions(REDIRECT), None),
            row(
                "Lambda: concurrency quota needed", (concurrency(measured, setup, load) for load in loads), CONCURRENCY
            ),
            row("Lambda: seconds from none to all", (ramp(load) for load in loads), None),
            row("table: write units a second", (table_writes(measured, load) for load in loads), TABLE_UNITS),
            row("table, new: write units a second", (table_writes(measured, load) for load in loads), NEW_TABLE_WRITES),
            row(
                "table: partitions, at least",
                (math.ceil(table_writes(measured, load) / PARTITION_WRITES) for load in loads),
                None,
            ),
            row("index: write units a second", (load.creates for load in loads), TABLE_UNITS),
            row(
                "index: read units a second",
                (load.creates * measured[CREATE].read_units for load in loads),
                TABLE_UNITS,
            ),
            row("one link: clicks a second, if it had all", (load.redirects for load in loads), PARTITION_WRITES),
            row(
                "one destination: new links a second, if it had all", (load.creates for load in loads), PARTITION_WRITES
            ),
        ],
    )


def _months(measured: Mapping[str, Operation], setup: Setup, prices: Prices) -> str:
    rows = []
    for traffic in (
        QUIET,
        *(REQUIRED.times(factor, f"required x {factor:,}".replace(",", " ")) for factor in (0.1, 1, 10, 100, 10_000)),
    ):
        costed = bill(measured, setup, traffic, prices)
        month = {name: row[MIX] * traffic.month / MILLION for name, row in costed.items()}
        services = [
            sum(each for name, each in month.items() if name.startswith(service))
            for service in (API, "Lambda", "DynamoDB")
        ]
        rest = sum(month.values()) - sum(services) - month[SENT]
        figures = [traffic.month / MILLION, *services, rest, month[SENT], sum(month.values()), total(costed, MIX)]
        rows.append([traffic.name, *map(number, figures)])
    header = [
        "US dollars a month",
        "million requests",
        "API",
        "Lambda",
        "DynamoDB",
        "logs, metrics",
        "data sent",
        "all",
        "per million",
    ]
    return table(header, rows)


def storage(links: float, prices: Prices) -> float:
    """Return dollars a month for links that are kept: table and index, and the table's continuous backup."""
    stored = prices.total("dynamodb.storage", links * (LINK_BYTES + INDEX_BYTES) / GB)
    return stored + prices.total("dynamodb.backup", links * LINK_BYTES / GB)


def _links(prices: Prices) -> str:
    spans = [("24 hours", 1, True), ("30 days", 30, True), ("a year", 365, True)]
    spans += [
        ("ever, after a month", 30, False),
        ("ever, after a year", 365, False),
        ("ever, after five", 5 * 365, False),
    ]
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
    edge = MILLION * (
        prices.unit("cloudfront.requests") + operation.sent_bytes / GB * prices.unit("cloudfront.transfer")
    )
    return (edge - sent) / redirect


def _break_evens(measured: Mapping[str, Operation], setup: Setup, prices: Prices) -> str:
    costed = bill(measured, setup, REQUIRED, prices)
    writes = REQUIRED.creates * measured[CREATE].write_units + REQUIRED.redirects * measured[REDIRECT].write_units
    on_demand = prices.total("dynamodb.writes", writes * MONTH)
    provisioned = prices.total("dynamodb.provisioned-writes", writes / TARGET * MONTH / HOUR)
    redirect = total(costed, REDIRECT, without=[SENT])
    hits = hits_from(redirect, costed[SENT][REDIRECT], prices, measured[REDIRECT])
    everything = total(costed, MIX) * REQUIRED.month / MILLION
    replicated = table_writes(measured, REQUIRED) * MONTH
    region = prices.total("dynamodb.replicated-writes", replicated) + prices.total(
        "dynamodb.writes", REQUIRED.creates * MONTH
    )
    region += prices.total("transfer.regions", replicated * LINK_BYTES / GB)
    throughput = (costed["DynamoDB, reads"][MIX] + costed["DynamoDB, writes"][MIX]) * REQUIRED.month / MILLION
    months = throughput / prices.total("dynamodb.storage", REQUIRED.creates * MONTH * (LINK_BYTES + INDEX_BYTES) / GB)
    return f"""\
- **Provisioned capacity**: where more than {used_from(prices):.0%} of it is used. With auto scaling, which keeps to
  {TARGET:.0%}: while the average is above {used_from(prices) / TARGET:.0%} of the peak. If the required load were even
  all month long, its writes would take {number(provisioned)} instead of {number(on_demand)}.
- **CloudFront** before the API: where it answers more than {hits:.0%} of redirects itself. A million that it passes on
  cost {number(redirect)} behind it.
- **A second region** (global table): never in dollars. Its copy of the table takes {number(region)} a month more at the
  required load, {region / everything:.0%} of the whole bill, before any request is served there.
- **The table class Standard-IA**: when storage is half of the table's cost. With links kept for ever, that is after
  {number(months)} months of the required load."""


BEGIN, END = "<!-- scaling:begin -->", "<!-- scaling:end -->"


def replace(guide: str, tables: str) -> str:
    """Put tables between the guide's markers.

    Raises
    ------
    ValueError
        If the guide does not have both markers, once each.
    """
    before, rest = guide.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"
