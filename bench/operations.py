"""What one request of each kind takes, and what each option adds to it: the figures that costs follow from."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from bench import cost
from bench.aws import Watched
from bench.cost import tables
from bench.measure import Start, Subject, Subjects, Warm, process, warm
from bench.report import table
from bench.subjects import DENIED, LIMITED, UNLIMITED, Checkout
from local.template import Stack

WARM_REQUESTS = 60  # in a row
REQUESTS = 20  # of each kind: what is counted doesn't depend on time, nor on the first one's cold start

# What API Gateway adds to an answer, and what every answer ends with.
GATEWAY_HEADERS = {
    "Date": "Sun, 22 Nov 2026 10:30:00 GMT",
    "Content-Length": "0",
    "Connection": "keep-alive",
    "Apigw-Requestid": "JKJaXmPLvHcESHA=",
}


def measure(
    subjects: Subjects, *, aws: Watched, started: Mapping[str, Start], warmed: Mapping[str, Warm], batches: int
) -> dict[str, cost.Operation]:
    """Return what one warm request of each kind takes; their names begin with the function's, as in `started`.

    Processor time is that of the batch, and of the process, that took least: dollars follow from it alone, and not from
    how it compares with something that was measured at the same time.
    """
    cpu = warm(subjects, batches, WARM_REQUESTS)
    aws.asks_capacity = True
    found = {}
    for name, subject in subjects.items():
        with process(subject.function) as running:
            requests = subject.count(REQUESTS)
            for _ in range(requests):
                subject.ask(running)
            aws.reset()
            before = running.usage()
            for _ in range(requests):
                answer, _ = subject.ask(running)
            after = running.usage()
        kind = name.partition("_")[0]
        found[name] = cost.Operation(
            cpu_ms=cpu[name].least_cpu * 1000,
            round_trips=aws.in_a_row / requests,
            read_units=aws.read_units / requests,
            write_units=aws.write_units / requests,
            log_bytes=(after.log_bytes - before.log_bytes) / requests,
            log_events=(after.log_lines - before.log_lines) / requests,
            sent_bytes=_sent_bytes(answer),
            init_cpu_ms=started[kind].least_init_cpu * 1000,
            first_cpu_ms=(started[kind].least_cpu - started[kind].least_init_cpu) * 1000,
            peak_bytes=max(cpu[name].peak_bytes, warmed[kind].peak_bytes),
            local_ms=cpu[name].time * 1000,
        )
    aws.asks_capacity = False
    return found


def _sent_bytes(answer: Mapping[str, Any]) -> int:
    """Return the bytes of an HTTP answer, with what API Gateway adds."""
    status = HTTPStatus(answer["statusCode"])
    headers = {**answer.get("headers", {}), **GATEWAY_HEADERS}
    head = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return len("\r\n".join([*head, "", answer.get("body", "")]).encode()) + len("\r\n")


class Option(NamedTuple):
    """Something that can be had or not, as one kind of request shows it: with it, and without; and how often traced."""

    what: str
    operation: str
    having: Subject
    lacking: Subject
    traces: int = 0


def options(own: Checkout, endpoint: str, url: str) -> list[Option]:
    """Return what is shown by rows of its own. `url` is where AWS answers, `endpoint` where tables are made."""
    listed = Checkout(own.folder, endpoint, "lists-")
    listed.deny(DENIED)

    def option(what: str, operation: str, having: Subjects, lacking: Subjects, traces: int = 0) -> Option:
        return Option(
            f"{what}: {operation.replace('_', ', ')}", operation, having[operation], lacking[operation], traces
        )

    def kind_of_click(what: str, having: Subject, lacking: Subject) -> Option:
        return option(what, "redirect", {"redirect": having}, {"redirect": lacking})

    usual = own.operations(url)
    lists = f"{len(DENIED)} denied domains"
    debug, error = (own.operations(url, parameters={"LogLevel": level}) for level in ("DEBUG", "ERROR"))
    limited, unlimited = (own.operations(url, parameters=each) for each in (LIMITED, UNLIMITED))
    return [
        option("`CreateAccess=anyone` without a limit", "create_new", unlimited, usual),
        option("a limit for each client, where anyone may create", "create_new", limited, unlimited),
        option(lists, "redirect", listed.operations(url), usual),
        option(lists, "create_new", listed.operations(url), usual),
        option("a request that X-Ray samples", "redirect", own.operations(url, sampled=True), usual, traces=1),
        kind_of_click("35 days in the row", usual["redirect"], usual["redirect_fresh"]),
        kind_of_click("a bot's click", usual["redirect_bot"], usual["redirect"]),
        kind_of_click("a query of three parameters that is passed on", usual["redirect_forwarded"], usual["redirect"]),
        option("`LogLevel=DEBUG`", "redirect", debug, usual),
        option("`LogLevel=ERROR`", "redirect_missed", error, usual),
    ]


def options_table(
    offered: Iterable[Option], operations: cost.Operations, measure: Callable[[Subjects], dict[str, cost.Operation]]
) -> str:
    """Return what each option adds to a request, and what each parameter adds to the mix."""
    setup, prices = cost.Setup.read(Stack()), cost.Prices()
    rows = []
    for option in offered:
        pair = {f"{option.operation}_with": option.having, f"{option.operation}_without": option.lacking}
        having, lacking = measure(pair).values()
        dollars = [
            cost.total(
                cost.bill({**operations, option.operation: each}, setup, cost.REQUIRED, prices), option.operation
            )
            for each in (having, lacking)
        ]
        added = dollars[0] - dollars[1] + option.traces * cost.MILLION * prices.unit("xray.traces")
        differences = [
            f"{having.cpu_ms - lacking.cpu_ms:+.2f}",
            f"{having.round_trips - lacking.round_trips:+.0f}",
            f"{round(having.log_bytes - lacking.log_bytes):+}",
            f"{added:+.3f}",
        ]
        rows.append([option.what, *differences])
    rows += [[name, "", "", "", dollars] for name, dollars in tables.parameters(operations, setup, prices)]
    return table(["option", "CPU ms", "calls in a row", "log bytes", "dollars per million"], rows)
