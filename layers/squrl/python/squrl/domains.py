"""Which domains links may lead to: lists that the operator changes while the functions run."""

import re
import time
import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from squrl import telemetry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REFRESH_SECONDS = 30

_AUTHORITY = re.compile(r"[A-Za-z]+://([^/?#\\]*)")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")


class DomainLists(NamedTuple):
    """The operator's lists. A name on them stands for its subdomains, too.

    Attributes
    ----------
    denied : frozenset of str
        Links may not lead there.
    allowed : frozenset of str
        If there are any, links may lead nowhere else.
    """

    denied: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    @classmethod
    def from_item(cls, item: dict[str, Any] | None) -> Self:
        """Read a row of the table; no row is no lists.

        Raises
        ------
        ValueError
            If the row has more in it, a list of another type, or what is no host name.
        """
        lists = {name: value for name, value in (item or {}).items() if name != "id"}
        if not lists.keys() <= set(cls._fields) or not all(value.keys() == {"SS"} for value in lists.values()):
            raise ValueError("the row has to have string sets, `denied` and `allowed`")
        return cls(**{name: frozenset(map(_read_name, value["SS"])) for name, value in lists.items()})

    def permit(self, destination: str) -> bool:
        """Tell whether links may lead to a destination, as it is stored."""
        if not (self.denied or self.allowed):
            return True
        host = _host(destination)
        labels = host.split(".")
        names = {".".join(labels[start:]) for start in range(len(labels))}
        return names.isdisjoint(self.denied) and (not self.allowed or not names.isdisjoint(self.allowed))


class DomainPolicy:
    """The lists as this process knows them: read again every `REFRESH_SECONDS`, while it has requests to answer.

    Parameters
    ----------
    client : DynamoDBClient
        Its time-outs are those of the one attempt that is made.
    table_name : str
        The table; empty where there are no lists.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name
        self._lists = DomainLists()
        self._next_read = float("-inf") if table_name else float("inf")

    def current(self) -> DomainLists:
        """Return the lists; the last good ones, if they can't be read now or are broken."""
        now = time.monotonic()
        if now < self._next_read:
            return self._lists
        self._next_read = now + REFRESH_SECONDS
        try:
            answer = self._client.get_item(TableName=self._table_name, Key={"id": {"S": "domains"}})
            self._lists = DomainLists.from_item(answer.get("Item"))
        except Exception as error:  # noqa: BLE001 (whatever it is, requests are answered)
            telemetry.count(telemetry.DOMAIN_LIST_ERROR)
            telemetry.logger.error("The domain lists could not be read", cause=type(error).__qualname__)
        return self._lists


def _read_name(text: str) -> str:
    name = _canonical(text)
    if not _NAME.fullmatch(name):
        raise ValueError("not a host name")
    return name


def _host(destination: str) -> str:
    """Return a stored destination's host. An operator may have written it in any form."""
    authority = _AUTHORITY.match(destination)
    host_and_port = authority[1].rpartition("@")[2] if authority else ""
    return _canonical(re.sub(r":[0-9]*$", "", host_and_port))


def _canonical(name: str) -> str:
    """Return a host name in lower case, without a dot at its end, an international one as punycode."""
    name = name.lower().rstrip(".")
    if name.isascii():
        return name
    labels = unicodedata.normalize("NFKC", name).split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)
