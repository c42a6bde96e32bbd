"""How the commands reach squrl: over HTTP with a key, or by invoking the managing function with AWS credentials."""

import functools
import json
import os
import re
import subprocess
import time
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from .errors import Refused, Unreachable, UsageError

if TYPE_CHECKING:  # each takes longer to load than the help takes to show
    import httpx

LOCAL = "local"  # the stack of this checkout
_FUNCTION = "ManageLinksFunction"
_CHECKOUT = Path(__file__).resolve().parents[1]
_SECONDS = 35.0  # for an answer: API Gateway gives up after 30
_CONNECT_SECONDS = 5.0
_ATTEMPTS = 6
_LONGEST_PAUSE = 20.0  # seconds
_NO_CONTENT, _TOO_MANY, _UNAVAILABLE = 204, 429, 503
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Answer(NamedTuple):
    """What squrl answered.

    Attributes
    ----------
    status : int
        The HTTP status.
    body : object
        JSON; ``None`` where there is none.
    retry_after : str
        After how many seconds to ask again, where squrl says it.
    """

    status: int
    body: Any
    retry_after: str = ""

    @property
    def is_done(self) -> bool:
        """Whether squrl did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 (what HTTP calls successful)


class Api(ABC):
    """One squrl.

    Attributes
    ----------
    has_owner : bool
        Whether whoever asks has an owner, whose links are made and seen.
    is_operator : bool
        Whether whoever asks may do what the API has no route for.
    url : str
        Where visitors reach it: what stands before ``/create``, and before a code.
    """

    url: str
    _has_answered = False
    has_owner = False
    is_operator = False

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        repeatable: bool = True,
    ) -> Any:  # noqa: ANN401 (JSON)
        """Return the body of the answer, as `ask` gets it.

        Raises
        ------
        Refused
            If squrl refuses.
        Unreachable
            If there is no answer, or it isn't squrl's.
        """
        answer = self.ask(method, path, body, query, repeatable=repeatable)
        if answer.status >= 500:  # noqa: PLR2004 (the server's errors: it may be done all the same)
            raise Unreachable(message(answer.body, answer.status))
        if not answer.is_done:
            raise Refused(message(answer.body, answer.status))
        return answer.body

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        repeatable: bool = True,
    ) -> Answer:
        """Return the answer; what is refused for the moment is asked again a few times.

        Parameters
        ----------
        repeatable : bool
            Whether asking twice does no harm. If not, it is asked again only if nothing was done.
        """
        for attempt in range(_ATTEMPTS - 1):
            try:
                answer = self.send(method, path, body, query or {})
            except Unreachable:
                if not (repeatable and self._has_answered):  # else the address may be wrong
                    raise
                pause(attempt)
                continue
            self._has_answered = True
            if not (answer.status == _TOO_MANY or (answer.status == _UNAVAILABLE and repeatable)):
                return answer
            pause(attempt, answer.retry_after)
        return self.send(method, path, body, query or {})

    @abstractmethod
    def send(self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]) -> Answer:
        """Ask once."""


def pause(attempt: int, retry_after: str = "") -> None:
    """Wait before asking again: as long as squrl says, else twice as long each time."""
    asked = float(retry_after) if retry_after.isdecimal() else 0.25 * 2**attempt
    time.sleep(min(asked, _LONGEST_PAUSE))


def message(error: Any, status: int) -> str:  # noqa: ANN401 (JSON)
    """Return what an error says, for people."""
    if not isinstance(error, dict) or "message" not in error:
        return f"squrl answered {status}"
    return f"{error['message']} ({status})"


class HttpApi(Api):
    """The API at a URL.

    Parameters
    ----------
    url : str
        Where it is: what stands before ``/create``.
    key : str or None
        Whose links it is about; without one, links are created for nobody.
    """

    def __init__(self, url: str, key: str | None) -> None:
        import httpx  # noqa: PLC0415 - see above

        scheme, host = _scheme_and_host(url)
        if key and scheme == "http" and host not in _LOOPBACK:
            raise UsageError(f"Anybody on the way to {host} could read the key: use https://")
        if key and not re.fullmatch("sq_[A-Za-z0-9_-]+", key):  # it is never repeated: a terminal may be logged
            raise UsageError("The key isn't one of squrl's: sq_, its id, and its secret")
        self.url = url.rstrip("/")
        self.has_owner = key is not None
        headers = {"User-Agent": "squrl-cli"} | ({"Authorization": f"Bearer {key}"} if key else {})
        timeout = httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS)
        # It follows no redirect with the key, and a proxy isn't asked for what is on this machine.
        self._client = httpx.Client(headers=headers, timeout=timeout, trust_env=host not in _LOOPBACK)

    def send(self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]) -> Answer:
        """Ask once."""
        import httpx  # noqa: PLC0415

        try:
            response = self._client.request(method, f"{self.url}{path}", json=body, params=query)
        except UnicodeEncodeError as error:
            raise UsageError("That isn't UTF-8") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{self.url} doesn't answer: {error or type(error).__name__}") from error
        return Answer(response.status_code, self._body(response), response.headers.get("Retry-After", ""))

    def _body(self, response: "httpx.Response") -> Any:  # noqa: ANN401 (JSON)
        if response.status_code == _NO_CONTENT:
            return None
        try:
            return response.json()
        except ValueError as error:  # another server's page, or its redirect
            said = f"{self.url} answered {response.status_code} without JSON"
            raise Unreachable(f"{said}: is it squrl's address?") from error


class StackApi(Api):
    """A deployed stack's managing function, invoked with the AWS credentials of whoever asks.

    Parameters
    ----------
    stack : str
        CloudFormation's name of it.
    region : str or None
        ``None`` for that of `samconfig.toml` in this folder if it has the stack, else that of the AWS configuration.
    """

    is_operator = True

    def __init__(self, stack: str, region: str | None) -> None:
        import boto3  # noqa: PLC0415 - see above
        from botocore.config import Config  # noqa: PLC0415

        configured = _configured(stack)
        config = Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1})
        self._stack, self._region = stack, region
        with self._looking_for_it():
            self.session = boto3.Session(
                profile_name=configured.get("profile"), region_name=region or configured.get("region")
            )
            self._region = self.session.region_name
            self._cloudformation = self.session.client("cloudformation")
            self._lambda = self.session.client("lambda", config=config)
        self._function = self.resource(_FUNCTION)

    @functools.cached_property
    def url(self) -> str:  # type: ignore[override]
        """The stack's base URL if it has one, since a CDN may stand before the API; else its output `ApiUrl`."""
        with self._looking_for_it():
            (stack,) = self._cloudformation.describe_stacks(StackName=self._stack)["Stacks"]
        given = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        return str(given.get("BaseUrl") or outputs["ApiUrl"]).rstrip("/")

    @contextmanager
    def _looking_for_it(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            yield
        except ClientError as error:
            said = f"AWS refused to look for the stack {self._stack} in {self._region}"
            raise Refused(f"{said}: {error.response['Error'].get('Message', error)}") from error
        except BotoCoreError as error:  # no credentials, no region, no network
            raise Unreachable(f"AWS can't be asked for the stack {self._stack}: {error}") from error

    def resource(self, logical_id: str) -> str:
        """Return the name of one of the stack's resources."""
        with self._looking_for_it():
            found = self._cloudformation.describe_stack_resource(StackName=self._stack, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def functions(self) -> list[str]:
        """Return the names of the stack's functions."""
        with self._looking_for_it():
            pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._stack)
            resources = [each for page in pages for each in page["StackResourceSummaries"]]
        return [str(e["PhysicalResourceId"]) for e in resources if e["ResourceType"] == "AWS::Lambda::Function"]

    def send(self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]) -> Answer:
        """Ask once."""
        result = self.invoke(self._function, _event(method, path, body, query))
        if result is None:
            return Answer(_TOO_MANY, {"message": "Lambda has no room for another invocation"})
        return _answer(result)

    def invoke(self, function: str, event: bytes) -> str | None:
        """Return a function's result, as JSON; ``None`` if Lambda has no room for another invocation."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            answer = self._lambda.invoke(FunctionName=function, Payload=event)
            result: str = answer["Payload"].read().decode()
        except ClientError as error:
            if error.response["Error"]["Code"] == "TooManyRequestsException":
                return None
            raise Refused(f"AWS refused to invoke {function}: {error}") from error
        except BotoCoreError as error:
            raise Unreachable(f"{function} can't be invoked: {error}") from error
        if "FunctionError" in answer:
            raise Unreachable(f"{function} failed; its log says why. {result}")
        return result


class LocalApi(Api):
    """The managing function of this checkout, with the database of `make start`."""

    is_operator = True

    def __init__(self) -> None:
        here = Path.cwd()
        found = next((each for each in (_CHECKOUT, here, *here.parents) if (each / "local/__main__.py").exists()), None)
        if found is None or not (found / ".venv").exists():
            raise UsageError("--local needs a checkout of squrl in which `make start` was run: change to its folder")
        self._checkout = found
        self.url = f"http://127.0.0.1:{os.environ.get('PORT', '3000')}"  # what `make start` listens to

    def send(self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]) -> Answer:
        """Ask once: a process is started for it."""
        result = subprocess.run(
            [self._checkout / ".venv/bin/python", "-m", "local", "invoke", _FUNCTION, "--event", "-"],
            cwd=self._checkout,
            input=_event(method, path, body, query),
            capture_output=True,
            check=False,
        )
        if result.returncode or b'"status"' not in result.stdout:
            output = (result.stderr + result.stdout).decode(errors="replace")
            raise Unreachable(f"The function on this machine can't be invoked:\n{output}")
        return _answer(result.stdout.decode())


def _scheme_and_host(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts.scheme, parts.hostname
    except ValueError:  # a bracket without its other half
        pass
    raise UsageError(f"{url} isn't squrl's address: begin with https://, or with http:// on this machine")


def _event(method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str]) -> bytes:
    call: dict[str, Any] = {"method": method, "path": path, "query": dict(query)}
    return json.dumps(call if body is None else call | {"body": body}).encode()


def _answer(result: str) -> Answer:
    answer = json.loads(result)
    return Answer(answer["status"], answer["body"])


def _configured(stack: str) -> dict[str, Any]:
    """Return what `samconfig.toml` in this folder says of a stack; nothing if there is none."""
    try:
        environments = tomllib.loads(Path("samconfig.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    commons = [each.get("global", {}).get("parameters", {}) for each in environments.values() if isinstance(each, dict)]
    return next((each for each in commons if each.get("stack_name") == stack), {})
