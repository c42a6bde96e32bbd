"""The database fails while links are changed, one by one and in bulk, made in bulk, and followed."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from squrl.links import Link
from tests.faults.stack import MANAGE, Answer, Scenario
from tests.faults.test_database import (
    APPLIED_WITH_500,
    REFUSED_WITH_500,
    RESET_AFTER,
    RESET_BEFORE,
    THROTTLED,
    is_write,
)
from tests.support import events

pytestmark = pytest.mark.timeout(300)

REQUESTS = 600
LINKS = 30
CHANGED, MADE = 10, 5  # links of one bulk
OWNER = events.KEYS[0].owner
UNKNOWN = {0, 503}  # of which nobody knows whether it was done


class Managers:
    """Requests of visitors and of an owner, and what the owner was told.

    Attributes
    ----------
    changes : list of (str, object, Answer)
        A field, what it was to become, and what was said: each link and field gets every value but once.
    made : list of Answer
        By destination.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.links = scenario.put_links(LINKS, owner=OWNER)
        self.changes: list[tuple[str, Any, Answer]] = []
        self.made: list[Answer] = []

    def requests(self) -> Iterator[Any]:
        """Yield clicks, changes and bulks without end. A visitor's answer is its own, an owner's the last of many."""
        choose = self._scenario.random
        for number in itertools.count():
            yield from [self._scenario.visit(choose.choice(self.links)) for _ in range(6)]
            yield from [self._change(choose.choice(self.links), 3 * number + each) for each in range(3)]
            if number % 2:
                yield self._bulk_change(choose.sample(self.links, CHANGED), 3 * number)
            else:
                yield from [self._bulk_create(number)] * 2

    def _change(self, link: Link, number: int) -> Any:
        field, value = self._wish(number)

        def change() -> None:
            self.changes.append((field, value, self._scenario.stack.change(link.short_code, **{field: value})))

        return change

    def _bulk_change(self, links: list[Link], number: int) -> Any:
        field, value = self._wish(number, "in bulk")

        def change() -> None:
            codes = [link.short_code for link in links]
            answers = self._scenario.stack.bulk("change", codes, short_codes=codes, set={field: value})
            self.changes += [(field, value, answer) for answer in answers]

        return change

    def _bulk_create(self, number: int) -> Any:
        urls = [self._scenario.destination(f"bulk-{number}-{each}") for each in range(MADE)]

        def create() -> None:
            self.made += self._scenario.stack.bulk("create", urls, links=[{"original_url": url} for url in urls])

        return create

    @staticmethod
    def _wish(number: int, how: str = "") -> tuple[str, Any]:
        wishes: list[tuple[str, Any]] = [
            ("title", f"{number} {how}"),
            ("tags", [f"t{number}{how.replace(' ', '-')}"]),
            ("ttl_hours", 2 * number + bool(how) + 1),
        ]
        return wishes[number % 3]


def told(answers: list[Any]) -> list[Answer]:
    """Return the visitors' answers of a run."""
    return [answer for answer in answers if answer is not None]


def reconcile(scenario: Scenario, managers: Managers, title: str, answers: list[Any], *, is_cut: bool = False) -> None:
    """Check what the owner was told against the rows, and the visitors' clicks as in every scenario."""
    scenario.reconcile(title, told(answers), clicks={301, 503}, uncertain=is_cut)
    rows = scenario.tables.all()
    assert {answer.status for *_, answer in managers.changes} <= {200, 429} | UNKNOWN
    lost = Counter(
        call.parameters["Key"]["short_code"]["S"]
        for call, applied in scenario.database.lost
        if applied and call.operation == "UpdateItem" and "click_count" not in call.parameters["UpdateExpression"]
    )
    for link in managers.links:
        own = [change for change in managers.changes if change[2].subject == link.short_code]
        reconcile_changes(rows[link.short_code], own, None if is_cut else lost[link.short_code])
    assert {answer.status for answer in managers.made} <= {200, 201, 429} | UNKNOWN
    scenario.reconcile_creates(managers.made, rows)
    assert scenario.finding is not None
    scenario.finding.answers.update(f"{answer.status or 'none'} to a change" for *_, answer in managers.changes)
    scenario.finding.answers.update(f"{answer.status or 'none'} in a bulk of new" for answer in managers.made)


def reconcile_changes(row: Link, changes: list[tuple[str, Any, Answer]], lost: int | None) -> None:
    """Check the changes of one link; `lost` are those that were made but not told, where that is known."""
    done = [(json.loads(answer.body)["revision"], *change) for *change, answer in changes if answer.status == 200]
    unknown = [change for change in changes if change[2].status in UNKNOWN]
    revisions = [each[0] for each in done]
    assert len(set(revisions)) == len(revisions), "one revision was told to two"
    writes = row.revision - 1
    assert len(done) <= writes <= len(done) + len(unknown), "done, but told as refused; or told, but not done"
    assert lost is None or writes == len(done) + lost
    possible: dict[str, list[Any]] = {"title": [None], "tags": [[]], "ttl_hours": [None]}
    for _, field, value in sorted(done, key=lambda each: each[0]):
        possible[field] = [value]
    for field, value, _ in unknown:
        possible[field].append(value)
    is_now = {"title": row.title, "tags": sorted(row.tags), "ttl_hours": row.kind.ttl_hours}
    assert all(value in possible[field] for field, value in is_now.items()), "a field isn't as its last writer left it"


@pytest.mark.parametrize(
    ("title", "share", "faults"),
    [
        ("Changes and bulks, writes throttled, 50 %", 0.5, [THROTTLED]),
        (
            "Changes and bulks, one call in ten fails somehow",
            0.1,
            [THROTTLED, REFUSED_WITH_500, APPLIED_WITH_500, RESET_BEFORE, RESET_AFTER],
        ),
    ],
)
def test_given_failing_calls_when_links_are_changed_then_nobody_is_told_what_is_not(scenario, title, share, faults):
    managers = Managers(scenario)
    scenario.database.rule = scenario.share(share, *faults, on=is_write if faults == [THROTTLED] else lambda _: True)

    answers = scenario.run(islice(managers.requests(), REQUESTS))

    reconcile(scenario, managers, title, answers)
    statuses = Counter(answer.status for *_, answer in managers.changes)
    assert statuses[200] > statuses.total() / 2


@pytest.mark.parametrize(("how", "title"), [("refusing", "gone"), ("silent", "silent")])
def test_given_an_outage_when_links_are_changed_then_nobody_is_told_what_is_not(scenario, how, title):
    managers = Managers(scenario)

    answers, _ = scenario.run_through_outage(scenario.database, how, managers.requests(), REQUESTS // 4)

    reconcile(scenario, managers, f"Changes and bulks, the database {title}", answers, is_cut=True)
    assert {200, 503} <= {answer.status for *_, answer in managers.changes}


def test_given_killed_processes_when_links_are_changed_then_what_was_said_is_there(scenario):
    managers = Managers(scenario)

    with scenario.killing(MANAGE, every=0.5):
        answers = scenario.run(islice(managers.requests(), REQUESTS))

    reconcile(scenario, managers, "Changes and bulks, functions killed", answers, is_cut=True)
    assert 0 in {answer.status for *_, answer in managers.changes}
