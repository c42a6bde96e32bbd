"""Whose click is a bot's: the rule is judged by two public lists of user agents."""

import json
from importlib.resources import files

import pytest

from squrl.bots import is_bot

FOUND_AT_LEAST = 0.98
PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"


@pytest.fixture
def show(capsys):
    """Return what shows a line to whoever runs the tests."""

    def write(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end=" ")  # noqa: T201 (what it is for)

    return write


def test_given_a_list_of_bots_when_judged_then_at_least_98_percent_are_found(show):
    listed = json.loads((files("crawleruseragents") / "crawler-user-agents.json").read_text(encoding="utf-8"))
    bots = {user_agent for bot in listed for user_agent in bot["instances"]}

    found = {user_agent for user_agent in bots if is_bot(user_agent)}

    show(f"bots: {len(found)} of {len(bots)} user agents found ({len(found) / len(bots):.2%})")
    assert len(bots) > 2000
    assert len(found) / len(bots) >= FOUND_AT_LEAST, "\n".join(sorted(bots - found))


def test_given_a_list_of_browsers_when_judged_then_none_is_taken_for_a_bot(show):
    lines = (files("fake_useragent") / "data" / "browsers.jsonl").read_text(encoding="utf-8").splitlines()
    browsers = {json.loads(line)["useragent"] for line in lines}

    mistaken = {user_agent for user_agent in browsers if is_bot(user_agent)}

    show(f"browsers: {len(mistaken)} of {len(browsers)} user agents taken for a bot")
    assert len(browsers) > 800
    assert mistaken == set()


@pytest.mark.parametrize(
    "user_agent",
    [
        "",  # who sends none doesn't say
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; .NET CLR 2.0.50727; .NET CLR 3.5.30729)",
        "Mozilla/5.0 (compatible; Konqueror/4.5; Linux) KHTML/4.5.4 (like Gecko)",
        "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0 Mobile",
        f"{PERSON} [FBAN/FBIOS;FBAV/512.0.0.43.90;FBBV/741035713;FBDV/iPhone15,2;FBSN/iOS;FBCR/;FBLC/de_DE]",
        f"{PERSON} Slack/25.05",
        "Lynx/2.9.0 libwww-FM/2.14 SSL-MM/1.4.1",
    ],
    ids=lambda user_agent: user_agent[-24:],
)
def test_given_a_person_of_no_list_when_judged_then_it_is_no_bot(user_agent):
    assert not is_bot(user_agent, "", "")


@pytest.mark.parametrize(
    "user_agent",
    [
        "curl/8.14.1",
        "python-httpx/0.28.1",
        "WhatsApp/2.23.20.0",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Mozilla/5.0 (compatible; Something/1.0)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 (+https://example.com/)",
        "MOZILLA/5.0 (X11; LINUX X86_64) HEADLESSCHROME/140.0",
        "-",
    ],
)
def test_given_a_program_of_no_list_when_judged_then_it_is_a_bot(user_agent):
    assert is_bot(user_agent)


@pytest.mark.parametrize(
    ("purposes", "expected"),
    [
        (("prefetch", ""), True),
        (("prefetch;prerender", ""), True),
        (("", "Prefetch"), True),
        (("", "preview"), True),
        (("", ""), False),
        (("navigation", "x"), False),
        ((), False),
    ],
    ids=str,
)
@pytest.mark.parametrize("user_agent", [PERSON, ""], ids=["a browser", "none"])
def test_given_a_browser_that_fetches_ahead_when_judged_then_it_is_a_bot(user_agent, purposes, expected):
    assert is_bot(user_agent, *purposes) is expected
