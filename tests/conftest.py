"""The tables in AWS's own engine, and the API before them, for the tests that need them: one for the whole run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dynamodb import engine
from local.tables import create_tables
from tests.support.commands import sam_local
from tests.support.tables import Tables

# No proxy stands between a machine and itself; processes that tests start inherit this.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


@pytest.fixture(scope="session")
def tables() -> Iterator[Tables]:
    with engine(0, in_memory=True) as endpoint:
        create_tables(endpoint)
        yield Tables(endpoint)


@pytest.fixture(scope="session")
def api_log(tmp_path_factory) -> Path:
    """Name the file that has what the API's terminal shows, the functions' logs among it."""
    return Path(tmp_path_factory.mktemp("start-api"), "log")


@pytest.fixture(scope="session")
def api_url(tables, api_log) -> Iterator[str]:
    for port in sam_local("start-api", tables.endpoint, api_log):
        yield f"http://127.0.0.1:{port}"
