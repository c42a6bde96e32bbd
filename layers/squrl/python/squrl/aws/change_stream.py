"""The stream of the links' table, as Lambda hands it to a function."""

from typing import Any

from squrl.aws.links_table import SECRET_ROW, from_item
from squrl.changes import Write

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
_COLLECTOR = "dynamodb.amazonaws.com"


def sequence_number(record: Any) -> str:  # noqa: ANN401 (Lambda's form)
    """Return by what Lambda is told from which record on a batch has to come again."""
    return str(record["dynamodb"]["SequenceNumber"])


def read_record(record: Any) -> Write | None:  # noqa: ANN401
    """Read a record of a stream with new and old images; ``None`` if it isn't about a link.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the row isn't as squrl writes it.
    """
    written = record["dynamodb"]
    if written["Keys"]["short_code"]["S"] == SECRET_ROW:
        return None
    return Write(
        record["eventID"],
        int(written["ApproximateCreationDateTime"]),
        from_item(written.get("OldImage")),
        from_item(written.get("NewImage")),
        (record.get("userIdentity") or {}).get("principalId") == _COLLECTOR,
    )
