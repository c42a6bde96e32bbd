"""Deploying again: with a change, without one, wrongly; and deleting it all."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import STACK
from tests.support.events import LINKS, load

FUNCTIONS = [f"squrl-{name}-dev" for name in ("create-url", "manage-links", "redirect", "pages", "count-clicks")]
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d"


@pytest.fixture
def stack(deployed):
    """Deploy for one test alone, which changes it."""
    with deployed() as outputs:
        yield outputs


@pytest.fixture
def live(client):
    """Return a function that describes what the API invokes."""
    describe = client("lambda").get_function_configuration
    return lambda: [describe(FunctionName=name, Qualifier="live") for name in FUNCTIONS]


def test_given_links_when_parameters_are_changed_then_what_is_live_follows_and_the_links_stay(
    deploy, live, rows, http, make_key, invoke_and_log
):
    caller = http(make_key()["key"])
    _, first = caller.create(original_url="https://example.com/first")
    _, log = invoke_and_log("create-url", load("create_url/http_gone.json"))
    assert "creator_ip" not in rows()[first["short_code"]]
    assert '"level":"INFO"' in log

    changed = deploy(LogLevel="ERROR", StoreCreatorIp="true")

    assert changed.returncode == 0, changed.stdout
    assert [function["Version"] for function in live()] == ["2"] * len(FUNCTIONS)
    assert {function["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] for function in live()} == {"ERROR"}
    assert set(rows()) == {*(link.short_code for link in LINKS), first["short_code"]}
    _, second = caller.create(original_url="https://example.com/second")
    _, log = invoke_and_log("create-url", load("create_url/http_gone.json"))
    assert rows()[second["short_code"]]["creator_ip"] == {"S": "192.0.2.44"}
    assert '"level":"INFO"' not in log


def test_given_a_stack_when_only_the_layer_is_changed_then_what_is_live_has_the_new_one(
    deploy, build, live, stack, client, tmp_path
):
    before = [function["Layers"] for function in live()]
    changed = shutil.copytree(build, tmp_path / "build")
    with (changed / "SqurlLayer" / "python" / "squrl" / "links.py").open("a") as module:
        module.write("# a change\n")

    again = deploy(changed)

    assert again.returncode == 0, again.stdout
    (layer,) = client("lambda").list_layers()["Layers"]
    newest = layer["LatestMatchingVersion"]["LayerVersionArn"]
    assert [function["Layers"][0]["Arn"] for function in live()] == [newest] * len(FUNCTIONS)
    assert [function["Layers"] for function in live()] != before


def test_given_a_stack_when_a_reservation_alone_is_changed_then_it_is_deployed(deploy, live, stack):
    changed = deploy(CreateConcurrency="5")

    assert changed.returncode == 0, changed.stdout  # ministack itself reserves nothing
    assert [function["Version"] for function in live()] == ["2", "1", "1", "1", "1"]


def test_given_a_stack_when_anyone_may_create_then_each_is_counted_under_a_pseudonym(deploy, rows, state, invoke):
    assert invoke("create-url", load("create_url/http.json"))["statusCode"] == 401

    changed = deploy(CreateAccess="anyone")

    assert changed.returncode == 0, changed.stdout
    answers = [invoke("create-url", load("create_url/http.json")) for _ in range(2)]
    invoke("create-url", load("create_url/direct.json"))
    clients = {name: row for name, row in state().items() if name.startswith("client#")}
    assert [answer["statusCode"] for answer in answers] == [201, 200]
    assert sum(int(row["creates"]["N"]) for row in clients.values()) == 2
    assert len({name.split("#")[1] for name in clients}) == 1
    assert "192.0.2.44" not in json.dumps(clients)


def test_given_a_stack_when_it_is_monitored_fully_then_all_alarms_and_a_dashboard_are_there(deploy, client, stack):
    changed = deploy(Monitoring="full")

    assert changed.returncode == 0, changed.stdout
    body = client("cloudwatch").get_dashboard(DashboardName="squrl-dev-us-east-1")["DashboardBody"]
    assert len(client("cloudwatch").describe_alarms()["MetricAlarms"]) == 13
    assert len(json.loads(body)["widgets"]) == 14
    assert "${" not in body
    assert stack["TableName"] in body


def test_given_a_stack_when_it_is_deployed_again_without_a_change_then_nothing_happens(deploy, live, stack):
    again = deploy()

    assert again.returncode == 0, again.stdout
    assert "is up to date" in again.stdout
    assert [function["Version"] for function in live()] == ["1"] * len(FUNCTIONS)


def test_given_a_stack_when_it_was_deployed_often_then_the_last_two_versions_stay(deploy, client, environment, stack):
    for each in ("PublishedVersions", "None", "PublishedVersions"):
        changed = deploy(SnapStart=each)
        assert changed.returncode == 0, changed.stdout

    pruned = subprocess.run(
        [Path(sys.executable).with_name("squrl"), "prune", "--stack", STACK],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    def versions(function):
        listed = client("lambda").list_versions_by_function(FunctionName=function)["Versions"]
        return [each["Version"] for each in listed]

    assert pruned.stderr == "Deleted: 2 old versions.\n"
    assert versions("squrl-redirect-dev") == ["$LATEST", "3", "4"]
    assert versions("squrl-pages-dev") == ["$LATEST", "1"]


def test_given_a_stack_when_it_gets_a_domain_of_its_own_then_it_answers_there(deploy, invoke, client, stack):
    changed = deploy(DomainName="go.example.com", CertificateArn=CERTIFICATE, HostedZoneId="Z0123456789")

    assert changed.returncode == 0, changed.stdout
    (domain,) = client("apigatewayv2").get_domain_names()["Items"]
    (mapping,) = client("apigatewayv2").get_api_mappings(DomainName="go.example.com")["Items"]
    (api,) = client("apigatewayv2").get_apis()["Items"]
    # That its first address is turned off stands in the API's definition, which ministack doesn't read.
    assert domain["DomainName"] == "go.example.com"
    assert (mapping["ApiId"], mapping["Stage"]) == (api["ApiId"], "$default")
    assert invoke("create-url", load("create_url/direct.json"))["short_url"].startswith("https://go.example.com/")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Environment": "production"}, "Environment"),
        ({"TableName": "squrl/urls"}, "3 to 255 letters, digits, underscores, dots and hyphens"),
        ({"TableName": "squrl-urls-local"}, "Set TableName to a table of this environment, such as squrl-urls-dev."),
        ({"BaseUrl": "https://go.example.com/"}, "no path and no slash at the end"),
        (
            {"Environment": "prod", "TableName": "squrl-urls-prod"},
            "Set AlarmEmail and MonthlyBudget, so that somebody is told what happens to prod.",
        ),
        ({"CorsOrigin": "www.example.com"}, "an origin such as https://www.example.com, or *"),
        ({"CreatesPerMinutePerClient": "-1"}, "CreatesPerMinutePerClient"),
        ({"CreateRateLimit": "0"}, "CreateRateLimit"),
        ({"AlarmEmail": "nobody"}, "an e-mail address"),
        (
            {"DomainName": "go.example.com"},
            "Set DomainName, CertificateArn and HostedZoneId together, or none of them.",
        ),
        ({"CertificateArn": CERTIFICATE}, "Set DomainName, CertificateArn and HostedZoneId together, or none of them."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_given_a_wrong_parameter_when_it_is_deployed_then_the_message_says_what_to_set_and_nothing_is_made(
    deploy, client, changes, message
):
    refused = deploy(stack_name="squrl-wrong", **changes)

    stacks = client("cloudformation").describe_stacks()["Stacks"]
    assert refused.returncode != 0
    assert message in refused.stdout
    assert "squrl-wrong" not in {stack["StackName"] for stack in stacks}


def test_given_a_stack_with_links_when_it_is_deleted_then_all_of_it_is_gone(sam, client, rows):
    deleted = sam("delete", "--no-prompts", "--config-env", "dev")

    stacks = client("cloudformation").describe_stacks()["Stacks"]
    assert deleted.returncode == 0, deleted.stdout
    assert "squrl-dev" not in {stack["StackName"] for stack in stacks}
    assert client("dynamodb").list_tables()["TableNames"] == []
    assert client("lambda").list_functions()["Functions"] == []
    assert client("lambda").list_layers()["Layers"] == []
    assert client("logs").describe_log_groups()["logGroups"] == []
    assert client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert client("cloudwatch").list_dashboards()["DashboardEntries"] == []
    assert client("sns").list_topics()["Topics"] == []
    assert client("sqs").list_queues().get("QueueUrls", []) == []
    assert client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert client("iam").list_roles()["Roles"] == []
    assert client("apigatewayv2").get_apis()["Items"] == []


def test_given_a_stack_of_prod_when_it_is_deleted_then_what_must_not_be_lost_stays(deploy, client):
    told = {"AlarmEmail": "you@example.com", "MonthlyBudget": "20"}
    deployed = deploy(stack_name="squrl-prod", Environment="prod", TableName="squrl-urls-prod", **told)
    assert deployed.returncode == 0, deployed.stdout
    cloudformation = client("cloudformation")

    cloudformation.delete_stack(StackName="squrl-prod")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="squrl-prod", WaiterConfig={"Delay": 1})

    tables = client("dynamodb").list_tables()["TableNames"]
    assert tables == ["squrl-durable-prod", "squrl-urls-prod"]
    for name in tables:
        assert client("dynamodb").describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"] is True
    assert client("lambda").list_functions()["Functions"] == []
