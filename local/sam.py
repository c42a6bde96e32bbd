"""The real SAM CLI, told to run functions as processes and to have DynamoDB Local and its tables ready before.

SAM CLI reads the options, samconfig.toml and the template, routes requests, makes events of them and answers of what
the functions return. The few of its names that stand for Docker, for AWS or for the network are replaced by ours.
"""

import ipaddress
import json
import os
import platform
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import click
from click.core import ParameterSource
from samcli.cli.main import cli  # type: ignore[import-untyped]
from samcli.commands._utils import options as sam_options  # type: ignore[import-untyped]
from samcli.commands.exceptions import UserException  # type: ignore[import-untyped]
from samcli.commands.local.cli_common import invoke_context  # type: ignore[import-untyped]
from samcli.commands.local.lib import local_api_service  # type: ignore[import-untyped]
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner  # type: ignore[import-untyped]
from samcli.lib.utils import version_checker  # type: ignore[import-untyped]
from samcli.local.services.base_local_service import LambdaOutputParser  # type: ignore[import-untyped]
from werkzeug.serving import BaseWSGIServer

from local import LocalError, admin_key, dynamodb, functions, say, tables
from local.gateway import Gateway

# SAM CLI's options that only containers can have, and that a process would leave unheeded.
_FOR_CONTAINERS = {
    "add_host",
    "container_dns",
    "container_env_vars",
    "container_host",
    "container_host_interface",
    "debug_args",
    "debug_function",
    "debug_port",
    "debugger_path",
    "docker_network",
    "docker_volume_basedir",
    "invoke_image",
}
# No function calls anything but DynamoDB Local: there is no key and no queue, and whatever leads elsewhere goes to a
# proxy that isn't there.
_NOWHERE = {
    "CLIENT_KEY_ID": "",
    "CLICK_QUEUE_URL": "",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "NO_PROXY": "127.0.0.1,localhost",
}


def run(command: str, options: list[str], *, in_memory: bool) -> None:
    """Run a SAM CLI command and leave with its exit status.

    Parameters
    ----------
    command
        `start-api`, `start-lambda`, `invoke`, or `dynamodb`: the engine and the tables alone.
    options
        Any that SAM CLI has for the command.
    in_memory
        Whether DynamoDB Local forgets everything at the end.
    """
    Context.command = command
    Context.in_memory = in_memory
    os.environ["SAM_CLI_TELEMETRY"] = "0"
    version_checker._inform_newer_version = lambda: None  # noqa: SLF001 - a call over the network, at the end of a command
    sam_options.DEFAULT_BUILT_TEMPLATE_PATH = "template.yaml"  # before a built one: an edit is seen without a build
    invoke_context.InvokeContext = Context
    invoke_context.LocalLambdaRunner = Runner
    local_api_service.LocalApigwService = Gateway
    LambdaOutputParser.is_lambda_error_response = staticmethod(is_error)
    BaseWSGIServer.request_queue_size = 1024  # its 128 overflow when a thousand clients connect at once
    BaseWSGIServer.log_startup = _say_ready  # type: ignore[assignment]
    cli(["local", "start-lambda" if command == "dynamodb" else command, *options], prog_name="sam")


class Context(invoke_context.InvokeContext):  # type: ignore[misc]
    """SAM CLI's context of a command, from the template's reading to the end of all processes."""

    command: str
    in_memory: bool
    admin_key: str | None = None  # of the API that is served

    def __enter__(self) -> Self:
        with _user_errors(), ExitStack() as stack:
            _refuse_options_for_containers()
            if self.command in ("start-api", "start-lambda"):
                options = click.get_current_context().params
                _require_free(options["host"], options["port"])
            if self.command != "dynamodb":
                functions.emulator()  # which may not exist for this machine
            self._write_lock = threading.Lock()
            self._endpoint = f"http://127.0.0.1:{dynamodb.default_port()}"
            self._runtime: functions.Runtime | None = None
            super().__enter__()
            stack.push(super().__exit__)
            stack.enter_context(dynamodb.engine(in_memory=self.in_memory))
            names = tables.ensure(self._endpoint, (each.resources for each in self.stacks))
            if self.command == "dynamodb":
                say(f"DynamoDB Local is ready on {self._endpoint} with {', '.join(names)}. Ctrl-C ends it.")
                _wait()
            stack.callback(self.lambda_runtime.close)
            if self.command != "invoke":
                for function in self._function_provider.get_all():
                    self.lambda_runtime.function(self.local_lambda_runner.get_invoke_config(function))
            if self.command == "start-api":
                Context.admin_key = self._admin_key()
            self._leave = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        if self.command == "invoke":
            say("")  # the answer on standard output has no line end
        self._leave.__exit__(*error)  # type: ignore[arg-type]

    @property
    def lambda_runtime(self) -> functions.Runtime:
        """What runs the functions."""
        if self._runtime is None:
            self._runtime = functions.Runtime(
                Path(self.get_cwd()),
                {"AWS_ENDPOINT_URL_DYNAMODB": self._endpoint, **_NOWHERE},
                functions.concurrency(),
                self._write,
                self._fail,
            )
        return self._runtime

    @staticmethod
    def _get_container_manager(*_options: object) -> None:
        """There are no containers."""

    def _add_account_id_to_global(self) -> None:
        """Do without a call to AWS: `AWS::AccountId` keeps SAM CLI's default."""

    def _admin_key(self) -> str | None:
        """Return a key that works; ``None`` where the template has no managing function, or that fails."""
        function = self._function_provider.get(admin_key.FUNCTION)
        if function is None:
            return None
        ready = self.lambda_runtime.function(self.local_lambda_runner.get_invoke_config(function))
        log: list[str] = []  # shown if something is wrong: nobody asked for what these calls write

        def manage(call: dict[str, Any]) -> dict[str, Any]:
            answered, answer = pool.invoke(ready, json.dumps(call))
            if not answered or is_error(answer):
                raise LocalError(f"{admin_key.FUNCTION} failed.")
            result: dict[str, Any] = json.loads(answer)
            return result

        with closing(functions.Pool(1, log.append)) as pool:
            try:
                return admin_key.ensure(dynamodb.key_file(), manage)
            except LocalError as error:
                self._write(f"{''.join(log)}There is no admin key: {error}\n")
                return None

    def _write(self, text: str) -> None:
        with self._write_lock:
            self.stderr.write_str(text)

    def _fail(self, message: str) -> None:
        if self.command == "invoke":
            raise UserException(message)
        self._write(f"{message}\n")


class Runner(LocalLambdaRunner):  # type: ignore[misc]
    """SAM CLI's link between a request and the runtime."""

    def get_aws_creds(self) -> dict[str, str]:
        """Return credentials for the functions: those of a profile that was asked for; else SAM CLI's dummies do.

        A developer's own credentials don't slip into functions that are only tried out.
        """
        if self.aws_profile:
            credentials: dict[str, str] = super().get_aws_creds()
            return credentials
        return {"region": self.aws_region} if self.aws_region else {}


def is_error(answer: str | bytes) -> bool:
    """Tell whether a function's answer is Lambda's form of an error that it raised.

    SAM CLI's own test takes one with a `requestId`, as Lambda's runtime client makes them today, for a success.
    """
    try:
        names = json.loads(answer).keys()
    except (ValueError, AttributeError):
        return False
    return bool(
        {"errorType", "errorMessage"} <= names <= {"errorType", "errorMessage", "requestId", "stackTrace", "cause"}
    )


@contextmanager
def _user_errors() -> Iterator[None]:
    """Have SAM CLI show our errors like its own: a message and exit status 1."""
    try:
        yield
    except LocalError as error:
        raise UserException(str(error)) from error


def _refuse_options_for_containers() -> None:
    """Refuse what somebody asked for and wouldn't get. Defaults, and what samconfig.toml has, may stay."""
    context = click.get_current_context()
    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        if option.name in _FOR_CONTAINERS and source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
            raise LocalError(
                f"{', '.join(option.opts)} is for functions in containers, and here they are processes: it works with "
                f"`sam {context.command_path.partition(' ')[2]}`, in Docker."
            )


def _require_free(host: str, port: int) -> None:
    """Refuse a port that is taken before anything is started."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
            probe.bind(address)
    except OSError as error:
        raise LocalError(
            f"Can't listen on {host}, port {port}: {error.strerror}. Perhaps it runs already. "
            "`make start PORT=...` and --port take another one."
        ) from error


def _say_ready(server: BaseWSGIServer) -> None:
    """Tell that the server listens, in the place of its warning that it is for development."""
    scheme = "https" if server.ssl_context else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # nosec B104 # noqa: S104 - compared
    url = f"{scheme}://[{host}]:{server.port}" if ":" in host else f"{scheme}://{host}:{server.port}"
    if Context.command == "start-api":
        body = '{"original_url": "https://example.com/a/long/path"}'
        example = f"curl -i {url}/create -H 'Content-Type: application/json' -d '{body}'"
        if Context.admin_key:
            file = dynamodb.key_file()
            is_seen_here_alone = sys.stderr.isatty() and _is_loopback(server.host)
            key = Context.admin_key if is_seen_here_alone else f'"$(cat {file})"'
            example += (
                f"\n\nOr open {url}/ in a browser.\n\n"
                f"Manage links with an admin key, which is kept in {file}:\n\n"
                f'  KEY={key}\n  curl {url}/links -H "Authorization: Bearer $KEY"'
            )
    else:
        any_credentials = "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1"
        invocation = f"aws lambda invoke --endpoint-url {url} --function-name NAME"
        example = f"{any_credentials} \\\n  {invocation} --payload fileb://EVENT.json /dev/stdout"
    say(f"\nReady on {url}, functions under Python {platform.python_version()}. Try:\n\n  {example}\n")


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):  # any other name may be of any address
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False


def _wait() -> None:
    """Wait for Ctrl-C, and leave."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        raise SystemExit(0) from None
