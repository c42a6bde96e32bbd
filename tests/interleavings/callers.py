"""Who calls the tables: each caller is a use case with what it is asked, and a clock of its own."""

from typing import Any, NamedTuple

from squrl import manage
from squrl.clicks import OldDays
from squrl.destinations import Rules
from squrl.errors import SqurlError
from squrl.follow import Followed, Outcome, Ports, RecentLinks, Visitor, follow
from squrl.keys import OPERATOR, Identity, Role
from squrl.late_clicks import do_later
from squrl.links import Kind, Link
from squrl.ports import SecretStore, StoreError, Throttled
from squrl.requests import ChangeRequest, CreateRequest, read
from squrl.shorten import Caller as Client
from squrl.shorten import Ports as ShortenPorts
from squrl.shorten import shorten
from squrl.statistics import see_statistics
from tests.interleavings.scheduler import Caller
from tests.support.fakes import FakeDomainPolicy, FakeSecretStore


class Request(NamedTuple):
    """What a creator asks for, by its clock."""

    kind: Kind
    custom_code: str | None
    now: int
    title: str | None = None
    max_clicks: int | None = None


class Management(NamedTuple):
    """What a manager asks for, by its clock: what to do with a link, who asks, and which revisions it may be.

    Attributes
    ----------
    fields : dict or None
        What a change sets.
    """

    method: str  # "change", "delete" or "release"
    short_code: str
    identity: Identity
    now: int
    fields: dict[str, Any] | None = None
    revisions: manage.Revisions = None


class Visit(NamedTuple):
    """What one visitor got, by its clock: `Followed`, or an error."""

    short_code: str
    now: int
    result: Followed | StoreError
    visitor: Visitor = Visitor.PERSON
    is_throttled: bool = False

    @property
    def failure(self) -> StoreError | None:
        """Why the visitor wasn't told anything of the link."""
        miss = self.result if isinstance(self.result, StoreError) else self.result.miss
        return miss if isinstance(miss, StoreError) else None

    @property
    def outcome(self) -> Outcome:
        """What came of the click, as far as anybody knows."""
        return self.result.outcome if isinstance(self.result, Followed) else Outcome.UNCERTAIN


def creator(
    name: str,
    kind: Kind,
    now: int,
    custom_code: str | None = None,
    secrets: SecretStore | None = None,
    title: str | None = None,
    max_clicks: int | None = None,
) -> Caller:
    """Return who asks for a link, with a key if the link is to have an owner."""
    wish: dict[str, Any] = {
        "original_url": kind.original_url,
        "redirect_type": kind.redirect_type,
        "ttl_hours": kind.ttl_hours,
    }
    request = CreateRequest(custom_code=custom_code, title=title, max_clicks=max_clicks, **wish)
    client = Client(Identity(Role.WRITE, kind.owner) if kind.owner else None)

    def create(ports: Any) -> Any:
        needed = ShortenPorts(ports, secrets or FakeSecretStore(), FakeDomainPolicy())
        return shorten(request, client, now, needed, Rules())

    return Caller(name, create, Request(kind, custom_code, now, title, max_clicks))


def visitors(
    name: str, short_code: str, *clocks: int, is_throttled: bool = False, visitor: Visitor = Visitor.PERSON
) -> Caller:
    """Return a process of the redirect function that serves visitors one after the other, each by a clock.

    If it is throttled, no click of theirs can be written: it reads, remembers what it read, and queues clicks.
    """

    def serve(ports: Any) -> tuple[Visit, ...]:
        store: Any = _Throttled(ports) if is_throttled else ports
        recent = RecentLinks()
        return tuple(visit(Ports(store, ports, FakeDomainPolicy(), recent), now) for now in clocks)

    def visit(ports: Ports, now: int) -> Visit:
        result: Followed | StoreError
        try:
            result = follow(short_code, now, ports, visitor)
        except StoreError as error:
            result = error
        return Visit(short_code, now, result, visitor, is_throttled)

    return Caller(name, serve)


class _Throttled:
    """A store without capacity for clicks."""

    def __init__(self, ports: Any) -> None:
        self.get = ports.get

    def count_click(self, short_code: str, now: int, *, is_bot: bool = False) -> None:  # noqa: ARG002 (as the real one)
        raise Throttled


def consumer(name: str, now: int) -> Caller:
    """Return who does what is in the queue when it asks: clicks to be counted, old days to be moved."""

    def consume(ports: Any) -> Any:
        messages = {str(number): message.to_message() for number, message in enumerate(ports.receive())}
        return do_later(messages, ports, now)

    return Caller(name, consume)


def mover(name: str, link: Link, now: int) -> Caller:
    """Return a consumer that has one message: a link's old days are to be moved."""
    message = OldDays(link.short_code, link.created_at).to_message()
    return Caller(name, lambda ports: do_later({"message": message}, ports, now))


def reader(name: str, short_code: str) -> Caller:
    """Return who asks for a link's statistics."""
    return Caller(name, lambda ports: see_statistics(short_code, OPERATOR, ports))


def changer(
    name: str, short_code: str, now: int, identity: Identity = OPERATOR, revision: int | None = None, **fields: Any
) -> Caller:
    """Return who changes a link; with `revision`, by ``If-Match``."""
    request = read(ChangeRequest, fields)
    about = Management("change", short_code, identity, now, fields, None if revision is None else frozenset({revision}))

    def change(ports: Any) -> Any:
        needed = manage.Ports(ports, FakeDomainPolicy())
        return manage.change(short_code, request, identity, now, needed, Rules(), about.revisions)

    return Caller(name, change, about)


def deleter(name: str, short_code: str, identity: Identity = OPERATOR) -> Caller:
    """Return who deletes a link."""
    about = Management("delete", short_code, identity, 0)
    return Caller(name, lambda ports: manage.delete(short_code, identity, ports), about)


def releaser(name: str, short_code: str, identity: Identity = OPERATOR) -> Caller:
    """Return who removes a link's row, so that its code is free."""
    about = Management("release", short_code, identity, 0)
    return Caller(name, lambda ports: manage.release(short_code, identity, ports), about)


def bulk(name: str, *entries: Caller) -> Caller:
    """Return who does what others do, one entry after the other, on a link each: what fails spoils no other entry."""

    def attempt(entry: Caller, ports: Any) -> Any:
        try:
            return entry.run(ports)
        except (SqurlError, StoreError) as error:
            return error

    return Caller(
        name,
        lambda ports: tuple(attempt(entry, ports) for entry in entries),
        tuple(entry.about for entry in entries),
    )


def collector(name: str, short_code: str, *clocks: int) -> Caller:
    """Return the table's TTL, as it comes to one row, once or again."""
    return Caller(name, lambda ports: [ports.collect(short_code, now) for now in clocks] and None)
