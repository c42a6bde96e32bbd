"""Use case: a request becomes a link, exactly one however many ask at once."""

from dataclasses import replace
from typing import NamedTuple

from squrl import codes, destinations
from squrl.errors import ConflictError, Detail, Gone, InvalidUrl, RateLimitExceeded, ValidationError
from squrl.keys import Identity, Role
from squrl.links import ACTIVE, DELETED, DISABLED, Kind, Link, seconds, timestamp
from squrl.ports import Claimed, ClientLimiter, DomainPolicy, HeldBy, LinkStore, SecretStore, Unavailable
from squrl.requests import MAX_TTL_HOURS, CreateRequest, ImportRequest


class Caller(NamedTuple):
    """Who asks.

    Attributes
    ----------
    identity : Identity or None
        Whose key was presented; ``None`` where there was none.
    address : str or None
        The IP address; ``None`` for who may invoke the function directly, and is trusted.
    keeps_address : bool
        Whether the link keeps it.
    """

    identity: Identity | None = None
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
    if caller.identity is None and caller.address is not None and not limiter.permits(caller.address, now):
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
    link = _asked(request, caller, now, ports, rules)
    kind = link.kind
    if link.max_clicks is not None and request.custom_code is None:
        return _draw(link, ports.store, now)
    if request.custom_code is not None:
        shortened = _claim(link, ports.store, now)
        if shortened is None:
            raise ConflictError("custom_code is taken by another link")
        return shortened
    if kind.owner:  # the owner's custom and imported links are found, too
        short_code = ports.store.find(kind, now)
        found = short_code and _renewed(short_code, kind, ports.store, now)
        if found:
            return Shortened(_titled(found, link, ports.store), created=False)
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
            return Shortened(_titled(renewed, link, store), created=False)
    return None


def _draw(link: Link, store: LinkStore, now: int) -> Shortened:
    """Make a link with a limit: no other request is the same, so each gets a random code."""
    for code in codes.random():
        drawn = replace(link, short_code=code)
        if isinstance(store.claim(drawn, now), Claimed):
            return Shortened(drawn, created=True)
    raise Unavailable


def _is_shared(holder: Link, link: Link) -> bool:
    """Tell whether the link that has the code of `link` is what is asked for."""
    # Who has no key, and doesn't ask for a code, gets none that somebody chose.
    is_a_strangers = holder.custom_code and not link.custom_code and not link.kind.owner
    is_limited = holder.max_clicks is not None or link.max_clicks is not None  # then it is nobody else's
    if holder.kind != link.kind or is_limited or is_a_strangers or holder.status == DELETED:
        return False
    if holder.status == DISABLED:
        raise Gone("This link was disabled")
    return True


def import_link(  # noqa: PLR0913 (what `shorten` takes, and whether it is meant)
    request: ImportRequest,
    caller: Caller,
    now: int,
    ports: Ports,
    rules: destinations.Rules,
    *,
    is_dry_run: bool = False,
) -> Shortened:
    """Take a link over from another product, with its code, its times and what had been counted.

    Parameters and errors are those of `shorten`; a dry run makes nothing, and returns or raises what would come of it.
    A code that leads to the same destination already is that link, whatever else it has: an import can be sent again.
    """
    if request.custom_code not in {None, request.short_code}:
        raise ValidationError([{"field": "custom_code", "message": "custom_code must be short_code, or absent"}])
    link = _asked(request, caller, now, ports, rules)
    expires_at = seconds(request.expires_at) if request.expires_at else link.expires_at
    if expires_at is not None and request.ttl_hours is None:
        # Only who asks for a lifetime gets a link that ends, so a link that ends has one.
        hours = -((seconds(request.created_at or link.created_at) - expires_at) // 3600)
        link = replace(link, kind=link.kind._replace(ttl_hours=min(max(hours, 1), MAX_TTL_HOURS)))
    link = replace(
        link,
        short_code=request.short_code,
        created_at=request.created_at or link.created_at,
        expires_at=expires_at,
        custom_code=True,
        status=request.status or ACTIVE,
        imported_clicks=request.imported_clicks or 0,
        locked=bool(request.locked) and request.status == DISABLED,
    )
    # Asked first, since a claim would take an expired link of the same owner for free, with the clicks that it has.
    holder = ports.store.get(link.short_code)
    if holder is None or holder.kind.original_url != link.kind.original_url:
        claim: Claimed | HeldBy
        if is_dry_run:
            claim = HeldBy(holder) if holder and not holder.is_given_up(link.kind.owner, now) else Claimed(link)
        else:
            claim = ports.store.claim(link, now)
        if isinstance(claim, Claimed):
            return Shortened(link, created=True)
        holder = claim.link
    if holder.kind.original_url != link.kind.original_url:
        raise ConflictError("short_code is taken by another link")
    return Shortened(holder, created=False)


def _asked(request: CreateRequest, caller: Caller, now: int, ports: Ports, rules: destinations.Rules) -> Link:
    """Return the link that a request asks for, once all that it names is accepted."""
    ports.domains.refresh()
    owner = _owner(request, caller)
    destination = destinations.accept(request.original_url, rules)
    if not ports.domains.current().permits(destination):
        raise InvalidUrl("The URL must not lead to a domain that this service does not link to")
    redirect_type, forward_query = request.redirect_type or "301", bool(request.forward_query)
    kind = Kind(destination, redirect_type, request.ttl_hours, owner, forward_query)
    return Link(
        short_code=request.custom_code or "",
        kind=kind,
        created_at=timestamp(now),
        expires_at=kind.expires_at(now),
        custom_code=request.custom_code is not None,
        max_clicks=request.max_clicks,
        click_limit=request.max_clicks,
        creator_ip=caller.address if caller.keeps_address else None,
        title=request.title or None,
        tags=frozenset(request.tags or ()),
    )


def _renewed(short_code: str, kind: Kind, store: LinkStore, now: int) -> Link | None:
    """Return a link that the index knows, on proof from the table: the index may be behind."""
    link = store.get(short_code) if kind.ttl_hours is None else store.renew(short_code, kind, now)
    is_its = link is not None and link.kind == kind and link.max_clicks is None and link.is_live(now)
    return link if is_its else None


def _titled(link: Link, asked: Link, store: LinkStore) -> Link:
    """Give a link that was there the title and the tags that came with the request."""
    titled = replace(link, title=asked.title or link.title, tags=asked.tags or link.tags)
    if titled == link:
        return link
    written = store.change(link, titled)
    if written is None or written.kind != link.kind:  # somebody took the link down or elsewhere at this moment
        raise Unavailable
    return written


def _owner(request: CreateRequest, caller: Caller) -> str | None:
    """Return whose link it will be.

    Raises
    ------
    ValidationError
        If the request names what only an owner's link has, or an owner that the caller may not name.
    """
    may_name = caller.identity is not None and caller.identity.role is Role.ADMIN
    details: list[Detail] = []
    if request.owner is not None and not may_name:
        details.append({"field": "owner", "message": "owner needs an admin's key"})
    owner = request.owner or (caller.identity.owner if caller.identity else None)
    if owner is None:
        given = {"title": request.title, "tags": request.tags}
        details += [
            {"field": name, "message": f"{name} needs a key"} for name, value in given.items() if value is not None
        ]
    if details:
        raise ValidationError(details)
    return owner
