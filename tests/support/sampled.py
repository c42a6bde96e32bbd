"""The handler of app.py in circumstances that the emulator has no way to make.

X-Ray samples every request, and the process may have stood still before one: then the wall clock has gone on, and the
monotonic one has not.
"""

import itertools
import os
import time

import app  # type: ignore[import-not-found]

_numbers = itertools.count(1)
_pauses: list[float] = []
time.time = lambda clock=time.time: clock() + sum(_pauses)  # type: ignore[misc, assignment]


def lambda_handler(call, context):
    _pauses.append(call["paused"])
    context._epoch_deadline_time_in_ms += 1000 * sum(_pauses)  # which the emulator tells by its own clock
    trace = f"1-6921a5f0-{next(_numbers):024x}"
    os.environ["_X_AMZN_TRACE_ID"] = f"Root={trace};Parent=0123456789abcdef;Sampled=1"
    return app.lambda_handler(call["event"], context)
