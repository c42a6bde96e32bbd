"""`python -m local start-api`: functions as processes behind SAM CLI's gateway."""

import os
import py_compile
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from local import processes
from tests.local.toy_project import alive, eventually, family, get, listing


def test_a_request_is_answered_by_the_function(api, engine):
    status, answer = api.get("/toy/hello")

    assert status == 200
    assert 0 < answer["remaining"] <= 2000
    assert answer["environment"]["AWS_ENDPOINT_URL_DYNAMODB"] == engine
    assert answer["environment"]["TABLE_NAME"] == "toy-table"
    assert answer["environment"]["AWS_SAM_LOCAL"] == "true"
    assert answer["environment"]["AWS_LAMBDA_FUNCTION_NAME"] == "ToyFunction"


def test_a_function_gets_none_of_the_developers_secrets(api):
    _, answer = api.get("/toy/hello")

    assert "developer" not in answer["environment"].values()
    assert answer["environment"]["AWS_ACCESS_KEY_ID"]
    assert answer["environment"]["AWS_REGION"]


def test_the_terminal_shows_what_the_function_writes_and_not_the_emulator(api):
    api.get("/toy/shown")

    eventually(lambda: "\nasked for shown\nfirst line\nlast line without an end\n" in api.terminal(), api.terminal)
    assert "RequestId" not in api.terminal()
    assert "(rapid)" not in api.terminal()


def test_an_error_of_the_function_is_a_500_and_its_traceback_is_shown(api):
    status, _ = api.get("/toy/raise")

    assert status == 500
    eventually(lambda: "ValueError: a toy's error" in api.terminal(), api.terminal)


def test_a_function_that_is_out_of_time_is_ended_and_the_next_request_works(api):
    before = api.get("/toy/hello")[1]["pid"]

    assert api.get("/toy/hang")[0] == 502
    assert "Task timed out after 2.00 seconds" in api.terminal()
    status, answer = api.get("/toy/hello")
    assert status == 200
    eventually(lambda: not alive({before}))
    assert answer["pid"] != before


def test_a_process_that_ends_is_replaced(api):
    assert api.get("/toy/exit")[0] == 500
    assert "exit status 3" in api.terminal()
    assert api.get("/toy/hello")[0] == 200


def test_a_process_that_is_killed_while_idle_is_replaced(api):
    pid = api.get("/toy/hello")[1]["pid"]

    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive({pid}))
    statuses = [api.get("/toy/hello")[0] for _ in range(3)]

    assert statuses == [200, 200, 200]


def test_an_emulator_that_is_killed_is_replaced(api):
    api.get("/toy/hello")
    everything = listing()
    for pid in family(api.process.pid):
        if "aws-lambda-rie" in everything[pid][2]:
            os.kill(pid, signal.SIGKILL)

    assert [api.get("/toy/hello")[0] for _ in range(3)] == [200, 200, 200]


def test_more_requests_than_processes_wait_their_turn(api):
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(api.get, ["/toy/pause"] * 8))

    assert [status for status, _ in answers] == [200] * 8
    assert len({answer["pid"] for _, answer in answers}) <= 2


def test_an_edit_is_seen_by_the_next_request(api, project):
    assert api.get("/edited") == (200, "one 1")

    edit(project / "edited" / "app.py", '" 1"', '" 2"')
    assert api.get("/edited") == (200, "one 2")

    edit(project / "layer" / "python" / "shared.py", "one", "two")
    assert api.get("/edited") == (200, "two 2")


def test_byte_code_of_the_same_second_and_size_is_not_mistaken_for_the_edit(api, project):
    source = project / "layer" / "python" / "shared.py"
    source.write_text('WORD = "old"\n')
    second = 1_700_000_000
    os.utime(source, (second, second))
    byte_code = str(py_compile.compile(str(source)))
    os.utime(byte_code, (second, second))

    source.write_text('WORD = "new"\n')
    os.utime(source, ns=(second * 10**9 + 5, second * 10**9 + 5))

    assert api.get("/edited")[1].startswith("new")


@pytest.mark.parametrize(
    ("broken", "error"),
    [("def lambda_handler(:\n", "yntax"), ("import missing_module\n", "No module named 'missing_module'")],
)
def test_a_function_that_cant_be_imported_is_explained_and_can_be_mended(api, project, broken, error):
    source = project / "edited" / "app.py"
    text = source.read_text()
    start = len(api.terminal())

    source.write_text(broken)
    assert api.get("/edited")[0] == 500
    eventually(lambda: "EditedFunction failed." in api.terminal()[start:], api.terminal)
    assert error in api.terminal()[start:]
    assert "app.py" in api.terminal()[start:]

    source.write_text(text)
    assert api.get("/edited")[0] == 200


@pytest.mark.parametrize("value", ["EAGER", "LAZY"])
def test_warm_containers_change_nothing(project, serve, value):
    port = processes.free_port()
    arguments = ("start-api", "--warm-containers", value, "--port", str(port))
    with serve(*arguments, cwd=project, until="Press CTRL+C"):
        assert get(port, "/toy/hello")[0] == 200


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (lambda pid: os.kill(pid, signal.SIGINT), 0),
        (lambda pid: os.killpg(pid, signal.SIGINT), 0),
        (lambda pid: os.kill(pid, signal.SIGTERM), 0),
        (lambda pid: os.kill(pid, signal.SIGKILL), -9),
    ],
    ids=["SIGINT", "SIGINT to the group", "SIGTERM", "SIGKILL"],
)
def test_nothing_is_left_however_it_ends(project, serve, stop, status):
    port, dynamodb_port = processes.free_port(), processes.free_port()
    with (
        serve(
            *("start-api", "--in-memory", "--port", str(port)),
            cwd=project,
            until="Press CTRL+C",
            DYNAMODB_PORT=str(dynamodb_port),
        ) as server,
        ThreadPoolExecutor(2) as clients,
    ):
        get(port, "/toy/hello")
        get(port, "/edited")
        busy = clients.submit(get, port, "/toy/hang")
        eventually(lambda: "asked for hang" in server.terminal(), server.terminal)
        running = family(server.process.pid)
        assert len(running) >= 6  # an emulator and an interpreter for each function, DynamoDB Local, the reaper

        stop(server.process.pid)

        assert server.process.wait(10) == status
        eventually(lambda: not alive(running), lambda: alive(running))
        assert "Traceback" not in server.terminal()
        busy.exception(10)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
