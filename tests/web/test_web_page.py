"""The web page, used as a person would."""

import csv
import io
import re
from dataclasses import replace

import pytest
import requests
import zxingcpp
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from PIL import Image
from playwright.sync_api import Page, expect

from squrl.links import DAY, Kind, Link, timestamp
from tests.web.conftest import DESK, PHONE

MARKUP = '<img src=x onerror="document.title=1"><b>&amp;'
# What has the focus, by its label or its text.
FOCUSED = "document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent"
LONG = "https://example.com/a/long/address?for=people"


def shorten(page: Page, url: str) -> str:
    """Return the short URL that the page shows for a long one."""
    page.get_by_label("Long URL").fill(url)
    page.get_by_role("button", name="Shorten", exact=True).click()
    made = page.locator("#made")
    expect(made).to_contain_text("leads to")
    return made.get_by_role("link").inner_text()


def row(page: Page, code: str):
    return page.locator("#list > li").filter(has=page.get_by_role("group", name=f"Link {code}"))


def act(page: Page, code: str, name: str) -> None:
    row(page, code).get_by_role("button", name=name, exact=True).click()


def code_of(short_url: str) -> str:
    return short_url.rpartition("/")[2]


def test_given_nobody_when_a_url_is_pasted_then_its_short_link_leads_there(visit, url_of_test):
    page = visit()

    short_url = shorten(page, url_of_test.removeprefix("https://"))

    assert page.get_by_label("Long URL").input_value() == url_of_test, "what was added is shown"
    assert requests.get(short_url, allow_redirects=False, timeout=10).headers["Location"] == url_of_test


def test_given_a_short_link_when_copied_then_it_is_in_the_clipboard(visit, url_of_test):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    short_url = shorten(page, url_of_test)

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == short_url


@pytest.mark.parametrize(
    ("fields", "label", "message"),
    [
        ({"Long URL": "javascript:alert(1)"}, "Long URL", "must start with http"),
        ({"Long URL": ""}, "Long URL", "."),
        ({"Long URL": LONG, "Code": "a b"}, "Code", "custom_code"),
        ({"Long URL": LONG, "Hours until it ends": "999999"}, "Hours until it ends", "ttl_hours"),
    ],
)
def test_given_what_the_api_refuses_when_sent_then_it_says_so_beside_the_field(visit, fields, label, message):
    page = visit()
    page.get_by_text("Options").click()
    for name, value in fields.items():
        page.get_by_label(name, exact=True).fill(value)

    page.get_by_role("button", name="Shorten", exact=True).click()

    field = page.get_by_label(label, exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    described = field.get_attribute("aria-describedby")
    expect(page.locator(f'[id="{described}"]')).to_contain_text(message)


def test_given_a_key_that_is_none_when_used_then_the_page_says_so_and_keeps_nothing(visit):
    page = visit()
    page.get_by_label("Key", exact=True).fill("sq_nonsense")

    page.get_by_role("button", name="Use key").click()

    expect(page.locator("#key-form")).to_contain_text("A valid key is needed")
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_given_a_key_when_forgotten_then_it_is_nowhere_and_the_links_are_gone(visit_as, key):
    page = visit_as()
    assert key not in page.content()
    assert page.evaluate("localStorage.length") == 0
    assert page.context.cookies() == []

    page.get_by_role("button", name="Forget key").click()

    expect(page.get_by_role("heading", name="Your links")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0


def test_given_a_key_that_was_revoked_when_the_page_goes_on_then_it_asks_for_one(visit_as):
    page = visit_as()
    page.context.route("**/links?*", lambda route: route.fulfill(status=401, json={"message": "A valid key is needed"}))

    page.get_by_role("button", name="Find").click()

    expect(page.get_by_role("heading", name="Use your key")).to_be_visible()


def test_given_every_option_when_a_link_is_made_then_it_has_them(visit_as, tables, url_of_test):
    page = visit_as()
    page.get_by_text("Options").click()
    code = f"own-{abs(hash(url_of_test)) % 10**9}"
    for name, value in {"Code": code, "Hours until it ends": "24", "Most clicks": "5", "Tags": "shop, winter"}.items():
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_label("Title", exact=True).fill("A title")
    page.get_by_label("Kind", exact=True).select_option("302")
    page.get_by_label("Pass on query parameters").check()

    shorten(page, url_of_test)

    link = tables.get(code)
    assert link.kind == Kind(url_of_test, "302", 24, link.kind.owner, forward_query=True)
    assert (link.max_clicks, link.title, link.tags) == (5, "A title", frozenset({"shop", "winter"}))
    expect(row(page, code)).to_contain_text("A title")
    expect(row(page, code)).to_contain_text("#shop #winter")


def test_given_a_link_when_changed_then_visitors_go_to_the_new_destination(visit_as, tables, url_of_test):
    page = visit_as()
    code = code_of(shorten(page, url_of_test))
    act(page, code, "Change")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Long URL").fill(f"{url_of_test}/new")
    dialog.get_by_label("Title").fill("Moved")

    dialog.get_by_role("button", name="Save").click()

    expect(row(page, code)).to_contain_text("Moved")
    assert tables.get(code).kind.original_url == f"{url_of_test}/new"


def test_given_a_link_that_somebody_else_changed_when_saved_then_nothing_is_overwritten(visit_as, tables, url_of_test):
    page = visit_as()
    code = code_of(shorten(page, url_of_test))
    act(page, code, "Change")
    tables.put(replace(tables.get(code), title="Theirs", revision=7))
    page.get_by_role("dialog").get_by_label("Title").fill("Mine")

    page.get_by_role("dialog").get_by_role("button", name="Save").click()

    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    assert tables.get(code).title == "Theirs"


def test_given_a_link_when_disabled_and_enabled_then_visitors_are_stopped_and_let_through(visit_as, url_of_test):
    page = visit_as()
    short_url = shorten(page, url_of_test)
    code = code_of(short_url)

    act(page, code, "Disable")
    expect(row(page, code).locator(".badge")).to_have_text("disabled")
    assert requests.get(short_url, allow_redirects=False, timeout=10).status_code == 410

    act(page, code, "Enable")
    expect(row(page, code).locator(".badge")).to_have_text("active")
    assert requests.get(short_url, allow_redirects=False, timeout=10).status_code == 301


def test_given_a_link_when_deleted_then_only_after_a_question(visit_as, url_of_test):
    page = visit_as()
    short_url = shorten(page, url_of_test)
    act(page, code_of(short_url), "Delete")
    page.get_by_role("button", name="Close").click()
    assert requests.get(short_url, allow_redirects=False, timeout=10).status_code == 301

    act(page, code_of(short_url), "Delete")
    page.get_by_role("button", name="Delete the link").click()

    expect(row(page, code_of(short_url))).to_have_count(0)
    gone = requests.get(short_url, headers={"Accept": "text/html"}, allow_redirects=False, timeout=10)
    assert (gone.status_code, "This link has ended" in gone.text) == (410, True)


def test_given_links_when_searched_then_those_that_fit_are_shown(visit_as, tables, owner):
    kinds = [Kind(f"https://example.com/{number}", "301", None, owner) for number in range(130)]
    made = [
        Link(f"{owner}-{number:03}", kind, timestamp(1_790_000_000 + number), None, title=f"Title {number}")
        for number, kind in enumerate(kinds)
    ]
    tables.put(*made)
    page = visit_as()
    expect(page.locator("#list > li")).to_have_count(50)

    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#list > li")).to_have_count(100)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#list > li")).to_have_count(130)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()

    page.get_by_label("Search").fill("Title 12")
    page.get_by_label("Search").press("Enter")
    expect(page.locator("#list > li")).to_have_count(11)  # 12 and 120 to 129

    page.get_by_label("Search").fill("nowhere")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("There are no such links.")).to_be_visible()


def test_given_a_qr_code_when_shown_then_it_says_the_short_url(visit_as, url_of_test):
    page = visit_as()
    short_url = shorten(page, url_of_test)

    act(page, code_of(short_url), "QR code")

    image = page.get_by_role("img", name=re.compile("QR code of"))
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 600)
    found = zxingcpp.read_barcode(Image.open(io.BytesIO(image.screenshot())))
    assert found is not None
    assert found.text == short_url


@pytest.mark.parametrize("form", ["SVG", "PNG"])
def test_given_a_qr_code_when_downloaded_then_it_is_a_file_of_its_kind(visit_as, url_of_test, form):
    page = visit_as()
    code = code_of(shorten(page, url_of_test))
    act(page, code, "QR code")

    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {form}").click()

    assert download.value.suggested_filename == f"{code}.{form.lower()}"
    body = download.value.path().read_bytes()
    assert body.startswith(b"<svg" if form == "SVG" else b"\x89PNG")


def test_given_clicks_when_statistics_are_shown_then_chart_and_table_have_each_day(visit_as, tables, url_of_test):
    page = visit_as()
    code = code_of(shorten(page, url_of_test))
    link = tables.get(code)
    today = int(page.evaluate("Date.now()")) // 1000 // DAY
    tables.put(replace(link, click_count=12, bot_click_count=2, days={today: 7, today - 3: 3}))

    act(page, code, "Statistics")

    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".chart rect")).to_have_count(2)
    expect(dialog.locator("dl")).to_contain_text("All clicks12of them bots'2People in these days10")
    dialog.get_by_text("As a table").click()
    expect(dialog.get_by_role("row")).to_have_count(31)
    expect(dialog.get_by_role("row").last).to_contain_text("7")
    dialog.get_by_label("Days (UTC)").select_option("90")
    expect(dialog.get_by_label("Days (UTC)")).to_be_focused()
    dialog.get_by_text("As a table").click()
    expect(dialog.get_by_role("row")).to_have_count(91)


def test_given_many_urls_when_pasted_then_each_line_has_its_result(visit_as, url_of_test):
    page = visit_as()
    page.get_by_role("button", name="Paste many").click()
    lines = [f"{url_of_test}/{number}" for number in range(150)]
    lines[77] = "javascript:alert(1)"

    page.get_by_label("One URL in each line").fill("\n".join(lines))
    page.get_by_role("button", name="Shorten them").click()

    results = page.locator(".results > li")
    expect(results).to_have_count(150, timeout=60_000)
    expect(results.nth(77)).to_contain_text("must start with http")
    expect(results.nth(149)).to_contain_text(lines[149])
    expect(page.get_by_role("status")).to_have_text("149 of 150 are ready")


def test_given_links_when_exported_then_the_file_has_what_is_shown(visit_as, url_of_test):
    page = visit_as()
    page.get_by_text("Options").click()
    page.get_by_label("Title", exact=True).fill('=cmd|"x", y')
    short_url = shorten(page, url_of_test)
    expect(row(page, code_of(short_url))).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()

    (line,) = csv.DictReader(io.StringIO(download.value.path().read_text()))
    assert (line["short_url"], line["original_url"]) == (short_url, url_of_test)
    assert line["title"] == '\'=cmd|"x", y', "a spreadsheet must not take it for a formula"


def test_given_markup_in_everything_when_shown_then_it_is_text(visit_as, tables, owner):
    kind = Kind(f"https://example.com/?{MARKUP}", "301", None, owner)
    tables.put(Link(f"{owner}-markup", kind, timestamp(1_790_000_000), None, title=MARKUP, tags=frozenset({MARKUP})))

    page = visit_as()

    expect(row(page, f"{owner}-markup")).to_contain_text(MARKUP)
    assert page.locator("img, b").count() == 0
    assert page.title() == "squrl"


def test_given_the_keyboard_alone_when_used_then_a_link_is_made_and_taken_down(visit, key, url_of_test):
    page = visit()

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if (
                page.evaluate("document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent")
                == name
            ):
                return
        pytest.fail(f"the Tab key doesn't lead to {name}")

    tab_to("Key")
    page.keyboard.type(key)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Your links").wait_for()
    tab_to("Long URL")
    page.keyboard.type(url_of_test)
    page.keyboard.press("Enter")
    expect(page.locator("#made")).to_be_visible()
    expect(page.locator("#list > li")).to_have_count(1)
    tab_to("Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    tab_to("Delete the link")
    page.keyboard.press("Enter")
    expect(page.locator("#list > li")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_given_each_state_of_the_page_when_looked_at_by_axe_then_nothing_is_wrong(
    visit_as, url_of_test, scheme, viewport
):
    page = visit_as(color_scheme=scheme, viewport=viewport)
    code = code_of(shorten(page, url_of_test))
    expect(row(page, code)).to_be_visible()
    page.get_by_text("Options").click()
    found = [violations(page)]
    for name in ("QR code", "Statistics", "Change", "Delete"):
        act(page, code, name)
        page.get_by_role("dialog").wait_for()
        found.append(violations(page))
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Paste many").click()
    found.append(violations(page))

    assert [each for each in found if each] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it has to be scrolled sideways"


def violations(page: Page) -> list[str]:
    page.wait_for_timeout(100)
    return [f"{found['id']}: {found['nodes'][0]['html']}" for found in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("path", ["/nosuch", "/{live}+", "/{gone}", "/{limited}+", "/docs"])
def test_given_a_page_without_script_when_looked_at_then_nothing_is_wrong(visit, put_links, path, scheme, viewport):
    page = visit(path.format(**put_links), color_scheme=scheme, viewport=viewport)

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it has to be scrolled sideways"


def test_given_no_script_when_a_page_is_opened_then_it_still_shows(visit, put_links):
    page = visit("/{live}+".format(**put_links), java_script_enabled=False)
    expect(page.get_by_role("heading", name="Where this link leads")).to_be_visible()
    page.goto("/docs")
    expect(page.get_by_role("heading", name="The API")).to_be_visible()
    page.goto("/")
    assert "This page needs a script" in page.content(), "Playwright's browser parses a noscript as if it had scripts"
    expect(page.get_by_label("Long URL")).to_be_visible()


def test_given_a_limited_link_when_its_button_is_pressed_then_the_person_is_sent_on(visit, put_links, tables, api_url):
    limited = put_links["limited"]
    tables.put(replace(tables.get(limited), kind=Kind(f"{api_url}/health", "301", None)))
    page = visit(f"/{limited}+", java_script_enabled=False)

    page.get_by_role("button", name="Continue").click()

    page.wait_for_url("**/health")
    assert tables.get(limited).click_count == 1
