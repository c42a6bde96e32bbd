"""Who calls the tables: each caller is a use case with what it is asked, and a clock of its own."""

from typing import Any, NamedTuple

from squrl.destinations import Rules
from squrl.follow import Followed, Outcome, Ports, RecentLinks, follow
from squrl.late_clicks import add_late_clicks
from squrl.links import Kind
from squrl.ports import SecretStore, StoreError, Throttled
from squrl.requests import CreateRequest
from squrl.shorten import Caller as Client
from squrl.shorten import Ports as ShortenPorts
from squrl.shorten import shorten
from tests.interleavings.scheduler import Caller
from tests.support.fakes import FakeDomainPolicy, FakeSecretStore


class Request(NamedTuple):
    """What a creator asks for, by its clock."""

    kind: Kind
    custom_code: str | None
    now: int


class Visit(NamedTuple):
    """What one visitor got, by its clock: `Followed`, or an error."""

    short_code: str
    now: int
    result: Followed | StoreError

    @property
    def outcome(self) -> Outcome:
        """What came of the click, as far as anybody knows."""
        return self.result.outcome if isinstance(self.result, Followed) else Outcome.UNCERTAIN


def creator(
    name: str, kind: Kind, now: int, custom_code: str | None = None, secrets: SecretStore | None = None
) -> Caller:
    """Return who asks for a link."""
    request = CreateRequest(custom_code=custom_code, **kind._asdict())

    def create(ports: Any) -> Any:
        needed = ShortenPorts(ports, secrets or FakeSecretStore(), FakeDomainPolicy())
        return shorten(request, Client(), now, needed, Rules())

    return Caller(name, create, Request(kind, custom_code, now))


def visitors(name: str, short_code: str, *clocks: int, is_throttled: bool = False) -> Caller:
    """Return a process of the redirect function that serves visitors one after the other, each by a clock.

    If it is throttled, no click of theirs can be written: it reads, remembers what it read, and queues clicks.
    """

    def serve(ports: Any) -> tuple[Visit, ...]:
        store: Any = _Throttled(ports) if is_throttled else ports
        recent = RecentLinks()
        return tuple(visit(Ports(store, ports, FakeDomainPolicy(), recent), now) for now in clocks)

    def visit(ports: Ports, now: int) -> Visit:
        try:
            return Visit(short_code, now, follow(short_code, now, ports, is_click=True))
        except StoreError as error:
            return Visit(short_code, now, error)

    return Caller(name, serve)


class _Throttled:
    """A store without capacity for clicks."""

    def __init__(self, ports: Any) -> None:
        self.get = ports.get

    def count_click(self, short_code: str, now: int) -> None:  # noqa: ARG002 (as the real one)
        raise Throttled


def consumer(name: str, now: int) -> Caller:
    """Return who counts the clicks that are in the queue when it asks."""

    def consume(ports: Any) -> Any:
        messages = {str(number): click.to_message() for number, click in enumerate(ports.receive())}
        return add_late_clicks(messages, ports, now)

    return Caller(name, consume)


def operator(name: str, method: str, short_code: str) -> Caller:
    """Return who disables or enables a link."""
    return Caller(name, lambda ports: getattr(ports, method)(short_code))


def collector(name: str, short_code: str, now: int) -> Caller:
    """Return the table's TTL, as it comes to one row."""
    return Caller(name, lambda ports: ports.collect(short_code, now))
