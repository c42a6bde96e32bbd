"""How many links a client may ask for in a minute, without keeping who the client is."""

import functools
import hashlib
import hmac
from ipaddress import IPv4Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import get_session

from squrl import telemetry
from squrl.errors import RateLimitExceeded
from squrl.links import timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECT_TIMEOUT = 0.3  # seconds
READ_TIMEOUT = 0.5  # seconds; a caller is waiting
KEPT_SECONDS = 300  # for which a client's count is kept, from the start of its minute


class ClientLimiter:
    """Counts what each client asks for, minute by minute, for all processes together.

    A client is kept as the HMAC of its address under a key of the day. That key follows from a key in KMS, which nobody
    can read, and is nowhere but in the processes' memory: the counts alone tell nothing, not even to who tries all
    addresses.

    Parameters
    ----------
    client : DynamoDBClient
        Its time-outs are those of the one attempt that is made.
    table_name : str
        The table of the counts.
    key_id : str
        The HMAC key in KMS.
    limit : int
        Requests a minute and client; 0 for any number.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str, key_id: str, limit: int) -> None:
        self._client = client
        self._table_name = table_name
        self._key_id = key_id
        self._limit = limit
        self._key = ("", b"")  # of a day

    def check(self, address: str | None, now: int) -> None:
        """Count one request of a client. What fails here is logged, and stops nobody.

        Parameters
        ----------
        address : str or None
            The client's IP address. Those of one IPv6 network of 64 bits are one client.
        now : int
            Unix seconds.

        Raises
        ------
        RateLimitExceeded
            If the client has had its requests of this minute.
        """
        if not self._limit:
            return
        try:
            is_within = self._count(f"client#{self._pseudonym(address or '', now)}#{now // 60}", now)
        except Exception as error:  # noqa: BLE001 (whatever it is, links are made)
            telemetry.count(telemetry.LIMITER_UNAVAILABLE)
            telemetry.logger.warning("A client could not be limited", cause=type(error).__qualname__)
            return
        if not is_within:
            raise RateLimitExceeded("Too many requests from this address; try again later", retry_after=60 - now % 60)

    def _count(self, id_: str, now: int) -> bool:
        """Add one to a count that is below the limit; tell whether it was."""
        try:
            self._client.update_item(
                TableName=self._table_name,
                Key={"id": {"S": id_}},
                UpdateExpression="ADD creates :one SET expires_at = :end",
                ConditionExpression="attribute_not_exists(creates) OR creates < :limit",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":end": {"N": str(now - now % 60 + KEPT_SECONDS)},
                    ":limit": {"N": str(self._limit)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _pseudonym(self, address: str, now: int) -> str:
        day = timestamp(now)[:10]
        if self._key[0] != day:
            answer = connect().generate_mac(KeyId=self._key_id, Message=day.encode(), MacAlgorithm="HMAC_SHA_256")
            self._key = day, answer["Mac"]
        return hmac.new(self._key[1], _network(address).encode(), hashlib.sha256).hexdigest()


@functools.cache
def connect() -> Any:  # noqa: ANN401 (KMS's types are not installed)
    """Return the process's client. It is made with the first request that is counted."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"total_max_attempts": 1},
    )
    return get_session().create_client("kms", config=config)


def _network(address: str) -> str:
    """Return what one client has for itself: an IPv4 address, or the IPv6 network that it can choose addresses from."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip_network((ip, 64), strict=False))
