"""The table of links: one method per question that the use cases ask.

Every write is conditional, and its condition decides; nothing is read first to be written later.
"""

import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from botocore.exceptions import ClientError

from squrl import codes
from squrl.aws.client import ConditionFailed, Service, failed_conditions
from squrl.aws.durable_table import DurableTable
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.links import ACTIVE, DAY, DELETED, DISABLED, Kind, Link, collect_at
from squrl.ports import Claimed, Counted, Cursor, HeldBy, LateClicks, NotCounted, Page

URL_INDEX = "original-url-index"
OWNER_INDEX = "owner-index"
FOUND = 25  # entries of the index that are looked at for one destination
ATTEMPTS = 5
MOVED = 100  # days, in one transaction: a condition has at most 300 operators
SECRET_ROW = "#secret"  # noqa: S105 (the key of the secret's row: no code can be that)

# `now` is the caller's clock. The table's TTL only collects, hours or days later, so every condition compares with the
# clock itself.
_IS_LIVE = "#status = :active AND (attribute_not_exists(expires_at) OR expires_at > :now)"
_IS_FREE = "attribute_not_exists(short_code)"
# The limit is on `click_count` itself, and says how many clicks there were when the last person was sent on.
_HAS_NO_LIMIT = "attribute_not_exists(click_limit)"
_IS_BELOW_LIMIT = f"({_HAS_NO_LIMIT} OR click_count < click_limit)"
# An expired code is free for its own kind, and for its owner. A deleted one is free for the owner that it had, who asks
# for it by name. A disabled link is never claimed: whoever took it down decides when it comes back, and a locked one
# that was deleted stays down.
_HAS_EXPIRED = "#status = :active AND expires_at <= :now"
_IS_RELINQUISHED = "#status = :deleted AND attribute_not_exists(locked)"
# The whole kind is repeated, since the code may have passed to another link. `expires_at < :new` keeps a duplicate
# with a slow clock from shortening anybody's link.
_IS_RENEWABLE = "#status = :active AND expires_at > :now AND expires_at < :new"
_ABSENT = ({"N": "None"}, {"S": None}, {"SS": None}, {"BOOL": None})
_VALUE = r":\w+"
_STATUS = {"#status": "status"}  # a reserved word of DynamoDB's, as `owner` is
_OWNER = {"#owner": "owner"}
_ERASED = {"original_url", "title", "tags", "creator_ip"}  # with a deletion
# What a caller writes bears a mark, which the row's next click takes off: so the table's stream can be filtered for
# changes, though a filter sees each image alone. docs/decisions.md, "Events".
MARK = "changed"
_MARKED = {MARK: {"BOOL": True}}
_REVISED = f"{MARK} = :true, revision = if_not_exists(revision, :one) + :one"  # the first version's rows have none
_REVISING = {":true": _MARKED[MARK], ":one": {"N": "1"}}
# Attributes of days have short names, since a row has many: d, and the day's number to the base of 36.
_DAY_NAME = 4  # characters; no other attribute's name has so few
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


Table = TypeVar("Table", EphemeralTable, DurableTable)


class _Form(NamedTuple):
    """How late clicks are added to a link."""

    update: str
    condition: str


_DAY = "the-day"  # its attribute's name goes here
_OF_PEOPLE = _Form(f"ADD click_count :clicks, {_DAY} :clicks REMOVE {MARK}", "created_at = :created_at")
_OF_BOTS = _Form(
    f"ADD click_count :clicks, bot_click_count :clicks REMOVE {MARK}", f"created_at = :created_at AND {_HAS_NO_LIMIT}"
)
_OF_BOTS_WITH_LIMIT = _Form(
    f"{_OF_BOTS.update} SET click_limit = click_limit + :clicks",
    "created_at = :created_at AND attribute_exists(click_limit)",
)


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
    durable : DurableTable or None
        Has the days that left their rows: `move_days` and `past_days` need it.
    """

    def __init__(
        self,
        service: Service,
        name: str,
        ephemeral: EphemeralTable | None = None,
        durable: DurableTable | None = None,
    ) -> None:
        self._service = service
        self._name = name
        self._ephemeral = ephemeral
        self._durable = durable

    def get(self, short_code: str) -> Link | None:
        """See `LinkStore.get`. A consistent read."""
        answer = self._call("get_item", Key=_key(short_code), ConsistentRead=True)
        return from_item(answer.get("Item"))

    def count_click(self, short_code: str, now: int, *, is_bot: bool = False) -> Counted | NotCounted:
        """See `LinkStore.count_click`."""
        counter = "bot_click_count" if is_bot else day_name(now // DAY)
        condition = f"{_IS_LIVE} AND {_HAS_NO_LIMIT if is_bot else _IS_BELOW_LIMIT}"
        update = f"ADD click_count :one, {counter} :one REMOVE {MARK}"
        try:
            answer = self._call(
                "update_item",
                repeatable=False,
                **_conditional(short_code, update, condition, _at(now) | {":one": {"N": "1"}}, _STATUS),
            )
        except ConditionFailed as failure:
            return NotCounted(from_item(failure.item))
        return Counted(_link(answer["Attributes"]))

    def add_clicks(
        self, short_code: str, created_at: str, clicks: Mapping[str, int], *, are_bots: bool = False
    ) -> LateClicks:
        """See `LinkStore.add_clicks`. Link and ids are written in one transaction: both or nothing."""
        missing = dict(clicks)
        # A bot that came before a limit was set doesn't use it up: then the limit grows with the sum. One that is gone
        # by then is no reason to lose the clicks.
        forms = [_OF_BOTS, _OF_BOTS_WITH_LIMIT, _OF_BOTS] if are_bots else [_OF_PEOPLE]
        while missing and forms:
            try:
                self._transact(self._late_clicks(short_code, created_at, missing, forms[0]))
            except ClientError as error:
                failed = failed_conditions(error)
                if failed is None:
                    raise
                is_not_so, *are_known = failed
                missing = {id_: at for (id_, at), known in zip(missing.items(), are_known, strict=True) if not known}
                if is_not_so:
                    del forms[0]
            else:
                return LateClicks(len(missing), 0)
        return LateClicks(0, len(missing))

    def move_days(self, link: Link, before: int) -> bool:
        """See `LinkStore.move_days`. One transaction: the days are in the row, or where they are moved to."""
        durable = self._needed(self._durable)
        old = sorted(day for day in link.days if day < before)
        moved = {day: link.days[day] for day in old[:MOVED]}
        before = before if len(old) == len(moved) else old[MOVED]
        names = {day_name(day): clicks for day, clicks in moved.items()}
        row = {
            "TableName": self._name,
            "Key": _key(link.short_code),
            "UpdateExpression": f"SET days_from = :before REMOVE {', '.join([*names, MARK])}",
            "ConditionExpression": " AND ".join(["created_at = :created_at", *(f"{name} = :{name}" for name in names)]),
            "ExpressionAttributeValues": {":created_at": {"S": link.created_at}, ":before": {"N": str(before)}}
            | {f":{name}": {"N": str(clicks)} for name, clicks in names.items()},
        }
        if not moved:
            return False
        try:
            self._transact([{"Update": row}, *durable.day_adds(link.short_code, link.created_at, moved)])
        except ClientError as error:
            if failed_conditions(error) is None:
                raise
            return False
        return True

    def past_days(self, link: Link) -> Mapping[int, int]:
        """See `LinkStore.past_days`."""
        durable = self._needed(self._durable)
        with self._service.invocation.timed_query():
            return durable.read_days(link.short_code, link.created_at)

    def renew(self, short_code: str, kind: Kind, now: int) -> Link | None:
        """See `LinkStore.renew`."""
        end = kind.expires_at(now)
        values = {
            ":new": {"N": str(end)},
            ":collect": {"N": str(collect_at(end, kind.owner))},
        }
        return self._update(
            short_code,
            f"SET {_REVISED}, expires_at = :new, collect_at = :collect",
            f"{_is_of(kind)} AND {_IS_RENEWABLE}",
            _of(kind) | _at(now) | _REVISING | values,
        )

    def claim(self, link: Link, now: int) -> Claimed | HeldBy:
        """See `LinkStore.claim`."""
        kind = link.kind
        free = [_IS_FREE]
        if kind.owner and link.custom_code:
            free.append(f"({_is_owners(kind)} AND (({_HAS_EXPIRED}) OR ({_IS_RELINQUISHED})))")
        # Else no link of this kind ever expires; and who asks for a limit asks for a link of its own.
        elif kind.ttl_hours is not None and link.max_clicks is None:
            free.append(f"({_HAS_EXPIRED} AND {_is_of(kind)})")
        condition: dict[str, Any] = {"ConditionExpression": " OR ".join(free)}
        if len(free) > 1:
            values = _at(now) | _of(kind) | {":deleted": {"S": DELETED}}
            condition |= {
                "ExpressionAttributeNames": _STATUS | _OWNER,
                "ExpressionAttributeValues": {name: values[name] for name in re.findall(_VALUE, " OR ".join(free))},
            }
        try:
            item = to_item(link) | _MARKED
            self._call("put_item", Item=item, **condition, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        except ConditionFailed as failure:
            holder = _link(failure.item)
            is_its_own = failure.may_be_applied and holder == link
            return Claimed(link) if is_its_own else HeldBy(holder)
        return Claimed(link)

    def secret(self) -> bytes:
        """See `SecretStore.secret`. It is read once by each process."""
        answer = self._call("get_item", Key=_key(SECRET_ROW), ConsistentRead=True)
        return bytes(answer["Item"]["secret"]["B"]) if "Item" in answer else self._make_secret()

    def _make_secret(self) -> bytes:
        made = secrets.token_bytes(codes.SECRET_BYTES)
        try:
            self._call(
                "put_item",
                Item=_key(SECRET_ROW) | {"secret": {"B": made}},
                ConditionExpression=_IS_FREE,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as failure:  # another process was faster, or an earlier attempt of this one
            return bytes((failure.item or {})["secret"]["B"])
        return made

    def find(self, kind: Kind, now: int) -> str | None:
        """See `LinkStore.find`."""
        answer = self._call(
            "query",
            IndexName=URL_INDEX,
            KeyConditionExpression="original_url = :url",
            ExpressionAttributeValues={":url": {"S": kind.original_url}},
            Limit=FOUND,
        )
        links = (_link(item | {"created_at": {"S": ""}}) for item in answer["Items"])
        live = (link for link in links if link.kind == kind and link.max_clicks is None and link.is_live(now))
        return next((link.short_code for link in live), None)

    def change(self, before: Link, after: Link, *, exactly: bool = False) -> Link | None:
        """See `LinkStore.change`."""
        old, new = to_item(before), to_item(after)
        # The limit follows from `max_clicks` and the bots that were counted when it is written, not when it was read.
        old.pop("click_limit", None)
        new.pop("click_limit", None)
        sets = {name: value for name, value in new.items() if old.get(name) != value and name != "revision"}
        removes = old.keys() - new.keys()
        if after.status == DELETED:
            removes |= _ERASED  # what somebody else may have set meanwhile, too
        touched = sets.keys() | removes
        decisive = ["created_at", "status", "owner"]
        # When the row may go follows from status and end, the end from the lifetime, who may enable it from its lock.
        ends = {"status", "expires_at", "ttl_hours", "collect_at", "locked"}
        decisive += ["expires_at", "locked"] if touched & ends else []
        values = {f":old_{name}": old[name] for name in decisive if name in old}
        conditions = [
            f"#{name} = :old_{name}" if name in old else f"attribute_not_exists(#{name})" for name in decisive
        ]
        if exactly:
            has_none = "attribute_not_exists(revision) OR " if before.revision == 1 else ""
            conditions.append(f"({has_none}revision = :old_revision)")
            values[":old_revision"] = old["revision"]
        zero: dict[str, Any] = {}
        assignments = [_REVISED, *(f"#{name} = :{name}" for name in sets)]
        if "max_clicks" in sets:
            assignments.append("click_limit = if_not_exists(bot_click_count, :zero) + :max_clicks")
            zero = {":zero": {"N": "0"}}
        removals = [f"#{name}" for name in removes] + (["click_limit"] if "max_clicks" in removes else [])
        update = "SET " + ", ".join(assignments)
        if removals:
            update += " REMOVE " + ", ".join(removals)
        try:
            answer = self._call(
                "update_item",
                repeatable=False,
                patient=True,
                Key=_key(before.short_code),
                UpdateExpression=update,
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames={f"#{name}": name for name in {*decisive, *touched}},
                ExpressionAttributeValues=_REVISING
                | zero
                | values
                | {f":{name}": value for name, value in sets.items()},
                ReturnValues="ALL_NEW",
            )
        except ConditionFailed:
            return None
        return _link(answer["Attributes"])

    def release(self, link: Link) -> bool:
        """See `LinkStore.release`."""
        owner = {":owner": {"S": link.kind.owner}} if link.kind.owner else {}
        try:
            self._call(
                "delete_item",
                repeatable=False,  # the code may have a new link by then
                patient=True,
                Key=_key(link.short_code),
                ConditionExpression=f"{_IS_FREE} OR (created_at = :created_at AND {_is_owners(link.kind)})",
                ExpressionAttributeNames=_OWNER,
                ExpressionAttributeValues={":created_at": {"S": link.created_at}} | owner,
            )
        except ConditionFailed:
            return False
        return True

    def page(self, owner: str | None, after: Cursor | None, limit: int) -> Page:
        """See `LinkStore.page`. One call: of the index for an owner, of the table for everybody."""
        start: dict[str, Any] = {"Limit": limit}
        if after:
            start["ExclusiveStartKey"] = {name: {"S": value} for name, value in after.items()}
        if owner is None:
            answer = self._call("scan", **start)
        else:
            answer = self._call(
                "query",
                IndexName=OWNER_INDEX,
                KeyConditionExpression="#owner = :owner",
                ExpressionAttributeNames=_OWNER,
                ExpressionAttributeValues={":owner": {"S": owner}},
                ScanIndexForward=False,
                **start,
            )
        end = answer.get("LastEvaluatedKey")
        return Page(
            [_link(item) for item in answer["Items"] if item["short_code"]["S"] != SECRET_ROW],
            {name: value["S"] for name, value in end.items()} if end else None,
        )

    def refreshed(self, links: Sequence[Link]) -> list[Link]:
        """See `LinkStore.refreshed`. One call for a hundred links, unless DynamoDB leaves some for another one."""
        found: dict[str, Link] = {}
        missing = [_key(link.short_code) for link in links]
        while missing:
            with self._service.invocation.timed_query():
                answer = self._service.call(
                    "batch_get_item", attempts=ATTEMPTS, RequestItems={self._name: {"Keys": missing}}
                )
            found |= {item["short_code"]["S"]: _link(item) for item in answer["Responses"][self._name]}
            missing = answer["UnprocessedKeys"].get(self._name, {}).get("Keys", [])
        rows = ((link, found.get(link.short_code)) for link in links)
        return [row for link, row in rows if row is not None and _is_same(row, link)]

    def _update(self, short_code: str, update: str, condition: str, values: dict[str, Any]) -> Link | None:
        """Update a link on a condition; return it as it is after that, whether or not the condition held."""
        try:
            answer = self._call("update_item", **_conditional(short_code, update, condition, values, _STATUS | _OWNER))
        except ConditionFailed as failure:
            return from_item(failure.item)
        return from_item(answer["Attributes"])

    def _call(self, operation: str, *, repeatable: bool = True, **arguments: Any) -> Any:  # noqa: ANN401
        with self._service.invocation.timed_query():
            return self._service.call(
                operation, attempts=ATTEMPTS, repeatable=repeatable, TableName=self._name, **arguments
            )

    def _late_clicks(
        self, short_code: str, created_at: str, clicks: Mapping[str, int], form: "_Form"
    ) -> list[dict[str, Any]]:
        """Return a transaction's writes: the link's sums, and an id for each click."""
        day = day_name(next(iter(clicks.values())) // DAY)
        link = {
            "TableName": self._name,
            "Key": _key(short_code),
            "UpdateExpression": form.update.replace(_DAY, day),
            "ConditionExpression": form.condition,  # fails where there is no row
            "ExpressionAttributeValues": {":clicks": {"N": str(len(clicks))}, ":created_at": {"S": created_at}},
        }
        return [{"Update": link}, *self._needed(self._ephemeral).click_puts(clicks)]

    def _transact(self, writes: list[dict[str, Any]]) -> None:
        with self._service.invocation.timed_query():
            self._service.call(
                "transact_write_items",
                attempts=ATTEMPTS,
                TransactItems=writes,
                ClientRequestToken=uuid.uuid4().hex,  # one for all attempts: a success is told again
            )

    @staticmethod
    def _needed(table: Table | None) -> Table:
        if table is None:
            raise TypeError("this needs a table that it wasn't given")
        return table


@dataclass
class KnownSecret:
    """The secret for codes as a process remembers it."""

    secret: bytes = b""


class RememberedSecret:
    """A `SecretStore` that asks the table once in the life of a process.

    Parameters
    ----------
    known : KnownSecret
        The process's memory.
    table : LinksTable
        Where the secret is.
    """

    def __init__(self, known: KnownSecret, table: LinksTable) -> None:
        self._known = known
        self._table = table

    def secret(self) -> bytes:
        """See `SecretStore.secret`."""
        if not self._known.secret:
            self._known.secret = self._table.secret()
        return self._known.secret


def _conditional(
    short_code: str, update: str, condition: str, values: dict[str, Any], names: dict[str, str]
) -> dict[str, Any]:
    return {
        "Key": _key(short_code),
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _is_same(row: Link, link: Link) -> bool:
    """Tell whether a row still is a link's: its code may have passed to another one, even another owner's."""
    return (row.created_at, row.kind.owner) == (link.created_at, link.kind.owner)


def _is_owners(kind: Kind) -> str:
    return "#owner = :owner" if kind.owner else "attribute_not_exists(#owner)"


def _is_of(kind: Kind) -> str:
    """Return the condition that a link with a lifetime is of a kind. One with a limit is never what another asks."""
    forwards = "forward_query = :forward" if kind.forward_query else "attribute_not_exists(forward_query)"
    own = "original_url = :url AND redirect_type = :type AND ttl_hours = :hours AND attribute_not_exists(max_clicks)"
    return f"{own} AND {forwards} AND {_is_owners(kind)}"


def day_name(day: int) -> str:
    """Return the name of the attribute with the clicks of a day, counted from 1970-01-01 on."""
    return f"d{_DIGITS[day // 1296]}{_DIGITS[day // 36 % 36]}{_DIGITS[day % 36]}"


def _key(short_code: str) -> dict[str, Any]:
    return {"short_code": {"S": short_code}}


def _at(now: int) -> dict[str, Any]:
    return {":active": {"S": ACTIVE}, ":now": {"N": str(now)}}


def _of(kind: Kind) -> dict[str, Any]:
    values = {
        ":url": {"S": kind.original_url},
        ":type": {"S": kind.redirect_type},
        ":hours": {"N": str(kind.ttl_hours)},
        ":owner": {"S": kind.owner},
        ":forward": {"BOOL": kind.forward_query or None},
    }
    return {name: value for name, value in values.items() if value not in _ABSENT}


def to_item(link: Link) -> dict[str, Any]:
    """Return a link as the table stores it; what it doesn't have, or has by default, is absent."""
    attributes: dict[str, Any] = {
        "short_code": {"S": link.short_code},
        "original_url": {"S": link.kind.original_url or None},
        "redirect_type": {"S": link.kind.redirect_type},
        "ttl_hours": {"N": str(link.kind.ttl_hours)},
        "owner": {"S": link.kind.owner},
        "created_at": {"S": link.created_at},
        "expires_at": {"N": str(link.expires_at)},
        "collect_at": {"N": str(link.collect_at)},
        "custom_code": {"BOOL": link.custom_code},
        "status": {"S": link.status},
        "forward_query": {"BOOL": link.kind.forward_query or None},
        "click_count": {"N": str(link.click_count)},
        "bot_click_count": {"N": str(link.bot_click_count or None)},
        "days_from": {"N": str(link.days_from)},
        "max_clicks": {"N": str(link.max_clicks)},
        "click_limit": {"N": str(link.click_limit)},
        "creator_ip": {"S": link.creator_ip},
        "title": {"S": link.title},
        "tags": {"SS": sorted(link.tags) or None},
        "locked": {"BOOL": link.locked or None},
        "imported_clicks": {"N": str(link.imported_clicks or None)},
        "revision": {"N": str(link.revision)},
    }
    attributes |= {day_name(day): {"N": str(clicks)} for day, clicks in link.days.items()}
    return {name: value for name, value in attributes.items() if value not in _ABSENT}


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
        kind=Kind(
            text("original_url") or "",
            text("redirect_type") or "301",
            number("ttl_hours"),
            text("owner"),
            "forward_query" in item and item["forward_query"]["BOOL"],
        ),
        created_at=text("created_at") or "",
        expires_at=number("expires_at"),
        custom_code="custom_code" in item and item["custom_code"]["BOOL"],
        status=text("status") or DISABLED,
        click_count=number("click_count") or 0,
        bot_click_count=number("bot_click_count") or 0,
        days={
            int(name[1:], 36): int(value["N"])
            for name, value in item.items()
            if len(name) == _DAY_NAME and name[0] == "d"
        },
        days_from=number("days_from"),
        max_clicks=number("max_clicks"),
        click_limit=number("click_limit"),
        creator_ip=text("creator_ip"),
        title=text("title"),
        tags=frozenset(item["tags"]["SS"]) if "tags" in item else frozenset(),
        locked="locked" in item and item["locked"]["BOOL"],
        imported_clicks=number("imported_clicks") or 0,
        revision=number("revision") or 1,
    )
