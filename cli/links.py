"""Links: make, list, look at, measure, change and take down."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, TypeVar
from urllib.parse import urlsplit

import click

from .api import Api, message, pause
from .errors import Refused, Unreachable, UsageError, telling
from .options import Count, Hours, as_json, connected
from .output import bar, confirm, progress, say, show_fields, show_json, show_table

BULK = 100  # links of one request
PAGE = 100
SHOWN = 50  # links of a list, unless all are asked for
STDIN = "-"
_ATTEMPTS = 5  # for the entries of a bulk request that squrl was too busy for
_BUSY = {429, 503}
_CODE = re.compile(r"(?:(?:https?://)?([^/?#@\[\]\s]+)/)?([A-Za-z0-9_-]{1,64})[+/]?")
_MAX_BATCH = 200_000  # bytes of JSON: a request has at most 256 KB
_BEGINS_WITH_HOST = re.compile(r"[\w-]+(\.[\w-]+)+(:[0-9]+)?([/?#]|$)")
_COLUMNS = ("short_code", "click_count", "status", "original_url", "title")

Link = dict[str, Any]
Item = TypeVar("Item")


@click.command()
@click.argument("url")
@click.option("--code", help="The code to use, 3 to 20 letters, digits, underscores or hyphens.")
@click.option("--ttl", type=Hours(), help="How long it lives, such as 36h, 7d or 2w.")
@click.option(
    "--type", "redirect_type", type=click.Choice(["301", "302"]), help="The redirect's status; 301 if absent."
)
@click.option("--forward", is_flag=True, help="Add a visitor's query parameters to the destination's.")
@click.option("--max-clicks", type=Count(), help="How many people are sent on at most.")
@click.option("--title", help="For people.")
@click.option("--tag", "tags", multiple=True, help="For people and for filters; may be given several times.")
@click.option("--owner", help="Whose link it is; needs an admin's key, --stack or --local.")
@click.option("--qr", is_flag=True, help="Draw the QR code, too.")
@as_json
@connected
def create(api: Api, url: str, *, code: str | None, qr: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Shorten a URL, and print the short one and nothing else.

    A missing https:// is added. For the URL -, standard input has a URL in each line; for one that is refused, an empty
    line is printed, so that the lines of input and output belong together.
    """
    wanted = {
        "custom_code": code,
        "ttl_hours": options["ttl"] or None,
        "redirect_type": options["redirect_type"],
        "forward_query": options["forward"] or None,
        "max_clicks": options["max_clicks"] or None,
        "title": options["title"],
        "tags": list(options["tags"]) or None,
        "owner": options["owner"],
    }
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if url == STDIN:
        if code:
            raise UsageError("--code is for one URL: no two can have the same code")
        _create_all(api, wanted, qr=qr, as_json=as_json)
        return
    [result] = _made(api, [wanted | {"original_url": _with_scheme(url)}])
    _show_made(api, _link(result), qr=qr, as_json=as_json)


def _create_all(api: Api, wanted: Link, *, qr: bool, as_json: bool) -> None:
    refused = done = 0

    def told() -> str:
        again = (
            "none is made twice if you send them all again" if _is_repeatable(wanted) else "send only the others again"
        )
        return f"{_counted(done, 'line')} answered; {again}."

    with telling(told):
        for batch in batches(enumerate(lines(), 1), lambda line: line[1], BULK if _has_bulk(api) else 1):
            sent = [(number, wanted | {"original_url": _with_scheme(url)}) for number, url in batch if _is_text(url)]
            results = dict(zip((number for number, _ in sent), _made(api, [entry for _, entry in sent]), strict=True))
            for number, url in batch:
                done += 1
                result = results.get(number, {"status": 400, "error": {"message": "That isn't UTF-8"}})
                if not url or "link" not in result:
                    refused += bool(url)
                    if url:
                        say(f"line {number}: {url}: {message(result['error'], result['status'])}")
                    if not as_json:
                        click.echo()
                else:
                    _show_made(api, result["link"], qr=qr, as_json=as_json)
    if refused:
        raise Refused(f"{_counted(refused, 'URL')} refused")


def _is_text(url: str) -> bool:
    return bool(url) and "\ufffd" not in url


def _made(api: Api, entries: list[Link]) -> list[Link]:
    """Return what came of links to be made: through the one route that works without a key, if there is none."""
    if not entries:
        return []
    if _has_bulk(api):
        return bulk(api, "POST", "/links/bulk", "links", entries)
    answers = [api.ask("POST", "/create", entry, repeatable=_is_repeatable(entry)) for entry in entries]
    return [{"status": each.status, "link" if each.is_done else "error": each.body} for each in answers]


def _has_bulk(api: Api) -> bool:
    return api.has_owner or api.is_operator


def _is_repeatable(entry: Mapping[str, Any]) -> bool:
    """Tell whether making a link twice makes it once: one with a limit is nobody else's, but for an imported one."""
    return "max_clicks" not in entry or "short_code" in entry


def _with_scheme(url: str) -> str:
    """Add a missing https:// to what begins with a host's name."""
    return f"https://{url}" if _BEGINS_WITH_HOST.match(url) else url


def _show_made(api: Api, link: Link, *, qr: bool, as_json: bool) -> None:
    show_json(link) if as_json else click.echo(_short_url(api, link))
    if qr:
        _draw(_short_url(api, link), sys.stderr if as_json else sys.stdout)


def _short_url(api: Api, link: Link) -> str:
    """Return a link's short URL, which a stack without a domain of its own doesn't know when it is invoked directly."""
    return link["short_url"] or f"{api.url}/{link['short_code']}"


@click.command("list")
@click.option("--q", "text", help="A part of code, destination or title, in any case.")
@click.option("--tag", help="One of the tags.")
@click.option("--status", type=click.Choice(["active", "expired", "used_up", "disabled", "deleted"]))
@click.option("--url", help="The destination.")
@click.option("--owner", help="Another owner's, or '*' for everybody's; needs an admin's key, --stack or --local.")
@click.option("--all", "everything", is_flag=True, help="All of them; else fifty.")
@as_json
@connected
def list_links(api: Api, text: str | None, *, everything: bool, as_json: bool, **filters: str | None) -> None:
    """List links, the newest first.

    Elsewhere than on a terminal, each is a line of code, clicks, status, destination and title with tabs between them.
    With --json each is a line of JSON.
    """
    query = {name: value for name, value in {"q": text, **filters}.items() if value}
    most = None if everything else SHOWN
    links = pages(api, query, PAGE if everything else SHOWN + 1)
    found = islice(links, most)
    if as_json:
        for link in found:
            show_json(link)
    else:
        show_table(
            ("code", "clicks", "status", "destination", "title"), ([link[n] for n in _COLUMNS] for link in found)
        )
    if not everything and next(links, None):
        say(f"There are more than {SHOWN}: --all shows them.")


def pages(api: Api, query: Mapping[str, str], size: int = PAGE) -> Iterator[Link]:
    """Yield links, page by page of a size."""
    cursor: str | None = ""
    while cursor is not None:
        page = api.call("GET", "/links", query={**query, "limit": str(size)} | ({"cursor": cursor} if cursor else {}))
        yield from page["links"]
        cursor = page["cursor"]


@click.command()
@click.argument("code")
@as_json
@connected
def show(api: Api, code: str, *, as_json: bool) -> None:
    """Show all that is known of a link."""
    _show(api.call("GET", f"/links/{_code(api, code)}"), as_json=as_json)


def _show(link: Link, *, as_json: bool) -> None:
    show_json(link) if as_json else show_fields(link)


@click.command()
@click.argument("code")
@click.option("--from", "first", metavar="DAY", help="The first day, such as 2026-11-01; 29 days before the last one.")
@click.option("--to", "last", metavar="DAY", help="The last day; today if absent. At most 400 days.")
@as_json
@connected
def stats(api: Api, code: str, first: str | None, last: str | None, *, as_json: bool) -> None:
    """Show a link's clicks by day.

    Days are UTC. People are bars, bots a sum.
    """
    window = {name: day for name, day in (("from", first), ("to", last)) if day}
    found = api.call("GET", f"/links/{_code(api, code)}/stats", query=window)
    if as_json:
        show_json(found)
        return
    days = found["days"]
    most = max(day["clicks"] for day in days)
    width = max(shutil.get_terminal_size().columns - len(days[0]["date"]) - len(str(most)) - 4, 10)
    for day in days:
        click.echo(f"{day['date']}  {day['clicks']:>{len(str(most))}}  {bar(day['clicks'], most, width)}".rstrip())
    people = found["click_count"] - found["bot_click_count"]
    click.echo(
        f"{sum(day['clicks'] for day in days)} from {found['from']} to {found['to']}; "
        f"{people} {'person' if people == 1 else 'people'} and {_counted(found['bot_click_count'], 'bot')} "
        "since the link was made"
        + (f", {found['undated_click_count']} of them on days unknown" if found["undated_click_count"] else "")
    )


@click.command()
@click.argument("code")
@click.option("--url", help="Another destination.")
@click.option("--type", "redirect_type", type=click.Choice(["301", "302"]), help="The redirect's status.")
@click.option("--forward/--no-forward", default=None, help="Whether a visitor's query parameters are passed on.")
@click.option("--ttl", type=Hours(), help="How long it lives from now on, such as 36h, 7d or 2w; or never.")
@click.option(
    "--max-clicks", type=Count(), help="How many people are sent on at most, those so far among them; or none."
)
@click.option("--title", help="For people; '' removes it.")
@click.option("--tag", "tags", multiple=True, help="All tags that it then has; '' removes them.")
@as_json
@connected
def edit(api: Api, code: str, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Change a link. What isn't named stays."""
    change: Link = {}
    for name, field in (("url", "original_url"), ("redirect_type", "redirect_type"), ("forward", "forward_query")):
        if options[name] is not None:
            change[field] = options[name]
    if "original_url" in change:
        change["original_url"] = _with_scheme(change["original_url"])
    for name, field in (("ttl", "ttl_hours"), ("max_clicks", "max_clicks"), ("title", "title")):
        if options[name] is not None:
            change[field] = options[name] or None
    if options["tags"]:
        change["tags"] = [tag for tag in options["tags"] if tag] or None
    if not change:
        raise UsageError("Say what to change: `squrl edit --help` shows what can be")
    link = api.call("PATCH", f"/links/{_code(api, code)}", change)
    _show({name: value for name, value in link.items() if name != "cached_until"}, as_json=as_json)
    _say_what_stays([link])


_codes = click.argument("codes", metavar="CODE...", nargs=-1, required=True)


@click.command()
@_codes
@as_json
@connected
def disable(api: Api, codes: Sequence[str], *, as_json: bool) -> None:
    """Take links down for a while: visitors get a 410.

    `squrl enable` brings them back. For -, standard input has the codes.
    """
    _set_status(api, codes, "disabled", as_json=as_json)


@click.command()
@_codes
@as_json
@connected
def enable(api: Api, codes: Sequence[str], *, as_json: bool) -> None:
    """Bring links back that were disabled. For -, standard input has the codes."""
    _set_status(api, codes, "active", as_json=as_json)


def _set_status(api: Api, codes: Sequence[str], status: str, *, as_json: bool) -> None:
    wanted, changed, refused = _all_codes(api, codes), list[Link](), 0
    with telling(lambda: f"{len(changed)} of {len(wanted)} are {status}."), progress(status, len(wanted)) as advance:
        for batch in batches(wanted):
            results = bulk(api, "PATCH", "/links/bulk", "short_codes", batch, {"set": {"status": status}})
            for code, result in zip(batch, results, strict=True):
                advance()
                if "link" in result:
                    changed.append(result["link"])
                    show_json(result["link"]) if as_json else say(f"{code}: {result['link']['status']}")
                else:
                    refused += 1
                    say(f"{code}: {message(result['error'], result['status'])}")
    _say_what_stays(changed)
    if refused:
        raise Refused(f"{refused} of {_counted(len(wanted), 'link')} refused; the others are {status}")


def _say_what_stays(links: Iterable[Link]) -> None:
    until = max((link["cached_until"] for link in links if link.get("cached_until")), default=None)
    if until:
        say(f"Browsers that followed it lately may go where it led until {until}.")


@click.command()
@_codes
@click.option("--release", is_flag=True, help="Remove the rows too, so that the codes are free; admins alone may.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@as_json
@connected
def delete(api: Api, codes: Sequence[str], *, release: bool, yes: bool, as_json: bool) -> None:
    """Delete links for good: visitors get a 410.

    Destination, title and tags are erased, statistics stay. For -, standard input has the codes.
    """
    wanted = _all_codes(api, codes)
    confirm(f"Delete {_counted(len(wanted), 'link')}? Nothing brings them back", yes=yes, is_piped=STDIN in codes)
    done = refused = 0
    with telling(lambda: f"{done} of {len(wanted)} are deleted."), progress("deleted", len(wanted)) as advance:
        for code in wanted:
            try:
                api.call("DELETE", f"/links/{code}", query={"release": "true"} if release else None)
            except Refused as error:
                refused += 1
                say(f"{code}: {error.message}")
            else:
                done += 1
                status = "released" if release else "deleted"
                show_json({"short_code": code, "status": status}) if as_json else say(f"{code}: {status}")
            advance()
    if refused:
        raise Refused(f"{refused} of {_counted(len(wanted), 'link')} refused; the others are deleted")


@click.command()
@click.argument("code")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="An .svg or a .png file.")
@connected
def qr(api: Api, code: str, output: Path | None) -> None:
    """Draw a short URL's QR code, here or into a file."""
    short_url = _short_url(api, api.call("GET", f"/links/{_code(api, code)}"))
    if output is None:
        _draw(short_url, sys.stdout)
    elif output.suffix.lower() not in {".svg", ".png"}:
        raise UsageError(f"{output} must end in .svg or .png")
    else:
        _code_of(short_url).save(str(output), scale=10, border=4)
        say(f"{output}: {short_url}")


def _draw(short_url: str, out: TextIO) -> None:
    _code_of(short_url).terminal(out, compact=True)


def _code_of(text: str) -> Any:  # noqa: ANN401 (segno has no types)
    import segno  # noqa: PLC0415 - for this alone

    return segno.make(text, error="m", micro=False)


@click.command("open")
@click.argument("code")
@connected
def open_link(api: Api, code: str) -> None:
    """Follow a link in the browser. That is a click like any other."""
    short_url = _short_url(api, api.call("GET", f"/links/{_code(api, code)}"))
    say(short_url)
    if click.launch(short_url):
        raise Refused("No browser could be started")


def bulk(  # noqa: PLR0913, PLR0917 (a request has that many parts)
    api: Api,
    method: str,
    path: str,
    name: str,
    entries: Sequence[Any],
    others: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return a bulk request's results, in order; entries that squrl was too busy for are sent again a few times.

    Each result has a ``status``, and a ``link`` or an ``error``.
    """
    results: list[dict[str, Any]] = [{}] * len(entries)
    left = list(range(len(entries)))
    for attempt in range(_ATTEMPTS):
        sent = [entries[each] for each in left]
        repeatable = all(_is_repeatable(each) for each in sent if isinstance(each, dict))
        body = {name: sent, **(others or {})}
        answered = api.call(method, path, body, query, repeatable=repeatable)["results"]
        for each, result in zip(left, answered, strict=True):
            results[each] = result
        # Of an entry that isn't repeatable, a 503 may have made the link.
        left = [each for each in left if results[each]["status"] in (_BUSY if repeatable else {429})]
        if not left or attempt == _ATTEMPTS - 1:
            break
        pause(attempt)
    return results


def batches(
    items: Iterable[Item], sent: Callable[[Item], object] = lambda item: item, most: int = BULK
) -> Iterator[list[Item]]:
    """Yield as many items at once as one request may have; `sent` returns what is sent of one."""
    batch, size = list[Item](), 0
    for item in items:
        length = len(json.dumps(sent(item)))
        if batch and (len(batch) == most or size + length > _MAX_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


def lines() -> Iterator[str]:
    """Yield the lines of standard input, without the white space around them."""
    return map(str.strip, click.get_text_stream("stdin", encoding="utf-8-sig", errors="replace"))


def _code(api: Api, text: str) -> str:
    """Return the code that is meant by a code, or by a short URL as people copy it.

    Raises
    ------
    UsageError
        If it is neither, or the short URL is another service's.
    """
    match = _CODE.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is neither a code nor a short URL")
    host, code = match.groups()
    if host and host.lower() != urlsplit(api.url).netloc:  # it may have several
        link = api.call("GET", f"/links/{code}")
        if host.lower() != urlsplit(_short_url(api, link)).netloc:
            raise UsageError(f"{text} isn't a short URL of {api.url}")
    return code


def _all_codes(api: Api, codes: Sequence[str]) -> list[str]:
    """Return the codes that were given, and those of standard input in the place of a hyphen."""
    given = [line.split("\t")[0] for line in lines()] if STDIN in codes else []
    named = [*(code for code in codes if code != STDIN), *filter(None, given)]
    if not named:
        raise UsageError("Standard input has no codes")
    return list(dict.fromkeys(_code(api, each) for each in named))


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _link(result: dict[str, Any]) -> Link:
    if "link" not in result:
        failure = Unreachable if result["status"] >= 500 else Refused  # noqa: PLR2004 (the server's errors)
        raise failure(message(result["error"], result["status"]))
    link: Link = result["link"]
    return link


COMMANDS = (create, list_links, show, stats, edit, disable, enable, delete, qr, open_link)
