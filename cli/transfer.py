"""Links from other products and from backups, and out of squrl again: import and export."""

import csv
import io
import itertools
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import click

from .api import Api, message
from .errors import Refused, UsageError, telling
from .exports import WRITERS
from .formats import CAVEATS, READERS
from .links import batches, bulk, pages
from .options import as_json, connected
from .output import progress, say, show_json
from .rows import COLUMNS, Row, entry

_OUTCOMES = {201: "new", 200: "there"}  # by the status of a result
_REFUSED = "refused"


class _Line(NamedTuple):
    """A link of the file, and what is sent of it; or why nothing is."""

    row: Row
    entry: dict[str, Any] | None
    reason: str = ""
    notes: tuple[str, ...] = ()


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "product", type=click.Choice(list(READERS)), required=True, help="Whose format the file has.")
@click.option("--owner", help="Whose links they become; if absent, the file's owners', or that of the key.")
@click.option(
    "--type",
    "redirect_type",
    type=click.Choice(["301", "302"]),
    help="The redirects' status, if the file says none; 301 if absent.",
)
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and change nothing.")
@click.option("--start", type=click.IntRange(1), default=1, metavar="LINE", help="Go on from this line.")
@click.option("--refused", type=click.Path(dir_okay=False, path_type=Path), help="The file for what can't be taken.")
@as_json
@connected
def import_links(api: Api, file: Path, product: str, start: int, **options: Any) -> None:  # noqa: ANN401 (options)
    """Take links over from another product.

    `--from csv` takes what `squrl export --format csv` wrote. Codes, times, titles, tags and expiry stay, and clicks so
    far are shown apart. What can't be taken goes with line and reason into a file: of links.csv into links.refused.csv.
    Correct it there, and import that --from csv. Everything else goes in.
    Importing a file again changes nothing.
    """
    refused = None if options["dry_run"] else _refused_file(file, options["refused"], is_continued=start > 1)
    counts, next_line = Counter[str](), start
    rows = _completed(_read(file, product), options["owner"], options["redirect_type"])

    def told() -> str:
        return f"{_told(counts)}. `--start {next_line}` goes on from there; from the beginning would do no harm."

    with telling(told), _refusals(refused) as refuse, progress("links", _total(file, product, start)) as advance:
        for batch in batches(_lines(rows, start), lambda line: line.entry):
            for line, outcome in _sent(api, batch, is_dry_run=refused is None):
                counts[outcome if outcome in _OUTCOMES.values() else _REFUSED] += 1
                if outcome not in _OUTCOMES.values():
                    refuse(line.row, outcome)
                elif line.notes:
                    say(f"line {line.row.line}: {line.row.fields['short_code']}: {'; '.join(line.notes)}")
                advance()
            next_line = batch[-1].row.line + 1
    if product in CAVEATS:
        say(CAVEATS[product])
    if options["as_json"]:
        show_json({name: counts[name] for name in (*_OUTCOMES.values(), _REFUSED)})
    say(f"{_told(counts)}." if refused else f"Nothing was changed. It would be: {_told(counts)}.")
    if counts[_REFUSED] and refused:
        raise Refused(f"{refused} has those that were refused, and why: correct them there, and import it --from csv")
    if counts[_REFUSED]:
        raise Refused("Some lines would be refused")


def _total(file: Path, product: str, start: int) -> int | None:
    """Return how many links there are to import, for the bar; `None` if nobody sees it, or a pipe can be read once."""
    is_seen = sys.stderr.isatty() and file.is_file()
    return sum(row.line >= start for row in _read(file, product)) if is_seen else None


def _refused_file(file: Path, chosen: Path | None, *, is_continued: bool) -> Path:
    """Return where refused lines are written: what was corrected in an earlier one is never written over."""
    named = itertools.chain([".refused.csv"], (f".refused-{number}.csv" for number in itertools.count(2)))
    before, found = None, chosen or file.with_suffix(next(named))
    while not chosen and found.exists():
        before, found = found, file.with_suffix(next(named))
    if chosen and chosen.exists() and not is_continued:
        raise UsageError(f"{chosen} is there already: name another file with --refused")
    return before if before and is_continued else found


def _read(file: Path, product: str) -> Iterator[Row]:
    """Yield a file's links; raise a `UsageError` if it isn't that product's."""
    try:
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as source:
            yield from READERS[product](source)
    except ValueError as error:
        raise UsageError(f"{file} isn't in the format {product}: {error}") from error


def _completed(rows: Iterable[Row], owner: str | None, redirect_type: str | None) -> Iterator[Row]:
    """Yield rows with what the command line says of all of them."""
    for row in rows:
        said = {
            "owner": owner or row.fields.get("owner"),
            "redirect_type": row.fields.get("redirect_type") or redirect_type,
        }
        yield row._replace(fields={**row.fields, **{name: text for name, text in said.items() if text}})


def _lines(rows: Iterable[Row], start: int) -> Iterator[_Line]:
    for row in rows:
        if row.line < start:
            continue
        try:
            sent, notes = entry(row)
        except ValueError as error:
            yield _Line(row, None, str(error))
        else:
            yield _Line(row, sent, notes=tuple(notes))


def _sent(api: Api, batch: list[_Line], *, is_dry_run: bool) -> Iterator[tuple[_Line, str]]:
    """Yield what came of each line: new, there already, or why it was refused."""
    entries = [line.entry for line in batch if line.entry is not None]
    query = {"dry_run": "true"} if is_dry_run else None
    results = iter(bulk(api, "POST", "/links/import", "links", entries, query=query) if entries else ())
    for line in batch:
        if line.entry is None:
            yield line, line.reason
            continue
        result = next(results)
        yield line, _OUTCOMES.get(result["status"]) or message(result["error"], result["status"])


@contextmanager
def _refusals(file: Path | None) -> Iterator[Callable[[Row, str], None]]:
    """Tell what is refused, and write it into a file, which is made when the first is."""
    opened: TextIO | None = None

    def refuse(row: Row, reason: str) -> None:
        nonlocal opened
        say(f"line {row.line}: {row.fields.get('short_code', '')}: {reason}")
        if file is None:
            return
        if opened is None:
            opened = _append_to(file)
        csv.writer(opened).writerow((*(row.fields.get(name, "") for name in COLUMNS), row.line, reason))

    try:
        yield refuse
    finally:
        if opened is not None:
            opened.close()


def _append_to(file: Path) -> TextIO:
    try:
        # What can't be encoded is written as an escape: that line was refused for it.
        opened = file.open("a", encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}") from error
    if opened.tell() == 0:
        csv.writer(opened).writerow((*COLUMNS, "line", "reason"))
    return opened


def _told(counts: Counter[str]) -> str:
    return f"{counts['new']} new, {counts['there']} there already, {counts[_REFUSED]} refused"


@click.command("export")
@click.option("--format", "format_", type=click.Choice(list(WRITERS)), required=True)
@click.option("--owner", help="Another owner's, or '*' for everybody's; needs an admin's key, --stack or --local.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; else standard output.")
@connected
def export_links(api: Api, format_: str, owner: str | None, output: Path | None) -> None:
    """Write all links, for a backup or another server.

    csv, json and jsonl have all that squrl tells of them; `squrl import --from csv` reads csv back. nginx, netlify and
    s3 are for a server that goes on without squrl, and have the links that visitors can follow now. What is left out,
    or isn't the same there, is said.
    """
    links = pages(api, {"owner": owner} if owner else {})
    kept = f"{output} is as it was." if output else "What was printed is incomplete."
    with telling(lambda: kept), _output(output) as file, progress("links") as advance:
        summary = WRITERS[format_](_counted(links, advance), file)
    for sentence in summary.told():
        say(sentence)


def _counted(links: Iterator[dict[str, Any]], advance: Callable[[], None]) -> Iterator[dict[str, Any]]:
    for link in links:
        advance()
        yield link


@contextmanager
def _output(file: Path | None) -> Iterator[Any]:
    """Open standard output, or a file that gets its name once it is whole."""
    if file is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="strict", newline="")
        yield sys.stdout
        sys.stdout.flush()
        return
    file = file.resolve()  # a link stays one
    try:
        if file.exists() and not file.is_file():  # a pipe, or a device
            with file.open("w", encoding="utf-8", newline="") as opened:
                yield opened
            return
        with _beside(file) as new:
            yield new
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}") from error


@contextmanager
def _beside(file: Path) -> Iterator[Any]:
    """Open a new file, with the mode of the one whose place it takes; else its owner alone can read it."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8", newline="") as new:
        try:
            yield new
            new.flush()
            if file.exists():
                Path(new.name).chmod(stat.S_IMODE(file.stat().st_mode))
            Path(new.name).replace(file)
        except BaseException:
            Path(new.name).unlink()
            raise


COMMANDS = (import_links, export_links)
