"""What holds for every test of the template: no sockets, no account, one reading of the file."""

import logging

import pytest
import pytest_socket

from tests.template.stack import Template, read


@pytest.fixture(autouse=True)
def _no_account(monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture(autouse=True)
def _no_socket():
    pytest_socket.disable_socket(allow_unix_socket=False)
    yield
    pytest_socket.enable_socket()


@pytest.fixture(autouse=True)
def _no_log():
    logging.disable()  # the functions log every failure that they are made to meet
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def template() -> Template:
    """Read the template once for all tests: a `Stack` copies what it changes."""
    return read()
