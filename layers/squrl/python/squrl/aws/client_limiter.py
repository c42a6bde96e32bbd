"""How many links a client may ask for in a minute, without keeping who the client is."""

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

from squrl.aws.client import Service, connect
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.invocation import Incident, Invocation
from squrl.links import timestamp


@dataclass
class DayKey:
    """The key under which clients are counted on one day, as a process remembers it."""

    day: str = ""
    key: bytes = b""


class TableClientLimiter:
    """A `ClientLimiter`, for one invocation: it counts for all processes together.

    A client is kept as the HMAC of its address under a key of the day. That key follows from a key in KMS, which nobody
    can read, and is nowhere but in the processes' memory: the counts alone tell nothing, not even to who tries all
    addresses.

    Parameters
    ----------
    day_key : DayKey
        The process's memory.
    table : EphemeralTable
        Where the counts are.
    invocation : Invocation
        It is told what went wrong.
    key_id : str
        The HMAC key in KMS; empty where nobody is limited.
    limit : int
        Requests a minute and client; 0 for any number.
    """

    def __init__(
        self, day_key: DayKey, table: EphemeralTable, invocation: Invocation, *, key_id: str, limit: int
    ) -> None:
        self._day_key = day_key
        self._table = table
        self._invocation = invocation
        self._key_id = key_id
        self._limit = limit

    def permits(self, address: str, now: int) -> bool:
        """See `ClientLimiter.permits`. The addresses of one IPv6 network of 64 bits are one client."""
        if not (self._limit and self._key_id):
            return True
        try:
            return self._table.count_client(self._pseudonym(address, now), self._limit, now)
        except Exception as error:  # noqa: BLE001 (whatever it is, links are made)
            self._invocation.note(Incident.LIMITER_UNAVAILABLE, type(error.__cause__ or error).__qualname__)
            return True

    def _pseudonym(self, address: str, now: int) -> str:
        day = timestamp(now)[:10]
        if self._day_key.day != day:
            kms = Service(connect("kms"), self._invocation)
            mac = kms.call("generate_mac", KeyId=self._key_id, Message=day.encode(), MacAlgorithm="HMAC_SHA_256")
            self._day_key.day, self._day_key.key = day, mac["Mac"]
        return hmac.new(self._day_key.key, _network(address).encode(), hashlib.sha256).hexdigest()


def _network(address: str) -> str:
    """Return what one client has for itself: an IPv4 address, or the IPv6 network that it can choose addresses from."""
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip_network((ip, 64), strict=False))
