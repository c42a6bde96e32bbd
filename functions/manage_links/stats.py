"""What was counted on a link, by day."""

import re
from typing import Any

from call import Call

from squrl import statistics
from squrl.errors import Detail, ValidationError
from squrl.links import DAY, seconds, timestamp
from squrl.web.response import NO_STORE, Response

SHOWN = 30  # days, if nothing else is asked for
MOST = 400  # days of one answer


def see_statistics(call: Call) -> Response:
    """Return a link's clicks by day: every day of the window, with 0 where nothing was."""
    first, last = _window(call)
    link, days = found = statistics.see_statistics(call.short_code, call.identity, call.store)
    clicked = [day for day, clicks in days.items() if clicks]
    body: dict[str, Any] = {
        "short_code": link.short_code,
        "click_count": link.click_count,
        "bot_click_count": link.bot_click_count,
        "undated_click_count": found.undated,
        "last_click_on": _date(max(clicked)) if clicked else None,
        "timezone": "UTC",
        "from": _date(first),
        "to": _date(last),
        "days": [{"date": _date(day), "clicks": days.get(day, 0)} for day in range(first, last + 1)],
    }
    return Response(200, body, NO_STORE)


def _window(call: Call) -> tuple[int, int]:
    """Return the first and the last day that are asked for, counted from 1970-01-01 on."""
    query = call.request.query
    today = call.now // DAY
    read = {name: _day(query[name]) for name in ("from", "to") if name in query}
    details: list[Detail] = [
        {"field": name, "message": f"{name} must be a day such as 2026-11-24"}
        for name, day in read.items()
        if day is None
    ]
    if details:
        raise ValidationError(details)
    last = read.get("to")
    if last is None:
        last = max(today, read.get("from") or 0)
    first = read.get("from")
    if first is None:
        first = last - SHOWN + 1
    if not last - MOST < first <= last:
        raise ValidationError([{"field": "from", "message": f"from must be 0 to {MOST - 1} days before to"}])
    return first, last


def _day(text: str) -> int | None:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        day = seconds(f"{text}T00:00:00Z") // DAY
    except ValueError:
        return None
    return day if day >= 0 else None


def _date(day: int) -> str:
    return timestamp(day * DAY)[:10]
