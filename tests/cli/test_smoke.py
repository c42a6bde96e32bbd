"""`squrl smoke`: it finds what is broken, says so in words, and leaves nothing behind."""

import re
import signal
from collections import Counter

import httpx
import pytest

from cli import smoke
from cli.errors import Refused, Unreachable
from squrl.domains import DomainLists
from tests.support import events
from tests.support.gateway import Gateway

CODE = "GET /[0-9A-Za-z]{7}"
ELSEWHERE = httpx.Response(302, headers={"Location": "https://example.com/elsewhere"})
UNKNOWN = httpx.Response(404, json={"error": "NotFound", "message": "There is no link with this code"})
NO_ROUTE = httpx.Response(404, json={"message": "Not Found"})
CRASHED = httpx.Response(500, json={"message": "Internal Server Error"})
UNEQUAL = {"click_count": 3, "bot_click_count": 0, "days": [{"clicks": 3}]}


class Network(httpx.BaseTransport):
    """The way to the functions, which can be broken; it has a clock of its own, which runs when somebody waits.

    Attributes
    ----------
    asked : list of str
        Method and path of each request, as they were sent.
    broken : tuple of str, int and any
        Requests that match the expression are answered otherwise, from so many on: by a response, by what raises or
        returns one, or with ``None`` by the first answer that was given, as a cache does.
    """

    def __init__(self, functions):
        self._gateway = Gateway(lambda function, event: functions.invoke(function, event, remaining_ms=30_000))
        self._first = {}
        self._seen: Counter[str] = Counter()
        self._now = 1000.0
        self.asked = []
        self.broken = ("nothing", 1, None)

    def monotonic(self):
        return self._now

    def sleep(self, seconds):
        self._now += seconds

    def handle_request(self, request):
        asked = f"{request.method} {request.url.raw_path.decode()}"
        self.asked.append(asked)
        pattern, nth, answer = self.broken
        self._seen[pattern] += re.fullmatch(pattern, asked) is not None
        if re.fullmatch(pattern, asked) and self._seen[pattern] >= nth:
            if callable(answer):
                return answer(lambda: self._gateway.handle_request(request))
            return answer or self._first[asked]
        given = self._gateway.handle_request(request)
        self._first.setdefault(asked, given)
        return given


@pytest.fixture
def network(squrl, functions, monkeypatch):
    """Let `squrl smoke` reach the functions in memory."""
    network, visitor = Network(functions), smoke.visitor
    squrl.is_operator = True
    monkeypatch.setattr(smoke, "time", network)
    monkeypatch.setattr(
        smoke, "visitor", lambda url: httpx.Client(base_url=url, headers=visitor(url).headers, transport=network)
    )
    return network


@pytest.fixture
def left(functions):
    """Return a function that tells what is there besides the sample links and keys."""
    samples = {link.short_code for link in events.LINKS} | {key.id for key in events.KEYS}
    return lambda: (functions.store.links.keys() | functions.durable.keys.keys()) - samples


def test_given_a_squrl_that_works_when_tried_then_each_step_is_and_nothing_is_left(run, network, left):
    result = run("smoke", "--local")

    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        f"ok  {step}"
        for step in (
            *("health", "key", "create", "follow", "code+", "code%2B", "code/", "code.", "code%20", "count"),
            *("change", "disable", "enable", "delete"),
        )
    ]
    code = network.asked[2].removeprefix("GET /")
    assert network.asked[2:8] == [f"GET /{code}{end}" for end in ("", "+", "%2B", "/", ".", "%20")]
    assert len(network.asked) == 17
    assert left() == set()


@pytest.mark.parametrize(
    ("pattern", "nth", "answer", "step", "means"),
    [
        ("GET /health", 1, httpx.Response(503, json={"status": "fail"}), "health", "can't read the table"),
        ("GET /health", 1, httpx.Response(200, text="<html>"), "health", "the address isn't squrl's"),
        ("POST /create", 1, httpx.Response(401, json={"error": "Unauthorized"}), "create", "another stack answers"),
        ("POST /create", 1, httpx.Response(403, json={"error": "Forbidden"}), "create", "--url"),
        ("POST /create", 1, CRASHED, "create", "crashed or couldn't start"),
        ("POST /create", 1, httpx.Response(201, json={}), "create", "doesn't do what was asked"),
        (CODE, 1, UNKNOWN, "follow", "reads another table"),
        (CODE, 1, ELSEWHERE, "follow", "reads another table"),
        (CODE + r"\+", 1, ELSEWHERE, "code+", "doesn't read the path"),
        (CODE + "%2B", 1, UNKNOWN, "code%2B", "doesn't read the path"),
        (CODE + "/", 1, NO_ROUTE, "code/", "no such route"),
        (CODE + r"\.", 1, UNKNOWN, "code.", "doesn't read the path"),
        (CODE + "%20", 1, UNKNOWN, "code%20", "doesn't read the path"),
        ("GET /links/.*/stats", 1, httpx.Response(200, json=UNEQUAL), "count", "clicks aren't counted"),
        ("PATCH .*", 1, CRASHED, "change", "crashed or couldn't start"),
        (CODE, 2, None, "change", "something caches redirects"),
        (CODE, 3, None, "disable", "something caches redirects"),
        (CODE, 4, UNKNOWN, "enable", "something caches answers"),
        (CODE, 5, None, "delete", "something caches redirects"),
        ("DELETE .*", 1, httpx.Response(403, json={"error": "Forbidden"}), "delete", "OriginSecret"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_given_a_step_that_fails_when_tried_then_it_is_named_and_nothing_is_left(
    run, network, left, pattern, nth, answer, step, means
):
    network.broken = (pattern, nth, answer)

    result = run("smoke", "--local")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {step} failed: ")
    assert means in result.stderr
    assert f"ok  {step}" not in result.stdout
    assert left() == set()


def lost(ask):
    ask()
    raise httpx.ReadTimeout("timed out")


def test_given_an_answer_that_is_lost_when_tried_then_the_link_is_found_and_removed(run, network, left):
    network.broken = ("POST /create", 1, lost)

    result = run("smoke", "--local")

    assert "create failed: POST https://go.example.com/create got no answer: timed out" in result.stderr
    assert left() == set()


def test_given_a_key_whose_answer_is_lost_when_tried_then_it_is_revoked(run, squrl, network, left, monkeypatch):
    send = squrl.send

    def lose(method, path, body, query):
        answer = send(method, path, body, query)
        if (method, path) == ("POST", "/keys"):
            raise Unreachable("squrl-manage-links-dev can't be invoked: timed out")
        return answer

    monkeypatch.setattr(squrl, "send", lose)
    result = run("smoke", "--local")

    assert "key failed: squrl-manage-links-dev can't be invoked" in result.stderr
    assert left() == set()


def interrupt(_):
    raise KeyboardInterrupt


def terminate(_):
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("stop", [interrupt, terminate], ids=["Ctrl-C", "SIGTERM"])
def test_given_a_run_that_is_stopped_when_tried_then_nothing_is_left(run, network, left, stop):
    network.broken = (CODE, 3, stop)
    before = signal.getsignal(signal.SIGTERM)

    result = run("smoke", "--local")

    assert (result.exit_code, result.stderr) == (130, "Error: Stopped.\n")
    assert left() == set()
    assert signal.getsignal(signal.SIGTERM) == before


def test_given_a_clean_up_that_is_refused_when_tried_then_what_is_left_is_said(run, squrl, network, left, monkeypatch):
    send = squrl.send

    def refuse(method, path, body, query):
        if method == "DELETE":
            raise Refused("AWS refused")
        return send(method, path, body, query)

    monkeypatch.setattr(squrl, "send", refuse)
    result = run("smoke", "--local")

    assert result.exit_code == 1
    assert re.findall("Left behind: the (link|key) .* ends in an hour", result.stderr) == ["link", "key"]
    assert len(left()) == 2


def test_given_no_credentials_when_tried_then_that_is_said(run, squrl, network):
    squrl.failures = [Refused("AWS refused to invoke squrl-manage-links-dev")]

    result = run("smoke", "--local")

    assert "key failed: AWS refused to invoke squrl-manage-links-dev" in result.stderr
    assert "your AWS credentials may not invoke" in result.stderr


def test_given_an_api_that_is_up_after_a_while_when_tried_then_it_is_waited_for(run, network):
    attempts = iter([CRASHED] * 20)
    network.broken = ("GET /health", 1, lambda ask: next(attempts, None) or ask())

    assert run("smoke", "--local").exit_code == 0


def test_given_a_squrl_that_is_slow_when_tried_then_two_minutes_are_all_it_gets(run, network, left):
    def wait(ask):
        network.sleep(50)
        return ask()

    network.broken = (".*", 1, wait)
    result = run("smoke", "--local")

    assert result.exit_code == 1
    assert "120 seconds are over" in result.stderr
    assert len(network.asked) == 3
    assert left() == set()


def test_given_domains_that_links_must_lead_to_when_tried_then_one_of_them_is_taken(run, functions, network):
    functions.domains.lists = functions.durable.lists = DomainLists(allowed=frozenset({"ours.example"}))

    assert run("smoke", "--local").exit_code == 0


def test_given_an_address_that_short_urls_dont_have_when_tried_then_it_is_said(run, network, left):
    functions_host = httpx.Response(201, json={"short_code": "abcdefg", "short_url": "https://other.example/abcdefg"})
    network.broken = ("POST /create", 1, functions_host)

    result = run("smoke", "--local", "--url", "https://go.example.com/")

    assert "create failed: the short URL is https://other.example/abcdefg" in result.stderr
    assert "BaseUrl or DomainName is another address" in result.stderr
    assert left() == set()


def test_given_a_key_that_is_no_operators_when_tried_then_it_is_refused(run, squrl):
    result = run("smoke")

    assert result.exit_code == 2
    assert "--stack NAME" in result.stderr
