"""What holds for every unit test: no sockets, no account, the same examples on every run."""

import pytest
import pytest_socket
from hypothesis import settings

from squrl import telemetry

POWERTOOLS = {
    "POWERTOOLS_SERVICE_NAME": "squrl-unit-test",
    "POWERTOOLS_METRICS_NAMESPACE": "Squrl",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
AWS = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "unit-test",
    "AWS_SECRET_ACCESS_KEY": "unit-test",
    "AWS_EC2_METADATA_DISABLED": "true",
}

settings.register_profile("unit", max_examples=100, derandomize=True, deadline=None, database=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name, value in (POWERTOOLS | AWS).items():
        monkeypatch.setenv(name, value)
    # Read when squrl.telemetry was imported, while tests were collected: before any fixture.
    monkeypatch.setattr(telemetry.metrics, "service", POWERTOOLS["POWERTOOLS_SERVICE_NAME"])


@pytest.fixture(autouse=True)
def _no_socket():
    pytest_socket.disable_socket(allow_unix_socket=False)
    yield
    pytest_socket.enable_socket()
