"""The one way to load and call a function in this process: with the template's variables, as a cold start does.

`tests/support/runtime.py` runs one in a process of its own, under Lambda's runtime.
"""

import importlib.util
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from aws_lambda_powertools.utilities.typing import LambdaContext

from squrl import telemetry
from tests.support import events
from tests.support.fakes import (
    FakeClickQueue,
    FakeClientLimiter,
    FakeDomainPolicy,
    FakeDurableTable,
    FakeEventBus,
    FakeLinkStore,
    FakeSecretStore,
)
from tests.template.stack import Stack, read

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "create_url": "CreateUrlFunction",
    "redirect": "RedirectFunction",
    "count_clicks": "CountClicksFunction",
    "manage_links": "ManageLinksFunction",
    "pages": "PagesFunction",
    "publish_changes": "PublishChangesFunction",
}
ACCOUNT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@cache
def variables(function: str, **parameters: str) -> dict[str, str]:
    """Return what the template and Lambda give a function, by its folder, for parameters of the stack.

    Anyone may create, unless a test says otherwise: most are about something else than keys. Changes are published.
    """
    properties = _stack(**{"CreateAccess": "anyone", "EventBus": "links"} | parameters).resources[FOLDERS[function]][
        "Properties"
    ]
    logging = properties["LoggingConfig"]
    declared: dict[str, str] = properties["Environment"]["Variables"]
    lambdas_own = {
        "AWS_LAMBDA_LOG_FORMAT": logging["LogFormat"],
        "AWS_LAMBDA_LOG_LEVEL": logging["ApplicationLogLevel"],
    }
    return ACCOUNT | lambdas_own | declared


@cache
def _stack(**parameters: str) -> Stack:
    return Stack(read(), **parameters)


class Context(LambdaContext):
    """What Lambda tells a function of an invocation."""

    def __init__(self, remaining_ms: int = 5000) -> None:
        self._function_name = "squrl-test"
        self._memory_limit_in_mb = 512
        self._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:squrl-test"
        self._aws_request_id = "5a3e0e5d-ca7c-4321-b27b-df5256214532"
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return self._remaining_ms


def load(function: str, environment: dict[str, str]) -> ModuleType:
    """Import a function as a cold start does, with these variables; the package stays as it was imported before."""
    spec = importlib.util.spec_from_file_location(f"{function}_app", ROOT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = str(ROOT / "functions" / function)
    with patch.dict(os.environ, environment), patch.object(sys, "path", [folder, *sys.path]):
        spec.loader.exec_module(module)
    own = [name for name, each in sys.modules.items() if str(getattr(each, "__file__", "")).startswith(folder)]
    module.__dict__["modules"] = [module, *(sys.modules.pop(name) for name in own)]  # where its names are
    return module


@contextmanager
def as_lambda(environment: dict[str, str]) -> Iterator[list[dict[str, Any]]]:
    """Let functions run with these variables; yield a list that has at the end what they wrote."""
    written: list[dict[str, Any]] = []
    # The package was imported before, with other variables and for another standard output.
    with (
        _variables_set(environment),
        patch.object(telemetry.metrics.provider, "service", environment["POWERTOOLS_SERVICE_NAME"]),
        redirect_stdout(io.StringIO()) as output,
        patch.object(telemetry.logger.registered_handler, "stream", output),
    ):
        try:
            yield written
        finally:
            written += [json.loads(line) for line in output.getvalue().splitlines()]


@contextmanager
def _variables_set(environment: dict[str, str]) -> Iterator[None]:
    """Set variables for a while. `patch.dict` would write the whole environment anew, which takes half of a run."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def metrics_in(written: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """Return the metrics among what functions wrote, with the dimensions that each was written under."""
    found: dict[str, list[dict[str, str]]] = {}
    for record in written:
        for directive in record.get("_aws", {}).get("CloudWatchMetrics", ()):
            for metric in directive["Metrics"]:
                dimensions = [{name: record[name] for name in names} for names in directive["Dimensions"]]
                found.setdefault(metric["Name"], []).extend(dimensions)
    return found


def log_in(written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the log records among what functions wrote."""
    return [record for record in written if "_aws" not in record]


class Functions:
    """The functions with their ports in memory.

    Attributes
    ----------
    store, queue, domains, limiter, durable, bus
        The fakes, which all functions share.
    parameters : dict of str to str
        The stack's, for the next invocations.
    written : list of dict
        What the last invocation wrote: log records and metrics, in order.
    """

    def __init__(self) -> None:
        self.store = FakeLinkStore(*events.LINKS)
        self.queue = FakeClickQueue()
        self.domains = FakeDomainPolicy()
        self.limiter = FakeClientLimiter()
        self.durable = FakeDurableTable(*events.KEYS)
        self.bus = FakeEventBus()
        self.parameters: dict[str, str] = {}
        self.written: list[dict[str, Any]] = []
        self._loaded: dict[Any, ModuleType] = {}

    def invoke(self, function: str, event: Any, *, remaining_ms: int = 5000) -> Any:
        """Return a function's answer, which the runtime could send."""
        module, environment = self._module(function), variables(function, **self.parameters)
        ports = {
            "LinksTable": lambda *_, **__: self.store,
            "RememberedSecret": lambda *_: FakeSecretStore(),
            "SqsClickQueue": lambda *_: self.queue,
            "RememberedDomainLists": lambda *_: self.domains,
            "TableClientLimiter": lambda *_, **__: self.limiter,
            "DurableTable": lambda *_: self.durable,
            "RememberedKeys": lambda *_: self.durable,
            "EventBus": lambda *_: self.bus,
        }
        with ExitStack() as stack:
            for name, fake in ports.items():
                for each in module.modules:
                    if hasattr(each, name):
                        stack.enter_context(patch.object(each, name, fake))
            self.written = stack.enter_context(as_lambda(environment))
            answer = module.lambda_handler(event, Context(remaining_ms))
        json.dumps(answer, ensure_ascii=False).encode()
        return answer

    def _module(self, function: str) -> ModuleType:
        key = function, *sorted(self.parameters.items())
        if key not in self._loaded:
            self._loaded[key] = load(function, variables(function, **self.parameters))
        return self._loaded[key]
