"""What a request is answered with: status, headers and a body, and its form for each kind of event."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import quote

from squrl.errors import SqurlError, Unauthorized
from squrl.links import Link, timestamp

NO_STORE = {"Cache-Control": "no-store"}

# On every answer over HTTP: no guessing of types, and no short URL in a search engine's index.
_HEADERS = {"X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex"}
# Not on a redirect: what a destination learns of where a visitor comes from is the linking page's matter.
_NO_REFERRER = {"Referrer-Policy": "no-referrer"}
_HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


# What the URL Standard doesn't percent-encode in each part of a URL of http or https, besides letters and digits.
_SAFE_IN_PATH = "!$%&'()*+,-./:;=@[\\]_|~"
_SAFE_IN_QUERY = "!$%&()*+,-./:;=?@[\\]^_`{|}~"
_SAFE_IN_FRAGMENT = "!#$%&'()*+,-./:;=?@[\\]^_{|}~"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer.

    Attributes
    ----------
    status : int
        The HTTP status.
    body : dict, str, bytes or None
        A dict is sent as JSON; ``None`` is no body.
    headers : mapping of str to str
        Without the content's type.
    content_type : str
        The body's.
    """

    status: int
    body: dict[str, Any] | str | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def without_body(self) -> Self:
        """Return the response to the same request by HEAD: its headers tell what the body would be."""
        return replace(self, body=None, headers={**self.headers, "Content-Type": self.content_type})

    def to_http(self, *, has_domain: bool) -> dict[str, Any]:
        """Return the response as an HTTP API takes it. A stack that `has_domain` asks browsers for HTTPS only."""
        headers = {**self.headers, **_HEADERS, **(_HTTPS_ONLY if has_domain else {})}
        if self.status // 100 != 3:  # noqa: PLR2004 (redirects)
            headers |= _NO_REFERRER
        answer: dict[str, Any] = {"statusCode": self.status, "headers": headers, "body": ""}
        if self.body is not None:
            headers["Content-Type"] = self.content_type
            if isinstance(self.body, bytes):
                answer |= {"body": base64.b64encode(self.body).decode(), "isBase64Encoded": True}
            else:
                answer["body"] = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return answer

    def to_direct(self) -> Any:  # noqa: ANN401 (any JSON)
        """Return the response as a direct invocation gets it: the plain result, and an error's status with it."""
        if isinstance(self.body, dict) and self.status >= 400:  # noqa: PLR2004 (where errors begin)
            return self.body | {"status": self.status}
        return self.body.decode() if isinstance(self.body, bytes) else self.body


def failure(error: SqurlError) -> Response:
    """Return the response that tells a caller of an error."""
    body = {"error": error.name, "message": error.message, "details": error.details}
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(error.status, body, NO_STORE | headers)


def short_url(link: Link, base_url: str | None) -> str | None:
    """Return a link's short URL; ``None`` where nobody knows what it starts with."""
    return f"{base_url}/{link.short_code}" if base_url else None


def link_body(link: Link, base_url: str | None, now: int) -> dict[str, Any]:
    """Return all that its owner may know of a link, at `now` in Unix seconds."""
    return {
        "short_code": link.short_code,
        "short_url": short_url(link, base_url),
        "original_url": link.kind.original_url or None,
        "redirect_type": link.kind.redirect_type,
        "forward_query": link.kind.forward_query,
        "status": link.state(now),
        "custom_code": link.custom_code,
        "created_at": link.created_at,
        "expires_at": None if link.expires_at is None else timestamp(link.expires_at),
        "ttl_hours": link.kind.ttl_hours,
        "max_clicks": link.max_clicks,
        "owner": link.kind.owner,
        "title": link.title,
        "tags": sorted(link.tags),
        "locked": link.locked,
        "click_count": link.click_count,
        "bot_click_count": link.bot_click_count,
        "imported_clicks": link.imported_clicks,
        "revision": link.revision,
    }


def location(destination: str) -> str:
    """Return a stored destination as a ``Location`` header carries it: every client then asks for what a browser would.

    Path, query and fragment are percent-encoded by the URL Standard's sets; nothing else changes, no dot segments are
    resolved: https://url.spec.whatwg.org/#percent-encoded-bytes
    """
    before_fragment, hash_, fragment = destination.partition("#")
    path, question_mark, query = before_fragment.partition("?")
    return (
        f"{quote(path, _SAFE_IN_PATH)}{question_mark}{quote(query, _SAFE_IN_QUERY)}"
        f"{hash_}{quote(fragment, _SAFE_IN_FRAGMENT)}"
    )
