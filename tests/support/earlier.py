"""The handler of app.py by a wall clock that is late by whole days."""

import time

import app  # type: ignore[import-not-found]

_late = [0]  # seconds
time.time = lambda clock=time.time: clock() - _late[0]  # type: ignore[misc]


def lambda_handler(call, context):
    context._epoch_deadline_time_in_ms -= 1000 * 86_400 * call["days_ago"]  # noqa: SLF001 (by the emulator's clock)
    _late[0] = 86_400 * call["days_ago"]
    return app.lambda_handler(call["event"], context)
