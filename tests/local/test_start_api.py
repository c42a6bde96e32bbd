"""`python -m local start-api`: functions as processes behind SAM CLI's gateway."""

import os
import py_compile
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from local import processes
from tests.support.commands import alive, family, listing
from tests.support.waiting import eventually


def test_given_a_request_when_answered_then_the_function_has_lambdas_variables(api, engine):
    status, answer = api.get("/toy/hello")

    expected = {
        "AWS_ENDPOINT_URL_DYNAMODB": engine,
        "TABLE_NAME": "toy-table",
        "AWS_SAM_LOCAL": "true",
        "AWS_LAMBDA_FUNCTION_NAME": "ToyFunction",
    }
    assert status == 200
    assert 0 < answer["remaining"] <= 2000
    assert answer["environment"].items() >= expected.items()
    assert answer["environment"]["AWS_ACCESS_KEY_ID"]
    assert answer["environment"]["AWS_REGION"]
    assert "developer" not in answer["environment"].values(), "a secret of the developer's"


def test_given_a_function_that_writes_when_asked_then_its_output_alone_is_shown(api):
    api.get("/toy/shown")

    eventually(lambda: "\nasked for shown\nfirst line\nlast line without an end\n" in api.terminal(), api.terminal)
    assert "RequestId" not in api.terminal()
    assert "(rapid)" not in api.terminal()


def test_given_a_function_that_raises_when_asked_then_its_traceback_is_shown(api):
    assert api.get("/toy/raise")[0] == 500
    eventually(lambda: "ValueError: a toy's error" in api.terminal(), api.terminal)


@pytest.mark.parametrize(
    ("what", "status", "said"), [("exit", 500, "exit status 3"), ("hang", 502, "Task timed out after 2.00 seconds")]
)
def test_given_a_process_that_fails_when_the_next_request_comes_then_it_is_replaced(api, what, status, said):
    before = api.get("/toy/hello")[1]["pid"]

    assert api.get(f"/toy/{what}")[0] == status
    eventually(lambda: said in api.terminal(), api.terminal)
    assert api.get("/toy/hello")[1]["pid"] != before
    eventually(lambda: not alive({before}))


@pytest.mark.parametrize("name", ["awslambdaric", "aws-lambda-rie"])
def test_given_idle_processes_when_killed_then_they_are_replaced(api, name):
    api.get("/toy/hello")
    everything = listing()
    killed = {pid for pid in family(api.process.pid) if name in everything[pid][2]}
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not alive(killed))

    assert [api.get("/toy/hello")[0] for _ in range(3)] == [200, 200, 200]


def test_given_more_requests_than_processes_when_asked_then_they_wait_their_turn(api):
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(api.get, ["/toy/pause"] * 8))

    assert [status for status, _ in answers] == [200] * 8
    assert len({answer["pid"] for _, answer in answers}) <= 2


def test_given_an_edit_when_the_next_request_comes_then_it_is_seen(api, project):
    assert api.get("/edited") == (200, "one 1")

    for path, old, new, answer in (
        ("edited/app.py", '" 1"', '" 2"', "one 2"),
        ("layer/python/shared.py", "one", "two", "two 2"),
    ):
        text = (project / path).read_text()
        assert old in text
        (project / path).write_text(text.replace(old, new))
        assert api.get("/edited") == (200, answer)


def test_given_byte_code_of_the_same_second_when_edited_then_the_edit_is_seen(api, project):
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
def test_given_a_function_that_cant_be_imported_when_asked_then_it_is_explained(api, project, broken, error):
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
def test_given_warm_containers_when_asked_for_then_nothing_changes(project, serve, value):
    with serve("start-api", "--warm-containers", value, cwd=project) as server:
        assert server.get("/toy/hello")[0] == 200


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
def test_given_a_running_stack_when_it_is_stopped_then_nothing_is_left(project, serve, stop, status):
    port = str(processes.free_port())
    with (
        serve("start-api", "--in-memory", cwd=project, DYNAMODB_PORT=port) as server,
        ThreadPoolExecutor(2) as clients,
    ):
        server.get("/toy/hello")
        server.get("/edited")
        busy = clients.submit(server.get, "/toy/hang")
        eventually(lambda: "asked for hang" in server.terminal(), server.terminal)
        running = family(server.process.pid)
        assert len(running) >= 6  # an emulator and an interpreter for each function, DynamoDB Local, the reaper

        stop(server.process.pid)

        assert server.process.wait(10) == status
        eventually(lambda: not alive(running), lambda: alive(running))
        assert "Traceback" not in server.terminal()
        busy.exception(10)
