"""What clients ask a destination for through a short link is what they ask for when they go there directly."""

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlparse

import pytest
from requests.utils import requote_uri

from squrl.destinations import Rules, accept
from squrl.links import Kind, Link
from squrl.web import response
from tests.cases.clients import CLIENTS, as_browser, echo
from tests.cases.corpus import destinations
from tests.support import events
from tests.support.functions import Functions

DESTINATIONS = destinations()


@pytest.fixture(scope="module")
def answers(gateway, tables):
    """Return what the API at `make start` answers to the short link of each destination: its headers, byte by byte."""
    kinds = [Kind(accept(url, Rules()), "301", None) for url in DESTINATIONS]
    tables.put(*(Link(f"corpus-{number}", kind, "2026-11-22T10:30:00Z", None) for number, kind in enumerate(kinds)))

    def follow(number):
        status, headers, body = gateway.request("GET", f"/corpus-{number}")
        assert status == 301, (DESTINATIONS[number], status, body)
        return headers

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(follow, range(len(DESTINATIONS))))


@pytest.fixture(scope="module")
def server(answers):
    with echo() as server:
        heads = ("".join(f"{name}: {value}\r\n" for name, value in headers.items()) for headers in answers)
        server.redirects = [f"HTTP/1.1 301 Moved Permanently\r\n{head}\r\n".encode("latin-1") for head in heads]
        yield server


def test_given_the_corpus_when_read_then_there_are_hundreds_and_many_are_encoded():
    assert len(DESTINATIONS) > 300
    assert sum(response.location(url) != url for url in DESTINATIONS) > 50


def test_given_a_link_when_followed_locally_then_the_location_is_the_functions_own(answers):
    functions = Functions()
    create, follow = events.load("create_url/direct.json"), events.load("redirect/http.json")
    for url, headers in zip(DESTINATIONS, answers, strict=True):
        code = functions.invoke("create_url", create | {"original_url": url})["short_code"]
        answer = functions.invoke("redirect", follow | {"pathParameters": {"short_code": code}})

        assert headers.get_all("Location") == [answer["headers"]["Location"]]


def test_given_a_link_when_followed_by_a_browser_then_it_is_as_if_it_went_there(answers):
    for url, headers in zip(DESTINATIONS, answers, strict=True):
        assert as_browser(headers["Location"]) == as_browser(url)


@pytest.mark.parametrize("client", CLIENTS)
def test_given_a_link_when_followed_by_a_client_then_it_is_as_if_it_went_there(server, answers, client):
    visit = CLIENTS[client]
    locations = [headers["Location"] for headers in answers]

    direct, encoded, followed = (visit(urls, server.port) for urls in (DESTINATIONS, locations, server.links()))

    for url, location, *asked, asked_by_link in zip(DESTINATIONS, locations, direct, encoded, followed, strict=True):
        # A client may send what no URI may hold, as a browser doesn't: the link makes it do better.
        assert asked_by_link in {*asked, as_browser(url), _redirected(client, location)}, (url, asked)
        assert asked_by_link == asked[0] or not asked_by_link.startswith("failed")


def _redirected(client: str, to: str) -> str:
    """Return what a client makes of any redirect, so of any shortener's, though not of a URL that it is given."""
    text = to.partition("#")[0]
    if client == "curl":
        text = text.removesuffix("?")  # leaves out the mark of an empty query
    if client in ("urllib", "requests"):
        text = urlparse(text).geturl()  # and Python that of empty parameters, too
    if client == "requests":  # resolves no dot segments then, and encodes percent signs that encode nothing
        text = re.sub("%(?![0-9A-Fa-f]{2})", "%25", requote_uri(text))
    return repr(f"/{text.partition('://')[2].partition('/')[2]}".encode())
