"""One call to the managing function: who makes it, and what it reaches."""

import time
from typing import Any

from squrl.authorize import authorize
from squrl.aws.client import Service, connect
from squrl.aws.domain_lists import KnownDomainLists, RememberedDomainLists
from squrl.aws.durable_table import DurableTable
from squrl.aws.keys import KnownKeys, RememberedKeys
from squrl.aws.links_table import KnownSecret, LinksTable, RememberedSecret
from squrl.destinations import Rules
from squrl.invocation import Invocation
from squrl.keys import Identity
from squrl.links import Link
from squrl.settings import ManageSettings
from squrl.web.request import Request, host_of
from squrl.web.response import link_body


class Wiring:
    """What a process keeps between invocations."""

    def __init__(self, settings: ManageSettings) -> None:
        self.settings = settings
        self.dynamodb = connect("dynamodb")
        self.domains = KnownDomainLists()
        self.secret = KnownSecret()
        self.keys = KnownKeys()


class Call:
    """One call.

    Parameters
    ----------
    wiring : Wiring
        The process's.
    request : Request
        What is asked for.
    invocation : Invocation
        The time that there is.
    identity : Identity or None
        Who asks; ``None`` if a key has to tell.

    Raises
    ------
    Unauthorized
        If no valid key does.
    """

    def __init__(
        self, wiring: Wiring, request: Request, invocation: Invocation, identity: Identity | None = None
    ) -> None:
        dynamodb = Service(wiring.dynamodb, invocation)
        self.now = int(time.time())
        self.request = request
        self.invocation = invocation
        self.settings = wiring.settings
        self.durable = DurableTable(dynamodb, wiring.settings.durable_table_name)
        self.store = LinksTable(dynamodb, wiring.settings.table_name, durable=self.durable)
        self.secrets = RememberedSecret(wiring.secret, self.store)
        self.domains = RememberedDomainLists(wiring.domains, self.durable, invocation)
        self.identity = identity or authorize(request.token(), RememberedKeys(wiring.keys, self.durable), self.now)
        origins = [*wiring.settings.origins, *([] if identity else request.origins)]
        self.base_url = next(iter(origins), None)
        self.rules = Rules(wiring.settings.allow_private_destinations, frozenset(map(host_of, origins)))
        self.short_code = request.path_parameter("short_code")

    def link(self, link: Link) -> dict[str, Any]:
        """Return a link as it is answered."""
        return link_body(link, self.base_url, self.now)
