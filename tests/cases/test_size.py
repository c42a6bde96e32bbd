"""Size comes before work. What the worst of it costs is a row of `make bench`."""

import base64
import json
from unittest.mock import patch

import pytest

from bench.worst import MAX_BODY, MAX_STRING, worst_refused
from tests.support import events
from tests.support.functions import Functions

GOOD = events.load("create_url/http.json")
FOLLOW = events.load("redirect/http.json")


def body_of(size):
    """Return a good body of so many bytes."""
    text = json.dumps({"original_url": "https://example.com/"})
    return text + " " * (size - len(text))


def encoded(text):
    return {"body": base64.b64encode(text.encode()).decode(), "isBase64Encoded": True}


def plain(text):
    return {"body": text, "isBase64Encoded": False}


@pytest.mark.parametrize("form", [plain, encoded])
@pytest.mark.parametrize("body", [body_of(MAX_BODY + 1), body_of(6_000_000), "\u00fc" * (MAX_BODY // 2 + 1)])
def test_given_a_body_over_the_limit_when_posted_then_it_is_refused_unread(form, body):
    with patch("squrl.web.request.json") as json_:
        answer = Functions().invoke("create_url", GOOD | form(body))

    json_.loads.assert_not_called()
    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (413, "PayloadTooLarge")


@pytest.mark.parametrize("form", [plain, encoded])
def test_given_a_body_at_the_limit_when_posted_then_it_is_read(form):
    answer = Functions().invoke("create_url", GOOD | form(body_of(MAX_BODY)))

    assert answer["statusCode"] == 201


@pytest.mark.parametrize("url", ["a" * (MAX_STRING + 1), "https://" + "\u00fc" * MAX_STRING, " " * (MAX_STRING + 1)])
@pytest.mark.parametrize("is_direct", [False, True])
def test_given_a_string_over_the_limit_when_posted_then_nothing_expensive_sees_it(url, is_direct):
    event = {"original_url": url} if is_direct else GOOD | plain(json.dumps({"original_url": url}))

    with patch("squrl.destinations.ada_url.URL", side_effect=AssertionError):
        answer = Functions().invoke("create_url", event)

    assert (answer if is_direct else json.loads(answer["body"]))["error"] == "InvalidUrl"


@pytest.mark.parametrize(("behind", "status"), [("/" * 500, 301), ("/" * 500 + "x", 404), (")" * 5000 + "x", 404)])
def test_given_a_path_that_goes_on_and_on_when_followed_then_its_end_counts(behind, status):
    event = {name: value for name, value in FOLLOW.items() if name != "pathParameters"}

    answer = Functions().invoke("redirect", event | {"routeKey": "$default", "rawPath": f"/hello-squrl{behind}"})

    assert answer["statusCode"] == status


def test_given_the_worst_requests_when_posted_then_each_is_refused():
    functions, worst = Functions(), worst_refused(GOOD)

    statuses = {name: functions.invoke("create_url", event)["statusCode"] for name, event in worst.items()}

    assert len(statuses) > 60
    assert set(statuses.values()) == {400, 413}
