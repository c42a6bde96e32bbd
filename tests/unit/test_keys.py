"""Keys: what they look like, what is stored of them, how long they are good, and what each role may reach."""

import hashlib
import hmac
import re
from dataclasses import replace

import pytest

from squrl import keys
from squrl.keys import OPERATOR, Identity, Role
from tests.support.fakes import NOW


def test_given_a_new_key_when_made_then_its_text_is_shown_and_its_digest_kept():
    key, text = keys.make("Ana's laptop", "marketing", Role.WRITE, NOW, NOW + 3600)

    secret = text.removeprefix(f"sq_{key.id}_")
    assert re.fullmatch("sq_[A-Za-z0-9]{8}_[A-Za-z0-9]{43}", text)
    assert keys.read(text) == (key.id, secret)
    assert key.digest == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(key)
    assert (key.name, key.owner, key.role) == ("Ana's laptop", "marketing", Role.WRITE)
    assert (key.created_at, key.expires_at) == (NOW, NOW + 3600)


def test_given_many_new_keys_when_made_then_no_two_are_alike():
    texts = {keys.make("", "o", Role.READ, NOW, None)[1] for _ in range(100)}

    assert len(texts) == 100
    assert {character for text in texts for character in text} >= set("abcxyzABCXYZ0123456789")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text + "\n",
        lambda text: f" {text}",
        lambda text: text.upper(),
        lambda text: text.replace("sq_", "sk_"),
        lambda text: text[:-1] + "-",
        lambda text: text[:-1] + "ä",
        lambda text: text[:-1] + "\ud800",
        lambda text: text.replace("_", "-"),
        lambda text: text[3:],
    ],
    ids=range(12),
)
def test_given_what_can_not_be_a_key_when_read_then_it_is_none(spoil):
    _, text = keys.make("", "o", Role.READ, NOW, None)

    assert keys.read(spoil(text)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abcdEF12", True),
        ("", False),
        ("abcdEF1", False),
        ("abcdEF123", False),
        ("abcd_F12", False),
        ("abcdEF1\n", False),
    ],
)
def test_given_a_text_when_asked_then_only_eight_of_base62_can_be_an_id(text, expected):
    assert keys.is_id(text) is expected


@pytest.mark.parametrize(
    ("expires_at", "now", "valid"),
    [(None, NOW + 10**9, True), (NOW + 1, NOW, True), (NOW, NOW, False), (NOW - 1, NOW, False)],
)
def test_given_an_end_when_the_key_is_shown_then_it_counts_until_that_second(expires_at, now, valid):
    key, text = keys.make("", "o", Role.READ, NOW, expires_at)

    assert key.knows(text[12:], now) is valid


def test_given_another_secret_when_shown_then_the_key_does_not_know_it():
    key, text = keys.make("", "o", Role.READ, NOW, None)
    other = keys.make("", "o", Role.READ, NOW, None)[1]

    assert key.knows(text[12:], NOW)
    assert not key.knows(other[12:], NOW)
    assert not key.knows(text[12:-1], NOW)
    assert not replace(key, digest=b"").knows(text[12:], NOW)


def test_given_a_secret_when_compared_then_it_takes_the_same_time_whatever_it_is(monkeypatch):
    compared = []
    compare = hmac.compare_digest

    def comparing(one, other):
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr("hmac.compare_digest", comparing)
    key, text = keys.make("", "o", Role.READ, NOW, NOW)

    key.knows(text[12:], NOW)  # an expired one is compared, too

    assert compared == [(key.digest, hashlib.sha256(text[12:].encode()).digest())]


@pytest.mark.parametrize(
    ("identity", "owner", "reaches"),
    [
        *[(Identity(role, "us"), "us", True) for role in Role],
        *[(Identity(role, "us"), "them", role is Role.ADMIN) for role in Role],
        *[(Identity(role, "us"), None, role is Role.ADMIN) for role in Role],
        (OPERATOR, "us", True),
        (OPERATOR, None, True),
        (Identity(Role.WRITE), None, False),  # somebody without an owner doesn't own what has none
    ],
)
def test_given_a_caller_and_a_links_owner_then_only_its_own_are_reached(identity, owner, reaches):
    assert identity.reaches(owner) is reaches


def test_given_the_roles_when_compared_then_each_may_more_than_the_one_before():
    assert Role.READ < Role.WRITE < Role.ADMIN
    assert len(Role) == 3
