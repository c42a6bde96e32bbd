"""An upgrade from the previous release, by what AWS documents: the emulator of tests/deploy refuses less.

What replaces a resource stands in CloudFormation's own schemas, which cfn-lint carries.
"""

from itertools import pairwise
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.support import upgrade
from tests.template.stack import NAMES, REGION, Stack, read

ENVIRONMENTS = {
    "dev": {"Environment": "dev", "TableName": "squrl-urls-dev"},
    "prod": {"Environment": "prod", "TableName": "squrl-urls-prod", "GradualDeployment": "true"},
}
DOMAIN = {
    "DomainName": "go.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d",
    "HostedZoneId": "Z0123456789",
}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def stacks(request, tmp_path_factory):
    """Return the stack of the previous release, and those that the handbook's deployments make of it."""
    templates = [upgrade.previous(), *upgrade.deployments(tmp_path_factory.mktemp("upgrade"))]
    return [stack(template, ENVIRONMENTS[request.param] | DOMAIN) for template in templates]


def refused(before: Stack, after: Stack) -> list[str]:
    """Return why CloudFormation would refuse to make one stack of another in one update, or lose what a table holds."""
    reasons = []
    kept = {
        name
        for name in before.resources.keys() & after.resources.keys()
        if before.resources[name]["Type"] == after.resources[name]["Type"]
    }
    for name in sorted(kept):
        old, new = (stack.resources[name].get("Properties", {}) for stack in (before, after))
        kind = after.resources[name]["Type"]
        if any(value(old, path) != value(new, path) for path in schema(kind).get("createOnlyProperties", ())):
            reasons.append(f"{name} would be replaced")
        if kind == "AWS::DynamoDB::Table":
            reasons += of_table(name, old, new)
    gone = {identity(before.resources[name]) for name in before.resources.keys() - kept} - {None}
    reasons += [
        f"{name} has the name of what is deleted after it is made"
        for name in sorted(after.resources.keys() - kept)
        if identity(after.resources[name]) in gone
    ]
    return reasons


def of_table(name: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what can't be done to a table in one update.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-dynamodb-table-timetolivespecification.html
    """
    reasons = []
    before, after = (
        {index["IndexName"]: index for index in each.get("GlobalSecondaryIndexes", [])} for each in (old, new)
    )
    changed = [index for index in before.keys() & after.keys() if before[index] != after[index]]
    reasons += [f"{index} of {name} would be changed" for index in changed]
    if len(before.keys() ^ after.keys()) > 1:
        reasons.append(f"more than one index of {name} would be added or deleted")
    keys = {each["AttributeName"] for index in [new, *after.values()] for each in index["KeySchema"]}
    if keys != {each["AttributeName"] for each in new["AttributeDefinitions"]}:
        reasons.append(f"{name} would define attributes that are no keys, or lack one that is")
    ttl = [each.get("TimeToLiveSpecification", {"Enabled": False}) for each in (old, new)]
    if all(each["Enabled"] for each in ttl) and ttl[0] != ttl[1]:
        reasons.append(f"the attribute by which {name} is cleaned up would be changed")
    return reasons


def schema(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return found


def value(properties: Any, path: str) -> Any:
    """Return a property by its path in a schema, such as ``/properties/TableName``."""
    for part in path.split("/")[2:]:
        properties = properties.get(part) if isinstance(properties, dict) else None
    return properties


def identity(resource: dict[str, Any]) -> tuple[Any, ...] | None:
    """Return a resource's type and the name that the template gives it; ``None`` if AWS makes one up."""
    kind, properties = resource["Type"], resource.get("Properties", {})
    name = [value(properties, path) for path in schema(kind)["primaryIdentifier"]]
    if None in name:
        name = [properties.get(NAMES.get(kind))]
    return None if None in name else (kind, *map(str, name))


def stack(template, parameters):
    return Stack(template, **{name: given for name, given in parameters.items() if name in template["Parameters"]})


def test_given_the_previous_release_when_upgraded_at_once_then_it_is_refused(stacks):
    assert refused(stacks[0], stacks[-1]) == [
        "original-url-index of UrlsTable would be changed",
        "the attribute by which UrlsTable is cleaned up would be changed",
    ]


def test_given_the_previous_release_when_upgraded_step_by_step_then_none_is_refused(stacks):
    assert len(stacks) == 5
    assert stacks[-1].source == read()
    assert [refused(*pair) for pair in pairwise(stacks)] == [[], [], [], []]


def test_given_the_handbooks_deployments_then_an_index_is_changed_with_nothing_else(stacks):
    resources = [each.resources for each in stacks[1:]]

    changed = [{name for name in after if before.get(name) != after[name]} for before, after in pairwise(resources)]

    assert changed == [{"UrlsTable"}] * 3
    assert len({frozenset(each) for each in resources}) == 1


def test_given_the_handbooks_deployments_then_the_clean_up_is_off_until_the_last_one(stacks):
    tables = [each.resources["UrlsTable"]["Properties"] for each in stacks]

    assert [table["TimeToLiveSpecification"]["Enabled"] for table in tables] == [True, False, False, False, True]


def test_given_a_table_that_an_upgrade_deletes_then_the_handbook_says_what_to_keep(stacks):
    before, after = stacks[0], stacks[-1]

    deleted = {
        properties["TableName"]
        for name, properties in before.of_type("AWS::DynamoDB::Table").items()
        if name not in after.resources and before.resources[name].get("DeletionPolicy") != "Retain"
    }

    assert deleted == {f"squrl-state-{after.parameters['Environment']}"}
    assert "squrl-state-prod" in upgrade.handbook()


def test_given_a_parameter_that_is_gone_or_decides_anew_then_the_handbook_has_it():
    gone = upgrade.previous()["Parameters"].keys() - read()["Parameters"].keys()

    assert gone
    assert [name for name in sorted(gone | {"CreateAccess"}) if name not in upgrade.handbook()] == []


def test_given_production_as_it_was_then_the_handbook_says_which_rules_are_new():
    parameters = ENVIRONMENTS["prod"]
    rules = stack(read(), parameters).broken_rules()

    assert len(rules) == 1
    assert "AlarmEmail" in rules[0]
    assert "AlarmEmail" in upgrade.handbook()
