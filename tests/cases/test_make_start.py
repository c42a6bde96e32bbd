"""The stack on one's own machine answers what the functions do, and asks nobody but DynamoDB Local."""

import json
import os
import subprocess
import sys

import pytest

from squrl.links import Kind, Link
from tests.support.functions import ROOT


@pytest.fixture(scope="module")
def code(tables):
    link = Link("copied", Kind("https://example.com/copied", "301", None), "2026-11-22T10:30:00Z", None)
    tables.put(link)
    return link.short_code


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("behind", ["", "/", "//", ".", ")", "%20", "/.", "?x=/y"])
def test_given_a_code_as_people_copy_it_when_followed_then_it_is_found(gateway, code, method, behind):
    status, headers, body = gateway.request(method, f"/{code}{behind}")

    assert (status, headers["Location"], body) == (301, "https://example.com/copied", b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_given_the_root_when_asked_for_then_it_is_the_web_page(gateway, method, accept):
    status, headers, body = gateway.request(method, "/", headers={"Accept": accept})

    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<!doctype html>") == (method == "GET")


@pytest.mark.parametrize("path", ["/no/such/path", "/copied/x", "/create/", "/nope-nope/", "/%FF", "/%2e%2e/a"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_given_a_path_that_there_isnt_when_asked_for_then_it_is_not_found(gateway, method, path):
    status, headers, body = gateway.request(method, path)

    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (404, "application/json", "no-store")
    assert body == b"" if method == "HEAD" else json.loads(body)["error"] == "NotFound"


@pytest.mark.parametrize("body", [b"\xff", b'{"original_url": "https://example.com/\xe9"}', "{}".encode("utf-16")])
def test_given_a_body_not_in_utf8_when_posted_then_the_function_names_it(gateway, body):
    status, _, answer = gateway.request("POST", "/create", body, {"Content-Type": "application/json"})

    assert (status, [detail["field"] for detail in json.loads(answer)["details"]]) == (400, ["body"])


@pytest.mark.parametrize("parameters", ["LogLevel=DEBUG", "CreatesPerMinutePerClient=60", "BaseUrl=https://a.example"])
def test_given_parameters_when_invoked_locally_then_nobody_is_limited_or_asked(tables, parameters):
    command = [sys.executable, "-m", "local", "invoke", "CreateUrlFunction", "-e", "events/create_url/http.json"]
    environment = os.environ | {"DYNAMODB_PORT": tables.endpoint.rpartition(":")[2]}

    result = subprocess.run(
        [*command, "--parameter-overrides", f"CreateAccess=anyone {parameters}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(result.stdout)["statusCode"] in (200, 201)
    assert "limiter_unavailable" not in result.stderr
    assert "url_" in result.stderr  # the metrics are there
