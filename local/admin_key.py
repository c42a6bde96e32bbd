"""The admin key that `start-api` has ready, so that links can be managed from the first minute on.

The managing function makes it, asked directly as an operator asks. It is kept beside the engine's log in `.local/`.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local import LocalError

FUNCTION = "ManageLinksFunction"
_WANTED = {"name": "make start", "owner": "me", "role": "admin"}


def ensure(file: Path, manage: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """Return a key that works: the one in the file, or a new one, which the file then has.

    Parameters
    ----------
    file
        Is made, and can be read by its owner alone. Of several starts at once, the second finds the first one's key.
    manage
        Invokes the managing function with an operator's call, and returns its answer.

    Raises
    ------
    LocalError
        When the function refuses, or fails.
    """
    file.parent.mkdir(exist_ok=True)
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        os.fchmod(kept.fileno(), 0o600)
        key = kept.read().strip()
        known = _body(manage({"method": "GET", "path": "/keys"}))["keys"]
        if any(key.startswith(f"sq_{each['id']}_") for each in known):
            return key
        made = str(_body(manage({"method": "POST", "path": "/keys", "body": _WANTED}))["key"])
        kept.seek(0)
        kept.truncate()
        kept.write(f"{made}\n")
        return made


def _body(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("status") not in (200, 201):
        raise LocalError(f"{FUNCTION} answered {answer}")
    body: dict[str, Any] = answer["body"]
    return body
