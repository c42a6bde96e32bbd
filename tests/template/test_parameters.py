"""The parameters: each is described and checked, every combination is a valid stack, and so is samconfig.toml's."""

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from typing import Any

import cfnlint.api  # type: ignore[import-untyped]
import pytest

from squrl.settings import CreateSettings, RedirectSettings, SettingsError
from tests.template.stack import REGION, ROOT, Stack, accepts, read

PARAMETERS = read()["Parameters"]
CONFIGURATION: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())
OVERRIDES = {
    f"{environment} {command}": dict(
        pair.split("=", 1) for pair in shlex.split(options["parameters"]["parameter_overrides"])
    )
    for environment, commands in CONFIGURATION.items()
    if isinstance(commands, dict)
    for command, options in commands.items()
    if "parameter_overrides" in options["parameters"]
}

DOMAIN = {
    "DomainName": "go.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
}
OPTIONS: list[dict[str, str]] = [
    DOMAIN,
    {"AlarmEmail": "you@example.com"},
    {"MonthlyBudget": "20"},
    {"CreateConcurrency": "10", "RedirectConcurrency": "100"},
    {"GradualDeployment": "true"},
    {"ManageTable": "false", "ManageDurableTable": "false"},
    {"CorsOrigin": "https://www.example.com"},
    {"CreatesPerMinutePerClient": "0"},
    {"CreateAccess": "anyone"},
    {
        "EventBus": "links",
        "TableStreamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/squrl-urls-2/stream/2026-11-25T10:00:00.000",
    },
    {"Environment": "prod", "TableName": "squrl-urls-prod"},
    {"Monitoring": "essential"},
    {"SnapStart": "PublishedVersions"},
]
TOLD = {"AlarmEmail": "you@example.com", "MonthlyBudget": "20"}  # what prod wants to know
# No option, every option, and rows in between such that any two options meet in all four ways: each option is in three
# of the six rows, no two in the same ones.
ROWS = list(zip(OPTIONS, itertools.combinations(range(6), 3), strict=False))
COMBINATIONS = [dict(pair for option, rows in ROWS if row in rows for pair in option.items()) for row in range(6)]
COMBINATIONS += [{}, dict(pair for option in OPTIONS for pair in option.items())]

# What no longer applies once conditions are decided and values put in, and what SAM itself writes.
IGNORED = {
    "W2001": "a parameter that only a condition used",
    "W7001": "the mapping",
    "W1020": "Fn::Sub without a variable",
}


@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda values: " ".join(values) or "none")
def test_given_a_combination_of_options_then_what_sam_makes_of_it_is_valid(template, combination):
    stack = Stack(template, **combination)

    findings = cfnlint.api.lint(json.dumps(stack.decided()), regions=[REGION])

    assert [str(finding) for finding in findings if finding.rule.id not in IGNORED] == []
    is_told = combination.get("Environment") != "prod" or TOLD.items() <= combination.items()
    assert bool(stack.broken_rules()) is not is_told


def test_given_the_combinations_then_any_two_options_meet_in_all_four_ways():
    chosen = [[option.items() <= combination.items() for option in OPTIONS] for combination in COMBINATIONS]

    pairs = itertools.combinations(range(len(OPTIONS)), 2)

    assert all(len({(row[one], row[other]) for row in chosen}) == 4 for one, other in pairs)
    assert any(all(row) for row in chosen)
    assert any(not any(row) for row in chosen)


@pytest.mark.parametrize(
    ("option", "kinds"),
    [
        (DOMAIN, {"AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping", "AWS::Route53::RecordSetGroup"}),
        ({"MonthlyBudget": "20"}, {"AWS::Budgets::Budget"}),
        ({"CreateAccess": "anyone"}, {"AWS::KMS::Key"}),
        ({"EventBus": "links"}, {"AWS::S3::Bucket"}),
    ],
    ids=["domain", "budget", "limit", "events"],
)
def test_given_an_option_then_what_it_asks_for_is_made_and_otherwise_not(template, option, kinds):
    without, with_it = (
        {resource["Type"] for resource in Stack(template, **parameters).resources.values()}
        for parameters in [{}, option]
    )

    assert with_it - without == kinds


@pytest.mark.parametrize(("option", "table"), [("ManageTable", "UrlsTable"), ("ManageDurableTable", "DurableTable")])
def test_given_a_table_that_is_there_then_the_stack_is_the_same_without_its_own(template, option, table):
    own, another = (Stack(template, **{option: made}) for made in ("true", "false"))

    assert another.resources == {name: resource for name, resource in own.resources.items() if name != table}
    assert another.outputs == own.outputs
    assert table in own.resources


@pytest.mark.parametrize(("domain", "is_disabled"), [({}, False), (DOMAIN, True)], ids=["none", "own"])
def test_given_an_own_domain_then_the_api_answers_under_it_alone(template, domain, is_disabled):
    stack = Stack(template, **domain)
    (api,) = stack.of_type("AWS::ApiGatewayV2::Api").values()

    url = stack.outputs["ApiUrl"]["Value"]

    domains = stack.of_type("AWS::ApiGatewayV2::DomainName").values()
    records = [
        record for each in stack.of_type("AWS::Route53::RecordSetGroup").values() for record in each["RecordSets"]
    ]
    (server,) = api["Body"]["servers"]
    assert server["x-amazon-apigateway-endpoint-configuration"] == {"disableExecuteApiEndpoint": is_disabled}
    assert url == ("https://go.example.com" if is_disabled else "<HttpApi.ApiEndpoint>")
    # An AAAA record alone answers nothing.
    assert [each["DomainNameConfigurations"][0]["IpAddressType"] for each in domains] == ["dualstack"] * is_disabled
    assert [record["Type"] for record in records] == ["A", "AAAA"] * is_disabled


@pytest.mark.parametrize("name", PARAMETERS)
def test_given_a_parameter_then_it_is_described_and_checked_and_its_default_passes(template, name):
    parameter = template["Parameters"][name]

    checks = parameter.keys() & {"AllowedValues", "AllowedPattern", "MinValue", "MaxValue"}

    assert re.fullmatch(r"[A-Z].*\.", parameter["Description"])
    assert checks
    assert ("AllowedPattern" in checks) == ("ConstraintDescription" in parameter)
    assert accepts(template, name, Stack(template).parameters[name])


@pytest.mark.parametrize(
    ("parameter", "value", "is_right"),
    [
        ("TableName", "squrl-urls-dev", True),
        ("TableName", "Squrl_urls.2", True),
        ("TableName", "abc", True),
        ("TableName", "a" * 255, True),
        ("TableName", "a" * 256, False),
        ("TableName", "ab", False),
        ("TableName", "", False),
        ("TableName", "squrl urls", False),
        ("TableName", "squrl/urls", False),
        ("TableName", "squrl-urls\n", False),
        ("BaseUrl", "", True),
        ("BaseUrl", "https://go.example.com", True),
        ("BaseUrl", "http://127.0.0.1:3000", True),
        ("BaseUrl", "https://go.example.com/", False),
        ("BaseUrl", "https://go.example.com/path", False),
        ("BaseUrl", "https://GO.example.com", False),
        ("BaseUrl", "https://user@go.example.com", False),
        ("BaseUrl", "https://go.example.com:123456", False),
        ("BaseUrl", "https://go.example.com\n", False),
        ("BaseUrl", "go.example.com", False),
        ("BaseUrl", "ftp://go.example.com", False),
        ("DomainName", "", True),
        ("DomainName", "go.example.com", True),
        ("DomainName", "a-1.xn--bcher-kva.example", True),
        ("DomainName", "GO.example.com", False),
        ("DomainName", "https://go.example.com", False),
        ("DomainName", "go.example.com/", False),
        ("DomainName", "go example.com", False),
        ("DomainName", "go.example.com\n", False),
        ("AllowPrivateDestinations", "true", True),
        ("AllowPrivateDestinations", "false", True),
        ("AllowPrivateDestinations", "True", False),
        ("AllowPrivateDestinations", "", False),
        ("CreatesPerMinutePerClient", "0", True),
        ("CreatesPerMinutePerClient", "999999999", True),
        ("CreatesPerMinutePerClient", "1000000000", False),
        ("CreatesPerMinutePerClient", "-1", False),
        ("CreatesPerMinutePerClient", "", False),
        ("CreatesPerMinutePerClient", "many", False),
        ("StoreCreatorIp", "true", True),
        ("StoreCreatorIp", "false", True),
        ("StoreCreatorIp", "1", False),
        ("StoreCreatorIp", "", False),
        ("PermanentMaxAge", "0", True),
        ("PermanentMaxAge", "86400", True),
        ("PermanentMaxAge", "86401", False),
        ("PermanentMaxAge", "-1", False),
        ("PermanentMaxAge", "", False),
    ],
)
def test_given_a_value_then_the_template_takes_what_the_function_takes(template, parameter, value, is_right):
    stack = Stack(template, **{parameter: value})
    functions = stack.of_type("AWS::Lambda::Function")

    try:
        CreateSettings(functions["CreateUrlFunction"]["Environment"]["Variables"])
        RedirectSettings(functions["RedirectFunction"]["Environment"]["Variables"])
    except SettingsError:
        starts = False
    else:
        starts = True

    assert starts is is_right
    assert accepts(template, parameter, value) is is_right


def test_given_an_age_for_redirects_then_who_redirects_and_who_tells_of_it_have_it(template):
    functions = Stack(template, PermanentMaxAge="60").of_type("AWS::Lambda::Function")

    told = {name: each["Environment"]["Variables"].get("PERMANENT_MAX_AGE") for name, each in functions.items()}

    assert {name: age for name, age in told.items() if age} == {"RedirectFunction": "60", "ManageLinksFunction": "60"}


@pytest.mark.parametrize(
    ("origin", "is_right"),
    [
        ("", True),
        ("*", True),
        ("https://www.example.com", True),
        ("http://127.0.0.1:8080", True),
        ("https://www.example.com/", False),
        ("https://*", False),
        ("www.example.com", False),
        ("null", False),
    ],
)
def test_given_an_origin_then_the_template_takes_what_a_browser_sends_as_one(template, origin, is_right):
    assert accepts(template, "CorsOrigin", origin) is is_right


@pytest.mark.parametrize("given", itertools.product([False, True], repeat=3), ids=str)
def test_given_parts_of_a_domain_then_all_or_none_are_taken(template, given):
    parts = {name: value for (name, value), is_given in zip(DOMAIN.items(), given, strict=True) if is_given}

    broken = Stack(template, **parts).broken_rules()

    assert bool(broken) == (0 < len(parts) < 3)


@pytest.mark.parametrize("environment", PARAMETERS["Environment"]["AllowedValues"])
@pytest.mark.parametrize("table", ["squrl-urls-local", "squrl-urls-dev", "squrl-urls-restored"])
def test_given_a_deployed_environment_then_it_does_not_take_the_local_table(template, environment, table):
    broken = Stack(template, Environment=environment, TableName=table, **TOLD).broken_rules()

    assert bool(broken) == (environment != "local" and table == "squrl-urls-local")


@pytest.mark.parametrize("environment", PARAMETERS["Environment"]["AllowedValues"])
@pytest.mark.parametrize("told", [{}, {"AlarmEmail": "you@example.com"}, {"MonthlyBudget": "20"}, TOLD], ids=list)
def test_given_prod_then_somebody_has_to_be_told_of_trouble_and_of_costs(template, environment, told):
    broken = Stack(template, Environment=environment, TableName="squrl-urls-2", **told).broken_rules()

    assert bool(broken) == (environment == "prod" and told != TOLD)


@pytest.mark.parametrize("rule", read()["Rules"])
def test_given_a_rule_then_every_assertion_says_which_parameters_to_set(template, rule):
    for assertion in template["Rules"][rule]["Assertions"]:
        asked = set(re.findall(r'"Ref": "(\w+)"', json.dumps(assertion["Assert"])))

        assert asked
        assert assertion["AssertDescription"].startswith("Set ")
        assert asked <= set(re.findall(r"\w+", assertion["AssertDescription"]))


# samconfig.toml


@pytest.mark.parametrize("use", OVERRIDES)
def test_given_a_command_of_samconfig_then_its_parameters_exist_and_take_its_values(template, use):
    values = OVERRIDES[use]

    assert values.keys() <= template["Parameters"].keys()
    assert [name for name, value in values.items() if not accepts(template, name, value)] == []


@pytest.mark.parametrize(
    ("use", "environment"),
    [("default deploy", "dev"), ("dev deploy", "dev"), ("staging deploy", "staging"), ("prod deploy", "prod")],
)
def test_given_a_deployment_of_samconfig_then_its_environment_has_its_own_table(template, use, environment):
    values = OVERRIDES[use]

    stack = Stack(template, **(values | TOLD))

    assert (values["Environment"], values["TableName"]) == (environment, f"squrl-urls-{environment}")
    assert stack.broken_rules() == []


def test_given_prod_of_samconfig_then_who_deploys_it_has_to_say_who_is_told(template):
    (broken,) = Stack(template, **OVERRIDES["prod deploy"]).broken_rules()

    assert "AlarmEmail" in broken


@pytest.mark.parametrize("environment", ["default", "dev", "staging", "prod"])
def test_given_a_deployment_of_samconfig_then_it_has_the_tags_that_are_counted(template, environment):
    options = CONFIGURATION[environment]["deploy"]["parameters"]
    (budget,) = Stack(template, MonthlyBudget="20").of_type("AWS::Budgets::Budget").values()

    tags = dict(pair.split("=") for pair in options["tags"].split())

    name = OVERRIDES[f"{environment} deploy"]["Environment"]
    assert tags == {"Service": "squrl", "Environment": name, "ManagedBy": "sam"}
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": [f"user:Service${tags['Service']}"]}
    assert '"Service": "squrl"' not in json.dumps(template)


@pytest.mark.parametrize(("environment", "monitoring"), [("dev", "essential"), ("staging", "full"), ("prod", "full")])
def test_given_an_environment_of_samconfig_then_it_says_how_it_is_monitored(environment, monitoring):
    assert OVERRIDES[f"{environment} deploy"]["Monitoring"] == monitoring


def test_given_samconfig_then_its_environments_are_the_templates():
    environments = {name for name, value in CONFIGURATION.items() if isinstance(value, dict)}

    assert environments - {"default"} == set(PARAMETERS["Environment"]["AllowedValues"]) - {"local"}


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_given_an_environment_of_samconfig_then_it_is_for_arm64_under_its_own_name(environment):
    assert OVERRIDES[f"{environment} deploy"]["Architecture"] == "arm64"
    assert CONFIGURATION[environment]["global"]["parameters"]["stack_name"] == f"squrl-{environment}"


def test_given_prod_then_samconfig_asks_before_it_changes_and_deploys_gradually(template):
    options = CONFIGURATION["prod"]["deploy"]["parameters"]

    stack = Stack(template, **OVERRIDES["prod deploy"])

    assert options["confirm_changeset"] is True
    assert len(stack.of_type("AWS::CodeDeploy::DeploymentGroup")) == 5


def test_given_prod_when_deployed_at_once_then_that_alone_differs(tmp_path):
    for name in ("Makefile", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".aws-sam").mkdir()
    (tmp_path / ".venv").symlink_to(sys.prefix)
    command = ["make", "--dry-run", "deploy", "ENV=prod", "GRADUAL=no", "--assume-old=build"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # not below `make test`
    printed = subprocess.check_output(command, cwd=tmp_path, env=alone, text=True, timeout=30).replace("\\\n", "")
    write, deploy, prune = printed.strip().splitlines()[-3:]

    subprocess.run(write, shell=True, cwd=tmp_path, check=True, timeout=30)  # noqa: S602 (the Makefile's own line)

    file = tmp_path / ".aws-sam" / "at-once.toml"
    changed = tomllib.loads(file.read_text())
    overrides = changed["prod"]["deploy"]["parameters"]["parameter_overrides"]
    assert dict(pair.split("=", 1) for pair in overrides.split()) == OVERRIDES["prod deploy"] | {
        "GradualDeployment": "false"
    }
    assert (
        file.read_text().replace("GradualDeployment=false", "GradualDeployment=true")
        == (ROOT / "samconfig.toml").read_text()
    )
    assert shlex.split(deploy)[1:] == ["deploy", "--config-env", "prod", "--config-file", str(file)]
    assert shlex.split(prune)[1:] == ["prune", "--stack", "squrl-prod"]
