"""`python -m local`: the other commands, and what it says when something is wrong."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import boto3
import pytest
from botocore.config import Config

from local import processes
from tests.local.toy_project import TEMPLATE, eventually, get, listing

LAYER_ARN = "arn:aws:lambda:us-east-1:123456789012:layer:elsewhere:1"


def test_invoke_writes_the_answer_alone_to_stdout(project, run):
    (project / "event.json").write_text('{"what": "ünvoked"}')

    before = set(listing())
    result = run("invoke", "ToyFunction", "-e", "event.json", cwd=project)
    eventually(lambda: not [args for pid, (_, _, args) in listing().items() if pid not in before and "lambda" in args])

    assert result.returncode == 0
    assert json.loads(result.stdout)["statusCode"] == 200
    assert "asked for ünvoked\nfirst line\nlast line without an end\n" in result.stderr
    assert "RequestId" not in result.stderr


def test_invoke_passes_sam_clis_options_on(project, run):
    (project / "variables.json").write_text('{"ToyFunction": {"TABLE_NAME": "another"}}')

    result = run("invoke", "ToyFunction", "--env-vars", "variables.json", "--region", "eu-west-1", cwd=project)

    environment = json.loads(json.loads(result.stdout)["body"])["environment"]
    assert environment["TABLE_NAME"] == "another"
    assert environment["AWS_REGION"] == "eu-west-1"


@pytest.mark.parametrize(
    ("event", "error"),
    [("exit", "exit status 3"), ("hang", "timed out after 2.00 seconds")],
)
def test_invoke_fails_with_a_function_that_doesnt_answer(project, run, event, error):
    (project / "event.json").write_text(json.dumps({"what": event}))

    result = run("invoke", "ToyFunction", "-e", "event.json", cwd=project)

    assert result.returncode == 1
    assert f"Error: ToyFunction failed. {'Task' if event == 'hang' else 'Runtime.ExitError'}" in result.stderr
    assert error in result.stderr


def test_invoke_shows_the_traceback_of_an_import_that_fails(project, run):
    source = project / "edited" / "app.py"
    text = source.read_text()
    source.write_text("import shared\nimport missing_module\n")

    result = run("invoke", "EditedFunction", cwd=project)
    source.write_text(text)

    assert result.returncode == 1
    assert 'app.py", line 2, in <module>' in result.stderr
    assert result.stderr.rstrip().endswith("Unable to import module 'app': No module named 'missing_module'")


def test_start_lambda_answers_an_sdk(project, serve):
    port = processes.free_port()
    with serve("start-lambda", "--port", str(port), cwd=project, until="Press CTRL+C"):
        client = boto3.client(
            "lambda",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",  # noqa: S106
            config=Config(retries={"total_max_attempts": 1}),
        )
        good = client.invoke(FunctionName="ToyFunction", Payload=b'{"what": "called"}')
        bad = client.invoke(FunctionName="ToyFunction", Payload=b'{"what": "raise"}')

        assert json.load(good["Payload"])["statusCode"] == 200
        assert "FunctionError" not in good
        assert json.load(bad["Payload"])["errorType"] == "ValueError"
        assert bad["FunctionError"] == "Unhandled"
        client.close()


@pytest.mark.parametrize("arguments", [(), ("start-apl",), ("--in-memory",)])
def test_no_command_or_a_wrong_one_prints_help(project, run, arguments):
    result = run(*arguments, cwd=project)

    assert result.returncode == 2
    assert result.stderr.startswith("usage: python -m local")


@pytest.mark.parametrize("arguments", [("--help",), ("dynamodb", "--help")])
def test_help_that_is_asked_for_is_no_error(project, run, arguments):
    result = run(*arguments, cwd=project)

    assert result.returncode == 0
    assert result.stdout.startswith("usage: python -m local")


def test_a_built_template_is_used_only_when_asked_for(project, run):
    built = project / ".aws-sam" / "build" / "template.yaml"
    built.parent.mkdir(parents=True)
    built.write_text(TEMPLATE.replace("toy/\n", "elsewhere/\n"))

    assert run("invoke", "ToyFunction", cwd=project).returncode == 0
    asked = run("invoke", "ToyFunction", "-t", str(built), cwd=project)

    assert asked.returncode == 1
    assert "elsewhere" in asked.stderr


def test_an_api_port_that_is_taken(project, run):
    with web_server() as port:
        result = run("start-api", "--port", str(port), cwd=project)

    assert_says(result, f"Error: Can't listen on 127.0.0.1, port {port}: Address already in use.")


def test_a_dynamodb_port_that_is_taken_by_something_else(project, run):
    with web_server() as port:
        result = run("start-api", "--port", str(processes.free_port()), cwd=project, DYNAMODB_PORT=str(port))

    assert_says(result, f"Error: Port {port} is taken by something that isn't DynamoDB.")


@pytest.mark.parametrize(
    ("variable", "value"), [("DYNAMODB_PORT", "0"), ("DYNAMODB_PORT", "http"), ("LOCAL_CONCURRENCY", "none")]
)
def test_a_setting_that_makes_no_sense(project, run, variable, value):
    result = run("invoke", "ToyFunction", cwd=project, **{variable: value})

    assert_says(result, f"Error: {variable} is ")


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("Resources: {unclosed", "Error: Failed to parse template"),
        (TEMPLATE.replace("DynamoDB::Table", "SNS::Topic"), "Error: The template declares no table"),
        (TEMPLATE.replace("[!Ref Layer]", f"[{LAYER_ARN}]"), f"Error: ToyFunction: the layer {LAYER_ARN} isn't in"),
        (TEMPLATE.replace("python3.13", "nodejs22.x"), "Error: ToyFunction: only Python functions"),
    ],
    ids=["yaml", "no table", "remote layer", "another language"],
)
def test_a_template_that_cant_be_used(tmp_path, project, run, template, error):
    for name in ("toy", "edited", "layer"):
        (tmp_path / name).symlink_to(project / name)
    (tmp_path / "template.yaml").write_text(template)

    result = run("start-api", "--port", str(processes.free_port()), cwd=tmp_path)

    assert_says(result, error)


def test_a_template_that_isnt_there(tmp_path, run):
    assert_says(run("invoke", "ToyFunction", cwd=tmp_path), "Error: Template file not found")


def test_the_ready_message_has_an_example(project, serve):
    port = processes.free_port()
    with serve("start-api", "--port", str(port), cwd=project, until="Press CTRL+C") as server:
        assert f"Ready on http://127.0.0.1:{port}" in server.terminal()
        assert f"curl -i http://127.0.0.1:{port}/create" in server.terminal()
        eventually(lambda: get(port, "/toy/hello")[0] == 200)


def assert_says(result, error):
    assert result.returncode == 1
    assert error in result.stderr
    assert "Traceback" not in result.stderr


@contextmanager
def web_server():
    """Run a server that knows nothing of DynamoDB."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
