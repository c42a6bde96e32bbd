"""The stack on this machine: SAM CLI with processes instead of containers, and AWS's DynamoDB Local behind them."""

import sys


class LocalError(Exception):
    """What went wrong and what to do about it, for whoever sits at the terminal."""


def say(text: str) -> None:
    """Tell the terminal. A command's result, where it has one, is alone on standard output."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
