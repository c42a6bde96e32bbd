"""Lambda functions as processes: what SAM CLI's containers do, without containers.

A process is AWS's Lambda Runtime Interface Emulator, which the SAM CLI package carries, running AWS's Lambda runtime
client for Python with this interpreter. As in Lambda it serves one event at a time, and a function has as many of them
as it has events at once, up to a limit; further events wait their turn.

`LOCAL_CONCURRENCY` in the environment sets the limit for each function. Without it, two for each processor, at most 16.
"""

import http.client
import json
import os
import platform
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

from local import LocalError, processes

if TYPE_CHECKING:
    from samcli.lib.utils.stream_writer import StreamWriter  # type: ignore[import-untyped]
    from samcli.local.lambdafn.config import FunctionConfig  # type: ignore[import-untyped]

# What the emulator adds to a function's output, perhaps at the end of a line that the function didn't finish, and a
# warning of the runtime client about AWS's managed runtimes.
CHATTER = re.compile(r"((START|END|REPORT) RequestId: [0-9a-f-]{36}|\[WARNING\]\t\S+\t\S*\tLAMBDA_WARNING: ).*")
_INVOCATIONS = "/2015-03-31/functions/function/invocations"
_RUNTIME_ENDED = re.compile(r"Process \S+ exited|Reset initiated")
_START_SECONDS = 10  # for the emulator to listen; the function itself is imported with its first event
_GRACE_SECONDS = 5  # the emulator ends a function that is out of time; this much later it is stuck itself

Write = Callable[[str], None]


@dataclass(frozen=True)
class Function:
    """What a process of a function is started with. A process that was started with anything else is out of date.

    Attributes
    ----------
    name
        The function's logical ID, for messages.
    handler
        `module.function`, as in the template.
    timeout
        In seconds.
    folder
        Where its code is, and its working directory.
    layers
        Folders to import from, in order.
    environment
        All of its environment variables.
    """

    name: str
    handler: str
    timeout: int
    folder: Path
    layers: tuple[Path, ...]
    environment: dict[str, str] = field(hash=False)


@cache
def emulator() -> str:
    """Return the path of the Runtime Interface Emulator for this machine.

    Raises
    ------
    LocalError
        When there is none.
    """
    machine = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    spec = find_spec("samcli")
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else Path()
    path = folder / "local" / "rapid" / f"aws-lambda-rie-{machine}"
    if platform.system() != "Linux" or not path.is_file():
        raise LocalError(
            f"Functions can't run as processes on {platform.system()} {platform.machine()}: AWS's Lambda emulator "
            "is for Linux on x86_64 and arm64. Run them in Docker: `sam local start-api`, with the table in "
            "`docker run -p 8000:8000 amazon/dynamodb-local`."
        )
    return str(path)


def environment(function_variables: dict[str, str], folder: Path, layers: Iterable[Path]) -> dict[str, str]:
    """Return a process's environment: the function's variables, what Lambda sets, and little of this machine's.

    Parameters
    ----------
    function_variables
        What SAM CLI gives the function: the template's variables, its configuration, credentials.
    folder, layers
        As in `Function`.
    """
    path = [str(layer) for layer in layers]
    if "PYTHONPATH" in function_variables:
        path.append(function_variables["PYTHONPATH"])
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **function_variables,
        "LAMBDA_TASK_ROOT": str(folder),
        "PYTHONPATH": os.pathsep.join(path),
        # Byte code names its source by size and by second, so that of an edit within one second could be mistaken.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def source_files(folders: Iterable[Path]) -> dict[str, tuple[int, int, int]]:
    """Return each file below the folders with what changes when it is edited; byte code is left out."""
    found = {}
    for folder in folders:
        for root, subfolders, names in os.walk(folder):
            subfolders[:] = [name for name in subfolders if name != "__pycache__"]
            for name in names:
                path = f"{root}/{name}"
                with suppress(FileNotFoundError):
                    status = os.stat(path)  # noqa: PTH116 - for each file, with each event: a Path takes its time
                    found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def drop_stale_byte_code(files: dict[str, tuple[int, int, int]]) -> None:
    """Delete byte code that is older than its source.

    Python compares size and second only, and would take it for the source's if both were of the same second.
    """
    for name, (modified, _, _) in files.items():
        source = Path(name)
        if source.suffix == ".py":
            for byte_code in source.parent.glob(f"__pycache__/{source.stem}.*.pyc"):
                with suppress(FileNotFoundError):
                    if byte_code.stat().st_mtime_ns <= modified:
                        byte_code.unlink()


class Process:
    """One process of a function, whose output is copied line by line.

    Parameters
    ----------
    function
        What to run.
    version
        What it is started from, for comparison.
    write
        Takes each line of output with its end.
    on_ready
        Called at least once, as soon as the function's module is imported or has failed to be.

    Raises
    ------
    LocalError
        When it can't be started.
    """

    def __init__(self, function: Function, version: object, write: Write, on_ready: Callable[[], None]) -> None:
        self.function = function
        self.version = version
        self._write = write
        self._on_ready = on_ready
        self._output_copied = threading.Event()
        for _ in range(5):
            self._start()
            if self._listens():
                return
            self.stop()  # somebody took a port before the emulator could, and it ended by itself
        raise LocalError(f"{function.name}: AWS's Lambda emulator doesn't start.")

    def invoke(self, event: str) -> tuple[bool, str]:
        """Hand the function one event (JSON) and wait for its answer.

        Returns
        -------
        tuple
            Whether the function answered, be it with an error of its own; and the answer, or what the emulator says in
            its place (empty when the emulator has ended too).
        """
        self._output_copied.clear()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self.function.timeout + _GRACE_SECONDS)
        try:
            connection.request("POST", _INVOCATIONS, event.encode(), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            self.healthy = False
            return False, ""
        finally:
            connection.close()
            self._on_ready()
        answered = response.status == http.HTTPStatus.OK and not answer.startswith("Task timed out after")
        if answered:
            self._output_copied.wait(1)
        else:
            self.healthy = False
        return answered, answer

    def stop(self) -> None:
        """End the process, with the function in it, and copy the last of its output."""
        processes.stop(self._child)
        for reader in self._readers:
            reader.join(1)

    def _start(self) -> None:
        self.healthy = True
        self._port: int = processes.free_port()
        self._runtime_port: int = processes.free_port()
        self._child = processes.start(
            [
                emulator(),
                *("--log-level", "info"),
                *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
                *("--runtime-api-address", f"127.0.0.1:{self._runtime_port}"),
                *(sys.executable, "-m", "awslambdaric", self.function.handler),
            ],
            cwd=self.function.folder,
            env=self.function.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._readers = [
            threading.Thread(target=self._copy_output, args=(self._child.stdout,), daemon=True),
            threading.Thread(target=self._watch_emulator, args=(self._child.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _listens(self) -> bool:
        """Wait until the emulator listens on both its ports; `False` if it ends instead."""
        deadline = time.monotonic() + _START_SECONDS
        waiting = [self._runtime_port, self._port]
        while waiting and self._child.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", waiting[-1]), timeout=1).close()
                waiting.pop()
            except OSError:
                time.sleep(0.005)
        return not waiting and self._child.poll() is None

    def _copy_output(self, output: IO[str]) -> None:
        """Copy what the function writes. Of the emulator's own lines in it, one tells when an event is done."""
        with output:
            for line in output:
                text, chatter = CHATTER.subn("", line.rstrip("\n"))
                if text or not chatter:
                    self._write(f"{text}\n")
                if chatter and "END RequestId" in line:
                    self._output_copied.set()

    def _watch_emulator(self, log: IO[str]) -> None:
        """Learn from the emulator's log when the function is ready, and when its interpreter has ended."""
        with log:
            for line in log:
                if "INIT RTDONE" in line:
                    self._on_ready()
                if _RUNTIME_ENDED.search(line):
                    self.healthy = False
        self.healthy = False


class Pool:
    """The processes of one function.

    Parameters
    ----------
    limit
        How many there are at most.
    write
        Takes their output.
    """

    def __init__(self, limit: int, write: Write) -> None:
        self._limit = limit
        self._write = write
        self._changed = threading.Condition()
        self._count = 0
        self._starting: object = None
        self._idle: list[Process] = []
        self._all = set[Process]()
        self._closed = False

    def invoke(self, function: Function, event: str) -> tuple[bool, str]:
        """Hand the event to a process that runs the code as it is now, and return what `Process.invoke` returns.

        Raises
        ------
        LocalError
            When no process can be started.
        """
        process = self._take(function)
        try:
            return process.invoke(event)
        finally:
            self._give_back(process)

    def close(self) -> None:
        """End all processes, those at work too."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            processes_left, self._all = self._all, set()
        for process in processes_left:
            process.stop()

    def _take(self, function: Function) -> Process:
        """Return an up-to-date process for one event; wait until there is one, or may be another one.

        Processes start one after another, so that the imports of many don't compete for the processors until the
        function's time is over.
        """
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or self._idle or (self._count < self._limit and not self._starting)
                )
                if self._closed:
                    raise LocalError(f"{function.name} is being stopped.")
                idle = self._idle.pop() if self._idle else None
                if idle is None:
                    self._count += 1
                    self._starting = token = object()
            files = source_files((function.folder, *function.layers))
            version = (function, files)
            if idle is None:
                drop_stale_byte_code(files)
                return self._start(function, version, token)
            if idle.healthy and idle.version == version:
                return idle
            self._drop(idle)

    def _start(self, function: Function, version: object, token: object) -> Process:
        try:
            process = Process(function, version, self._write, lambda: self._started(token))
        except BaseException:
            self._started(token)
            with self._changed:
                self._count -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._all.add(process)
            closed = self._closed
        if closed:
            process.stop()
        return process

    def _started(self, token: object) -> None:
        with self._changed:
            if self._starting is token:
                self._starting = None
                self._changed.notify()

    def _give_back(self, process: Process) -> None:
        if not process.healthy:
            self._drop(process)
            return
        with self._changed:
            self._idle.append(process)
            self._changed.notify()

    def _drop(self, process: Process) -> None:
        process.stop()
        with self._changed:
            self._all.discard(process)
            self._count -= 1
            self._changed.notify()


class Runtime:
    """Runs functions for SAM CLI, in the place of its `LambdaRuntime` and `WarmLambdaRuntime`.

    Parameters
    ----------
    base
        The folder that code paths in the template are relative to.
    variables
        Environment variables that every function gets, whatever the template says: containers may need another value.
    limit
        How many processes a function may have.
    write
        Takes the functions' output, line by line, from any thread.
    fail
        Told when a function could not answer: not be imported, ended, or was out of time. It may raise.
    """

    def __init__(
        self, base: Path, variables: dict[str, str], limit: int, write: Write, fail: Callable[[str], None]
    ) -> None:
        self._limit = limit
        self._base = base
        self._variables = variables
        self._write = write
        self._fail = fail
        self._pools: dict[str, Pool] = {}
        self._closed = False
        self._lock = threading.Lock()

    def invoke(
        self,
        config: "FunctionConfig",
        event: str,
        _tenant_id: str | None = None,
        *,
        stdout: "StreamWriter",
        **_options: object,
    ) -> None:
        """Run a function with one event and write its answer to SAM CLI's `stdout`.

        Parameters
        ----------
        config
            SAM CLI's `FunctionConfig`.
        event
            JSON.
        stdout
            SAM CLI's `StreamWriter`. Without an answer nothing is written, which its gateway takes for a 502.
        """
        with self._lock:
            pool = self._pools.setdefault(config.full_path, Pool(self._limit, self._write))
        try:
            function = self.function(config)
            answered, answer = pool.invoke(function, event)
        except LocalError as error:
            if not self._closed:
                self._fail(str(error))
            return
        stdout.write_str(answer)
        stdout.flush()
        if not answered and not self._closed:  # who stops everything need not be told what that ends
            self._explain(function, answer)

    def run(self, function_config: "FunctionConfig", **_options: object) -> None:
        """Check a function; SAM CLI calls this for each with `--warm-containers EAGER`. Processes start when needed."""
        self.function(function_config)

    def function(self, config: "FunctionConfig") -> Function:
        """Return what the function's processes are started with.

        Raises
        ------
        LocalError
            When the function isn't Python source in a folder, with layers of this template.
        """
        if not str(config.runtime).startswith("python") or not Path(config.code_abs_path or "").is_dir():
            raise LocalError(
                f"{config.name}: only Python functions with a folder as CodeUri run as processes ({config.runtime}, "
                f"{config.code_abs_path}). `sam local` runs the others in Docker."
            )
        for layer in config.layers:
            if not layer.codeuri:
                raise LocalError(
                    f"{config.name}: the layer {layer.arn} isn't in this template. Only containers can have it."
                )
        folder = Path(config.code_abs_path)
        layers = tuple(self._base / layer.codeuri / "python" for layer in config.layers)
        variables = config.env_vars.resolve() | self._variables
        return Function(
            config.name, config.handler, config.timeout, folder, layers, environment(variables, folder, layers)
        )

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()

    clean_running_containers_and_related_resources = clean_runtime_containers = close  # as SAM CLI calls it

    def _explain(self, function: Function, answer: str) -> None:
        try:
            error = json.loads(answer)
            message = f"{error['errorType']}: {error['errorMessage']}"
        except (ValueError, KeyError, TypeError):
            message = answer or "its process was ended"
        if message.startswith("Runtime.ImportModuleError"):
            self._write(traceback_of_import(function))
        self._fail(f"{function.name} failed. {message}")


def traceback_of_import(function: Function) -> str:
    """Import the function's module once more for its traceback, which Lambda's runtime client keeps to itself."""
    module = function.handler.rpartition(".")[0].replace("/", ".")
    with suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            [sys.executable, "-c", "import importlib, sys; importlib.import_module(sys.argv[1])", module],
            cwd=function.folder,
            env=function.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=function.timeout,
            check=False,
        ).stderr
    return ""


def concurrency() -> int:
    """Return how many processes a function may have.

    Raises
    ------
    LocalError
        When `LOCAL_CONCURRENCY` is no positive number.
    """
    text = os.environ.get("LOCAL_CONCURRENCY", "")
    if text and not (text.isascii() and text.isdigit() and int(text)):
        raise LocalError(f"LOCAL_CONCURRENCY is how many processes a function may have, 1 or more; it is {text!r}.")
    return int(text) if text else min(2 * (os.cpu_count() or 1), 16)
