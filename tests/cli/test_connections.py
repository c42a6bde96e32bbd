"""Which squrl a command means, and what it says when that doesn't answer."""

import io
import json
import stat
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import boto3
import click
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from click.testing import CliRunner

from cli import app
from cli.api import StackApi
from tests.support.functions import ROOT, Functions

STACK, FUNCTION = "squrl-dev", "squrl-manage-links-dev"
API = "https://abc.execute-api.us-east-1.amazonaws.com"
KEY = "sq_Writer01_secret"


class Server(HTTPServer):
    """Answers everything in the same way, and remembers what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: list[tuple[int, Any]] = [(200, {"links": [], "cursor": None})]
        self.seen: list[tuple[str, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Authorization"]))
        status, body = self.server.answers[0]
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET  # noqa: N815 (the library's name)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("SQURL_URL", "SQURL_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "squrl"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def run(*arguments, stdin=None):
    return CliRunner(mix_stderr=False).invoke(app.squrl, arguments, input=stdin, prog_name="squrl")


# Profiles


def test_given_no_squrl_when_asked_then_it_is_said_how_to_name_one(home):
    result = run("list")

    assert result.exit_code == 2
    assert "squrl login https://" in result.stderr


def test_given_a_key_when_logged_in_then_it_is_kept_for_its_owner_alone(home, server):
    assert run("login", server.url + "/", stdin=f"{KEY}\n").exit_code == 0

    [file] = (home / "squrl").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("list").exit_code == 0
    assert server.seen[-1] == ("/links?limit=51", f"Bearer {KEY}")


def test_given_several_profiles_when_one_is_named_then_it_is_meant(home, server):
    run("login", server.url, stdin="sq_one")
    run("login", server.url, "--profile", "work", stdin="sq_work")

    run("list", "--profile", "work")
    assert server.seen[-1][1] == "Bearer sq_work"
    run("list")
    assert server.seen[-1][1] == "Bearer sq_one"
    assert run("list", "--profile", "other").exit_code == 2


def test_given_a_key_that_is_refused_when_logged_in_then_nothing_is_kept(home, server):
    server.answers = [(401, {"error": "Unauthorized", "message": "A valid key is needed"})]

    assert run("login", server.url, stdin=KEY).exit_code == 1
    assert not (home / "squrl").exists()


def test_given_no_key_when_logged_in_then_none_is_sent(home, server):
    server.answers = [(200, {"status": "pass"})]

    assert run("login", server.url, stdin="").exit_code == 0
    assert server.seen == [("/health", None)]


def test_given_a_profile_when_logged_out_then_its_key_is_gone(home, server):
    run("login", server.url, stdin=KEY)

    assert run("logout").exit_code == 0
    assert KEY not in (home / "squrl" / "profiles.toml").read_text()
    assert run("logout").exit_code == 2


def test_given_an_address_in_the_environment_when_asked_then_no_profiles_key_goes_there(home, server, monkeypatch):
    run("login", server.url, stdin=KEY)
    monkeypatch.setenv("SQURL_URL", server.url)

    run("list")
    assert server.seen[-1][1] is None
    monkeypatch.setenv("SQURL_KEY", "sq_environment")
    run("list")
    assert server.seen[-1][1] == "Bearer sq_environment"


def test_given_a_file_of_profiles_that_is_broken_when_asked_then_it_is_named(home):
    (home / "squrl").mkdir()
    (home / "squrl" / "profiles.toml").write_text("[default\n")

    result = run("list")
    assert (result.exit_code, "profiles.toml" in result.stderr) == (2, True)


# Over HTTP


@pytest.mark.parametrize("url", ["http://go.example.com", "go.example.com", "ftp://127.0.0.1", "https://"])
def test_given_an_address_that_no_key_may_go_to_when_logged_in_then_nothing_is_sent(home, url):
    assert run("login", url, stdin=KEY).exit_code == 2


def test_given_nobody_there_when_asked_then_it_ends_with_3(home, server, monkeypatch):
    monkeypatch.setenv("SQURL_URL", "http://127.0.0.1:1")

    result = run("list")
    assert result.exit_code == 3
    assert "http://127.0.0.1:1 doesn't answer" in result.stderr


@pytest.mark.parametrize("answer", [(200, "<html>"), (404, "<html>"), (500, "")])
def test_given_something_else_there_when_asked_then_it_isnt_taken_for_squrl(home, server, monkeypatch, answer):
    server.answers = [answer]
    monkeypatch.setenv("SQURL_URL", server.url)

    assert run("show", "code").exit_code == 3


def test_given_a_redirect_when_asked_then_the_key_doesnt_follow_it(home, server, monkeypatch):
    server.answers = [(302, "")]
    monkeypatch.setenv("SQURL_URL", server.url)
    monkeypatch.setenv("SQURL_KEY", KEY)

    assert run("list").exit_code == 3
    assert [path for path, _ in server.seen] == ["/links?limit=51"]


# A stack


class Aws:
    """CloudFormation and Lambda, as far as a stack is asked.

    Attributes
    ----------
    failure : Exception or None
        What is raised in the place of an answer.
    """

    def __init__(self):
        self.functions = Functions()
        self.regions = []
        self.failure = None
        self.function_error = {}
        self.base_url = ""
        self.region_name = None

    def session(self, *, profile_name, region_name):
        assert profile_name is None
        self.region_name = region_name or "eu-central-1"
        self.regions.append(self.region_name)
        return self

    def client(self, name, **_):
        assert name in {"cloudformation", "lambda"}
        return self

    def describe_stack_resource(self, **named):
        if self.failure:
            raise self.failure
        assert named == {"StackName": STACK, "LogicalResourceId": "ManageLinksFunction"}
        return {"StackResourceDetail": {"PhysicalResourceId": FUNCTION}}

    def describe_stacks(self, **named):
        assert named == {"StackName": STACK}
        parameters = [{"ParameterKey": "BaseUrl", "ParameterValue": self.base_url}]
        return {"Stacks": [{"Parameters": parameters, "Outputs": [{"OutputKey": "ApiUrl", "OutputValue": API}]}]}

    def invoke(self, **arguments):
        assert arguments["FunctionName"] == FUNCTION
        answer = self.functions.invoke("manage_links", json.loads(arguments["Payload"]), remaining_ms=30_000)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())} | self.function_error


@pytest.fixture
def aws(monkeypatch):
    aws = Aws()
    monkeypatch.setattr(boto3, "Session", aws.session)
    return aws


def test_given_a_stack_when_listed_then_its_managing_function_is_asked(aws):
    result = run("list", "--stack", STACK, "--all")

    assert result.exit_code == 0
    assert "summer-sale" in result.stdout


@pytest.mark.parametrize(
    ("options", "region"), [((), "us-east-1"), (("--region", "eu-west-1"), "eu-west-1")], ids=["samconfig", "option"]
)
def test_given_a_region_when_a_stack_is_asked_then_it_is_there(aws, monkeypatch, options, region):
    run("list", "--stack", STACK, *options)

    assert aws.regions == [region]


def test_given_a_folder_without_samconfig_when_a_stack_is_asked_then_awss_region_is_meant(aws, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    run("list", "--stack", STACK)
    assert aws.regions == ["eu-central-1"]


def test_given_a_stack_without_a_domain_when_shortened_then_the_short_url_begins_with_the_apis(aws):
    result = run("https://example.com/new", "--stack", STACK)

    assert result.stdout.startswith(f"{API}/")


@pytest.mark.parametrize(("base_url", "address"), [("", API), ("https://go.example.com", "https://go.example.com")])
def test_given_a_stack_when_its_address_is_asked_then_it_is_where_visitors_come(aws, base_url, address):
    aws.base_url = base_url

    assert StackApi(STACK, None).url == address


MISSING = ClientError({"Error": {"Code": "ValidationError", "Message": "Stack 'squrl-dev' does not exist"}}, "Describe")


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        (NoCredentialsError(), 3, "Unable to locate credentials"),
        (MISSING, 1, "the stack squrl-dev in us-east-1: Stack 'squrl-dev' does not exist"),
    ],
)
def test_given_a_stack_that_aws_doesnt_show_when_asked_then_it_is_said(aws, failure, status, said):
    aws.failure = failure

    result = run("key", "list", "--stack", STACK)
    assert result.exit_code == status
    assert said in result.stderr


def test_given_a_function_that_fails_when_a_key_is_made_then_none_is_shown(aws):
    aws.function_error = {"FunctionError": "Unhandled"}

    result = run("key", "create", "--name", "x", "--owner", "x", "--role", "read", "--stack", STACK)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "its log says why" in result.stderr


@pytest.mark.parametrize("options", [("--stack", "x", "--local"), ("--profile", "x", "--local"), ("--region", "x")])
def test_given_two_squrls_at_once_when_asked_then_it_is_wrong_usage(options):
    assert run("list", *options).exit_code == 2


# The command itself


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_given_a_shell_when_completion_is_asked_then_its_script_is_printed(shell):
    result = run("completion", shell)

    assert result.exit_code == 0
    assert "_SQURL_COMPLETE" in result.stdout


def test_given_a_misspelt_command_when_run_then_it_is_no_url():
    result = run("lits")

    assert result.exit_code == 2
    assert "No such command 'lits'" in result.stderr


def test_given_the_help_when_shown_then_nothing_slow_is_loaded():
    code = (
        "import sys; from cli.app import squrl; print(sorted({'httpx', 'rich', 'boto3', 'segno'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("missing", ["NAME", "OWNER", "ROLE"])
def test_given_a_missing_argument_when_make_key_runs_then_its_use_is_said(missing):
    variables = {"NAME": "me", "OWNER": "me", "ROLE": "admin", "ENV": "dev"}
    del variables[missing]

    result = subprocess.run(
        ["/usr/bin/env", "make", "--old-file=.venv/installed", "key"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2
    assert "make key ENV=dev NAME=me OWNER=me ROLE=" in result.stderr


# What was found in a review


@pytest.mark.parametrize("key", ["sq_Writer01_secret\u2026", "sq_Writer01 secret", "Bearer sq_Writer01_secret"])
def test_given_what_isnt_a_key_when_asked_then_it_is_neither_sent_nor_repeated(home, server, monkeypatch, key):
    monkeypatch.setenv("SQURL_URL", server.url)
    monkeypatch.setenv("SQURL_KEY", key)

    result = run("list")

    assert (result.exit_code, server.seen) == (2, [])
    assert "secret\u2026" not in result.stderr
    assert key not in result.stderr


def test_given_a_key_from_a_file_of_windows_when_asked_then_its_line_end_is_left_out(home, server, monkeypatch):
    monkeypatch.setenv("SQURL_URL", server.url)
    monkeypatch.setenv("SQURL_KEY", f"{KEY}\r")

    assert run("list").exit_code == 0
    assert server.seen[0][1] == f"Bearer {KEY}"


def test_given_a_proxy_when_this_machine_is_asked_then_the_key_doesnt_go_there(home, server, monkeypatch):
    proxy = Server()
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("SQURL_URL", server.url)

    assert run("list").exit_code == 0
    proxy.server_close()
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [500, 504])
def test_given_a_failure_of_the_server_when_asked_then_nobody_knows_what_was_done(home, server, monkeypatch, status):
    server.answers = [(status, {"message": "Endpoint request timed out"})]
    monkeypatch.setenv("SQURL_URL", server.url)

    assert run("https://example.com/", "--max-clicks", "1").exit_code == 3


def test_given_another_server_when_logged_in_then_its_json_isnt_taken_for_squrls(home, server):
    server.answers = [(200, {"hello": "world"})]

    assert run("login", server.url, stdin=KEY).exit_code == 3
    assert not (home / "squrl").exists()


def test_given_options_before_a_command_when_run_then_nothing_is_shortened(home):
    result = run("--local", "list")

    assert (result.exit_code, "squrl list --local" in result.stderr) == (2, True)
