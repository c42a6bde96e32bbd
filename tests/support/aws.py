"""What AWS answers, without AWS."""

from functools import partial
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from squrl.aws.client import TIMEOUTS


class ScriptedClient:
    """A client of any service: it answers each call with the next line of a script, and with the last one for ever.

    A line that is an error is raised; what a function returns is the answer.

    Attributes
    ----------
    requests : list of dict
        The arguments of every call.
    closed : int
        How often its connections were closed.
    """

    def __init__(self, *script: Any) -> None:
        self._script = list(script)
        self.requests: list[dict[str, Any]] = []
        self.closed = 0
        connect, read = TIMEOUTS["dynamodb"]
        self.meta = SimpleNamespace(config=SimpleNamespace(connect_timeout=connect, read_timeout=read))

    def close(self) -> None:
        self.closed += 1

    def __getattr__(self, operation: str) -> Any:
        return partial(self._call, operation)

    def _call(self, _operation: str, **request: Any) -> Any:
        self.requests.append(request)
        line = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(line, Exception):
            raise line
        return line() if callable(line) else line


def refusal(code: str, status: int = 400, **more: Any) -> ClientError:
    """Return the error that botocore makes of an answer."""
    response: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response | more, "Operation")


def failed_condition(item: dict[str, Any] | None = None) -> ClientError:
    """Return what a write is answered whose condition doesn't hold for a row."""
    more: dict[str, Any] = {} if item is None else {"Item": item}
    return refusal("ConditionalCheckFailedException", **more)


def cancelled(*reasons: str) -> ClientError:
    """Return what a transaction is answered that was not applied, with a reason for each of its writes."""
    return refusal("TransactionCanceledException", CancellationReasons=[{"Code": reason} for reason in reasons])


THROTTLED = [
    refusal("ProvisionedThroughputExceededException"),
    refusal("ThrottlingException"),
    refusal("RequestLimitExceeded"),
    refusal("TransactionInProgressException"),
    cancelled("TransactionConflict", "None", "None"),
    cancelled("ThrottlingError", "None", "None"),
    cancelled("None", "None", "ProvisionedThroughputExceeded"),
]
CONFLICT = refusal("TransactionConflictException")  # a transaction is writing the row
NEVER_SENT = [EndpointConnectionError(endpoint_url="x"), ConnectTimeoutError(endpoint_url="x")]
UNKNOWN = [
    refusal("InternalServerError", 500),
    refusal("ServiceUnavailable", 503),
    ReadTimeoutError(endpoint_url="x"),
    ConnectionClosedError(endpoint_url="x"),
    ResponseParserError("half an answer"),
]
