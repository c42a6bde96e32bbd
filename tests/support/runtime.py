"""A function as Lambda runs it: AWS's runtime client under AWS's emulator of Lambda, with the template's variables."""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local import processes
from local.functions import CHATTER, emulator, environment
from tests.support.functions import ROOT, variables
from tests.support.ports import wait_for_port

LAYER = ROOT / "layers" / "squrl" / "python"

Invoke = Callable[[Any], Any]


@contextmanager
def running(
    function: str, log: Path, *, log_level: str = "INFO", xray: str = "", folder: Path | None = None, **more: str
) -> Iterator[Invoke]:
    """Run a function in a process of its own, and stop it at the end.

    Parameters
    ----------
    function
        Its folder below functions/.
    log
        The file that is to have all that the process writes.
    xray
        Where the X-Ray daemon listens; every request is then sampled.
    folder
        Where its code is, if it is not the project's.
    more
        Variables besides the template's, or instead of them.

    Yields
    ------
    callable
        Hands the function one event and returns its answer.
    """
    folder = folder or ROOT / "functions" / function
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}  # for the services that `more` says nothing of
    tracing = {"AWS_XRAY_DAEMON_ADDRESS": xray, "PYTHONPATH": str(Path(__file__).parent)} if xray else {}
    port, api_port = processes.free_port(), processes.free_port()
    with log.open("w") as output:
        child = processes.start(
            [
                emulator(),
                *("--log-level", "error"),
                *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
                *("--runtime-api-address", f"127.0.0.1:{api_port}"),
                *(sys.executable, "-m", "awslambdaric", "sampled.lambda_handler" if xray else "app.lambda_handler"),
            ],
            cwd=folder,
            env=environment(variables(function, LogLevel=log_level) | nowhere | tracing | more, folder, [LAYER]),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_port(port, child, log)
        yield lambda event: _invoke(port, event)
    finally:
        processes.stop(child)


def written(log: Path) -> str:
    """Return what a function wrote, without what the emulator adds."""
    return CHATTER.sub("", log.read_text())


def _invoke(port: int, event: Any) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)  # longer than the function's own time
    try:
        connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event).encode())
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
