"""The tables in AWS's own engine, for the tests that need them: one in memory for the whole run."""

import os
from collections.abc import Iterator

import pytest

from local.dynamodb import engine
from local.tables import create_tables
from tests.support.tables import Tables

# No proxy stands between a machine and itself; processes that tests start inherit this.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


@pytest.fixture(scope="session")
def tables() -> Iterator[Tables]:
    with engine(0, in_memory=True) as endpoint:
        create_tables(endpoint)
        yield Tables(endpoint)
