"""A click that the table couldn't take at once, as a message in a queue."""

import json
import re
import uuid
from typing import NamedTuple, Self

from squrl import codes
from squrl.links import Link

_ID = re.compile(r"[0-9a-f]{32}")
_LATEST = 10**11  # seconds, the year 5138: a greater number is milliseconds
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
    """

    id: str
    short_code: str
    created_at: str
    clicked_at: int

    @classmethod
    def on(cls, link: Link, now: int) -> Self:
        """Return a new click on a link at `now`, in Unix seconds."""
        return cls(uuid.uuid4().hex, link.short_code, link.created_at, now)

    def to_message(self) -> str:
        """Return the click as a message's body."""
        return json.dumps(self._asdict())

    @classmethod
    def from_message(cls, body: str) -> Self:
        """Read a message's body.

        Raises
        ------
        ValueError
            If it isn't a click.
        """
        try:
            fields = json.loads(body)
            click = cls(*(fields[name] for name in cls._fields))
            is_valid = (
                _ID.fullmatch(click.id)
                and codes.is_well_formed(click.short_code)
                and click.created_at.isascii()
                and 0 < len(click.created_at) <= _LONGEST_TIME
                and type(click.clicked_at) is int
                and 0 <= click.clicked_at < _LATEST
            )
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError("not a click") from error
        if not is_valid:
            raise ValueError("not a click")
        return click
