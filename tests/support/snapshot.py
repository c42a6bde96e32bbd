"""What SnapStart makes of a function: a process that is loaded once, and copies of it that answer. Run in its folder.

Standard input is one line of JSON when the copies are to be made; standard output is what each of them writes, and
then a line of what it says of itself.
"""

import ctypes
import json
import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import app  # type: ignore[import-not-found]

HOUR = 3600  # seconds
# Unlike `os.fork`, C's runs nothing of what Python's modules want done in a child, such as giving `random` a new seed:
# who is restored from a snapshot doesn't learn of it either.
_fork = ctypes.PyDLL(None).fork


def main() -> None:
    """Say what the process has once it is loaded; then make the copies, one after the other."""
    _say({"sockets": _sockets(), "threads": threading.active_count()})
    asked = json.loads(input())
    for number in range(asked["copies"]):
        child = _fork()
        if not child:
            _answer(number, asked)
            os._exit(0)
        os.waitpid(child, 0)


def _answer(number: int, asked: dict[str, Any]) -> None:
    """Answer the events as a copy that is restored so many hours later."""
    clock, wait, pauses = time.time, time.sleep, list[float]()
    time.time = lambda: clock() + number * HOUR
    time.sleep = pauses.append  # type: ignore[assignment]
    os.environ |= asked["environment"]
    *first, last = asked["events"]
    statuses = [_invoke(event)["statusCode"] for event in first]
    while (status := _invoke(last)["statusCode"]) != asked["status"]:  # once the domain lists are known
        wait(0.1)
    _say({"now": int(time.time()), "statuses": [*statuses, status], "pauses": pauses})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def _invoke(event: object) -> Any:
    context = SimpleNamespace(
        function_name="redirect",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:redirect",
        aws_request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        get_remaining_time_in_millis=lambda: 5000,
    )
    return app.lambda_handler(event, context)


def _sockets() -> list[str]:
    files = (Path(f"/proc/self/fd/{number}") for number in range(100))
    return [name for each in files if each.is_symlink() and (name := str(each.readlink())).startswith("socket:")]


if __name__ == "__main__":
    main()
