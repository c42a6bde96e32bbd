"""What holds for every unit test: no sockets, no account, the same examples on every run; and a clock to set."""

import pytest
import pytest_socket
from hypothesis import settings

from tests.support.functions import ACCOUNT

settings.register_profile("unit", max_examples=100, derandomize=True, deadline=None, database=None)
settings.load_profile("unit")


class Clock:
    """The clocks of the process, which stand still until a test sets them or something sleeps.

    Attributes
    ----------
    wall, monotonic : float
        Seconds.
    pauses : list of float
        How long was slept.
    """

    def __init__(self) -> None:
        self.wall = 1_800_000_000.75
        self.monotonic = 1000.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("time.time", lambda: clock.wall)
    monkeypatch.setattr("time.monotonic", lambda: clock.monotonic)
    monkeypatch.setattr("time.sleep", clock.sleep)
    return clock


@pytest.fixture(autouse=True)
def _account(monkeypatch):
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _no_socket():
    pytest_socket.disable_socket(allow_unix_socket=False)
    yield
    pytest_socket.enable_socket()
