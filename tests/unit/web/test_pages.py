"""The pages: self-contained, without script, and with nothing in them that isn't escaped."""

import re
from html.parser import HTMLParser

import pytest

from squrl.web.pages import withheld
from tests.support.fakes import a_link


class Elements(HTMLParser):
    """The elements of a page, in order, each with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def page():
    link = a_link("abc_-9", title="Secret", max_clicks=5, click_limit=7, click_count=3, creator_ip="192.0.2.1")
    return withheld(link).to_http(has_domain=True)


def test_given_a_link_that_is_withheld_when_shown_then_its_button_posts_to_it(page):
    elements = Elements(page["body"]).found

    assert [attributes for tag, attributes in elements if tag == "form"] == [{"method": "post", "action": "/abc_-9"}]
    assert [tag for tag, _ in elements].count("button") == 1
    assert ("html", {"lang": "en"}) in elements
    assert page["body"].startswith("<!doctype html>")


def test_given_a_link_that_is_withheld_when_shown_then_only_its_code_is_told(page):
    assert not [word for word in ("example.com", "Secret", "192.0.2.1", "2027", "5", "7", "3") if word in page["body"]]


def test_given_a_page_when_shown_then_it_loads_nothing_and_is_framed_by_nobody(page):
    headers = page["headers"]
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))

    assert (page["statusCode"], headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert (headers["X-Content-Type-Options"], headers["X-Robots-Tag"]) == ("nosniff", "noindex")
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    loading = {"script", "style", "link", "img", "iframe", "object", "embed", "base"}
    elements = Elements(page["body"]).found
    assert not {tag for tag, _ in elements} & loading
    assert not [name for _, attributes in elements for name in attributes if re.match("on|src|href|style", name)]


def test_given_a_code_that_is_markup_when_shown_then_it_is_escaped():
    page = withheld(a_link("\"'><script>&"))

    elements = Elements(str(page.body)).found

    assert ("form", {"method": "post", "action": "/\"'><script>&"}) in elements
    assert "script" not in {tag for tag, _ in elements}
