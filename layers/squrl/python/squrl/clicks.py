"""What is done later, as messages in a queue: clicks that the table couldn't take at once, days to be moved."""

import json
import re
import uuid
from typing import Any, NamedTuple, Self

from squrl import codes
from squrl.links import DAY, Link

_ID = re.compile(r"[0-9a-f]{32}")
# Seconds, in the year 2097: a row has no name for a later day, and a greater number is milliseconds.
_LATEST = 36**3 * DAY
_LONGEST_TIME = 64  # characters of `created_at`


class Click(NamedTuple):
    """One click on a link.

    Attributes
    ----------
    id : str
        The click's own, by which it is known when it comes twice: 32 hexadecimal digits.
    short_code, created_at : str
        The link that was clicked. A code alone could mean its next owner's.
    clicked_at : int
        Unix seconds.
    is_bot : bool
        Whether a bot made it.
    """

    id: str
    short_code: str
    created_at: str
    clicked_at: int
    is_bot: bool = False

    @classmethod
    def on(cls, link: Link, now: int, *, is_bot: bool = False) -> Self:
        """Return a new click on a link at `now`, in Unix seconds."""
        return cls(uuid.uuid4().hex, link.short_code, link.created_at, now, is_bot)

    def to_message(self) -> str:
        """Return the click as a message's body."""
        return json.dumps(self._asdict())


class OldDays(NamedTuple):
    """A link whose row has many days in it: the old ones are to be moved.

    Attributes
    ----------
    short_code, created_at : str
        The link.
    """

    short_code: str
    created_at: str

    def to_message(self) -> str:
        """Return what is to be done as a message's body."""
        return json.dumps({"old_days": self._asdict()})


def read_message(body: str) -> Click | OldDays:
    """Read a message's body.

    Raises
    ------
    ValueError
        If it is neither a click nor a link with old days.
    """
    try:
        fields = json.loads(body)
        message = _old_days(fields["old_days"]) if "old_days" in fields else _click(fields)
        is_valid = (
            codes.is_well_formed(message.short_code)
            and message.created_at.isascii()
            and 0 < len(message.created_at) <= _LONGEST_TIME
        )
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a message of the click queue") from error
    if not is_valid:
        raise ValueError("not a message of the click queue")
    return message


def _click(fields: dict[str, Any]) -> Click:
    # Who sent it may be of a version that didn't tell bots.
    click = Click(**{"is_bot": False} | {name: fields[name] for name in Click._fields if name in fields})
    times = type(click.clicked_at) is int and 0 <= click.clicked_at < _LATEST
    if not (_ID.fullmatch(click.id) and times and isinstance(click.is_bot, bool)):
        raise ValueError("not a click")
    return click


def _old_days(fields: dict[str, Any]) -> OldDays:
    return OldDays(fields["short_code"], fields["created_at"])
