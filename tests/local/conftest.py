"""Fixtures that run `python -m local` with a toy project."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from local import dynamodb, processes
from tests.local.toy_project import FILES, get
from tests.support.commands import READY, serving
from tests.support.functions import ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
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
    secrets = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SOME_SECRET"), "developer")
    settings = {"DYNAMODB_PORT": engine.rpartition(":")[2], "LOCAL_CONCURRENCY": "2", "PYTHONPATH": str(ROOT)}
    return os.environ | secrets | settings


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
    """Have `python -m local` serve on a free port, from when its terminal shows a word on."""

    @contextmanager
    def serve(command, *options, cwd, until=READY, **variables):
        port = processes.free_port()
        log = cwd / f"{command}-{time.monotonic_ns()}.log"
        where = () if command == "dynamodb" else ("--port", str(port))
        with serving(command, *where, *options, log=log, until=until, cwd=cwd, env=environment | variables) as process:
            yield SimpleNamespace(process=process, port=port, terminal=log.read_text, get=lambda path: get(port, path))

    return serve


@pytest.fixture(scope="module")
def api(project, serve):
    """Serve the toy's API."""
    with serve("start-api", cwd=project) as server:
        yield server
