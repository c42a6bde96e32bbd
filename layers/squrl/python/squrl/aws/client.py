"""AWS's services: one way to connect, one set of time-outs for each kind of call, one deadline, one way to try again.

The SDK tries nothing again: it would repeat a counter's update after a time-out, and so count a click twice.
"""

import functools
import random
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from botocore.parsers import JSONParser, ResponseParser, ResponseParserError, ResponseParserFactory
from botocore.session import Session

from squrl.invocation import Invocation
from squrl.ports import StoreError, Throttled, Unavailable

# Seconds of the wall clock after which a connection isn't used again. It may have died while Lambda had frozen the
# process, and who writes to a dead one can't know whether the service got it: a click would be uncertain.
IDLE = 30
BACKOFF = 0.05  # seconds before the second attempt at most; doubles with each further one
RIVALS = 2  # transactions on its row that a call waits for, which isn't tried again after throttling

_CONDITION_FAILED = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflictException"
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        _CONFLICT,
        "TransactionInProgressException",  # this very one, whose first answer was lost
    }
)
# What cancels a transaction for the moment.
_CONTENTION = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})

# Not the module's own numbers: processes that SnapStart makes of one snapshot would draw the same, and all ask again at
# the same moments. https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
_random = random.SystemRandom()

_AS_THEY_COME = frozenset({"S", "N", "BOOL", "SS"})  # types of attributes that botocore doesn't decode


class Timeouts(NamedTuple):
    """How long one attempt may take, in seconds."""

    connect: float
    read: float


# DynamoDB answers in a few milliseconds, so a slow answer is a lost one. SQS and KMS are asked beside the request. For
# EventBridge nobody waits.
TIMEOUTS = {
    "dynamodb": Timeouts(0.5, 1.0),
    "sqs": Timeouts(0.3, 0.5),
    "kms": Timeouts(0.3, 0.5),
    "events": Timeouts(1.0, 3.0),
}


class _RowParser(JSONParser):
    """Takes a row as it comes, which is botocore's form of it unless it has bytes.

    botocore would look at each attribute for every type that it could have: with the days in a link's row that is a
    tenth of a redirect's processor time.
    """

    def _handle_map(self, shape: Any, value: Any) -> Any:  # noqa: ANN401 (botocore's)
        if shape.value.name == "AttributeValue" and all(map(_AS_THEY_COME.issuperset, value.values())):
            return value
        return super()._handle_map(shape, value)  # type: ignore[misc]


class _Parsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> ResponseParser:
        return _RowParser() if protocol_name == "json" else super().create_parser(protocol_name)


@functools.cache
def connect(service: str, url: str | None = None) -> Any:  # noqa: ANN401 (each service's client has methods of its own)
    """Return the process's client for a service. It is made when it is first asked for.

    Parameters
    ----------
    service : str
        One of `TIMEOUTS`.
    url : str or None
        Any URL of the service, such as a queue's; ``None`` for the region's own endpoint.
    """
    timeouts = TIMEOUTS[service]
    config = Config(
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        retries={"total_max_attempts": 1},
        # What botocore would do for each call anew: a sixth of a redirect's processor time for its user agent, a
        # twelfth to check arguments that `squrl.aws` alone writes, and that the service checks again.
        user_agent="squrl",
        parameter_validation=False,
    )
    endpoint = "://".join(urlsplit(url)[:2]) if url else None
    # botocore's own handlers, a hundred and twenty, are for other services, for documentation and for AWS's statistics:
    # a sixteenth of a start, and a part of each call.
    session = Session(include_builtin_handlers=False)
    session.register_component("response_parser_factory", _Parsers())
    return session.create_client(service, config=config, endpoint_url=endpoint)


_used_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()  # when each client was asked last
_DROPPING = threading.Lock()  # the domain lists are read in a thread, by the same client: the second finds it done


def _drop_idle_connections(client: Any) -> None:  # noqa: ANN401
    with _DROPPING:
        now = time.time()
        if not 0 <= now - _used_at.get(client, now) <= IDLE:
            client.close()  # it connects again by itself
        _used_at[client] = now


class ConditionFailed(Exception):
    """A write's condition didn't hold.

    Attributes
    ----------
    item : dict or None
        The row that made it fail, from ``ReturnValuesOnConditionCheckFailure=ALL_OLD``.
    may_be_applied : bool
        Whether an earlier attempt at the same write may have been applied, its answer being lost.
    """

    def __init__(self, item: dict[str, Any] | None, *, may_be_applied: bool) -> None:
        super().__init__()
        self.item = item
        self.may_be_applied = may_be_applied


class Service:
    """One of AWS's services, for one invocation.

    Parameters
    ----------
    client : botocore client
        From `connect`.
    invocation : Invocation
        Every attempt and pause ends in time for its answer.
    """

    def __init__(self, client: Any, invocation: Invocation) -> None:  # noqa: ANN401
        self._client = client
        self.invocation = invocation

    def call(
        self,
        operation: str,
        *,
        attempts: int = 1,
        repeatable: bool = True,
        patient: bool = False,
        **arguments: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Call the service until it answers, as long as another attempt is safe and would end in time.

        Parameters
        ----------
        operation : str
            The client's method.
        attempts : int
            How many there may be at most.
        repeatable : bool
            Whether repeating does no harm. What isn't repeatable is tried again only if it was never sent, or, twice,
            if a transaction was in its way.
        patient : bool
            Whether it is tried again if it was throttled, too: then nothing was done, but whoever waits, waits longer.
        **arguments
            The method's.

        Raises
        ------
        ConditionFailed
            If a write's condition didn't hold.
        Throttled
            If the service refused each attempt for want of capacity: nothing was done.
        Unavailable
            If it didn't answer in time: what was asked may have been done.
        ClientError
            If the service understood and refused, so that trying again would not help.
        """
        timeouts = self._client.meta.config
        longest = timeouts.connect_timeout + timeouts.read_timeout
        failure: type[StoreError] = Unavailable
        cause: Exception | None = None
        may_be_applied = False
        _drop_idle_connections(self._client)
        for repetition in range(attempts):
            pause = _random.uniform(0, BACKOFF * 2 ** (repetition - 1)) if repetition else 0  # full jitter
            if not self.invocation.has_time_for(pause + longest):
                break
            if pause:  # even sleeping for no time gives the processor away
                time.sleep(pause)
            try:
                return getattr(self._client, operation)(**arguments)
            except (ClientError, HTTPClientError, BotocoreConnectionError, ResponseParserError) as error:
                _raise_refusal(error, may_be_applied=may_be_applied)
                cause = error
                was_sent = not isinstance(error, EndpointConnectionError | ConnectTimeoutError)
                if not _is_throttled(error):
                    failure = Unavailable
                    may_be_applied |= was_sent
                elif not may_be_applied:  # else nobody knows whether anything was done
                    failure = Throttled
                waits = patient or (repetition < RIVALS and _has_rival(error))
                if was_sent and not repeatable and (may_be_applied or not waits):
                    break
        raise failure from cause


def failed_conditions(error: ClientError) -> list[bool] | None:
    """Return of which of a transaction's writes the condition failed; ``None`` if none did."""
    failed = [code == _CONDITION_FAILED for code in _cancellation_reasons(error)]
    return failed if any(failed) else None


def _raise_refusal(error: Exception, *, may_be_applied: bool) -> None:
    """Raise what the service understood and refused: trying again would not help."""
    if not isinstance(error, ClientError) or _is_throttled(error):
        return
    if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
        response: dict[str, Any] = {**error.response}
        raise ConditionFailed(response.get("Item"), may_be_applied=may_be_applied) from error
    if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:  # noqa: PLR2004 (where the caller's errors end)
        raise error


def _has_rival(error: Exception) -> bool:
    """Tell whether a transaction was writing the row: nothing was done, and in a moment it is over."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == _CONFLICT


def _is_throttled(error: Exception) -> bool:
    """Tell whether a service refused for want of capacity, or for a rival: nothing was written, and later it may be."""
    if not isinstance(error, ClientError):
        return False
    reasons = set(_cancellation_reasons(error))
    return error.response["Error"]["Code"] in _THROTTLED or (
        not reasons.isdisjoint(_CONTENTION) and _CONDITION_FAILED not in reasons
    )


def _cancellation_reasons(error: ClientError) -> list[str]:
    response: dict[str, Any] = {**error.response}
    return [reason["Code"] for reason in response.get("CancellationReasons", ())]
