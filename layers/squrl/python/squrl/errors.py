"""The errors that callers are told about: each class is its name in the answer, with its status."""

from typing import ClassVar, TypedDict


class Detail(TypedDict):
    """What is wrong with one field of a request."""

    field: str
    message: str


class SqurlError(Exception):
    """A failure with an answer of its own.

    Attributes
    ----------
    status : int
        The HTTP status.
    retry_after : int or None
        Seconds after which the same request may succeed, where waiting helps.
    message : str
        For the caller: it repeats nothing of the request, and nothing of the inside.
    details : list of Detail or None
        One entry per field at fault, where fields are.
    """

    status: ClassVar[int]
    retry_after: int | None = None

    def __init__(self, message: str, details: list[Detail] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    @property
    def name(self) -> str:
        """The name in the answer, the log and the metrics."""
        return type(self).__name__


class InvalidUrl(SqurlError):
    """The destination breaks a rule."""

    status = 400


class ValidationError(SqurlError):
    """A field other than the destination breaks a rule, or the event or its body is malformed."""

    status = 400

    def __init__(self, details: list[Detail]) -> None:
        super().__init__("; ".join(detail["message"] for detail in details), details)


class NotFound(SqurlError):
    """No link has this code."""

    status = 404


class ConflictError(SqurlError):
    """Another link holds the code."""

    status = 409


class Gone(SqurlError):
    """The link has expired, is used up or was taken down."""

    status = 410


class Unauthorized(SqurlError):
    """There is no key where one is needed, or none that is valid."""

    status = 401

    def __init__(self) -> None:
        super().__init__("A valid key is needed: send 'Authorization: Bearer sq_...'; an operator makes one: make key")


class Forbidden(SqurlError):
    """The key's role is too low, or the request comes from a page or through a door that isn't allowed."""

    status = 403


class PreconditionFailed(SqurlError):
    """``If-Match`` doesn't hold: somebody else changed the link first."""

    status = 412


class PayloadTooLarge(SqurlError):
    """The body is over the limit."""

    status = 413


class RateLimitExceeded(SqurlError):
    """More was asked than the table or the operator allows; what was asked has not been done."""

    status = 429

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InternalServerError(SqurlError):
    """A defect."""

    status = 500


class ServiceUnavailable(SqurlError):
    """The database could not be reached in time; whether it did what was asked is unknown."""

    status = 503
    retry_after = 1
