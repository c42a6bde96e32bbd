"""What needs neither Locust nor the stack: what clients do, whom they visit, and what is made of their answers."""

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

OPERATIONS = ("create", "redirect")
PERCENTILES = ("p50", "p95", "p99")
REQUESTS = 50_000  # that the main run has to have
ENOUGH = f"≥ {REQUESTS:_}".replace("_", " ")
DAY = 86_400  # seconds
LIMIT = 10  # people that a link with a limit sends on
BOTS = 0.2  # of the visitors
USER_AGENTS = {
    False: (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
    ),
    True: (
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "curl/8.5.0",
    ),
}  # of people, of bots
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
    clients, requests : int
        How many ask at once, and for how many answers at most.
    seconds : float
        After which no further request is begun; those that were are waited for.
    direct : bool
        Whether the hosts are processes of the redirect function instead of the API.
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
    """Ranks whose probability falls as 1/rank, as the popularity of web pages roughly does; `most` at most."""

    def __init__(self, most: int) -> None:
        self._cumulative = list(accumulate(1 / rank for rank in range(1, most + 1)))

    def draw(self, count: int, uniform: float) -> int:
        """Return one of the ranks 0 (the most popular) to `count` - 1 for a number drawn uniformly from [0, 1)."""
        return bisect_right(self._cumulative, uniform * self._cumulative[count - 1], hi=count - 1)


class Row(NamedTuple):
    """What the table has of a link.

    Attributes
    ----------
    original_url : str
        The destination.
    click_count : int
        The sum.
    clicks : mapping of int or None to int
        People's by the UTC day, counted from 1970-01-01 on; bots' under ``None``.
    max_clicks : int or None
        How many people are sent on at most.
    """

    original_url: str
    click_count: int
    clicks: Mapping[int | None, int]
    max_clicks: int | None = None


Clicks = Counter[tuple[str, int | None]]  # by code and day; bots' have no day


class Answers(NamedTuple):
    """What clients were answered.

    Attributes
    ----------
    created : list of (str, str)
        Code and destination of each 201.
    clicks : Clicks
        Right answers to redirects.
    used_up : Counter of str
        Visitors who were told that a link's limit was reached, by code.
    """

    created: list[tuple[str, str]]
    clicks: Clicks
    used_up: Counter[str]


def counted_clicks(rows: Mapping[str, Row]) -> Clicks:
    """Return what the table has of clicks."""
    return Counter({(code, day): clicks for code, row in rows.items() for day, clicks in row.clicks.items()})


def reconcile(answers: Answers, rows: Mapping[str, Row], uncertain: int) -> list[str]:
    """Compare every link and every click with the table, and return what differs; nothing if all agree.

    As many clicks may be missing as the functions said to be uncertain; not one may be too many.
    """
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
    counted = counted_clicks(rows)
    are_all_explained = (answers.clicks - counted).total() <= uncertain
    for code, day in sorted({*answers.clicks, *counted}, key=str):
        answered, found = answers.clicks[code, day], counted[code, day]
        if answered < found or (answered > found and not are_all_explained):
            whose = "of bots" if day is None else f"on {time.strftime('%Y-%m-%d', time.gmtime(day * DAY))}"
            differences.append(f"{code}: {answered} redirects answered {whose}, {found} clicks counted")
    return differences + [each for code, row in rows.items() for each in _contradictions(code, row, answers)]


def _contradictions(code: str, row: Row, answers: Answers) -> list[str]:
    """Return what a row's figures say against each other, and against who was told that the limit is reached."""
    people = sum(clicks for day, clicks in row.clicks.items() if day is not None)
    added, used_up = people + row.clicks.get(None, 0), answers.used_up[code]
    found = []
    if added != row.click_count:
        found.append(f"{code}: days and bots add up to {added} clicks, the sum is {row.click_count}")
    if row.max_clicks is not None and people > row.max_clicks:
        found.append(f"{code}: {people} people were sent on, with a limit of {row.max_clicks}")
    if used_up and people != row.max_clicks:
        found.append(f"{code}: used up for {used_up} visitors, after {people} people of {row.max_clicks}")
    return found


class Bar(NamedTuple):
    """A requirement, and whether it is met. `measured` is None where nothing was answered."""

    what: str
    measured: float | None
    required: str
    met: bool


def bars(runs: Sequence[Mapping[str, Any]], differences: Sequence[str]) -> list[Bar]:
    """Compare the first run, of one client, and the last, of all clients, with what is required."""
    first, last = runs[0], runs[-1]
    found = []
    for (name, percent), limit in LIMITS.items():
        measured = first[name][percent] if name in first else None
        met = measured is not None and measured < limit
        found.append(Bar(f"{name} {percent} in ms, {first['clients']} client", measured, f"< {limit}", met))
    return [
        *found,
        Bar(f"errors, {last['clients']} clients at once", last["errors"], "0", not last["errors"]),
        Bar("requests in that run", last["requests"], ENOUGH, last["requests"] >= REQUESTS),
        Bar("unexplained differences from the table", len(differences), "0", not differences),
    ]
