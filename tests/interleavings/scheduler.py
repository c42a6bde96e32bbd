"""Every order in which callers' calls can reach the tables, without threads and without chance.

A caller is a function of the answers that it gets. So it can be stopped at each of its calls: it is run with the
answers that it had so far, and its first call after them ends the run. The scheduler has the world answer one call of
one caller, goes on from there with each caller's next call in turn, and so forth until every caller has ended: that is
one order. A world is never changed; a call makes a new one. So another order can be tried from any point.

How a new feature takes part:

1. In `callers.py`, write a function that returns a `Caller`: a name, and a function that takes the ports and runs the
   use case. Whatever others can see or change goes through the ports.
2. If it calls a port that `World` doesn't have, add a method there (with a leading underscore) that returns the answer
   and the next world, and to `_FAULTS` what may go wrong. The methods of `FakeLinkStore` need neither.
3. Add the caller to `actors` in `test_interleavings.py`, what it must never do to `invariants.py`, and to
   `test_invariants.py` a fault that breaks that rule.

An index may lag: `find`, which asks one, may also be answered from the order's first world (`Fault.BEHIND`).
"""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest.mock import patch

from squrl.clicks import Click, OldDays
from squrl.errors import SqurlError
from squrl.links import Link
from squrl.ports import Claimed, HeldBy, StoreError, Throttled, Unavailable
from tests.support.fakes import FakeLinkStore


class Call(NamedTuple):
    """A call of a port."""

    method: str
    args: tuple[Any, ...]
    options: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        return f"{self.method}({', '.join(map(str, self.args))})"


class Done(NamedTuple):
    """A caller has ended, with what it returned or raised."""

    outcome: Any


class Fault(Enum):
    """What may become of a call other than an answer."""

    THROTTLED = auto()  # nothing was done, and the caller knows
    FAILED = auto()  # nothing was done, and the caller doesn't know
    LOST = auto()  # it was done, and the caller doesn't know
    FAILED_AND_REPEATED = auto()  # as `FAILED`, and the caller's client asks again
    LOST_AND_REPEATED = auto()  # as `LOST`, and the caller's client asks again
    BEHIND = auto()  # it was answered from the first world

    @property
    def is_repeated(self) -> bool:
        return self in {Fault.FAILED_AND_REPEATED, Fault.LOST_AND_REPEATED}

    @property
    def is_applied(self) -> bool:
        return self in {Fault.LOST, Fault.LOST_AND_REPEATED}


# The faults that make a difference for a call. What isn't repeatable has no fault that is repeated.
_USUAL = tuple(fault for fault in Fault if fault is not Fault.BEHIND)
_FAULTS: Mapping[str, Iterable[Fault]] = {
    "get": (Fault.THROTTLED, Fault.FAILED),
    "find": (Fault.THROTTLED, Fault.FAILED, Fault.BEHIND),
    "count_click": (Fault.THROTTLED, Fault.FAILED, Fault.LOST),
    "change": (Fault.THROTTLED, Fault.FAILED, Fault.LOST),
    "send": (Fault.FAILED, Fault.LOST, Fault.LOST_AND_REPEATED),
    "receive": (),
    "release": (Fault.THROTTLED, Fault.FAILED, Fault.LOST),
    "collect": (),
    "past_days": (Fault.THROTTLED, Fault.FAILED),
}


class _Days(dict[int, int]):
    """Clicks by day, as an answer: what a caller is told can be looked up."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


Past = Mapping[tuple[str, str], Mapping[int, int]]  # by a link's code and when it was made: clicks by day


class World(NamedTuple):
    """What all callers share. No world is ever changed.

    Attributes
    ----------
    links : dict of str to Link
        By code.
    late_clicks : frozenset of str
        Ids of late clicks that were counted.
    messages : tuple of Click and OldDays
        The click queue. A message stays: it may always come once more.
    past : mapping
        The days that left their rows.
    """

    links: Mapping[str, Link]
    late_clicks: frozenset[str] = frozenset()
    messages: tuple[Click | OldDays, ...] = ()
    past: Past = MappingProxyType({})

    @classmethod
    def of(cls, *links: Link, messages: tuple[Click | OldDays, ...] = (), past: Past = MappingProxyType({})) -> "World":
        return cls({link.short_code: link for link in links}, messages=messages, past=past)

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks in the queue."""
        return tuple(message for message in self.messages if isinstance(message, Click))

    def days(self, link: Link) -> Counter[int]:
        """Return people's clicks on a link by day: those in its row, and those that left it."""
        return Counter(self.past.get((link.short_code, link.created_at), {})) + Counter(link.days)

    def undated(self, link: Link) -> int:
        """Return what of a link's clicks is no bot's and of no day."""
        past = self.past.get((link.short_code, link.created_at), {})
        return link.click_count - link.bot_click_count - sum(link.days.values()) - sum(past.values())

    def answer(self, call: Call) -> tuple[Any, "World"]:
        """Return the answer to a call, and the world after it: this very one, if nothing was changed."""
        own = getattr(self, f"_{call.method}", None)
        if own:
            return own(*call.args)  # type: ignore[no-any-return]
        store = FakeLinkStore()
        store.links = dict(self.links)
        store.late_clicks = set(self.late_clicks)
        if call.method == "move_days":
            store.past = {link: dict(days) for link, days in self.past.items()}
        answer = getattr(store, call.method)(*call.args, **call.options)
        if store.links == self.links and store.late_clicks == self.late_clicks:
            return answer, self
        past = store.past if call.method == "move_days" else self.past
        return answer, World(store.links, frozenset(store.late_clicks), self.messages, past)

    def _past_days(self, link: Link) -> tuple[_Days, "World"]:
        return _Days(self.past.get((link.short_code, link.created_at), {})), self

    def _collect(self, short_code: str, now: int) -> tuple[None, "World"]:
        """Remove a row if its time has come, as the table's TTL does."""
        link = self.links.get(short_code)
        if link is None or link.collect_at is None or now < link.collect_at:
            return None, self
        left = {code: each for code, each in self.links.items() if code != short_code}
        return None, self._replace(links=left)

    def _send(self, message: Click | OldDays) -> tuple[bool, "World"]:
        return True, self._replace(messages=(*self.messages, message))

    def _receive(self) -> tuple[tuple[Click | OldDays, ...], "World"]:
        return self.messages, self


class _Paused(BaseException):
    """Ends a caller's run at the first call that has no answer yet. No use case may catch it."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call


class _Replay:
    """All ports of one caller: they answer its first calls as they were answered, and pause it at the next."""

    def __init__(self, answers: Iterable[Any]) -> None:
        self._answers = iter(answers)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            for answer in self._answers:
                if isinstance(answer, type):  # an exception's
                    raise answer
                return answer
            raise _Paused(Call(method, args, options))

        return call


@dataclass(frozen=True, eq=False)
class Caller:
    """Somebody who calls the ports.

    Parameters
    ----------
    name : str
        For whoever reads an order.
    run : callable
        Takes the ports, one object for all of them, and returns what came of it. Given the same answers, it has to make
        the same calls: what it draws comes from a generator that starts anew with each run.
    about : object
        What the invariants need to know of it.
    """

    name: str
    run: Callable[[Any], Any]
    about: Any = None

    @cached_property
    def start(self) -> "Position":
        """Where it stands at first."""
        return Position(self, ())


class Position:
    """Where a caller stands once it has had some answers. It is run to get there once, whatever the others do.

    Attributes
    ----------
    next : Call or Done
        What the caller does next.
    """

    __slots__ = ("_answers", "_caller", "_then", "next")

    def __init__(self, caller: Caller, answers: tuple[Any, ...]) -> None:
        self._caller = caller
        self._answers = answers
        self._then: dict[tuple[type, Any], Position] = {}
        self.next = self._run()

    def then(self, answer: Any) -> "Position":
        """Return where it stands after another answer."""
        key = type(answer), answer  # named tuples of two types may be equal
        if key not in self._then:
            self._then[key] = Position(self._caller, (*self._answers, answer))
        return self._then[key]

    def _run(self) -> Call | Done:
        chance = random.Random(self._caller.name)  # noqa: S311
        with (
            patch("secrets.choice", chance.choice),
            patch("uuid.uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4)),
        ):
            try:
                return Done(self._caller.run(_Replay(self._answers)))
            except _Paused as paused:
                return paused.call
            except (SqurlError, StoreError) as error:
                return Done(error)


class Step(NamedTuple):
    """One call in an order.

    Attributes
    ----------
    caller : Caller
        Who called.
    call : Call
        What.
    fault : Fault or None
        What went wrong.
    answer : object
        What the caller got; ``None`` if its client asks again.
    before, after : World
        The worlds around it.
    """

    caller: Caller
    call: Call
    fault: Fault | None
    answer: Any
    before: World
    after: World

    def __str__(self) -> str:
        fault = f" [{self.fault.name.lower()}]" if self.fault else ""
        return f"{self.caller.name}: {self.call}{fault} -> {self.answer}"


class Order(NamedTuple):
    """A complete order: every caller has ended.

    Attributes
    ----------
    first, last : World
        Before it and after it.
    steps : tuple of Step
        All calls as they came.
    outcomes : dict of Caller to object
        What each caller returned or raised.
    """

    first: World
    last: World
    steps: tuple[Step, ...]
    outcomes: dict[Caller, Any]

    def during(self, caller: Caller) -> list[World]:
        """Return the different worlds that there were, one after the other, while a caller was at work."""
        own = [number for number, step in enumerate(self.steps) if step.caller is caller]
        worlds = [self.steps[own[0]].before if own else self.first]
        for step in self.steps[own[0] : own[-1] + 1] if own else ():
            if step.after is not worlds[-1]:
                worlds.append(step.after)
        return worlds

    @property
    def has_fault(self) -> bool:
        """Whether anything went wrong in it."""
        return any(step.fault for step in self.steps)

    def __str__(self) -> str:
        lines = [f"at first: {list(self.first.links.values())}", *map(str, self.steps)]
        return "\n".join([*lines, *(f"{caller.name} ended: {end!r}" for caller, end in self.outcomes.items())])


class _State(NamedTuple):
    """How far one caller is.

    Attributes
    ----------
    position : Position
        Where it stands.
    lost : tuple or None
        If its call is asked again: the first answer, or nothing if nothing was done the first time.
    """

    position: Position
    lost: tuple[Any, ...] | None = None


def orders(
    world: World, callers: Iterable[Caller], check: Callable[[Step], object] = lambda _: None, faults: int = 0
) -> Iterator[Order]:
    """Yield every order in which the callers' calls can come.

    Parameters
    ----------
    world : World
        At first.
    callers : iterable of Caller
        All of them, no one twice.
    check : callable
        Is told of every step, once.
    faults : int
        How many there are in one order at most. Each is tried at each call.
    """

    def go(now: World, states: dict[Caller, _State], steps: tuple[Step, ...], left: int) -> Iterator[Order]:
        is_complete = True
        for caller, state in states.items():
            call = state.position.next
            if isinstance(call, Done):
                continue
            is_complete = False
            answered = now.answer(call)
            for fault in (None, *(_FAULTS.get(call.method, _USUAL) if left else ())):
                step, following = _take(now, caller, state, call, fault, world, answered)
                check(step)
                yield from go(step.after, states | {caller: following}, (*steps, step), left - bool(fault))
        if is_complete:
            yield _order(world, steps, states)

    yield from go(world, {caller: _State(caller.start) for caller in callers}, (), faults)


def in_order(world: World, *turns: Caller) -> Order:
    """Return the one order in which the callers' calls come as they are named; each is named once for each call.

    Raises
    ------
    ValueError
        If one of them has fewer or more calls.
    """
    states = {caller: _State(caller.start) for caller in turns}
    steps: list[Step] = []
    for caller in turns:
        call = states[caller].position.next
        if isinstance(call, Done):
            raise ValueError(f"{caller.name} has ended")  # noqa: TRY004 (no argument has a wrong type)
        now = steps[-1].after if steps else world
        step, states[caller] = _take(now, caller, states[caller], call, None, world, now.answer(call))
        steps.append(step)
    return _order(world, tuple(steps), states)


def _order(first: World, steps: tuple[Step, ...], states: Mapping[Caller, _State]) -> Order:
    """Return an order that is complete."""
    outcomes = {}
    for caller, state in states.items():
        if not isinstance(state.position.next, Done):
            raise ValueError(f"{caller.name} has not ended")  # noqa: TRY004
        outcomes[caller] = state.position.next.outcome
    return Order(first, steps[-1].after if steps else first, steps, outcomes)


def _take(
    world: World,
    caller: Caller,
    state: _State,
    call: Call,
    fault: Fault | None,
    first: World,
    answered: tuple[Any, World],
) -> tuple[Step, _State]:
    """Tell a caller the answer to its call, or another one; return the step, and how far the caller is then."""
    if fault is Fault.BEHIND:
        answer, _ = first.answer(call)
        return Step(caller, call, fault, answer, world, world), _State(state.position.then(answer))
    answer, changed = answered
    after = changed if fault is None or fault.is_applied else world
    if fault is not None and fault.is_repeated:
        step = Step(caller, call, fault, None, world, after)
        return step, state._replace(lost=(answer,) if fault.is_applied else state.lost or ())
    if fault is not None:
        answer = _failure(call, fault, is_repeated=state.lost is not None)
    elif state.lost is not None:
        answer = _repeated(call, answer, state.lost)
    return Step(caller, call, fault, answer, world, after), _State(state.position.then(answer))


def _failure(call: Call, fault: Fault, *, is_repeated: bool) -> Any:
    """Return what a caller gets instead of an answer."""
    if call.method == "send":
        return False
    # Who was throttled after an attempt that had no answer can't say that nothing was done.
    return Throttled if fault is Fault.THROTTLED and not is_repeated else Unavailable


def _repeated(call: Call, answer: Any, lost: tuple[Any, ...]) -> Any:
    """Return what `squrl.aws.links_table` makes of the answer to a call that may have been done before."""
    if call.method == "claim" and isinstance(answer, HeldBy) and answer.link == call.args[0]:
        return Claimed(answer.link)
    if call.method in {"add_clicks", "move_days"} and lost:  # DynamoDB knows the transaction by its token
        return lost[0]
    return answer
