"""A function as Lambda runs it: AWS's runtime client under AWS's emulator of Lambda, with the template's variables."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from local import functions
from tests.support.functions import FOLDERS, ROOT, variables
from tests.template.stack import Stack, read

NOTHING = {"Records": []}  # an event
LAYER = ROOT / "layers" / "squrl" / "python"


class Invoke(Protocol):
    """Hands a function one event and returns its answer."""

    def __call__(self, event: Any, *, paused: float = 0) -> Any:
        """Invoke the function; where X-Ray samples, after the process stood still for so many seconds."""


def declared(
    name: str,
    *,
    handler: str = "app.lambda_handler",
    folder: Path | None = None,
    parameters: dict[str, str] | None = None,
    **more: str,
) -> functions.Function:
    """Return what a function's processes are started with.

    Parameters
    ----------
    name
        Its folder below functions/.
    handler
        Another one than Lambda calls.
    folder
        Where its code is, if it is not the project's.
    parameters
        The stack's, besides their defaults.
    more
        Variables besides the template's, or instead of them.
    """
    folder = folder or ROOT / "functions" / name
    timeout = _timeout(name)
    own = {
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),  # for the emulator
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",  # for the services that `more` says nothing of
    }
    given = variables(name, **(parameters or {})) | own | more
    return functions.Function(name, handler, timeout, folder, (LAYER,), functions.environment(given, folder, (LAYER,)))


@contextmanager
def running(name: str, log: Path, *, xray: str = "", **options: Any) -> Iterator[Invoke]:
    """Run a function in a process of its own, and stop it at the end.

    Lambda imports a function before it hands it an event. The emulator does that with the first event and on its time,
    so the first event is one that no function does anything with.

    Parameters
    ----------
    name
        As for `declared`.
    log
        The file that is to have all that the function writes.
    xray
        Where the X-Ray daemon listens; every request is then sampled.
    options
        As for `declared`.
    """
    if xray:
        tracing = {"AWS_XRAY_DAEMON_ADDRESS": xray, "PYTHONPATH": str(Path(__file__).parent)}
        options = {"handler": "sampled.lambda_handler"} | tracing | options

    def invoke(event: Any, *, paused: float = 0) -> Any:
        answered, text = process.invoke(json.dumps({"event": event, "paused": paused} if xray else event))
        assert answered, text
        answer = json.loads(text)
        assert not (isinstance(answer, dict) and "errorType" in answer), answer
        return answer

    with log.open("w", buffering=1) as output:
        process = functions.Process(declared(name, **options), None, output.write, lambda: None)
        try:
            invoke(NOTHING)
            yield invoke
        finally:
            process.stop()


@cache
def _timeout(name: str) -> int:
    return int(Stack(read()).resources[FOLDERS[name]]["Properties"]["Timeout"])
