"""The reaper of `local.processes`: ends what a parent that is gone has left. A program of its own, quick and small."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_PATIENCE_SECONDS = 5


def reap() -> None:
    """Read which children started (`+pid`) and ended (`-pid`) until the parent is gone, then end the others."""
    pids = set[int]()
    for line in sys.stdin:
        (pids.add if line.startswith("+") else pids.discard)(int(line[1:]))
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while pids:
        for pid in list(pids):
            if not _runs(pid) or time.monotonic() > deadline:
                kill_session(pid)
                pids.discard(pid)
        time.sleep(0.02)


def kill_session(leader: int) -> None:
    """Kill what is left of a child's session, with the child or without it.

    Lambda's emulator puts the function into a process group of its own, and ends it only if it ends in order itself.
    """
    with suppress(ProcessLookupError, PermissionError):  # macOS says the second of a group that has just ended
        os.killpg(leader, signal.SIGKILL)
    for entry in Path("/proc").glob("[0-9]*"):  # Linux, and so is the emulator
        pid = int(entry.name)
        with suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _runs(pid: int) -> bool:
    """Tell whether a process has not ended; one that nobody has asked for since is a zombie, and has."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # no /proc
        return True
    return state != "Z"


if __name__ == "__main__":
    reap()
