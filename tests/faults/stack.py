"""The stack whose database and queue can fail: genuine runtimes, proxies before the services, and the books on it."""

import itertools
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, NamedTuple, Self

from local import functions
from local.reaper import kill_session
from squrl.clicks import Click
from squrl.keys import OPERATOR
from squrl.links import DAY, Kind, Link, timestamp
from squrl.statistics import see_statistics
from tests.support import events
from tests.support.functions import FOLDERS
from tests.support.proxy import Call, Fault, Proxy, Rule
from tests.support.runtime import NOTHING, declared
from tests.support.tables import Tables

REDIRECT, CREATE, CONSUMER, MANAGE = "redirect", "create_url", "count_clicks", "manage_links"
PROCESSES = {REDIRECT: 6, CREATE: 3, CONSUMER: 2, MANAGE: 3}
DAYS = {REDIRECT: 3}  # the processes' clocks are as many days apart, so that there is more than today to reconcile
ANYONE = {"CreateAccess": "anyone", "CreatesPerMinutePerClient": "0"}  # visitors here have no keys, and one address
VISITORS = 8  # at a time
OUTAGE = 10  # seconds
SEED = 20_261_122
BOTS = 0.2  # of the visitors
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

LONGEST = 5  # seconds that a redirect may take: above, this machine stood still, and a function may have no time left
BATCH = 99  # messages, as in the template
BATCHING_WINDOW = 0.5  # seconds
DRAINED_WITHIN = 120  # seconds
SAMPLE = events.load("count_clicks/sqs.json")["Records"][0]

Bin = tuple[str, int | None]  # where a click is counted: a code, and a day since 1970 or None for bots


class Answer(NamedTuple):
    """What a request came to.

    Attributes
    ----------
    subject : str
        The code that was followed, or the destination that was to be shortened.
    status : int
        The HTTP status; 0 when there was no answer, since the function's process was killed.
    headers, body
        As the function answered.
    started, ended : float
        Unix seconds.
    day : int
        The UTC day by the clock of the function that was asked, counted from 1970-01-01 on.
    is_bot : bool
        Whether a bot asked.
    """

    subject: str
    status: int
    headers: dict[str, str]
    body: str
    started: float
    ended: float
    day: int
    is_bot: bool = False

    @property
    def bin(self) -> Bin:
        return self.subject, None if self.is_bot else self.day

    @property
    def is_success(self) -> bool:
        return self.status // 100 in (2, 3)


Request = Callable[[], Answer]


class Pool:
    """Processes of one function, each replaced when it is used after its end; a context manager.

    Lambda imports a function before it hands it an event. The emulator does that with the first event and on its time,
    so the first event here is none that counts.
    """

    def __init__(self, name: str, variables: dict[str, str], write: functions.Write) -> None:
        more = {"PYTHONPATH": str(Path(events.__file__).parent)}  # for `earlier`, which moves the clock
        self._function = declared(name, variables | more, parameters=ANYONE, handler="earlier.lambda_handler")
        self._count, self._days, self._write = PROCESSES[name], DAYS.get(name, 1), write
        self._processes = dict[int, functions.Process]()
        self._idle = SimpleQueue[int]()
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        for number in range(self._count):
            self._start(number)
            self._idle.put(number)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.stop()

    def invoke(self, event: Any, days_ago: int | None) -> tuple[bool, str, int]:
        """Return what `functions.Process.invoke` does, from a process that has nothing to do, and its `days_ago`.

        Each process has the same clock all the time, unless it is told how many days ago to take the event: a clock
        that jumps has it connect anew.
        """
        number = self._idle.get()
        if days_ago is None:
            days_ago = number % self._days
        try:
            if not self._processes[number].healthy:
                self._processes[number].stop()
                self._start(number)
            return *self._processes[number].invoke(_earlier(event, days_ago)), days_ago
        finally:
            self._idle.put(number)

    def kill(self) -> None:
        """Kill any one of the processes, whatever it is doing."""
        kill_session(random.choice(list(self._processes.values()))._child.pid)  # noqa: S311, SLF001

    def _start(self, number: int) -> None:
        with self._starting:
            self._processes[number] = functions.Process(self._function, None, self._write, lambda: None)
            self._processes[number].invoke(_earlier(NOTHING, number % self._days))


def _earlier(event: Any, days_ago: int) -> str:
    return json.dumps({"event": event, "days_ago": days_ago})


class Stack:
    """The template's functions; a context manager.

    Parameters
    ----------
    variables
        Environment variables besides the template's: where the services are.
    """

    def __init__(self, variables: dict[str, str], names: Iterable[str] = PROCESSES) -> None:
        self.metrics = Counter[str]()
        self._lock = threading.Lock()
        self.pools = {name: Pool(name, variables, self._write) for name in names}

    def __enter__(self) -> Self:
        with ThreadPoolExecutor() as starting:
            list(starting.map(Pool.__enter__, self.pools.values()))
        return self

    def __exit__(self, *error: object) -> None:
        for pool in self.pools.values():
            pool.__exit__(*error)

    def get(self, short_code: str, *, is_bot: bool = False, days_ago: int | None = None) -> Answer:
        """Follow a link, as the HTTP API has it done; on one of the last `DAYS`, or so many days ago."""
        event = events.load("redirect/http.json") | {"pathParameters": {"short_code": short_code}}
        if is_bot:
            event["headers"]["user-agent"] = BOT
        return self._request(REDIRECT, event, short_code, days_ago=days_ago)._replace(is_bot=is_bot)

    def create(self, **fields: str | int) -> Answer:
        """Make a link, as the HTTP API has it done."""
        event = events.load("create_url/http.json") | {"body": json.dumps(fields)}
        return self._request(CREATE, event, str(fields["original_url"]))

    def change(self, short_code: str, **fields: Any) -> Answer:
        """Change a link of the sample key's owner, as the HTTP API has it done."""
        event = events.load("manage_links/http_change.json")
        event |= {"pathParameters": {"short_code": short_code}, "body": json.dumps(fields)}
        return self._request(MANAGE, event, short_code)

    def bulk(self, event: str, subjects: list[str], **body: Any) -> list[Answer]:
        """Have a bulk done with the sample key, and return an answer for each entry: what nobody answered is a 0."""
        sample = events.load(f"manage_links/http_bulk_{event}.json") | {"body": json.dumps(body)}
        whole = self._request(MANAGE, sample, "")
        if whole.status != 200:
            return [whole._replace(subject=subject) for subject in subjects]
        results = json.loads(whole.body)["results"]
        return [
            whole._replace(subject=subject, status=each["status"], body=json.dumps(each.get("link") or each["error"]))
            for subject, each in zip(subjects, results, strict=True)
        ]

    def statistics(self, short_code: str, first: int, last: int) -> dict[str, Any]:
        """Return what an operator is told of a link's days from first to last, counted from 1970-01-01 on."""
        window = {"from": timestamp(first * DAY)[:10], "to": timestamp(last * DAY)[:10]}
        answer = self.invoke(MANAGE, {"method": "GET", "path": f"/links/{short_code}/stats", "query": window})
        assert answer is not None
        assert answer["status"] == 200, answer
        body: dict[str, Any] = answer["body"]
        return body

    def invoke(self, function: str, event: Any) -> dict[str, Any] | None:
        """Hand a function an event; ``None`` when its process was killed.

        Raises
        ------
        AssertionError
            When it was out of time, or failed.
        """
        return self._invoke(function, event)[0]

    def _invoke(self, function: str, event: Any, days_ago: int | None = None) -> tuple[dict[str, Any] | None, int]:
        answered, text, days_ago = self.pools[function].invoke(event, days_ago)
        if not answered and not text:
            return None, days_ago
        assert answered, text
        answer: dict[str, Any] = json.loads(text)
        assert "errorType" not in answer, text
        return answer, days_ago

    def _request(self, function: str, event: Any, subject: str, *, days_ago: int | None = None) -> Answer:
        started = time.time()
        answer, days_ago = self._invoke(function, event, days_ago)
        told = answer or {"statusCode": 0, "headers": {}, "body": ""}
        day = int(started) // DAY - days_ago
        return Answer(subject, told["statusCode"], told["headers"], told["body"], started, time.time(), day)

    def _write(self, line: str) -> None:
        """Take a line of a function's output; add up the counts in it, if it is metrics."""
        try:
            record = json.loads(line)
            directives = record["_aws"]["CloudWatchMetrics"]
        except (ValueError, TypeError, KeyError):
            return
        with self._lock:
            for directive in directives:
                for name in {metric["Name"] for metric in directive["Metrics"] if metric["Unit"] == "Count"}:
                    self.metrics[name] += int(sum(record[name]) if isinstance(record[name], list) else record[name])


class EventSource:
    """Hands the queue's messages to the consumer in batches, as Lambda's event source mapping does; a context manager.

    Attributes
    ----------
    deliveries : int
        How often each batch is handed over, before what of it was counted is deleted.
    open : threading.Event
        Whether messages are taken from the queue.
    """

    def __init__(self, sqs: Any, url: str, stack: Stack) -> None:
        self._sqs, self._url, self._stack = sqs, url, stack
        self._threads = ThreadPoolExecutor(PROCESSES[CONSUMER])
        self._closed = False
        self.reset()

    def reset(self) -> None:
        """Deliver as usual."""
        self.deliveries = 1
        self.open = threading.Event()
        self.open.set()

    def __enter__(self) -> Self:
        self._polls = [self._threads.submit(self._poll) for _ in range(PROCESSES[CONSUMER])]
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._threads.shutdown()

    def send(self, click: Click) -> None:
        """Put a click into the queue, past the proxy."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=click.to_message())

    def drain(self) -> None:
        """Wait until every message was counted and deleted."""
        deadline = time.monotonic() + DRAINED_WITHIN
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        while True:
            for poll in self._polls:
                if poll.done():
                    poll.result()
            found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
            if set(found.values()) == {"0"}:
                return
            assert time.monotonic() < deadline, f"clicks are left in the queue: {found}"
            time.sleep(0.1)

    def _poll(self) -> None:
        while not self._closed:
            batch = self._receive()
            if batch:
                self._deliver(batch)

    def _receive(self) -> list[dict[str, Any]]:
        batch: list[dict[str, Any]] = []
        deadline = time.monotonic() + BATCHING_WINDOW
        while len(batch) < BATCH and time.monotonic() < deadline:
            if self.open.is_set():
                most = min(10, BATCH - len(batch))
                batch += self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=most).get("Messages", [])
            time.sleep(0.02)
        return batch

    def _deliver(self, batch: list[dict[str, Any]]) -> None:
        records = [
            SAMPLE | {"messageId": each["MessageId"], "receiptHandle": each["ReceiptHandle"], "body": each["Body"]}
            for each in batch
        ]
        answers = [self._stack.invoke(CONSUMER, {"Records": records}) for _ in range(self.deliveries)]
        if answers[-1] is None:
            return
        failed = {failure["itemIdentifier"] for failure in answers[-1]["batchItemFailures"]}
        entries = [
            {"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]}
            for message in batch
            if message["MessageId"] not in failed
        ]
        for start in range(0, len(entries), 10):
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries[start : start + 10])


@dataclass
class Finding:
    """One line of the table: what was injected, and what was found."""

    scenario: str
    injected: Counter[str]
    answers: Counter[str]
    clicks: str


class Scenario:
    """One scenario: its links, its requests, and the reckoning.

    Attributes
    ----------
    stack : Stack
        The functions.
    database, queue : Proxy
        What stands between them and the services.
    source : EventSource
        What stands between the queue and its consumer.
    tables : Tables
        The tables, past the proxy.
    links : dict
        Those that are followed, by code.
    finding : Finding or None
        What the reckoning came to.
    """

    def __init__(self, stack: Stack, database: Proxy, queue: Proxy, source: EventSource, tables: Tables) -> None:
        self.stack, self.database, self.queue, self.source = stack, database, queue, source
        self.links: dict[str, Link] = {}
        self.finding: Finding | None = None
        self.tables = tables
        self._name = f"{time.time_ns():x}"
        self.random = random.Random(SEED)  # noqa: S311
        stack.metrics.clear()

    def put_links(
        self, count: int, *, expires_at: int | None = None, owner: str | None = None, **fields: Any
    ) -> list[Link]:
        """Write links into the table, past the proxy; `fields` are more of `Link`'s."""
        created_at = timestamp(int(time.time()) if expires_at is None else expires_at - 3600)
        ttl_hours = None if expires_at is None else 1
        first = len(self.links)
        links = [
            Link(
                f"{self._name}-{number}",
                Kind(self.destination(number), "301", ttl_hours, owner),
                created_at,
                expires_at,
                **fields,
            )
            for number in range(first, first + count)
        ]
        for link in links:
            self.links[link.short_code] = link
        self.tables.put(*links)
        return links

    def destination(self, name: object) -> str:
        """Return a URL that is this scenario's own."""
        return f"https://example.com/{self._name}/{name}"

    def requests(self, links: list[Link], *, creates: float = 0.1) -> Iterator[Request]:
        """Yield requests without end: clicks on the links, and a share of creates, each of which comes twice."""
        for number in itertools.count():
            if self.random.random() < creates:
                create = partial(self.stack.create, original_url=self.destination(f"new-{number}"))
                yield create
                yield create
            yield self.visit(self.random.choice(links))

    def visit(self, link: Link, *, days_ago: int | None = None) -> Request:
        """Return a click on a link, by a person or by a bot."""
        return partial(self.stack.get, link.short_code, is_bot=self.random.random() < BOTS, days_ago=days_ago)

    @staticmethod
    def share(share: float, *faults: Fault, on: Callable[[Call], bool] = lambda _: True) -> Rule:
        """Return a rule by which a share of certain calls meets one of the faults."""
        draws = random.Random(SEED)  # noqa: S311
        return lambda call: draws.choice(faults) if on(call) and draws.random() < share else None

    @staticmethod
    def run(requests: Iterable[Request]) -> list[Answer]:
        """Have visitors make the requests, each the next one when the last is answered."""
        waiting, lock = iter(requests), threading.Lock()
        answers: list[Answer] = []

        def visit() -> None:
            while True:
                with lock:
                    request = next(waiting, None)
                if request is None:
                    return
                answers.append(request())

        with ThreadPoolExecutor(VISITORS) as visitors:
            try:
                for visitor in as_completed([visitors.submit(visit) for _ in range(VISITORS)]):
                    visitor.result()
            finally:
                waiting = iter(())
        return answers

    def run_through_outage(
        self, proxy: Proxy, how: Literal["refusing", "silent"], requests: Iterator[Request], afterwards: int
    ) -> tuple[list[Answer], float]:
        """Have a service fail for `OUTAGE` seconds, with visitors before, meanwhile and afterwards.

        Returns the answers, and when the service came back, in Unix seconds.
        """
        over = threading.Event()

        def interrupt() -> float:
            time.sleep(1)
            with proxy.refusing() if how == "refusing" else proxy.silent():
                time.sleep(OUTAGE)
            over.set()
            return time.time()

        proxy.injected[f"outage of {OUTAGE} s"] += 1
        with ThreadPoolExecutor(1) as operator:
            interruption = operator.submit(interrupt)
            meanwhile = itertools.takewhile(lambda _: not over.is_set(), requests)
            answers = self.run(itertools.chain(meanwhile, itertools.islice(requests, afterwards)))
        return answers, interruption.result()

    @contextmanager
    def killing(self, *names: str, every: float) -> Iterator[None]:
        """Kill a process of one function after another, with so many seconds in between."""
        done = threading.Event()

        def kill() -> None:
            for name in itertools.cycle(names):
                if done.wait(every):
                    return
                self.stack.pools[name].kill()
                self.database.injected[f"{FOLDERS[name]} killed"] += 1

        with ThreadPoolExecutor(1) as killer:
            killing = killer.submit(kill)
            try:
                yield
            finally:
                done.set()
                killing.result()

    def settle(self) -> dict[str, Link]:
        """End the faults, wait until everything that was begun has come to its end, and return the rows."""
        for proxy in (self.database, self.queue):
            proxy.rule = lambda _: None
            proxy.settle()
        self.source.reset()
        self.source.drain()
        return self.tables.all()

    def found(self, scenario: str, answers: list[Answer], clicks: str) -> None:
        """Note what the table says of this scenario."""
        injected = self.database.injected + self.queue.injected
        self.finding = Finding(scenario, injected, Counter(str(each.status or "none") for each in answers), clicks)

    def reconcile(
        self,
        scenario: str,
        answers: list[Answer],
        *,
        clicks: Collection[int] = (301,),
        creates: Collection[int] = (200, 201),
        uncertain: bool = False,
    ) -> None:
        """Check every promise that holds whatever fails.

        Parameters
        ----------
        scenario
            What the table calls it.
        answers
            All of them.
        clicks, creates
            The statuses that clicks and creates may have been answered with.
        uncertain
            Whether clicks may be uncertain that were never sent anywhere.
        """
        rows = self.settle()
        clicked = [answer for answer in answers if answer.subject in self.links]
        created = [answer for answer in answers if answer.subject not in self.links]
        self.check_statuses(clicked, clicks)
        self.check_statuses(created, creates)
        self.reconcile_creates(created, rows)
        found = self._reconcile_clicks(clicked, may_be_unsent=uncertain)
        self.found(scenario, answers, found)

    def check_statuses(self, answers: list[Answer], statuses: Collection[int]) -> None:
        """Check that answers have these statuses, and say when to try again where that helps."""
        for answer in answers:
            stood_still = answer.ended - answer.started > LONGEST
            overload = [503] if self.database.overdue or stood_still else []
            assert answer.status in (*statuses, *overload), answer
            assert ("Retry-After" in answer.headers) == (answer.status in (429, 503)), answer

    def lost_clicks(self, *, applied: bool | None = None) -> Counter[Bin]:
        """Return how many clicks have an unknown outcome; or only those of them that were counted, or were not."""
        return Counter(
            _bin(call)
            for call, was_applied in self.database.lost
            if call.operation == "UpdateItem" and "click_count" in call.parameters["UpdateExpression"]
            if applied in (None, was_applied)
        )

    def counted(self, short_code: str) -> Counter[Bin]:
        """Return what the tables have of a link's clicks, and check that days and bots add up to the sum."""
        found = see_statistics(short_code, OPERATOR, self.tables.store)
        assert found.undated == 0, f"{short_code}: days and bots don't add up to the sum"
        return _bins(found.link, found.days)

    def reconcile_creates(self, answers: list[Answer], rows: dict[str, Link]) -> None:
        """Check that what was told to be made is there, once, and nothing that was told not to be done."""
        codes = defaultdict[str, list[str]](list)
        for row in rows.values():
            codes[row.kind.original_url].append(row.short_code)
        outcomes = defaultdict[str, list[int]](list)
        for answer in answers:
            outcomes[answer.subject].append(answer.status)
            if answer.is_success:
                assert codes[answer.subject] == [json.loads(answer.body)["short_code"]], answer
        lost = {
            call.parameters["Item"]["original_url"]["S"]
            for call, _ in self.database.lost
            if call.operation == "PutItem" and "original_url" in call.parameters["Item"]  # else it is the secret's
        }
        for destination, statuses in outcomes.items():
            assert len(codes[destination]) <= 1, destination
            if set(statuses) == {429}:
                assert not codes[destination], "a row, though nothing was said to be done"
            # Identical claims within one second look alike: one whose answer was lost takes another's for its own.
            assert statuses.count(201) <= 1 or destination in lost, destination

    def _reconcile_clicks(self, answers: list[Answer], *, may_be_unsent: bool) -> str:
        sent, unsent = Counter[Bin](), Counter[Bin]()
        for answer in answers:
            if answer.status == 301:
                assert answer.headers["Location"] == self.links[answer.subject].kind.original_url
                sent[answer.bin] += 1
            else:
                unsent[answer.bin] += 1
        counted = Counter[Bin]()
        for code, link in self.links.items():
            counted.update(self.counted(code))
            counted.subtract(_bins(link, link.days))
        lost = self.lost_clicks(applied=False)
        for each in counted.keys() | sent.keys() | unsent.keys():
            most = sent[each] + unsent[each] - lost[each]
            assert counted[each] <= most, f"{each} has clicks that are another day's, another's, or counted twice"
        metrics = self.stack.metrics
        uncertain, queued = metrics["click_uncertain"], metrics["click_queued"]
        # One message may be sent twice, and only the first answer be lost.
        lost_messages = len(
            {call.parameters["MessageBody"] for call, _ in self.queue.lost if "MessageBody" in call.parameters}
        )
        cut = self.database.cut + self.queue.cut
        assert may_be_unsent or uncertain <= self.lost_clicks().total() + lost_messages + cut, (
            "uncertain without a reason"
        )
        # Where no day has a click too many, what is missing on some of them can't be hidden by others.
        assert (sent - counted).total() <= uncertain, "clicks are missing"
        unknown = uncertain if may_be_unsent else lost_messages + cut
        assert (sent - lost - counted).total() <= unknown, "clicks are missing whose outcome was known"
        if not unsent:
            certain = sent.total() - uncertain + self.lost_clicks(applied=True).total()
            assert certain <= counted.total() <= certain + lost_messages + cut
        bots = sum(clicks for (_, day), clicks in counted.items() if day is None)
        return found_clicks(sent.total(), counted.total() - bots, bots, queued, uncertain)


def found_clicks(sent: int, people: int, bots: int, queued: int, uncertain: int) -> str:
    """Return what the table of findings says of clicks: how many were sent on, and how many counted."""
    return f"{sent} sent on, {people + bots} counted ({bots} bots', {queued} queued), {uncertain} uncertain"


def _bins(link: Link, days: Mapping[int, int]) -> Counter[Bin]:
    bots: dict[Bin, int] = {(link.short_code, None): link.bot_click_count}
    return Counter(bots | {(link.short_code, day): clicks for day, clicks in days.items()})


def _bin(call: Call) -> Bin:
    """Return where a click is counted: ``ADD click_count :one, d0ft :one REMOVE changed``."""
    counter = call.parameters["UpdateExpression"].split()[3]
    return call.parameters["Key"]["short_code"]["S"], None if counter == "bot_click_count" else int(counter[1:], 36)
