"""The API before functions that run somewhere: what API Gateway makes of a request, by the template's routes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import httpx

from tests.template.stack import read


class Route(NamedTuple):
    """A route's key, and the function that answers it, by its folder."""

    key: str
    function: str


class Gateway(httpx.BaseTransport):
    """Takes requests in the place of a network.

    Parameters
    ----------
    invoke : function
        Invokes a function, given by its folder, with an event, and returns its answer.
    """

    def __init__(self, invoke: Callable[[str, Any], Any]) -> None:
        self._invoke = invoke

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        encoded, _, query = request.url.raw_path.decode().partition("?")
        path = unquote(encoded)
        route, parameters = _route(request.method, path)
        http = {"method": request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.44"}
        event = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"x-forwarded-proto": request.url.scheme} | dict(request.headers),
            "requestContext": {"http": http, "routeKey": route.key, "domainName": request.url.host},
            "isBase64Encoded": False,
        }
        if query:
            event["queryStringParameters"] = dict(parse_qsl(query))
        if parameters:
            event["pathParameters"] = parameters
        if body := request.read().decode():
            event["body"] = body
        answer = self._invoke(route.function, event)
        content = answer.get("body") or ""
        return httpx.Response(
            answer["statusCode"],
            headers=answer["headers"],
            content=base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode(),
        )


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Return the most specific route that takes a path, and the path's parameters. A slash at the end counts."""
    for pattern, route in _routes():
        if match := re.fullmatch(pattern, f"{method} {path}"):
            return route, match.groupdict()
    raise AssertionError("a path that $default doesn't take")


@cache
def _routes() -> list[tuple[str, Route]]:
    found = []
    for resource in read()["Resources"].values():
        for event in resource["Properties"].get("Events", {}).values():
            if event["Type"] == "HttpApi":
                path, method = (event["Properties"].get(name) for name in ("Path", "Method"))
                route = Route(
                    f"{method} {path}" if path else "$default", resource["Properties"]["CodeUri"].split("/")[1]
                )
                pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(route.key)) if path else "(?s:.*)"
                found.append((pattern, route))
    return sorted(found, key=lambda each: (each[1].key == "$default", each[1].key.count("{")))
