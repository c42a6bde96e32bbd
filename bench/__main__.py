"""Measure squrl against what people would otherwise use: ``python -m bench``.

Everything runs on this machine, under Python 3.13, one process at a time, on what `make build` has built. Figures are
ratios of medians within one run, since machines differ and are shared.
"""

import argparse
import json
import logging
import math
import os
import platform
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from samcli.lib.providers.sam_function_provider import SamFunctionProvider  # type: ignore[import-untyped]
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider  # type: ignore[import-untyped]

from bench import cost, growth
from bench.cost.tables import number, table
from bench.database import Probe, probe
from bench.measure import Event, Start, Warm, starts, warm
from bench.runtime import Function, Process
from local import dynamodb, tables
from tests.template.stack import read

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".local/runtime/bin/python"
BUILT = ROOT / ".aws-sam/build"
USUAL = ROOT / ".aws-sam/usual"
RESULTS = ROOT / ".local/bench/results.json"
PAGE = ROOT / "docs/performance.md"
MARKS = ("<!-- measured: begin -->", "<!-- measured: end -->")

DELAYS = (0, 3, 10)  # milliseconds added to each answer of the database
WARM_REQUESTS = 200  # in a row: the first ones after another process's turn find the processor's caches cold
TABLE = "squrl-urls-local"
HOT = "hello-squrl"  # the code in events/redirect/http.json

# What API Gateway adds to an answer, and what every answer ends with.
GATEWAY_HEADERS = {
    "Date": "Sun, 22 Nov 2026 10:30:00 GMT",
    "Content-Length": "0",
    "Connection": "keep-alive",
    "Apigw-Requestid": "JKJaXmPLvHcESHA=",
}


Bars = tuple[float | None, float | None]  # must, aim


class Row(NamedTuple):
    """A measured figure with its bars.

    Attributes
    ----------
    what : str
        What was measured.
    value : float
        The figure that the bars are for.
    detail : str
        The figures behind it.
    must, aim : float or None
        What it may be at most.
    exact : bool
        Whether it has to equal `must`.
    """

    what: str
    value: float
    detail: str = ""
    must: float | None = None
    aim: float | None = None
    exact: bool = False

    def meets(self, bar: float | None) -> str:
        """Return whether a bar is met, in a word; nothing where there is none."""
        if bar is None:
            return ""
        return "yes" if (self.value == bar if self.exact else self.value <= bar) else "**no**"


class Subjects:
    """Everything that is measured, each with the events that it answers.

    Parameters
    ----------
    endpoint : str
        Where the database answers.
    """

    def __init__(self, endpoint: str) -> None:
        self.redirect = json.loads((ROOT / "events/redirect/http.json").read_text())
        self.create = json.loads((ROOT / "events/create_url/http.json").read_text())
        # The limit for each client asks KMS, and has a row of its own among the costs.
        without_limit = {"CreatesPerMinutePerClient": "0"}
        stacks, _ = SamLocalStackProvider.get_stacks(str(BUILT / "template.yaml"), parameter_overrides=without_limit)
        provider = SamFunctionProvider(stacks)
        plain = {"TABLE_NAME": TABLE, "AWS_ENDPOINT_URL_DYNAMODB": endpoint}
        usual = plain | {"POWERTOOLS_SERVICE_NAME": "usual"}
        layers, usual_layers = (BUILT / "SqurlLayer/python",), (USUAL / "Layer/python",)

        def own(logical_id: str, folder: str) -> Function:
            declared = provider.get(logical_id).environment["Variables"]
            # What LoggingConfig in the template has Lambda set.
            logging = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
            variables = {name: str(value) for name, value in declared.items()} | logging | plain
            return Function(ROOT / "functions" / folder, "app.lambda_handler", layers, variables)

        redirect, create = own("RedirectFunction", "redirect"), own("CreateUrlFunction", "create_url")
        bare = ROOT / "bench/bare"
        self.functions: dict[str, tuple[Function, Event]] = {
            "redirect": (redirect, lambda: self.redirect),
            "create": (create, self.new),
            "usual redirect": (Function(USUAL / "Redirect", "app.lambda_handler", usual_layers, usual), self.followed),
            "usual create": (Function(USUAL / "Create", "app.lambda_handler", usual_layers, usual), self.new),
            "bare update": (Function(bare, "app.update", usual_layers, plain), self.followed),
            "bare query and put": (Function(bare, "app.query_and_put", usual_layers, plain), self.url),
            "nothing": (Function(bare, "app.nothing", usual_layers, plain), self.followed),
        }
        self.operations: dict[str, tuple[Function, Event]] = {
            "redirect": (redirect, self.followed),
            "redirect_head": (redirect, lambda: self.with_method("HEAD")),
            "redirect_missed": (redirect, lambda: self.redirect | {"pathParameters": {"short_code": "not-there"}}),
            "create_new": (create, self.new),
            "create_reused": (create, lambda: self.of("https://example.com/welcome")),
        }

    def followed(self) -> Any:  # noqa: ANN401 (events are any JSON)
        """Return an event that follows the hot link."""
        return self.redirect

    def with_method(self, method: str) -> Any:  # noqa: ANN401
        """Return an event for the hot link with another method."""
        context = self.redirect["requestContext"]
        return self.redirect | {"requestContext": context | {"http": context["http"] | {"method": method}}}

    def of(self, url: str) -> Any:  # noqa: ANN401
        """Return an event that shortens a destination."""
        return self.create | {"body": json.dumps({"original_url": url}), "isBase64Encoded": False}

    def new(self) -> Any:  # noqa: ANN401
        """Return an event that shortens a destination which nobody has asked for."""
        return self.of(f"https://example.com/{uuid.uuid4()}")

    def url(self) -> Any:  # noqa: ANN401
        """Return what the bare create is given."""
        return {"body": f"https://example.com/{uuid.uuid4()}"}


def main() -> None:
    """Measure, print, and keep the results. A bar that is missed is shown, and no error: a machine may be busy."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few runs of each, for a first look")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    arguments = parser.parse_args()
    runs = 3 if arguments.quick else 11
    batches = 3 if arguments.quick else 11
    links = (1_000,) if arguments.quick else (1_000, 10_000, 100_000)
    began = time.monotonic()
    with dynamodb.engine(0, in_memory=True) as endpoint:
        tables.create_tables(endpoint, ROOT / "template.yaml")
        growth.put_links(endpoint, TABLE, [(HOT, "https://example.com/welcome")])
        subjects = Subjects(endpoint)
        say(f"{runs} starts of each ...")
        started = starts(PYTHON, {name: each for name, each in subjects.functions.items() if "bare" not in name}, runs)
        say(f"{batches} batches of warm requests ...")
        warmed = warm(PYTHON, subjects.functions, batches, WARM_REQUESTS)
        rows = [*start_rows(started), *warm_rows(warmed), *size_rows(warmed)]
        with probe(endpoint) as database:
            through = Subjects(database.url)
            say("round trips, capacity, bytes ...")
            operations = measured_operations(through, database, warmed, started)
            rows += round_trip_rows(operations)
            say(f"with {', '.join(map(str, DELAYS))} ms added to the database ...")
            rows += delay_rows(through, database, batches)
            say("latency ...")
            rows += latency_rows(through, database, 100 if arguments.quick else 1000)
        on = machine()
        measured = {"machine": on, "operations": operations}
        rows += cost_rows(measured)
        say("growth ...")
        grown = growth.measure(endpoint, TABLE, PYTHON, subjects, links)
    took = time.monotonic() - began
    text = page(rows, grown, on, took)
    sys.stdout.write(f"{text}\n")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(measured | {"rows": [row._asdict() for row in rows]}, indent=2) + "\n")
    if arguments.write:
        before, _, rest = PAGE.read_text().partition(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")


def say(what: str) -> None:
    """Tell how far it is, on standard error: the results are on standard output."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {what}\n")


def ratio(what: str, own: float, other: float, unit: str, bars: Bars = (None, None)) -> Row:
    """Return a row for one figure against another."""
    return Row(what, round(own / other, 3), f"{number(own)} against {number(other)} {unit}", *bars)


def start_rows(found: Mapping[str, Start]) -> Iterator[Row]:
    """Compare how long a new process takes until its first answer."""
    for name, bars in (("redirect", (0.35, 0.22)), ("create", (0.45, 0.30))):
        usual = found[f"usual {name}"]
        yield ratio(
            f"{name}, new process to first answer, against the usual build",
            found[name].time * 1000,
            usual.time * 1000,
            "ms",
            bars,
        )


def warm_rows(found: Mapping[str, Warm]) -> Iterator[Row]:
    """Compare warm requests. What the runtime client itself takes is taken off."""
    floor = found["nothing"]

    def cpu(name: str) -> float:
        return (found[name].cpu - floor.cpu) * 1000

    def seconds(name: str) -> float:
        return (found[name].time - floor.time) * 1000

    yield ratio("redirect, CPU, against the usual build", cpu("redirect"), cpu("usual redirect"), "ms", (0.45, 0.33))
    yield ratio(
        "redirect, time, against the usual build", seconds("redirect"), seconds("usual redirect"), "ms", (0.45, 0.33)
    )
    redirect = cost.Setup.read(read()).functions["redirect"]
    own, usual = (
        cpu(name) / redirect.share + trips * cost.DATABASE_MS
        for name, trips in (("redirect", 1), ("usual redirect", 2))
    )
    what = f"redirect, time at {redirect.memory} MB, reckoned: CPU by share of a core, {cost.DATABASE_MS:.0f} ms a call"
    yield ratio(what, own, usual, "ms")
    yield ratio("redirect, CPU, against one bare update_item", cpu("redirect"), cpu("bare update"), "ms", (1.25, 1.0))
    yield ratio("create, CPU, against the usual build", cpu("create"), cpu("usual create"), "ms")
    yield ratio(
        "create, CPU, against a bare query and put_item", cpu("create"), cpu("bare query and put"), "ms", (1.4, 1.1)
    )


def size_rows(found: Mapping[str, Warm]) -> Iterator[Row]:
    """Compare the layers, and what the processes hold in memory."""
    own, usual = size(BUILT / "SqurlLayer"), size(USUAL / "Layer")
    yield ratio("layer, unzipped, against the usual build", own / 2**20, usual / 2**20, "MB", (0.4, 0.25))
    for name in ("redirect", "create"):
        own, usual = found[name].peak_bytes, found[f"usual {name}"].peak_bytes
        yield ratio(
            f"{name}, peak memory of a process, against the usual build", own / 2**20, usual / 2**20, "MB", (0.85, 0.7)
        )


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measured_operations(
    subjects: Subjects, database: Probe, warmed: Mapping[str, Warm], started: Mapping[str, Start]
) -> dict[str, dict[str, float]]:
    """Return what one request of each kind takes; requests are few, as none of this depends on time but the CPU."""
    database.asks_capacity = True
    requests = 20
    found: dict[str, dict[str, float]] = {}
    for name, (function, event) in subjects.operations.items():
        with tempfile.TemporaryFile() as log, Process(PYTHON, function, log) as process:
            for _ in range(requests):  # the first has a cold start's metrics
                answer, _ = process.invoke(event())
            database.reset()
            before = process.usage()
            for _ in range(requests):
                process.invoke(event())
            after = process.usage()
        kind = "redirect" if name.startswith("redirect") else "create"
        found[name] = {
            "status": answer["statusCode"],
            "round_trips": database.round_trips / requests,
            "read_units": database.read_units / requests,
            "write_units": database.write_units / requests,
            "log_bytes": (after.log_bytes - before.log_bytes) / requests,
            "log_events": (after.log_lines - before.log_lines) / requests,
            "sent_bytes": sent_bytes(answer),
            "init_cpu_ms": started[kind].cpu * 1000,
            "peak_bytes": warmed[kind].peak_bytes,
        }
    database.asks_capacity = False
    cpu = warm(PYTHON, {name: subjects.operations[name] for name in found}, 5, WARM_REQUESTS)
    for name, values in found.items():
        values["cpu_ms"] = cpu[name].cpu * 1000
    return found


def sent_bytes(answer: Mapping[str, Any]) -> int:
    """Return the bytes of an HTTP answer, with what API Gateway adds."""
    status = HTTPStatus(answer["statusCode"])
    headers = {**answer["headers"], **GATEWAY_HEADERS}
    head = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return len("\r\n".join([*head, "", answer["body"]]).encode()) + len("\r\n")


def round_trip_rows(operations: Mapping[str, Mapping[str, float]]) -> Iterator[Row]:
    """Tell the database calls of each kind of request: the proxy counted them."""
    for name, label, must in (
        ("redirect", "redirect", 1),
        ("create_new", "create, new link", 2),
        ("create_reused", "create, existing link", 2),
    ):
        yield Row(f"{label}, database round trips", operations[name]["round_trips"], "", must, exact=True)


def delay_rows(subjects: Subjects, database: Probe, batches: int) -> Iterator[Row]:
    """Compare warm requests while every answer of the database comes later."""
    for delay in DELAYS:
        database.delay = delay / 1000
        found = warm(
            PYTHON, {name: subjects.functions[name] for name in subjects.functions if "bare" not in name}, batches, 20
        )
        for name in ("redirect", "create"):
            own, usual = ((found[each].time - found["nothing"].time) * 1000 for each in (name, f"usual {name}"))
            yield ratio(f"{name}, time with {delay} ms added to each call, against the usual build", own, usual, "ms")
    database.delay = 0


def latency_rows(subjects: Subjects, database: Probe, requests: int) -> Iterator[Row]:
    """Compare the times of single requests with what is demanded, the runtime's own included."""
    times: dict[str, list[float]] = {}
    database.reset()
    for name in ("create_new", "redirect", "redirect_head"):
        function, event = subjects.operations[name]
        with tempfile.TemporaryFile() as log, Process(PYTHON, function, log) as process:
            process.invoke(event())
            times[name] = [process.time(event()) * 1000 for _ in range(requests)]
    for name, label, p95, p99 in (("create_new", "create", 100, 200), ("redirect", "redirect", 50, 100)):
        yield Row(f"{label}, p95 in ms", percentile(times[name], 95), "", p95)
        yield Row(f"{label}, p99 in ms", percentile(times[name], 99), "", p99)
    click = statistics.median(times["redirect"]) - statistics.median(times["redirect_head"])
    yield Row("what counting a click adds, in ms: GET less HEAD, medians", round(max(click, 0.0), 2), "", 10)
    reads = [1000 * each for name in ("GetItem", "Query") for each in database.calls[name]]
    writes = [1000 * each for name in ("PutItem", "UpdateItem") for each in database.calls[name]]
    yield Row("database reads, p95 in ms", percentile(reads, 95), "DynamoDB Local", 10)
    yield Row("database writes, p95 in ms", percentile(writes, 95), "DynamoDB Local", 15)


def percentile(values: list[float], percent: int) -> float:
    """Return the smallest value that so many percent of all are not above."""
    return round(sorted(values)[math.ceil(len(values) * percent / 100) - 1], 2)


def cost_rows(measured: Mapping[str, Any]) -> Iterator[Row]:
    """Compare US dollars per million with what is demanded, for the template's defaults; name what is not in these."""
    template = read()
    options = cost.options(cost.operations(measured), cost.Setup.read(template), cost.Prices())
    for row in cost.report(measured, template):
        if row.must is not None or row.aim is not None or row in options:
            yield Row(f"US dollars per million: {row.name}", round(row.value, 3), "", row.must, row.aim)


def machine() -> dict[str, str]:
    """Name what all this was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.release()}",
        "python": PYTHON.resolve().name,
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def page(rows: list[Row], grown: str, described: Mapping[str, str], seconds: float) -> str:
    """Return everything as Markdown."""
    header = ["what", "figure", "must", "aim", "met", "of it"]
    cells = [
        [
            row.what,
            number(row.value),
            "" if row.must is None else f"{'=' if row.exact else '≤'} {row.must:g}",
            "" if row.aim is None else f"≤ {row.aim:g}",
            " / ".join(filter(None, (row.meets(row.must), row.meets(row.aim)))),
            row.detail,
        ]
        for row in rows
    ]
    on = ", ".join(f"{name}: {value}" for name, value in described.items())
    musts = [row.meets(row.must) == "yes" for row in rows if row.must is not None]
    aims = [row.meets(row.aim) == "yes" for row in rows if row.aim is not None]
    met = f"Met: {sum(musts)} of {len(musts)} that must be, {sum(aims)} of {len(aims)} aimed at."
    return "\n\n".join([f"`make bench`, {seconds / 60:.0f} minutes. {on}. {met}", table(header, cells), grown])


if __name__ == "__main__":
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    main()
