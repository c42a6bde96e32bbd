"""Logs, metrics and traces, through Powertools. What must not be known of a visitor never reaches this file."""

import functools
import gc
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import ClientError

from squrl.errors import InternalServerError, SqurlError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

NAMESPACE = "Squrl"

URL_CREATION_COUNT = "url_creation_count"
URL_REUSE_COUNT = "url_reuse_count"
URL_LOOKUP_COUNT = "url_lookup_count"
URL_LOOKUP_MISS = "url_lookup_miss"
CLICK_UNCERTAIN = "click_uncertain"
CLICK_QUEUED = "click_queued"
CLICK_COUNTED_LATE = "click_counted_late"
CLICK_DISCARDED = "click_discarded"
LIMITER_UNAVAILABLE = "limiter_unavailable"
DOMAIN_LIST_ERROR = "domain_list_error"
FUNCTION_DURATION = "function_duration"
DATABASE_QUERY_DURATION = "database_query_duration"
ERROR_COUNT = "error_count"

Handler = Callable[[Any, "LambdaContext"], dict[str, Any]]

# Lambda lets every level through, so that LogLevel alone decides; libraries would then log each request at DEBUG, with
# all that is in it.
logging.getLogger().setLevel(logging.WARNING)
logger = Logger()
metrics = Metrics(namespace=NAMESPACE)


def observed(handler: Handler) -> Handler:
    """Wrap a Lambda handler: request id in every log record, a trace, metrics written once, at the end."""

    @functools.cache
    def traced() -> Handler:
        # An answer holds the destination, which is not for the trace.
        return cast("Handler", _tracer().capture_lambda_handler(handler, capture_response=False))

    @metrics.log_metrics(capture_cold_start_metric=True)
    @logger.inject_lambda_context
    @functools.wraps(handler)
    def wrapper(event: Any, context: "LambdaContext") -> dict[str, Any]:  # noqa: ANN401 (an event may be any JSON)
        with timed(FUNCTION_DURATION):
            return (traced() if _is_sampled() else handler)(event, context)

    gc.freeze()  # what is there now stays: no collection needs to look at it ...
    gc.enable()  # ... which is off since squrl/__init__.py
    return cast("Handler", wrapper)


@functools.cache
def _tracer() -> Tracer:
    """Return the tracer. Making it loads the X-Ray SDK, which takes a third of a cold start."""
    return Tracer(patch_modules=["botocore"])


def _is_sampled() -> bool:
    """Tell whether X-Ray wants this request; Lambda sets the header's variable anew for each."""
    return "Sampled=1" in os.environ.get("_X_AMZN_TRACE_ID", "")


def annotate(short_code: str) -> None:
    """Make the trace findable by the link's code."""
    if _is_sampled():
        _tracer().put_annotation("short_code", short_code)


def count(name: str, number: int = 1) -> None:
    """Count an outcome, after it happened."""
    metrics.add_metric(name, MetricUnit.Count, number)


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Measure the duration of a block, in milliseconds."""
    started = time.perf_counter()
    try:
        yield
    finally:
        metrics.add_metric(name, MetricUnit.Milliseconds, round((time.perf_counter() - started) * 1000, 2))


def record_error(error: SqurlError) -> None:
    """Count an error that the caller is told about, and log it without a stack: an expected one is no alarm.

    Messages are fixed texts but for a `ValidationError`'s, which repeats the names of fields: that stays out.
    """
    _count_error(error)
    log = logger.info if error.status < 500 else logger.warning  # noqa: PLR2004 (where the caller's errors end)
    log(error.message if error.details is None else "A field breaks a rule", error_type=error.name)


def record_defect(error: InternalServerError, cause: Exception) -> None:
    """Count a defect, and log where it happened.

    The cause's own message is left out, since it may repeat what a visitor sent; but what AWS answered is not.
    """
    _count_error(error)
    frames = traceback.format_tb(cause.__traceback__)
    answer = cause.response["Error"] if isinstance(cause, ClientError) else None
    logger.error("Defect", error_type=error.name, cause=type(cause).__qualname__, aws_error=answer, stack=frames)


def _count_error(error: SqurlError) -> None:
    count(ERROR_COUNT)
    with single_metric(ERROR_COUNT, MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("error_type", error.name)  # `service` is there by default
