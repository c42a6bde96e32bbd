"""The queue of what is done later, in SQS."""

from squrl.aws.client import Service, connect
from squrl.clicks import Click, OldDays
from squrl.invocation import Incident, Invocation

ATTEMPTS = 2


class SqsClickQueue:
    """A `ClickQueue`, for one invocation.

    Parameters
    ----------
    url : str
        The queue's, which is asked where this leads to; empty where there is none.
    invocation : Invocation
        Attempts end in time for its answer.
    """

    def __init__(self, url: str, invocation: Invocation) -> None:
        self._url = url
        self._invocation = invocation

    def send(self, message: Click | OldDays) -> bool:
        """See `ClickQueue.send`. A click that arrives twice is counted once, so sending may be repeated."""
        if not self._url:
            return False
        try:
            # The client is made with the first click that needs it: most processes never do.
            service = Service(connect("sqs", self._url), self._invocation)
            service.call("send_message", attempts=ATTEMPTS, QueueUrl=self._url, MessageBody=message.to_message())
        except Exception as error:  # noqa: BLE001 (whatever it is, the visitor is sent on)
            self._invocation.note(Incident.CLICK_NOT_QUEUED, type(error.__cause__ or error).__qualname__)
            return False
        return True
