"""Measure squrl against what people would otherwise use: ``python -m bench``.

Everything runs on this machine, under Python 3.13, one process at a time, on what `make build` has built. Figures are
ratios of medians within one run, since machines differ and are shared.
"""

import argparse
import functools
import json
import statistics
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bench import cost, growth, operations
from bench.aws import Watched, watched
from bench.cost import tables
from bench.measure import Start, Subject, Subjects, Warm, process, starts, warm
from bench.report import DOCS, ROOT, machine, number, percentile, table, write
from bench.runtime import Process
from bench.subjects import UNLIMITED, Checkout, comparisons
from local import dynamodb
from local.template import Stack

RESULTS = ROOT / ".local/bench/results.json"
PAGE = DOCS / "performance.md"

DELAYS = (3, 10)  # milliseconds added to each answer of the database
WARM_REQUESTS = 200  # in a row: the first ones after another process's turn find the processor's caches cold
OVERLAP_SECONDS = 0.02  # that each call takes while calls are counted, so that those side by side overlap
QUICK_RUNS, RUNS = 3, 11  # of starts and batches
QUIET_SECONDS = 61  # after which what a process remembers for a minute is old

Bars = tuple[float | None, float | None]  # must, aim
BARS: dict[str, Bars] = {
    "redirect, start": (0.35, 0.22),
    "redirect, CPU": (0.45, 0.33),
    "redirect, time": (0.45, 0.33),
    "redirect, peak memory": (0.85, 0.7),
    "create, start": (0.45, 0.30),
    "create, peak memory": (0.85, 0.7),
}
# What the page says first: {value} and {detail} are a row's, {share} is the value in percent.
SENTENCES = {
    "redirect, start": "A new process answers its first redirect in {share} of the time that the usual build takes"
    " ({detail}),",
    "create, start": "and its first create in {share} ({detail}).",
    "redirect, CPU": "A warm redirect takes {share} of the usual build's processor time ({detail}),",
    "redirect, CPU, against one bare update_item": "which is {share} of what a bare `update_item` takes.",
    "redirect, peak memory": "A process that redirects needs {share} of the usual build's memory ({detail}).",
    "redirect, quiet process": "Calls to the database that a visitor waits for: {value}, even where the process was"
    " quiet for a minute.",
    "redirect, p95 in ms": "95 of 100 redirects are answered within {value} ms,",
    "create, p95 in ms": "and 95 of 100 creates within {value} ms, here and without a network.",
    "functions, database, logs, metrics, traces, the mix": "A million requests, ten redirects to one new link, cost"
    " {value} US dollars without API Gateway and the data sent,",
    "everything, the mix": "and {value} with them.",
}


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


def main() -> None:
    """Measure, print, and keep the results. A bar that is missed is shown, and no error: a machine may be busy."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few runs of each, for a first look")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout, built, to take turns with")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    arguments = parser.parse_args()
    began, on = time.monotonic(), machine(python="3.13")
    with dynamodb.engine(0, in_memory=True) as endpoint, watched(endpoint) as aws, ExitStack() as running:
        found = measure(endpoint, aws, arguments.against, running, QUICK_RUNS if arguments.quick else RUNS)
    rows = {row.what: row for section in found.sections.values() for row in section}
    took = f"`make bench`, {(time.monotonic() - began) / 60:.0f} minutes. {_met(rows.values())}\n{on}."
    parts = {title: _table(section) for title, section in found.sections.items()} | found.tables
    text = "\n\n".join([took, *(f"### {title}\n\n{part}" for title, part in parts.items())])
    against = f"### Against {arguments.against.name}\n\n{_table(found.against)}\n\n" if arguments.against else ""
    sys.stdout.write(f"{_sentences(rows)}\n\n{text}\n\n{against}")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "machine": on,
        "operations": {name: each._asdict() for name, each in found.operations.items()},
        "rows": [row._asdict() for row in (*rows.values(), *found.against)],
    }
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")
    if arguments.write:
        write(PAGE, "figures", _sentences(rows))
        write(PAGE, "measured", text)


class Found(NamedTuple):
    """All that was measured: rows and finished tables by the titles of their sections, and what costs follow from."""

    sections: dict[str, list[Row]]
    tables: dict[str, str]
    operations: dict[str, cost.Operation]
    against: list[Row]


def measure(endpoint: str, aws: Watched, other: Path | None, running: ExitStack, runs: int) -> Found:
    """Measure everything.

    Parameters
    ----------
    endpoint, aws
        DynamoDB Local, and what is in front of it.
    other : Path or None
        Another checkout.
    running : ExitStack
        Ends the processes that are quiet meanwhile.
    runs : int
        How many starts, and batches of warm requests, there are of each.
    """
    own, quick = Checkout(ROOT, endpoint), runs <= QUICK_RUNS
    requests, direct = own.operations(aws.url), own.operations(aws.url, database=endpoint)
    unlimited = own.operations(aws.url, parameters=UNLIMITED)["create_new"]
    counted = {name: requests[name] for name in ("redirect", "redirect_malformed", "create_new", "create_reused")}
    subjects = {"redirect": direct["redirect"], "create": direct["create_new"], "unlimited create": unlimited}
    if other:
        others = Checkout(other.resolve(), endpoint, "other-")
        counted |= {f"other {name}": others.operations(aws.url)[name] for name in ("redirect", "create_new")}
        its = others.operations(aws.url, database=endpoint)
        subjects |= {"other redirect": its["redirect"], "other create": its["create_new"]}
    subjects |= comparisons(own, endpoint)
    quiet, quiet_from = {name: _asked(running, each) for name, each in counted.items()}, time.monotonic()
    _say(f"{runs} starts of each ...")
    started = starts({name: each for name, each in subjects.items() if "bare" not in name}, runs)
    _say(f"{runs} batches of warm requests ...")
    warmed = warm(subjects, runs, WARM_REQUESTS)
    usual = [*_usual_rows(started, warmed, own)]
    _say(f"with {' and '.join(map(str, DELAYS))} ms added to the database ...")
    delayed = {"redirect": requests["redirect"], "create": requests["create_new"], **comparisons(own, aws.url)}
    usual += _delay_rows(aws, delayed, runs)
    _say("latency ...")
    latency = [*_latency_rows(aws, requests, 100 if quick else 1000)]
    _say("kinds of requests, and options ...")
    counting = functools.partial(operations.measure, aws=aws, started=started, warmed=warmed, batches=min(runs, 5))
    names = ("redirect", "redirect_missed", "create_new", "create_reused")
    taken = counting({name: requests[name] for name in names} | {"create_unlimited": unlimited})
    offered = operations.options_table(operations.options(own, endpoint, aws.url), taken, counting)
    setup, prices = cost.Setup.read(Stack()), cost.Prices()
    _say("growth ...")
    grown = growth.measure(own, endpoint, requests, (1_000,) if quick else (1_000, 10_000, 100_000))
    _say("calls to the database ...")
    time.sleep(max(0.0, quiet_from + QUIET_SECONDS - time.monotonic()))
    calls = _calls(aws, counted, quiet, own.links_table)
    return Found(
        {
            "Against the usual build": usual,
            "Calls to the database that follow each other": [*_call_rows(calls)],
            "Latency of the functions alone": latency,
            "US dollars per million": [*_cost_rows(taken, setup, prices)],
        },
        {
            "What each option adds": f"{offered}\n\n{tables.late_clicks(taken, setup, prices)}\n\n"
            f"No setting changes {tables.fixed(taken, setup, prices):.2f} dollars of everything.",
            "What each memory size gives": tables.memory(taken, setup, prices),
            "With more links": grown,
        },
        taken,
        [*_against_rows(started, warmed, calls)] if other else [],
    )


def _say(what: str) -> None:
    """Tell how far it is, on standard error: the results are on standard output."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {what}\n")


def _asked(running: ExitStack, subject: Subject) -> Process:
    """Return a process that has answered once, and now has nothing to do."""
    started = running.enter_context(process(subject.function))
    subject.ask(started)
    return started


def _ratio(what: str, own: float, other: float, unit: str, bars: Bars = (None, None)) -> Row:
    return Row(what, round(own / other, 3), f"{number(own)} against {number(other)} {unit}", *bars)


def _pair(name: str, other: str, started: Mapping[str, Start], warmed: Mapping[str, Warm]) -> Iterator[Row]:
    """Compare a function with another. What the runtime client itself takes of warm requests is taken off."""
    own, others, floor = warmed[name], warmed[other], warmed["nothing"]
    for what, pair, unit in (
        ("start", (started[name].time * 1000, started[other].time * 1000), "ms"),
        ("CPU", ((own.cpu - floor.cpu) * 1000, (others.cpu - floor.cpu) * 1000), "ms"),
        ("time", ((own.time - floor.time) * 1000, (others.time - floor.time) * 1000), "ms"),
        ("peak memory", (own.peak_bytes / 2**20, others.peak_bytes / 2**20), "MB"),
    ):
        yield _ratio(f"{name}, {what}", *pair, unit, BARS.get(f"{name}, {what}", (None, None)))


def _usual_rows(started: Mapping[str, Start], warmed: Mapping[str, Warm], own: Checkout) -> Iterator[Row]:
    def cpu(name: str) -> float:
        return (warmed[name].cpu - warmed["nothing"].cpu) * 1000

    def size(folder: Path) -> float:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20

    for name in ("redirect", "create"):
        yield from _pair(name, f"usual {name}", started, warmed)
    function = cost.Setup.read(Stack()).functions["redirect"]
    reckoned = [cpu(f"{kind}redirect") / function.share + n * cost.DATABASE_MS for kind, n in (("", 1), ("usual ", 2))]
    what = f"redirect, time at {function.memory} MB, reckoned: CPU by share of a core, {cost.DATABASE_MS:.0f} ms a call"
    yield _ratio(what, reckoned[0], reckoned[1], "ms")
    yield _ratio("layer, unzipped", size(own.layer), size(ROOT / ".aws-sam/usual/Layer"), "MB", (0.4, 0.25))
    yield _ratio("redirect, CPU, against one bare update_item", cpu("redirect"), cpu("bare update"), "ms", (1.25, 1.0))
    what = "create without the limit for clients, CPU, against a bare query and put_item"
    yield _ratio(what, cpu("unlimited create"), cpu("bare query and put"), "ms", (1.4, 1.1))


def _delay_rows(aws: Watched, subjects: Subjects, batches: int) -> Iterator[Row]:
    """Compare warm requests while every answer of the database comes later."""
    chosen = {name: each for name, each in subjects.items() if "bare" not in name}
    for delay in DELAYS:
        aws.delay = delay / 1000
        found = warm(chosen, batches, 20)
        for name in ("redirect", "create"):
            own, usual = ((found[each].time - found["nothing"].time) * 1000 for each in (name, f"usual {name}"))
            yield _ratio(f"{name}, time with {delay} ms added to each call", own, usual, "ms")
    aws.delay = 0


def _latency_rows(aws: Watched, requests: Subjects, count: int) -> Iterator[Row]:
    """Compare the times of single requests with what is demanded, the runtime's own included."""
    times: dict[str, list[float]] = {}
    aws.reset()
    for name in ("create_new", "redirect", "redirect_head"):
        with process(requests[name].function) as started:
            requests[name].ask(started)
            times[name] = [requests[name].ask(started)[1] * 1000 for _ in range(count)]
    for name, label, p95, p99 in (("create_new", "create", 100, 200), ("redirect", "redirect", 50, 100)):
        yield Row(f"{label}, p95 in ms", percentile(times[name], 95), "", p95)
        yield Row(f"{label}, p99 in ms", percentile(times[name], 99), "", p99)
    click = statistics.median(times["redirect"]) - statistics.median(times["redirect_head"])
    yield Row("what counting a click adds, in ms: GET less HEAD, medians", round(max(click, 0.0), 2), "", 10)
    for what, names, limit in (("reads", ("GetItem", "Query"), 10), ("writes", ("PutItem", "UpdateItem"), 15)):
        engine = [1000 * call.engine_seconds for call in aws.calls if call.operation in names]
        yield Row(f"database {what}, p95 in ms", percentile(engine, 95), "DynamoDB Local", limit)


def _cost_rows(taken: cost.Operations, setup: cost.Setup, prices: cost.Prices) -> Iterator[Row]:
    """Compare US dollars per million with what is demanded, which leaves out the limit for clients; then put it in."""
    unlimited = {**taken, cost.CREATE: taken["create_unlimited"]}
    for bar in cost.bars(unlimited, cost.bill(unlimited, setup, cost.REQUIRED, prices), cost.REQUIRED):
        yield Row(bar.name, round(bar.value, 3), "", bar.must, bar.aim)
    for bar in cost.bars(taken, cost.bill(taken, setup, cost.REQUIRED, prices), cost.REQUIRED)[-3:]:
        yield Row(f"{bar.name}, with the limit for clients", round(bar.value, 3))


Calls = dict[tuple[str, str], tuple[int, int, int, int]]


def _calls(aws: Watched, subjects: Subjects, quiet: Mapping[str, Process], links_table: str) -> Calls:
    """Count calls by kind of request and state of the process: in a row, in all, to the links' table, to KMS."""
    found = {}
    aws.delay = OVERLAP_SECONDS

    def count(name: str, state: str, running: Process) -> None:
        aws.reset()
        subjects[name].ask(running)
        time.sleep(5 * OVERLAP_SECONDS)  # whatever is still going on then took no part in the answer
        links = sum(call.table == links_table for call in aws.calls)
        found[name, state] = aws.in_a_row, len(aws.calls), links, aws.kms_calls

    for name, subject in subjects.items():
        count(name, "quiet", quiet[name])
        with process(subject.function) as started:
            count(name, "new", started)
            count(name, "warm", started)
    aws.delay = 0
    return found


def _call_rows(calls: Calls) -> Iterator[Row]:
    """Tell what callers wait for. A process that is new or was quiet reads the domain lists, side by side or not."""
    labels = {
        "redirect": "redirect",
        "redirect_malformed": "redirect, malformed code",
        "create_new": "create, new link",
    }
    musts = {"redirect": 1, "redirect_malformed": 0}
    for (name, state), (in_a_row, total, links, kms) in calls.items():
        if name.startswith("other"):
            continue
        label = (labels | {"create_reused": "create, existing link"})[name]
        detail = f"{total} in all" + (f", {links} to the links' table" if name.startswith("create") else "")
        detail += f", and {kms} to KMS" if kms else ""
        yield Row(f"{label}, {state} process", in_a_row, detail, musts.get(name), exact=True)
        if state == "warm" and name.startswith("create"):
            yield Row(f"{label}, calls to the links' table", links, "", 2, exact=True)


def _against_rows(started: Mapping[str, Start], warmed: Mapping[str, Warm], calls: Calls) -> Iterator[Row]:
    for name, operation in (("redirect", "redirect"), ("create", "create_new")):
        for row in _pair(name, f"other {name}", started, warmed):
            yield row._replace(must=None, aim=None)
        for state in ("warm", "new", "quiet"):
            own, other = calls[operation, state], calls[f"other {operation}", state]
            yield _ratio(f"{name}, calls in a row, {state} process", own[0], other[0], "")


def _table(rows: Iterable[Row]) -> str:
    def limit(row: Row, bar: float | None) -> str:
        return "" if bar is None else f"{'=' if row.exact else '≤'} {bar:g}"

    cells = [
        [
            row.what,
            number(row.value),
            limit(row, row.must),
            limit(row, row.aim),
            " / ".join(filter(None, (row.meets(row.must), row.meets(row.aim)))),
            row.detail,
        ]
        for row in rows
    ]
    return table(["", "figure", "must", "aim", "met", "of it"], cells)


def _met(rows: Collection[Row]) -> str:
    musts = [row.meets(row.must) for row in rows if row.must is not None]
    aims = [row.meets(row.aim) for row in rows if row.aim is not None]
    return f"Met: {musts.count('yes')} of {len(musts)} that must be, {aims.count('yes')} of {len(aims)} aimed at."


def _sentences(rows: Mapping[str, Row]) -> str:
    return "\n".join(
        f"- {sentence.format(value=number(row.value), share=f'{row.value:.0%}', detail=row.detail)}"
        for name, sentence in SENTENCES.items()
        for row in [rows[name]]
    )


if __name__ == "__main__":
    main()
