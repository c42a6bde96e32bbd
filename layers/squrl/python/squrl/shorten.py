"""Use case: a request becomes a link, exactly one however many ask at once."""

from dataclasses import replace
from typing import NamedTuple

from squrl import codes, destinations
from squrl.errors import ConflictError, Gone, InvalidUrl, RateLimitExceeded
from squrl.links import DISABLED, Kind, Link, timestamp
from squrl.ports import Claimed, ClientLimiter, DomainPolicy, LinkStore
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
    domains: DomainPolicy
    limiter: ClientLimiter


class Shortened(NamedTuple):
    """The link that a request got, and whether it was made for it."""

    link: Link
    created: bool


def shorten(  # noqa: PLR0913 (the last one is for tests)
    request: CreateRequest,
    caller: Caller,
    now: int,
    ports: Ports,
    rules: destinations.Rules,
    *,
    derivation: codes.Derivation = codes.derive,
) -> Shortened:
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
    derivation : callable
        How a code follows from a kind and a probe number.

    Raises
    ------
    InvalidUrl
        If the destination breaks a rule, or is in a domain that links may not lead to.
    RateLimitExceeded
        If the caller has had its requests of this minute.
    ConflictError
        If the custom code is another link's, or every derived code is.
    Gone
        If the link asked for was disabled.
    Throttled, Unavailable
        If the store didn't answer in time.
    """
    ports.domains.refresh()
    destination = destinations.accept(request.original_url, rules)
    if not ports.domains.current().permits(destination):
        raise InvalidUrl("The URL must not lead to a domain that this service does not link to")
    if caller.address is not None and not ports.limiter.permits(caller.address, now):
        raise RateLimitExceeded("Too many requests from this address; try again later", retry_after=60 - now % 60)
    kind = Kind(destination, request.redirect_type or "301", request.ttl_hours)
    if request.custom_code is None:
        reused = _reuse_indexed(kind, ports.store, now)
        if reused is not None:
            return reused
    link = Link(
        short_code="",
        kind=kind,
        created_at=timestamp(now),
        expires_at=kind.expires_at(now),
        custom_code=request.custom_code is not None,
        creator_ip=caller.address if caller.keeps_address else None,
    )
    # The first of the request's codes that is free, or that already is this very link.
    for code in codes.candidates(kind, derivation) if request.custom_code is None else [request.custom_code]:
        shortened = _claim(replace(link, short_code=code), ports.store, now)
        if shortened is not None:
            return shortened
    if request.custom_code is not None:
        raise ConflictError("custom_code is taken by another link")
    raise ConflictError("Every code for this destination is taken by another link; choose a custom_code")


def _reuse_indexed(kind: Kind, store: LinkStore, now: int) -> Shortened | None:
    """Reuse a link that the index knows, on proof from the table: the index may be behind."""
    short_code = store.find_live(kind, now)
    if short_code is None:
        return None
    link = store.get(short_code) if kind.ttl_hours is None else store.renew(short_code, kind, now)
    return _reused(link, kind, now)


def _claim(link: Link, store: LinkStore, now: int) -> Shortened | None:
    """Claim one code; ``None`` when it is another link's."""
    # A link may expire or be disabled between the claim and its renewal: then the table decides once more.
    for _ in range(2):
        claim = store.claim(link, now)
        if isinstance(claim, Claimed):
            return Shortened(link, created=True)
        holder = claim.link
        if holder.kind != link.kind:
            return None
        if holder.status == DISABLED:
            raise Gone("This link was disabled")
        renewed = holder if link.kind.ttl_hours is None else store.renew(link.short_code, link.kind, now)
        reused = _reused(renewed, link.kind, now)
        if reused is not None:
            return reused
    return None


def _reused(link: Link | None, kind: Kind, now: int) -> Shortened | None:
    if link is None or link.kind != kind or not link.is_live(now):
        return None
    return Shortened(link, created=False)
