"""Links on the command line: what is sent, what is shown, and how a command ends."""

import json
from unittest.mock import Mock

import pytest
import zxingcpp
from PIL import Image

from cli import output
from cli.api import Answer
from cli.errors import Unreachable
from squrl.links import DELETED, DISABLED, Kind, Link
from tests.cli.conftest import ADMIN

URL = "https://example.com/very/long"
BUSY = Answer(429, {"error": "RateLimitExceeded", "message": "Too many requests"})
UNAVAILABLE = Answer(503, {"error": "ServiceUnavailable", "message": "Try again"})


def codes(squrl, **fields):
    """Return the codes of the links that have these fields."""
    links = squrl.functions.store.links.values()
    return [link.short_code for link in links if all(getattr(link, name) == value for name, value in fields.items())]


# Create


@pytest.mark.parametrize("command", [(), ("create",)])
def test_given_a_url_when_shortened_then_the_short_one_alone_is_printed(run, squrl, command):
    result = run(*command, URL)

    [code] = [link.short_code for link in squrl.functions.store.links.values() if link.kind.original_url == URL]
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"https://go.example.com/{code}\n", "")


def test_given_all_options_when_shortened_then_the_link_has_them(run, squrl):
    options = ("--code", "my-sale", "--ttl", "2w", "--type", "302", "--forward", "--max-clicks", "5", "--title", "Sale")

    assert run(URL, *options, "--tag", "shop", "--tag", "autumn").exit_code == 0

    link = squrl.functions.store.links["my-sale"]
    assert link.kind == Kind(URL, "302", 2 * 7 * 24, "marketing", forward_query=True)
    assert (link.max_clicks, link.title, link.tags) == (5, "Sale", {"shop", "autumn"})


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("example.com/a:b?c=1", "https://example.com/a:b?c=1"),
        ("example.com:8443/", "https://example.com:8443/"),
        ("http://example.com/", "http://example.com/"),
    ],
)
def test_given_a_url_without_a_scheme_when_shortened_then_it_gets_https(run, squrl, given, stored):
    assert run("create", given).exit_code == 0

    assert stored in [link.kind.original_url for link in squrl.functions.store.links.values()]


@pytest.mark.parametrize("url", ["mailto:ana@example.com", "ftp://example.com/", "javascript:alert(1)", "localhost:80"])
def test_given_what_is_no_destination_when_shortened_then_it_is_said_and_ends_with_1(run, url):
    result = run("create", url)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "(400)" in result.stderr


def test_given_no_key_when_shortened_then_the_link_is_nobodys(run, squrl):
    squrl.key = None

    result = run(URL)

    assert result.exit_code == 0
    assert [link.kind.owner for link in squrl.functions.store.links.values() if link.kind.original_url == URL] == [None]


def test_given_no_key_where_one_is_needed_when_shortened_then_it_is_said_how_to_get_one(run, squrl):
    squrl.key = None
    squrl.functions.parameters = {"CreateAccess": "key"}

    result = run(URL)

    assert result.exit_code == 1
    assert "make key" in result.stderr


def test_given_an_operator_when_shortened_then_the_link_has_the_owner_that_is_named(run, squrl):
    squrl.is_operator = True

    assert run(URL, "--owner", "sales").exit_code == 0
    assert "sales" in [
        link.kind.owner for link in squrl.functions.store.links.values() if link.kind.original_url == URL
    ]


def test_given_json_when_shortened_then_the_whole_link_is_printed(run):
    link = json.loads(run(URL, "--json").stdout)

    assert (link["original_url"], link["owner"], link["revision"]) == (URL, "marketing", 1)


@pytest.mark.parametrize("key", ["writer", None])
def test_given_lines_when_shortened_then_each_has_its_line(run, squrl, key):
    squrl.key = squrl.key if key else None
    urls = [f"https://example.com/{number}" for number in range(250)]
    urls[7] = "ftp://example.com/"

    result = run("-", stdin="\n".join(urls))

    lines = result.stdout.split("\n")[:-1]
    leads = {link.short_code: link.kind.original_url for link in squrl.functions.store.links.values()}
    assert [leads.get(line.rpartition("/")[2]) for line in lines] == [*urls[:7], None, *urls[8:]]
    assert result.exit_code == 1
    assert "line 8: ftp://example.com/: " in result.stderr


def test_given_ctrl_c_among_lines_when_shortened_then_it_is_said_how_far_it_came(run, squrl):
    urls = "\n".join(f"https://example.com/{number}" for number in range(150))
    original = squrl.send

    def send(*arguments):
        if len(squrl.sent) == 1:
            raise KeyboardInterrupt
        return original(*arguments)

    squrl.send = send

    result = run("-", stdin=urls)

    assert (result.exit_code, result.stdout.count("\n")) == (130, 100)
    assert "Stopped: 100 lines answered; none is made twice" in result.stderr


def test_given_a_qr_code_when_shortened_then_it_is_drawn_below(run):
    result = run(URL, "--qr")

    assert result.stdout.startswith("https://go.example.com/")
    assert result.stdout.count("\n") > 10


@pytest.mark.parametrize("answer", [BUSY, UNAVAILABLE])
def test_given_squrl_is_busy_when_shortened_then_it_is_asked_again(run, squrl, answer):
    squrl.failures = [answer, answer]

    assert run(URL).exit_code == 0
    assert len(squrl.sent) == 3


def test_given_an_unknown_outcome_when_a_limited_link_is_made_then_it_isnt_made_twice(run, squrl):
    squrl.failures = [UNAVAILABLE]

    assert run(URL, "--max-clicks", "1").exit_code == 3
    assert len(squrl.sent) == 1


def test_given_squrl_stays_busy_when_asked_then_the_command_ends(run, squrl):
    squrl.failures = [BUSY] * 20

    assert run(URL).exit_code == 1
    assert len(squrl.sent) == 6


# List, show, statistics


def test_given_links_when_listed_then_each_is_a_line_of_fields(run):
    result = run("list")

    assert result.stdout == "summer-sale\t0\tactive\thttps://example.com/sale\tSummer sale\n"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--status", "deleted"), ["deleted"]),
        (("--tag", "shop"), ["summer-sale"]),
        (("--q", "SUMMER"), ["summer-sale"]),
        (("--url", "https://example.com/sale"), ["summer-sale"]),
        (("--tag", "other"), []),
    ],
)
def test_given_filters_when_listed_then_they_hold(run, options, found):
    assert [json.loads(line)["short_code"] for line in run("list", "--json", *options).stdout.splitlines()] == found


def test_given_many_links_when_listed_then_all_come_only_if_asked_for(run, squrl):
    for number in range(230):
        link = Link(f"n{number:03}", Kind(f"{URL}/{number}", "301", None, "marketing"), "2026-11-22T10:30:00Z", None)
        squrl.functions.store.links[link.short_code] = link

    some, all_ = run("list"), run("list", "--all")

    assert (some.stdout.count("\n"), all_.stdout.count("\n")) == (50, 231)
    assert ("--all" in some.stderr, all_.stderr) == (True, "")


def test_given_an_admin_when_everybodys_are_listed_then_all_are_there(run, squrl):
    squrl.key = ADMIN

    assert {"theirs", "summer-sale", "nobodys"} <= set(run("list", "--owner", "*", "--all").stdout.split())


def test_given_a_title_that_steers_terminals_when_listed_then_it_is_one_line(run, squrl):
    link = squrl.functions.store.links["summer-sale"]
    squrl.functions.store.links["summer-sale"] = Link(
        "summer-sale", link.kind, link.created_at, None, title="a\x1b[2J\nb\tc"
    )

    assert run("list").stdout.endswith("\ta [2J b c\n")


@pytest.mark.parametrize("code", ["summer-sale", "https://go.example.com/summer-sale"])
def test_given_a_code_or_a_short_url_when_shown_then_all_is_shown(run, code):
    lines = dict(line.split(maxsplit=1) for line in run("show", code).stdout.splitlines())

    assert lines["original_url"] == "https://example.com/sale"
    assert (lines["tags"], lines["max_clicks"], lines["forward_query"]) == ("shop", "-", "no")


@pytest.mark.parametrize("command", ["show", "stats", "qr", "open", "edit --title=x", "disable", "enable"])
def test_given_a_code_that_no_link_has_when_asked_then_it_is_said_and_ends_with_1(run, command):
    result = run(*command.split(), "no-such-link")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "(404)" in result.stderr


def test_given_clicks_when_statistics_are_asked_then_bars_show_them(run, squrl):
    store = squrl.functions.store
    days = {20_780: 40, 20_781: 20, 20_782: 0}
    link = store.links["summer-sale"]
    store.links["summer-sale"] = Link(
        "summer-sale", link.kind, "2026-11-20T00:00:00Z", None, click_count=65, bot_click_count=5, days=days
    )

    lines = run("stats", "summer-sale", "--from", "2026-11-23", "--to", "2026-11-25").stdout.splitlines()

    bars = [line.split() for line in lines[:3]]
    assert [each[:2] for each in bars] == [["2026-11-23", "40"], ["2026-11-24", "20"], ["2026-11-25", "0"]]
    assert len(bars[0][2]) == 2 * len(bars[1][2])
    assert lines[3] == "60 from 2026-11-23 to 2026-11-25; 60 people and 5 bots since the link was made"


# Change and take down


def test_given_changes_when_edited_then_they_and_nothing_else_are_sent(run, squrl):
    options = ("--url", "example.com/new", "--no-forward", "--ttl", "never", "--max-clicks", "none", "--title", "")

    assert run("edit", "summer-sale", *options, "--tag", "").exit_code == 0
    assert squrl.sent == [
        (
            "PATCH",
            "/links/summer-sale",
            {
                "original_url": "https://example.com/new",
                "forward_query": False,
                "ttl_hours": None,
                "max_clicks": None,
                "title": None,
                "tags": None,
            },
        )
    ]


def test_given_no_changes_when_edited_then_it_is_wrong_usage(run, squrl):
    assert run("edit", "summer-sale").exit_code == 2
    assert squrl.sent == []


def test_given_links_when_disabled_and_enabled_then_they_are_so(run, squrl):
    assert run("disable", "summer-sale").exit_code == 0
    assert squrl.functions.store.links["summer-sale"].status == DISABLED

    assert run("enable", "summer-sale").exit_code == 0
    assert squrl.functions.store.links["summer-sale"].status == "active"


def test_given_a_link_that_browsers_keep_when_disabled_then_it_is_said_until_when(run, squrl):
    link = squrl.functions.store.links["summer-sale"]
    kept = Link("summer-sale", link.kind._replace(redirect_type="301"), link.created_at, None)
    squrl.functions.store.links["summer-sale"] = kept

    assert "Browsers that followed it lately" in run("disable", "summer-sale").stderr


def test_given_a_campaign_when_disabled_from_a_list_then_all_of_it_is(run, squrl):
    squrl.is_operator = True
    for number in range(1000):
        kind = Kind(f"{URL}/{number}", "302", None, "marketing")
        link = Link(f"n{number:03}", kind, "2026-11-22T10:30:00Z", None, tags=frozenset({"campaign"}))
        squrl.functions.store.links[link.short_code] = link

    result = run("disable", "-", stdin=run("list", "--tag", "campaign", "--all").stdout)

    assert result.exit_code == 0
    assert len(codes(squrl, status=DISABLED, tags={"campaign"})) == 1000


def test_given_one_bad_code_when_disabled_then_the_others_are_and_it_ends_with_1(run, squrl):
    result = run("disable", "gone", "summer-sale")

    assert result.exit_code == 1
    assert "gone: There is no link with this code (404)" in result.stderr
    assert squrl.functions.store.links["summer-sale"].status == DISABLED


@pytest.mark.parametrize("stdin", [None, "summer-sale\n"])
def test_given_no_terminal_and_no_yes_when_deleted_then_nothing_is(run, squrl, stdin):
    assert run("delete", "-" if stdin else "summer-sale", stdin=stdin).exit_code == 2
    assert squrl.sent == []


def test_given_yes_when_deleted_then_it_is_and_again_is_no_error(run, squrl):
    assert run("delete", "summer-sale", "--yes").exit_code == 0
    assert run("delete", "summer-sale", "--yes").exit_code == 0
    assert squrl.functions.store.links["summer-sale"].status == DELETED


def test_given_an_admin_when_released_then_the_code_is_free(run, squrl):
    squrl.key = ADMIN

    assert run("delete", "theirs", "--release", "--yes").exit_code == 0
    assert "theirs" not in squrl.functions.store.links


# QR codes, browsers


@pytest.mark.parametrize("name", ["code.svg", "code.png"])
def test_given_a_file_when_a_qr_code_is_drawn_then_it_leads_to_the_link(run, tmp_path, name):
    file = tmp_path / name

    assert run("qr", "summer-sale", "-o", str(file)).exit_code == 0

    if name.endswith(".png"):
        [found] = zxingcpp.read_barcodes(Image.open(file))
        assert found.text == "https://go.example.com/summer-sale"
    else:
        assert file.read_text().startswith("<?xml")


def test_given_another_kind_of_file_when_a_qr_code_is_drawn_then_it_is_wrong_usage(run, tmp_path):
    assert run("qr", "summer-sale", "-o", str(tmp_path / "code.gif")).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_given_a_link_when_opened_then_the_browser_gets_the_short_url(run, monkeypatch):
    launch = Mock(return_value=0)
    monkeypatch.setattr("cli.links.click.launch", launch)

    assert run("open", "summer-sale").exit_code == 0
    launch.assert_called_once_with("https://go.example.com/summer-sale")


# What was found in a review


@pytest.mark.parametrize("given", ["go.example.com/summer-sale", "https://GO.example.com/summer-sale+", "summer-sale/"])
def test_given_a_short_url_as_people_copy_it_when_shown_then_its_code_is_meant(run, given):
    assert run("show", given).exit_code == 0


@pytest.mark.parametrize("command", ["show", "edit --title x", "disable", "delete --yes"])
def test_given_another_services_short_url_when_named_then_nothing_is_done(run, squrl, command):
    before = dict(squrl.functions.store.links)

    result = run(*command.split(), "https://bit.ly/summer-sale")

    assert (result.exit_code, "isn't a short URL of" in result.stderr) == (2, True)
    assert squrl.functions.store.links == before


@pytest.mark.parametrize("given", ["https://[x/abc", "a b", "ü"])
def test_given_what_is_no_code_when_named_then_it_is_wrong_usage(run, squrl, given):
    assert run("show", given).exit_code == 2
    assert squrl.sent == []


def test_given_lines_that_are_long_when_shortened_then_no_request_is_too_large(run, squrl):
    urls = [f"https://example.com/{number}?{'x' * 4000}" for number in range(120)]

    result = run("-", stdin="\n".join(urls))

    assert result.stdout == "\n" * 120
    assert all(len(json.dumps(body)) < 256 * 1024 for _, _, body in squrl.sent)


def test_given_lines_that_arent_utf_8_or_are_empty_when_shortened_then_each_keeps_its_place(run):
    lines = b"\xef\xbb\xbfhttps://example.com/1\nhttps://example.com/\xe9\n\nhttps://example.com/2\n"

    result = run("-", stdin=lines)

    assert [bool(line) for line in result.stdout.split("\n")[:-1]] == [True, False, False, True]
    assert (result.exit_code, "That isn't UTF-8" in result.stderr) == (1, True)


def test_given_a_failure_in_the_middle_when_disabled_then_it_is_said_what_was_done(run, squrl):
    squrl.key = ADMIN
    send = squrl.send

    def fails_later(*arguments):
        if squrl.sent:
            raise Unreachable("nobody there")
        return send(*arguments)

    squrl.send = fails_later
    codes_of_two_requests = [f"n{number}" for number in range(150)]

    result = run("disable", "-", stdin="\n".join(codes_of_two_requests))

    assert result.exit_code == 3
    assert "0 of 150 are disabled" in result.stderr


def test_given_ctrl_c_anywhere_when_run_then_it_ends_as_shells_expect(run, squrl):
    squrl.failures = [KeyboardInterrupt()]

    assert run("show", "summer-sale").exit_code == 130


def test_given_a_network_that_fails_once_when_asked_then_it_is_asked_again(run, squrl):
    squrl.key = ADMIN
    for number in range(230):
        kind = Kind(f"{URL}/{number}", "301", None, "marketing")
        squrl.functions.store.links[f"n{number:03}"] = Link(f"n{number:03}", kind, "2026-11-22T10:30:00Z", None)
    send = squrl.send

    def fails_once(*arguments):
        if len(squrl.sent) == 1 and not failed:
            failed.append(True)
            raise Unreachable("the network went away")
        return send(*arguments)

    failed: list[bool] = []
    squrl.send = fails_once

    assert run("list", "--all").stdout.count("\n") == 231


def test_given_a_terminal_when_listed_then_codes_are_whole_and_titles_are_cut(run, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")

    output.show_table(("code", "title"), [("c" * 40, "[b]" + "t" * 40)])

    row = capsys.readouterr().out.splitlines()[1]
    assert row.startswith("c" * 40)
    assert row.rstrip().endswith("…")
    assert "[b]" in row


def test_given_a_name_that_steers_terminals_when_said_then_it_is_plain(run, capsys):
    output.say("a\x1b]0;owned\x07b")

    assert capsys.readouterr().err == "a ]0;owned b\n"
