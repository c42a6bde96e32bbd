"""Events and answers: an event becomes a request; a result or an error becomes an answer, for both kinds of event.

The kinds are an HTTP API's (payload format 2.0,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html), recognised by
``requestContext.http``, and anything else: a direct invocation with the request itself as its event.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from squrl import telemetry
from squrl.errors import InternalServerError, SqurlError, ValidationError

_MAX_DIGITS = 4000  # Python reads 4300 at most

NO_STORE = {"Cache-Control": "no-store"}

# On every answer over HTTP: no guessing of types, no word to the destination of where a visitor comes from, and no
# short URL in a search engine's index.
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
_HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with.

    Attributes
    ----------
    status : int
        The HTTP status.
    result : dict
        What a direct invocation gets.
    headers : dict
        For HTTP only.
    has_body : bool
        Whether HTTP carries the result as its body.
    """

    status: int
    result: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    has_body: bool = True


class Request:
    """One event, read safely: whatever a caller may have put into it.

    Parameters
    ----------
    event : any JSON value
        What Lambda hands to the function.
    """

    def __init__(self, event: Any) -> None:  # noqa: ANN401 (a direct invocation's event may be any JSON)
        self._event = event
        context = _mapping(_mapping(event).get("requestContext"))
        self.is_http = "http" in context
        self._http = _mapping(context.get("http"))
        self._domain_name = context.get("domainName")
        # API Gateway sends the names in lower case, SAM CLI as the client wrote them.
        self._headers = {name.lower(): value for name, value in _mapping(_mapping(event).get("headers")).items()}

    @property
    def method(self) -> str:
        """The HTTP method; a direct invocation counts as a ``GET``."""
        return str(self._http.get("method", "GET"))

    @property
    def source_ip(self) -> str | None:
        """The caller's address; ``None`` for a direct invocation."""
        address = self._http.get("sourceIp")
        return address if isinstance(address, str) else None

    @property
    def origins(self) -> list[str]:
        """Scheme, host and port that the caller used, best known first; empty for a direct invocation."""
        if not self.is_http:
            return []
        scheme = "http" if self._headers.get("x-forwarded-proto") == "http" else "https"
        hosts = self._headers.get("host"), self._domain_name  # domainName lacks the port
        return [f"{scheme}://{host}" for host in hosts if isinstance(host, str) and _HOST.fullmatch(host)]

    def path_parameter(self, name: str) -> str:
        """Return a part of the path, decoded by the API; empty if it is not there."""
        value = _mapping(_mapping(self._event).get("pathParameters")).get(name)
        return value if isinstance(value, str) else ""

    def fields(self) -> Mapping[str, Any]:
        """Return the request's JSON object: the body over HTTP, the event itself in a direct invocation.

        Raises
        ------
        ValidationError
            If there is none; its one detail has the field ``body``.
        """
        value = self._body() if self.is_http else self._event
        if not isinstance(value, dict):
            raise ValidationError([{"field": "body", "message": "body must be a JSON object"}])
        return value

    def _body(self) -> object:
        body = self._event.get("body")
        try:
            if self._event.get("isBase64Encoded"):
                body = base64.b64decode(body, validate=True)
            return json.loads(body, parse_constant=_refuse, parse_int=_read_int)
        except (TypeError, ValueError, binascii.Error, RecursionError):
            return None


def host_of(origin: str) -> str:
    """Return the host of a scheme, host and port, in lower case and without the port."""
    host = origin.partition("://")[2].lower()
    return re.sub(r":[0-9]+$", "", host)


def location(destination: str) -> str:
    """Return a stored destination as a ``Location`` header carries it.

    Characters beyond ASCII are percent-encoded as UTF-8; nothing else changes.
    """
    return re.sub(r"[^\x00-\x7f]+", lambda beyond: quote(beyond[0]), destination)


def serve(
    event: Any,  # noqa: ANN401 (a direct invocation's event may be any JSON)
    operation: Callable[[Request], Answer],
    *,
    has_domain: bool = False,
) -> dict[str, Any]:
    """Answer one event by an operation, in the form that its kind of event asks for.

    Every error becomes an answer: an expected one as it is, a defect as an `InternalServerError` that tells nothing.
    A stack that `has_domain` of its own tells browsers to ask there by HTTPS only.
    """
    request = Request(event)
    try:
        answer = operation(request)
    except SqurlError as error:
        telemetry.record_error(error)
        answer = _failure(error, request)
    except Exception as cause:  # noqa: BLE001 (the last one who can answer)
        defect = InternalServerError("Something went wrong on our side")
        telemetry.record_defect(defect, cause)
        answer = _failure(defect, request)
    if not request.is_http:
        return answer.result
    headers = answer.headers | _HEADERS | (_HTTPS_ONLY if has_domain else {})
    if not answer.has_body:
        return {"statusCode": answer.status, "headers": headers, "body": ""}
    return {
        "statusCode": answer.status,
        "headers": headers | {"Content-Type": "application/json"},
        "body": json.dumps(answer.result),
    }


def _failure(error: SqurlError, request: Request) -> Answer:
    result: dict[str, Any] = {"error": error.name, "message": error.message, "details": error.details}
    if not request.is_http:
        result["status"] = error.status
    retry_after = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return Answer(error.status, result, NO_STORE | retry_after)


def _read_int(digits: str) -> int:
    """Read an integer; of one that is too long for Python only the start, which is out of every range as well."""
    return int(digits[:_MAX_DIGITS])


def _refuse(constant: str) -> None:
    """Refuse ``NaN`` and the infinities, which Python reads but JSON (RFC 8259) doesn't have."""
    raise ValueError(constant)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
