"""What callers may send: models that check a request's fields, and say what is wrong with each.

The API's description (openapi.yaml) has these models' schemas.
"""

import math
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic import ValidationError as PydanticError
from pydantic_core import ErrorDetails, PydanticCustomError

from squrl import codes, keys
from squrl.domains import MAX_ENTRY, DomainLists, read_entry
from squrl.errors import Detail, ValidationError
from squrl.links import seconds, timestamp

MAX_TTL_HOURS = 87_600  # ten years
MAX_CLICKS = 10**9
MAX_TITLE = 120  # bytes of UTF-8
MAX_ENTRIES = 100  # of one bulk request
MAX_IMPORTED_CLICKS = 10**11

_ENTRIES = f"host names or IP addresses, perhaps with the start of a path, each of at most {MAX_ENTRY} bytes"
_MAX_NAMED = 100  # unknown fields that an error names: an answer must not grow with the request
_MAX_NAME = 100  # characters of an unknown field's name that an error repeats

# What is said of any field of the wrong type, and of a field that breaks the rule it has.
_BROKEN_TYPES = {
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "bool_type": "must be true or false",
    "string_unicode": "must be Unicode text, without lone surrogates",
    "reserved": "is reserved",
}
_BROKEN_RULES = {
    "custom_code": "must be 3 to 20 letters, digits, underscores or hyphens",
    "short_code": "must be 1 to 64 letters, digits, underscores or hyphens",
    "ttl_hours": f"must be between 1 and {MAX_TTL_HOURS}",
    "max_clicks": f"must be between 1 and {MAX_CLICKS}",
    "redirect_type": 'must be "301" or "302"',
    "title": f"must have at most {MAX_TITLE} bytes of UTF-8",
    "tags": "must be a list of at most 10, each of 1 to 30 lower-case letters, digits or hyphens",
    "owner": "must be 1 to 32 lower-case letters, digits or hyphens",
    "status": 'must be "active" or "disabled"',
    "created_at": "must be a time such as 2026-08-23T10:30:00Z",
    "expires_at": "must be a time such as 2026-08-23T10:30:00Z",
    "imported_clicks": f"must be between 0 and {MAX_IMPORTED_CLICKS}",
    "name": f"must have 1 to {MAX_TITLE} bytes of UTF-8",
    "role": 'must be "read", "write" or "admin"',
}


def _is_text(value: object) -> str:
    """Take any string, a lone surrogate among its characters too: `squrl.destinations` says what is wrong with that."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a string")
    return value


def _as_integer(value: object) -> object:
    """Take 24.0 for 24, as JSON Schema does: some clients, and `Request`, have every number that way."""
    if isinstance(value, float) and math.isinf(value):  # what is written with hundreds of digits
        return int(math.copysign(sys.maxsize, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_not_reserved(code: str) -> str:
    if codes.is_reserved(code):
        raise PydanticCustomError("reserved", "is reserved")
    return code


def _fits(title: str) -> str:
    if len(title.encode()) > MAX_TITLE:
        raise PydanticCustomError("title", "too long")
    return title


def _is_time(text: str) -> str:
    try:
        at = seconds(text)
    except ValueError:
        at = -1
    if at < 0 or timestamp(at) != text:  # lists are sorted by this text
        raise PydanticCustomError("time", "not a time")
    return text


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


Title = Annotated[str, Field(max_length=MAX_TITLE), AfterValidator(_fits)]
Tags = Annotated[
    list[Annotated[str, Field(pattern="^[a-z0-9-]{1,30}$")]],
    Field(max_length=10),
]
MaxClicks = Annotated[int, Field(ge=1, le=MAX_CLICKS), BeforeValidator(_as_integer)]
Owner = Annotated[str, Field(pattern=keys.OWNER_PATTERN)]


class CreateRequest(_Request):
    """A request to create a link: the object that ``POST /create`` and direct invocations take."""

    original_url: Annotated[str, PlainValidator(_is_text), WithJsonSchema({"type": "string"})] = Field(
        description="The destination, read as a browser reads it: http or https, a public host, at most 2048 bytes; no "
        "white space, no backslash, no user information."
    )
    custom_code: Annotated[str, Field(pattern=codes.PATTERN), AfterValidator(_is_not_reserved)] | None = Field(
        None, description="The code to use. Reserved, in any case: " + ", ".join(sorted(codes.RESERVED)) + "."
    )
    ttl_hours: Annotated[int, Field(ge=1, le=MAX_TTL_HOURS), BeforeValidator(_as_integer)] | None = Field(
        None, description="The lifetime in hours. Absent, or null, means that the link never expires."
    )
    redirect_type: Literal["301", "302"] | None = Field(
        None,
        description="The status of the redirect, 301 if absent. Browsers keep a 301 for a while; 302 counts every "
        "click.",
    )
    forward_query: bool | None = Field(
        None, description="Whether a visitor's query parameters are added to the destination's; false if absent."
    )
    max_clicks: MaxClicks | None = Field(
        None, description="How many people are sent on at most. Such a link is never shared with another request."
    )
    title: Title | None = Field(None, description="For people; at most 120 bytes of UTF-8. With a key only.")
    tags: Tags | None = Field(None, description="For people, and for filters; at most 10. With a key only.")
    owner: Owner | None = Field(None, description="Whose link it is. With an admin's key or a direct invocation only.")


class ImportRequest(CreateRequest):
    """A link as another product left it: one entry of ``POST /links/import``."""

    short_code: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$"), AfterValidator(_is_not_reserved)] = Field(
        description="Its code; reserved are those of custom_code."
    )
    created_at: Annotated[str, AfterValidator(_is_time)] | None = Field(None, description="UTC, 2026-08-23T10:30:00Z.")
    expires_at: Annotated[str, AfterValidator(_is_time)] | None = Field(None, description="UTC, 2026-08-23T10:30:00Z.")
    status: Literal["active", "disabled"] | None = Field(None, description="active if absent.")
    imported_clicks: Annotated[int, Field(ge=0, le=MAX_IMPORTED_CLICKS), BeforeValidator(_as_integer)] | None = Field(
        None, description="What the other product had counted."
    )
    locked: bool | None = Field(None, description="Whether an admin disabled it, so that its owner can't enable it.")


class ChangeRequest(_Request):
    """A change of a link: what isn't named stays, what is ``null`` is removed."""

    original_url: Annotated[str, PlainValidator(_is_text), WithJsonSchema({"type": "string"})] = Field(
        "", description="As for create."
    )
    redirect_type: Literal["301", "302"] = Field("301", description="As for create.")
    ttl_hours: Annotated[int, Field(ge=1, le=MAX_TTL_HOURS), BeforeValidator(_as_integer)] | None = Field(
        None, description="The lifetime in hours, from now on."
    )
    forward_query: bool | None = Field(None, description="As for create.")
    max_clicks: MaxClicks | None = Field(None, description="As for create: how many people since the link was made.")
    title: Title | None = Field(None, description="As for create.")
    tags: Tags | None = Field(None, description="As for create.")
    status: Literal["active", "disabled"] = Field("active", description="Whether visitors are sent on.")


class KeyRequest(_Request):
    """A request for a key, by an operator."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_TITLE), AfterValidator(_fits)] = Field(
        description="For people."
    )
    owner: Owner = Field(description="Whose links it is for.")
    role: Literal["read", "write", "admin"] = Field(description="What it may do.")
    ttl_hours: Annotated[int, Field(ge=1, le=MAX_TTL_HOURS), BeforeValidator(_as_integer)] | None = Field(
        None, description="The lifetime in hours; never ends if absent."
    )


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], fields: Mapping[str, Any]) -> Model:
    """Return a request's fields as a model. A field that is ``null`` counts as absent.

    Raises
    ------
    ValidationError
        With one detail per field at fault. Of what the caller sent it repeats the names of unknown fields alone.
    """
    nulls = model is ChangeRequest
    given = {
        name: value for name, value in fields.items() if nulls or value is not None or name not in model.model_fields
    }
    known = {name: given.pop(name) for name in model.model_fields if name in given}
    try:
        checked = model.model_validate(known)
    except PydanticError as error:
        details = {each["loc"][0]: _detail(each) for each in error.errors(include_url=False, include_input=False)}
        _refuse(list(details.values()), list(given))
    if given:
        _refuse([], list(given))
    return checked


def read_entries(fields: Mapping[str, Any], name: str) -> list[Any]:
    """Return the entries of a bulk request, which are checked one by one.

    Raises
    ------
    ValidationError
        If there aren't 1 to `MAX_ENTRIES` of them.
    """
    entries = fields.get(name)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ENTRIES:
        raise ValidationError([{"field": name, "message": f"{name} must be a list of 1 to {MAX_ENTRIES}"}])
    return entries


def read_domain_change(fields: Mapping[str, Any]) -> tuple[DomainLists, DomainLists]:
    """Return what is to be added to the domain lists, and what is to be removed.

    Raises
    ------
    ValidationError
        If something else is asked for, or an entry is nothing that a list can have.
    """
    details: list[Detail] = []
    found: dict[str, dict[str, set[str]]] = {"add": {}, "remove": {}}
    for name, changes in fields.items():
        if name not in DomainLists._fields or not isinstance(changes, dict) or changes.keys() - found.keys():
            message = f"{_printable(name)} must be denied or allowed, with add or remove"
            details.append({"field": _printable(name), "message": message})
            continue
        for change, entries in changes.items():
            read = [_entry(entry) for entry in entries] if isinstance(entries, list) else [None]
            if None in read or len(read) > MAX_ENTRIES:
                message = f"{change} must be a list of at most {MAX_ENTRIES} {_ENTRIES}"
                details.append({"field": f"{name}.{change}", "message": message})
            found[change][name] = {entry for entry in read if entry is not None}
    if details:
        raise ValidationError(details)
    add, remove = (
        DomainLists(**{name: frozenset(entries) for name, entries in each.items()}) for each in found.values()
    )
    if any(added & removed for added, removed in zip(add, remove, strict=True)):
        raise ValidationError([{"field": "body", "message": "an entry can't be added and removed at once"}])
    return add, remove


def _entry(entry: object) -> str | None:
    try:
        return read_entry(entry) if isinstance(entry, str) else None
    except ValueError:
        return None


def _detail(error: ErrorDetails) -> Detail:
    field = str(error["loc"][0])
    # A list's rule speaks of its entries, too.
    rule = _BROKEN_RULES.get(field) if len(error["loc"]) > 1 else _BROKEN_TYPES.get(error["type"])
    return {"field": field, "message": f"{field} {rule or _BROKEN_RULES[field]}"}


def _refuse(details: list[Detail], unknown: list[str]) -> NoReturn:
    named = map(_printable, unknown[:_MAX_NAMED])
    details += [{"field": name, "message": f"{name} is not a field of this request"} for name in named]
    if len(unknown) > _MAX_NAMED:
        unnamed = f"{len(unknown) - _MAX_NAMED} more fields are not of this request"
        details.append({"field": "body", "message": unnamed})
    raise ValidationError(details)


def _printable(field: str) -> str:
    """Return an unknown field's name as an error can repeat it: short, and encodable."""
    return field[:_MAX_NAME].encode(errors="replace").decode()
