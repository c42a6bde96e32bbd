"""A link's lifetime and its limit of clicks, and how times are written."""

import time

import pytest

from squrl.links import ACTIVE, DELETED, DISABLED, EXPIRED, USED_UP, timestamp
from tests.support.fakes import FOREVER, NOW, a_link

ONE_DAY = FOREVER._replace(ttl_hours=24)


@pytest.mark.parametrize(("hours", "seconds"), [(1, 3600), (24, 86_400), (87_600, 315_360_000)])
def test_given_a_lifetime_when_it_begins_then_it_ends_so_many_hours_later(hours, seconds):
    kind = FOREVER._replace(ttl_hours=hours)

    expires_at = kind.expires_at(NOW)

    assert expires_at == NOW + seconds
    assert FOREVER.expires_at(NOW) is None


@pytest.mark.parametrize(
    ("status", "expires_at", "is_live", "collect_at"),
    [
        (ACTIVE, None, True, None),
        (ACTIVE, NOW + 1, True, NOW + 1),
        (ACTIVE, NOW, False, NOW),
        (ACTIVE, NOW - 1, False, NOW - 1),
        (DISABLED, None, False, None),
        (DISABLED, NOW + 1, False, None),
        (DISABLED, NOW - 1, False, None),
        ("paused", None, False, None),
    ],
)
def test_given_a_link_when_looked_at_then_status_and_clock_decide(status, expires_at, is_live, collect_at):
    link = a_link(status=status, expires_at=expires_at)

    seen = link.is_live(NOW), link.collect_at

    assert seen == (is_live, collect_at)


@pytest.mark.parametrize(
    ("limits", "is_used_up"),
    [
        ({}, False),
        ({"click_count": 10**9}, False),
        ({"max_clicks": 5, "click_limit": 7, "click_count": 6, "bot_click_count": 2}, False),
        ({"max_clicks": 5, "click_limit": 7, "click_count": 7, "bot_click_count": 2}, True),
        ({"max_clicks": 5, "click_limit": 7, "click_count": 8, "bot_click_count": 3}, True),
    ],
)
@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({}, (ACTIVE, USED_UP)),
        ({"expires_at": NOW + 1}, (ACTIVE, USED_UP)),
        ({"expires_at": NOW}, (EXPIRED, EXPIRED)),
        ({"status": DISABLED}, (DISABLED, DISABLED)),
        ({"status": DISABLED, "expires_at": NOW}, (DISABLED, DISABLED)),
        ({"status": DELETED}, (DELETED, DELETED)),
    ],
    ids=str,
)
def test_given_a_limit_when_looked_at_then_clicks_end_a_link_as_time_does(limits, is_used_up, changes, states):
    link = a_link(**limits, **changes)

    state = states[is_used_up]

    assert (link.is_used_up, link.state(NOW), link.is_live(NOW)) == (is_used_up, state, state == ACTIVE)
    assert link.collect_at == (link.expires_at if link.status == ACTIVE else None)  # whoever used it up may raise it


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_787_481_000, "2026-08-23T10:30:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (2**31, "2038-01-19T03:14:08Z"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns"])
def test_given_unix_seconds_when_written_then_they_are_iso_8601_in_utc(zone, seconds, text, monkeypatch, request):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    request.addfinalizer(time.tzset)
    request.addfinalizer(monkeypatch.undo)  # the last one added comes first

    written = timestamp(seconds)

    assert written == text
