"""Figures that stand in a doc and in the code: the doc says what the code does."""

import re
from pathlib import Path

import cfnlint.api  # type: ignore[import-untyped]
import pytest
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from squrl import codes, destinations, follow, late_clicks
from squrl.aws import client, client_limiter, domain_lists, ephemeral_table
from squrl.aws.event_bus import SOURCE
from squrl.web import request
from tests.support.events import STREAMS
from tests.template.stack import read

ROOT = Path(__file__).parents[2]
PARAMETERS = read()["Parameters"]
QUEUE = read()["Resources"]["ClickQueue"]["Properties"]
DAY = 86_400  # seconds
NAMES = {name for told in STREAMS.values() for _, name in told}


def number(text: str) -> int:
    """Read a figure as the docs write it: with thin groups of three."""
    return int(text.replace(" ", ""))


@pytest.mark.parametrize(
    ("doc", "sentence", "figure"),
    [
        ("operations", r"`CreateRateLimit` \| ([\d ]+\d) requests a second", PARAMETERS["CreateRateLimit"]["Default"]),
        (
            "operations",
            r"`RedirectRateLimit` \| ([\d ]+\d) requests a second",
            PARAMETERS["RedirectRateLimit"]["Default"],
        ),
        (
            "operations",
            r"`CreatesPerMinutePerClient` \| (\d+) \|",
            PARAMETERS["CreatesPerMinutePerClient"]["Default"],
        ),
        ("decisions", r"creating ([\d ]+\d) a second", PARAMETERS["CreateRateLimit"]["Default"]),
        ("decisions", r"following ([\d ]+\d): people", PARAMETERS["RedirectRateLimit"]["Default"]),
        (
            "scaling",
            r"the route's rate: ([\d ]+\d) requests a second \| raise `C",
            PARAMETERS["CreateRateLimit"]["Default"],
        ),
        (
            "scaling",
            r"the route's rate: ([\d ]+\d) requests a second \| raise `R",
            PARAMETERS["RedirectRateLimit"]["Default"],
        ),
        ("operations", r"IPv6 network of (\d+) bits", client_limiter.NETWORK_BITS),
        ("decisions", r"network of (\d+) bits is what is counted", client_limiter.NETWORK_BITS),
        ("operations", r"expires (five) minutes after", {300: "five"}[ephemeral_table.CLIENT_KEPT]),
        ("decisions", r"body over (\d+) KB", request.MAX_BODY // 1024),
        ("decisions", r"over ([\d ]+\d) characters isn't looked at", destinations.MAX_CHARACTERS),
        ("decisions", r"the next of (eight)", {8: "eight"}[codes.PROBES]),
        ("decisions", r"secret is (\d+) random bytes", codes.SECRET_BYTES),
        ("decisions", r"older than (\d+); the two", late_clicks.OLDEST_CLICK // DAY),
        ("decisions", r"id is remembered for (thirty) days", {30: "thirty"}[ephemeral_table.CLICK_KEPT // DAY]),
        ("decisions", r"at most every (two) seconds", {2: "two"}[follow.RECENT_SECONDS]),
        ("decisions", r"every (thirty) seconds", {30: "thirty"}[domain_lists.REFRESH]),
        ("decisions", r"quiet for a minute, waits a (tenth) of a second", {0.1: "tenth"}[domain_lists.PATIENCE]),
        ("decisions", r"idle for (half) a minute", {30: "half"}[client.IDLE]),
        ("decisions", r"tried (twenty) times", {20: "twenty"}[QUEUE["RedrivePolicy"]["maxReceiveCount"]]),
    ],
)
def test_given_a_figure_in_a_doc_then_it_is_the_codes(doc, sentence, figure):
    text = re.sub(r"\s+", " ", (ROOT / "docs" / f"{doc}.md").read_text())

    found = re.findall(sentence, text)

    assert found
    assert {each if isinstance(figure, str) else number(each) for each in found} == {figure}


RECIPES = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "events.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("recipe", RECIPES, ids=["webhook", "channel", "trail"])
def test_given_a_recipe_for_events_then_it_is_a_valid_template_for_squrls_events(recipe):
    template = yaml_parse(recipe)
    (pattern,) = (
        each["Properties"]["EventPattern"]
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Events::Rule"
    )

    findings = cfnlint.api.lint(recipe, regions=["us-east-1"])

    assert [str(finding) for finding in findings] == []
    assert pattern["source"] == [SOURCE]
    assert set(pattern.get("detail-type", [])) <= NAMES


def test_given_the_docs_when_their_links_are_read_then_each_leads_somewhere():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path, _, anchor = target.partition("#")
            if "://" in target or not (path or anchor):
                continue
            file = (page.parent / path).resolve() if path else page
            if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
                broken.append(f"{page.name}: {target}")

    assert broken == []


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_given_a_bar_that_is_missed_then_the_page_says_what_stands_in_the_way():
    page = (ROOT / "docs" / "performance.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if line.count("|") == 7]
    missed = [what for _, what, _, must, _, met, _, _ in rows if must and met.startswith("**no**")]
    reasons = " ".join(page.partition("## What stands in the way")[2].split())

    assert [what for what in missed if f"**{what}**" not in reasons] == []
