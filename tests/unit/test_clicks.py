"""A click as a message."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.clicks import Click
from tests.support.fakes import NOW, a_link

RIGHT: dict[str, Any] = {"id": "a" * 32, "short_code": "abc", "created_at": "2026-11-22T10:30:00Z", "clicked_at": NOW}


def test_given_a_click_when_sent_and_read_then_it_is_the_same():
    click = Click.on(a_link(), NOW)

    message = click.to_message()

    assert Click.from_message(message) == click
    assert json.loads(message).keys() == RIGHT.keys()


def test_given_two_clicks_on_one_link_at_once_when_made_then_they_are_two():
    link = a_link()

    clicks = [Click.on(link, NOW) for _ in range(2)]

    assert clicks[0] != clicks[1]


def test_given_a_message_of_a_later_version_when_read_then_it_is_the_click():
    message = json.dumps(RIGHT | {"more": 1})

    click = Click.from_message(message)

    assert click._asdict() == RIGHT


@pytest.mark.parametrize(
    "body",
    [
        *[json.dumps({name: RIGHT[name] for name in RIGHT if name != missing}) for missing in RIGHT],
        *[json.dumps(RIGHT | {"id": wrong}) for wrong in ("", "A" * 32, "a" * 33, 7)],
        *[json.dumps(RIGHT | {"short_code": wrong}) for wrong in ("", "a b c", None)],
        *[json.dumps(RIGHT | {"created_at": wrong}) for wrong in ("", "\ud800", "2" * 65, 5)],
        *[json.dumps(RIGHT | {"clicked_at": wrong}) for wrong in (-1, str(NOW), NOW + 0.5, True, NOW * 1000)],
        *["", "{", "null", "[]", "[1, 2, 3, 4]", '"abc"', "1" * 5000, "[" * 100_000],
    ],
    ids=lambda body: body[-40:],
)
def test_given_a_message_that_is_not_a_click_when_read_then_it_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011 (json's own, too)
        Click.from_message(body)


@given(st.text() | st.dictionaries(st.sampled_from(sorted(RIGHT)), st.integers() | st.text()).map(json.dumps))
def test_given_any_message_when_read_then_it_is_a_click_or_a_value_error(body):
    try:
        click = Click.from_message(body)
    except ValueError:
        return
    assert Click.from_message(click.to_message()) == click
