"""What the commands show: results on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from .errors import UsageError

BAR = "█"
_LONG = {"destination", "title", "name"}  # columns that are cut where a terminal is too narrow
_EIGHTHS = " ▏▎▍▌▋▊▉"


def show_json(value: object) -> None:
    """Print a value as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=sys.stdout.isatty()))  # a terminal obeys some characters


def say(text: str) -> None:
    """Tell people something that is no result."""
    click.echo("".join(each if each.isprintable() or each == "\n" else " " for each in text), err=True)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on a terminal; elsewhere a line for each row, its fields separated by tabs."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(_one_line(cell) for cell in row))
        return
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column not in _LONG)
    for row in rows:  # as texts: rich would read markup in a title
        table.add_row(*(Text(_one_line(cell), no_wrap=True, overflow="ellipsis") for cell in row))
    Console().print(table)


def show_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values, a line each."""
    width = max(map(len, fields))
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {_one_line(value)}")


def _one_line(value: object) -> str:
    """Return a value as text that can neither end a line nor steer a terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(each if each.isprintable() else " " for each in text)


def confirm(question: str, *, yes: bool, is_piped: bool = False) -> None:
    """Ask before what can't be undone, unless `yes` was said; where nobody can answer, it has to be said."""
    if yes:
        return
    if is_piped or not sys.stdin.isatty():
        raise UsageError("Nobody can be asked here: say --yes to do it")
    click.confirm(question, abort=True, err=True)


def bar(value: int, most: int, width: int) -> str:
    """Return a bar whose length is to `width` as `value` is to `most`, to an eighth of a character."""
    eighths = round(8 * width * value / most) if most else 0
    return (BAR * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip() or ("▏" if value else "")


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Show on a terminal how far something is; show nothing where standard error isn't one."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda: shown.advance(task)
