"""One stack for all scenarios, and the table of what they found."""

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local import processes
from squrl.aws.durable_table import DurableTable
from squrl.links import DAY
from tests.faults.stack import EventSource, Finding, Scenario, Stack
from tests.support import events
from tests.support.functions import ROOT
from tests.support.ports import free_port, wait_for_port
from tests.support.proxy import Proxy

EMULATOR = ROOT / ".local" / "ministack" / "bin" / "python"  # `make faults` installs it
DOCUMENT = ROOT / "docs" / "reliability.md"
MARKERS = "<!-- what `make faults` found -->\n", "<!-- end -->\n"
LONGEST = 100  # seconds of a scenario
FINDINGS = pytest.StashKey[list[Finding]]()


def pytest_addoption(parser):
    parser.addoption("--write-table", action="store_true", help=f"write what was found into {DOCUMENT.name}")


def pytest_configure(config):
    config.stash[FINDINGS] = []


@pytest.fixture
def findings(pytestconfig):
    return pytestconfig.stash[FINDINGS]


@pytest.fixture(scope="session")
def database(tables) -> Iterator[Proxy]:
    # What has expired stays, and with it what was counted.
    keep = {"AttributeName": "collect_at", "Enabled": False}
    tables.client.update_time_to_live(TableName=tables.links, TimeToLiveSpecification=keep)
    for key in events.KEYS:
        DurableTable(tables.service, tables.durable).add_key(key)
    with Proxy(tables.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def sqs(tmp_path_factory) -> Iterator[Any]:
    """Start an emulator of SQS, and return a client of it."""
    folder = tmp_path_factory.mktemp("ministack")
    log, port = folder / "log", free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(folder),
    }
    with log.open("w") as output:
        process = processes.start(
            [str(EMULATOR), "-m", "ministack"], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for_port(port, process, log)
        session = boto3.Session("any", "any", region_name="us-east-1")
        yield session.client("sqs", endpoint_url=f"http://127.0.0.1:{port}")
    finally:
        processes.stop(process)


@pytest.fixture(scope="session")
def queue(sqs) -> Iterator[Proxy]:
    with Proxy(sqs.meta.endpoint_url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def queue_url(sqs) -> str:
    # The consumer's time-out is 30 seconds in the template; here a message comes again sooner.
    return str(sqs.create_queue(QueueName="squrl-clicks-local", Attributes={"VisibilityTimeout": "8"})["QueueUrl"])


@pytest.fixture(scope="session")
def stack(database, queue, queue_url) -> Iterator[Stack]:
    url = queue.url + queue_url[queue_url.index("/", len("http://")) :]
    with Stack({"AWS_ENDPOINT_URL_DYNAMODB": database.url, "CLICK_QUEUE_URL": url}) as stack:
        yield stack


@pytest.fixture(scope="session")
def source(sqs, queue_url, stack) -> Iterator[EventSource]:
    with EventSource(sqs, queue_url, stack) as source:
        yield source


@pytest.fixture
def scenario(stack, database, queue, source, tables, pytestconfig) -> Iterator[Scenario]:
    left = DAY - time.time() % DAY
    if left < LONGEST:  # a click at midnight could be of either day
        time.sleep(left)
    scenario = Scenario(stack, database, queue, source, tables)
    yield scenario
    for each in (database, queue, source):
        each.reset()
    if scenario.finding:
        pytestconfig.stash[FINDINGS].append(scenario.finding)


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    findings = config.stash[FINDINGS]
    if not findings:
        return
    rows = [
        "| Scenario | Injected | Answers | Clicks |",
        "|---|---|---|---|",
        *(
            f"| {each.scenario} | {_listed(each.injected)} | {_listed(each.answers)} | {each.clicks} |"
            for each in findings
        ),
    ]
    table = "".join(f"{row}\n" for row in rows)
    terminalreporter.write(f"\n{table}")
    if config.option.write_table and exitstatus == 0:
        start, end = map(re.escape, MARKERS)
        pattern = re.compile(f"(?<={start}).*(?={end})", re.DOTALL)
        DOCUMENT.write_text(pattern.sub(f"\n{table}\n", DOCUMENT.read_text()))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"
