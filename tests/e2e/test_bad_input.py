"""Bad input that others collected or a machine made up, through Lambda's runtime and over HTTP."""

import itertools
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import ada_url
import pytest

from squrl.keys import Role
from squrl.links import Kind, Link
from tests.support import bad_input, description, events
from tests.support.functions import ROOT
from tests.support.invariants import CODE, check_log, is_public, read_answer
from tests.support.runtime import running

CREATE, REDIRECT = events.load("create_url/http.json"), events.load("redirect/http.json")
FORWARDING, WITHHELD = events.load("redirect/http_forward_query.json"), events.load("redirect/http_withheld.json")
UNREADABLE = "The URL must have a host and a port that a browser can read"
PROCESSES = 2  # of each function


@pytest.fixture(scope="module")
def ask(tables, tmp_path_factory):
    """Have a function answer many events; answers and log have the form that is promised for any input."""
    folder = tmp_path_factory.mktemp("bad-input")
    idle: dict[str, SimpleQueue[Any]] = {"create_url": SimpleQueue(), "redirect": SimpleQueue()}
    options = {"parameters": {"CreatesPerMinutePerClient": "0"}, "AWS_ENDPOINT_URL_DYNAMODB": tables.endpoint}

    def answer(function: str, event: Any) -> tuple[int, dict[str, Any]]:
        invoke = idle[function].get(timeout=60)
        try:
            return read_answer(event, invoke(event))
        finally:
            idle[function].put(invoke)

    with ExitStack() as stack, ThreadPoolExecutor(2 * PROCESSES) as threads:
        for function, number in itertools.product(idle, range(PROCESSES)):
            idle[function].put(stack.enter_context(running(function, folder / f"{function}-{number}", **options)))
        yield lambda function, asked: list(threads.map(lambda event: answer(function, event), asked))
    for log in folder.iterdir():
        lines = log.read_text().splitlines()
        assert any('"_aws"' in line for line in lines)
        check_log(lines)


def follow(code: str) -> Any:
    return REDIRECT | {"pathParameters": {"short_code": code}}


def test_given_the_whatwgs_urls_when_created_then_the_standard_is_kept(ask):
    cases = bad_input.whatwg_cases()

    answers = ask("create_url", [{"original_url": case["input"]} for case in cases])

    accepted = [(case, result) for case, (_, result) in zip(cases, answers, strict=True) if "error" not in result]
    for case, result in accepted:
        read = ada_url.URL(result["original_url"])
        assert not case.get("failure") or bad_input.is_now_read(case["input"]), case
        assert case.get("failure") or (read.href, read.host) == (case["href"], case["host"])
        assert is_public(read.hostname)
    assert len(accepted) > 50
    unreadable = [case for case, (_, result) in zip(cases, answers, strict=True) if result.get("message") == UNREADABLE]
    assert [case for case in unreadable if not case.get("failure")] == []
    assert len(unreadable) > 100
    for status, _ in ask("redirect", [follow(result["short_code"]) for _, result in accepted]):
        assert status == 301


def test_given_naughty_strings_when_used_for_anything_then_they_break_nothing(ask):
    strings = [*bad_input.naughty_strings(), "x" * 5_000]  # what is logged must not grow with it
    destination = "https://example.com/naughty"

    as_url, as_field = (
        ask("create_url", [CREATE | {"body": json.dumps(body)} for body in bodies])
        for bodies in (
            [{"original_url": text} for text in strings],
            [{"original_url": destination, "custom_code": text, f"{text}?": text} for text in strings],
        )
    )
    as_code = ask(
        "create_url", [{"original_url": f"{destination}/{n}", "custom_code": t} for n, t in enumerate(strings)]
    )
    followed = ask("redirect", [*({"short_code": text} for text in strings), *map(follow, strings)])

    assert len(strings) > 500
    assert {status for status, _ in as_url} == {201, 400}
    assert {status for status, _ in as_field} == {400}
    taken = [text for text, (_, result) in zip(strings, as_code, strict=True) if "error" not in result]
    assert taken
    assert all(CODE.fullmatch(text) for text in taken)
    assert [status != 404 for status, _ in followed] == [text in taken for text in strings * 2]


def test_given_naughty_strings_when_a_visitor_sends_them_then_they_break_nothing(ask, tables):
    strings = [*bad_input.naughty_strings(), "x" * 5_000]
    tables.put(*(replace(link, click_limit=link.max_clicks and 10**9) for link in events.LINKS))

    queries = ask("redirect", [FORWARDING | {"rawQueryString": text} for text in strings])
    agents = ask("redirect", [WITHHELD | {"headers": {"user-agent": text}} for text in strings])
    purposes = ask("redirect", [WITHHELD | {"headers": {"sec-purpose": text}} for text in strings])

    assert {status for status, _ in queries} == {302}
    assert {status for status, _ in agents} == {200, 302}
    assert {status for status, _ in purposes} == {302}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("role", [None, Role.ADMIN], ids=["no key", "admin"])
def test_given_requests_made_up_from_the_document_when_sent_then_it_is_true(api_url, tables, role):
    tables.put(replace(events.LINKS[0], short_code="b3xK9mP"))  # the document's example
    for number in range(50):  # the hooks'
        owner = ("made-up", "others", None)[number % 3]
        kind = Kind("https://example.com/?a=1#b", "301", None, owner, forward_query=number % 2 == 0)
        limit = (None, 1, 10**9)[number % 5 % 3]
        link = Link(f"made-up-{number}", kind, "2026-11-22T10:30:00Z", None, max_clicks=limit, click_limit=limit)
        tables.put(link)
    key = [f"--header=Authorization: Bearer {tables.make_key('made-up', role)}"] if role else []
    browser = [] if role else [f"--header=User-Agent: {REDIRECT['headers']['user-agent']}"]  # by itself, it is a bot
    command = [
        bad_input.ENVIRONMENT / "bin" / "schemathesis",
        "run",
        description.FILE,
        "--url",
        api_url,
    ]
    # Which destinations are refused is more than a schema can say; what has no route is API Gateway's to answer;
    # a deleted link's statistics stay, and so does what is known of it.
    checks = "--exclude-checks=positive_data_acceptance,unsupported_method,use_after_free"
    # One worker: Python 3.11 can't parse in two threads at once, which Hypothesis does.
    options = [checks, "--max-redirects=0", "--max-examples=30", "--seed=1", "--workers=1", "--no-color"]

    run = subprocess.run(
        [*command, *options, *key, *browser],
        cwd=bad_input.HOME,  # it leaves a folder behind
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.e2e.hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
