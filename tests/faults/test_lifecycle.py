"""Links expire, are disabled, deleted and claimed by others in the very second in which they are followed."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import takewhile

import pytest

from squrl import manage
from squrl.destinations import Rules
from squrl.keys import OPERATOR
from squrl.links import DISABLED, Link
from squrl.requests import ChangeRequest, read
from tests.faults.stack import Answer, Request, Scenario
from tests.support.fakes import FakeDomainPolicy
from tests.support.proxy import Fault
from tests.support.tables import Tables

pytestmark = pytest.mark.timeout(300)

SECONDS = range(3, 10)  # from the start to an expiry
NEAR = 1.5  # seconds
CACHED = 2  # seconds for which a throttled link may be followed as it was


def until(end: float, requests: Iterator[Request]) -> Iterator[Request]:
    return takewhile(lambda _: time.time() < end, requests)


def followed(scenario: Scenario, answers: list[Answer]) -> dict[str, list[Answer]]:
    by_code: dict[str, list[Answer]] = {code: [] for code in scenario.links}
    for answer in answers:
        if answer.subject in by_code:
            by_code[answer.subject].append(answer)
    return by_code


def are_counted(scenario: Scenario, short_code: str, visits: list[Answer]) -> bool:
    """Tell whether a link has these clicks, each on its day or as a bot's, but for those with an unknown outcome."""
    counted, expected = scenario.counted(short_code), Counter(visit.bin for visit in visits)
    lost = scenario.lost_clicks()
    return all(abs(counted[each] - expected[each]) <= lost[each] for each in counted.keys() | expected.keys())


def led_to(answers: list[Answer], destination: str) -> list[Answer]:
    return [answer for answer in answers if answer.headers.get("Location") == destination]


def claim(scenario: Scenario, link: Link) -> Request:
    """Ask for a link's code for another destination."""
    return partial(scenario.stack.create, original_url=f"{link.kind.original_url}/next", custom_code=link.short_code)


def test_given_links_that_expire_when_followed_then_answers_fit_their_second(scenario):
    start = int(time.time())
    links = [link for second in SECONDS for link in scenario.put_links(9, expires_at=start + second)]
    claimed, renewed = links[::3], links[1::3]

    def requests():
        for number in itertools.count():
            now = time.time()
            link = scenario.random.choice([link for link in links if abs(link.expires_at - now) < NEAR] or links)
            if number % 5 == 0 and link in claimed:
                yield claim(scenario, link)
            elif number % 5 == 0 and link in renewed:
                yield partial(scenario.stack.create, original_url=link.kind.original_url, ttl_hours=1)
            else:
                yield scenario.visit(link, days_ago=0)

    answers = scenario.run(until(start + SECONDS[-1] + NEAR, requests()))

    rows = scenario.settle()
    scenario.check_statuses(answers, {200, 201, 301, 409, 410})
    for code, visits in followed(scenario, answers).items():
        link, row = scenario.links[code], rows[code]
        next_destination = f"{link.kind.original_url}/next"
        own, following = led_to(visits, link.kind.original_url), led_to(visits, next_destination)
        expiry = row.expires_at if row.kind == link.kind else link.expires_at
        for visit in own:
            assert int(visit.started) < expiry, "followed after its expiry"
            max_age = int(visit.headers["Cache-Control"].removeprefix("public, max-age="))
            assert max_age <= expiry - int(visit.started)
        for visit in visits:
            assert visit.status != 410 or int(visit.ended) >= expiry, "gone before its expiry"
        assert are_counted(scenario, code, own if row.kind == link.kind else following)
        claims = [each for each in answers if each.subject == next_destination and each.status == 201]
        assert len(claims) == (row.kind != link.kind)
        for each in claims:
            assert int(each.ended) >= link.expires_at, "claimed before its expiry"
            assert all(visit.status != 410 or visit.started < each.ended for visit in visits)
            assert all(visit.ended > each.started for visit in following)
    live = Counter(row.kind.original_url for row in rows.values() if row.is_live(int(time.time())))
    assert {live[link.kind.original_url] for link in renewed} <= {0, 1}
    scenario.found("Links followed, renewed and claimed in the second of their expiry", answers, "each on its own link")


def test_given_queued_clicks_when_their_links_end_then_they_count_for_no_other(scenario):
    expiry = int(time.time()) + 5
    links = scenario.put_links(60, expires_at=expiry)
    disabled, deleted, claimed = links[::3], links[1::3], links[2::3]
    scenario.source.open.clear()
    throttled = Fault("clicks throttled", error="ThrottlingException")
    scenario.database.rule = scenario.share(0.5, throttled, on=lambda call: call.operation == "UpdateItem")

    def requests():
        for link in itertools.cycle(claimed):
            yield claim(scenario, link)
            for _ in range(3):
                yield scenario.visit(scenario.random.choice(links), days_ago=0)

    with ThreadPoolExecutor(2) as operator:
        taking_down = operator.submit(take_down, scenario.tables, disabled, deleted)
        operator.submit(collect, scenario.tables, claimed, expiry)
        answers = scenario.run(until(expiry + 6, requests()))
        taken_down = taking_down.result()

    rows = scenario.settle()
    scenario.check_statuses(answers, {200, 201, 301, 404, 409, 410, 429})
    by_code = followed(scenario, answers)
    for link in disabled + deleted:
        assert all(visit.status != 301 or visit.started < taken_down + CACHED for visit in by_code[link.short_code])
    assert not {link.short_code for link in deleted} & rows.keys(), "brought back"
    for link in disabled + claimed:
        destination = link.kind.original_url if link in disabled else f"{link.kind.original_url}/next"
        assert rows[link.short_code].kind.original_url == destination
        assert are_counted(scenario, link.short_code, led_to(by_code[link.short_code], destination))
    metrics = scenario.stack.metrics
    queued, late, discarded = (metrics[f"click_{name}"] for name in ("queued", "counted_late", "discarded"))
    assert queued == late + discarded
    assert late > 0
    assert discarded > 0
    clicks = f"{queued} queued: {late} counted, {discarded} discarded with their link"
    scenario.found("Links disabled, deleted and claimed with clicks in flight", answers, clicks)


def collect(tables: Tables, links: list[Link], expiry: int) -> None:
    """Do what the table's TTL does with expired rows: only then their codes are others' to claim."""
    time.sleep(max(0.0, expiry + 1 - time.time()))
    tables.delete(*links)


def take_down(tables: Tables, disabled: list[Link], deleted: list[Link]) -> float:
    """Do what an operator does, in the midst of it; return when it was done, in Unix seconds."""
    time.sleep(2)
    ports = manage.Ports(tables.store, FakeDomainPolicy())
    for link in disabled:
        request = read(ChangeRequest, {"status": DISABLED})
        manage.change(link.short_code, request, OPERATOR, int(time.time()), ports, Rules())
    for link in deleted:
        manage.release(link.short_code, OPERATOR, ports.store)
    return time.time()
