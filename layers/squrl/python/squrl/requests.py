"""What callers may send: models that check a request's fields, and say what is wrong with each.

The API's description (docs/openapi.yaml) has these models' schemas.
"""

import math
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic import ValidationError as PydanticError
from pydantic_core import ErrorDetails, PydanticCustomError

from squrl import codes
from squrl.errors import Detail, ValidationError

MAX_TTL_HOURS = 87_600  # ten years

_MAX_NAMED = 100  # unknown fields that an error names: an answer must not grow with the request
_MAX_NAME = 100  # characters of an unknown field's name that an error repeats

_BROKEN_RULES = {
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "greater_than_equal": f"must be between 1 and {MAX_TTL_HOURS}",
    "less_than_equal": f"must be between 1 and {MAX_TTL_HOURS}",
    "literal_error": 'must be "301" or "302"',
    "string_pattern_mismatch": "must be 3 to 20 letters, digits, underscores or hyphens",
    "string_unicode": "must be Unicode text, without lone surrogates",
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


class CreateRequest(BaseModel):
    """A request to create a link: the object that ``POST /create`` and direct invocations take."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

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
        description="The status of the redirect, 301 if absent. Browsers keep a 301 for up to an hour; 302 counts "
        "every click.",
    )


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], fields: Mapping[str, Any]) -> Model:
    """Return a request's fields as a model. A field that is ``null`` counts as absent.

    Raises
    ------
    ValidationError
        With one detail per field at fault. Of what the caller sent it repeats the names of unknown fields alone.
    """
    given = {name: value for name, value in fields.items() if value is not None or name not in model.model_fields}
    known = {name: given.pop(name) for name in model.model_fields if name in given}
    try:
        checked = model.model_validate(known)
    except PydanticError as error:
        _refuse([_detail(each) for each in error.errors(include_url=False, include_input=False)], list(given))
    if given:
        _refuse([], list(given))
    return checked


def _detail(error: ErrorDetails) -> Detail:
    field = str(error["loc"][0])
    return {"field": field, "message": f"{field} {_BROKEN_RULES.get(error['type'], error['msg'])}"}


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
