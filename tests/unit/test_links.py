"""A link's lifetime, and how times are written."""

import dataclasses
import re
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.links import ACTIVE, DISABLED, Kind, Link, timestamp

NOW = 1_787_481_000  # 2026-08-23T10:30:00Z
FOREVER = Kind("https://example.com/", "301", None)
ONE_DAY = Kind("https://example.com/", "301", 24)


def link(expires_at, status=ACTIVE):
    return Link("b3xK9mP", FOREVER, "2026-08-23T10:30:00Z", expires_at, status=status)


def test_given_no_lifetime_when_the_expiry_is_computed_then_there_is_none():
    kind = FOREVER

    expires_at = kind.expires_at(NOW)

    assert expires_at is None


@pytest.mark.parametrize(("hours", "seconds"), [(1, 3600), (24, 86_400), (87_600, 315_360_000)])
def test_given_a_lifetime_when_the_expiry_is_computed_then_it_is_so_many_hours_from_now(hours, seconds):
    kind = ONE_DAY._replace(ttl_hours=hours)

    expires_at = kind.expires_at(NOW)

    assert expires_at == NOW + seconds


@pytest.mark.parametrize(
    "other",
    [
        ONE_DAY._replace(original_url="https://example.com"),
        ONE_DAY._replace(redirect_type="302"),
        ONE_DAY._replace(ttl_hours=25),
        ONE_DAY._replace(ttl_hours=None),
    ],
)
def test_given_kinds_that_differ_in_one_thing_when_compared_then_they_are_not_the_same_request(other):
    kind = Kind("https://example.com/", "301", 24)

    same = kind == other

    assert kind == ONE_DAY
    assert not same


@pytest.mark.parametrize(
    ("status", "expires_at", "live"),
    [
        (ACTIVE, None, True),
        (ACTIVE, NOW + 1, True),
        (ACTIVE, NOW, False),
        (ACTIVE, NOW - 1, False),
        (DISABLED, None, False),
        (DISABLED, NOW + 1, False),
        (DISABLED, NOW - 1, False),
        ("paused", None, False),
    ],
)
def test_given_a_link_when_asked_whether_it_is_live_then_status_and_clock_decide(status, expires_at, live):
    row = link(expires_at, status)

    answer = row.is_live(NOW)

    assert answer is live


@given(now=st.integers(0, 2**33), left=st.integers(-(2**33), 2**33))
def test_given_any_expiry_when_asked_whether_the_link_is_live_then_it_is_until_that_second(now, left):
    row = link(now + left)

    live = row.is_live(now)

    assert live == (left > 0)


@given(now=st.integers(0, 2**33), hours=st.integers(1, 87_600))
def test_given_a_new_link_when_its_lifetime_passes_then_it_is_live_to_the_last_second(now, hours):
    row = link(ONE_DAY._replace(ttl_hours=hours).expires_at(now))

    live = row.is_live(now), row.is_live(now + hours * 3600 - 1), row.is_live(now + hours * 3600)

    assert live == (True, True, False)


def test_given_the_statuses_when_compared_with_the_tables_then_they_are_the_contracts_words():
    statuses = ACTIVE, DISABLED

    words = [link(None, status).status for status in statuses]

    assert words == ["active", "disabled"]


def test_given_a_row_when_nothing_more_is_said_then_it_is_active_unclicked_derived_and_without_its_creators_address():
    kind = FOREVER

    row = Link("b3xK9mP", kind, "2026-08-23T10:30:00Z", None)

    assert (row.status, row.click_count, row.custom_code, row.creator_ip) == ("active", 0, False, None)


def test_given_a_link_when_someone_changes_it_then_that_fails():
    row = link(None)

    with pytest.raises(dataclasses.FrozenInstanceError):
        row.click_count = 1

    assert row.click_count == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (NOW, "2026-08-23T10:30:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (2**31, "2038-01-19T03:14:08Z"),
    ],
)
def test_given_unix_seconds_when_written_then_they_are_iso_8601_in_utc(seconds, text):
    moment = seconds

    written = timestamp(moment)

    assert written == text


@given(st.integers(0, 253_402_300_799))
def test_given_any_second_when_written_and_read_again_then_it_is_the_same(seconds):
    written = timestamp(seconds)

    read = datetime.strptime(written, "%Y-%m-%dT%H:%M:%S%z")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", written)
    assert read == datetime.fromtimestamp(seconds, UTC)


def test_given_a_machine_in_another_time_zone_when_a_time_is_written_then_it_is_still_utc(monkeypatch, request):
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    request.addfinalizer(time.tzset)
    request.addfinalizer(monkeypatch.undo)  # the last one added comes first

    written = timestamp(NOW)

    assert written == "2026-08-23T10:30:00Z"
