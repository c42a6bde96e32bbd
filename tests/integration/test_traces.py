"""What the functions ask the database, and when, under Lambda's runtime: in the traces that X-Ray is sent."""

import time

import pytest

from squrl.domains import DomainLists
from tests.support import events
from tests.support.proxy import Fault, Proxy
from tests.support.runtime import running
from tests.support.waiting import eventually
from tests.support.xray import Daemon

VISIT = events.load("redirect/http.json")
NO_CODE = events.load("redirect/http_not_found_malformed.json")
CREATE = events.load("create_url/http_custom_code.json")
LISTS, CLICK = ("durable", "GetItem"), ("urls", "UpdateItem")
MINUTE = 61  # seconds: what is known then is too old
UNLIMITED = {"CreatesPerMinutePerClient": "0"}


@pytest.fixture
def daemon():
    with Daemon() as daemon:
        yield daemon


@pytest.fixture
def database(tables):
    """Stand before the tables, which have the sample events' links."""
    tables.put(*events.LINKS)
    with Proxy(tables.endpoint) as proxy:
        yield proxy


@pytest.fixture
def deny(tables):
    """Deny the domain of the sample events' links."""
    tables.set_domain_lists(DomainLists.of(denied=["example.com"]))
    yield
    tables.set_domain_lists(DomainLists())


def asked(daemon, expected):
    """Return each trace's calls of the database, by table and operation, once they are those that are expected."""

    def found():
        return [
            {
                (part["aws"]["table_name"].split("-")[1], part["aws"]["operation"]): part
                for part in trace
                if "aws" in part
            }
            for trace in daemon.traces()
        ]

    return eventually(lambda: [set(each) for each in found()] == expected and found(), found)


def test_given_a_process_over_time_when_it_redirects_then_it_makes_one_round_trip(database, daemon, tmp_path):
    database.rule = lambda _: Fault("slow", seconds=0.05)
    log = tmp_path / "log"

    with running("redirect", log, xray=daemon.address, AWS_ENDPOINT_URL_DYNAMODB=database.url) as invoke:
        for paused in (0, 0, MINUTE, 20):
            assert invoke(VISIT, paused=paused)["statusCode"] == 301
        assert invoke(NO_CODE, paused=MINUTE)["statusCode"] == 404
        assert invoke(VISIT)["statusCode"] == 301
        both = {CLICK, LISTS}
        _, new, _, quiet, *_ = asked(daemon, [set(), both, {CLICK}, both, {CLICK}, set(), both])

    for calls in (new, quiet):
        assert calls[LISTS]["start_time"] < calls[CLICK]["end_time"], "the lists are read after the click"
        assert calls[CLICK]["start_time"] < calls[LISTS]["end_time"], "the click waits for the lists"
    assert '"url_lookup_count"' in log.read_text()
    assert '"logger"' not in log.read_text(), "a library has something to say"


@pytest.mark.parametrize(
    ("function", "event", "calls"),
    [
        ("redirect", VISIT, {LISTS, CLICK}),
        ("redirect", events.load("redirect/http_head.json"), {LISTS, ("urls", "GetItem")}),
        ("create_url", CREATE, {LISTS, ("urls", "PutItem")}),
    ],
    ids=["visit", "probe", "create"],
)
def test_given_a_sampled_request_when_answered_then_its_trace_tells_no_secret(
    database, daemon, tmp_path, function, event, calls
):
    variables = {"xray": daemon.address, "parameters": UNLIMITED, "AWS_ENDPOINT_URL_DYNAMODB": database.url}

    with running(function, tmp_path / "log", **variables) as invoke:
        invoke(event)
        asked(daemon, [set(), calls])

    (handler,) = (part for part in daemon.traces()[1] if part["name"].startswith("## "))
    assert handler["annotations"]["short_code"] == "hello-squrl"
    http = event["requestContext"]["http"]
    for secret in (http["sourceIp"], http["userAgent"], "social.example", "example.com/welcome"):
        assert secret not in daemon.received()


def test_given_a_key_when_shown_again_then_its_check_takes_no_round_trip(database, tables, daemon, tmp_path):
    tables.add_keys(*events.KEYS)
    link, key = ("urls", "GetItem"), ("durable", "GetItem")
    variables = {"xray": daemon.address, "AWS_ENDPOINT_URL_DYNAMODB": database.url}

    with running("manage_links", tmp_path / "log", **variables) as invoke:
        for paused in (0, 0, 28, 2):
            assert invoke(events.load("manage_links/http_see.json"), paused=paused)["statusCode"] == 200
        asked(daemon, [set(), {key, link}, {link}, {link}, {key, link}])


@pytest.mark.parametrize(("seconds", "is_learned"), [(0.3, True), (30, False)], ids=["slow", "silent"])
@pytest.mark.usefixtures("deny")
def test_given_lists_that_come_late_when_a_link_is_followed_then_nobody_waits(
    tables, database, tmp_path, seconds, is_learned
):
    late = Fault("late", seconds=seconds)
    database.rule = lambda call: late if call.parameters["TableName"] == tables.durable else None
    log = tmp_path / "log"

    with running("redirect", log, AWS_ENDPOINT_URL_DYNAMODB=database.url) as invoke:
        started = time.monotonic()
        answer = invoke(VISIT)
        waited = time.monotonic() - started

        assert answer["statusCode"] == 301
        assert waited < 0.6  # the promise is a tenth of a second, for the lists alone
        assert '"domain_unchecked":[1.0]' in log.read_text().replace(" ", "")
        if is_learned:
            eventually(lambda: invoke(VISIT)["statusCode"] == 410)
