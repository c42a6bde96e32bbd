"""Child processes that end when their parent does, however it ends.

Each child leads a session of its own, so that a Ctrl-C in the terminal reaches the parent alone and the parent ends its
children in order. Should the parent be killed, nothing in it can do that: a second, tiny process, the reaper, holds the
other end of a pipe from the parent, and ends what is left when the pipe closes. (Linux could signal the children by
itself, but on the end of the *thread* that started them, and the threads of a web server come and go.)
"""

import atexit
import itertools
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from local import LocalError
from local.reaper import kill_session

_PORTS = range(20_000, 32_000)  # below those that Linux and macOS give to clients' connections

_lock = threading.Lock()
_next_port = itertools.count(os.getpid() * 16)  # parents that run side by side search in different places
_reaper: "subprocess.Popen[str] | None" = None


def free_port() -> int:
    """Return a port that nobody listens on, another one at each call.

    Somebody may take it before the caller does: what is started on it has to be watched until it listens.
    """
    with _lock:
        for candidate in itertools.islice(_next_port, len(_PORTS)):
            port = _PORTS[candidate % len(_PORTS)]
            with socket.socket() as probe, suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise LocalError(f"No free port between {_PORTS.start} and {_PORTS.stop}.")


def start(  # noqa: PLR0913 - Popen's own
    command: list[str],
    *,
    cwd: Path,
    env: dict[str, str] | None = None,
    stdout: "int | IO[str]",
    stderr: int,
    pass_fds: tuple[int, ...] = (),
) -> "subprocess.Popen[str]":
    """Start a child that `stop` ends, or the reaper after this process is gone.

    Parameters
    ----------
    command, cwd, env, stdout, stderr, pass_fds
        As for `subprocess.Popen`. Pipes carry text; what is no UTF-8 in it is replaced.

    Raises
    ------
    OSError
        When the command can't be started.
    """
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        start_new_session=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    _tell_reaper(f"+{child.pid}")
    return child


def stop(child: "subprocess.Popen[str]", *, patience: float = 2) -> None:
    """End a child: ask it with SIGTERM, and after `patience` seconds at most kill what is left of it and of its own."""
    if child.returncode is None:  # afterwards its number may be somebody else's
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(patience)
        kill_session(child.pid)
        child.wait()
    _tell_reaper(f"-{child.pid}")


def _tell_reaper(line: str) -> None:
    """Note a child that started (`+pid`) or ended (`-pid`); the first note starts the reaper."""
    global _reaper  # noqa: PLW0603 - one for the whole process
    with _lock:
        if _reaper is None:
            _reaper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("reaper.py"))],
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )
            atexit.register(_dismiss, _reaper)
        with suppress(BrokenPipeError, ValueError):  # the reaper is gone: the children still end with `stop`
            print(line, file=_reaper.stdin, flush=True)


def _dismiss(reaper: "subprocess.Popen[str]") -> None:
    """Let the reaper do its work, which is none if all children have been stopped."""
    reaper.communicate()
