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
from typing import IO, Any, NamedTuple, Self

from bench.http import Handler, Server

PYTHON = Path(__file__).resolve().parents[1] / ".local/runtime/bin/python"  # has awslambdaric
ANSWER_SECONDS = 30


class FunctionError(Exception):
    """The function failed instead of answering; the message is what it reported."""


@dataclass(frozen=True)
class Function:
    """What a process runs.

    Attributes
    ----------
    folder : Path
        Where its code is.
    handler : str
        ``module.function``.
    layers : tuple of Path
        Folders to import from, in order.
    environment : mapping
        The function's variables.
    sampled : bool
        Whether X-Ray wants its requests.
    snapshot : bool
        Whether it waits to be restored once it is loaded, as with SnapStart.
    """

    folder: Path
    handler: str
    layers: tuple[Path, ...]
    environment: Mapping[str, str]
    sampled: bool = False
    snapshot: bool = False


class Usage(NamedTuple):
    """What a process has used since it started: processor seconds, peak memory and log."""

    cpu: float
    peak_bytes: int
    log_bytes: int
    log_lines: int


class Process:
    """One process of a function, which serves one event at a time.

    Parameters
    ----------
    function : Function
        What it runs.
    log : file
        Where its standard output goes, opened for reading and writing.
    """

    def __init__(self, function: Function, log: IO[bytes]) -> None:
        self.function = function
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[tuple[bool, Any, float]] = queue.SimpleQueue()
        self.init_cpu = 0.0  # seconds of the processor until it asked for its first event
        self._ready, self.restored = threading.Event(), threading.Event()
        self._log = log
        self._server = Server(_handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [PYTHON, "-m", "awslambdaric", function.handler],
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
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_SESSION_TOKEN": "bench",
                **({"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"} if function.snapshot else {}),
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
        self.events.put(event)
        try:
            succeeded, answer, at = self.answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise FunctionError("No answer in time") from None
        if not succeeded:
            raise FunctionError(json.dumps(answer))
        return answer, at

    def is_ready(self) -> None:
        """Note that it asks for an event: when it does so first, it has started."""
        self.init_cpu = self.init_cpu or self._cpu()
        self._ready.set()

    def restore(self) -> None:
        """Let a process go on that waits to be restored; it counts as started from now on."""
        if not self._ready.wait(ANSWER_SECONDS):
            raise FunctionError("It wasn't loaded in time")
        self.started = time.perf_counter()
        self.restored.set()

    def _cpu(self) -> float:
        folder = Path(f"/proc/{self._process.pid}")
        return sum(int(task.read_text().split()[0]) for task in folder.glob("task/*/schedstat")) / 1e9

    def usage(self) -> Usage:
        """Return what the process has used so far."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        status = dict(line.split(":", 1) for line in text.splitlines())
        self._log.seek(0)
        log = self._log.read()
        return Usage(self._cpu(), int(status["VmHWM"].split()[0]) * 1024, len(log), log.count(b"\n"))


def _handler(process: Process) -> type[Handler]:
    trace = f"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled={process.function.sampled:d}"

    class RuntimeApi(Handler):
        def do_GET(self) -> None:  # noqa: N802 (http.server's name)
            process.is_ready()
            if self.path.endswith("/restore/next"):
                process.restored.wait(ANSWER_SECONDS)
                self.answer(HTTPStatus.OK, {}, b"")
                return
            event = json.dumps(process.events.get()).encode()
            headers = {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 10_000),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:bench",
                "Lambda-Runtime-Trace-Id": trace,
            }
            self.answer(HTTPStatus.OK, headers, event)

        def do_POST(self) -> None:  # noqa: N802
            answer = json.loads(self.body() or b"null")
            process.answers.put((self.path.endswith("/response"), answer, time.perf_counter()))
            self.answer(HTTPStatus.ACCEPTED, {}, b"")

    return RuntimeApi
