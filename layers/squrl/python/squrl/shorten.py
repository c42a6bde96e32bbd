"""Use case: a request becomes a link, exactly one however many ask at once."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Self

from squrl import codes, destinations, telemetry
from squrl.errors import ConflictError, Detail, Gone, ValidationError
from squrl.links import DISABLED, Kind, Link, timestamp
from squrl.store import UrlStore

MAX_TTL_HOURS = 87_600  # ten years
REDIRECT_TYPES = ("301", "302")

_FIELDS = ("original_url", "custom_code", "ttl_hours", "redirect_type")
_MAX_NAMED = 100  # unknown fields that an error names: an answer must not grow with the request
_MAX_NAME = 100  # characters of an unknown field's name that an error repeats


class CreateRequest(NamedTuple):
    """A checked request.

    Attributes
    ----------
    kind : Kind
        Destination as stored, redirect type and lifetime.
    custom_code : str or None
        The code that the caller chose.
    """

    kind: Kind
    custom_code: str | None

    @classmethod
    def read(cls, fields: Mapping[str, Any], *, allow_private: bool, own_hosts: Collection[str]) -> Self:
        """Check what a caller sent. A field that is ``null`` counts as absent.

        Parameters
        ----------
        fields : mapping
            The request's JSON object.
        allow_private, own_hosts
            See `destinations.accept`.

        Raises
        ------
        ValidationError
            With one detail per field at fault.
        InvalidUrl
            If the other fields are right, but the destination breaks a rule.
        """
        problems = {
            "original_url": _check_original_url(fields.get("original_url")),
            "custom_code": _check_custom_code(fields.get("custom_code")),
            "ttl_hours": _check_ttl_hours(fields.get("ttl_hours")),
            "redirect_type": _check_redirect_type(fields.get("redirect_type")),
        }
        details: list[Detail] = [
            {"field": field, "message": f"{field} {problem}"} for field, problem in problems.items() if problem
        ]
        unknown = [_printable(field) for field in fields if field not in _FIELDS]
        details += [
            {"field": field, "message": f"{field} is not a field of this request"} for field in unknown[:_MAX_NAMED]
        ]
        if len(unknown) > _MAX_NAMED:
            unnamed = f"{len(unknown) - _MAX_NAMED} more fields are not of this request"
            details.append({"field": "body", "message": unnamed})
        if details:
            raise ValidationError(details)
        destination = destinations.accept(fields["original_url"], allow_private=allow_private, own_hosts=own_hosts)
        return cls(
            Kind(destination, fields.get("redirect_type") or "301", fields.get("ttl_hours")), fields.get("custom_code")
        )


class Shortened(NamedTuple):
    """The link that a request got, and whether it was made for it."""

    link: Link
    created: bool


def shorten(
    request: CreateRequest,
    store: UrlStore,
    now: int,
    *,
    creator_ip: str | None = None,
    derivation: codes.Derivation = codes.derive,
) -> Shortened:
    """Find or make the link for a request.

    Parameters
    ----------
    request : CreateRequest
        What is asked for.
    store : UrlStore
        The table.
    now : int
        Unix seconds.
    creator_ip : str or None
        Kept with a new link; ``None`` where it must not be.
    derivation : callable
        How a code follows from a kind and a probe number.

    Raises
    ------
    ConflictError
        If the custom code is another link's, or every derived code is.
    Gone
        If the link asked for was disabled.
    RateLimitExceeded, ServiceUnavailable
        If the table did not answer in time.
    """
    shortened = _reuse_indexed(request, store, now) or _claim_first(request, store, now, creator_ip, derivation)
    telemetry.count(telemetry.URL_CREATION_COUNT if shortened.created else telemetry.URL_REUSE_COUNT)
    telemetry.annotate(shortened.link.short_code)
    return shortened


def _reuse_indexed(request: CreateRequest, store: UrlStore, now: int) -> Shortened | None:
    """Reuse a link that the index knows, on proof from the table: the index may be behind."""
    if request.custom_code is not None:
        return None
    short_code = store.find_live(request.kind, now)
    if short_code is None:
        return None
    has_lifetime = request.kind.ttl_hours is not None
    link = store.renew(short_code, request.kind, now) if has_lifetime else store.get(short_code)
    return _reused(link, request.kind, now)


def _claim_first(
    request: CreateRequest,
    store: UrlStore,
    now: int,
    creator_ip: str | None,
    derivation: codes.Derivation,
) -> Shortened:
    """Take the first of the request's codes that is free, or that already is this very link."""
    is_custom = request.custom_code is not None
    candidates = (
        [request.custom_code] if request.custom_code is not None else codes.candidates(request.kind, derivation)
    )
    for short_code in candidates:
        link = Link(
            short_code=short_code,
            kind=request.kind,
            created_at=timestamp(now),
            expires_at=request.kind.expires_at(now),
            custom_code=is_custom,
            creator_ip=creator_ip,
        )
        shortened = _claim(link, store, now)
        if shortened is not None:
            return shortened
    if is_custom:
        raise ConflictError("custom_code is taken by another link")
    raise ConflictError("Every code for this destination is taken by another link; choose a custom_code")


def _claim(link: Link, store: UrlStore, now: int) -> Shortened | None:
    """Claim one code; ``None`` when it is another link's."""
    # A link may expire or be disabled between the claim and its renewal: then the table decides once more.
    for _ in range(2):
        holder = store.claim(link, now)
        if holder is None:
            return Shortened(link, created=True)
        if holder.kind != link.kind:
            return None
        if holder.status == DISABLED:
            raise Gone("This link was disabled")
        renewed = holder if link.kind.ttl_hours is None else store.renew(link.short_code, link.kind, now)
        reused = _reused(renewed, link.kind, now)
        if reused is not None:
            return reused
    return None


def _reused(link: Link | None, kind: Kind, now: int) -> Shortened | None:
    if link is None or link.kind != kind or not link.is_live(now):
        return None
    return Shortened(link, created=False)


def _check_original_url(value: object) -> str | None:
    if value is None:
        return "is required"
    return None if isinstance(value, str) else "must be a string"


def _check_custom_code(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return "must be a string"
    if not codes.is_well_formed(value):
        return "must be 3 to 20 letters, digits, underscores or hyphens"
    return "is reserved" if codes.is_reserved(value) else None


def _check_ttl_hours(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be an integer"
    return None if 1 <= value <= MAX_TTL_HOURS else f"must be between 1 and {MAX_TTL_HOURS}"


def _check_redirect_type(value: object) -> str | None:
    return None if value is None or value in REDIRECT_TYPES else 'must be "301" or "302"'


def _printable(field: str) -> str:
    """Return an unknown field's name as an error can repeat it: short, and encodable."""
    return field[:_MAX_NAME].encode(errors="replace").decode()
