"""The README's pictures, taken of the running stack: ``make screenshots``."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from local.dynamodb import engine
from local.tables import create_tables
from squrl.links import DAY, Kind, Link, timestamp
from tests.support.commands import sam_local
from tests.support.functions import ROOT
from tests.support.tables import Tables
from tests.web.conftest import launch

FOLDER = ROOT / "docs" / "pictures"
SIZE = ViewportSize(width=1080, height=760)
SAMPLES = {
    "summer-sale": ("https://shop.example.com/sale?utm_source=flyer", "Summer sale", ("flyer", "shop"), 60),
    "jobs": ("https://careers.example.com/en/openings", "We are hiring", ("team",), 25),
    "handbook": ("https://docs.example.com/handbook/first-day", "Handbook", ("team",), 9),
}


def fill(tables: Tables) -> str:
    """Put in links that have been clicked for a month, and return a key for them."""
    now = int(time.time())
    for age, (code, (url, title, tags, busy)) in enumerate(SAMPLES.items()):
        days = {now // DAY - day: busy + (day * 7919 % 13) * busy // 9 - day for day in range(30)}
        days = {day: clicks for day, clicks in days.items() if clicks > 0}
        people, bots = sum(days.values()), busy
        made = timestamp(now - 40 * DAY - age)
        kind = Kind(url, "302", None, "marketing")
        tables.put(
            Link(
                code,
                kind,
                made,
                None,
                custom_code=True,
                title=title,
                tags=frozenset(tags),
                click_count=people + bots,
                bot_click_count=bots,
                days=days,
            )
        )
    return str(tables.make_key("marketing"))


def shoot(page: Page, key: str) -> None:
    """Go through the pages, and take a picture of each."""

    def save(name: str) -> None:
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / f"{name}.png")

    page.goto("/")
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Use key").click()
    page.locator("#list > li").nth(2).wait_for()
    save("web-page")
    page.get_by_role("group", name="Link summer-sale").get_by_role("button", name="Statistics").click()
    page.locator(".chart").wait_for()
    save("statistics")
    page.goto("/summer-sale+")
    save("preview")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        engine(0, in_memory=True) as endpoint,
        sync_playwright() as playwright,
    ):
        create_tables(endpoint)
        made_key = fill(Tables(endpoint))
        for port in sam_local("start-api", endpoint, Path(folder, "log")):
            browser = launch(playwright)
            shoot(browser.new_page(base_url=f"http://127.0.0.1:{port}", viewport=SIZE), made_key)
            browser.close()
