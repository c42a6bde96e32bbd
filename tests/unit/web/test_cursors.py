"""Cursors: one that was made here is taken back for the same list, and nothing else is taken."""

import base64
import string

import pytest

from squrl.errors import ValidationError
from squrl.web.cursors import open_, seal

SECRET = b"a secret for tests, of 32 bytes."
CURSOR = {"short_code": "summer-sale", "owner": "us", "created_at": "2026-08-23T10:30:00Z"}
OF = '[[2, "us"], "us", [null, null, null, null]]'


@pytest.mark.parametrize("cursor", [CURSOR, {"short_code": "a"}, {"short_code": "ab"}, {"short_code": "abc"}])
def test_given_a_cursor_when_sealed_then_it_comes_back_whole(cursor):
    sealed = seal(cursor, OF, SECRET)

    assert open_(sealed, OF, SECRET) == cursor
    assert set(sealed) <= {*string.ascii_letters, *string.digits, "-", "_"}  # as it is in a URL


def test_given_a_sealed_cursor_when_any_character_is_changed_then_it_is_refused():
    sealed = seal(CURSOR, OF, SECRET)

    for at, character in enumerate(sealed):
        for other in {"A", "B", "C", "z", "-", "+", "/", "="} - {character}:
            with pytest.raises(ValidationError):
                open_(sealed[:at] + other + sealed[at + 1 :], OF, SECRET)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: "",
        lambda sealed: sealed[:-1],
        lambda sealed: sealed + "A",
        lambda sealed: sealed + "=",
        lambda sealed: sealed + "\n",
        lambda sealed: " " + sealed,
        lambda sealed: "ä" * 30,
        lambda sealed: "\ud800",
        lambda sealed: "x" * 10_000,
        lambda sealed: base64.urlsafe_b64encode(b"0" * 16 + b'{"short_code": "#secret"}').decode(),
    ],
    ids=range(10),
)
def test_given_what_was_not_sealed_here_when_opened_then_its_one_detail_says_so(spoil):
    with pytest.raises(ValidationError) as caught:
        open_(spoil(seal(CURSOR, OF, SECRET)), OF, SECRET)

    assert [detail["field"] for detail in caught.value.details or ()] == ["cursor"]


@pytest.mark.parametrize(
    ("of", "secret"),
    [('[[3, "us"], "us", []]', SECRET), (OF.replace("us", "them"), SECRET), (OF + " ", SECRET), (OF, b"another" * 5)],
    ids=["role and filters", "owner", "space", "secret"],
)
def test_given_another_list_when_its_cursor_is_opened_then_it_is_refused(of, secret):
    with pytest.raises(ValidationError):
        open_(seal(CURSOR, OF, SECRET), of, secret)
