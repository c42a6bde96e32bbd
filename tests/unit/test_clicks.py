"""Clicks, and links with old days, as messages."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.clicks import Click, OldDays, read_message
from tests.support.fakes import NOW, a_link

RIGHT: dict[str, Any] = {"id": "a" * 32, "short_code": "abc", "created_at": "2026-11-22T10:30:00Z", "clicked_at": NOW}
OLD: dict[str, Any] = {"short_code": "abc", "created_at": "2026-11-22T10:30:00Z"}


@pytest.mark.parametrize("is_bot", [False, True])
def test_given_a_click_when_sent_and_read_then_it_is_the_same(is_bot):
    click = Click.on(a_link(), NOW, is_bot=is_bot)

    message = click.to_message()

    assert read_message(message) == click
    assert json.loads(message) == RIGHT | {
        "id": click.id,
        "created_at": a_link().created_at,
        "is_bot": is_bot,
    }


def test_given_a_link_with_old_days_when_sent_and_read_then_it_is_the_same():
    old_days = OldDays(**OLD)

    message = old_days.to_message()

    assert read_message(message) == old_days
    assert json.loads(message) == {"old_days": OLD}


def test_given_two_clicks_on_one_link_at_once_when_made_then_they_are_two():
    link = a_link()

    clicks = [Click.on(link, NOW) for _ in range(2)]

    assert clicks[0] != clicks[1]


def test_given_a_message_of_an_earlier_version_when_read_then_it_is_a_persons_click():
    assert read_message(json.dumps(RIGHT)) == Click(**RIGHT, is_bot=False)


@pytest.mark.parametrize(
    ("fields", "message"),
    [(RIGHT | {"more": 1}, Click(**RIGHT)), ({"old_days": OLD | {"more": 1}, "more": 1}, OldDays(**OLD))],
    ids=["click", "old days"],
)
def test_given_a_message_of_a_later_version_when_read_then_it_is_what_it_was(fields, message):
    assert read_message(json.dumps(fields)) == message


@pytest.mark.parametrize(
    "body",
    [
        *[json.dumps({name: RIGHT[name] for name in RIGHT if name != missing}) for missing in RIGHT],
        *[json.dumps(RIGHT | {"id": wrong}) for wrong in ("", "A" * 32, "a" * 33, 7)],
        *[json.dumps(RIGHT | {"short_code": wrong}) for wrong in ("", "a b c", None)],
        *[json.dumps(RIGHT | {"created_at": wrong}) for wrong in ("", "\ud800", "2" * 65, 5)],
        *[
            json.dumps(RIGHT | {"clicked_at": wrong})
            for wrong in (-1, str(NOW), NOW + 0.5, True, NOW * 1000, 36**3 * 86_400)
        ],
        *[json.dumps(RIGHT | {"is_bot": wrong}) for wrong in (None, 1, "true", [True])],
        *[json.dumps({"old_days": {name: OLD[name] for name in OLD if name != missing}}) for missing in OLD],
        *[json.dumps({"old_days": OLD | {"short_code": wrong}}) for wrong in ("", "a b c", "#secret", None, 7)],
        *[json.dumps({"old_days": OLD | {"created_at": wrong}}) for wrong in ("", "\ud800", "2" * 65, 5, None)],
        *[json.dumps({"old_days": wrong}) for wrong in (None, [OLD], "abc", 7)],
        *["", "{", "null", "[]", "[1, 2, 3, 4]", '"abc"', "1" * 5000, "[" * 100_000],
    ],
    ids=lambda body: body[-40:],
)
def test_given_a_message_that_is_neither_when_read_then_it_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011 (json's own, too)
        read_message(body)


texts = st.integers() | st.text() | st.booleans()
some_fields = st.dictionaries(st.sampled_from([*sorted(RIGHT), "is_bot"]), texts)


@given(st.text() | some_fields.map(json.dumps) | some_fields.map(lambda fields: json.dumps({"old_days": fields})))
def test_given_any_message_when_read_then_it_is_one_or_a_value_error(body):
    try:
        message = read_message(body)
    except ValueError:
        return
    assert read_message(message.to_message()) == message
