"""The table of links: one method per question that the use cases ask.

Every write is conditional, and its condition decides; nothing is read first to be written later.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from squrl.aws.client import ConditionFailed, Service, failed_conditions
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.links import ACTIVE, DISABLED, Kind, Link
from squrl.ports import Claimed, Counted, HeldBy, LateClicks, NotCounted

INDEX = "original-url-index"
ATTEMPTS = 5

# `now` is the caller's clock. The table's TTL only collects, hours or days later, so every condition compares with the
# clock itself.
_IS_LIVE = "#status = :active AND (attribute_not_exists(expires_at) OR expires_at > :now)"
# A disabled link is never claimed: whoever took it down decides when it comes back.
_IS_FREE = "attribute_not_exists(short_code) OR (#status = :active AND expires_at <= :now)"
# The whole kind is repeated, since the code may have passed to another link. `expires_at < :new` keeps a duplicate
# with a slow clock from shortening anybody's link.
_IS_RENEWABLE = (
    "original_url = :url AND redirect_type = :type AND ttl_hours = :hours"
    " AND #status = :active AND expires_at > :now AND expires_at < :new"
)
_STATUS = {"#status": "status"}  # a reserved word of DynamoDB's


class LinksTable:
    """A `LinkStore` in DynamoDB, for one invocation.

    Parameters
    ----------
    service : Service
        DynamoDB.
    name : str
        The table's.
    ephemeral : EphemeralTable or None
        Remembers the clicks of `add_clicks`, which is the one method that needs it.
    """

    def __init__(self, service: Service, name: str, ephemeral: EphemeralTable | None = None) -> None:
        self._service = service
        self._name = name
        self._ephemeral = ephemeral

    def get(self, short_code: str) -> Link | None:
        """See `LinkStore.get`. A consistent read."""
        answer = self._call("get_item", Key=_key(short_code), ConsistentRead=True)
        return from_item(answer.get("Item"))

    def count_click(self, short_code: str, now: int) -> Counted | NotCounted:
        """See `LinkStore.count_click`."""
        try:
            answer = self._call(
                "update_item",
                repeatable=False,
                **_update(short_code, "ADD click_count :one", _IS_LIVE, _at(now) | {":one": {"N": "1"}}),
            )
        except ConditionFailed as failure:
            return NotCounted(from_item(failure.item))
        return Counted(_link(answer["Attributes"]))

    def add_clicks(self, short_code: str, created_at: str, clicks: Mapping[str, int]) -> LateClicks:
        """See `LinkStore.add_clicks`. Link and ids are written in one transaction: both or nothing."""
        missing = dict(clicks)
        while missing:
            try:
                with self._service.invocation.timed_query():
                    self._service.call(
                        "transact_write_items",
                        attempts=ATTEMPTS,
                        TransactItems=self._late_clicks(short_code, created_at, missing),
                        ClientRequestToken=uuid.uuid4().hex,  # one for all attempts: a success is told again
                    )
            except ClientError as error:
                failed = failed_conditions(error)
                if failed is None:
                    raise
                is_gone, *are_known = failed
                missing = {id_: at for (id_, at), known in zip(missing.items(), are_known, strict=True) if not known}
                if is_gone:
                    return LateClicks(0, len(missing))
            else:
                return LateClicks(len(missing), 0)
        return LateClicks(0, 0)

    def find_live(self, kind: Kind, now: int) -> str | None:
        """See `LinkStore.find_live`."""
        lifetime = "attribute_not_exists(ttl_hours)" if kind.ttl_hours is None else "ttl_hours = :hours"
        answer = self._call(
            "query",
            IndexName=INDEX,
            KeyConditionExpression="original_url = :url",
            FilterExpression=f"redirect_type = :type AND {lifetime} AND {_IS_LIVE}",
            ExpressionAttributeNames=_STATUS,
            ExpressionAttributeValues=_of(kind) | _at(now),
            ProjectionExpression="short_code",  # a popular destination's page may hold thousands
        )
        return answer["Items"][0]["short_code"]["S"] if answer["Items"] else None

    def renew(self, short_code: str, kind: Kind, now: int) -> Link | None:
        """See `LinkStore.renew`."""
        values = _of(kind) | _at(now) | {":new": {"N": str(kind.expires_at(now))}}
        return self._change(short_code, "SET expires_at = :new, collect_at = :new", _IS_RENEWABLE, values)

    def claim(self, link: Link, now: int) -> Claimed | HeldBy:
        """See `LinkStore.claim`."""
        try:
            self._call(
                "put_item",
                Item=to_item(link),
                ConditionExpression=_IS_FREE,
                ExpressionAttributeNames=_STATUS,
                ExpressionAttributeValues=_at(now),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failure:
            holder = _link(failure.item)
            is_its_own = failure.may_be_applied and holder == link
            return Claimed(link) if is_its_own else HeldBy(holder)
        return Claimed(link)

    def disable(self, short_code: str) -> Link | None:
        """See `LinkStore.disable`. Without `collect_at` the table's TTL leaves the row alone, and with it the ban."""
        return self._change(
            short_code,
            "SET #status = :disabled REMOVE collect_at",
            "attribute_exists(short_code)",
            {":disabled": {"S": DISABLED}},
        )

    def enable(self, short_code: str) -> Link | None:
        """See `LinkStore.enable`."""
        values = {":active": {"S": ACTIVE}, ":disabled": {"S": DISABLED}}
        link = self._change(
            short_code,
            "SET #status = :active, collect_at = expires_at",
            "#status = :disabled AND attribute_exists(expires_at)",
            values,
        )
        if link is None or link.status == ACTIVE:
            return link
        return self._change(
            short_code, "SET #status = :active", "#status = :disabled AND attribute_not_exists(expires_at)", values
        )

    def _change(self, short_code: str, update: str, condition: str, values: dict[str, Any]) -> Link | None:
        """Change a link on a condition; return it as it is after that, whether or not the condition held."""
        try:
            answer = self._call("update_item", **_update(short_code, update, condition, values))
        except ConditionFailed as failure:
            return from_item(failure.item)
        return from_item(answer["Attributes"])

    def _call(self, operation: str, *, repeatable: bool = True, **arguments: Any) -> Any:  # noqa: ANN401
        with self._service.invocation.timed_query():
            return self._service.call(
                operation, attempts=ATTEMPTS, repeatable=repeatable, TableName=self._name, **arguments
            )

    def _late_clicks(self, short_code: str, created_at: str, clicks: Mapping[str, int]) -> list[dict[str, Any]]:
        """Return a transaction's writes: the link's sum, and an id for each click."""
        if self._ephemeral is None:
            raise TypeError("late clicks need the table that remembers them")
        link = {
            "TableName": self._name,
            "Key": _key(short_code),
            "UpdateExpression": "ADD click_count :clicks",
            "ConditionExpression": "created_at = :created_at",  # fails where there is no row
            "ExpressionAttributeValues": {":clicks": {"N": str(len(clicks))}, ":created_at": {"S": created_at}},
        }
        return [{"Update": link}, *self._ephemeral.click_puts(clicks)]


def _update(short_code: str, update: str, condition: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "Key": _key(short_code),
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": _STATUS,
        "ExpressionAttributeValues": values,
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _key(short_code: str) -> dict[str, Any]:
    return {"short_code": {"S": short_code}}


def _at(now: int) -> dict[str, Any]:
    return {":active": {"S": ACTIVE}, ":now": {"N": str(now)}}


def _of(kind: Kind) -> dict[str, Any]:
    values = {":url": {"S": kind.original_url}, ":type": {"S": kind.redirect_type}}
    return values if kind.ttl_hours is None else values | {":hours": {"N": str(kind.ttl_hours)}}


def to_item(link: Link) -> dict[str, Any]:
    """Return a link as the table stores it; what it doesn't have is absent."""
    attributes = {
        "short_code": {"S": link.short_code},
        "original_url": {"S": link.kind.original_url},
        "redirect_type": {"S": link.kind.redirect_type},
        "ttl_hours": {"N": str(link.kind.ttl_hours)},
        "created_at": {"S": link.created_at},
        "expires_at": {"N": str(link.expires_at)},
        "collect_at": {"N": str(link.collect_at)},
        "custom_code": {"BOOL": link.custom_code},
        "status": {"S": link.status},
        "click_count": {"N": str(link.click_count)},
        "creator_ip": {"S": link.creator_ip},
    }
    absent = {"N": "None"}, {"S": None}
    return {name: value for name, value in attributes.items() if value not in absent}


def from_item(item: dict[str, Any] | None) -> Link | None:
    """Return a row of the table as a link; ``None`` for no row."""
    return None if item is None else _link(item)


def _link(item: Any) -> Link:  # noqa: ANN401 (DynamoDB's form of a row)
    """Read a row. An operator may have written it: what it lacks has the value of a request's absent field."""

    def number(name: str) -> int | None:
        return int(item[name]["N"]) if name in item else None

    def text(name: str) -> str | None:
        return item[name]["S"] if name in item else None

    return Link(
        short_code=item["short_code"]["S"],
        kind=Kind(item["original_url"]["S"], text("redirect_type") or "301", number("ttl_hours")),
        created_at=text("created_at") or "",
        expires_at=number("expires_at"),
        custom_code="custom_code" in item and item["custom_code"]["BOOL"],
        status=text("status") or DISABLED,
        click_count=number("click_count") or 0,
        creator_ip=text("creator_ip"),
    )
