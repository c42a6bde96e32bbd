"""A function's process as Lambda runs it: AWS's runtime client, fed by a Runtime API that is this process.

The API is https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. The emulator that SAM CLI carries would add
its own start and its own processor time to every figure.
"""

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Self

from bench.http import Handler, Server

_START_SECONDS = 30
_ANSWER_SECONDS = 30


class FunctionError(Exception):
    """The function failed instead of answering; the message is what it reported."""


@dataclass(frozen=True)
class Function:
    """What a process runs.

    Attributes
    ----------
    folder : Path
        Where ``app.py`` is.
    handler : str
        ``module.function``.
    layers : tuple of Path
        Folders to import from, in order.
    environment : mapping
        The function's variables.
    sampled : bool
        Whether X-Ray wants its requests.
    """

    folder: Path
    handler: str
    layers: tuple[Path, ...]
    environment: Mapping[str, str]
    sampled: bool = False


@dataclass(frozen=True)
class Usage:
    """What a process has used since it started: processor seconds, peak memory and log."""

    cpu: float
    peak_bytes: int
    log_bytes: int
    log_lines: int


class Process:
    """One process of a function, which serves one event at a time.

    Parameters
    ----------
    python : Path
        An interpreter whose environment has ``awslambdaric``.
    function : Function
        What it runs.
    log : file
        Where its standard output goes, opened for reading and writing.
    """

    def __init__(self, python: Path, function: Function, log: IO[bytes]) -> None:
        self.sampled = function.sampled
        self._log = log
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[bool, Any, float]] = queue.SimpleQueue()
        self._server = Server(_handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [python, "-m", "awslambdaric", function.handler],
            cwd=function.folder,
            stdout=log,
            env={
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "TZ": ":UTC",
                "PYTHONPATH": os.pathsep.join([str(function.folder), *map(str, function.layers)]),
                "PYTHONDONTWRITEBYTECODE": "1",  # /opt and /var/task can't be written to
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
                "LAMBDA_TASK_ROOT": str(function.folder),
                "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
                "AWS_LAMBDA_FUNCTION_NAME": "bench",
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
                "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_SESSION_TOKEN": "bench",
                **function.environment,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event: Any) -> tuple[Any, float]:  # noqa: ANN401 (an event may be any JSON)
        """Have one event answered; return the answer, and when it came (``time.perf_counter``).

        Raises
        ------
        FunctionError
            If the function failed, or did not answer in time.
        """
        self._events.put(event)
        try:
            succeeded, answer, at = self._answers.get(timeout=_ANSWER_SECONDS)
        except queue.Empty:
            raise FunctionError("No answer in time") from None
        if not succeeded:
            raise FunctionError(json.dumps(answer))
        return answer, at

    def usage(self) -> Usage:
        """Return what the process has used so far."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        nanoseconds = sum(int(task.read_text().split()[0]) for task in tasks)
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines())
        self._log.seek(0)
        log = self._log.read()
        return Usage(nanoseconds / 1e9, int(status["VmHWM"].split()[0]) * 1024, len(log), log.count(b"\n"))

    def next_event(self) -> Any:  # noqa: ANN401
        """Return the next event; the runtime client waits for it."""
        return self._events.get()

    def answered(self, answer: Any, *, succeeded: bool) -> None:  # noqa: ANN401
        """Take an answer from the runtime client."""
        self._answers.put((succeeded, answer, time.perf_counter()))


def _handler(process: Process) -> type[Handler]:
    trace = f"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled={process.sampled:d}"

    class RuntimeApi(Handler):
        def do_GET(self) -> None:  # noqa: N802 (http.server's name)
            event = json.dumps(process.next_event()).encode()
            headers = {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 10_000),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:bench",
                "Lambda-Runtime-Trace-Id": trace,
            }
            self.answer(HTTPStatus.OK, headers, event)

        def do_POST(self) -> None:  # noqa: N802
            process.answered(json.loads(self.body() or b"null"), succeeded=self.path.endswith("/response"))
            self.answer(HTTPStatus.ACCEPTED, {}, b"")

    return RuntimeApi
