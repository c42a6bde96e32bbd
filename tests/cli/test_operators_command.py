"""Keys and domain lists on the command line."""

import json

import pytest

from squrl.authorize import authorize
from squrl.errors import Unauthorized
from squrl.keys import Identity, Role
from tests.support.fakes import NOW

MAKE = ("key", "create", "--name", "Ana's laptop", "--owner", "marketing", "--role", "write")
HOUR = 3600


@pytest.fixture(autouse=True)
def operator(squrl, monkeypatch):
    monkeypatch.setattr("time.time", lambda: NOW)
    squrl.is_operator = True


def who(squrl, key, now=NOW):
    return authorize(key, squrl.functions.durable, now)


def test_given_an_owner_and_a_role_when_a_key_is_made_then_it_alone_is_printed_and_works(run, squrl):
    result = run(*MAKE)

    key = result.stdout.removesuffix("\n")
    assert who(squrl, key) == Identity(Role.WRITE, "marketing")
    assert key not in result.stderr


def test_given_a_lifetime_when_a_key_is_made_then_it_ends(run, squrl):
    key = run(*MAKE, "--ttl", "1h").stdout.strip()

    assert who(squrl, key, NOW + HOUR - 1)
    with pytest.raises(Unauthorized):
        who(squrl, key, NOW + HOUR)


@pytest.mark.parametrize("is_whole", [True, False])
def test_given_a_leaked_key_when_revoked_then_it_alone_is_refused(run, squrl, is_whole):
    leaked, other = (run(*MAKE).stdout.strip() for _ in range(2))

    assert run("key", "revoke", leaked if is_whole else leaked[3:11]).exit_code == 0

    assert who(squrl, other)
    with pytest.raises(Unauthorized):
        who(squrl, leaked)


@pytest.mark.parametrize("what", ["gone1234", "sq_gone1234_secret", "", "summer-sale"])
def test_given_what_is_no_key_when_revoked_then_it_is_said(run, squrl, what):
    before = squrl.functions.durable.list_keys()

    result = run("key", "revoke", what)

    assert (result.exit_code, "There is no key" in result.stderr) == (1, True)
    assert squrl.functions.durable.list_keys() == before


def test_given_a_wrong_owner_when_a_key_is_made_then_the_function_says_so(run):
    result = run("key", "create", "--name", "x", "--owner", "The Shop", "--role", "read")

    assert result.exit_code == 1
    assert "owner must be 1 to 32 lower-case letters, digits or hyphens (400)" in result.stderr


def test_given_keys_when_listed_then_no_secret_is_shown(run, squrl):
    key = run(*MAKE).stdout.strip()

    as_text, as_json = run("key", "list").stdout, run("key", "list", "--json").stdout

    secret = key.rpartition("_")[2]
    assert key[3:11] in as_text
    assert {json.loads(line)["id"] for line in as_json.splitlines()} >= {key[3:11], "Reader01"}
    assert secret not in as_text + as_json


@pytest.mark.parametrize("command", ["key list", "key revoke x", "domain list", "domain deny x.example"])
def test_given_a_key_when_an_operators_command_runs_then_it_says_what_it_needs(run, squrl, command):
    squrl.is_operator = False

    result = run(*command.split())

    assert (result.exit_code, squrl.sent) == (2, [])
    assert "--stack" in result.stderr


def lists(squrl):
    return squrl.functions.durable.read_domain_lists()


def test_given_a_domain_when_denied_and_permitted_then_the_list_has_it_and_has_not(run, squrl):
    assert run("domain", "deny", "Bad.example", "files.example/u/1").exit_code == 0
    assert lists(squrl).denied == {"bad.example", "files.example/u/1"}

    assert run("domain", "permit", "bad.example").exit_code == 0
    assert (lists(squrl).denied, lists(squrl).allowed) == ({"files.example/u/1"}, frozenset())


def test_given_a_parent_that_is_denied_when_a_child_is_permitted_then_nothing_is_claimed(run, squrl):
    run("domain", "deny", "bad.example")

    result = run("domain", "permit", "sub.bad.example")

    assert (result.exit_code, "sub.bad.example is as it was" in result.stderr) == (1, True)


def test_given_only_some_domains_when_one_is_permitted_then_it_is_one_of_them(run, squrl):
    assert run("domain", "only", "good.example", "--yes").exit_code == 0
    assert run("domain", "permit", "other.example").exit_code == 0
    assert lists(squrl).allowed == {"good.example", "other.example"}
    assert run("domain", "list").stdout == "good.example\tpermitted\nother.example\tpermitted\n"

    assert run("domain", "only", "--remove", "good.example", "other.example").exit_code == 0
    assert lists(squrl).allowed == frozenset()


def test_given_no_yes_when_all_other_domains_would_go_then_nothing_changes(run, squrl):
    assert run("domain", "only", "good.example").exit_code == 2
    assert lists(squrl).allowed == frozenset()
