"""`python -m bench.load`: load the stack, reconcile every click, and say what was measured."""

import argparse
import json
import os
import platform
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

from bench.load import report
from bench.load.model import REQUESTS, Answers, Order, Row, bars, percentile, reconcile
from local import LocalError, dynamodb, processes

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".local" / "load"
PAGE = ROOT / "docs" / "performance.md"
MARKS = ("<!-- load: begin -->", "<!-- load: end -->")
TABLE = "squrl-urls-local"
CORES = len(os.sched_getaffinity(0))
PROCESSES = min(CORES, 16)  # of each function: more would only wait for a core, and starve each other while they start

_START_SECONDS = 120  # the first time, DynamoDB Local is fetched
_RUN_SECONDS = 12
_ROUND_SECONDS = 4
_MAIN_SECONDS = 900  # a slow machine's; it is the requests that end the main run
_ONE_CLIENT_REQUESTS = 1_100  # a hundred creates, for a p99 of them
_FILES = 4096  # for each process
_OLD_LINKS = 100  # that a run's clients know; they are the most popular
_ESTABLISHED = "01"  # in /proc/net/tcp
_PARTS = {  # of a command line, and whose processor time it is
    "awslambdaric": "functions",  # Lambda's emulator has it in its own too
    "DynamoDBLocal.jar": "DynamoDB Local",
    "local start-api": "gateway",
}


class Stack:
    """The stack of `make start`, on free ports and with a database in memory.

    Parameters
    ----------
    port, dynamodb_port : int
        Where the API and DynamoDB Local answer.
    """

    def __init__(self, port: int, dynamodb_port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._dynamodb = dynamodb.client(f"http://127.0.0.1:{dynamodb_port}")

    def rows(self) -> dict[str, Row]:
        """Return the whole table by code."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
        return {
            item["short_code"]["S"]: Row(item["original_url"]["S"], int(item["click_count"]["N"]))
            for page in pages
            for item in page["Items"]
        }

    def connections(self) -> int:
        """Return how many clients are connected with the API."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        return sum(row[2].endswith(f":{self.port:04X}") and row[3] == _ESTABLISHED for row in rows)

    @staticmethod
    def emulators(function: str) -> list[str]:
        """Return the URLs at which the processes of a function take events, by the name of the function's folder."""
        return [
            f"http://{found[1]}"
            for pid, command, _ in _descendants()
            if (found := re.search(r"--runtime-interface-emulator-address (\S+)", command))
            and Path(f"/proc/{pid}/cwd").resolve().name == function
        ]

    @staticmethod
    def cpu_seconds() -> dict[str, float]:
        """Return the processor time that each part has used so far."""
        used = dict.fromkeys(_PARTS.values(), 0.0)
        for _, command, seconds in _descendants():
            for part, name in _PARTS.items():
                if part in command:
                    used[name] += seconds
        return used


def _descendants() -> Iterator[tuple[int, str, float]]:
    """Yield process id, command line and processor seconds of every process that this one started, or those did."""
    found: dict[int, tuple[int, str, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:  # it has ended
            continue
        ticks = int(fields[11]) + int(fields[12])
        found[int(folder.name)] = int(fields[1]), command, ticks / os.sysconf("SC_CLK_TCK")
    for pid, (parent, command, seconds) in found.items():
        ancestor = parent
        while ancestor in found and ancestor != os.getpid():
            ancestor = found[ancestor][0]
        if ancestor == os.getpid():
            yield pid, command, seconds


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Run the stack for as long as the context lasts.

    Raises
    ------
    LocalError
        When it doesn't start.
    """
    port, dynamodb_port = processes.free_port(), processes.free_port()
    environment = os.environ | {"DYNAMODB_PORT": str(dynamodb_port), "LOCAL_CONCURRENCY": str(PROCESSES)}
    log = FOLDER / "stack.log"
    with log.open("w") as output:
        command = [sys.executable, "-m", "local", "start-api", "--in-memory", "--port", str(port)]
        child = processes.start(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"The stack doesn't start:\n{_tail(log)}")
            time.sleep(0.1)
        yield Stack(port, dynamodb_port)
    finally:
        processes.stop(child, patience=20)


class Load:
    """Runs against one stack, and what they were answered, all together.

    Attributes
    ----------
    answers : Answers
        Of all runs, the warm-up too: the table knows no difference.
    errors : Counter
        What went wrong, and how often.
    """

    def __init__(self, stack: Stack) -> None:
        self.answers = Answers([], Counter())
        self.errors = Counter[str]()
        self._stack = stack

    def run(self, order: Order) -> dict[str, Any]:
        """Have Locust do one run, show its progress, and return its figures.

        Raises
        ------
        LocalError
            When Locust fails.
        """
        before, connections = self._stack.cpu_seconds(), 0
        log = FOLDER / "clients.log"
        with log.open("w") as output:
            child = processes.start(
                [str(FOLDER / "bin" / "python"), "-m", "bench.load.clients", json.dumps(asdict(order))],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=output.fileno(),
            )
        try:
            result: dict[str, Any] = {}
            for line in child.stdout or ():
                result = json.loads(line)
                if "ended" in result:
                    connections = max(connections, self._stack.connections())
                    _show_progress(order, result)
        finally:
            processes.stop(child)
        if "seconds" not in result:
            raise LocalError(f"Locust failed:\n{_tail(log)}")
        requests = sum(map(len, result["milliseconds"].values()))
        if not requests:
            raise LocalError(f"{order.name}: nothing was answered right: {result['errors']}")
        used = {part: seconds - before[part] for part, seconds in self._stack.cpu_seconds().items()}
        used["Locust"] = result["cpu_seconds"]
        self.answers.created.extend((code, destination) for code, destination in result["created"])
        self.answers.clicks.update(result["clicks"])
        self.errors.update(result["errors"])
        return {
            "name": order.name,
            "clients": order.clients,
            "requests": requests,
            "errors": sum(result["errors"].values()),
            "seconds": result["seconds"],
            "per_second": requests / result["seconds"],
            "connections": connections,
            "cpu_ms": {part: 1000 * seconds / requests for part, seconds in used.items()},
            **{
                name: {f"p{percent}": percentile(values, percent) for percent in (50, 95, 99)}
                for name, values in result["milliseconds"].items()
                if values
            },
        }


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
    machine, began = _machine(), time.monotonic()
    with running_stack() as stack:
        load = Load(stack)

        def api(name: str, count: int, most: int = sys.maxsize, seconds: float = _RUN_SECONDS) -> dict[str, Any]:
            links = load.answers.created[:_OLD_LINKS]
            return load.run(Order(name, [stack.url], count, min(most, requests), seconds, links=links))

        # As many clients as a function has processes: more could ask a process that starts to answer too much at once.
        api("warm-up", PROCESSES, 50 * PROCESSES)
        runs = [
            api("1", 1, _ONE_CLIENT_REQUESTS, 60),
            api("10", 10),
            api("100", 100),
            api("1000", 1000, requests, _MAIN_SECONDS),
        ]
        emulators = stack.emulators("redirect")
        links = load.answers.created[:_OLD_LINKS]
        counts = sorted({*(2**power for power in range(PROCESSES.bit_length())), PROCESSES})
        direct = [
            Order(f"{count} direct", emulators[:count], count, requests, _ROUND_SECONDS, direct=True, links=links)
            for count in counts
            if count <= len(emulators)
        ]
        rounds = [[load.run(order) for order in direct] for _ in range(3)]  # in turn, since machines are shared
        scaling = [sorted(each, key=itemgetter("per_second"))[1] for each in zip(*rounds, strict=True)]  # the medians
        rows = stack.rows()
    differences = reconcile(load.answers, rows)
    return {
        "machine": machine,
        "seconds": time.monotonic() - began,
        "bars": bars(runs, differences),
        "runs": runs,
        "scaling": [
            run | {"processes": run["clients"], "ratio": run["per_second"] / run["clients"] / scaling[0]["per_second"]}
            for run in scaling
        ],
        "links": (len(load.answers.created), len(rows)),  # answered, and in the table
        "clicks": (load.answers.clicks.total(), sum(row.click_count for row in rows.values())),
        "differences": differences,
        "errors": load.errors,
    }


def _show_progress(order: Order, message: dict[str, Any]) -> None:
    """Show how far a run is: in one line that changes, or where there is no terminal in a line every ten seconds."""
    line = f"{order.name}: {message['ended']:,} requests after {message['after']} s, {message['errors']} errors"
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line:<79}\r")
        sys.stderr.flush()
    elif message["after"] % 10 == 0:
        sys.stderr.write(f"{line}\n")


def _machine() -> dict[str, Any]:
    """Return what the figures hold for."""
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": CORES,
        "load before": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "processes of a function": PROCESSES,
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])


def main() -> int:
    """Measure, show and keep the results; return 1 if anything was lost, miscounted or went wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="Load the stack and count every click.")
    parser.add_argument(
        "--requests", type=int, default=REQUESTS, help="in the main run (50 000), fewer for a first look"
    )
    parser.add_argument("--output", type=Path, default=FOLDER / "results.json", help="the results as JSON")
    parser.add_argument("--write", action="store_true", help=f"put tables and picture into {PAGE.parent.name}/")
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
    text = report.text(results)
    sys.stdout.write(f"{text}\n")
    options.output.write_text(
        json.dumps(results | {"bars": [bar._asdict() for bar in results["bars"]]}, indent=2) + "\n"
    )
    options.output.with_suffix(".html").write_text(report.page(results, text))
    if options.write:
        before, _, rest = PAGE.read_text().partition(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")
        PAGE.with_name("load.svg").write_text(report.picture(results))
    return 1 if results["errors"] or results["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
