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
from collections.abc import Collection, Mapping
from typing import Any

from squrl.errors import Forbidden, PayloadTooLarge, Unauthorized, ValidationError

DIRECT = "direct"  # the route of a direct invocation

# What the events of AWS's other services have: load balancers, REST APIs, function URLs, queues, topics, buses.
_OTHER_KINDS = ("requestContext", "headers", "httpMethod", "version", "Records")
MAX_BODY = 32 * 1024  # bytes
# What stands behind a code that was copied from a text, and that no code can have. Read backwards: a search would begin
# anew at each of many brackets.
_BEHIND_CODE = r"[/\s.,;:!?)\]}>'\"\u2018-\u201f\u00ab\u00bb\u2039\u203a]*"
_PREVIEW = "+"
_QUALITY = r"\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*"
_HOST = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"


class UnknownEventError(ValueError):
    """The event is of no kind that functions answer. The message names its marks, and repeats nothing else of it."""


class Request:
    """One event.

    Parameters
    ----------
    event : any JSON value
        What Lambda hands to the function.
    is_behind_cdn : bool
        Whether CloudFront stands before the API, and so is the one who knows the client.

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

    def __init__(self, event: Any, *, is_behind_cdn: bool = False) -> None:  # noqa: ANN401 (an event may be any JSON)
        self._is_behind_cdn = is_behind_cdn
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
    def method(self) -> str:
        """The HTTP method; empty for a direct invocation."""
        return str(self._http.get("method", ""))

    @property
    def client_address(self) -> str | None:
        """The client's IP address; ``None`` for a direct invocation."""
        if not self.is_http:
            return None
        if self._is_behind_cdn:  # such as 198.51.100.10:46532, an IPv6 address without brackets:
            # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html
            return self.header("cloudfront-viewer-address").rpartition(":")[0].strip("[]")
        address = self._http.get("sourceIp")
        return address if isinstance(address, str) else None  # an operator's call has none

    def header(self, name: str) -> str:
        """Return a header by its name in lower case; empty if it isn't there."""
        value = self._headers.get(name)
        return value if isinstance(value, str) else ""

    @property
    def origins(self) -> list[str]:
        """Scheme, host and port that the caller used, best known first; empty for a direct invocation."""
        if not self.is_http:
            return []
        scheme = "http" if self._headers.get("x-forwarded-proto") == "http" else "https"
        hosts = self._headers.get("host"), self._domain_name  # domainName lacks the port
        return [f"{scheme}://{host}" for host in hosts if isinstance(host, str) and re.fullmatch(_HOST, host)]

    def path_parameter(self, name: str) -> str:
        """Return a part of the path as the API decoded it; empty if it isn't there."""
        value = _mapping(self._event.get("pathParameters")).get(name)
        return value if isinstance(value, str) else ""

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters by name, decoded; a repeated one has its values joined by commas.

        An operator may have written them as JSON: ``true`` and ``50`` are the texts, ``null`` is absent.
        """
        given = _mapping(self._event.get("queryStringParameters"))
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in given.items()
            if value is not None
        }

    def flag(self, name: str) -> bool:
        """Tell whether a parameter of the query is ``true``; it is false if absent.

        Raises
        ------
        ValidationError
            If it is anything else.
        """
        value = self.query.get(name, "false")
        if value not in {"true", "false"}:
            raise ValidationError([{"field": name, "message": f"{name} must be true or false"}])
        return value == "true"

    @property
    def raw_query(self) -> str:
        """The query as it was sent. API Gateway's map of parameters joins repeated ones by commas; this doesn't."""
        raw = _mapping(self._event).get("rawQueryString")
        return raw.encode(errors="replace").decode() if isinstance(raw, str) else ""  # JSON can hold lone surrogates

    def token(self) -> str:
        """Return the key that the caller presents; empty if there is none. It is never taken from the URL.

        Raises
        ------
        Unauthorized
            If two different ones are presented, or something else than a key.
        """
        scheme, _, bearer = self.header("authorization").partition(" ")
        if scheme and scheme.lower() != "bearer":
            raise Unauthorized
        tokens = {token.strip() for token in (bearer, self.header("x-api-key")) if token}
        if len(tokens) > 1 or (scheme and not bearer.strip()):
            raise Unauthorized
        return next(iter(tokens), "")

    def revisions(self) -> frozenset[int] | None:
        """Return the revisions in ``If-Match``; ``None`` if any will do (RFC 9110, section 13.1.1)."""
        value = self.header("if-match").strip()
        if value in {"", "*"}:
            return None
        return frozenset(map(int, re.findall(r'(?:W/)?"([0-9]{1,9})"', value)))

    def short_code(self) -> str:
        """Return the code in the path, without what people copy along with it, and without the ``+`` of a preview."""
        return self._copied().removesuffix(_PREVIEW)

    @property
    def is_preview(self) -> bool:
        """Whether who asks wants to know where a link leads before following it: one ``+`` stands behind the code."""
        return self._copied().endswith(_PREVIEW)

    @property
    def prefers_page(self) -> bool:
        """Whether the caller would rather have HTML than JSON (``Accept``: RFC 9110, section 12.5.1)."""
        ranges = dict(map(_media_range, self.header("accept").lower().split(",")))

        def quality(*names: str) -> float:
            return next((ranges[name] for name in names if name in ranges), 0.0)

        page = quality("text/html", "text/*", "*/*")
        return page > quality("application/json", "application/*", "*/*")

    def _copied(self) -> str:
        """Return what stands in the path, which the API has decoded, without what can't belong to a code."""
        code = _mapping(self._event.get("pathParameters")).get("short_code")
        path = self._event.get("rawPath")  # of the route $default, which takes what has a slash behind it
        text = code if isinstance(code, str) else path.removeprefix("/") if isinstance(path, str) else ""
        behind = re.match(_BEHIND_CODE, text[::-1])
        return text[: len(text) - behind.end()] if behind else text

    def require_same_site(self, origins: Collection[str], cors_origin: str) -> None:
        """Refuse a request that a page of another site makes in its visitor's name.

        Parameters
        ----------
        origins : collection of str
            Where the stack is known to answer.
        cors_origin : str
            Whose pages may call the API, ``*`` for all, empty for none.

        Raises
        ------
        Forbidden
            If the browser says that it is one.
        """
        if cors_origin == "*":
            return
        origin = self.header("origin").lower()
        # The scheme is left out: who stands before the API may speak another one with the browser.
        own = {_host_and_port(each) for each in self.origins[:1]}
        is_allowed = origin != "" and (origin in {*origins, cors_origin} or _host_and_port(origin) in own)
        if not is_allowed and (origin or self.header("sec-fetch-site") == "cross-site"):
            raise Forbidden("A page of another site may not create links")

    def fields(self, most: int = MAX_BODY) -> Mapping[str, Any]:
        """Return the request's JSON object: the body over HTTP, the event itself in a direct invocation.

        Parameters
        ----------
        most : int
            Bytes that the body may have.

        Raises
        ------
        ValidationError
            If there is none; its one detail has the field ``body``.
        PayloadTooLarge
            If the body is over the limit; it isn't parsed.
        """
        value = self._body(most) if self.is_http else self._event
        if not isinstance(value, dict):
            raise ValidationError([{"field": "body", "message": "body must be a JSON object"}])
        return value

    def _body(self, most: int) -> object:
        body = self._event.get("body")
        if not isinstance(body, str):
            return None
        is_encoded = bool(self._event.get("isBase64Encoded"))
        if len(body) * 3 // 4 - 2 > most if is_encoded else len(body) > most:
            raise PayloadTooLarge(f"body must have at most {most} bytes")
        try:
            octets = base64.b64decode(body, validate=True) if is_encoded else body.encode()
            if len(octets) > most:
                raise PayloadTooLarge(f"body must have at most {most} bytes")
            # Some clients write a byte order mark, which RFC 8259 lets a reader ignore.
            # Every number is read as a float, since Python refuses integers of more than 4300 digits.
            return json.loads(octets.decode("utf-8-sig"), parse_constant=_refuse, parse_int=float)
        except (ValueError, binascii.Error, RecursionError):
            return None


def of_operator(event: Any, routes: Collection[str]) -> Request | None:  # noqa: ANN401
    """Return the request that an operator's direct invocation stands for; ``None`` if no route takes it.

    Parameters
    ----------
    event : any JSON value
        An object of ``method``, ``path``, ``query`` and ``body``.
    routes : collection of str
        Route keys such as ``GET /links/{short_code}``; one without parameters goes before one with.
    """
    method, path = str(_mapping(event).get("method")), str(_mapping(event).get("path"))
    for route in sorted(routes, key=lambda route: "{" in route):
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route))
        if parts := re.fullmatch(pattern, f"{method} {path}"):
            body = event.get("body")
            return Request(
                {
                    "requestContext": {"http": {"method": method}},
                    "routeKey": route,
                    "pathParameters": parts.groupdict(),
                    "queryStringParameters": event.get("query"),
                    "body": None if body is None else json.dumps(body),
                }
            )
    return None


def host_of(origin: str) -> str:
    """Return the host of a scheme, host and port, in lower case and without the port."""
    return re.sub(r":[0-9]+$", "", _host_and_port(origin))


def _media_range(text: str) -> tuple[str, float]:
    """Return what an ``Accept`` header's part names, and how much it is wanted."""
    name, *parameters = text.split(";")
    qualities = [float(found[1]) for each in parameters if (found := re.fullmatch(_QUALITY, each))]
    return name.strip(), next(iter(qualities), 1.0)


def _host_and_port(origin: str) -> str:
    return origin.partition("://")[2].lower()


def _refuse(constant: str) -> None:
    """Refuse ``NaN`` and the infinities, which Python reads but JSON (RFC 8259) doesn't have."""
    raise ValueError(constant)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
