"""How a command ends that isn't done: with a sentence for people, and an exit status for scripts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from click import ClickException, UsageError

__all__ = ["Refused", "Stopped", "Unreachable", "UsageError", "telling"]  # a `UsageError` is Click's, and ends with 2


class Refused(ClickException):
    """squrl, or AWS, refused."""

    exit_code = 1


class Unreachable(ClickException):
    """Nobody knows whether it was done: there was no answer, or none of squrl's."""

    exit_code = 3


class Stopped(ClickException):
    """Ctrl-C came in the middle; the message says what was done."""

    exit_code = 130  # 128 and SIGINT's number, as shells have it


@contextmanager
def telling(what: Callable[[], str]) -> Iterator[None]:
    """Say what was done when Ctrl-C, or a failure, comes in the middle."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"Stopped: {what()}") from None
    except (Refused, Unreachable) as error:
        error.message = f"{error.message}\n{what()}"
        raise
