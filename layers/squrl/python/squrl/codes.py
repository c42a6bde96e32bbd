"""Short codes: which are valid, which are reserved, and how one is derived from a request, or drawn."""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Iterator

from squrl.links import Kind

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
LENGTH = 7  # 62^7 = 3.5 x 10^12 codes
PROBES = 8  # with a billion links, all eight are taken by others once in 10^28 requests
DRAWS = 3  # with a billion links, all three are taken once in 10^10 requests that draw at all
SECRET_BYTES = 32

# Path segments that the API uses or may use, and names that browsers and crawlers ask for; in any case of letters.
RESERVED = frozenset(
    {"create", "stats", "links", "health", "admin", "api", "docs", "openapi", "static", "assets", "login", "logout"}
    | {
        "favicon",
        "robots",
        "sitemap",
        "well-known",
        "index",
        "bulk",
        "keys",
        "domains",
        "qr",
        "preview",
        "app",
        "events",
    }
    | {"security", "apple-touch-icon"}
)

PATTERN = "^[A-Za-z0-9_-]{3,20}$"  # of a code that a caller may choose
_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_well_formed(code: str) -> bool:
    """Tell whether a link may have this code: 1 to 64 letters, digits, underscores and hyphens.

    Imported codes may be shorter or longer than those that a caller may choose (`PATTERN`).
    """
    return _WELL_FORMED.fullmatch(code) is not None


def is_reserved(code: str) -> bool:
    """Tell whether `code` is kept for the API itself or for what browsers and crawlers ask for."""
    return code.lower() in RESERVED


def derive(kind: Kind, probe: int, secret: bytes) -> str:
    """Return the code that belongs to a kind of link and a probe number: base62 of an HMAC-SHA-256 over both.

    Everyone who makes the same link at the same time gets the same code, so that the table's key decides who was
    first. Who doesn't know the secret can't work out, and squat, the codes of a destination.
    """
    # Neither an owner nor a destination holds white space, so no two requests give the same text.
    redirect = f"{kind.redirect_type}{'?' if kind.forward_query else ''}"
    text = f"{probe} {kind.owner or ''} {redirect} {kind.ttl_hours} {kind.original_url}"
    number = int.from_bytes(hmac.digest(secret, text.encode(), hashlib.sha256), "big")
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(digits)


def draw(length: int = LENGTH) -> str:
    """Return random characters of a code, from the system's random source."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def candidates(kind: Kind, secret: bytes) -> Iterator[str]:
    """Yield the codes that a link of this kind may have, in the order in which they are tried.

    The last ones are drawn, for when others hold all that are derived: "exactly one" doesn't cover that case.
    """
    yield from (code for probe in range(PROBES) if not is_reserved(code := derive(kind, probe, secret)))
    yield from random()


def random() -> Iterator[str]:
    """Yield a few random codes."""
    yield from (code for _ in range(DRAWS) if not is_reserved(code := draw()))
