"""The pool of a function's processes, and what a process is started with."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from local import LocalError, functions
from local.functions import Function, Pool


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
    monkeypatch.setattr(FakeProcess, "started", [], raising=False)
    monkeypatch.setattr(FakeProcess, "release", threading.Event(), raising=False)
    monkeypatch.setattr(FakeProcess, "ready_at_once", True, raising=False)
    monkeypatch.setattr(functions, "Process", FakeProcess)
    return FakeProcess


@pytest.fixture
def function(tmp_path):
    (tmp_path / "app.py").write_text("one")
    return make(tmp_path)


def make(folder, **changes):
    return replace(Function("Toy", "app.handler", 3, folder, (), {}), **changes)


def test_a_process_is_used_again(fake, function):
    fake.release.set()
    pool = Pool(4, print)

    assert [pool.invoke(function, event) for event in "abc"] == [(True, "a"), (True, "b"), (True, "c")]
    assert len(fake.started) == 1


def test_events_beyond_the_limit_wait_and_none_is_lost(fake, function):
    pool = Pool(2, print)
    with ThreadPoolExecutor(10) as clients:
        answers = [clients.submit(pool.invoke, function, str(number)) for number in range(10)]
        fake.release.set()
        assert sorted(answer.result(10)[1] for answer in answers) == sorted(map(str, range(10)))

    assert len(fake.started) <= 2
    assert sum(process.served for process in fake.started) == 10


def test_processes_start_one_after_another(fake, function, monkeypatch):
    monkeypatch.setattr(fake, "ready_at_once", False)
    pool = Pool(4, print)
    with ThreadPoolExecutor(4) as clients:
        answers = [clients.submit(pool.invoke, function, "event") for _ in range(4)]
        wait_for(lambda: fake.started and fake.started[0].served)
        assert len(fake.started) == 1

        fake.started[0].on_ready()
        wait_for(lambda: len(fake.started) == 2)

        fake.release.set()
        assert all(answer.result(10)[0] for answer in answers)


def test_a_process_that_failed_is_replaced(fake, function):
    fake.release.set()
    pool = Pool(1, print)

    assert pool.invoke(function, "fatal") == (False, "fatal")
    assert pool.invoke(function, "next") == (True, "next")
    assert [process.stopped for process in fake.started] == [True, False]


def test_a_process_that_doesnt_start_leaves_its_place(fake, function, tmp_path):
    fake.release.set()
    pool = Pool(1, print)

    with pytest.raises(LocalError):
        pool.invoke(make(tmp_path, handler="broken"), "event")

    assert pool.invoke(function, "event") == (True, "event")


@pytest.mark.parametrize("change", [{"handler": "app.other"}, {"timeout": 4}, {"environment": {"NAME": "value"}}])
def test_a_change_of_the_configuration_retires_processes(fake, function, tmp_path, change):
    fake.release.set()
    pool = Pool(4, print)

    pool.invoke(function, "event")
    pool.invoke(make(tmp_path, **change), "event")

    assert [process.stopped for process in fake.started] == [True, False]


@pytest.mark.parametrize(
    "edit",
    [
        lambda folder: (folder / "app.py").write_text("two"),
        lambda folder: (folder / "new.py").write_text(""),
        lambda folder: (folder / "app.py").unlink(),
        lambda folder: (folder / "app.py").rename(folder / "other.py"),
        lambda folder: os.utime(folder / "app.py", ns=(0, 1)),
    ],
    ids=["changed", "added", "removed", "renamed", "touched"],
)
def test_an_edit_retires_processes(fake, function, tmp_path, edit):
    fake.release.set()
    pool = Pool(4, print)

    pool.invoke(function, "event")
    edit(tmp_path)
    pool.invoke(function, "event")

    assert [process.stopped for process in fake.started] == [True, False]


def test_byte_code_is_no_source(fake, function, tmp_path):
    fake.release.set()
    pool = Pool(4, print)

    pool.invoke(function, "event")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "app.cpython-311.pyc").write_text("")
    pool.invoke(function, "event")

    assert len(fake.started) == 1


def test_a_closed_pool_ends_its_processes_and_takes_no_event(fake, function):
    fake.release.set()
    pool = Pool(4, print)
    pool.invoke(function, "event")

    pool.close()

    assert fake.started[0].stopped
    with pytest.raises(LocalError):
        pool.invoke(function, "event")


def test_only_byte_code_as_old_as_its_source_is_dropped(tmp_path):
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    for name, source, byte_code in (("older", 2, 1), ("same", 2, 2), ("newer", 2, 3)):
        (tmp_path / f"{name}.py").write_text("")
        (cache / f"{name}.cpython-311.pyc").write_text("")
        os.utime(tmp_path / f"{name}.py", ns=(source, source))
        os.utime(cache / f"{name}.cpython-311.pyc", ns=(byte_code, byte_code))

    functions.drop_stale_byte_code(functions.source_files([tmp_path]))

    assert [path.name for path in cache.iterdir()] == ["newer.cpython-311.pyc"]


def test_the_environment_is_the_functions_and_not_the_developers(monkeypatch):
    monkeypatch.setenv("SOME_SECRET", "developer")
    monkeypatch.setenv("PYTHONPATH", "/developer")
    monkeypatch.setenv("HOME", "/home")

    environment = functions.environment(
        {"NAME": "value", "PYTHONPATH": "/own"}, Path("/code"), [Path("/first"), Path("/second")]
    )

    assert environment["NAME"] == "value"
    assert environment["PYTHONPATH"] == "/first:/second:/own"
    assert environment["LAMBDA_TASK_ROOT"] == "/code"
    assert environment["HOME"] == "/home"
    assert "SOME_SECRET" not in environment


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("START RequestId: 8db1b5c3-dcf1-42d2-a4d1-11a3b2d8fa52 Version: $LATEST", ""),
        ("no endEND RequestId: 8db1b5c3-dcf1-42d2-a4d1-11a3b2d8fa52", "no end"),
        ("REPORT RequestId: 8db1b5c3-dcf1-42d2-a4d1-11a3b2d8fa52\tDuration: 1.00 ms", ""),
        ("[WARNING]\t2026-11-22T15:58:09.272Z\t\tLAMBDA_WARNING: Unhandled exception. The most", ""),
        ('{"level": "WARNING", "message": "START of it"}', '{"level": "WARNING", "message": "START of it"}'),
    ],
)
def test_the_emulators_chatter_is_cut_off(line, text):
    assert functions.CHATTER.sub("", line) == text


def test_the_limit_can_be_set(monkeypatch):
    monkeypatch.delenv("LOCAL_CONCURRENCY", raising=False)
    assert 2 <= functions.concurrency() <= 16
    monkeypatch.setenv("LOCAL_CONCURRENCY", "7")
    assert functions.concurrency() == 7


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "²"])
def test_a_limit_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("LOCAL_CONCURRENCY", text)

    with pytest.raises(LocalError, match="LOCAL_CONCURRENCY"):
        functions.concurrency()


def test_another_system_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    functions.emulator.cache_clear()

    with pytest.raises(LocalError, match="in Docker: `sam local start-api`"):
        functions.emulator()


def wait_for(condition):
    waiting = threading.Event()
    for _ in range(1000):
        if condition():
            return
        waiting.wait(0.01)
    pytest.fail("it didn't happen")
