"""How many orders there were, and how long they took."""

import time

import pytest

from tests.interleavings.invariants import check

_GONE_THROUGH = pytest.StashKey[dict[str, float]]()


@pytest.fixture(scope="session")
def go_through(pytestconfig):
    """Check every order of each team's calls in a world; return how many there were."""
    total = pytestconfig.stash.setdefault(_GONE_THROUGH, {"orders": 0, "seconds": 0})

    def go(world, teams, faults=0):
        started = time.perf_counter()
        number = sum(check(world, team, faults) for team in teams)
        total["orders"] += number
        total["seconds"] += time.perf_counter() - started
        return number

    return go


def pytest_terminal_summary(terminalreporter, config):
    total = config.stash.get(_GONE_THROUGH, None)
    if total:
        terminalreporter.write_line(f"{total['orders']:,} orders of calls in {total['seconds']:.1f} s")
