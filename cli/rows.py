"""A link as a line of text fields: what `squrl export --format csv` writes, and every import is read as.

What another product left is put into these fields as text first, so that a line which can't be taken can be written
out, corrected and imported again.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

# What an import sends, and whether the API wants it as text, a whole number, or true or false.
_FIELDS = {
    "short_code": str,
    "original_url": str,
    "title": str,
    "tags": str,
    "owner": str,
    "status": str,
    "redirect_type": str,
    "forward_query": bool,
    "max_clicks": int,
    "ttl_hours": int,
    "created_at": str,
    "expires_at": str,
    "imported_clicks": int,
    "locked": bool,
}
# What squrl itself counted: it becomes a part of what is imported.
_COUNTED = ("click_count", "bot_click_count")
COLUMNS = (*_FIELDS, *_COUNTED)
_BOOLEANS = {"true": True, "false": False}
# What the API takes of what is for people.
MAX_TITLE = 120  # bytes of UTF-8
MAX_TAGS = 10
MAX_TAG = 30  # characters
_LONGEST = 4096  # characters of any field: a destination has at most half as many bytes


class Row(NamedTuple):
    """A link of a file.

    Attributes
    ----------
    line : int
        Where it begins in the file, from 1 on; in a file of JSON, which link it is.
    fields : mapping of str to str
        Text by `COLUMNS`; what isn't known is absent or empty. Tags are separated by commas or bars, times are such as
        ``2026-08-23T10:30:00Z``.
    flaw : str
        Why the line can't be trusted, for people, if it can't be; `fields` then is what can be made of it.
    """

    line: int
    fields: Mapping[str, str]
    flaw: str = ""


def entry(row: Row) -> tuple[dict[str, Any], list[str]]:
    """Return an entry of ``POST /links/import``, and what had to be cut for it, in words for people.

    What squrl had counted is part of its `imported_clicks`, and of a link with a limit only so many clicks are left as
    people hadn't used. One that was used up is disabled.

    Raises
    ------
    ValueError
        If the line has a flaw, a field is nothing that it can be, or one is missing; the message is for people.
    """
    if row.flaw:
        raise ValueError(row.flaw)
    given = {name: text for name in COLUMNS if (text := (row.fields.get(name) or "").strip())}
    for name in ("short_code", "original_url"):
        if name not in given:
            raise ValueError(f"{name} is missing")
    read: dict[str, Any] = {name: _read(name, text) for name, text in given.items()}
    _carry_over(read)
    notes = []
    if "title" in read and (title := _cut(read["title"])) != read["title"]:
        read["title"] = title
        notes.append(f"the title was cut to {MAX_TITLE} bytes")
    if "tags" in read:
        kept, are_all = _kept_tags(read["tags"])
        read["tags"] = kept
        if not are_all:
            notes.append(f"the tags became: {', '.join(kept) or 'none'}")
    return read, notes


def _carry_over(read: dict[str, Any]) -> None:
    """Make of what a link was what it is to be: nothing is counted yet, and only what is stored is a status."""
    clicks, bots = (read.pop(name, 0) for name in _COUNTED)
    if clicks:
        read["imported_clicks"] = read.get("imported_clicks", 0) + clicks
    if read.get("status") in {"expired", "used_up"}:  # what an active link becomes
        read["status"] = "active"
    if "max_clicks" in read and (people := max(clicks - bots, 0)):
        left = read["max_clicks"] - people
        read |= {"max_clicks": left} if left > 0 else {"status": "disabled"}
    if read.get("status") != "disabled":
        read.pop("locked", None)


def tags(text: str) -> list[str]:
    """Return the tags of a text, in the only form that squrl has them: lower-case letters, digits and hyphens."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()  # "für" is "fur"
    found = (re.sub("[^a-z0-9]+", "-", each.lower()).strip("-") for each in re.split(r"[,|]", ascii_text))
    return list(dict.fromkeys(filter(None, found)))


def fields(link: Mapping[str, Any]) -> dict[str, str]:
    """Return a link as the API answers it as a line's fields."""
    return {name: _write(link[name]) for name in COLUMNS}


def _cut(title: str) -> str:
    encoded = title.encode()
    if len(encoded) <= MAX_TITLE:
        return title
    return encoded[: MAX_TITLE - len("…".encode())].decode(errors="ignore").rstrip() + "…"


def _kept_tags(text: str) -> tuple[list[str], bool]:
    """Return the tags that the API takes, and whether nothing of them was lost but case and punctuation."""
    found = tags(text)
    kept = list(dict.fromkeys(tag[:MAX_TAG].rstrip("-") for tag in found))[:MAX_TAGS]
    has_unreadable = any(each.strip() and not tags(each) for each in re.split(r"[,|]", text))
    return kept, kept == found and not has_unreadable


def _read(name: str, text: str) -> object:
    if not _is_unicode(text):
        raise ValueError(f"{name} has bytes that aren't UTF-8")
    if len(text) > _LONGEST:
        raise ValueError(f"{name} has more than {_LONGEST} characters")
    kind = _FIELDS.get(name, int)
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError(f"{name} must be true or false")
        return _BOOLEANS[text.lower()]
    if kind is int:
        if not re.fullmatch("[0-9]{1,12}", text):
            raise ValueError(f"{name} must be a whole number")
        return int(text)
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates, which stand for what couldn't be decoded
        return False
    return True


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(value)
    return "" if value is None else str(value)
