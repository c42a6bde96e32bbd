"""Events, read safely, whatever a caller may have put into them.

Two kinds are known: an HTTP API's (payload format 2.0,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html), and a direct
invocation with the request itself as its event. Who may invoke a function directly is trusted, since IAM has decided;
so an event of any other kind is refused rather than taken for one.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from squrl.errors import ValidationError

DIRECT = "direct"  # the route of a direct invocation

# What the events of AWS's other services have: load balancers, REST APIs, function URLs, queues, topics, buses.
_OTHER_KINDS = ("requestContext", "headers", "httpMethod", "version", "Records")
_MAX_DIGITS = 4000  # Python reads 4300 at most
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


class UnknownEventError(ValueError):
    """The event is of no kind that functions answer. The message names its marks, and repeats nothing else of it."""


class Request:
    """One event.

    Parameters
    ----------
    event : any JSON value
        What Lambda hands to the function.

    Attributes
    ----------
    is_http : bool
        Whether it came through the API.
    route : str
        The API's route key, such as ``POST /create``, or `DIRECT`.

    Raises
    ------
    UnknownEventError
        If it is of no known kind.
    """

    def __init__(self, event: Any) -> None:  # noqa: ANN401 (a direct invocation's event may be any JSON)
        context = _mapping(_mapping(event).get("requestContext"))
        self.is_http = isinstance(context.get("http"), dict)
        marks = [mark for mark in _OTHER_KINDS if mark in _mapping(event)]
        if marks and not self.is_http:
            raise UnknownEventError(", ".join(marks))
        self._event = event
        self._http = _mapping(context.get("http"))
        self._domain_name = context.get("domainName")
        self.route = str(event.get("routeKey")) if self.is_http else DIRECT
        # API Gateway sends the names in lower case, SAM CLI as the client wrote them.
        self._headers = {name.lower(): value for name, value in _mapping(_mapping(event).get("headers")).items()}

    @property
    def source_ip(self) -> str | None:
        """The caller's address; ``None`` for a direct invocation."""
        if not self.is_http:
            return None
        return str(self._http.get("sourceIp"))

    @property
    def origins(self) -> list[str]:
        """Scheme, host and port that the caller used, best known first; empty for a direct invocation."""
        if not self.is_http:
            return []
        scheme = "http" if self._headers.get("x-forwarded-proto") == "http" else "https"
        hosts = self._headers.get("host"), self._domain_name  # domainName lacks the port
        return [f"{scheme}://{host}" for host in hosts if isinstance(host, str) and _HOST.fullmatch(host)]

    def path_parameter(self, name: str) -> str:
        """Return a part of the path, decoded by the API; empty if it isn't there."""
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


def _read_int(digits: str) -> int:
    """Read an integer; of one that is too long for Python only the start, which is out of every range as well."""
    return int(digits[:_MAX_DIGITS])


def _refuse(constant: str) -> None:
    """Refuse ``NaN`` and the infinities, which Python reads but JSON (RFC 8259) doesn't have."""
    raise ValueError(constant)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
