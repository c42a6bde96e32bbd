"""How the time of a request grows with the links that there are."""

import itertools
import random
import statistics
import string
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from bench.measure import Subject, Subjects, process
from bench.report import number, table
from bench.subjects import EXAMPLE, Checkout, put_links, shorten

REQUESTS = 200


def measure(own: Checkout, endpoint: str, operations: Subjects, sizes: Iterable[int]) -> str:
    """Return tables of medians in milliseconds: by links in the table, and by links to one destination."""
    numbers = random.Random(1)  # noqa: S311 (the same links in every run)
    create, redirect = operations["create_new"], operations["redirect"]
    codes: list[str] = []
    rows = []
    for size in sizes:
        added = ["".join(numbers.choices(string.ascii_letters, k=9)) for _ in range(size - len(codes))]
        put_links(endpoint, own.links_table, ((code, f"{EXAMPLE}grown/{code}") for code in added))
        codes += added
        visit = redirect.event()
        visits = (visit | {"pathParameters": {"short_code": numbers.choice(codes)}} for _ in itertools.count())
        rows.append(
            [number(size), _median(create, (create.event() for _ in itertools.count())), _median(redirect, visits)]
        )
    by_size = table(["links in the table", "create, new link", "redirect"], rows)
    rows = []
    for size in (10, 100, 1000):
        url = f"{EXAMPLE}popular/{uuid.uuid4()}"
        put_links(endpoint, own.links_table, ((f"p{size}-{n}", url) for n in range(size)))
        again = itertools.repeat(shorten(own.event("create_url/http"), url))
        rows.append([number(size), _median(operations["create_reused"], again)])
    by_destination = table(["links to one destination", "create, existing link"], rows)
    return f"Medians in ms, of {REQUESTS} requests each.\n\n{by_size}\n\n{by_destination}"


def _median(subject: Subject, events: Iterator[Any]) -> str:
    subject = subject._replace(event=lambda: next(events))
    with process(subject.function) as started:
        times = [subject.ask(started)[1] * 1000 for _ in range(REQUESTS + 1)]
    return number(statistics.median(times[1:]))
