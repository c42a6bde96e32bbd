"""The table of what passes: rows that the table's TTL collects, and that nobody must be able to restore.

It owns two kinds of rows, told by the prefix of their ``id``: ids of late clicks, and how often clients asked.
"""

from collections.abc import Mapping
from typing import Any

from squrl.aws.client import ConditionFailed, Service

# Seconds for which the id of a late click is known, from the click on.
CLICK_KEPT = 30 * 86_400
# Seconds for which a client's count is kept, from the start of its minute.
CLIENT_KEPT = 300


class EphemeralTable:
    """What is remembered for a while, for one invocation.

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

    def click_puts(self, clicks: Mapping[str, int]) -> list[dict[str, Any]]:
        """Return, for a transaction, the writes that remember clicks by their ids; each fails if it is known already.

        Parameters
        ----------
        clicks : mapping of str to int
            When each was made, in Unix seconds, by id.
        """
        return [
            {
                "Put": {
                    "TableName": self._name,
                    "Item": {"id": {"S": f"click#{id_}"}, "expires_at": {"N": str(clicked_at + CLICK_KEPT)}},
                    "ConditionExpression": "attribute_not_exists(id)",
                }
            }
            for id_, clicked_at in clicks.items()
        ]

    def count_client(self, pseudonym: str, limit: int, now: int) -> bool:
        """Add one to what a client asked in the minute of `now`, if that is below the limit; tell whether it was.

        Parameters
        ----------
        pseudonym : str
            Stands for the client; nobody can tell which.
        limit : int
            Requests a minute.
        now : int
            Unix seconds.
        """
        try:
            self._service.call(
                "update_item",
                TableName=self._name,
                Key={"id": {"S": f"client#{pseudonym}#{now // 60}"}},
                UpdateExpression="ADD creates :one SET expires_at = :end",
                ConditionExpression="attribute_not_exists(creates) OR creates < :limit",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":end": {"N": str(now - now % 60 + CLIENT_KEPT)},
                    ":limit": {"N": str(limit)},
                },
            )
        except ConditionFailed:
            return False
        return True
