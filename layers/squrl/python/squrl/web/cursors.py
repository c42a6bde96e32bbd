"""Cursors of lists, sealed: a caller can't make one, nor use it for another list than the one it came from."""

import base64
import binascii
import hashlib
import hmac
import json

from squrl.errors import ValidationError
from squrl.ports import Cursor


def seal(cursor: Cursor, of: str, secret: bytes) -> str:
    """Return a cursor as a caller gets it.

    Parameters
    ----------
    of : str
        What it belongs to: owner, role and filters.
    secret : bytes
        The stack's.
    """
    text = json.dumps(cursor, separators=(",", ":"), sort_keys=True).encode()
    return _sealed(text, of, secret)


def open_(sealed: str, of: str, secret: bytes) -> Cursor:
    """Return the cursor that `seal` was given.

    Raises
    ------
    ValidationError
        If it was tampered with, or belongs to something else.
    """
    try:
        octets = base64.b64decode(sealed.encode() + b"=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        octets = b""
    text = octets[_LENGTH:]
    # The whole is compared: base64 has several spellings for the same bytes.
    if not hmac.compare_digest(_sealed(text, of, secret).encode(), sealed.encode(errors="replace")):
        raise ValidationError([{"field": "cursor", "message": "cursor does not belong to this list"}])
    cursor: Cursor = json.loads(text)
    return cursor


_LENGTH = 16  # bytes


def _sealed(text: bytes, of: str, secret: bytes) -> str:
    mac = hmac.digest(secret, f"cursor {of} ".encode() + text, hashlib.sha256)[:_LENGTH]
    return base64.urlsafe_b64encode(mac + text).decode().rstrip("=")
