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
from typing import Any, ClassVar

import geventhttpclient.client  # type: ignore[import-not-found]
from locust import FastHttpUser, task  # type: ignore[import-not-found]
from locust.env import Environment  # type: ignore[import-not-found]
from locust.exception import StopUser  # type: ignore[import-not-found]

from bench.load.model import OPERATIONS, Order, Zipf

REDIRECTS_PER_CREATE = 10
ANSWER_SECONDS = 120
_INVOCATIONS = "/2015-03-31/functions/function/invocations"

# A click is not idempotent, whatever its method, and a reset connection is to be seen: nothing is sent again silently.
geventhttpclient.client.IDEMPOTENT_METHODS = frozenset()


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
        self.clicks = Counter[str]()
        self._links = list(order.links)
        self._zipf = Zipf(len(order.links) + order.requests)
        self._random = random.Random(order.name)  # noqa: S311 - the same visits in every run
        self._deadline = time.monotonic() + order.seconds

    def next(self) -> tuple[str, str] | str:
        """Return the link to follow, code and destination, or the destination to shorten: that is one in eleven.

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
            return f"https://example.com/{self.order.name}/{number}"
        return self._links[self._zipf.draw(len(self._links), self._random.random())]

    def made(self, code: str, destination: str) -> None:
        """Note a new link."""
        self.created.append((code, destination))
        self._links.append((code, destination))

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
        link = self.current.next()
        if isinstance(link, str):
            self._create(link)
        elif self.current.order.direct:
            self._invoke(*link)
        else:
            self._follow(*link)

    def _create(self, destination: str) -> None:
        body = {"original_url": destination, "redirect_type": "302"}
        with self.client.post("/create", json=body, name="create", catch_response=True) as answer:
            if answer.status_code == HTTPStatus.CREATED:
                self.current.made(answer.json()["short_code"], destination)
            else:
                answer.failure(_what(answer))

    def _follow(self, code: str, destination: str) -> None:
        with self.client.get(f"/{code}", name="redirect", allow_redirects=False, catch_response=True) as answer:
            right = answer.status_code == HTTPStatus.FOUND and answer.headers["Location"] == destination
            self._count(code, answer, right=right)

    def _invoke(self, code: str, destination: str) -> None:
        with self.client.post(_INVOCATIONS, json={"short_code": code}, name="redirect", catch_response=True) as answer:
            right = answer.status_code == HTTPStatus.OK and answer.json().get("original_url") == destination
            self._count(code, answer, right=right)

    def _count(self, code: str, answer: Any, *, right: bool) -> None:  # noqa: ANN401
        if right:
            self.current.clicks[code] += 1
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
    kept = ("milliseconds", "errors", "created", "clicks")
    _tell(seconds=seconds, **{name: getattr(run, name) for name in kept})


def _tell(**what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - to the parent process


if __name__ == "__main__":
    main()
