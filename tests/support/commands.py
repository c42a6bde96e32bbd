"""`python -m local` as people run it, and the processes that come of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from local.processes import free_port
from tests.support.functions import ROOT
from tests.support.waiting import eventually

READY = "Press CTRL+C"  # what SAM CLI's servers say at last


@contextmanager
def serving(
    *arguments: str, log: Path, until: str = READY, cwd: Path = ROOT, env: Mapping[str, str] = os.environ
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `python -m local` from when its terminal shows some words on, and end what is left of it."""
    with log.open("w") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(lambda: until in log.read_text() or process.poll() is not None, log.read_text, seconds=60)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        running = family(process.pid)
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def sam_local(command: str, endpoint: str, log: Path) -> Iterator[int]:
    """Run SAM CLI's command as this project does; yield its port."""
    port = free_port()
    parameters = "LogLevel=DEBUG CreatesPerMinutePerClient=0 CreateAccess=anyone"
    options = ("--port", str(port), "--parameter-overrides", parameters)
    with serving(command, *options, log=log, env=os.environ | {"DYNAMODB_PORT": endpoint.rpartition(":")[2]}):
        yield port


def family(pid: int) -> set[int]:
    """Return the processes that come of one: its children, theirs, and so on."""
    parents = {child: int(parent) for child, (parent, _, _) in listing().items()}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: Iterable[int]) -> set[int]:
    """Return those of the processes that run; what has ended and nobody asked for doesn't."""
    running = {pid for pid, (_, state, _) in listing().items() if not state.startswith("Z")}
    return running & set(pids)


def listing() -> dict[int, tuple[str, str, str]]:
    """Return the parent, the state and the command of each process of this machine."""
    command = ["ps", "-A", "-o", "pid=,ppid=,stat=,args="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {int(pid): (parent, state, args) for pid, parent, state, args in (line.split(None, 3) for line in lines)}
