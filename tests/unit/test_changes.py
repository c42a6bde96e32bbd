"""Which event a write to a link's row is: changes are told, clicks are not."""

from dataclasses import replace

import pytest

from squrl.changes import Write
from squrl.links import ACTIVE, DAY, DELETED, DISABLED, Kind
from tests.support.fakes import NOW, a_link

OWNED = Kind("https://example.com/", "302", 24, "marketing")
LINK = a_link(kind=OWNED, revision=4, max_clicks=10, click_limit=12)
CHANGED = replace(LINK, revision=5)
DISABLED_LINK = replace(LINK, status=DISABLED)


def event(before, after, **more):
    return Write("1", NOW, before, after, **more).event


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (None, LINK, "Link Created"),
        (None, DISABLED_LINK, "Link Created"),  # imported
        (LINK, replace(CHANGED, title="New"), "Link Changed"),
        (LINK, replace(CHANGED, expires_at=NOW + DAY), "Link Changed"),  # renewed
        (DISABLED_LINK, replace(DISABLED_LINK, revision=5, locked=True), "Link Changed"),
        (LINK, replace(CHANGED, status=DISABLED), "Link Disabled"),
        (LINK, replace(CHANGED, status=DISABLED, title="New"), "Link Disabled"),
        (DISABLED_LINK, CHANGED, "Link Enabled"),
        (LINK, replace(CHANGED, status=DELETED, kind=OWNED._replace(original_url="")), "Link Deleted"),
        (DISABLED_LINK, replace(CHANGED, status=DELETED), "Link Deleted"),
        (LINK, None, "Link Deleted"),  # released
        (replace(LINK, status=DELETED), None, "Link Deleted"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_given_what_a_caller_wrote_then_it_is_that_event(before, after, name):
    assert event(before, after) == name


@pytest.mark.parametrize(
    "clicked",
    [
        {"click_count": 1, "days": {NOW // DAY: 1}},
        {"click_count": 1, "bot_click_count": 1},
        {"click_count": 1, "bot_click_count": 1, "click_limit": 13},  # a bot that came before the limit was set
        {"days_from": NOW // DAY - 30},
        {},
    ],
    ids=str,
)
def test_given_clicks_or_moved_days_then_there_is_no_event(clicked):
    assert event(LINK, replace(LINK, **clicked)) is None


@pytest.mark.parametrize(
    "given_up",
    [a_link(kind=OWNED, created_at="2024-01-01T00:00:00Z"), replace(CHANGED, status=DELETED)],
    ids=["expired", "deleted within the second"],
)
def test_given_a_code_that_was_given_up_when_claimed_then_a_link_is_created(given_up):
    assert event(given_up, replace(LINK, revision=1)) == "Link Created"


def test_given_a_row_that_the_table_removed_then_it_is_collected():
    assert event(LINK, None, is_collected=True) == "Link Collected"


def test_given_a_write_then_its_code_is_the_rows():
    assert Write("1", NOW, None, LINK).short_code == Write("1", NOW, LINK, None).short_code == LINK.short_code


def test_given_a_status_that_squrl_does_not_know_then_it_is_a_change():
    assert event(LINK, replace(CHANGED, status="odd")) == "Link Changed"
    assert event(LINK, replace(CHANGED, status=ACTIVE, title="x")) == "Link Changed"
