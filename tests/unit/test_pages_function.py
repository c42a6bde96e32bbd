"""The function of pages, and what the other functions show to browsers; event in and answer out."""

import base64
import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from local import api_page
from squrl.domains import DomainLists
from squrl.ports import Throttled, Unavailable
from tests.support.aws import refusal
from tests.support.functions import ROOT, Functions, log_in

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "host": "go.example.com"}
CODE = "hello-squrl"
STATIC = ROOT / "functions" / "pages" / "static"


@pytest.fixture
def functions(clock):
    return Functions()


def get(functions: Functions, path: str, route: str = "", method: str = "GET", **more: Any) -> dict[str, Any]:
    """Return the answer to a request, of the function that its route belongs to."""
    headers = {"host": "go.example.com"} | more.pop("headers", {})
    route = route or path
    names = re.findall(r"{(\w+)}", route)
    values = re.fullmatch(re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(route)), path)
    assert values is not None
    event = {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "headers": headers,
        "pathParameters": dict(zip(names, values.groups(), strict=True)),
        "requestContext": {"http": {"method": method, "path": path}},
    }
    function = "redirect" if route == "/{short_code}" else "pages"
    answer: dict[str, Any] = functions.invoke(function, event | more)
    return answer


def follow(functions: Functions, code: str, **more: Any) -> dict[str, Any]:
    return get(functions, f"/{code}", "/{short_code}", **more)


def qr(functions: Functions, code: str, **query: str) -> dict[str, Any]:
    return get(functions, f"/{code}/qr", "/{short_code}/qr", queryStringParameters=query)


# Visitors


@pytest.mark.parametrize(("code", "status"), [("nosuch", 404), ("taken-down", 410), ("a.b", 404)])
def test_given_a_browser_when_a_link_is_not_live_then_a_page_says_so(functions, code, status):
    page, told = follow(functions, code, headers=HTML), follow(functions, code)

    assert page["statusCode"] == told["statusCode"] == status
    assert page["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert page["headers"]["Vary"] == told["headers"]["Vary"] == "Accept"
    assert page["headers"]["Cache-Control"] == "no-store"
    assert json.loads(told["body"])["message"] in page["body"]


@pytest.mark.parametrize(("error", "status"), [(Throttled(), 429), (Unavailable(), 503), (ZeroDivisionError(), 500)])
def test_given_a_browser_when_the_store_fails_then_a_page_offers_to_try_again(functions, error, status):
    functions.store.failures = {"count_click": error, "get": error}

    page = follow(functions, CODE, headers=HTML)

    assert page["statusCode"] == status
    assert "Try again" in page["body"]


def test_given_a_live_link_when_followed_by_a_browser_then_it_is_the_same_redirect(functions):
    assert follow(functions, CODE, headers=HTML) == follow(functions, CODE)


def test_given_an_own_page_for_what_is_missing_when_asked_then_browsers_alone_go_there(functions):
    functions.parameters = {"NotFoundUrl": "https://example.com/missing"}

    page = follow(functions, "nosuch", headers=HTML)

    assert (page["statusCode"], page["headers"]["Location"]) == (302, "https://example.com/missing")
    assert follow(functions, "nosuch")["statusCode"] == 404
    assert follow(functions, "taken-down", headers=HTML)["statusCode"] == 410


# The preview


def test_given_a_plus_behind_a_code_when_asked_then_it_shows_where_it_leads_and_counts_nothing(functions):
    before = functions.store.get(CODE)

    page, told = follow(functions, f"{CODE}+", headers=HTML), follow(functions, f"{CODE}+")

    assert page["statusCode"] == told["statusCode"] == 200
    assert "https://<strong>example.com</strong>/welcome" in page["body"]
    assert json.loads(told["body"]) == {
        "short_code": CODE,
        "original_url": "https://example.com/welcome",
        "created_at": "2026-11-22T10:30:00Z",
    }
    assert page["headers"]["Vary"] == told["headers"]["Vary"] == "Accept"
    assert "Location" not in page["headers"]
    assert functions.store.get(CODE) == before


def test_given_a_preview_when_asked_for_by_head_then_it_has_no_body(functions):
    told = follow(functions, f"{CODE}+", method="HEAD")

    assert (told["statusCode"], told["body"]) == (200, "")


@pytest.mark.parametrize(("code", "status"), [("nosuch+", 404), ("taken-down+", 410), ("+", 404)])
def test_given_a_plus_behind_no_live_link_when_asked_then_it_is_as_without(functions, code, status):
    assert follow(functions, code, headers=HTML)["statusCode"] == status


@pytest.mark.parametrize("headers", [HTML, {}], ids=["page", "json"])
def test_given_a_limited_link_when_previewed_then_its_destination_is_withheld(functions, headers):
    functions.store.links[CODE] = replace(functions.store.links[CODE], max_clicks=3, click_limit=3)

    told = follow(functions, f"{CODE}+", headers=headers)

    assert told["statusCode"] == 200
    assert "example.com/welcome" not in json.dumps(told)


# QR codes


def test_given_a_link_when_its_qr_code_is_read_then_it_says_the_short_url(functions):
    answer = qr(functions, CODE, format="png", size="600")

    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "image/png")
    found = zxingcpp.read_barcode(Image.open(io.BytesIO(base64.b64decode(answer["body"]))))
    assert found is not None
    assert found.text == f"https://go.example.com/{CODE}"


def test_given_a_stack_with_a_base_url_when_a_qr_code_is_made_then_it_says_that(functions):
    functions.parameters = {"BaseUrl": "https://sq.example"}

    answer = qr(functions, CODE, format="png", size="600")

    found = zxingcpp.read_barcode(Image.open(io.BytesIO(base64.b64decode(answer["body"]))))
    assert found is not None
    assert found.text == f"https://sq.example/{CODE}"


def test_given_a_link_when_its_qr_code_is_asked_for_then_nothing_is_counted(functions):
    before = functions.store.get(CODE)

    qr(functions, CODE)

    assert functions.store.get(CODE) == before


@pytest.mark.parametrize(("code", "status"), [("nosuch", 404), ("taken-down", 410), ("a.b", 404), ("links", 404)])
def test_given_no_live_link_when_its_qr_code_is_asked_for_then_it_is_as_for_the_link(functions, code, status):
    assert qr(functions, code)["statusCode"] == status


def test_given_a_denied_domain_when_its_qr_code_is_asked_for_then_it_is_gone(functions):
    functions.domains.lists = DomainLists(denied=frozenset({"example.com"}))

    assert qr(functions, CODE)["statusCode"] == 410


def test_given_a_wrong_size_when_a_qr_code_is_asked_for_then_the_field_is_named(functions):
    answer = qr(functions, CODE, size="1")

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["details"][0]["field"] == "size"


# The web page


def test_given_the_web_page_when_asked_for_then_what_it_loads_is_there_and_kept_for_a_year(functions):
    page = get(functions, "/")

    names = re.findall(r'"/assets/([^"]+)"', page["body"])
    assert {name.rpartition(".")[2] for name in names} == {"css", "js", "svg"}
    for name in names:
        asset = get(functions, f"/assets/{name}", "/assets/{name}")
        assert asset["statusCode"] == 200
        assert asset["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert page["headers"]["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; ")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_given_a_page_when_all_that_it_loads_is_added_up_then_it_is_below_60_kb(functions, path):
    page = get(functions, path)["body"]
    assets = [
        get(functions, f"/assets/{name}", "/assets/{name}")["body"] for name in re.findall(r'"/assets/([^"]+)"', page)
    ]

    assert sum(len(each.encode()) for each in [page, *assets]) < 60_000
    assert not re.search(r"(src|href)=\"?(https?:)?//", page), "something is loaded from elsewhere"


def test_given_an_older_version_of_an_asset_when_asked_for_then_it_is_the_one_there_is(functions):
    older = get(functions, "/assets/app-00000000.js", "/assets/{name}")

    assert older["body"] == (STATIC / "app.js").read_text()
    assert older["headers"]["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(
    "name", ["app.js", "index-00000000.html", "app-00000000.html", "..-00000000.js", "app-0000000g.js", "openapi.yaml"]
)
def test_given_what_no_page_names_when_asked_for_then_it_is_not_there(functions, name):
    assert get(functions, f"/assets/{name}", "/assets/{name}")["statusCode"] == 404


def test_given_a_name_and_a_colour_when_pages_are_made_then_they_are_theirs(functions):
    functions.parameters = {"ServiceName": "Acme <Links>", "ServiceColor": "#ffd400"}

    home, missing = get(functions, "/")["body"], follow(functions, "nosuch", headers=HTML)["body"]

    assert "Acme &lt;Links&gt;" in home
    assert "Acme &lt;Links&gt;" in missing
    (icon,) = re.findall(r"icon-\w+\.svg", home)
    for text in (missing, get(functions, f"/assets/{icon}", "/assets/{name}")["body"]):
        assert "#ffd400" in text


@pytest.mark.parametrize("access", ["key", "anyone"])
def test_given_who_may_create_when_the_page_is_made_then_it_knows(functions, access):
    functions.parameters = {"CreateAccess": access}

    assert f'data-create-access="{access}"' in get(functions, "/")["body"]


def test_given_a_home_of_its_own_when_asked_for_then_visitors_go_there(functions):
    functions.parameters = {"HomeUrl": "https://example.com/"}

    answer = get(functions, "/")

    assert (answer["statusCode"], answer["headers"]["Location"]) == (302, "https://example.com/")


# What crawlers, browsers and monitors ask for


def test_given_a_security_contact_when_asked_for_then_it_is_told_and_ends_in_a_year(functions):
    path = "/.well-known/security.txt"
    assert get(functions, path)["statusCode"] == 404
    functions.parameters = {"SecurityContact": "mailto:security@example.com"}

    text = get(functions, path)["body"]

    assert "Contact: mailto:security@example.com\n" in text
    assert re.search(r"^Expires: 2028-01-1\dT\d\d:\d\d:\d\dZ$", text, re.MULTILINE)


def test_given_a_table_that_can_be_read_when_asked_for_health_then_it_passes(functions):
    answer = get(functions, "/health")

    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "pass")
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "error",
    [Throttled(), Unavailable(), refusal("AccessDeniedException"), refusal("ResourceNotFoundException")],
    ids=repr,
)
def test_given_a_table_that_can_not_be_read_when_asked_for_health_then_it_fails(functions, error):
    functions.store.failures = {"get": error}

    answer = get(functions, "/health")

    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (503, "fail")
    assert log_in(functions.written)[0]["level"] == "WARNING"


@pytest.mark.parametrize("path", ["/", "/robots.txt", "/favicon.ico", "/health", "/openapi.yaml", "/docs"])
def test_given_head_when_asked_then_it_is_as_get_without_the_body(functions, path):
    told, probed = get(functions, path), get(functions, path, method="HEAD")

    assert told["body"] != ""
    assert probed["body"] == ""
    assert (probed["statusCode"], probed["headers"]) == (told["statusCode"], told["headers"])


def test_given_the_description_when_asked_for_then_it_is_the_file(functions):
    assert get(functions, "/openapi.yaml")["body"] == (STATIC / "openapi.yaml").read_text()


def test_given_the_page_of_the_description_when_made_anew_then_nothing_changes():
    assert api_page.PAGE.read_text() == api_page.page(), "make it anew: python -m local.api_page"


def test_given_a_direct_invocation_when_answered_then_there_is_nothing_to_ask(functions):
    assert functions.invoke("pages", {"short_code": CODE})["error"] == "NotFound"
