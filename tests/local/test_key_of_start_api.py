"""The admin key that `make start` has ready, in the stack itself."""

import http.client
import json
import stat
import subprocess

import pytest

from local import dynamodb
from tests.support.functions import ROOT

TEMPLATE = ("--template", str(ROOT / "template.yaml"))


@pytest.fixture
def file(engine):
    return dynamodb.key_file(int(engine.rpartition(":")[2]))


def status(port, key):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/links?owner=*", headers={"Authorization": f"Bearer {key}"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def test_given_two_starts_one_after_another_when_asked_then_one_key_works_for_both(serve, tmp_path, file):
    with serve("start-api", *TEMPLATE, cwd=tmp_path) as server:
        key = file.read_text().strip()

        assert status(server.port, key) == 200
        assert status(server.port, key[:-1]) == 401
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert str(file) in server.terminal()
        assert key not in server.terminal(), "not shown but on a terminal"

    with serve("start-api", *TEMPLATE, cwd=tmp_path) as server:
        assert file.read_text().strip() == key
        assert status(server.port, key) == 200


def test_given_a_running_stack_when_make_key_has_made_a_key_then_it_works(serve, tmp_path, environment):
    command = ["make", "--silent", "--old-file=.venv/installed", "key", "NAME=Ana's laptop", "OWNER=ops", "ROLE=admin"]

    with serve("start-api", *TEMPLATE, cwd=tmp_path) as server:
        made = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert status(server.port, made.stdout.strip()) == 200


def test_given_a_managing_function_that_fails_when_started_then_the_rest_is_served(serve, tmp_path):
    parameters = ("--parameter-overrides", "BaseUrl=nowhere CreateAccess=anyone")

    with serve("start-api", *TEMPLATE, *parameters, cwd=tmp_path) as server:
        assert "There is no admin key: ManageLinksFunction failed." in server.terminal()
        assert "BASE_URL must be empty" in server.terminal()
        assert json.dumps(server.get("/nothing-here")[1]["error"]) == '"NotFound"'
