"""What other products export, read as squrl's fields.

A reader only translates. What it can't translate, such as a date, stays as it was: `cli.rows.entry` or the API then
says what is wrong with it, and the line can be corrected. No line is left out, none ends the reading.
"""

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from .rows import COLUMNS, Row

# Reads an open file: UTF-8 with or without a byte order mark, opened with newline="" and errors="surrogateescape", so
# that a line with other bytes is refused instead of changed. Raises ValueError, in words for people, when the file as a
# whole isn't of that format.
Reader = Callable[[TextIO], Iterator[Row]]
# What a line or an object has, by its name in lower case without blanks, underscores and hyphens.
_Cells = Mapping[str, str]
_Translate = Callable[[_Cells], dict[str, str]]


def _squrl(cells: _Cells) -> dict[str, str]:
    """Translate what ``squrl export --format csv`` writes, or a file of refused lines: any of `cli.rows.COLUMNS`."""
    return {name: cells.get(_plain(name), "") for name in COLUMNS}


def _bitly(cells: _Cells) -> dict[str, str]:
    """Translate a line of Bitly's "Export" of links, or of a script that wrote its API's names.

    Columns: Link, Custom Link, Date created, Title, Destination URL, Engagements, Status (after
    github.com/URLR/urlr-docs, migration/bitly.md, and github.com/everett7623/Linketry, importers/mainstreamCore.ts);
    formerly Bitlink, Long URL, Title, Created, Total Clicks, Tags; in the API link, long_url, title, created_at, tags
    (dev.bitly.com/api-reference). A custom link, which is on one's own domain, goes before the generic one.
    """
    status = cells.get("status", "").strip().lower()
    return {
        "short_code": _code(_first(cells, "customlink", "link", "bitlink", "shortlink")),
        "original_url": _first(cells, "destinationurl", "longurl"),
        "title": _first(cells, "title"),
        "tags": _tags(_first(cells, "tags")),
        "status": "disabled" if status in {"deleted", "expired"} else status,
        "created_at": _time(_first(cells, "datecreated", "created", "createdat")),
        "imported_clicks": _count(_first(cells, "engagements", "totalclicks", "clicks")),
    }


def _shlink(cells: _Cells) -> dict[str, str]:
    """Translate a line of shlink-web-client's ``short_urls.csv``.

    Columns: createdAt, domain, shortCode, shortUrl, longUrl, title, tags with bars between them, visits
    (github.com/shlinkio/shlink-web-component, src/short-urls/helpers/ExportShortUrlsBtn.tsx); older ones are without
    domain and shortCode.
    """
    return {
        "short_code": _first(cells, "shortcode") or _code(_first(cells, "shorturl")),
        "original_url": _first(cells, "longurl"),
        "title": _first(cells, "title"),
        "tags": _first(cells, "tags"),
        "created_at": _time(_first(cells, "createdat")),
        "imported_clicks": _first(cells, "visits"),
    }


def _dub(cells: _Cells) -> dict[str, str]:
    """Translate a line of Dub's "Export links".

    Columns, each of which may be left out: Short link, Destination URL, Clicks, Created at, Link ID, Updated at, Tags,
    Archived (github.com/dubinc/dub, apps/web/ui/modals/export-links-modal.tsx and
    apps/web/lib/api/links/format-links-for-export.ts); formerly link, url, clicks, createdAt, id, updatedAt, tags,
    archived. An archived link still leads where it led, so it stays active and gets the tag "archived".
    """
    is_archived = _first(cells, "archived").lower() == "true"
    return {
        "short_code": _code(_first(cells, "shortlink", "link")),
        "original_url": _first(cells, "destinationurl", "url"),
        "title": _first(cells, "title"),
        "tags": ",".join(filter(None, ["archived" if is_archived else "", _tags(_first(cells, "tags"))])),
        "created_at": _time(_first(cells, "createdat")),
        "expires_at": _time(_first(cells, "expiresat")),
        "imported_clicks": _first(cells, "clicks"),
    }


def _yourls(cells: _Cells) -> dict[str, str]:
    """Translate a line of YOURLS' table of links; addresses of clients, which it has too, are never taken.

    Columns: keyword, url, title, timestamp, ip, clicks, as the table has them (github.com/YOURLS/YOURLS,
    includes/functions-install.php; times are UTC, includes/Config/Init.php), or those of the plugin Import Export:
    source (``/keyword/``), target, hits (github.com/GautamGupta/YOURLS-Import-Export, fileio/csv.php). phpMyAdmin
    writes ``NULL`` for a title that isn't there.
    """
    title = _first(cells, "title")
    return {
        "short_code": _first(cells, "keyword", "source").strip("/"),
        "original_url": _first(cells, "url", "target"),
        "title": "" if title == "NULL" else title,
        "created_at": _time(_first(cells, "timestamp")),
        "imported_clicks": _first(cells, "clicks", "hits"),
    }


def _kutt(cells: _Cells) -> dict[str, str]:
    """Translate a link of Kutt's ``GET /api/v2/links``; it has no export (github.com/thedevs-network/kutt).

    An object of address, target, description, created_at, expire_in, visit_count, banned, and password, which is true
    or false (server/utils/utils.js, sanitize.link). A link that asks for a password is disabled, as squrl can't ask.
    """
    is_shut = _first(cells, "banned") == "true" or _first(cells, "password") not in {"", "false"}
    return {
        "short_code": _first(cells, "address"),
        "original_url": _first(cells, "target"),
        "title": _first(cells, "description"),
        "status": "disabled" if is_shut else "",
        "created_at": _time(_first(cells, "createdat")),
        "expires_at": _time(_first(cells, "expirein")),
        "imported_clicks": _first(cells, "visitcount"),
    }


def _sink(cells: _Cells) -> dict[str, str]:
    """Translate a link of the export of Sink's dashboard, ``sink-links-....json``, or of ``GET /api/link/export``.

    An object of slug, url, title, comment, tags, createdAt and expiration in Unix seconds, redirectWithQuery, password,
    unsafe (github.com/miantiao-me/Sink, formerly ccbikai/Sink: app/components/dashboard/migrate/Export.vue and
    shared/schemas/link.ts). A link that asks for a password, or to confirm that it is unsafe, is disabled, as squrl
    can't ask.
    """
    is_shut = _first(cells, "unsafe") == "true" or bool(_first(cells, "password"))
    return {
        "short_code": _first(cells, "slug"),
        "original_url": _first(cells, "url"),
        "title": _first(cells, "title", "comment"),
        "tags": _first(cells, "tags"),
        "status": "disabled" if is_shut else "",
        "forward_query": _first(cells, "redirectwithquery"),
        "created_at": _time(_first(cells, "createdat")),
        "expires_at": _time(_first(cells, "expiration")),
    }


def _first(cells: _Cells, *names: str) -> str:
    """Return the first of the cells that has something in it."""
    return next((text for name in names if (text := cells.get(name, "").strip())), "")


def _plain(name: str) -> str:
    return re.sub("[\\s_\ufeff-]", "", name).lower()


def _code(short_url: str) -> str:
    """Return a short URL's path, with or without a scheme before it; what has no path stays as it is."""
    path = re.sub("^(?:https?://)?+[^/?#]+/", "", short_url)  # possessive: "https:" is no host
    return re.split("[?#]", path)[0].strip("/")


def _time(text: str) -> str:
    """Return a time the way squrl has it: text with a zone or in UTC, or seconds or milliseconds since 1970."""
    try:
        if re.fullmatch("[0-9]{10}|[0-9]{13}", text):
            at = datetime.fromtimestamp(int(text[:10]), UTC)
        else:
            at = datetime.fromisoformat(text)
            at = at.astimezone(UTC) if at.tzinfo else at
    except (ValueError, OverflowError):
        return text
    return at.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _count(text: str) -> str:
    """Return a number without commas between its thousands."""
    return text.replace(",", "") if re.fullmatch("[0-9]{1,3}(,[0-9]{3})+", text) else text


def _tags(text: str) -> str:
    """Return tags that may be written as a list of JSON."""
    try:
        return _text(json.loads(text)) if text.startswith("[") else text
    except (ValueError, RecursionError):
        return text


def _text(value: object) -> str:
    """Return a value of JSON as a cell."""
    if isinstance(value, list):
        return ",".join(map(_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _from_csv(translate: _Translate, *needed: tuple[str, ...]) -> Reader:
    """Return a reader of lines; of each tuple of columns, one must be there. It holds one line at a time."""

    def read(file: TextIO) -> Iterator[Row]:
        records = _records(file)
        _, header, _ = next(records, (0, [], ""))
        names = [_plain(name) for name in header]
        if not all(any(_plain(name) in names for name in group) for group in needed):
            expected = ", ".join(" or ".join(group) for group in needed)
            raise ValueError(f"expected a first line with the columns {expected}; found {_shown(header)}")
        return (row(line, names, cells, flaw) for line, cells, flaw in records)

    def row(line: int, names: list[str], cells: list[str], flaw: str) -> Row:
        if any(cell.strip() for cell in cells[len(names) :]):
            flaw = f"{len(cells)} fields, but {len(names)} columns"
        return Row(line, _filled(translate(dict(zip(names, cells, strict=False)))), flaw)

    return read


def _records(file: TextIO) -> Iterator[tuple[int, list[str], str]]:
    """Yield the records that aren't empty: in which line each begins, its fields, and what is wrong with it.

    One that isn't CSV, such as one with a quotation mark that is never closed, is its first line alone, so that it
    doesn't swallow those after it. A spreadsheet may have put semicolons or tabs for the commas.
    """
    line = 1
    while (header := file.readline()) and not header.strip():
        line += 1
    delimiter = max(",;\t", key=header.count)
    ahead = deque([header])  # lines to read before the file's next one
    taken: list[str] = []

    def lines() -> Iterator[str]:
        while text := ahead.popleft() if ahead else file.readline():
            taken.append(text)
            yield text

    while True:
        taken.clear()
        flaw = ""
        try:
            cells = next(csv.reader(lines(), delimiter=delimiter, strict=True), None)
        except csv.Error as error:
            cells, flaw = [taken[0].strip()], f"not a line of CSV: {error}"
            ahead.extendleft(reversed(taken[1:]))
            del taken[1:]
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells, flaw
        line += len(taken)


def _from_json(translate: _Translate, name: str, *needed: str) -> Reader:
    """Return a reader of objects, in a list or below a name; `needed` is what one has. It holds the whole file.

    Several such documents may follow one another, as when the pages of an API's answers are put into one file.
    """

    def read(file: TextIO) -> Iterator[Row]:
        try:
            links = [_cells(link) for document in _documents(file.read()) for link in _links(document, name)]
        except (ValueError, RecursionError) as error:
            raise ValueError(f"expected JSON; {error}") from error
        if links and not any(all(map(cells.get, needed)) for cells in links):
            raise ValueError(f"expected objects with {', '.join(needed)}; found {_shown(links[0])}")
        return (Row(number, _filled(translate(cells))) for number, cells in enumerate(links, start=1))

    return read


def _documents(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    rest = text.lstrip("\ufeff \t\r\n")
    if not rest:
        raise ValueError("the file is empty")
    at = len(text) - len(rest)
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        yield document
        while text[at : at + 1].isspace():
            at += 1


def _links(document: object, name: str) -> Iterator[object]:
    """Yield the links of a document: a list of them, an object that has it below the name, or a list of such."""
    if isinstance(document, dict) and isinstance(document.get(name), list):
        document = document[name]
    if isinstance(document, list):
        for each in document:
            yield from _links(each, name)
    else:
        yield document


def _cells(link: object) -> _Cells:
    return {_plain(name): _text(value) for name, value in link.items()} if isinstance(link, dict) else {}


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in fields.items() if text}


def _shown(names: Iterable[str]) -> str:
    """Return what a file has instead, short enough for a message, without what a terminal would obey."""
    text = ", ".join(names)
    shown = "".join(each if each.isprintable() else "?" for each in text[:100]) or "nothing"
    return shown if text.isprintable() else f"{shown} (the file must be UTF-8)"


READERS: dict[str, Reader] = {
    "csv": _from_csv(_squrl, ("short_code",), ("original_url",)),
    "bitly": _from_csv(_bitly, ("Link", "Custom Link", "Bitlink", "Short Link"), ("Destination URL", "Long URL")),
    "shlink": _from_csv(_shlink, ("shortUrl", "shortCode"), ("longUrl",)),
    "dub": _from_csv(_dub, ("Short link", "link"), ("Destination URL", "url")),
    "yourls": _from_csv(_yourls, ("keyword", "source"), ("url", "target")),
    "kutt": _from_json(_kutt, "data", "address", "target"),
    "sink": _from_json(_sink, "links", "slug", "url"),
}

# What isn't in a product's file, or can't be kept, for who imports it to know.
CAVEATS = {
    "bitly": "Bitly's file doesn't say when a link expires.",
    "shlink": "Shlink's file doesn't say when a link begins and ends, nor how many visits it is limited to.",
    "dub": "Dub's file doesn't say which links have a password or expire: disable those.",
    "yourls": "YOURLS' file doesn't have what plugins add, such as passwords and expiry: disable links that have them.",
    "kutt": "Links with a password are imported disabled.",
    "sink": "Links with a password or a warning are imported disabled; targets by country and device are not imported.",
}
