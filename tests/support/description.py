"""openapi.yaml, and whether an answer is one that it describes."""

from functools import cache
from typing import Any

import yaml
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from requests import Request, Response
from requests.structures import CaseInsensitiveDict

from tests.support.functions import ROOT

FILE = ROOT / "functions" / "pages" / "static" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())


@cache
def _description() -> OpenAPI:
    return OpenAPI.from_dict(DOCUMENT)


def answers() -> set[tuple[str, int]]:
    """Return the statuses that are described, each with its route, such as ``POST /create``."""
    return {
        (f"{method.upper()} {path}", int(status))
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
        for status in operation["responses"]
    }


def check(method: str, path: str, response: Response) -> None:
    """Raise an error if an answer isn't described."""
    request = RequestsOpenAPIRequest(Request(method, f"http://127.0.0.1:3000{path}"))
    _description().validate_response(request, RequestsOpenAPIResponse(response))


def check_answer(method: str, path: str, status: int, headers: dict[str, str], body: str) -> None:
    """Raise an error if a function's answer isn't described."""
    response = Response()
    response.status_code = status
    response.headers = CaseInsensitiveDict(headers)
    response._content = body.encode()  # noqa: SLF001 (there is no other way to give it one)
    check(method, path, response)
