"""What must hold of changes, deletions and releases, in every order."""

from dataclasses import replace
from typing import Any

from squrl.errors import Forbidden, Gone, NotFound, PreconditionFailed
from squrl.keys import Identity, Role
from squrl.links import ACTIVE, DELETED, DISABLED, Link
from squrl.manage import Changed
from squrl.ports import StoreError, Unavailable
from tests.interleavings.callers import Management, Request
from tests.interleavings.scheduler import Caller, Order, Step

OF_THE_KIND = {"original_url", "redirect_type", "ttl_hours", "forward_query"}


def rule_broken_by_a_change(step: Step, old: Link, new: Link) -> str | None:
    """Hold what a change did to a row against what its caller asked for."""
    about = _about(step.caller, old.short_code)
    if old.status == DELETED:
        return "nothing deleted is changed, or brought back"
    if isinstance(about, Request):
        titled = replace(old, title=about.title or old.title, revision=old.revision + 1)
        return None if new == titled and old.kind.owner == about.kind.owner else "a request titles its own link alone"
    rules = {
        "a change is made to a revision that it names": about.revisions is None or old.revision in about.revisions,
        "nobody changes another owner's link": is_reached(about.identity, old),
        "what an admin disabled, an admin enables": not old.locked
        or new.status != ACTIVE
        or about.identity.role is Role.ADMIN,
        "an anonymous link leads where it led": old.kind.owner is not None
        or (new.kind, new.expires_at) == (old.kind, old.expires_at)
        or new.status == DELETED,
        "a change changes what is asked for, and nothing else": new == as_asked(about, old),
    }
    return next((rule for rule, holds in rules.items() if not holds), None)


def is_reached(identity: Identity, link: Link) -> bool:
    """Tell whether a link is there for a caller."""
    return identity.role is Role.ADMIN or (link.kind.owner is not None and link.kind.owner == identity.owner)


def as_asked(about: Management, link: Link) -> Link:
    """Return what a management makes of a link."""
    if about.method == "delete":
        kind = link.kind._replace(original_url="")
        erased: dict[str, Any] = {"title": None, "tags": frozenset(), "creator_ip": None}
        return replace(link, kind=kind, status=DELETED, revision=link.revision + 1, **erased)
    fields = about.fields or {}
    kind = link.kind._replace(**{name: value for name, value in fields.items() if name in OF_THE_KIND})
    changes: dict[str, Any] = {"kind": kind, "revision": link.revision + 1}
    if "ttl_hours" in fields:
        hours = fields["ttl_hours"]
        changes["expires_at"] = hours and about.now + hours * 3600
    if "max_clicks" in fields:
        most = changes["max_clicks"] = fields["max_clicks"]
        changes["click_limit"] = most and most + link.bot_click_count  # bots that came before don't use it up
    if "title" in fields:
        changes["title"] = fields["title"]
    if "tags" in fields:
        changes["tags"] = frozenset(fields["tags"])
    if "status" in fields:
        changes["status"] = fields["status"]
        is_anothers = about.identity.role is Role.ADMIN and about.identity.owner != link.kind.owner
        changes["locked"] = fields["status"] == DISABLED and (is_anothers or link.locked)
    return replace(link, **changes)


def managers(order: Order) -> str | None:
    """Whoever managed a link was told the truth."""
    for caller, outcome in order.outcomes.items():
        if caller.about is None:
            continue
        entries = zip(caller.about, outcome, strict=True) if is_bulk(caller) else [(caller.about, outcome)]
        for about, result in entries:
            broken = _manager(order, caller, about, result) if isinstance(about, Management) else None
            if broken:
                return broken
    return None


def is_bulk(caller: Caller) -> bool:
    """Tell whether a caller works through several entries."""
    return isinstance(caller.about, tuple) and not hasattr(caller.about, "_fields")


def _about(caller: Caller, short_code: str) -> Any:
    """Return what a caller asked for that has to do with a code."""
    if not is_bulk(caller):
        return caller.about
    return next(each for each in caller.about if short_code == getattr(each, "short_code", short_code))


def _manager(order: Order, caller: Caller, about: Management, result: Any) -> str | None:
    rows = [world.links.get(about.short_code) for world in order.during(caller)]
    own = [
        step
        for step in order.steps
        if step.caller is caller and step.call.method in {"change", "release"} and _code(step) == about.short_code
    ]
    writes = [step for step in own if step.before is not step.after]
    if len(writes) > 1:
        return "a change is made once"
    if isinstance(result, Exception):
        if writes and not isinstance(result, Unavailable):
            return "who is told that nothing was done did nothing"
        if isinstance(result, StoreError):
            has_fault = any(step.fault for step in order.steps if step.caller is caller)
            changed_hands = about.method == "release" and len({_identity(row) for row in rows}) > 1
            return None if has_fault or changed_hands else "a change fails only if the store does"
        return None if any(_explains(result, about, row) for row in rows) else "a manager is refused for a reason"
    is_told = {
        "change": lambda: _is_true_of_a_change(about, result, rows, writes),
        "delete": lambda: any(row is not None and row.status == DELETED for row in rows),
        "release": lambda: None in rows,
    }
    return None if is_told[about.method]() else "who is told that it was done finds it done"


def _is_true_of_a_change(about: Management, result: Changed, rows: list[Link | None], writes: list[Step]) -> bool:
    is_as_asked = as_asked(about, result.after) == replace(result.after, revision=result.after.revision + 1)
    return is_as_asked and result.after in rows and bool(writes) == (result.after != result.before)


def _explains(error: Exception, about: Management, row: Link | None) -> bool:
    """Tell whether a row is the reason for which a manager was refused."""
    if isinstance(error, NotFound):
        return row is None or not is_reached(about.identity, row)
    if row is None:
        return False
    reasons: dict[type[Exception], bool] = {
        Gone: about.method == "change" and row.status == DELETED,
        Forbidden: row.kind.owner is None or (row.locked and about.identity.role < Role.ADMIN),
        PreconditionFailed: about.revisions is not None and row.revision not in about.revisions,
    }
    return reasons.get(type(error), False)


def _code(step: Step) -> str:
    return str(step.call.args[0].short_code)


def _identity(row: Link | None) -> tuple[str, str | None] | None:
    return None if row is None else (row.created_at, row.kind.owner)
