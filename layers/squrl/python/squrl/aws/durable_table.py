"""The table of what stays: small rows that must not be lost.

It owns three kinds of rows: the operator's domain lists, which are one row, the keys, and the days that left the rows
of their links.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from squrl.aws.client import ConditionFailed, Service
from squrl.domains import DomainLists
from squrl.keys import Key, Role

ATTEMPTS = 5
DAYS = 100  # in one row: below a kilobyte, which is what a write is billed by
DOMAINS = {"kind": {"S": "domains"}, "id": {"S": "lists"}}  # the row of the domain lists


class DurableTable:
    """What operators write, for one invocation.

    Parameters
    ----------
    service : Service
        DynamoDB.
    name : str
        The table's.
    """

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self._name = name

    def read_domain_lists(self) -> DomainLists:
        """Return the domain lists; no row is no lists.

        Raises
        ------
        ValueError
            If the row has more in it than entries of the lists.
        """
        answer = self._service.call("get_item", TableName=self._name, Key=DOMAINS)
        return _lists(answer.get("Item", {}))

    def change_domain_lists(self, add: DomainLists, remove: DomainLists) -> DomainLists:
        """See `DomainRegistry.change_domain_lists`. An entry is an attribute: no update can grow and shrink one set."""
        added, removed = list(_attributes(add)), list(_attributes(remove))
        names = {f"#{number}": name for number, name in enumerate([*added, *removed])}
        placeholders = list(names)
        sets, removes = placeholders[: len(added)], placeholders[len(added) :]
        update: list[str] = [
            *(["SET " + ", ".join(f"{name} = :true" for name in sets)] if sets else []),
            *(["REMOVE " + ", ".join(removes)] if removes else []),
        ]
        values: dict[str, Any] = {"ExpressionAttributeValues": {":true": {"BOOL": True}}} if sets else {}
        if not update:
            return self.read_domain_lists()
        answer = self._service.call(
            "update_item",
            attempts=ATTEMPTS,
            TableName=self._name,
            Key=DOMAINS,
            UpdateExpression=" ".join(update),
            ExpressionAttributeNames=names,
            ReturnValues="ALL_NEW",
            **values,
        )
        return _lists(answer["Attributes"])

    def find_key(self, id_: str) -> Key | None:
        """See `KeyStore.find_key`. A consistent read: a new key works at once. Two attempts: a caller waits for it."""
        answer = self._service.call("get_item", attempts=2, TableName=self._name, Key=_key(id_), ConsistentRead=True)
        return _read_key(answer["Item"]) if "Item" in answer else None

    def add_key(self, key: Key) -> bool:
        """See `KeyRegistry.add_key`."""
        item: dict[str, Any] = _key(key.id) | {
            "digest": {"B": key.digest},
            "name": {"S": key.name},
            "owner": {"S": key.owner},
            "role": {"S": key.role.name},
            "created_at": {"N": str(key.created_at)},
        }
        if key.expires_at is not None:
            item["expires_at"] = {"N": str(key.expires_at)}
        try:
            self._service.call(
                "put_item",
                attempts=ATTEMPTS,
                TableName=self._name,
                Item=item,
                ConditionExpression="attribute_not_exists(id)",
            )
        except ConditionFailed:
            return False
        return True

    def list_keys(self) -> list[Key]:
        """See `KeyRegistry.list_keys`."""
        return list(map(_read_key, self._query("kind = :kind", {":kind": {"S": "key"}})))

    def _query(self, condition: str, values: dict[str, Any], **options: Any) -> list[Any]:  # noqa: ANN401
        found: list[Any] = []
        start: dict[str, Any] = {}
        while True:
            answer = self._service.call(
                "query",
                attempts=ATTEMPTS,
                TableName=self._name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                **options,
                **start,
            )
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def day_adds(self, short_code: str, created_at: str, days: Mapping[int, int]) -> list[dict[str, Any]]:
        """Return, for a transaction, the writes that add a link's clicks by day, counted from 1970-01-01 on."""
        parts: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for day, clicks in days.items():
            parts[day // DAYS][day % DAYS] = clicks
        return [
            {
                "Update": {
                    "TableName": self._name,
                    "Key": {"kind": {"S": f"days#{short_code}"}, "id": {"S": f"{created_at}#{part:04}"}},
                    "UpdateExpression": "ADD " + ", ".join(f"d{day} :d{day}" for day in clicks_by_day),
                    "ExpressionAttributeValues": {
                        f":d{day}": {"N": str(clicks)} for day, clicks in clicks_by_day.items()
                    },
                }
            }
            for part, clicks_by_day in parts.items()
        ]

    def read_days(self, short_code: str, created_at: str) -> dict[int, int]:
        """Return a link's clicks that `day_adds` added, by day. One call, for ten years too."""
        items = self._query(
            "kind = :kind AND begins_with(id, :created_at)",
            {":kind": {"S": f"days#{short_code}"}, ":created_at": {"S": f"{created_at}#"}},
            ConsistentRead=True,
        )
        return {
            int(item["id"]["S"].rpartition("#")[2]) * DAYS + int(name[1:]): int(value["N"])
            for item in items
            for name, value in item.items()
            if name[0] == "d"
        }

    def remove_key(self, id_: str) -> None:
        """See `KeyRegistry.remove_key`."""
        self._service.call("delete_item", attempts=ATTEMPTS, TableName=self._name, Key=_key(id_))


def _key(id_: str) -> dict[str, Any]:
    return {"kind": {"S": "key"}, "id": {"S": id_}}


def _read_key(item: Any) -> Key:  # noqa: ANN401 (DynamoDB's form of a row)
    return Key(
        id=item["id"]["S"],
        digest=bytes(item["digest"]["B"]),
        name=item["name"]["S"],
        owner=item["owner"]["S"],
        role=Role[item["role"]["S"]],
        created_at=int(item["created_at"]["N"]),
        expires_at=int(item["expires_at"]["N"]) if "expires_at" in item else None,
    )


def _attributes(lists: DomainLists) -> Iterable[str]:
    return (f"{name} {entry}" for name, entries in lists._asdict().items() for entry in sorted(entries))


def _lists(item: Any) -> DomainLists:  # noqa: ANN401
    found: dict[str, set[str]] = {name: set() for name in DomainLists._fields}
    for attribute in item.keys() - DOMAINS.keys():
        name, _, entry = attribute.partition(" ")
        if name not in found or not entry:  # a list of an earlier form, which must not be taken for an empty one
            raise ValueError("the row of the domain lists has something else in it")
        found[name].add(entry)
    return DomainLists(**{name: frozenset(entries) for name, entries in found.items()})
