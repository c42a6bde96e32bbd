"""The commands against the functions in memory, as a key's holder and as an operator."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import api, app, options
from cli.api import Answer, Api
from tests.support import events
from tests.support.functions import Functions

WRITER = f"sq_Writer01_{events.SECRET_TEXT}"
ADMIN = f"sq_Admin001_{events.SECRET_TEXT}"


class InMemory(Api):
    """squrl in this process.

    Attributes
    ----------
    key : str or None
        Whose it is; ``None`` for nobody.
    sent : list of tuple
        Method, path and body of each request.
    failures : list
        What the next requests are answered instead, or raise.
    """

    def __init__(self, functions: Functions) -> None:
        self.functions = functions
        self.key: str | None = WRITER
        self.sent: list[tuple[str, str, Any]] = []
        self.failures: list[Answer | BaseException] = []
        self.is_operator = False

    @property
    def has_owner(self) -> bool:  # type: ignore[override]
        return self.key is not None and not self.is_operator

    def address(self):
        return "https://go.example.com"

    def send(self, method, path, body, query):
        self.sent.append((method, path, body))
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, BaseException):
                raise failure
            return failure
        if self.is_operator:
            event = {"method": method, "path": path, "query": query} | ({} if body is None else {"body": body})
            answer = self.functions.invoke("manage_links", event, remaining_ms=30_000)
            return Answer(answer["status"], json.loads(json.dumps(answer["body"])))
        return self._over_http(method, path, body, query)

    def _over_http(self, method, path, body, query):
        _, root, *rest = path.split("/")
        code = rest[0] if rest and rest[0] not in {"bulk", "import"} else None
        route = path if code is None else path.replace(f"/{code}", "/{short_code}", 1)
        event = {
            "version": "2.0",
            "routeKey": f"{method} {route}",
            "rawPath": path,
            "headers": {"host": "go.example.com", "x-forwarded-proto": "https"}
            | ({"authorization": f"Bearer {self.key}"} if self.key else {}),
            "requestContext": {"http": {"method": method, "sourceIp": "192.0.2.44"}},
            "queryStringParameters": dict(query),
            "pathParameters": {"short_code": code} if code else {},
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        function = "create_url" if root == "create" else "manage_links"
        answer = self.functions.invoke(function, event, remaining_ms=30_000)
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        text = answer["body"]
        return Answer(answer["statusCode"], json.loads(text) if text else None, headers.get("retry-after", ""))


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def squrl(functions, monkeypatch) -> InMemory:
    """Return what the commands reach; nobody waits before asking again."""
    memory = InMemory(functions)
    monkeypatch.setattr(options, "connect", lambda *_, **__: memory)
    monkeypatch.setattr(api.time, "sleep", lambda _: None)
    return memory


@pytest.fixture
def run(squrl) -> Any:
    """Run a command line and return its result."""

    def run(*arguments: str, stdin: str | None = None) -> Result:
        result = CliRunner(mix_stderr=False).invoke(app.squrl, arguments, input=stdin, prog_name="squrl")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
