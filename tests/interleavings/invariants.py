"""What must hold in every order, whoever calls and whenever."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import fields, replace
from functools import cache
from itertools import takewhile
from operator import attrgetter
from typing import Any

from squrl import codes
from squrl.clicks import Click
from squrl.errors import ConflictError, Gone, NotFound
from squrl.follow import Followed, Outcome, Visitor
from squrl.late_clicks import OLDEST_CLICK, Batch, do_later
from squrl.links import ACTIVE, DAY, DELETED, DISABLED, Kind, Link
from squrl.ports import Claimed, Counted, StoreError
from squrl.shorten import Shortened
from squrl.statistics import Statistics
from tests.interleavings.callers import Request, Visit
from tests.interleavings.changes import is_bulk, managers, rule_broken_by_a_change
from tests.interleavings.scheduler import Caller, Order, Step, World, orders
from tests.support.fakes import FakeLinkStore, FakeSecretStore

FIGURES_KEPT = 400 * 86_400  # seconds for which an owner's link stays after it expired
LATER = 60  # seconds after an order in which the queue is emptied
COUNTERS = ("click_count", "bot_click_count", "days", "days_from", "click_limit")
_STILL = attrgetter(*({field.name for field in fields(Link)} - {*COUNTERS, "expires_at", "revision"}))


class Violation(AssertionError):
    """A rule is broken: the text has the rule, and the order or the step that breaks it."""

    def __init__(self, rule: str, where: object) -> None:
        super().__init__(f"{rule}\n{where}")
        self.rule = rule


def check(world: World, callers: Iterable[Caller], faults: int = 0) -> int:
    """Check every order of some callers' calls in a world; return how many there were.

    Raises
    ------
    Violation
        At the first step or order that breaks a rule.
    """
    number = 0
    for order in orders(world, callers, check_step, faults):
        check_order(order)
        number += 1
    return number


def check_step(step: Step) -> None:
    """Hold what one call did to the tables against what it may do."""
    before, after = step.before.links, step.after.links
    if step.before is not step.after:
        for code in before.keys() | after.keys():
            old, new = before.get(code), after.get(code)
            rule = None if old == new else _broken_rule(step, old, new) or _broken_sum(step, old, new)
            if rule:
                raise Violation(rule, step)
        if step.before.past is not step.after.past:
            _check_past(step)
    if isinstance(step.answer, Counted) and clicks_of(step) != 1:
        raise Violation("what is told to be counted is counted", step)


def _broken_rule(step: Step, old: Link | None, new: Link | None) -> str | None:
    method = step.call.method
    if new is None:
        return _broken_rule_of_a_removal(step, old)
    if old is None:
        is_fresh = method == "claim" and new == step.call.args[0] and (new.click_count, new.status) == (0, ACTIVE)
        return None if is_fresh else "what isn't there comes by a claim alone, with no clicks"
    if method == "claim":
        return _broken_rule_of_a_claim(step, old, new)
    if method == "change":
        return rule_broken_by_a_change(step, old, new)
    return _broken_rule_of_one_link(step, old, new)


def _broken_rule_of_a_removal(step: Step, old: Link | None) -> str | None:
    method, args, _ = step.call
    if old is not None and method == "collect":
        kept = FIGURES_KEPT if old.kind.owner else 0
        is_due = old.status == ACTIVE and old.expires_at is not None and old.expires_at + kept <= args[1]
        return None if is_due else "only what is due is collected, and nothing disabled or deleted"
    is_meant = old is not None and method == "release" and is_same(old, args[0])
    return None if is_meant else "only the link that is meant is released"


def _broken_rule_of_a_claim(step: Step, old: Link, new: Link) -> str | None:
    link, now = step.call.args
    is_owners = new.kind.owner is not None and new.kind.owner == old.kind.owner and new.custom_code
    if new != link or not (old.kind == new.kind or is_owners):
        return "nobody inherits a code before it is collected"
    has_expired = old.status == ACTIVE and old.has_expired(now)
    is_relinquished = is_owners and old.status == DELETED and not old.locked
    return None if has_expired or is_relinquished else "only an expired link is claimed, or its owner's deleted one"


def _broken_rule_of_one_link(step: Step, old: Link, new: Link) -> str | None:
    method, args, options = step.call
    if not is_still(new, old):
        return "only a change changes what a link is"
    is_renewed = old.expires_at != new.expires_at
    rules = {
        "a revision counts changes, and no clicks": new.revision - old.revision == is_renewed,
        "nothing that is disabled is renewed": not is_renewed or old.status == ACTIVE,
        "nothing is shortened": not is_renewed or (old.expires_at or 0) < (new.expires_at or 0),
    }
    broken = next((rule for rule, holds in rules.items() if not holds), None)
    if broken:
        return broken
    if method == "count_click":
        return _broken_rule_of_a_click(step, old, new)
    if method == "add_clicks":
        _, created_at, clicks = args
        fresh = clicks.keys() - step.before.late_clicks
        (day,) = {at // DAY for at in clicks.values()}
        expected = clicked(old, len(fresh), None if options.get("are_bots") else day)
        is_right = created_at == old.created_at and new == expected and fresh <= step.after.late_clicks
        return None if is_right else "a late click is counted once, and for its own link and day"
    if method == "move_days":
        return None if _is_moved(step, old, new) else "a day is in the row or in the past, and once"
    return None if is_renewed and not _counters(new, old) else "only clicks are counted"


def _broken_rule_of_a_click(step: Step, old: Link, new: Link) -> str | None:
    _, args, options = step.call
    is_bot = bool(options.get("is_bot"))
    people = old.click_count - old.bot_click_count
    rules = {
        "no more people are sent on than a limit lets through": old.max_clicks is None or people < old.max_clicks,
        "no bot uses a limit up": old.max_clicks is None or not is_bot,
        "a click is counted once, on a live link": old.is_live(args[1])
        and new == clicked(old, 1, None if is_bot else args[1] // DAY),
    }
    return next((rule for rule, holds in rules.items() if not holds), None)


def is_still(new: Link, old: Link) -> bool:
    """Tell whether a link is what it was, but for its counters, its end and its revision."""
    return bool(_STILL(new) == _STILL(old))


def _counters(new: Link, old: Link) -> bool:
    """Tell whether any counter has changed."""
    return any(getattr(new, name) != getattr(old, name) for name in COUNTERS)


def clicked(link: Link, clicks: int, day: int | None) -> Link:
    """Return a link with more clicks: of people on a day, or of bots, which use no limit up."""
    counts: dict[str, Any] = {"click_count": link.click_count + clicks}
    if day is not None:
        counts["days"] = {**link.days, day: link.days.get(day, 0) + clicks}
    else:
        counts["bot_click_count"] = link.bot_click_count + clicks
        counts["click_limit"] = None if link.click_limit is None else link.click_limit + clicks
    return replace(link, **counts)


def _is_moved(step: Step, old: Link, new: Link) -> bool:
    is_same_in_all = replace(new, days=old.days, days_from=old.days_from) == old
    left = all(day >= (new.days_from or 0) for day in new.days)
    is_kept = step.before.days(old) == step.after.days(new)
    return is_same_in_all and left and is_kept and (old.days_from or 0) < (new.days_from or 0)


def _broken_sum(step: Step, old: Link | None, new: Link | None) -> str | None:
    """Hold the sums of a link against each other, from the first click on."""
    if new is None:
        return None
    is_new = old is None or old.created_at != new.created_at
    undated = 0 if is_new or old is None else step.before.undated(old)
    is_right = step.after.undated(new) == undated
    limit = None if new.max_clicks is None else new.max_clicks + new.bot_click_count
    if new.click_limit != limit:
        return "a limit is for people, whatever bots came before"
    return None if is_right else "all clicks are bots', or of a day, or were there before days were"


def _check_past(step: Step) -> None:
    """Check that of the days that left their rows only the link's change that is moved."""
    moved = step.call.args[0]
    own = moved.short_code, moved.created_at
    others = ({link: days for link, days in w.past.items() if link != own} for w in (step.before, step.after))
    if step.call.method != "move_days" or len({str(each) for each in others}) > 1:
        raise Violation("what was moved stays", step)


def is_same(row: Link, link: Link) -> bool:
    """Tell whether a row is a link's, as far as anybody can know: by its second and its owner."""
    return (row.created_at, row.kind.owner) == (link.created_at, link.kind.owner)


def clicks_of(step: Step) -> int:
    """Return how many clicks one call added."""
    if step.call.method not in {"count_click", "add_clicks"}:
        return 0
    return _clicks(step.after) - _clicks(step.before)


def _clicks(world: World) -> int:
    return sum(link.click_count for link in world.links.values())


def check_order(order: Order) -> None:
    """Hold what the callers were told, and what is there at the end, against the whole of an order."""
    visits = [
        (order.during(caller), visit)
        for caller, outcome in order.outcomes.items()
        if isinstance(outcome, tuple) and isinstance(outcome[0], Visit)
        for visit in outcome
    ]
    clicks = [visit.outcome for _, visit in visits]
    broken = (
        _creators(order)
        or managers(order)
        or _one_link(order)
        or _visitors(order, visits)
        or _limits(order, visits)
        or _clicks_told(order, clicks)
        or _clicks_queued(order, clicks)
        or _readers(order)
        or _movers(order)
    )
    if broken:
        raise Violation(broken, order)


def _requests(order: Order) -> list[tuple[Caller, Request, Any]]:
    """Return who asked for what link, and what came of it; an entry of a bulk is a request."""
    found = []
    for caller, outcome in order.outcomes.items():
        if caller.about is None:
            continue
        entries = zip(caller.about, outcome, strict=True) if is_bulk(caller) else [(caller.about, outcome)]
        found += [(caller, about, result) for about, result in entries if isinstance(about, Request)]
    return found


def _creators(order: Order) -> str | None:
    """Whoever asked for a link was told the truth."""
    made = []
    for caller, request, outcome in _requests(order):
        broken = _creator(order, caller, request, outcome)
        if broken:
            return broken
        if isinstance(outcome, Shortened) and outcome.created:
            made.append((outcome.link.short_code, outcome.link.created_at))
    if len(made) > len(set(made)) and not lost_a_claim(order) and not was_given_up(order):
        return "a link is new to one creator"
    claims = {
        (step.call.args[0].short_code, step.call.args[0].created_at)
        for step in order.steps
        if type(step.answer) is Claimed
    }
    return None if claims == set(made) else "who claims a link is told so"


def was_given_up(order: Order) -> bool:
    """Tell whether a link was deleted or released: its code may be claimed anew in the same second."""
    return any(
        step.before is not step.after
        and (step.call.method == "release" or (step.call.method == "change" and step.call.args[1].status == DELETED))
        for step in order.steps
    )


def _creator(order: Order, caller: Caller, request: Request, outcome: Any) -> str | None:
    kind, custom_code, *_ = request
    worlds = order.during(caller)
    if isinstance(outcome, Shortened):
        return _creators_link(worlds, request, outcome.link)
    if isinstance(outcome, Gone):
        is_true = any(is_disabled(world, kind, custom_code) for world in worlds)
        return None if is_true else "a creator is told that its link is disabled only if it is"
    if isinstance(outcome, ConflictError):
        rows = [world.links.get(custom_code or "") for world in worlds]
        is_true = any(row is not None and (row.kind != kind or row.max_clicks or request.max_clicks) for row in rows)
        return None if is_true else "a creator is told that its code is taken only if it is"
    has_fault = any(step.fault for step in order.steps if step.caller is caller)
    # Between a request's finding its link and titling it, somebody took it down.
    is_interrupted = request.title and any(
        step.caller is caller and step.call.method == "change" and getattr(step.answer, "kind", None) != kind
        for step in order.steps
    )
    return None if has_fault or is_interrupted else "a request fails only if the store does"


def _creators_link(worlds: list[World], request: Request, link: Link) -> str | None:
    kind, custom_code, now, title, max_clicks = request
    is_found = kind.owner is not None and not custom_code and link.short_code not in derived(kind)
    rules = {
        "a creator gets a live link of its kind": link.kind == kind and link.is_live(now),
        "who asks for no code gets none that a stranger chose": custom_code or not link.custom_code or kind.owner,
        "who asks for a code gets that or none": custom_code in {None, link.short_code},
        "a creator is told of a link as it was while the request ran": link
        in [world.links.get(link.short_code) for world in worlds],
        "who asks for a title gets it": title in {None, link.title},
        "a link's limit is what its creator asked for": link.max_clicks == max_clicks,
        "what is disabled is not made again": is_found
        or max_clicks is not None
        or not all(is_disabled(world, kind, custom_code, before=link.short_code) for world in worlds),
    }
    return next((rule for rule, holds in rules.items() if not holds), None)


def is_disabled(world: World, kind: Kind, custom_code: str | None, before: str = "") -> bool:
    """Tell whether a link that a request would make, or be given, is disabled; one that is tried before a code."""
    tried = takewhile(before.__ne__, [custom_code] if custom_code else derived(kind))
    rows = (world.links.get(code) for code in tried)
    return any(
        row is not None
        and row.kind == kind
        and row.status == DISABLED
        and (custom_code or kind.owner or not row.custom_code)
        for row in rows
    )


def lost_a_claim(order: Order) -> bool:
    """Tell whether a claim is in the order that was repeated: it can't tell its own row from an identical request's."""
    return any(step.fault and step.fault.is_repeated and step.call.method == "claim" for step in order.steps)


@cache
def derived(kind: Kind) -> tuple[str, ...]:
    """Return the codes that a kind's links have, in the order in which they are tried."""
    return tuple(codes.derive(kind, probe, FakeSecretStore().secret()) for probe in range(codes.PROBES))


def _one_link(order: Order) -> str | None:
    """All identical requests get one link, and there is one."""
    told: defaultdict[Kind, set[str]] = defaultdict(set)
    for _, request, outcome in _requests(order):
        if isinstance(outcome, Shortened) and request.custom_code is None and request.max_clicks is None:
            told[request.kind].add(outcome.link.short_code)
            told[request.kind] |= {
                row.short_code
                for row in order.last.links.values()
                if row.kind == request.kind
                and not row.custom_code
                and row.max_clicks is None
                and row.is_live(request.now)
            }
    for kind, short_codes in told.items():
        if len(short_codes) > 1 and not (
            an_earlier_code_came_free(order, kind) or was_moved(order, kind) or was_missed(order, kind)
        ):
            return "identical requests share one link"
    return None


def was_moved(order: Order, kind: Kind) -> bool:
    """Tell whether somebody changed a link into this kind or out of it, or an owner's chosen link came or went."""

    def may_be_told(row: Link | None) -> bool:
        return row is not None and row.kind == kind

    return any(
        may_be_told(old) != may_be_told(new)
        for step in order.steps
        if step.before is not step.after
        for code in step.before.links.keys() | step.after.links.keys()
        for old, new in [(step.before.links.get(code), step.after.links.get(code))]
        if step.call.method in {"change", "release"} or is_elsewhere(old or new, kind)
    )


def was_missed(order: Order, kind: Kind) -> bool:
    """Tell whether an owner's chosen link wasn't found: the index was behind, or the link had expired."""
    return any(
        step.call == ("find", (kind, step.call.args[-1]), {}) and step.answer is None for step in order.steps
    ) and any(is_elsewhere(row, kind) for row in order.last.links.values())


def is_elsewhere(row: Link | None, kind: Kind) -> bool:
    """Tell whether a row is a link of this kind, by a code that its owner chose: the index alone knows it."""
    if row is None or kind.owner is None:
        return False
    return row.kind == kind and row.custom_code and row.short_code not in derived(kind)


def an_earlier_code_came_free(order: Order, kind: Kind) -> bool:
    """Tell whether a code of this kind was another link's, and then was not: what can still make two links."""
    return any(
        is_anothers(step.before.links.get(code), kind) and not is_anothers(step.after.links.get(code), kind)
        for code in derived(kind)
        for step in order.steps
    )


def is_anothers(row: Link | None, kind: Kind) -> bool:
    """Tell whether a row is in the way of a request without a code."""
    return row is not None and (row.kind != kind or row.custom_code)


def _visitors(order: Order, visits: list[tuple[list[World], Visit]]) -> str | None:
    """Each visitor was sent where the code led while the visitor's process was at work, or was told why not."""
    for worlds, visit in visits:
        broken = _visitor(order, [world.links.get(visit.short_code) for world in worlds], visit)
        if broken:
            return broken
    return None


def _visitor(order: Order, rows: list[Link | None], visit: Visit) -> str | None:
    result = visit.result
    if isinstance(result, StoreError) or visit.failure:
        is_limited = any(row is not None and row.max_clicks for row in rows)
        has_failed = order.has_fault or (visit.is_throttled and is_limited)
        return None if has_failed else "a visitor is sent away only if the store fails"
    if result.miss is None:
        return _visitor_sent_on(rows, visit, result)
    if isinstance(result.miss, NotFound):
        return None if None in rows else "a visitor is told that there is no link only if there is none"
    is_gone = not all(row is not None and row.is_live(visit.now) for row in rows)
    return None if is_gone else "a visitor is told that a link is gone only if it is"


def _visitor_sent_on(rows: list[Link | None], visit: Visit, result: Followed) -> str | None:
    """Hold a visitor who is told of a live link against the rules."""
    link = result.link
    places = [(row.kind, row.created_at) for row in rows if row is not None and row.is_live(visit.now)]
    if link is None or (link.kind, link.created_at) not in places or not _may_be_sent_on(visit, link):
        return "no visitor is led to where the code doesn't lead"
    is_limited = link.max_clicks is not None
    if result.is_withheld != (is_limited and visit.visitor is not Visitor.PERSON):
        return "bots don't learn where a link with a limit leads, and people do"
    is_counted = result.is_withheld or result.outcome is Outcome.COUNTED
    return None if is_counted or not is_limited else "who is sent on by a link with a limit is counted"


def _limits(order: Order, visits: list[tuple[list[World], Visit]]) -> str | None:
    """No more people were sent on than the greatest limit that a link had, those before the order among them."""
    sent = Counter(
        (visit.short_code, visit.result.link.created_at)
        for _, visit in visits
        if isinstance(visit.result, Followed) and visit.result.link and visit.result.miss is None
        if visit.result.link.max_clicks is not None and not visit.result.is_withheld
    )
    for (short_code, created_at), number in sent.items():
        worlds = (order.first, *(step.after for step in order.steps))
        rows = (world.links.get(short_code) for world in worlds)
        own = [row for row in rows if row is not None and row.created_at == created_at]
        most = max(row.max_clicks or 0 for row in own)
        if number > most - (own[0].click_count - own[0].bot_click_count):
            return "no more people are told where a link leads than its limit lets through"
    return None


def _may_be_sent_on(visit: Visit, link: Link) -> bool:
    """Tell whether a link as the visitor's process knew it may be followed; the visitor's own click may be its last."""
    is_last = visit.outcome is Outcome.COUNTED and link.is_used_up
    return link.is_live(visit.now) or (is_last and replace(link, click_limit=None).is_live(visit.now))


def _readers(order: Order) -> str | None:
    """Whoever reads statistics is told what there was when the row was read."""
    for caller, outcome in order.outcomes.items():
        if isinstance(outcome, Statistics):
            own = (step for step in order.steps if step.caller is caller and step.call.method == "get")
            *_, world = (step.before for step in own if not step.fault)
            link, days = outcome
            if (link, +Counter(days)) != (world.links.get(link.short_code), world.days(link)):
                return "a reader is told of every day as it was, once"
    return None


def _movers(order: Order) -> str | None:
    """Who says that days were moved has moved them."""
    for caller, outcome in order.outcomes.items():
        if isinstance(outcome, Batch) and outcome.moved:
            own = (step for step in order.steps if step.caller is caller and step.call.method == "move_days")
            if outcome.moved != sum(step.before is not step.after for step in own):
                return "who says that days were moved has moved them"
    return None


def _clicks_told(order: Order, clicks: list[Outcome]) -> str | None:
    """Every click that is told to be counted is counted, and no other, but for those of which nobody knows."""
    batches = [outcome for outcome in order.outcomes.values() if isinstance(outcome, Batch)]
    counted = sum(map(clicks_of, order.steps))
    told = clicks.count(Outcome.COUNTED) + sum(batch.added for batch in batches)
    unknown = clicks.count(Outcome.UNCERTAIN) + sum(len(batch.returned) for batch in batches)
    return None if told <= counted <= told + unknown else "no click is counted twice or lost"


def _clicks_queued(order: Order, clicks: list[Outcome]) -> str | None:
    """Whatever is in the queue at the end is counted once, or its link is no more."""
    queued, unknown = clicks.count(Outcome.QUEUED), clicks.count(Outcome.UNCERTAIN)
    first, last = order.first.clicks, order.last.clicks
    messages = dict.fromkeys(last)
    if not queued <= len(messages) - len(first) <= queued + unknown:
        return "what is told to be queued is in the queue"
    if last == first and order.last.late_clicks == order.first.late_clicks:
        return None
    waiting = [click for click in messages if click.id not in order.last.late_clicks]
    oldest = later(last) - OLDEST_CLICK
    there = (click for click in waiting if is_there(order.last, click.short_code, click.created_at))
    countable = [click for click in there if click.clicked_at >= oldest]
    added = empty_queue(tuple(order.last.links.values()), order.last.late_clicks, last)
    return None if added == (len(countable), 0) else "a click in the queue is counted once, however often it comes"


@cache
def empty_queue(links: tuple[Link, ...], known: frozenset[str], messages: tuple[Click, ...]) -> tuple[int, int]:
    """Return how many clicks are added when all messages come at the end, and when they come once more."""
    store = FakeLinkStore(*links)
    store.late_clicks = set(known)
    bodies = {str(number): click.to_message() for number, click in enumerate(messages)}
    first, again = (do_later(bodies, store, later(messages)).added for _ in range(2))
    return first, again


def later(clicks: tuple[Click, ...]) -> int:
    """Return when the queue is emptied that has these clicks in it."""
    return max(click.clicked_at for click in clicks) + LATER


def is_there(world: World, short_code: str, created_at: str) -> bool:
    """Tell whether a link still has its row."""
    row = world.links.get(short_code)
    return row is not None and row.created_at == created_at
