"""The errors, as the contract's table has them."""

import pytest

from squrl import errors

STATUSES = {
    "InvalidUrl": 400,
    "ValidationError": 400,
    "NotFound": 404,
    "ConflictError": 409,
    "Gone": 410,
    "RateLimitExceeded": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
}
WORTH_RETRYING = {"RateLimitExceeded", "ServiceUnavailable"}


def make(name):
    kind = getattr(errors, name)
    return kind([{"field": "body", "message": "m"}]) if name == "ValidationError" else kind("m")


def test_given_the_contracts_table_when_the_error_classes_are_listed_then_they_are_the_same():
    documented = set(STATUSES)

    defined = {kind.__name__ for kind in errors.SqurlError.__subclasses__()}

    assert defined == documented


@pytest.mark.parametrize(("name", "status"), STATUSES.items())
def test_given_an_error_when_it_is_described_then_name_status_and_message_are_the_contracts(name, status):
    error = make(name)

    described = error.name, error.status, error.message, str(error)

    assert described == (name, status, "m", "m")


@pytest.mark.parametrize("name", STATUSES)
def test_given_an_error_when_asked_when_to_try_again_then_only_passing_troubles_have_an_answer(name):
    error = make(name)

    seconds = error.retry_after

    assert (seconds is not None) == (name in WORTH_RETRYING)
    assert seconds is None or (type(seconds) is int and seconds >= 1)


@pytest.mark.parametrize("name", STATUSES.keys() - {"ValidationError"})
def test_given_an_error_without_fields_when_its_details_are_asked_for_then_there_are_none(name):
    error = make(name)

    details = error.details

    assert details is None


def test_given_one_field_at_fault_when_the_error_is_made_then_its_message_is_the_fields():
    details: list[errors.Detail] = [{"field": "ttl_hours", "message": "ttl_hours must be between 1 and 87600"}]

    error = errors.ValidationError(details)

    assert error.message == "ttl_hours must be between 1 and 87600"
    assert error.details == details


def test_given_several_fields_at_fault_when_the_error_is_made_then_its_message_names_all_and_details_keep_their_order():
    details: list[errors.Detail] = [{"field": one, "message": f"{one} is odd"} for one in ("ttl_hours", "ttl")]

    error = errors.ValidationError(details)

    assert "ttl_hours is odd" in error.message
    assert "ttl is odd" in error.message
    assert error.details == details


def test_given_a_client_that_has_to_wait_when_it_is_told_then_it_is_told_for_how_long_and_others_are_not():
    error = errors.RateLimitExceeded("m", retry_after=42)

    assert error.retry_after == 42
    assert errors.RateLimitExceeded("m").retry_after == 1
