"""`make key` and `make revoke` against the managing function, which a scripted Lambda invokes in memory."""

import io
import json
import subprocess
import tomllib

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from cli import keys
from squrl.authorize import authorize
from squrl.errors import Unauthorized
from squrl.keys import Identity, Role
from tests.support.fakes import NOW
from tests.support.functions import ROOT, Functions

ASKED = ("--name", "Ana's laptop", "--owner", "marketing", "--role", "write")
HOUR = 3600


class Lambda:
    """AWS's, as far as `cli.keys` asks it.

    Attributes
    ----------
    invoked : list of tuple
        The region and the function's name of each invocation.
    failure : Exception or None
        What is raised in the place of an answer.
    """

    def __init__(self):
        self.functions = Functions()
        self.invoked = []
        self.failure = None
        self.function_error = {}

    def session(self, *, profile_name, region_name):
        assert profile_name is None
        self.region = region_name
        return self

    def client(self, name):
        assert name == "lambda"
        return self

    def invoke(self, **arguments):
        self.invoked.append((self.region, arguments["FunctionName"]))
        if self.failure:
            raise self.failure
        answer = self.functions.invoke("manage_links", json.loads(arguments["Payload"]))
        return {"Payload": io.BytesIO(json.dumps(answer).encode())} | self.function_error


@pytest.fixture
def aws(monkeypatch, clock):
    clock.wall = NOW
    aws = Lambda()
    monkeypatch.setattr(boto3, "Session", aws.session)
    return aws


def who(aws, key, now=NOW):
    return authorize(key, aws.functions.durable, now)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_given_an_environment_when_a_key_is_made_then_it_works_there(aws, capsys, environment):
    keys.main(["make", "--env", environment, *ASKED])

    shown = capsys.readouterr()
    key = shown.out.removesuffix("\n")
    region = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["global"]["parameters"]["region"]
    assert aws.invoked == [(region, f"squrl-manage-links-{environment}")]
    assert who(aws, key) == Identity(Role.WRITE, "marketing")
    assert key not in shown.err


def test_given_a_lifetime_when_a_key_is_made_then_it_ends(aws, capsys):
    keys.main(["make", "--env", "dev", *ASKED, "--ttl-hours", "1"])

    key = capsys.readouterr().out.strip()
    assert who(aws, key, NOW + HOUR - 1)
    with pytest.raises(Unauthorized):
        who(aws, key, NOW + HOUR)


@pytest.mark.parametrize("is_whole", [True, False])
def test_given_a_leaked_key_when_revoked_then_it_alone_is_refused(aws, capsys, is_whole):
    keys.main(["make", "--env", "dev", *ASKED])
    keys.main(["make", "--env", "dev", *ASKED])
    leaked, other = capsys.readouterr().out.split()

    keys.main(["revoke", "--env", "dev", leaked if is_whole else leaked[3:11]])

    assert who(aws, other)
    with pytest.raises(Unauthorized):
        who(aws, leaked)


@pytest.mark.parametrize("what", ["gone1234", "sq_gone1234_secret", "", "summer-sale"])
def test_given_what_is_no_key_when_revoked_then_it_is_said(aws, what):
    before = aws.functions.durable.list_keys()

    with pytest.raises(SystemExit, match="There is no key"):
        keys.main(["revoke", "--env", "dev", what])
    assert aws.functions.durable.list_keys() == before


def test_given_a_wrong_owner_and_role_when_made_then_the_function_says_so(aws):
    with pytest.raises(SystemExit, match=r"refused with 400: owner must .*; role must be"):
        keys.main(["make", "--env", "dev", "--name", "x", "--owner", "The Shop", "--role", "boss"])


NO_FUNCTION = ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "Invoke")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Invoke")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (NoCredentialsError(), "can't be invoked: Unable to locate credentials"),
        (NO_FUNCTION, "There is no function squrl-manage-links-dev in us-east-1.*make deploy ENV=dev"),
        (DENIED, "AWS refused to invoke squrl-manage-links-dev in us-east-1.*not authorized"),
    ],
)
def test_given_an_invocation_that_aws_refuses_when_made_then_it_is_said(aws, failure, said):
    aws.failure = failure

    with pytest.raises(SystemExit, match=said):
        keys.main(["make", "--env", "dev", *ASKED])


def test_given_a_function_that_fails_when_made_then_no_key_is_shown(aws, capsys):
    aws.function_error = {"FunctionError": "Unhandled"}

    with pytest.raises(SystemExit, match="squrl-manage-links-dev failed; its log says why"):
        keys.main(["make", "--env", "dev", *ASKED])
    assert capsys.readouterr().out == ""


def test_given_an_environment_that_there_isnt_when_made_then_nothing_is_invoked(aws):
    with pytest.raises(SystemExit, match=r"samconfig.toml has no environment test"):
        keys.main(["make", "--env", "test", *ASKED])
    assert aws.invoked == []


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
