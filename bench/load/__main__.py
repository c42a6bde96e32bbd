"""`python -m bench.load`: load the stack, reconcile every click, and say what was measured."""

import argparse
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Any

from bench.load import report
from bench.load.model import (
    DAY,
    PERCENTILES,
    REQUESTS,
    Answers,
    Clicks,
    Order,
    Row,
    bars,
    counted_clicks,
    reconcile,
)
from bench.report import DOCS, ROOT, machine, percentile, write
from local import LocalError, dynamodb, processes
from local.template import environment

FOLDER = ROOT / ".local/load"
PYTHON = str(FOLDER / "bin/python")  # has Locust and matplotlib
CORES = len(os.sched_getaffinity(0))
PROCESSES = min(CORES, 16)  # of each function: more would only wait for a core, and starve each other while they start

_STACK_LOG = FOLDER / "stack.log"
_START_SECONDS = 120  # the first time, DynamoDB Local is fetched
_RUN_SECONDS = 12
_ROUND_SECONDS = 4
_MAIN_SECONDS = 900  # a slow machine's; it is the requests that end the main run
_LONGEST = 25 * 60  # seconds of all runs
_ONE_CLIENT_REQUESTS = 1_100  # a hundred creates, for a p99 of them
_FILES = 4096  # for each process
_OLD_LINKS = 100  # that a run's clients know; they are the most popular
_ESTABLISHED = "01"  # in /proc/net/tcp
SECRET_ROW = "#secret"  # noqa: S105 - in the links' table, and no link: the secret that codes are derived with


class Load:
    """Runs against the stack of `make start` on free ports, and what all of them were answered.

    Attributes
    ----------
    answers : Answers
        Of all runs, the warm-up too: the table knows no difference.
    errors : Counter
        What went wrong, and how often.
    """

    def __init__(self, port: int, database: str) -> None:
        self.answers = Answers([], Counter(), Counter())
        self._limited = set[str]()
        self.errors = Counter[str]()
        self._port = port
        self.database = database

    def through_api(self, clients: int, most: int, seconds: float = _RUN_SECONDS, name: str = "") -> dict[str, Any]:
        """Have so many clients ask the API, for so many requests or so long at most."""
        url = f"http://127.0.0.1:{self._port}"
        return self.run(Order(name or str(clients), [url], clients, most, seconds, links=self.links))

    @property
    def links(self) -> list[tuple[str, str]]:
        """What a run's clients know: no link with a limit."""
        return [link for link in self.answers.created if link[0] not in self._limited][:_OLD_LINKS]

    def rows(self) -> dict[str, Row]:
        """Return the whole table by code."""
        name = environment("RedirectFunction")["TABLE_NAME"]
        scanned = dynamodb.client(self.database).get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        return {
            item["short_code"]["S"]: _row(item)
            for page in scanned
            for item in page["Items"]
            if item["short_code"]["S"] != SECRET_ROW
        }

    def run(self, order: Order) -> dict[str, Any]:
        """Have Locust do one run, show its progress, and return its figures; raise a `LocalError` if it fails."""
        connections, result = 0, dict[str, Any]()
        log = FOLDER / "clients.log"
        command = [PYTHON, "-m", "bench.load.clients", json.dumps(asdict(order))]
        with log.open("w") as output:
            child = processes.start(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=output.fileno())
        try:
            for line in child.stdout or ():
                result = json.loads(line)
                if "ended" in result:
                    connections = max(connections, self._connections())
                    _show_progress(order, result)
        finally:
            processes.stop(child)
        if "seconds" not in result:
            raise LocalError(f"Locust failed:\n{_tail(log)}")
        requests = sum(map(len, result["milliseconds"].values()))
        if not requests:
            raise LocalError(f"{order.name}: nothing was answered right: {result['errors']}")
        self.answers.created.extend((code, destination) for code, destination in result["created"])
        self.answers.clicks.update({(code, day): clicks for code, day, clicks in result["clicks"]})
        self.answers.used_up.update(result["used_up"])
        self._limited.update(code for code, _ in result["limited"])
        self.errors.update(result["errors"])
        return {
            "clients": order.clients,
            "requests": requests,
            "errors": sum(result["errors"].values()),
            "per_second": requests / result["seconds"],
            "connections": connections,
            **{
                name: {each: percentile(values, int(each[1:])) for each in PERCENTILES}
                for name, values in result["milliseconds"].items()
                if values
            },
        }

    def _connections(self) -> int:
        """Return how many clients are connected with the API."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        return sum(row[2].endswith(f":{self._port:04X}") and row[3] == _ESTABLISHED for row in rows)


def _row(item: Any) -> Row:  # noqa: ANN401 (DynamoDB's form of a row)
    """Read a row: a day's attribute is called d, and the day's number to the base of 36."""
    numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value}
    clicks: dict[int | None, int] = {
        int(name[1:], 36): number for name, number in numbers.items() if re.fullmatch("d[0-9a-z]{3}", name)
    }
    if "bot_click_count" in numbers:
        clicks[None] = numbers["bot_click_count"]
    return Row(item["original_url"]["S"], numbers["click_count"], clicks, numbers.get("max_clicks"))


@contextmanager
def running_stack() -> Iterator[Load]:
    """Run the stack, with a database in memory; raise a `LocalError` when it doesn't start."""
    port, dynamodb_port = processes.free_port(), processes.free_port()
    variables = os.environ | {"DYNAMODB_PORT": str(dynamodb_port), "LOCAL_CONCURRENCY": str(PROCESSES)}
    command = [sys.executable, "-m", "local", "start-api", "--in-memory", "--port", str(port)]
    with _STACK_LOG.open("w") as output:
        child = processes.start(command, cwd=ROOT, env=variables, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"The stack doesn't start:\n{_tail(_STACK_LOG)}")
            time.sleep(0.1)
        yield Load(port, f"http://127.0.0.1:{dynamodb_port}")
    finally:
        processes.stop(child, patience=20)


def measure(requests: int) -> dict[str, Any]:
    """Do all runs and return what there is to report.

    Parameters
    ----------
    requests : int
        In the main run, the one of a thousand clients; none has more.

    Raises
    ------
    LocalError
        When the stack or Locust doesn't start.
    """
    left = DAY - time.time() % DAY
    if left < _LONGEST:
        sys.stderr.write("The runs begin after midnight (UTC): a click at midnight could be of either day.\n")
        time.sleep(left)
    on, began = machine(**{"processes of a function": PROCESSES}), time.monotonic()
    with running_stack() as load:
        # As many clients as a function has processes: more could ask a process that starts to answer too much at once.
        load.through_api(PROCESSES, min(50 * PROCESSES, requests), name="warm-up")
        runs = [
            load.through_api(1, min(_ONE_CLIENT_REQUESTS, requests), 60),
            load.through_api(10, requests),
            load.through_api(100, requests),
            load.through_api(1000, requests, _MAIN_SECONDS),
        ]
        emulators = _emulators("redirect", load.database)
        counts = sorted({*(2**power for power in range(PROCESSES.bit_length())), PROCESSES})
        direct = [
            Order(f"{count} direct", emulators[:count], count, requests, _ROUND_SECONDS, direct=True, links=load.links)
            for count in counts
            if count <= len(emulators)
        ]
        rounds = [[load.run(order) for order in direct] for _ in range(3)]  # in turn, since machines are shared
        rows = load.rows()
    scaling = [sorted(each, key=itemgetter("per_second"))[1] for each in zip(*rounds, strict=True)]  # the medians
    alone, uncertain = scaling[0]["per_second"], _uncertain_clicks()
    differences = reconcile(load.answers, rows, uncertain)
    return {
        "machine": on,
        "seconds": time.monotonic() - began,
        "bars": [bar._asdict() for bar in bars(runs, differences)],
        "runs": runs,
        "scaling": [run | {"ratio": run["per_second"] / run["clients"] / alone} for run in scaling],
        "links": (len(load.answers.created), len(rows)),  # answered, and in the table
        "clicks": (_sums(load.answers.clicks), _sums(counted_clicks(rows))),
        "click_counts": sum(row.click_count for row in rows.values()),
        "used_up": load.answers.used_up.total(),
        "uncertain": uncertain,
        "differences": differences,
        "errors": load.errors,
    }


def _uncertain_clicks() -> int:
    """Return for how many clicks the functions said that they may not be counted: the database failed meanwhile."""
    return _STACK_LOG.read_text(errors="replace").count('"click_uncertain":[1.0]')


def _sums(clicks: Clicks) -> tuple[int, int]:
    """Return how many clicks are people's, and how many bots'."""
    bots = sum(number for (_, day), number in clicks.items() if day is None)
    return clicks.total() - bots, bots


def _emulators(function: str, database: str) -> list[str]:
    """Return the URLs at which a function's processes take events, by its folder's name and what database they use."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # somebody else's, or ended
            address = re.search(r"--runtime-interface-emulator-address\0([^\0]+)", (folder / "cmdline").read_text())
            if address and database in (folder / "environ").read_text() and (folder / "cwd").resolve().name == function:
                found.append(f"http://{address[1]}")
    return found


def _show_progress(order: Order, message: dict[str, Any]) -> None:
    """Show how far a run is: in one line that changes, or where there is no terminal in a line every ten seconds."""
    line = f"{order.name}: {message['ended']:,} requests after {message['after']} s, {message['errors']} errors"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line:<79}\r")
        sys.stderr.flush()
    elif message["after"] % 10 == 0:
        sys.stderr.write(f"{line}\n")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])


def main() -> int:
    """Measure, show and keep the results; return 1 if anything was lost, miscounted or went wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="Load the stack and count every click.")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="in the main run (50 000), fewer for a look")
    parser.add_argument("--write", action="store_true", help=f"put tables and picture into {DOCS.name}/")
    options = parser.parse_args()
    # A shell starts what it puts into the background with SIGINT ignored; SIGTERM by itself would end nothing in order.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    # A thousand connections are more files than many a shell allows at first; what is started inherits this.
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, min(most, _FILES)), most))
    # No proxy stands between a machine and itself.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    if not (FOLDER / "installed").exists():
        parser.exit(2, "Locust isn't there: `make load` installs it into .local/load.\n")
    try:
        results = measure(options.requests)
    except LocalError as error:
        parser.exit(2, f"{error}\n")
    except KeyboardInterrupt:
        return 130
    text, kept = report.text(results), FOLDER / "results.json"
    sys.stdout.write(f"{text}\n")
    kept.write_text(json.dumps(results, indent=2) + "\n")
    picture = (DOCS if options.write else FOLDER) / "load.svg"
    subprocess.run([PYTHON, "-m", "bench.load.picture", str(kept), str(picture)], cwd=ROOT, check=True)
    sys.stderr.write(f"The picture is {picture.relative_to(ROOT)}.\n")
    if options.write:
        write(DOCS / "performance.md", "load", text)
    return 1 if results["errors"] or results["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
