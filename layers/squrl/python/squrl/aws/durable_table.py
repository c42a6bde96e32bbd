"""The table of what stays: small rows that must not be lost. It owns one kind so far, the operator's domain lists."""

from squrl.aws.client import Service
from squrl.domains import DomainLists

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
            If the row has more in it, a list of another type, or an entry that isn't a host name.
        """
        answer = self._service.call("get_item", TableName=self._name, Key=DOMAINS)
        lists = {name: value for name, value in answer.get("Item", {}).items() if name not in DOMAINS}
        if not all(value.keys() == {"SS"} for value in lists.values()):
            raise ValueError("a domain list has to be a string set")
        return DomainLists.of(**{name: value["SS"] for name, value in lists.items()})
