"""Many at once, through the genuine runtime and database: one code per request, one owner per code, every click."""

import time
from collections import Counter
from functools import partial

from tests.support.concurrency import all_at_once

CLIENTS = 32


def a_url() -> str:
    return f"https://example.com/at-once/{time.time_ns()}"


def test_given_identical_requests_at_once_when_created_then_they_all_get_the_one_link(api, count_rows):
    for wishes in ({}, {"ttl_hours": 24}, {"redirect_type": "302"}):
        url = a_url()

        answers = all_at_once([partial(api.create, original_url=url, **wishes)] * CLIENTS)

        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: CLIENTS - 1}
        assert len({answer.json()["short_code"] for answer in answers}) == 1
        assert count_rows(url) == 1


def test_given_a_fight_for_one_custom_code_when_created_then_one_wins_and_the_others_are_told(api, get_row):
    code = f"fight-{time.time_ns() % 10**12}"
    urls = [f"{a_url()}/{number}" for number in range(CLIENTS)]

    answers = all_at_once([partial(api.create, original_url=url, custom_code=code) for url in urls])

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CLIENTS - 1}
    winner = next(answer.json() for answer in answers if answer.status_code == 201)
    assert get_row(code).kind.original_url == winner["original_url"]


def test_given_clicks_at_once_when_followed_then_each_is_counted(api, get_row):
    code = api.create(original_url=a_url()).json()["short_code"]

    answers = all_at_once([lambda: [api.get(code).status_code for _ in range(10)]] * CLIENTS)

    assert Counter(status for statuses in answers for status in statuses) == {301: 10 * CLIENTS}
    assert get_row(code).click_count == 10 * CLIENTS
