"""Fixtures that run `python -m local` with a toy project."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from local import dynamodb, processes
from tests.local.toy_project import EDITED, ROOT, TEMPLATE, TOY, eventually, family, get


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name, text in {
        "template.yaml": TEMPLATE,
        "toy/app.py": TOY,
        "edited/app.py": EDITED,
        "layer/python/shared.py": 'WORD = "one"\n',
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def engine():
    """DynamoDB Local in memory, for all tests that don't start their own."""
    with dynamodb.engine(port=0, in_memory=True) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def environment(engine):
    """Return the environment of a developer who has secrets."""
    return {
        **os.environ,
        "DYNAMODB_PORT": engine.rpartition(":")[2],
        "LOCAL_CONCURRENCY": "2",
        "AWS_ACCESS_KEY_ID": "developer",
        "AWS_SECRET_ACCESS_KEY": "developer",
        "SOME_SECRET": "developer",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="session")
def run(environment):
    """Run `python -m local` to its end."""

    def run(*arguments, cwd, **variables):
        return subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=cwd,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def serve(environment):
    """Start `python -m local`, wait for a word on its terminal, and end what is left of it at the end."""

    @contextmanager
    def serve(*arguments, cwd, until, **variables):
        log = cwd / f"{arguments[0]}-{time.monotonic_ns()}.log"
        with log.open("w") as terminal:
            process = subprocess.Popen(
                [sys.executable, "-m", "local", *arguments],
                cwd=cwd,
                env=environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = SimpleNamespace(process=process, terminal=log.read_text)
        try:
            eventually(lambda: until in log.read_text() or process.poll() is not None, log.read_text)
            assert process.poll() is None, log.read_text()
            yield server
        finally:
            running = family(process.pid)
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            for pid in running:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    return serve


@pytest.fixture(scope="module")
def api(project, serve):
    """Serve the toy's API, with `get(path)` that returns status and body."""
    port = processes.free_port()
    with serve("start-api", "--port", str(port), cwd=project, until="Press CTRL+C") as server:
        server.get = lambda path: get(port, path)
        yield server
