"""The pool of a function's processes, and what a process is started with."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from local import LocalError, functions
from local.functions import Function, Pool
from tests.support.waiting import eventually


class FakeProcess:
    """Answers as soon as `release` is set."""

    started: list["FakeProcess"]
    release: threading.Event
    ready_at_once: bool

    def __init__(self, function, version, _write, on_ready):
        if function.handler == "broken":
            raise LocalError("doesn't start")
        self.version = version
        self.healthy = True
        self.stopped = False
        self.served = 0
        self.on_ready = on_ready
        self.started.append(self)
        if self.ready_at_once:
            on_ready()

    def invoke(self, event):
        assert not self.stopped
        self.served += 1
        self.release.wait(10)
        self.on_ready()
        self.healthy = event != "fatal"
        return self.healthy, event

    def stop(self):
        self.stopped = True


@pytest.fixture
def fake(monkeypatch):
    for name, value in {"started": [], "release": threading.Event(), "ready_at_once": True}.items():
        monkeypatch.setattr(FakeProcess, name, value, raising=False)
    FakeProcess.release.set()
    monkeypatch.setattr(functions, "Process", FakeProcess)
    return FakeProcess


@pytest.fixture
def function(tmp_path):
    (tmp_path / "app.py").write_text("one")
    return Function("Toy", "app.handler", 3, tmp_path, (), {})


def test_given_events_in_turn_when_answered_then_one_process_does_it(fake, function):
    pool = Pool(4, print)

    assert [pool.invoke(function, event) for event in "abc"] == [(True, "a"), (True, "b"), (True, "c")]
    assert len(fake.started) == 1


def test_given_many_events_when_processes_start_then_it_is_one_after_another(fake, function):
    fake.release.clear()
    fake.ready_at_once = False
    pool = Pool(4, print)
    with ThreadPoolExecutor(4) as clients:
        answers = [clients.submit(pool.invoke, function, "event") for _ in range(4)]
        eventually(lambda: fake.started and fake.started[0].served)
        assert len(fake.started) == 1

        fake.started[0].on_ready()
        eventually(lambda: len(fake.started) == 2)

        fake.release.set()
        assert all(answer.result(10)[0] for answer in answers)


def test_given_a_process_that_does_not_start_when_asked_then_its_place_is_free(fake, function):
    pool = Pool(1, print)

    with pytest.raises(LocalError):
        pool.invoke(replace(function, handler="broken"), "event")

    assert pool.invoke(function, "event") == (True, "event")


def add_byte_code(folder):
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "app.pyc").touch()


@pytest.mark.parametrize(
    ("edit", "stopped"),
    [
        (lambda folder: (folder / "app.py").write_text("two"), [True, False]),
        (lambda folder: (folder / "new.py").touch(), [True, False]),
        (lambda folder: (folder / "app.py").unlink(), [True, False]),
        (lambda folder: (folder / "app.py").rename(folder / "other.py"), [True, False]),
        (lambda folder: os.utime(folder / "app.py", ns=(0, 1)), [True, False]),
        (add_byte_code, [False]),
    ],
    ids=["changed", "added", "removed", "renamed", "touched", "byte code"],
)
def test_given_an_edit_when_an_event_comes_then_processes_are_new(fake, function, tmp_path, edit, stopped):
    pool = Pool(4, print)

    pool.invoke(function, "event")
    edit(tmp_path)
    pool.invoke(function, "event")

    assert [process.stopped for process in fake.started] == stopped


def test_given_a_developers_environment_when_a_process_starts_then_it_is_kept_out(monkeypatch):
    for name, value in {"SOME_SECRET": "developer", "PYTHONPATH": "/developer", "HOME": "/home"}.items():
        monkeypatch.setenv(name, value)

    environment = functions.environment(
        {"NAME": "value", "PYTHONPATH": "/own"}, Path("/code"), [Path("/1"), Path("/2")]
    )

    expected = {"NAME": "value", "PYTHONPATH": "/1:/2:/own", "LAMBDA_TASK_ROOT": "/code", "HOME": "/home"}
    assert environment.items() >= expected.items()
    assert "developer" not in environment.values()


REQUEST = "RequestId: 8db1b5c3-dcf1-42d2-a4d1-11a3b2d8fa52"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (f"START {REQUEST} Version: $LATEST", ""),
        (f"no endEND {REQUEST}", "no end"),
        (f"REPORT {REQUEST}\tDuration: 1.00 ms", ""),
        ("[WARNING]\t2026-11-22T15:58:09.272Z\t\tLAMBDA_WARNING: Unhandled exception. The most", ""),
        ('{"level": "WARNING", "message": "START of it"}', '{"level": "WARNING", "message": "START of it"}'),
    ],
    ids=["start", "end", "report", "warning", "a function's"],
)
def test_given_a_line_of_output_when_shown_then_the_emulators_part_is_cut_off(line, text):
    assert functions.CHATTER.sub("", line) == text


def test_given_a_limit_when_set_then_it_holds(monkeypatch):
    monkeypatch.delenv("LOCAL_CONCURRENCY", raising=False)
    assert 2 <= functions.concurrency() <= 16
    monkeypatch.setenv("LOCAL_CONCURRENCY", "7")
    assert functions.concurrency() == 7


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "²"])
def test_given_a_limit_that_is_none_when_set_then_it_is_refused(monkeypatch, text):
    monkeypatch.setenv("LOCAL_CONCURRENCY", text)

    with pytest.raises(LocalError, match="LOCAL_CONCURRENCY"):
        functions.concurrency()


def test_given_another_system_when_started_then_it_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    functions.emulator.cache_clear()

    with pytest.raises(LocalError, match="in Docker: `sam local start-api`"):
        functions.emulator()
