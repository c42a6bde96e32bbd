"""The admin key of `start-api`: made by the managing function, kept, and shown where nobody else sees it."""

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from local import LocalError, admin_key, sam
from squrl.authorize import authorize
from squrl.keys import Identity, Role
from tests.support.fakes import NOW
from tests.support.functions import Functions

KEY = "sq_PgSLmEaK_secret"


@pytest.fixture
def functions(clock):
    clock.wall = NOW
    return Functions()


@pytest.fixture
def file(tmp_path):
    return tmp_path / ".local" / "dynamodb-8000.key"


def ensure(file, functions):
    return admin_key.ensure(file, lambda call: functions.invoke("manage_links", call))


def test_given_no_key_when_started_then_an_admins_is_made_and_kept(file, functions):
    key = ensure(file, functions)

    assert authorize(key, functions.durable, NOW) == Identity(Role.ADMIN, "me")
    assert file.read_text() == f"{key}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_given_a_key_that_works_when_started_again_then_it_is_the_same(file, functions):
    key = ensure(file, functions)
    file.chmod(0o644)
    made = len(functions.durable.list_keys())

    assert ensure(file, functions) == key
    assert len(functions.durable.list_keys()) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("spoil", ["revoked", "data deleted", "file emptied", "file cut"])
def test_given_a_key_that_works_no_more_when_started_then_another_is_made(file, functions, spoil):
    before = ensure(file, functions)
    if spoil == "revoked":
        functions.durable.remove_key(before[3:11])
    elif spoil == "data deleted":
        functions = Functions()
    else:
        file.write_text("" if spoil == "file emptied" else before[:9])

    key = ensure(file, functions)

    assert key != before
    assert authorize(key, functions.durable, NOW).role is Role.ADMIN
    assert file.read_text() == f"{key}\n"


def test_given_several_starts_at_once_when_started_then_all_have_one_key(file, functions):
    with ThreadPoolExecutor(8) as starts:
        found = set(starts.map(lambda _: ensure(file, functions), range(8)))

    assert found == {file.read_text().strip()}


def test_given_a_function_that_refuses_when_started_then_it_is_told(file):
    with pytest.raises(LocalError, match="503"):
        admin_key.ensure(file, lambda _: {"status": 503, "body": {"error": "ServiceUnavailable"}})


@pytest.mark.parametrize(
    ("is_terminal", "host", "is_shown"),
    [
        (True, "127.0.0.1", True),
        (True, "localhost", True),
        (True, "::1", True),
        (True, "0.0.0.0", False),  # noqa: S104
        (True, "::", False),
        (True, "192.0.2.1", False),
        (True, "myhost", False),
        (False, "127.0.0.1", False),
    ],
)
def test_given_a_server_when_ready_then_the_key_is_shown_to_its_user_alone(
    monkeypatch, capsys, is_terminal, host, is_shown
):
    monkeypatch.setattr(sam.Context, "command", "start-api", raising=False)
    monkeypatch.setattr(sam.Context, "admin_key", KEY)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setenv("DYNAMODB_PORT", "8123")

    server: Any = SimpleNamespace(host=host, port=3000, ssl_context=None)
    sam._say_ready(server)  # noqa: SLF001 (the server calls it)

    shown = capsys.readouterr()
    assert (KEY in shown.err, shown.out) == (is_shown, "")
    assert ".local/dynamodb-8123.key" in shown.err
