"""The clients: `python -m bench.load.clients ORDER` with Locust's Python.

ORDER is `Order` as JSON. Standard output gets a JSON object a second with the progress, and a last one with the result.
"""

import json
import random
import sys
import time
from collections import Counter
from http import HTTPStatus
from itertools import cycle
from typing import Any, ClassVar, NamedTuple

import geventhttpclient.client  # type: ignore[import-not-found]
from locust import FastHttpUser, task  # type: ignore[import-not-found]
from locust.env import Environment  # type: ignore[import-not-found]
from locust.exception import StopUser  # type: ignore[import-not-found]

from bench.load.model import BOTS, DAY, LIMIT, OPERATIONS, USER_AGENTS, Clicks, Order, Zipf

REDIRECTS_PER_CREATE = 10
LIMITED = 50  # every so many requests one is for the run's link with a limit
ANSWER_SECONDS = 120
_INVOCATIONS = "/2015-03-31/functions/function/invocations"

# A click is not idempotent, whatever its method, and a reset connection is to be seen: nothing is sent again silently.
geventhttpclient.client.IDEMPOTENT_METHODS = frozenset()


class Create(NamedTuple):
    """A link to be made."""

    destination: str
    limit: dict[str, int]


class Visit(NamedTuple):
    """A link to be followed."""

    code: str
    destination: str
    user_agent: str
    is_bot: bool
    is_limited: bool


class Run:
    """One run: which request is next, and what was answered."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.hosts = cycle(order.hosts)
        self.begun = self.ended = 0
        self.over = False
        self.milliseconds: dict[str, list[float]] = {name: [] for name in OPERATIONS}
        self.errors = Counter[str]()
        self.created: list[tuple[str, str]] = []
        self.clicks = Clicks()
        self.used_up = Counter[str]()
        self._links = list(order.links)
        self.limited: list[tuple[str, str]] = []
        self._zipf = Zipf(len(order.links) + order.requests)
        self._random = random.Random(order.name)  # noqa: S311 - the same visits in every run
        self._deadline = time.monotonic() + order.seconds

    def next(self) -> Create | Visit:
        """Return what to do: one link in eleven requests is to be made, the first of all with a limit.

        Raises
        ------
        StopUser
            If no request is left.
        """
        if self.begun >= self.order.requests or time.monotonic() > self._deadline:
            self.over = True
            raise StopUser
        number, self.begun = self.begun, self.begun + 1
        if not self._links or (number % (REDIRECTS_PER_CREATE + 1) == 0 and not self.order.direct):
            return Create(f"https://example.com/{self.order.name}/{number}", {} if number else {"max_clicks": LIMIT})
        is_bot = self._random.random() < BOTS
        user_agent = self._random.choice(USER_AGENTS[is_bot])
        if self.limited and number % LIMITED == 1:
            return Visit(*self.limited[0], user_agent, is_bot, is_limited=True)
        link = self._links[self._zipf.draw(len(self._links), self._random.random())]
        return Visit(*link, user_agent, is_bot, is_limited=False)

    def made(self, code: str, create: Create) -> None:
        """Note a new link."""
        link = code, create.destination
        self.created.append(link)
        (self.limited if create.limit else self._links).append(link)

    def sent_on(self, visit: Visit) -> None:
        """Note a click. No run lasts over midnight."""
        self.clicks[visit.code, None if visit.is_bot else int(time.time()) // DAY] += 1

    def note(self, name: str, response_time: float, exception: BaseException | None, **_: object) -> None:
        """Note how a request ended: Locust's event."""
        self.ended += 1
        if exception:
            self.errors[f"{name}: {exception}"[:300]] += 1
        else:
            self.milliseconds[name].append(response_time)

    def broke(self, exception: BaseException, **_: object) -> None:
        """Note that a client failed over an answer: Locust's event."""
        self.ended += 1
        self.errors[f"client: {exception!r}"[:300]] += 1


class Client(FastHttpUser):  # type: ignore[misc]
    """Takes one request after another, without a pause."""

    network_timeout = connection_timeout = ANSWER_SECONDS
    current: ClassVar[Run]

    def __init__(self, environment: Environment) -> None:
        self.host = next(self.current.hosts)
        super().__init__(environment)

    @task  # type: ignore[untyped-decorator]
    def request(self) -> None:
        """Do the next request."""
        request = self.current.next()
        if isinstance(request, Create):
            self._create(request)
        elif self.current.order.direct:
            self._invoke(request)
        else:
            self._follow(request)

    def _create(self, create: Create) -> None:
        body = {"original_url": create.destination, "redirect_type": "302"} | create.limit
        with self.client.post("/create", json=body, name="create", catch_response=True) as answer:
            if answer.status_code == HTTPStatus.CREATED:
                self.current.made(answer.json()["short_code"], create)
            else:
                answer.failure(_what(answer))

    def _follow(self, visit: Visit) -> None:
        with self.client.get(
            f"/{visit.code}",
            name="redirect",
            headers={"User-Agent": visit.user_agent},
            allow_redirects=False,
            catch_response=True,
        ) as answer:
            status, led_to = answer.status_code, answer.headers.get("Location") if answer.headers else None
            if visit.is_limited and status == HTTPStatus.GONE and led_to is None:
                self.current.used_up[visit.code] += 1
                answer.success()
            elif visit.is_limited and visit.is_bot:  # doesn't learn where it leads, and counts as nobody
                if status != HTTPStatus.OK or led_to is not None:
                    answer.failure(_what(answer))
            elif status == HTTPStatus.FOUND and led_to == visit.destination:
                self.current.sent_on(visit)
            else:
                answer.failure(_what(answer))

    def _invoke(self, visit: Visit) -> None:
        event = {"short_code": visit.code, "user_agent": visit.user_agent}
        with self.client.post(_INVOCATIONS, json=event, name="redirect", catch_response=True) as answer:
            if answer.status_code == HTTPStatus.OK and answer.json().get("original_url") == visit.destination:
                self.current.sent_on(visit)
            else:
                answer.failure(_what(answer))


def _what(answer: Any) -> str:  # noqa: ANN401
    """Return what came instead of the right answer."""
    return f"{answer.status_code} {answer.text if answer.status_code else answer.error}"


def main() -> None:
    """Do the run of the command line."""
    run = Client.current = Run(Order(**json.loads(sys.argv[1])))
    environment = Environment(user_classes=[Client])
    environment.events.request.add_listener(run.note)
    environment.events.user_error.add_listener(run.broke)
    runner = environment.create_local_runner()
    started = reported = time.monotonic()
    runner.start(run.order.clients, spawn_rate=run.order.clients)
    limit = started + run.order.seconds + 2 * ANSWER_SECONDS
    while not (run.over and run.ended >= run.begun) and time.monotonic() < limit:
        time.sleep(0.05)  # which Locust has made gevent's
        if time.monotonic() > reported + 1:
            reported = time.monotonic()
            _tell(after=round(reported - started), ended=run.ended, errors=run.errors.total())
    seconds = time.monotonic() - started
    runner.quit()
    if run.ended < run.begun:
        run.errors["no answer"] += run.begun - run.ended
    kept = {name: getattr(run, name) for name in ("milliseconds", "errors", "created", "limited", "used_up")}
    _tell(seconds=seconds, **kept, clicks=[(*each, clicks) for each, clicks in run.clicks.items()])


def _tell(**what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - to the parent process


if __name__ == "__main__":
    main()
