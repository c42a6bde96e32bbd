"""Use cases: links are looked at, listed, changed, taken down and brought back, by their owners and by admins."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from squrl import codes, destinations
from squrl.authorize import require
from squrl.errors import Forbidden, Gone, InvalidUrl, NotFound, PreconditionFailed, ValidationError
from squrl.keys import Identity, Role
from squrl.links import ACTIVE, DELETED, DISABLED, USED_UP, Link
from squrl.ports import Cursor, DomainPolicy, LinkStore, Page, Unavailable
from squrl.requests import ChangeRequest

ROUNDS = 100  # of reading and writing, where others change the same link; the invocation's time ends it sooner
PAGES = 5  # of the table that one page of a list looks through, where filters leave little
PAGE = 100  # links of each

Revisions = frozenset[int] | None  # those that a change may be based on; ``None`` for any


class Filters(NamedTuple):
    """Which links a list has; every field that is set has to hold.

    Attributes
    ----------
    status : str or None
        What a visitor would meet. Without it deleted links are left out.
    tag : str or None
        One of a link's tags.
    text : str or None
        A part of code, destination or title, in any case.
    url : str or None
        A destination, as it is stored.
    """

    status: str | None = None
    tag: str | None = None
    text: str | None = None
    url: str | None = None

    def accept(self, link: Link, now: int, *, may_be_used_up: bool = False) -> bool:
        """Tell whether a link is wanted, at `now` in Unix seconds.

        An index doesn't have the counters, so of what it says a link that has a limit `may_be_used_up`.
        """
        state = link.state(now)
        if may_be_used_up and (state, self.status) == (ACTIVE, USED_UP) and link.max_clicks is not None:
            state = USED_UP
        if state != self.status if self.status else state == DELETED:
            return False
        if self.tag is not None and self.tag not in link.tags:
            return False
        if self.url is not None and self.url != link.kind.original_url:
            return False
        texts = link.short_code, link.kind.original_url, link.title or ""
        return self.text is None or any(self.text.casefold() in text.casefold() for text in texts)


def see(short_code: str, identity: Identity, store: LinkStore) -> Link:
    """Return a link that the caller may know of.

    Raises
    ------
    NotFound
        If there is none, or it is another owner's: the two can't be told apart.
    Throttled, Unavailable
        If the store didn't answer in time.
    """
    link = store.get(short_code) if codes.is_well_formed(short_code) else None
    if link is None or not identity.reaches(link.kind.owner):
        raise NotFound("There is no link with this code")
    return link


def page(  # noqa: PLR0913, PLR0917 (a list has that many sides)
    owner: str | None, filters: Filters, limit: int, after: Cursor | None, store: LinkStore, now: int
) -> Page:
    """Return a page of an owner's links, the newest first, or of everybody's (`owner` is ``None``), in no order.

    At most `PAGES` times `PAGE` links are looked at, so a page may be short and still have a cursor.

    Parameters
    ----------
    limit : int
        How many links the page has at most, 1 to 100.
    after : Cursor or None
        Where the page before ended.
    now : int
        Unix seconds.
    """
    found: list[Link] = []
    for _ in range(PAGES):
        missing = limit - len(found)
        part = store.page(owner, after, missing if filters == Filters() else PAGE)
        wanted = [link for link in part.links if filters.accept(link, now, may_be_used_up=owner is not None)]
        found += wanted[:missing]
        # The next page begins behind the last one that fits.
        after = cursor_behind(found[-1], owner) if len(wanted) > missing else part.cursor
        if after is None or len(found) == limit:
            break
    if owner is not None and found:
        found = [link for link in store.refreshed(found) if filters.accept(link, now)]
    return Page(found, after)


def cursor_behind(link: Link, owner: str | None) -> Cursor:
    """Return where a list goes on behind a link."""
    keys = {"short_code": link.short_code}
    return keys if owner is None else keys | {"owner": owner, "created_at": link.created_at}


class Changed(NamedTuple):
    """A link before a change and after it."""

    before: Link
    after: Link


class Ports(NamedTuple):
    """What changing a link needs of the outside."""

    store: LinkStore
    domains: DomainPolicy


def change(  # noqa: PLR0913, PLR0917 (who changes what, when, how, and on what)
    short_code: str,
    request: ChangeRequest,
    identity: Identity,
    now: int,
    ports: Ports,
    rules: destinations.Rules,
    revisions: Revisions = None,
) -> Changed:
    """Change a link, in one conditional write.

    Parameters
    ----------
    request : ChangeRequest
        What is to be changed.
    now : int
        Unix seconds; a new lifetime begins then.
    revisions : frozenset of int or None
        Those that the change may be based on.

    Raises
    ------
    NotFound, Forbidden, Gone, PreconditionFailed, InvalidUrl
        If the link isn't there for the caller, may not be changed so, is deleted, was changed, or the destination
        breaks a rule.
    Throttled, Unavailable
        If the store didn't answer in time, or others changed the link again and again.
    """
    require(identity, Role.WRITE)
    fields = request.model_fields_set
    if not fields:
        raise ValidationError([{"field": "body", "message": "body must name something to change"}])
    destination = _destination(request, ports, rules) if "original_url" in fields else None

    def changed(link: Link) -> Link:
        if link.status == DELETED:
            raise Gone("The link was deleted")
        if link.kind.owner is None and fields != {"status"}:
            raise Forbidden("Of an anonymous link only the status can be changed")
        if link.locked and identity.role < Role.ADMIN and "status" in fields and request.status == ACTIVE:
            raise Forbidden("An admin disabled this link")
        return _applied(link, request, destination, identity, now)

    # Of several fields some may be as asked already, and then aren't written: nobody may change those meanwhile.
    return _write(short_code, identity, ports.store, changed, revisions, exactly=len(fields) > 1)


def delete(short_code: str, identity: Identity, store: LinkStore, revisions: Revisions = None) -> None:
    """Delete a link: its destination, title, tags and creator's address are erased, its statistics stay.

    Raises
    ------
    NotFound, PreconditionFailed, Throttled, Unavailable
        As for `change`. A link that is deleted already is no error.
    """
    require(identity, Role.WRITE)

    def deleted(link: Link) -> Link:
        if link.status == DELETED:
            return link
        # It stays locked: else its owner could enable what an admin disabled, by deleting it and making it again.
        kind = link.kind._replace(original_url="")
        return replace(link, kind=kind, status=DELETED, title=None, tags=frozenset(), creator_ip=None)

    _write(short_code, identity, store, deleted, revisions)


def release(short_code: str, identity: Identity, store: LinkStore) -> None:
    """Remove a link's row, so that its code is free for anybody.

    Raises
    ------
    Forbidden
        If the caller isn't an admin.
    Throttled, Unavailable
        As for `change`.
    """
    require(identity, Role.ADMIN)
    link = store.get(short_code) if codes.is_well_formed(short_code) else None
    if link is not None and not store.release(link):
        raise Unavailable


def _write(  # noqa: PLR0913 (who writes what, where, and on what)
    short_code: str,
    identity: Identity,
    store: LinkStore,
    changed: Callable[[Link], Link],
    revisions: Revisions,
    *,
    exactly: bool = False,
) -> Changed:
    """Read a link and write it changed, on the condition that it still is what the change rests on."""
    for _ in range(ROUNDS):
        link = see(short_code, identity, store)
        if revisions is not None and link.revision not in revisions:
            unread = "If-Match has no ETag that a link could have: send it as it was, with its quotes"
            raise PreconditionFailed("The link was changed meanwhile" if revisions else unread)
        after = changed(link)
        if after == link:
            return Changed(link, link)
        written = store.change(link, after, exactly=exactly or revisions is not None)
        if written is not None:
            return Changed(link, written)
    raise Unavailable


def _destination(request: ChangeRequest, ports: Ports, rules: destinations.Rules) -> str:
    ports.domains.refresh()
    destination = destinations.accept(request.original_url, rules)
    if not ports.domains.current().permits(destination):
        raise InvalidUrl("The URL must not lead to a domain that this service does not link to")
    return destination


def _applied(link: Link, request: ChangeRequest, destination: str | None, identity: Identity, now: int) -> Link:
    fields = request.model_fields_set
    kind = link.kind
    if destination is not None:
        kind = kind._replace(original_url=destination)
    if "redirect_type" in fields:
        kind = kind._replace(redirect_type=request.redirect_type)
    if "ttl_hours" in fields:
        kind = kind._replace(ttl_hours=request.ttl_hours)
    if "forward_query" in fields:
        kind = kind._replace(forward_query=bool(request.forward_query))
    changed = replace(link, kind=kind)
    if "max_clicks" in fields:
        changed = replace(changed, max_clicks=request.max_clicks)
    if "ttl_hours" in fields:
        changed = replace(changed, expires_at=kind.expires_at(now))
    if "title" in fields:
        changed = replace(changed, title=request.title or None)
    if "tags" in fields:
        changed = replace(changed, tags=frozenset(request.tags or ()))
    if "status" in fields:
        is_disabled = request.status == DISABLED
        locks = is_disabled and identity.role is Role.ADMIN and identity.owner != link.kind.owner
        changed = replace(
            changed, status=DISABLED if is_disabled else ACTIVE, locked=locks or (is_disabled and link.locked)
        )
    return changed
