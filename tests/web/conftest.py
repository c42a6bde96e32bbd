"""Chromium, before the stack as `make start` runs it. What its console says, and what a policy stops, fails a test."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, ViewportSize, sync_playwright

from squrl.links import DISABLED, Kind, Link

DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
_NUMBERS = count(1)

# What a page would see of a broken policy, for the console doesn't tell all of it.
_REPORTS = """document.addEventListener("securitypolicyviolation",
  (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));"""


def launch(playwright: Playwright) -> Browser:
    """Start Debian's Chromium."""
    path = shutil.which("chromium")
    assert path, "There is no Chromium: make test-web installs Debian's, or says how"
    options = ["--disable-gpu", "--disable-background-networking"]
    if os.geteuid() == 0:  # root has no sandbox
        options.append("--no-sandbox")
    return playwright.chromium.launch(executable_path=path, args=options)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, api_url) -> Iterator[Callable[..., Page]]:
    """Open a tab of its own, and return it; all that goes wrong in it is collected, and fails the test at its end."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # Chromium writes down each answer from 400 on, which is no fault of a page's.
        if message.type in {"error", "warning"} and "the server responded with a status of" not in message.text:
            wrong.append(message.text)

    def open_tab(path: str = "/", **options: Any) -> Page:
        context = chromium.new_context(base_url=api_url, **{"viewport": DESK} | options)
        contexts.append(context)
        context.add_init_script(_REPORTS)
        page: Page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", listen)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def owner() -> str:
    """Return an owner that no other test has."""
    return f"team-{next(_NUMBERS)}"


@pytest.fixture
def key(tables, owner) -> str:
    return str(tables.make_key(owner))


@pytest.fixture
def visit_as(visit, key) -> Callable[..., Page]:
    """Open the web page, and use the key as a person does."""

    def open_tab(**options: Any) -> Page:
        page: Page = visit("/", **options)
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Use key").click()
        page.get_by_role("heading", name="Your links").wait_for()
        return page

    return open_tab


@pytest.fixture
def url_of_test() -> str:
    """Return a destination that no other test has."""
    return f"https://example.com/web/{next(_NUMBERS)}"


@pytest.fixture
def put_links(tables) -> dict[str, str]:
    """Return the codes of links that no other test has: a live one, one that ended, one with a limit."""
    number = next(_NUMBERS)
    kind = Kind("https://xn--pypal-4ve.com/a/very/long/destination?with=parameters", "301", None)
    link = Link(f"live-{number}", kind, "2026-11-22T10:30:00Z", None)
    gone = replace(link, short_code=f"gone-{number}", status=DISABLED)
    limited = replace(link, short_code=f"limited-{number}", max_clicks=5, click_limit=5)
    tables.put(link, gone, limited)
    return {"live": link.short_code, "gone": gone.short_code, "limited": limited.short_code}
