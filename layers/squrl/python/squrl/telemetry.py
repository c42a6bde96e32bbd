"""Logs, metrics and traces, through Powertools. What must not be known of a visitor never reaches this file."""

import functools
import gc
import logging
import os
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import ClientError

from squrl.errors import InternalServerError, SqurlError
from squrl.invocation import Incident, Invocation

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
DAYS_MOVED = "days_moved"
EVENT_PUBLISHED = "event_published"
EVENT_NOT_PUBLISHED = "event_not_published"
FUNCTION_DURATION = "function_duration"
DATABASE_QUERY_DURATION = "database_query_duration"
ERROR_COUNT = "error_count"

_WORDS = {
    Incident.CLICK_NOT_QUEUED: "A click could not be queued",
    Incident.DOMAIN_LIST_ERROR: "The domain lists could not be read",
    Incident.DOMAIN_UNCHECKED: "A link was followed or made without the latest domain lists",
    Incident.LIMITER_UNAVAILABLE: "A client could not be limited",
}

# What an alarm watches is a metric in any case. Where Monitoring is essential, the rest is one record of the log.
_WATCHED = (Incident.DOMAIN_LIST_ERROR, Incident.LIMITER_UNAVAILABLE)
_SERVER_ERRORS = 500  # where they begin: alarms watch these, and no other errors

Handler = Callable[[Any, Invocation], Any]
LambdaHandler = Callable[[Any, "LambdaContext"], Any]

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
_figures: dict[str, list[float]] = {}  # of this invocation, where they are no metrics


def quiet_libraries() -> None:
    """Drop libraries' log records below a warning; for a function, before it makes its first client.

    Lambda lets every level through, so that LogLevel alone decides. Libraries would then log at DEBUG how each client
    is made, and each request with all that is in it.
    """
    logging.getLogger().setLevel(logging.WARNING)


def observed(handler: Handler) -> LambdaHandler:
    """Make a Lambda handler: request id in every log record, a trace, metrics written once, at the end.

    With ``MONITORING=essential`` in the environment only what an alarm watches is a metric; the log has the rest.

    What it changes in the process is for Lambda: the modules that were loaded until now are no longer looked through
    for garbage.
    """
    # Powertools ranks the level of Lambda's own filter, which has to let metrics through, above this one, and its own
    # `setLevel` does so too: https://github.com/aws-powertools/powertools-lambda-python/issues/7220
    logging.getLogger(logger.name).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))

    @functools.cache
    def traced() -> Handler:
        # An answer holds the destination, which is not for the trace.
        return cast("Handler", _tracer().capture_lambda_handler(handler, capture_response=False))

    @logger.inject_lambda_context
    @functools.wraps(handler)
    def wrapper(event: Any, context: "LambdaContext") -> Any:  # noqa: ANN401 (an event may be any JSON)
        started = time.perf_counter()
        invocation = Invocation(context.get_remaining_time_in_millis())
        try:
            return (traced() if _is_sampled() else handler)(event, invocation)
        finally:
            _report(invocation)
            _measure(FUNCTION_DURATION, (time.perf_counter() - started) * 1000)
            if _figures:
                logger.info("Figures", extra=_figures)
                _figures.clear()

    observing = wrapper if _is_essential() else metrics.log_metrics(wrapper, capture_cold_start_metric=True)
    gc.freeze()
    gc.enable()  # a function switches it off while it is loaded
    return cast("LambdaHandler", observing)


def _is_essential() -> bool:
    return os.environ.get("MONITORING") == "essential"


def _report(invocation: Invocation) -> None:
    for milliseconds in invocation.query_durations:
        _measure(DATABASE_QUERY_DURATION, milliseconds)
    for incident, cause in invocation.incidents:
        count(incident)
        log = logger.error if incident is Incident.DOMAIN_LIST_ERROR else logger.warning
        log(_WORDS[incident], cause=cause)


def _measure(name: str, milliseconds: float) -> None:
    _add(name, MetricUnit.Milliseconds, round(milliseconds, 2))


def _add(name: str, unit: MetricUnit, value: float) -> None:
    if not _is_essential():
        metrics.add_metric(name, unit, value)
    elif name in _WATCHED:
        with single_metric(name, unit, value, namespace=NAMESPACE):
            pass
    else:
        _figures.setdefault(name, []).append(value)


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
    """Add to a metric, after what it counts has happened."""
    _add(name, MetricUnit.Count, number)


def record_error(error: SqurlError) -> None:
    """Count an error that the caller is told about, and log it without a stack: an expected one is no alarm.

    Messages are fixed texts but for a `ValidationError`'s, which repeats the names of fields: that stays out.
    """
    _count_error(error)
    log = logger.info if error.status < _SERVER_ERRORS else logger.warning
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
    if _is_essential() and error.status < _SERVER_ERRORS:
        return
    with single_metric(ERROR_COUNT, MetricUnit.Count, 1, namespace=NAMESPACE) as metric:
        metric.add_dimension("error_type", error.name)  # `service` is there by default
