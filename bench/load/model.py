"""What needs neither Locust nor the stack: what clients do, whom they visit, and what is made of their answers."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

OPERATIONS = ("create", "redirect")
PERCENTILES = ("p50", "p95", "p99")
REQUESTS = 50_000  # that the main run has to have
# In milliseconds at one client, where nothing waits for another's turn.
LIMITS = {("create", "p95"): 100, ("create", "p99"): 200, ("redirect", "p95"): 50, ("redirect", "p99"): 100}


@dataclass
class Order:
    """What to do.

    Attributes
    ----------
    name : str
        Makes the destinations of this run its own.
    hosts : list of str
        Base URLs; the clients take them in turn, each keeps its own.
    direct : bool
        Whether the hosts are processes of the redirect function instead of the API.
    clients : int
        How many ask at once.
    requests : int
        How many at most.
    seconds : float
        After which no further request is begun; those that were are waited for.
    links : list
        Code and destination of links that are there already, the most popular first.
    """

    name: str
    hosts: list[str]
    clients: int
    requests: int
    seconds: float
    direct: bool = False
    links: list[tuple[str, str]] = field(default_factory=list)


class Zipf:
    """Ranks whose probability falls as 1/rank, as the popularity of web pages roughly does.

    Parameters
    ----------
    most : int
        The most ranks that there will be.
    """

    def __init__(self, most: int) -> None:
        self._cumulative = list(accumulate(1 / rank for rank in range(1, most + 1)))

    def draw(self, count: int, uniform: float) -> int:
        """Return one of the ranks 0 (the most popular) to `count` - 1 for a number drawn uniformly from [0, 1)."""
        return bisect_right(self._cumulative, uniform * self._cumulative[count - 1], hi=count - 1)


class Row(NamedTuple):
    """What the table has of a link."""

    original_url: str
    click_count: int


class Answers(NamedTuple):
    """What clients were answered.

    Attributes
    ----------
    created : list of tuple
        Code and destination of each 201.
    clicks : Counter
        Right answers to redirects, by code.
    """

    created: list[tuple[str, str]]
    clicks: Counter[str]


def reconcile(answers: Answers, rows: Mapping[str, Row]) -> list[str]:
    """Compare every link and every click with the table, and return what differs; nothing if all agree."""
    differences = []
    destinations = dict(answers.created)
    for code, times in Counter(code for code, _ in answers.created).items():
        if times > 1:
            differences.append(f"{code}: answered with 201 {times} times")
        if code not in rows:
            differences.append(f"{code}: answered with 201, but not in the table")
        elif rows[code].original_url != destinations[code]:
            differences.append(f"{code}: made for {destinations[code]}, leads to {rows[code].original_url}")
    differences += [f"{code}: in the table, but never answered with 201" for code in rows if code not in destinations]
    for code in sorted({*answers.clicks, *rows}):
        answered, counted = answers.clicks[code], rows[code].click_count if code in rows else 0
        if answered != counted:
            differences.append(f"{code}: {answered} redirects answered, {counted} clicks counted")
    answered, counted = answers.clicks.total(), sum(row.click_count for row in rows.values())
    if answered != counted:
        differences.append(f"all: {answered} redirects answered, {counted} clicks counted")
    return differences


class Bar(NamedTuple):
    """A requirement, and whether it is met. `measured` is None where nothing was answered."""

    what: str
    measured: float | None
    required: str
    met: bool


def bars(runs: Sequence[Mapping[str, Any]], differences: Sequence[str]) -> list[Bar]:
    """Compare the first run, of one client, and the last, of all clients, with what is required."""
    first, last = runs[0], runs[-1]
    enough = f"≥ {REQUESTS:_}".replace("_", " ")
    found = []
    for (name, percent), limit in LIMITS.items():
        measured = first[name][percent] if name in first else None
        met = measured is not None and measured < limit
        found.append(Bar(f"{name} {percent} in ms, {first['clients']} client", measured, f"< {limit}", met))
    return [
        *found,
        Bar(f"errors, {last['clients']} clients at once", last["errors"], "0", not last["errors"]),
        Bar("requests in that run", last["requests"], enough, last["requests"] >= REQUESTS),
        Bar("differences from the table", len(differences), "0", not differences),
    ]
