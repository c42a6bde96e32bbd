"""The tables that the template declares, made in DynamoDB Local.

The template is the one place that says what a table looks like; SAM CLI's own reader resolves its parameters.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import LocalError, dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# What CreateTable takes as the template has it. Left out on purpose, as they change nothing for who uses the table:
# encryption, point-in-time recovery, deletion protection, table class, tags, policies, contributor insights.
_SAME = ("AttributeDefinitions", "KeySchema", "BillingMode")
_INDEXES = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def create_tables(
    endpoint: str, template: str | Path = "template.yaml", parameters: Mapping[str, str] | None = None
) -> list[str]:
    """Create the template's tables where they don't exist yet; those that do keep their data.

    Parameters
    ----------
    endpoint
        The URL where DynamoDB Local answers.
    template
        The SAM template's path.
    parameters
        Values for its parameters, in the place of their defaults.

    Returns
    -------
    list of str
        The names of all tables of the template.

    Raises
    ------
    LocalError
        When the template has no table, or one exists with other keys or indexes.
    """
    # SAM CLI takes a second to import, and who calls `ensure` has done so.
    from samcli.lib.providers.sam_stack_provider import (  # type: ignore[import-untyped]  # noqa: PLC0415
        SamLocalStackProvider,
    )

    stacks, _ = SamLocalStackProvider.get_stacks(str(template), parameter_overrides=dict(parameters or {}))
    return ensure(endpoint, (stack.resources for stack in stacks))


def ensure(endpoint: str, stacks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Do what `create_tables` does for stacks that are resolved already, each a mapping of logical ID to resource."""
    tables = {
        logical_id: resource.get("Properties") or {}
        for resources in stacks
        for logical_id, resource in resources.items()
        if resource.get("Type") == "AWS::DynamoDB::Table"
    }
    if not tables:
        raise LocalError("The template declares no table (AWS::DynamoDB::Table).")
    client = dynamodb.client(endpoint)
    requests = [create_request(logical_id, properties) for logical_id, properties in tables.items()]
    for request, properties in zip(requests, tables.values(), strict=True):
        _ensure_table(client, request, properties.get("TimeToLiveSpecification"))
    return [request["TableName"] for request in requests]


def create_request(logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of CreateTable for a table of the template.

    Parameters
    ----------
    logical_id
        Its name in the template, which a table without `TableName` gets.
    properties
        Resolved: no intrinsic function is left in what is used.

    Raises
    ------
    LocalError
        When one is left.
    """
    request = {"TableName": properties.get("TableName", logical_id)}
    request |= {name: properties[name] for name in _SAME if name in properties}
    for name in _INDEXES:
        if name in properties:
            request[name] = [_index(index) for index in properties[name]]
    if "ProvisionedThroughput" in properties:
        request["ProvisionedThroughput"] = _throughput(properties["ProvisionedThroughput"])
    if "StreamSpecification" in properties:
        view = properties["StreamSpecification"]["StreamViewType"]
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    unresolved = _intrinsic(request)
    if unresolved:
        raise LocalError(f"{logical_id}: SAM CLI doesn't resolve {unresolved} here. Use a value or a parameter.")
    return request


def schema(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two tables must have in common to be used for each other: keys, with their types, and indexes.

    Takes CreateTable's parameters or DescribeTable's answer.
    """
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}

    def keys(owner: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        return {key["KeyType"]: (key["AttributeName"], types[key["AttributeName"]]) for key in owner["KeySchema"]}

    result: dict[str, Any] = {"keys": keys(table)}
    for kind in _INDEXES:
        for index in table.get(kind) or ():
            projection = index["Projection"]
            carried = projection["ProjectionType"], frozenset(projection.get("NonKeyAttributes", ()))
            result[f"index {index['IndexName']}"] = (kind, keys(index), carried)
    return result


def _ensure_table(client: "DynamoDBClient", request: dict[str, Any], time_to_live: Mapping[str, Any] | None) -> None:
    name = request["TableName"]
    with suppress(client.exceptions.ResourceInUseException):  # it exists, perhaps since this moment
        client.create_table(**request)
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    wanted, found = schema(request), schema(client.describe_table(TableName=name)["Table"])
    different = [part for part in sorted({*wanted, *found}) if wanted.get(part) != found.get(part)]
    if different:
        raise LocalError(
            f"The table {name} exists with other {', '.join(different)} than the template's. Its data is untouched: to "
            "start afresh, delete the table, or the folder .local/data while nothing runs."
        )
    if time_to_live and time_to_live.get("Enabled") in (True, "true"):
        current = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if current["TimeToLiveStatus"] == "DISABLED":
            attribute = time_to_live["AttributeName"]
            with suppress(client.exceptions.ClientError):  # another start of the stack was faster
                client.update_time_to_live(
                    TableName=name, TimeToLiveSpecification={"AttributeName": attribute, "Enabled": True}
                )


def _index(index: Mapping[str, Any]) -> dict[str, Any]:
    request = {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
    if "ProvisionedThroughput" in index:
        request["ProvisionedThroughput"] = _throughput(index["ProvisionedThroughput"])
    return request


def _throughput(units: Mapping[str, Any]) -> dict[str, int]:
    """Parameters arrive as text."""
    return {name: int(units[name]) for name in ("ReadCapacityUnits", "WriteCapacityUnits")}


def _intrinsic(value: object) -> str | None:
    """Return the name of an intrinsic function that is left somewhere in a value."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "Ref" or name.startswith("Fn::"):
                return str(name)
            if found := _intrinsic(part):
                return found
    if isinstance(value, list):
        return next(filter(None, map(_intrinsic, value)), None)
    return None
