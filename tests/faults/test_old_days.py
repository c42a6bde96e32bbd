"""Old days are moved out of their rows, while clicks go on, the consumer is killed and links are taken down."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from squrl import manage
from squrl.aws.durable_table import DurableTable
from squrl.clicks import Click
from squrl.keys import OPERATOR
from squrl.late_clicks import OLDEST_CLICK
from squrl.links import DAY, DELETED, KEPT_DAYS, Link, timestamp
from tests.faults.stack import CONSUMER, Answer, Request, Scenario
from tests.support.proxy import Call, Fault

pytestmark = pytest.mark.timeout(300)

REQUESTS = 2000
LINKS = 20
LATE = OLDEST_CLICK // DAY - 1  # days that a click has been in the queue and still is counted
TOO_LATE = KEPT_DAYS + 1
WINDOW = 400  # days of one answer

THROTTLED = Fault("clicks throttled", error="ThrottlingException")
HELD = Fault("moves held 0.6 s", seconds=0.6, applied=True)


def moves_days(call: Call) -> bool:
    if call.operation != "TransactWriteItems":
        return False
    return "days_from" in call.parameters["TransactItems"][0]["Update"]["UpdateExpression"]


class Links:
    """Links with so many days that it takes two moves; half of them were moved once.

    Attributes
    ----------
    all, deleted, released, kept : list of Link
        Those that are taken down are of both kinds.
    days : dict of int to int
        The clicks that each has at first, by day.
    before : int
        The day before which half of them were moved.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._today = today = int(time.time()) // DAY
        self.before = today - WINDOW
        self.days = {today - ago: ago % 7 + 1 for ago in range(4, 454, 3)}
        clicks = sum(self.days.values())
        self.all = scenario.put_links(LINKS, days=self.days, click_count=clicks + 2, bot_click_count=2)
        self.deleted, self.released, self.kept = self.all[:2], self.all[2:4], self.all[4:]
        for link in self.all[::2]:
            assert scenario.tables.store.move_days(link, self.before)

    def requests(self) -> Iterator[Request]:
        """Yield clicks without end: of these days, of four weeks ago, and of more than that, which nobody counts."""
        for number in itertools.count():
            link = self._scenario.random.choice(self.all)
            visit = self._scenario.visit(link, days_ago=LATE if number % 5 == 0 else None)
            yield self._too_late(link, visit) if number % 50 == 0 else visit

    def _too_late(self, link: Link, visit: Request) -> Request:
        def request() -> Answer:
            self._scenario.source.send(Click.on(link, int(time.time()) - TOO_LATE * DAY))
            return visit()

        return request

    def watch(self, done: threading.Event) -> None:
        """Look at what is told of links: sums and old days are right, however far a move is."""
        first = self.before + 1
        old = {timestamp(day * DAY)[:10]: self.days.get(day, 0) for day in range(first, self._today - KEPT_DAYS)}
        for link in itertools.cycle(self.deleted + self.kept):
            told = self._scenario.stack.statistics(link.short_code, first, self._today)
            assert told["undated_click_count"] == 0
            assert {each["date"]: each["clicks"] for each in told["days"]}.items() >= old.items()
            if done.wait(0.05):
                return

    def take_down(self) -> None:
        """Delete and release links as soon as moves begin."""
        time.sleep(2)
        self._scenario.source.open.set()
        time.sleep(1)
        for link in self.deleted:
            manage.delete(link.short_code, OPERATOR, self._scenario.tables.store)
        for link in self.released:
            manage.release(link.short_code, OPERATOR, self._scenario.tables.store)


def test_given_old_days_when_moved_amid_clicks_and_kills_then_every_day_is_right(scenario):
    links, done = Links(scenario), threading.Event()
    throttle = scenario.share(0.5, THROTTLED, on=lambda call: call.operation == "UpdateItem")
    hold = scenario.share(1, HELD, on=moves_days)
    scenario.database.rule = lambda call: throttle(call) or hold(call)
    scenario.source.open.clear()

    with ThreadPoolExecutor(2) as others, scenario.killing(CONSUMER, every=2.5):
        watching, taking_down = others.submit(links.watch, done), others.submit(links.take_down)
        try:
            answers = scenario.run(islice(links.requests(), REQUESTS))
        finally:
            done.set()
        taking_down.result()
        watching.result()
    rows = scenario.settle()

    for link in links.released:
        del scenario.links[link.short_code]
        assert link.short_code not in rows, "brought back"
        moved = DurableTable(scenario.tables.service, scenario.tables.durable).read_days(
            link.short_code, link.created_at
        )
        assert moved.items() <= links.days.items(), "moved twice, or after its end"
    for link in links.deleted:
        assert (rows[link.short_code].status, rows[link.short_code].kind.original_url) == (DELETED, "")
    released = {link.short_code for link in links.released}
    of_others = [answer for answer in answers if answer.subject not in released]
    scenario.reconcile("Old days moved, the consumer killed meanwhile", of_others, clicks={301, 410})
    moved_from = [rows[link.short_code].days_from or 0 for link in links.kept]
    assert sum(day > links.before for day in moved_from) > LINKS / 2, "hardly any were moved"
    assert scenario.stack.metrics["click_discarded"] > 0
    assert any(applied and moves_days(call) for call, applied in scenario.database.lost), "killed too late"
