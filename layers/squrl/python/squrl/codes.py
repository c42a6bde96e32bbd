"""Short codes: which are valid, which are reserved, and how one is derived from a request."""

import hashlib
import re
import string
from collections.abc import Callable, Iterator

from squrl.links import Kind

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
LENGTH = 7  # 62^7 = 3.5 x 10^12 codes
PROBES = 8  # with a billion links, all eight are taken by others once in 10^28 requests

# Path segments that the API uses or may use, and names that browsers and crawlers ask for; in any case of letters.
RESERVED = frozenset(
    {"create", "stats", "links", "health", "admin", "api", "docs", "openapi", "static", "assets", "login", "logout"}
    | {"favicon", "robots", "sitemap", "well-known", "index"}
)

PATTERN = "^[A-Za-z0-9_-]{3,20}$"  # of a code that a caller may choose
_VALID = re.compile(r"[A-Za-z0-9_-]{3,20}")

Derivation = Callable[[Kind, int], str]


def is_well_formed(code: str) -> bool:
    """Tell whether `code` has the form of a code: 3 to 20 letters, digits, underscores and hyphens."""
    return _VALID.fullmatch(code) is not None


def is_reserved(code: str) -> bool:
    """Tell whether `code` is kept for the API itself or for what browsers and crawlers ask for."""
    return code.lower() in RESERVED


def derive(kind: Kind, probe: int) -> str:
    """Return the code that belongs to a kind of link and a probe number: base62 of a SHA-256 over both.

    Everyone who makes the same link at the same time gets the same code, so that the table's key decides who was
    first. Nothing in it is random.
    """
    # A destination holds no white space, so no two requests give the same text.
    text = f"{probe} {kind.redirect_type} {kind.ttl_hours} {kind.original_url}"
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(digits)


def candidates(kind: Kind, derivation: Derivation = derive) -> Iterator[str]:
    """Yield the codes that a link of this kind may have, in the order in which they are tried."""
    codes = (derivation(kind, probe) for probe in range(PROBES))
    return (code for code in codes if not is_reserved(code))
