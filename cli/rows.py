"""A link as a line of text fields: what `squrl export --format csv` writes, and every import is read as.

What another product left is put into these fields as text first, so that a line which can't be taken can be written
out, corrected and imported again.
"""

import re
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
}
# What squrl itself counted: it becomes a part of what is imported.
_COUNTED = ("click_count", "bot_click_count")
COLUMNS = (*_FIELDS, *_COUNTED)
_BOOLEANS = {"true": True, "false": False}


class Row(NamedTuple):
    """A link of a file.

    Attributes
    ----------
    line : int
        Where it begins in the file, from 1 on; in a file of JSON, which link it is.
    fields : mapping of str to str
        Text by `COLUMNS`; what isn't known is absent or empty. Tags are separated by commas or bars, times are such as
        ``2026-08-23T10:30:00Z``.
    """

    line: int
    fields: Mapping[str, str]


def entry(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return an entry of ``POST /links/import``.

    What squrl had counted is part of its `imported_clicks`, and of a link with a limit only so many clicks are left as
    people hadn't used. One that was used up is disabled.

    Raises
    ------
    ValueError
        If a field is nothing that it can be, or one is missing; the message is for people.
    """
    given = {name: text for name in COLUMNS if (text := (fields.get(name) or "").strip())}
    for name in ("short_code", "original_url"):
        if name not in given:
            raise ValueError(f"{name} is missing")
    read: dict[str, Any] = {name: _read(name, text) for name, text in given.items()}
    clicks, bots = (read.pop(name, 0) for name in _COUNTED)
    if clicks:
        read["imported_clicks"] = read.get("imported_clicks", 0) + clicks
    if read.get("status") in {"expired", "used_up"}:  # what an active link becomes
        read["status"] = "active"
    if "max_clicks" in read and (people := max(clicks - bots, 0)):
        left = read["max_clicks"] - people
        read |= {"max_clicks": left} if left > 0 else {"status": "disabled"}
    if "tags" in read:
        read["tags"] = tags(read["tags"])
    return read


def tags(text: str) -> list[str]:
    """Return the tags of a text, in the only form that squrl has them: lower-case letters, digits and hyphens."""
    found = (re.sub("[^a-z0-9]+", "-", each.lower()).strip("-") for each in re.split(r"[,|]", text))
    return list(dict.fromkeys(filter(None, found)))


def fields(link: Mapping[str, Any]) -> dict[str, str]:
    """Return a link as the API answers it as a line's fields."""
    return {name: _write(link[name]) for name in COLUMNS}


def _read(name: str, text: str) -> object:
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


def _write(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(value)
    return "" if value is None else str(value)
