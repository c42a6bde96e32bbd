"""Clicks that the table could not take at once: each is a message in a queue, and is counted from there."""

import functools
import json
import re
import time
import uuid
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, cast
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from squrl import codes, telemetry
from squrl.links import Link

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

CONNECT_TIMEOUT = 0.3  # seconds
READ_TIMEOUT = 0.5  # seconds; a visitor is waiting
ATTEMPTS = 2
MARGIN = 0.3  # seconds kept for the answer before Lambda ends the invocation

_ID = re.compile(r"[0-9a-f]{32}")
_LATEST = 10**11  # seconds, the year 5138: milliseconds are no seconds
_LONGEST_TIME = 64  # characters of `created_at`, which an operator may have written


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
            If it is no click.
        """
        try:
            fields = json.loads(body)
            click = cls(*(fields[name] for name in cls._fields))
            is_right = (
                _ID.fullmatch(click.id)
                and codes.is_well_formed(click.short_code)
                and click.created_at.isascii()
                and 0 < len(click.created_at) <= _LONGEST_TIME
                and type(click.clicked_at) is int
                and 0 <= click.clicked_at < _LATEST
            )
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError("no click") from error
        if not is_right:
            raise ValueError("no click")
        return click


class ClickQueue(Protocol):
    """Takes clicks that are to be counted later."""

    def send(self, click: Click) -> bool:
        """Put a click into the queue; tell whether it certainly is there."""


class SqsClickQueue:
    """A `ClickQueue` in SQS, for one invocation.

    Parameters
    ----------
    url : str
        The queue's; it is asked where its own URL leads to.
    remaining_ms : int
        Milliseconds that Lambda leaves to this invocation. Attempts end in time for an answer.
    """

    def __init__(self, url: str, remaining_ms: int) -> None:
        self._url = url
        self._deadline = time.monotonic() + remaining_ms / 1000 - MARGIN

    def send(self, click: Click) -> bool:
        """See `ClickQueue.send`. A click that arrives twice is counted once, so sending may be repeated."""
        cause = "no time"
        for _ in range(ATTEMPTS):
            try:
                client = connect(self._url)
                if time.monotonic() + CONNECT_TIMEOUT + READ_TIMEOUT > self._deadline:
                    break
                client.send_message(QueueUrl=self._url, MessageBody=click.to_message())
            except (BotoCoreError, ClientError) as error:
                cause = type(error).__qualname__
            else:
                return True
        telemetry.logger.warning("A click could not be queued", cause=cause)
        return False


@functools.cache
def connect(url: str) -> "SQSClient":
    """Return the process's client. It is made with the first click that needs it: most processes never do."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"total_max_attempts": 1},
    )
    scheme, host, *_ = urlsplit(url)
    client = get_session().create_client("sqs", config=config, endpoint_url=f"{scheme}://{host}")
    return cast("SQSClient", client)
