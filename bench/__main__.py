"""Measure squrl against what people would otherwise use: ``python -m bench``.

Everything runs on this machine, under Python 3.13, one process at a time, on what `make build` has built. Figures are
ratios of medians within one run, since machines differ and are shared.
"""

import argparse
import dataclasses
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
from bench.runtime import FunctionError, Process
from bench.subjects import LIMITED, UNLIMITED, Checkout, comparisons
from bench.worst import costliest
from local import LocalError, dynamodb
from local.template import Stack

RESULTS = ROOT / ".local/bench/results.json"
PAGE = DOCS / "performance.md"

DELAYS = (3, 10)  # milliseconds added to each answer of the database
WARM_REQUESTS = 100  # in a row: the first ones after another process's turn find the processor's caches cold
# That each call takes while calls are counted, so that those side by side overlap: more than a process that has just
# started computes before its second call, less than the functions' patience.
OVERLAP_SECONDS = 0.25
QUICK_RUNS, RUNS = 3, 9  # of starts and batches
RESTORED = "restored"  # a redirect's process, as SnapStart makes it
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
    "redirect, start": "A new process answers its first redirect in {share} of the usual build's time: {detail}.",
    "create, start": "A new process answers its first create in {share} of the usual build's time: {detail}.",
    "redirect, CPU": "A warm redirect takes {share} of the usual build's processor time: {detail}.",
    "redirect, CPU, against one bare update_item": "A warm redirect takes {share} of the processor time of a bare"
    " `update_item`: {detail}.",
    "redirect, peak memory": "A process that redirects needs {share} of the usual build's memory: {detail}.",
    "redirect, new process": "A visitor waits for {value} call to the database, whatever state the process is in.",
    "redirect, p95 in ms": "95 of 100 redirects are answered within {value} ms, here and without a network.",
    "create, p95 in ms": "95 of 100 creates are answered within {value} ms.",
    "functions, database, logs, metrics, traces, the mix with keys": "A million requests, ten redirects to one new link"
    " of somebody with a key, cost {value} US dollars without API Gateway and the data sent.",
    "everything, the mix with keys": "With these, a million requests cost {value} US dollars.",
}


class Row(NamedTuple):
    """A measured figure, the figures behind it, and what it may be at most, or has to be if `exact`."""

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
    try:
        with dynamodb.engine(0, in_memory=True) as endpoint, watched(endpoint) as aws, ExitStack() as running:
            found = measure(endpoint, aws, arguments.against, running, QUICK_RUNS if arguments.quick else RUNS)
    except (LocalError, FunctionError) as error:
        parser.exit(2, f"{error}\n")
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
    limited = own.operations(aws.url, parameters=LIMITED)
    kinds = requests | {f"{ANONYMOUS}{name}": each for name, each in limited.items()}
    counted = {name: kinds[name] for name in CALLS}
    subjects = {"redirect": direct["redirect"], "create": direct["create_new"], "unlimited create": unlimited}
    subjects |= {"manage": direct["manage_page"], "pages": direct["pages_home"]}
    subjects |= {"sampled": own.operations(aws.url, database=endpoint, sampled=True)["redirect"]}
    if other:
        others = Checkout(other.resolve(), endpoint, "other-")
        counted |= {f"other {name}": others.operations(aws.url)[name] for name in ("redirect", "create_new")}
        its = others.operations(aws.url, database=endpoint)
        subjects |= {"other redirect": its["redirect"], "other create": its["create_new"]}
    subjects |= comparisons(own, endpoint)
    quiet, quiet_from = {name: _asked(running, each) for name, each in counted.items()}, time.monotonic()
    _say(f"{runs} starts of each ...")
    restored = direct["redirect"]._replace(function=dataclasses.replace(direct["redirect"].function, snapshot=True))
    startable = {name: each for name, each in subjects.items() if "bare" not in name and "sampled" not in name}
    started = starts(startable | {RESTORED: restored}, runs)
    _say(f"{runs} batches of warm requests ...")
    warmed = warm(subjects, runs, WARM_REQUESTS)
    usual = [*_usual_rows(started, warmed, own)]
    _say(f"with {' and '.join(map(str, DELAYS))} ms added to the database ...")
    delayed = {"redirect": requests["redirect"], "create": requests["create_new"], **comparisons(own, aws.url)}
    usual += _delay_rows(aws, delayed, QUICK_RUNS)
    _say("the worst input ...")
    worst, seconds = costliest(direct["create_new"], direct["create_new"].event())
    what = "the worst that create refuses, CPU, against a new link"
    usual.append(_ratio(what, seconds * 1000, warmed["create"].cpu * 1000, f"ms: {worst}", (2, None)))
    _say("latency ...")
    latency = [*_latency_rows(aws, requests, 100 if quick else 500)]
    _say("kinds of requests, and options ...")
    counting = functools.partial(operations.measure, aws=aws, started=started, warmed=warmed, batches=QUICK_RUNS)
    names = ("redirect", "redirect_missed", "create_new", "create_reused", *cost.MANAGING, *cost.PAGES)
    taken = counting({name: requests[name] for name in names} | {cost.OPEN: unlimited})
    for name, kind in (("redirect", "redirect"), ("create_new", "create"), (cost.OPEN, "unlimited create")):
        taken[name] = taken[name]._replace(cpu_ms=warmed[kind].least_cpu * 1000)  # of more batches
    offered = operations.options_table(operations.options(own, endpoint, aws.url), taken, counting)
    setup, prices = cost.Setup.read(Stack()), cost.Prices()
    _say("growth ...")
    grown = growth.measure(own, endpoint, requests, (1_000,) if quick else (1_000, 10_000, 30_000))
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
            f"{tables.moved_days(taken, setup, prices)}\n\n"
            f"{tables.events(taken, setup, prices)}\n\n"
            f"No setting changes {tables.fixed(taken, setup, prices):.2f} dollars of everything.",
            "What managing and pages take": tables.managing(taken, setup, prices),
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
        ("log", (own.log_bytes, others.log_bytes), "bytes a request"),
    ):
        yield _ratio(f"{name}, {what}", *pair, unit, BARS.get(f"{name}, {what}", (None, None)))


def _usual_rows(started: Mapping[str, Start], warmed: Mapping[str, Warm], own: Checkout) -> Iterator[Row]:
    def cpu(name: str) -> float:
        return (warmed[name].cpu - warmed["nothing"].cpu) * 1000

    def size(folder: Path) -> float:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20

    for name in ("redirect", "create"):
        yield from _pair(name, f"usual {name}", started, warmed)
    what = "redirect, CPU, where X-Ray samples both"
    yield _ratio(what, cpu("sampled"), cpu("usual sampled"), "ms", (0.45, None))
    what = "redirect, from SnapStart's restore to the first answer, against its own start"
    yield _ratio(what, started[RESTORED].time * 1000, started["redirect"].time * 1000, "ms")
    function = cost.Setup.read(Stack()).functions["redirect"]
    reckoned = [cpu(f"{kind}redirect") / function.share + n * cost.DATABASE_MS for kind, n in (("", 1), ("usual ", 2))]
    what = f"redirect, time at {function.memory} MB, reckoned: CPU by share of a core, {cost.DATABASE_MS:.0f} ms a call"
    yield _ratio(what, reckoned[0], reckoned[1], "ms")
    yield _ratio("layer, unzipped", size(own.layer), size(ROOT / ".aws-sam/usual/Layer"), "MB", (0.4, 0.25))
    yield _ratio("redirect, CPU, against one bare update_item", cpu("redirect"), cpu("bare update"), "ms", (1.25, 1.0))
    what = "create without a key and without the limit for clients, CPU, against a bare query and put_item"
    yield _ratio(what, cpu("unlimited create"), cpu("bare query and put"), "ms", (1.4, 1.1))


def _delay_rows(aws: Watched, subjects: Subjects, batches: int) -> Iterator[Row]:
    """Compare warm requests while every answer of the database comes later."""
    chosen = {name: each for name, each in subjects.items() if "bare" not in name and "sampled" not in name}
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
    for name in ("create_new", "redirect", "redirect_head", "manage_stats", "pages_home"):
        with process(requests[name].function) as started:
            requests[name].ask(started)
            times[name] = [requests[name].ask(started)[1] * 1000 for _ in range(count)]
    for name, label, p95, p99 in (("create_new", "create", 100, 200), ("redirect", "redirect", 50, 100)):
        yield Row(f"{label}, p95 in ms", percentile(times[name], 95), "", p95)
        yield Row(f"{label}, p99 in ms", percentile(times[name], 99), "", p99)
    yield Row("a year's statistics of a link, p95 in ms", percentile(times["manage_stats"], 95), "", 50)
    yield Row("the web page from a started process, p95 in ms", percentile(times["pages_home"], 95))
    click = statistics.median(times["redirect"]) - statistics.median(times["redirect_head"])
    yield Row("what counting a click adds, in ms: GET less HEAD, medians", round(max(click, 0.0), 2), "", 10)
    for what, names, limit in (("reads", ("GetItem", "Query"), 10), ("writes", ("PutItem", "UpdateItem"), 15)):
        engine = [1000 * call.engine_seconds for call in aws.calls if call.operation in names]
        yield Row(f"database {what}, p95 in ms", percentile(engine, 95), "DynamoDB Local", limit)


def _cost_rows(taken: cost.Operations, setup: cost.Setup, prices: cost.Prices) -> Iterator[Row]:
    """Compare US dollars per million with what is demanded: without keys and limit for clients, then with keys."""
    unlimited = {**taken, cost.CREATE: taken[cost.OPEN]}
    without = cost.bars(unlimited, cost.bill(unlimited, setup, cost.REQUIRED, prices), cost.REQUIRED)
    for bar in [*without, *cost.keyed_bars(cost.bill(taken, setup, cost.REQUIRED, prices))]:
        yield Row(bar.name, round(bar.value, 3), "", bar.must, bar.aim)


# The kinds of requests whose calls are counted; with how many a redirect may wait for, or any other may make to the
# table of links. With a key the index is asked first.
ANONYMOUS = "anonymous "  # without a key, where the limit for clients is on
CALLS = {
    "redirect": ("redirect", 1),
    "redirect_malformed": ("redirect, malformed code", 0),
    "create_new": ("create, new link", 2),
    "create_reused": ("create, existing link", 2),
    "create_renewed": ("create, existing link with a lifetime", 2),
    "anonymous create_new": ("create without a key, new link", 1),
    "anonymous create_reused": ("create without a key, existing link", 1),
    "anonymous create_renewed": ("create without a key, existing link with a lifetime", 2),
    "manage_page": ("a page of 50 links", 2),
    "manage_stats": ("a year's statistics of a link", 1),
    "manage_change": ("a change", 2),
}
Calls = dict[tuple[str, str], tuple[int, int, int, int]]


def _calls(aws: Watched, subjects: Subjects, quiet: Mapping[str, Process], links_table: str) -> Calls:
    """Count calls by kind of request and state of the process: in a row, in all, to the links' table, to KMS."""
    found = {}
    aws.delay = OVERLAP_SECONDS

    def count(name: str, state: str, running: Process) -> None:
        aws.reset()
        subjects[name].ask(running)
        time.sleep(2 * OVERLAP_SECONDS)  # whatever is still going on then took no part in the answer
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
    """Tell what callers wait for. A process that is new or was quiet reads the key, then, side by side, the lists."""
    for (name, state), (in_a_row, total, links, kms) in calls.items():
        if name.startswith("other"):
            continue
        label, must = CALLS[name]
        waits = name.startswith("redirect")
        detail = f"{total} in all" + ("" if waits else f", {links} to the links' table")
        detail += f", and {kms} to KMS" if kms else ""
        yield Row(f"{label}, {state} process", in_a_row, detail, must if waits else None, exact=True)
        if state == "warm" and not waits:
            yield Row(f"{label}, calls to the links' table", links, "", must, exact=True)


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
        f"- {sentence.format(value=number(row.value), share=f'{100 * row.value:.0f} %', detail=row.detail)}"
        for name, sentence in SENTENCES.items()
        for row in [rows[name]]
    )


if __name__ == "__main__":
    main()
