"""Connections that died while Lambda had frozen the process: what of it a visitor, and a click, notice."""

import json
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from local import functions
from squrl.aws.client import IDLE, TIMEOUTS
from squrl.links import DAY, Kind, Link
from tests.faults.connections import Death, Relay, stopped
from tests.faults.stack import ANYONE, BOT, Finding, found_clicks
from tests.support import events
from tests.support.runtime import NOTHING, declared

ROUNDS = 5
REDIRECT, CREATE = events.load("redirect/http.json"), events.load("create_url/http.json")


class Process:
    """A function's process that can be frozen.

    Attributes
    ----------
    killed : int
        Connections that died while it was.
    metrics : Counter
        What it counted.
    """

    def __init__(self, process: functions.Process, relay: Relay, metrics: Counter[str]) -> None:
        self._process, self._relay, self.metrics = process, relay, metrics
        self.killed = 0

    def invoke(self, event, *, paused=0.0):
        """Return the answer, and how many seconds it took. `paused` is how far only the wall clock has gone on."""
        started = time.monotonic()
        answered, text = self._process.invoke(json.dumps({"event": event, "paused": paused}))
        assert answered, text
        return json.loads(text), time.monotonic() - started

    def freeze(self, death):
        """Have the process stand still while its connections die."""
        with stopped(self._process._child.pid):  # noqa: SLF001
            killed = self._relay.kill(death)
            time.sleep(0.05)  # for the kernel, which goes on
        assert killed
        self.killed += killed


@pytest.fixture
def start(tables):
    @contextmanager
    def start(name):
        metrics = Counter[str]()

        def write(line):
            record = json.loads(line) if line.startswith('{"_aws"') else {"_aws": {"CloudWatchMetrics": []}}
            for directive in record["_aws"]["CloudWatchMetrics"]:
                metrics.update({each["Name"]: int(sum(record[each["Name"]])) for each in directive["Metrics"]})

        with Relay(tables.endpoint) as relay:
            more = {
                "AWS_ENDPOINT_URL_DYNAMODB": relay.url,
                "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:1",
                "PYTHONPATH": str(Path(events.__file__).parent),  # for `sampled`, which moves the clock
            }
            function = declared(name, more, parameters=ANYONE, handler="sampled.lambda_handler")
            process = functions.Process(function, None, write, lambda: None)
            try:
                running = Process(process, relay, metrics)
                running.invoke(NOTHING)
                yield running
            finally:
                process.stop()

    return start


@pytest.fixture
def link(tables):
    link = Link(f"idle-{time.time_ns():x}", Kind("https://example.com/idle", "301", None), "2026-11-22T10:30:00Z", None)
    tables.put(link)
    return link


def click(process, link, *, is_bot, **options):
    headers = REDIRECT["headers"] | ({"user-agent": BOT} if is_bot else {})
    event = REDIRECT | {"pathParameters": {"short_code": link.short_code}, "headers": headers}
    answer, seconds = process.invoke(event, **options)
    assert answer["statusCode"] == 301
    return seconds


def visit(process, link, death, paused):
    """Have visitors come before and after pauses in which all connections die; return what they waited at most.

    Every other round has a bot before the pause, the others have one afterwards.
    """
    waited = []
    for number in range(ROUNDS):
        click(process, link, is_bot=number % 2 == 1)
        process.freeze(death)
        waited.append(click(process, link, is_bot=number % 2 == 0, paused=paused))
    return max(waited)


def count(tables, link, started):
    """Return people's clicks and bots', and check that they are on the days on which they were made."""
    row = tables.get(link.short_code)
    assert row.click_count == row.bot_click_count + sum(row.days.values())
    assert row.days.keys() <= {int(at) // DAY for at in (started, time.time() + ROUNDS * (IDLE + 1))}
    return sum(row.days.values()), row.bot_click_count


def note(findings, process, death, paused, counted):
    sent = 2 * ROUNDS
    people, bots = counted
    found = found_clicks(sent, people, bots, 0, process.metrics["click_uncertain"])
    scenario = f"Idle connections {death}, after {f'{paused} s' if paused else 'a moment'}"
    injected = Counter({"connections died": process.killed})
    findings.append(Finding(scenario, injected, Counter({"301": sent}), found))


@pytest.mark.parametrize("death", Death)
def test_given_dead_connections_when_the_pause_was_long_then_no_click_is_lost(start, link, tables, death, findings):
    started, paused = time.time(), IDLE + 1
    with start("redirect") as process:
        longest = visit(process, link, death, paused)

    counted = count(tables, link, started)
    note(findings, process, death, paused, counted)
    assert (*counted, process.metrics["click_uncertain"]) == (ROUNDS, ROUNDS, 0)
    assert longest < TIMEOUTS["dynamodb"].read  # nobody waited for a dead connection


@pytest.mark.parametrize("death", Death)
def test_given_dead_connections_when_the_pause_was_short_then_no_click_is_doubled(start, link, tables, death, findings):
    started = time.time()
    with start("redirect") as process:
        longest = visit(process, link, death, 0)

    counted = count(tables, link, started)
    note(findings, process, death, 0, counted)
    # What was closed or reset before it is used is noticed. What isn't is a write that may have been applied.
    is_noticed = death in (Death.CLOSED, Death.RESET)
    assert process.metrics["click_uncertain"] == (0 if is_noticed else ROUNDS)
    assert counted == ((ROUNDS, ROUNDS) if is_noticed else (3, 2))  # people before the pauses, and bots
    assert longest < sum(TIMEOUTS["dynamodb"]) + 0.5


@pytest.mark.parametrize("death", Death)
def test_given_dead_connections_when_a_link_is_made_then_it_is_made_once(start, tables, death):
    with start("create_url") as process:
        for number in range(ROUNDS):
            url = f"https://example.com/idle/{time.time_ns():x}"
            create = CREATE | {"body": json.dumps({"original_url": url})}
            process.invoke(CREATE)
            process.freeze(death)

            answer, _ = process.invoke(create, paused=(IDLE + 1) * (number % 2))

            assert answer["statusCode"] == 201
            assert tables.count(url) == 1
