"""Many at once, through the genuine runtime and database: one code per request, one owner per code, every click."""

from collections import Counter
from functools import partial

import pytest

from tests.support.concurrency import all_at_once

CLIENTS = 32


@pytest.mark.parametrize("wishes", [{}, {"ttl_hours": 24}, {"redirect_type": "302"}], ids=str)
def test_given_identical_requests_at_once_when_created_then_all_get_one_link(api, tables, url, wishes):
    answers = all_at_once([partial(api.create, original_url=url, **wishes)] * CLIENTS)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: CLIENTS - 1}
    assert len({answer.json()["short_code"] for answer in answers}) == 1
    assert tables.count(url) == 1


def test_given_a_fight_for_one_custom_code_when_created_then_one_wins(api, tables, url, new):
    code = new("fight-")

    answers = all_at_once([partial(api.create, original_url=f"{url}/{n}", custom_code=code) for n in range(CLIENTS)])

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CLIENTS - 1}
    (winner,) = (answer.json() for answer in answers if answer.status_code == 201)
    assert tables.get(code).kind.original_url == winner["original_url"]


def test_given_clicks_at_once_when_followed_then_each_is_counted(api, tables, put):
    link = put()

    answers = all_at_once([lambda: [api.get(link.short_code).status_code for _ in range(10)]] * CLIENTS)

    assert Counter(status for statuses in answers for status in statuses) == {301: 10 * CLIENTS}
    assert tables.get(link.short_code).click_count == 10 * CLIENTS


def test_given_a_limit_when_followed_at_once_then_exactly_so_many_are_sent_on(api, tables, put):
    link = put(max_clicks=CLIENTS, click_limit=CLIENTS)

    answers = all_at_once([lambda: [api.get(link.short_code).status_code for _ in range(3)]] * CLIENTS)

    assert Counter(status for statuses in answers for status in statuses) == {301: CLIENTS, 410: 2 * CLIENTS}
    row = tables.get(link.short_code)
    assert (row.click_count, sum(row.days.values())) == (CLIENTS, CLIENTS)
