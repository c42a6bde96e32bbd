"""Waiting for what happens elsewhere."""

import time
from collections.abc import Callable
from typing import Any


def eventually(condition: Callable[[], Any], explain: Callable[[], object] = lambda: "", seconds: float = 20) -> Any:
    """Return what a condition is as soon as it is true; fail if it doesn't come true in time."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, explain()
        time.sleep(0.02)
    return result
