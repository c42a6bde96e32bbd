"""The previous release with links in it, upgraded as the handbook says.

Ministack makes an index anew where AWS refuses to: what AWS refuses is tests/template/test_upgrade.py's.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import upgrade
from tests.support.events import load
from tests.template.stack import read

pytestmark = pytest.mark.timeout(300)  # five deployments
ROWS = {row["short_code"]["S"]: row for row in upgrade.written()["links"]}
NOTHING = "def lambda_handler(event, context):\n    return {}\n"  # that release's rows are written as it wrote them


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    """Return the previous release as it is built, with functions that do nothing."""
    folder: Path = tmp_path_factory.mktemp("previous")
    template = upgrade.previous()
    (folder / "template.yaml").write_text(json.dumps(template))
    for resource in template["Resources"].values():
        code = resource["Properties"].get("CodeUri") or resource["Properties"].get("ContentUri")
        if code:
            (folder / code).mkdir(parents=True)
            (folder / code / "app.py").write_text(NOTHING)
    return folder


@pytest.fixture(scope="module")
def stages(build, tmp_path_factory) -> Iterator[Path]:
    """Return the handbook's deployments, each with this release's functions, as the build has them."""
    folder = tmp_path_factory.mktemp("stages")
    template = yaml.safe_load((build / "template.yaml").read_text())
    before = (build / "template.yaml").read_text()

    def make():
        for staged in upgrade.deployments(folder):
            template["Resources"]["UrlsTable"] = staged["Resources"]["UrlsTable"]
            (build / "template.yaml").write_text(json.dumps(template))
            yield build

    yield make()
    (build / "template.yaml").write_text(before)


@pytest.fixture(scope="module")
def upgraded(old, stages, deploy, sam, client) -> Iterator[dict[str, Any]]:
    """Upgrade step by step; return what each deployment put out, and what visitors and an owner got then."""
    outputs, visits, creates = [], [], []

    def invoke(function, event):
        answer = client("lambda").invoke(
            FunctionName=f"squrl-{function}-dev", Qualifier="live", Payload=json.dumps(event).encode()
        )
        return json.loads(answer["Payload"].read())

    def deployed(folder):
        result = deploy(folder)
        assert result.returncode == 0, result.stdout
        (stack,) = client("cloudformation").describe_stacks(StackName="squrl-dev")["Stacks"]
        outputs.append({output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]})

    deployed(old)
    dynamodb = client("dynamodb")
    for row in ROWS.values():
        dynamodb.put_item(TableName="squrl-urls-dev", Item=row)
    dynamodb.put_item(TableName="squrl-state-dev", Item=upgrade.written()["domains"])
    for stage in stages:
        deployed(stage)
        visits.append(
            invoke("redirect", load("redirect/http_head.json") | {"pathParameters": {"short_code": "spring-sale"}})
        )
        creates.append(invoke("create-url", {"original_url": "https://example.com/theirs", "owner": "marketing"}))
    yield {"outputs": outputs, "visits": visits, "creates": creates}
    sam("delete", "--no-prompts", "--config-env", "dev")


@pytest.fixture
def row(upgraded, client):
    """Return a function that reads a link's row."""
    get = client("dynamodb").get_item
    return lambda code: get(TableName="squrl-urls-dev", Key={"short_code": {"S": code}})["Item"]


@pytest.fixture
def visit(upgraded, invoke):
    """Return a function that follows a link as a person does."""

    def ask(code):
        return invoke("redirect", load("redirect/http.json") | {"pathParameters": {"short_code": code}})

    return ask


def test_given_an_upgrade_when_it_goes_on_then_visitors_are_sent_on_meanwhile(upgraded):
    visits = upgraded["visits"]

    assert [visit["statusCode"] for visit in visits] == [302] * 4
    assert {visit["headers"]["Location"] for visit in visits} == {"https://example.com/sale"}


def test_given_an_upgrade_when_its_index_is_gone_then_creating_for_an_owner_alone_fails(upgraded):
    first, again, failed, last = upgraded["creates"]

    assert (failed["error"], failed["status"]) == ("InternalServerError", 500)
    assert first["short_code"] == again["short_code"] == last["short_code"]


def test_given_an_upgrade_then_short_urls_begin_as_before(upgraded):
    addresses = {each["ApiUrl"] for each in upgraded["outputs"]}

    assert len(upgraded["outputs"]) == 5
    assert len(addresses) == 1
    assert {each["TableName"] for each in upgraded["outputs"]} == {"squrl-urls-dev"}


def test_given_an_upgrade_then_the_tables_are_this_releases(upgraded, client):
    table = client("dynamodb").describe_table(TableName="squrl-urls-dev")["Table"]
    wanted = read()["Resources"]["UrlsTable"]["Properties"]["GlobalSecondaryIndexes"]

    tables = {name for name in client("dynamodb").list_tables()["TableNames"] if name.endswith("-dev")}
    assert tables == {"squrl-durable-dev", "squrl-ephemeral-dev", "squrl-urls-dev"}  # another test leaves prod's
    assert {index["IndexName"]: set(index["Projection"]["NonKeyAttributes"]) for index in wanted} == {
        index["IndexName"]: set(index["Projection"]["NonKeyAttributes"]) for index in table["GlobalSecondaryIndexes"]
    }


def test_given_an_upgrade_when_rows_are_read_then_each_is_as_it_was_written(upgraded, row):
    assert {code: row(code) for code in ROWS} == ROWS


def test_given_an_upgrade_when_links_are_looked_at_then_each_has_its_count(upgraded, operate):
    for code, written in ROWS.items():
        status, link = operate("GET", f"/links/{code}")
        shown = {"short_code": code, "original_url": written["original_url"]["S"], "owner": None, "imported_clicks": 0}
        assert status == 200
        assert link.items() >= shown.items()
        assert link["click_count"] == int(written["click_count"]["N"])
        assert link["created_at"] == written["created_at"]["S"]
        assert operate("GET", f"/links/{code}/stats")[1]["undated_click_count"] == link["click_count"]


@pytest.mark.parametrize(
    ("code", "status", "location"),
    [
        ("Aezv9qf", 301, "https://example.com/welcome"),
        ("5h3jo3Y", 302, "https://example.com/ten-years"),
        ("spring-sale", 302, "https://example.com/sale"),
        ("unclicked", 301, "https://example.com/unclicked"),
        ("NHQD9xl", 410, None),
        ("taken-down", 410, None),
    ],
)
def test_given_an_upgrade_when_a_link_is_followed_then_it_leads_and_counts_as_before(
    upgraded, row, visit, code, status, location, client
):
    client("dynamodb").put_item(TableName="squrl-urls-dev", Item=ROWS[code])

    answer = visit(code)

    assert (answer["statusCode"], answer["headers"].get("Location")) == (status, location)
    clicks = int(row(code)["click_count"]["N"]) - int(ROWS[code]["click_count"]["N"])
    assert clicks == (0 if location is None else 1)
    client("dynamodb").put_item(TableName="squrl-urls-dev", Item=ROWS[code])


def test_given_an_upgrade_when_a_custom_code_is_asked_for_then_its_link_is_found(upgraded, invoke):
    again = invoke(
        "create-url",
        {"original_url": "https://example.com/sale", "custom_code": "spring-sale", "redirect_type": "302"},
    )

    assert (again["short_code"], again["click_count"]) == ("spring-sale", 99)


def test_given_a_click_that_was_queued_before_when_it_comes_then_it_is_counted_once(upgraded, client, row, eventually):
    message = json.dumps(upgrade.written()["message"] | {"clicked_at": int(time.time())})
    url = client("sqs").get_queue_url(QueueName="squrl-clicks-dev")["QueueUrl"]

    for _ in range(2):
        client("sqs").send_message(QueueUrl=url, MessageBody=message)

    eventually(lambda: row("Aezv9qf")["click_count"] == {"N": "1235"})
    states = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    ask = client("sqs").get_queue_attributes
    eventually(lambda: set(ask(QueueUrl=url, AttributeNames=states)["Attributes"].values()) == {"0"})
    assert row("Aezv9qf")["click_count"] == {"N": "1235"}
    client("dynamodb").put_item(TableName="squrl-urls-dev", Item=ROWS["Aezv9qf"])


def test_given_an_upgrade_when_its_last_step_is_done_then_old_rows_can_be_collected(upgraded, client, row):
    dynamodb, names, values = client("dynamodb"), {"#status": "status"}, {":active": {"S": "active"}}

    found = dynamodb.scan(
        TableName="squrl-urls-dev",
        FilterExpression=upgrade.argument("filter-expression"),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )["Items"]
    for item in found:
        dynamodb.update_item(
            TableName="squrl-urls-dev",
            Key={"short_code": item["short_code"]},
            UpdateExpression=upgrade.argument("update-expression"),
            ConditionExpression=upgrade.argument("condition-expression"),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    assert {item["short_code"]["S"] for item in found} == {"5h3jo3Y", "NHQD9xl"}
    for code, written in ROWS.items():
        ends = written.get("expires_at") if written["status"] == {"S": "active"} else None
        assert row(code).get("collect_at") == ends
