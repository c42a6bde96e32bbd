"""How the time of a request grows with the links that there are."""

import itertools
import json
import random
import statistics
import string
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from bench.measure import Subject, Subjects, process
from bench.report import number, table
from bench.subjects import EXAMPLE, PAGE, Checkout, put_links

REQUESTS = 200
OWNER = "grown"  # of all these links
_MOST = 100  # links of a page


def measure(own: Checkout, endpoint: str, operations: Subjects, sizes: Iterable[int]) -> str:
    """Return a table of medians in milliseconds, by links in the table, which all are one owner's."""
    numbers = random.Random(1)  # noqa: S311 (the same links in every run)
    create, redirect = operations["create_new"], operations["redirect"]
    codes: list[str] = []
    rows = []
    for size in sizes:
        added = ["".join(numbers.choices(string.ascii_letters, k=9)) for _ in range(size - len(codes))]
        put_links(endpoint, own.links_table, ((code, f"{EXAMPLE}grown/{code}") for code in added), OWNER)
        codes += added
        visit = redirect.event()
        visits = (visit | {"pathParameters": {"short_code": numbers.choice(codes)}} for _ in itertools.count())
        pages = operations["manage_page"]
        ends = (own.page(OWNER), own.page(OWNER, cursor=_cursor_of_last(own, pages, size)))
        rows.append(
            [
                number(size),
                _median(create, (create.event() for _ in itertools.count())),
                _median(redirect, visits),
                *(_median(pages, itertools.repeat(page)) for page in ends),
            ]
        )
    header = ["links in the table", "create, new link", "redirect", f"first page of {PAGE}", f"last page of {PAGE}"]
    return f"Medians in ms, of {REQUESTS} requests each.\n\n{table(header, rows)}"


def _cursor_of_last(own: Checkout, pages: Subject, size: int) -> str:
    """Return the cursor behind which the last `PAGE` links of the owner are, by paging through all before them."""
    cursor, left = "", size - PAGE
    with process(pages.function) as started:
        while left:
            limit = min(left, _MOST)
            event = partial(own.page, OWNER, limit, cursor)
            answer, _ = pages._replace(event=event, holds=lambda _answer: True).ask(started)
            body = json.loads(answer["body"])
            cursor, left = body["cursor"], left - len(body["links"])
    return str(cursor)


def _median(subject: Subject, events: Iterator[Any]) -> str:
    subject = subject._replace(event=lambda: next(events))
    with process(subject.function) as started:
        times = [subject.ask(started)[1] * 1000 for _ in range(REQUESTS + 1)]
    return number(statistics.median(times[1:]))
