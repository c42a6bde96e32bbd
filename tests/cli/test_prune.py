"""Old versions are deleted by `squrl prune`, but for what visitors get and what one could go back to."""

from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from cli import app

STACK = "squrl-dev"
REDIRECT, CREATE = "squrl-redirect-dev", "squrl-create-url-dev"


class Aws:
    """CloudFormation and Lambda, with a stack of two functions. Lists come in pages of one."""

    region_name = "us-east-1"

    def __init__(self):
        self.versions = {REDIRECT: ["$LATEST"], CREATE: ["$LATEST"]}
        self.aliases = {}
        self.refuses = False

    def session(self, **_):
        return self

    def client(self, name, **_):
        assert name in {"cloudformation", "lambda"}
        return self

    def describe_stack_resource(self, *, StackName, LogicalResourceId):  # noqa: N803 (AWS's names)
        return {"StackResourceDetail": {"PhysicalResourceId": f"{StackName}-{LogicalResourceId}"}}

    def get_paginator(self, operation):
        return SimpleNamespace(paginate=getattr(self, operation))

    def list_stack_resources(self, *, StackName):  # noqa: N803
        assert StackName == STACK
        kinds = {**dict.fromkeys(self.versions, "AWS::Lambda::Function"), "squrl-urls-dev": "AWS::DynamoDB::Table"}
        for name, kind in kinds.items():
            yield {"StackResourceSummaries": [{"PhysicalResourceId": name, "ResourceType": kind}]}

    def list_versions_by_function(self, *, FunctionName):  # noqa: N803
        for version in list(self.versions[FunctionName]):
            yield {"Versions": [{"Version": version}]}

    def list_aliases(self, *, FunctionName):  # noqa: N803
        yield {"Aliases": [self.aliases[FunctionName]] if FunctionName in self.aliases else []}

    def delete_function(self, *, FunctionName, Qualifier):  # noqa: N803
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteFunction")
        self.versions[FunctionName].remove(Qualifier)


@pytest.fixture
def aws(monkeypatch):
    aws = Aws()
    monkeypatch.setattr(boto3, "Session", aws.session)
    return aws


@pytest.fixture
def prune():
    def run(*options):
        return CliRunner(mix_stderr=False).invoke(app.squrl, ["prune", *options], prog_name="squrl")

    return run


def test_given_many_versions_then_the_last_two_stay(aws, prune):
    aws.versions[REDIRECT] += ["8", "9", "10", "11"]  # as numbers: 9 comes before 10
    aws.aliases[REDIRECT] = {"Name": "live", "FunctionVersion": "11"}

    result = prune("--stack", STACK)

    assert (result.exit_code, result.stderr) == (0, "Deleted: 2 old versions.\n")
    assert aws.versions == {REDIRECT: ["$LATEST", "10", "11"], CREATE: ["$LATEST"]}
    assert prune("--stack", STACK).stderr == "There was no old version to delete.\n"


@pytest.mark.parametrize("weights", [{}, {"RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}}])
def test_given_old_versions_that_visitors_get_then_they_stay(aws, prune, weights):
    aws.versions[REDIRECT] += ["1", "2", "3", "4", "5"]
    aws.aliases[REDIRECT] = {"Name": "live", "FunctionVersion": "2", **weights}

    assert prune("--stack", STACK).exit_code == 0
    assert aws.versions[REDIRECT] == ["$LATEST", "2", *(["3"] if weights else []), "4", "5"]


def test_given_nobody_who_may_then_it_says_so(aws, prune):
    aws.versions[CREATE] += ["1", "2", "3"]
    aws.refuses = True

    result = prune("--stack", STACK)

    assert result.exit_code == 1
    assert "AWS refused to delete old versions" in result.stderr


def test_given_no_stack_then_it_asks_for_one(prune):
    assert "--stack" in prune("--local").stderr
