"""The table of links: one method per question that the use cases ask.

Every write is conditional, and its condition decides; nothing is read first to be written later.
"""

import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from botocore.handlers import add_recursion_detection_header, add_retry_headers
from botocore.parsers import ResponseParserError
from botocore.session import get_session

from squrl import telemetry
from squrl.errors import RateLimitExceeded, ServiceUnavailable, SqurlError
from squrl.links import ACTIVE, DISABLED, Kind, Link

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "original-url-index"

CONNECT_TIMEOUT = 0.5  # seconds
READ_TIMEOUT = 1.0  # seconds; DynamoDB answers in a few milliseconds, so a slow answer is a lost one
ATTEMPTS = 5
BACKOFF = 0.05  # seconds before the second attempt at most; doubles with each further one
MARGIN = 0.3  # seconds kept for the answer before Lambda ends the invocation

_PAUSES = (0.0, *(BACKOFF * 2**repetition for repetition in range(ATTEMPTS - 1)))
_TOO_LATE = "The database did not answer in time; try again later"
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",  # a transaction is writing the same row
        "TransactionInProgressException",  # this very one, whose first answer was lost
    }
)
# What cancels a transaction for the moment.
_CONTENTION = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
_CONDITION_FAILED = "ConditionalCheckFailed"

REMEMBERED = 30 * 86_400  # seconds for which a click that was added late is known, from the click on

# `now` is the caller's clock. The table's TTL only collects what has expired, hours or days later, so every condition
# compares with the clock itself.
_IS_LIVE = "#status = :active AND (attribute_not_exists(expires_at) OR expires_at > :now)"
# A disabled link has no expires_at and is never claimed: whoever took it down decides when it comes back.
_IS_FREE = "attribute_not_exists(short_code) OR (#status = :active AND expires_at <= :now)"
# The whole kind is repeated, since the code may have passed to another link. `expires_at < :new` keeps a duplicate
# with a slow clock from shortening anybody's link.
_IS_RENEWABLE = (
    "original_url = :url AND redirect_type = :type AND ttl_hours = :hours"
    " AND #status = :active AND expires_at > :now AND expires_at < :new"
)
_STATUS = {"#status": "status"}  # a reserved word of DynamoDB's


class UrlStore(Protocol):
    """What the use cases ask of the table. Times are Unix seconds.

    Raises
    ------
    RateLimitExceeded
        From every method, if the table stayed throttled; nothing was written.
    ServiceUnavailable
        From every method, if the table did not answer in time; a write may have been applied.
    """

    def get(self, short_code: str) -> Link | None:
        """Return the link as it is now (a consistent read)."""

    def count_click(self, short_code: str, now: int) -> Link | None:
        """Add one click if the link is live at `now`, and return it as it then is: live or not, counted or not.

        A write whose outcome is unknown is not repeated: that could count one click twice.

        Raises
        ------
        RateLimitExceeded
            At the first throttling answer, untried again: a visitor is waiting, and a click can be queued.
        """

    def add_clicks(self, short_code: str, created_at: str, clicks: Mapping[str, int]) -> tuple[int, int]:
        """Add clicks that came late, given by their ids with their times, each once however often it comes.

        Returns how many were added, and how many can't be, since the row is no longer the link of that `created_at`.
        """

    def find_live(self, kind: Kind, now: int) -> str | None:
        """Return the code of the oldest live link of this kind, as far as the index knows (eventually consistent)."""

    def renew(self, short_code: str, kind: Kind, now: int) -> Link | None:
        """Extend the lifetime if this is still a live link of this kind that expires sooner, and return it as it is."""

    def claim(self, link: Link, now: int) -> Link | None:
        """Write the link if its code is free or has expired; return the link that holds the code if not."""


def connect() -> "DynamoDBClient":
    """Return a client for DynamoDB. Whether to try again is decided by `DynamoDBUrlStore`, call by call."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"total_max_attempts": 1},
        # What botocore would do for each call anew: a sixth of a redirect's processor time for its user agent, a
        # twelfth to check arguments that `DynamoDBUrlStore` alone writes, and that DynamoDB checks again.
        user_agent="squrl",
        parameter_validation=False,
    )
    client = get_session().create_client("dynamodb", config=config)
    # Headers for AWS's statistics on retries, of which there are none, and against functions that start each other
    # through queues: a fifteenth of a redirect's processor time.
    client.meta.events.unregister("before-call", add_recursion_detection_header)
    client.meta.events.unregister("request-created", add_retry_headers)
    return cast("DynamoDBClient", client)


class DynamoDBUrlStore:
    """A `UrlStore` in DynamoDB, for one invocation.

    Parameters
    ----------
    client : DynamoDBClient
        From `connect`.
    table_name : str
        The table.
    remaining_ms : int
        Milliseconds that Lambda leaves to this invocation. Attempts and pauses end in time for an answer.
    state_table_name : str
        The table that remembers clicks, for `add_clicks`.
    """

    def __init__(
        self, client: "DynamoDBClient", table_name: str, remaining_ms: int, state_table_name: str = ""
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._state_table_name = state_table_name
        self._deadline = time.monotonic() + remaining_ms / 1000 - MARGIN

    def get(self, short_code: str) -> Link | None:
        """See `UrlStore.get`."""
        answer = self._call(
            self._client.get_item, TableName=self._table_name, Key=_key(short_code), ConsistentRead=True
        )
        return from_item(answer.get("Item"))

    def count_click(self, short_code: str, now: int) -> Link | None:
        """See `UrlStore.count_click`."""
        return self._update(
            short_code,
            "ADD click_count :one",
            _IS_LIVE,
            {":one": {"N": "1"}, ":active": {"S": ACTIVE}, ":now": {"N": str(now)}},
            repeatable=False,
        )

    def add_clicks(self, short_code: str, created_at: str, clicks: Mapping[str, int]) -> tuple[int, int]:
        """See `UrlStore.add_clicks`. Link and ids are written in one transaction: both or nothing."""
        missing = dict(clicks)
        while missing:
            try:
                self._call(
                    self._client.transact_write_items,
                    TransactItems=self._late_clicks(short_code, created_at, missing),
                    ClientRequestToken=uuid.uuid4().hex,  # one for all attempts: a success is told again
                )
            except self._client.exceptions.TransactionCanceledException as cancellation:
                response: dict[str, Any] = {**cancellation.response}
                of_link, *of_ids = [reason["Code"] == _CONDITION_FAILED for reason in response["CancellationReasons"]]
                if not of_link and not any(of_ids):
                    raise
                missing = {id_: at for (id_, at), is_known in zip(missing.items(), of_ids, strict=True) if not is_known}
                if of_link:
                    return 0, len(missing)
            else:
                return len(missing), 0
        return 0, 0

    def _late_clicks(self, short_code: str, created_at: str, clicks: Mapping[str, int]) -> list[dict[str, Any]]:
        """Return a transaction's writes: the link's sum, and an id for each click."""
        link = {
            "TableName": self._table_name,
            "Key": _key(short_code),
            "UpdateExpression": "ADD click_count :clicks",
            "ConditionExpression": "created_at = :created_at",  # fails where there is no row
            "ExpressionAttributeValues": {":clicks": {"N": str(len(clicks))}, ":created_at": {"S": created_at}},
        }
        ids = [
            {
                "TableName": self._state_table_name,
                "Item": {"id": {"S": f"click#{id_}"}, "expires_at": {"N": str(clicked_at + REMEMBERED)}},
                "ConditionExpression": "attribute_not_exists(id)",
            }
            for id_, clicked_at in clicks.items()
        ]
        return [{"Update": link}, *({"Put": put} for put in ids)]

    def find_live(self, kind: Kind, now: int) -> str | None:
        """See `UrlStore.find_live`."""
        values = _kind_values(kind) | {":active": {"S": ACTIVE}, ":now": {"N": str(now)}}
        lifetime = "attribute_not_exists(ttl_hours)" if kind.ttl_hours is None else "ttl_hours = :hours"
        answer = self._call(
            self._client.query,
            TableName=self._table_name,
            IndexName=INDEX,
            KeyConditionExpression="original_url = :url",
            FilterExpression=f"redirect_type = :type AND {lifetime} AND {_IS_LIVE}",
            ExpressionAttributeNames=_STATUS,
            ExpressionAttributeValues=values,
            ProjectionExpression="short_code",  # a popular destination's page may hold thousands
        )
        return answer["Items"][0]["short_code"]["S"] if answer["Items"] else None

    def renew(self, short_code: str, kind: Kind, now: int) -> Link | None:
        """See `UrlStore.renew`."""
        values = _kind_values(kind) | {
            ":active": {"S": ACTIVE},
            ":now": {"N": str(now)},
            ":new": {"N": str(kind.expires_at(now))},
        }
        return self._update(short_code, "SET expires_at = :new", _IS_RENEWABLE, values)

    def claim(self, link: Link, now: int) -> Link | None:
        """See `UrlStore.claim`."""
        try:
            self._call(
                self._client.put_item,
                TableName=self._table_name,
                Item=to_item(link),
                ConditionExpression=_IS_FREE,
                ExpressionAttributeNames=_STATUS,
                ExpressionAttributeValues={":active": {"S": ACTIVE}, ":now": {"N": str(now)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _ConditionFailedError as failure:
            is_its_own = failure.may_be_applied and failure.link == link
            return None if is_its_own else failure.link
        return None

    def _update(
        self,
        short_code: str,
        update: str,
        condition: str,
        values: dict[str, Any],
        *,
        repeatable: bool = True,
    ) -> Link | None:
        """Update a link on a condition; return it as it is after that, whether or not the condition held."""
        try:
            answer = self._call(
                self._client.update_item,
                repeatable=repeatable,
                TableName=self._table_name,
                Key=_key(short_code),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames=_STATUS,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _ConditionFailedError as failure:
            return failure.link
        return from_item(answer["Attributes"])

    def _call(self, operation: Callable[..., Any], *, repeatable: bool = True, **arguments: Any) -> Any:  # noqa: ANN401
        """Call DynamoDB until it answers, as long as another attempt is safe and would end in time.

        What isn't repeatable is tried again only if it was never sent.
        """
        failure: SqurlError = ServiceUnavailable(_TOO_LATE)
        cause: Exception | None = None
        may_be_applied = False
        with telemetry.timed(telemetry.DATABASE_QUERY_DURATION):
            for longest_pause in _PAUSES:
                pause = random.uniform(0, longest_pause)  # noqa: S311 (full jitter, no secret)
                if time.monotonic() + pause + CONNECT_TIMEOUT + READ_TIMEOUT > self._deadline:
                    break
                _sleep(pause)
                try:
                    return operation(**arguments)
                except self._client.exceptions.ConditionalCheckFailedException as error:
                    raise _ConditionFailedError(error, may_be_applied=may_be_applied) from error
                except (ClientError, HTTPClientError, BotocoreConnectionError, ResponseParserError) as error:
                    if _is_refused(error):
                        raise
                    cause = error
                    was_sent = not isinstance(error, EndpointConnectionError | ConnectTimeoutError)
                    if not _is_throttled(error):
                        failure = ServiceUnavailable(_TOO_LATE)
                        may_be_applied |= was_sent
                    elif not may_be_applied:  # else nobody knows whether anything was done
                        failure = RateLimitExceeded("Too many requests; try again later")
                    if was_sent and not repeatable:
                        break
        raise failure from cause


class _ConditionFailedError(Exception):
    """A write's condition didn't hold.

    Attributes
    ----------
    link : Link or None
        The row that made it fail, from ``ReturnValuesOnConditionCheckFailure=ALL_OLD``.
    may_be_applied : bool
        Whether an earlier attempt at the same write may have been applied, its answer being lost.
    """

    def __init__(self, error: ClientError, *, may_be_applied: bool) -> None:
        super().__init__()
        response: dict[str, Any] = {**error.response}
        self.link = from_item(response.get("Item"))
        self.may_be_applied = may_be_applied


def _sleep(seconds: float) -> None:
    if seconds:  # even sleeping for no time gives the processor away
        time.sleep(seconds)


def _is_throttled(error: Exception) -> bool:
    """Tell whether DynamoDB refused for want of capacity, or for a rival: nothing was written, and later it may be."""
    if not isinstance(error, ClientError):
        return False
    response: dict[str, Any] = {**error.response}
    reasons = {reason["Code"] for reason in response.get("CancellationReasons", ())}
    return response["Error"]["Code"] in _THROTTLED or (
        not reasons.isdisjoint(_CONTENTION) and _CONDITION_FAILED not in reasons
    )


def _is_refused(error: Exception) -> bool:
    """Tell whether DynamoDB understood and refused the call, so that trying again would not help."""
    if not isinstance(error, ClientError) or _is_throttled(error):
        return False
    return error.response["ResponseMetadata"]["HTTPStatusCode"] < 500  # noqa: PLR2004 (where the caller's errors end)


def _key(short_code: str) -> dict[str, Any]:
    return {"short_code": {"S": short_code}}


def _kind_values(kind: Kind) -> dict[str, Any]:
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
        "custom_code": {"BOOL": link.custom_code},
        "status": {"S": link.status},
        "click_count": {"N": str(link.click_count)},
        "creator_ip": {"S": link.creator_ip},
    }
    absent = {"N": "None"}, {"S": None}
    return {name: value for name, value in attributes.items() if value not in absent}


def from_item(item: dict[str, Any] | None) -> Link | None:
    """Return a row of the table as a link; ``None`` for no row.

    An operator may have written the row: what it lacks has the value that a request's absent field would have.
    """
    if item is None:
        return None

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
