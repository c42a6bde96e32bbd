"""`python -m local`: the other commands, and what it says when something is wrong."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import boto3
import pytest
from botocore.config import Config

from tests.local.toy_project import TEMPLATE
from tests.support.commands import listing
from tests.support.waiting import eventually

LAYER_ARN = "arn:aws:lambda:us-east-1:123456789012:layer:elsewhere:1"


def test_given_a_function_when_invoked_then_stdout_has_its_answer_alone(project, run):
    (project / "event.json").write_text('{"what": "ünvoked"}')

    before = set(listing())
    result = run("invoke", "ToyFunction", "-e", "event.json", cwd=project)
    eventually(lambda: not [args for pid, (_, _, args) in listing().items() if pid not in before and "lambda" in args])

    assert result.returncode == 0
    assert json.loads(result.stdout)["statusCode"] == 200
    assert "asked for ünvoked\nfirst line\nlast line without an end\n" in result.stderr
    assert "RequestId" not in result.stderr


def test_given_options_of_sam_clis_when_invoked_then_they_are_passed_on(project, run):
    (project / "variables.json").write_text('{"ToyFunction": {"TABLE_NAME": "another"}}')

    result = run("invoke", "ToyFunction", "--env-vars", "variables.json", "--region", "eu-west-1", cwd=project)

    environment = json.loads(json.loads(result.stdout)["body"])["environment"]
    assert (environment["TABLE_NAME"], environment["AWS_REGION"]) == ("another", "eu-west-1")


@pytest.mark.parametrize(
    ("event", "error"), [("exit", "Runtime.ExitError"), ("hang", "Task timed out after 2.00 seconds")]
)
def test_given_a_function_that_does_not_answer_when_invoked_then_it_fails(project, run, event, error):
    (project / "event.json").write_text(json.dumps({"what": event}))

    assert_says(run("invoke", "ToyFunction", "-e", "event.json", cwd=project), "Error: ToyFunction failed. ", error)


def test_given_a_function_that_raises_when_an_sdk_invokes_it_then_it_is_told(project, serve):
    with serve("start-lambda", cwd=project) as server:
        session = boto3.Session("any", "any", region_name="us-east-1")
        config = Config(retries={"total_max_attempts": 1})
        client = session.client("lambda", endpoint_url=f"http://127.0.0.1:{server.port}", config=config)
        good = client.invoke(FunctionName="ToyFunction", Payload=b'{"what": "called"}')
        bad = client.invoke(FunctionName="ToyFunction", Payload=b'{"what": "raise"}')

        assert "FunctionError" not in good
        assert json.load(good["Payload"])["statusCode"] == 200
        assert bad["FunctionError"] == "Unhandled"
        assert json.load(bad["Payload"])["errorType"] == "ValueError"
        client.close()


@pytest.mark.parametrize("arguments", [(), ("start-apl",), ("--in-memory",), ("--help",), ("dynamodb", "--help")])
def test_given_no_command_or_a_wrong_one_when_run_then_help_is_printed(project, run, arguments):
    result = run(*arguments, cwd=project)

    is_asked_for = "--help" in arguments
    assert result.returncode == (0 if is_asked_for else 2)
    assert (result.stdout if is_asked_for else result.stderr).startswith("usage: python -m local")


def test_given_a_built_template_when_nobody_asks_for_it_then_it_is_not_used(project, run):
    built = project / ".aws-sam" / "build" / "template.yaml"
    built.parent.mkdir(parents=True)
    built.write_text(TEMPLATE.replace("toy/\n", "elsewhere/\n"))

    assert run("invoke", "ToyFunction", cwd=project).returncode == 0
    assert_says(run("invoke", "ToyFunction", "-t", str(built), cwd=project), "elsewhere")


def test_given_a_port_that_is_taken_when_started_then_it_says_so(project, run):
    with web_server() as port:
        by_the_api = run("start-api", "--port", port, cwd=project)
        by_the_engine = run("start-api", "--port", "0", cwd=project, DYNAMODB_PORT=port)

    assert_says(by_the_api, f"Error: Can't listen on 127.0.0.1, port {port}: Address already in use.")
    assert_says(by_the_engine, f"Error: Port {port} is taken by something that isn't DynamoDB.")


@pytest.mark.parametrize(
    ("variable", "value"), [("DYNAMODB_PORT", "0"), ("DYNAMODB_PORT", "http"), ("LOCAL_CONCURRENCY", "none")]
)
def test_given_a_setting_that_makes_no_sense_when_started_then_it_says_so(project, run, variable, value):
    assert_says(run("invoke", "ToyFunction", cwd=project, **{variable: value}), f"Error: {variable} is ")


@pytest.mark.parametrize(
    ("template", "error"),
    [
        (None, "Error: Template file not found"),
        ("Resources: {unclosed", "Error: Failed to parse template"),
        (TEMPLATE.replace("DynamoDB::Table", "SNS::Topic"), "Error: The template declares no table"),
        (TEMPLATE.replace("[!Ref Layer]", f"[{LAYER_ARN}]"), f"Error: ToyFunction: the layer {LAYER_ARN} isn't in"),
        (TEMPLATE.replace("python3.13", "nodejs22.x"), "Error: ToyFunction: only Python functions"),
    ],
    ids=["none", "yaml", "no table", "remote layer", "another language"],
)
def test_given_a_template_that_cant_be_used_when_started_then_it_says_so(tmp_path, project, run, template, error):
    for name in ("toy", "edited", "layer"):
        (tmp_path / name).symlink_to(project / name)
    if template is not None:
        (tmp_path / "template.yaml").write_text(template)

    assert_says(run("start-api", "--port", "0", cwd=tmp_path), error)


def test_given_a_server_when_it_is_ready_then_it_shows_an_example(project, serve):
    with serve("start-api", cwd=project) as server:
        assert f"Ready on http://127.0.0.1:{server.port}" in server.terminal()
        assert f"curl -i http://127.0.0.1:{server.port}/create" in server.terminal()
        assert server.get("/toy/hello")[0] == 200


def assert_says(result, *words):
    assert result.returncode == 1
    assert all(each in result.stderr for each in words), result.stderr
    assert "Traceback" not in result.stderr


@contextmanager
def web_server():
    """Run a server that knows nothing of DynamoDB."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield str(server.server_port)
        server.shutdown()
