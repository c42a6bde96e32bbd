"""`python -m local start-api` passes on what AWS's API passes on, and routes as it does: cases from public reports."""

import http.client
import json
from types import SimpleNamespace

import pytest

from local import processes

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: { Runtime: python3.13, Handler: app.lambda_handler, Timeout: 5 }
Resources:
  Api: { Type: AWS::Serverless::HttpApi }
  EchoFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: echo/
      Events:
        Post: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: POST, Path: /create } }
        Get: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: "/{short_code}" } }
        Head: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: HEAD, Path: "/{short_code}" } }
        Any: { Type: HttpApi, Properties: { ApiId: !Ref Api } }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: key, AttributeType: S }]
      KeySchema: [{ AttributeName: key, KeyType: HASH }]
"""

# Answers with the event, and with the Location that the event's body or query asks for.
ECHO = """\
import base64, json

def lambda_handler(event, context):
    if event.get("call"):
        return call(event["call"])
    location = event["body"] if event["routeKey"] == "POST /create" and not event["isBase64Encoded"] else None
    headers = {"Location": location} if location else {}
    seen = {name: event[name] for name in ("routeKey", "rawPath", "body", "isBase64Encoded")}
    return {"statusCode": 301 if location else 200, "headers": headers, "body": json.dumps(seen)}

def call(url):
    from botocore.config import Config
    from botocore.session import get_session
    config = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1})
    try:
        client = get_session().create_client("kms", config=config, endpoint_url=url if url != "aws" else None)
        client.generate_mac(KeyId="any", Message=b"any", MacAlgorithm="HMAC_SHA_256")
    except Exception as error:
        return type(error).__name__
"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("echo")
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "echo").mkdir()
    (folder / "echo" / "app.py").write_text(ECHO)
    return folder


@pytest.fixture(scope="module")
def request_(echo, serve):
    port = processes.free_port()

    def request(method, target, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, target, body, {"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            return SimpleNamespace(status=response.status, headers=response.headers, body=response.read())
        finally:
            connection.close()

    with serve("start-api", "--port", str(port), cwd=echo, until="Press CTRL+C"):
        yield request


@pytest.mark.parametrize(
    "location",
    [
        "https://example.com/a?b[]=1",
        "https://example.com/a?",
        "https://example.com/#",
        "https://example.com",
        "https://example.com/%7e%7E/%zz?q='%27&|=^`#`",
        "https://example.com//a//../b/./",
        "https://example.com/;,@&=+$!*'()[]|",
        "https://example.com:8443/?a=%C3%A9&a=%E9",
        "/CODE",
    ],
)
def test_given_a_location_when_answered_then_it_is_what_the_function_wrote(request_, location):
    answer = request_("POST", "/create", location)

    assert answer.status == 301
    assert answer.headers.get_all("Location") == [location]


def test_given_a_body_not_in_utf8_when_posted_then_the_function_gets_its_bytes(request_):
    answer = request_("POST", "/create", b"\xff")

    assert answer.status == 200
    assert json.loads(answer.body) == {
        "routeKey": "POST /create",
        "rawPath": "/create",
        "body": "/w==",
        "isBase64Encoded": True,
    }


@pytest.mark.parametrize(
    ("method", "target", "route", "path"),
    [
        ("GET", "/CODE", "GET /{short_code}", "/CODE"),
        ("GET", "/CODE.", "GET /{short_code}", "/CODE."),
        ("GET", "/CODE)", "GET /{short_code}", "/CODE)"),
        ("GET", "/CODE%20", "GET /{short_code}", "/CODE "),
        ("GET", "/CODE?x=/y", "GET /{short_code}", "/CODE"),
        ("GET", "/CODE/", "$default", "/CODE/"),
        ("GET", "/CODE//", "$default", "/CODE//"),
        ("GET", "/CODE/x/y", "$default", "/CODE/x/y"),
        ("GET", "/CODE%2Fx", "$default", "/CODE/x"),
        ("GET", "/", "$default", "/"),
        ("GET", "/create/", "$default", "/create/"),
        ("POST", "/CODE", "$default", "/CODE"),
        ("POST", "/create/", "$default", "/create/"),
        ("DELETE", "/no/such/path", "$default", "/no/such/path"),
    ],
)
def test_given_a_path_when_requested_then_its_route_is_awss(request_, method, target, route, path):
    answer = request_(method, target)

    event = json.loads(answer.body)
    assert (answer.status, event["routeKey"], event["rawPath"]) == (200, route, path)


@pytest.mark.parametrize("target", ["/CODE", "/CODE/", "/no/such/path", "/"])
def test_given_head_when_requested_then_it_is_answered_without_a_body(request_, target):
    answer = request_("HEAD", target)

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("url", ["aws", "http://198.51.100.1", "https://kms.us-east-1.amazonaws.com"])
def test_given_a_function_that_calls_aws_when_invoked_then_the_call_stays_here(echo, run, url):
    (echo / "event.json").write_text(json.dumps({"call": url}))

    result = run("invoke", "EchoFunction", "-e", "event.json", cwd=echo)

    assert json.loads(result.stdout) == "ProxyConnectionError", result.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("-d", "5678"), "--debug-port, -d"),
        (("--debugger-path", "."), "--debugger-path"),
        (("--debug-function", "EchoFunction"), "--debug-function"),
        (("--docker-network", "any"), "--docker-network"),
    ],
)
def test_given_an_option_for_containers_when_started_then_it_is_refused(echo, run, options, named):
    result = run("start-api", "--port", str(processes.free_port()), *options, cwd=echo)

    assert result.returncode == 1
    assert f"Error: {named} is for functions in containers" in result.stderr
    assert "`sam local start-api`" in result.stderr
    assert "Traceback" not in result.stderr


def test_given_an_ipv6_host_when_started_then_the_url_can_be_clicked(echo, serve):
    port = processes.free_port()
    options = ("start-api", "--host", "::1", "--port", str(port))
    with serve(*options, cwd=echo, until="Press CTRL+C") as server:
        connection = http.client.HTTPConnection("::1", port, timeout=30)
        connection.request("GET", "/CODE")

        assert connection.getresponse().status == 200
        assert f"Ready on http://[::1]:{port}," in server.terminal()
        connection.close()


def test_given_start_lambda_when_ready_then_its_hint_works_as_it_is(echo, serve):
    port = processes.free_port()
    with serve("start-lambda", "--port", str(port), cwd=echo, until="Press CTRL+C") as server:
        hint = server.terminal().split("Try:\n\n")[1]

    assert "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local" in hint
    assert "--payload fileb://EVENT.json" in hint  # version 2 of the AWS CLI takes a file:// for base64
