"""Pages: what is escaped, what they may load, how they look."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from squrl.errors import Gone, NotFound, RateLimitExceeded, ServiceUnavailable
from squrl.links import Kind
from squrl.settings import PageSettings
from squrl.web import pages
from squrl.web.response import Response, failure
from tests.support.fakes import a_link

MARKUP = "<script>alert(1)</script>\"'&"


def settings(**changes: str) -> PageSettings:
    given = {
        "table_name": "squrl-urls-test",
        "durable_table_name": "squrl-durable-test",
        "domain_name": "",
        "origin_secret": "",
        "service_name": "squrl",
        "service_color": "#1f6f54",
        "not_found_url": "",
    }
    return PageSettings({name.upper(): value for name, value in (given | changes).items()})


def leading_to(original_url: str, **changes):
    return replace(a_link(), kind=Kind(original_url, "301", None), **changes)


class Parsed(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        assert isinstance(response.body, str)
        self.feed(response.body)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def directives(response: Response) -> dict[str, str]:
    parts = (part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    return {name: value for name, value in parts}  # noqa: C416 (a list of two is no pair to dict's type)


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (NotFound("There is no link with this code"), "There is no such link"),
        (Gone("Links to this domain were disabled"), "This link has ended"),
        (RateLimitExceeded("Too many requests"), "Too many are here at once"),
        (ServiceUnavailable("The database did not answer in time"), "We can't look this link up just now"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_given_an_error_when_shown_then_status_and_headers_are_as_for_a_program(error, title):
    told = failure(error)

    page = pages.problem(told, settings())

    assert page.status == told.status
    assert told.headers.items() <= page.headers.items()
    assert page.headers["Vary"] == "Accept"
    assert title in Parsed(page).text
    assert error.message in Parsed(page).text


def test_given_an_own_page_for_what_is_missing_when_shown_then_it_is_where_the_browser_goes():
    elsewhere = settings(not_found_url="https://example.com/missing")

    page = pages.problem(failure(NotFound("No")), elsewhere)

    assert (page.status, page.headers["Location"]) == (302, "https://example.com/missing")
    assert pages.problem(failure(Gone("No")), elsewhere).status == 410


@example(MARKUP)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1, max_size=40))
def test_given_any_text_when_shown_then_it_is_text_and_no_markup(text):
    plain = pages.preview(leading_to("https://example.com/"), settings())
    page = pages.preview(leading_to(f"https://example.com/?{text}", created_at=text), settings(service_name=text))

    assert Parsed(page).tags == Parsed(plain).tags
    assert Parsed(page).attributes == Parsed(plain).attributes


def test_given_a_links_title_owner_and_counts_when_previewed_then_none_of_them_shows():
    link = leading_to("https://example.com/")
    private = replace(link, title="Secret plan", tags=frozenset({"merger"}), click_count=4711)
    private = replace(private, kind=private.kind._replace(owner="marketing"))

    page = pages.preview(private, settings())

    assert page == pages.preview(link, settings())


def test_given_a_link_with_a_limit_when_shown_then_its_destination_is_nowhere():
    page = pages.withheld(leading_to("https://example.com/secret-place", max_clicks=3), settings())

    assert "secret-place" not in str(page)
    assert ("action", f"/{a_link().short_code}") in Parsed(page).attributes


def test_given_a_host_that_looks_like_another_when_previewed_then_its_true_name_shows():
    page = Parsed(pages.preview(leading_to("https://xn--pypal-4ve.com/login"), settings()))

    assert "https://xn--pypal-4ve.com/login" in page.text
    assert "(written as p\u0430ypal.com)" in page.text


@pytest.mark.parametrize("host", ["example.com", "xn--99999999999.com", "192.0.2.1"])
def test_given_a_host_without_another_form_when_previewed_then_it_shows_once(host):
    assert "written as" not in Parsed(pages.preview(leading_to(f"https://{host}/"), settings())).text


@pytest.mark.parametrize("original_url", ["https://[2001:db8::1]/x", "http://user.example:8080/a?b#c"])
def test_given_an_unusual_destination_when_previewed_then_all_of_it_shows(original_url):
    assert original_url in Parsed(pages.preview(leading_to(original_url), settings())).text


@pytest.mark.parametrize("make", [pages.preview, pages.withheld])
def test_given_a_page_when_made_then_it_may_load_nothing_but_its_own_style(make):
    page = make(a_link(), settings())

    rules = directives(page)
    style = re.search("<style>(.*)</style>", str(page.body), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert rules.pop("style-src") == f"'sha256-{digest}'"
    form = rules.pop("form-action")
    assert set(rules.values()) == {"'none'"}
    assert {"default-src", "script-src", "base-uri", "frame-ancestors"} <= rules.keys()
    assert form == ("'none'" if make is pages.preview else "http: https:")
    assert "script" not in Parsed(page).tags


@pytest.mark.parametrize(
    ("color", "ink"), [("#1f6f54", "#fff"), ("#ffffff", "#000"), ("#000000", "#fff"), ("#ffd400", "#000")]
)
def test_given_a_colour_when_written_on_then_black_or_white_has_the_contrast(color, ink):
    assert pages.colors(settings(service_color=color)) == {"accent": color, "on_accent": ink}


@given(st.integers(0, 0xFFFFFF))
def test_given_any_colour_when_written_on_then_the_contrast_is_enough(number):
    color = f"#{number:06x}"

    ink = pages.colors(settings(service_color=color))["on_accent"]

    assert contrast(color, ink) >= 4.5  # WCAG 2.2, 1.4.3


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it."""

    def luminance(color: str) -> float:
        digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
        channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
        return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
