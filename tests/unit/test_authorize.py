"""Who asks: every key that isn't good gets one and the same answer."""

from dataclasses import replace

import pytest

from squrl import keys
from squrl.authorize import authorize, identify, require
from squrl.errors import Forbidden, Unauthorized
from squrl.keys import Identity, Role
from tests.support.fakes import NOW, FakeDurableTable

KEY, TOKEN = keys.make("laptop", "us", Role.WRITE, NOW - 3600, NOW + 3600)
OTHER = keys.make("other", "them", Role.READ, NOW, None)[1]


@pytest.fixture
def table():
    return FakeDurableTable(KEY)


def test_given_a_good_key_when_authorized_then_it_stands_for_its_owner(table):
    assert authorize(TOKEN, table, NOW) == Identity(Role.WRITE, "us")


@pytest.mark.parametrize(
    ("token", "now"),
    [("", NOW), ("sq_", NOW), (TOKEN + "a", NOW), (OTHER, NOW), (TOKEN[:12] + OTHER[12:], NOW), (TOKEN, NOW + 3600)],
    ids=["none", "malformed", "too long", "unknown", "wrong secret", "expired"],
)
def test_given_a_key_that_is_not_good_when_authorized_then_nobody_learns_why(table, token, now):
    with pytest.raises(Unauthorized) as caught:
        authorize(token, table, now)

    assert (caught.value.message, caught.value.details, caught.value.status) == (Unauthorized().message, None, 401)
    assert "make key" in caught.value.message  # it says how to get one
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("token", ["", "sq_x_y", TOKEN.lower() + "!"])
def test_given_what_can_not_be_a_key_when_authorized_then_no_table_is_asked(table, token):
    with pytest.raises(Unauthorized):
        authorize(token, table, NOW)

    assert table.asked == []


def test_given_a_good_key_when_it_is_removed_then_it_is_refused(table):
    table.remove_key(KEY.id)

    with pytest.raises(Unauthorized):
        authorize(TOKEN, table, NOW)


def test_given_anybody_may_come_when_nobody_shows_a_key_then_nobody_is_known(table):
    assert identify("", table, NOW, anyone=True) is None
    assert table.asked == []


def test_given_anybody_may_come_when_a_key_is_shown_then_it_counts(table):
    assert identify(TOKEN, table, NOW, anyone=True) == Identity(Role.WRITE, "us")


@pytest.mark.parametrize(("token", "anyone"), [("", False), ("bad", True), (OTHER, True), (OTHER, False)])
def test_given_a_bad_key_or_none_where_one_is_needed_then_it_is_refused(table, token, anyone):
    with pytest.raises(Unauthorized):
        identify(token, table, NOW, anyone=anyone)


@pytest.mark.parametrize("needed", Role)
@pytest.mark.parametrize("has", Role)
def test_given_a_role_when_one_is_needed_then_lower_ones_are_refused(has, needed):
    identity = Identity(has, "us")

    if has >= needed:
        require(identity, needed)
    else:
        with pytest.raises(Forbidden, match=needed.name.lower()):
            require(identity, needed)


def test_given_a_key_of_a_lower_role_when_stored_so_then_that_role_counts(table):
    table.keys[KEY.id] = replace(KEY, role=Role.READ)

    assert authorize(TOKEN, table, NOW).role is Role.READ
