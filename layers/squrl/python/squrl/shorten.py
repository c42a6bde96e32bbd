"""Use case: a request becomes a link, exactly one however many ask at once."""

from dataclasses import replace
from typing import NamedTuple

from squrl import codes, destinations
from squrl.errors import ConflictError, Gone, InvalidUrl, RateLimitExceeded
from squrl.links import DISABLED, Kind, Link, timestamp
from squrl.ports import Claimed, ClientLimiter, DomainPolicy, LinkStore, SecretStore, Unavailable
from squrl.requests import CreateRequest


class Caller(NamedTuple):
    """Who asks.

    Attributes
    ----------
    address : str or None
        The IP address that is limited; ``None`` for who may invoke the function directly, and is trusted.
    keeps_address : bool
        Whether the link keeps it.
    """

    address: str | None = None
    keeps_address: bool = False


class Ports(NamedTuple):
    """What shortening needs of the outside."""

    store: LinkStore
    secrets: SecretStore
    domains: DomainPolicy


class Shortened(NamedTuple):
    """The link that a request got, and whether it was made for it."""

    link: Link
    created: bool


def admit(caller: Caller, limiter: ClientLimiter, now: int) -> None:
    """Count a caller's request, before anything of it is looked at: a bad one costs as much as a good one.

    Raises
    ------
    RateLimitExceeded
        If the caller has had its requests of this minute.
    """
    if caller.address is not None and not limiter.permits(caller.address, now):
        raise RateLimitExceeded("Too many requests from this address; try again later", retry_after=60 - now % 60)


def shorten(request: CreateRequest, caller: Caller, now: int, ports: Ports, rules: destinations.Rules) -> Shortened:
    """Find or make the link for a request.

    Parameters
    ----------
    request : CreateRequest
        What is asked for.
    caller : Caller
        Who asks.
    now : int
        Unix seconds.
    ports : Ports
        The outside.
    rules : destinations.Rules
        Which destinations there may be.

    Raises
    ------
    InvalidUrl
        If the destination breaks a rule, or is in a domain that links may not lead to.
    ConflictError
        If the custom code is another link's.
    Gone
        If the link asked for was disabled.
    Throttled, Unavailable
        If the store didn't answer in time, or others hold all codes that were tried, which no one has seen yet.
    """
    ports.domains.refresh()
    destination = destinations.accept(request.original_url, rules)
    if not ports.domains.current().permits(destination):
        raise InvalidUrl("The URL must not lead to a domain that this service does not link to")
    kind = Kind(destination, request.redirect_type or "301", request.ttl_hours)
    link = Link(
        short_code=request.custom_code or "",
        kind=kind,
        created_at=timestamp(now),
        expires_at=kind.expires_at(now),
        custom_code=request.custom_code is not None,
        creator_ip=caller.address if caller.keeps_address else None,
    )
    if request.custom_code is not None:
        shortened = _claim(link, ports.store, now)
        if shortened is None:
            raise ConflictError("custom_code is taken by another link")
        return shortened
    # The first of the request's codes that is free, or that already is this very link.
    for code in codes.candidates(kind, ports.secrets.secret()):
        shortened = _claim(replace(link, short_code=code), ports.store, now)
        if shortened is not None:
            return shortened
    raise Unavailable


def _claim(link: Link, store: LinkStore, now: int) -> Shortened | None:
    """Claim one code; ``None`` when it is another link's.

    Raises
    ------
    Gone
        If it is this very link's, which was disabled.
    """
    # A link may be collected between the claim and its renewal: then the table decides once more.
    for _ in range(2):
        claim = store.claim(link, now)
        if isinstance(claim, Claimed):
            return Shortened(link, created=True)
        if not _is_shared(claim.link, link):
            return None
        renewed = claim.link if link.kind.ttl_hours is None else store.renew(link.short_code, link.kind, now)
        if renewed is None:
            continue
        if not _is_shared(renewed, link):  # its code changed hands, or it was disabled
            return None
        if renewed.is_live(now):
            return Shortened(renewed, created=False)
    return None


def _is_shared(holder: Link, link: Link) -> bool:
    """Tell whether the link that has the code of `link` is what is asked for."""
    # Who doesn't ask for a code gets none that somebody chose.
    if holder.kind != link.kind or (holder.custom_code and not link.custom_code):
        return False
    if holder.status == DISABLED:
        raise Gone("This link was disabled")
    return True
