"""Visitors of links with a limit, while the database fails in every way that it can."""

from itertools import islice

import pytest

from tests.faults.test_database import (
    APPLIED_WITH_500,
    LATE_ANSWER,
    LATE_CALL,
    REFUSED_WITH_500,
    RESET_AFTER,
    RESET_BEFORE,
    THROTTLED,
)

pytestmark = pytest.mark.timeout(300)

REQUESTS = 2000
LINKS = 10
LIMIT = 100  # of the 160 people or so who come
EARLIER_BOTS = 7  # before there was a limit


def test_given_failing_calls_when_a_limit_is_reached_then_nobody_more_is_sent_on(scenario):
    links = scenario.put_links(
        LINKS,
        max_clicks=LIMIT,
        click_limit=EARLIER_BOTS + LIMIT,
        click_count=EARLIER_BOTS,
        bot_click_count=EARLIER_BOTS,
    )
    faults = [THROTTLED, REFUSED_WITH_500, APPLIED_WITH_500, RESET_BEFORE, RESET_AFTER, LATE_CALL, LATE_ANSWER]
    scenario.database.rule = scenario.share(0.1, *faults)

    answers = scenario.run(islice(scenario.requests(links, creates=0), REQUESTS))

    people = [answer for answer in answers if not answer.is_bot]
    bots = [answer for answer in answers if answer.is_bot]
    scenario.check_statuses(people, {301, 410, 503})
    scenario.check_statuses(bots, {200, 410, 503})
    assert not any("Location" in answer.headers or "example.com" in answer.body for answer in bots), "told to a bot"
    scenario.reconcile("Links with a limit, one call in ten fails somehow", answers, clicks={200, 301, 410, 503})
    rows = scenario.tables.all()
    for link in links:
        row, own = rows[link.short_code], [answer for answer in people if answer.subject == link.short_code]
        sent = sum(answer.status == 301 for answer in own)
        assert sent <= LIMIT
        assert row.click_count == sum(row.days.values()) + EARLIER_BOTS <= row.click_limit
        assert row.bot_click_count == EARLIER_BOTS
        # A click whose answer was lost is used up without a redirect, and no other.
        used_up = sum(lost for (code, _), lost in scenario.lost_clicks(applied=True).items() if code == link.short_code)
        assert sum(row.days.values()) == sent + used_up
        assert row.is_used_up or all(answer.status != 410 for answer in own), "gone before its time"
    assert all(rows[link.short_code].is_used_up for link in links)
