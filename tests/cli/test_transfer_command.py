"""Import and export on the command line: nothing is lost, and nothing is done twice."""

import csv
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from squrl.links import DISABLED, Kind, Link
from tests.cli.conftest import ADMIN

BITLY = "Link,Date created,Title,Destination URL,Engagements\n"


@pytest.fixture(autouse=True)
def admin(squrl):
    squrl.key = ADMIN


@pytest.fixture
def bitly(tmp_path):
    """Write a thousand links as Bitly does: line 501 has no destination, the last one's code is another link's."""
    lines = [f"bit.ly/b{n:04},2024-05-06 07:08:09,Page {n},https://example.com/{n},{n}\n" for n in range(1000)]
    lines[499] = "bit.ly/b0499,2024-05-06 07:08:09,Page 499,,1\n"
    lines[999] = "bit.ly/theirs,2024-05-06 07:08:09,Page 999,https://example.com/999,1\n"
    file = tmp_path / "links.csv"
    file.write_text(BITLY + "".join(lines))
    return file


def refused_lines(file):
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_given_a_file_with_bad_lines_when_imported_then_all_others_are_there(run, squrl, bitly):
    result = run("import", str(bitly), "--from", "bitly")

    links = squrl.functions.store.links
    imported = {link.short_code: link for link in links.values() if link.short_code.startswith("b0")}
    assert (result.exit_code, len(imported)) == (1, 998)
    assert imported["b0042"] == Link(
        "b0042",
        Kind("https://example.com/42", "301", None, "marketing"),
        "2024-05-06T07:08:09Z",
        None,
        custom_code=True,
        title="Page 42",
        imported_clicks=42,
    )
    assert "998 new, 0 there already, 2 refused" in result.stderr
    refused = refused_lines(bitly.with_name("links.refused.csv"))
    assert [(each["line"], each["reason"]) for each in refused] == [
        ("501", "original_url is missing"),
        ("1001", "short_code is taken by another link (409)"),
    ]


def test_given_refused_lines_when_corrected_then_they_can_be_imported(run, squrl, bitly):
    run("import", str(bitly), "--from", "bitly")
    refused = bitly.with_name("links.refused.csv")
    text = refused.read_text().replace("theirs,", "theirs-2,").replace("b0499,,", "b0499,https://example.com/499,")
    refused.write_text(text)

    result = run("import", str(refused), "--from", "csv")

    assert (result.exit_code, "2 new" in result.stderr) == (0, True)
    assert squrl.functions.store.links["theirs-2"].kind.original_url == "https://example.com/999"
    assert not bitly.with_name("links.refused.refused.csv").exists()


def test_given_a_file_when_imported_again_then_nothing_changes(run, squrl, bitly):
    run("import", str(bitly), "--from", "bitly")
    before = dict(squrl.functions.store.links)

    result = run("import", str(bitly), "--from", "bitly", "--json")

    assert squrl.functions.store.links == before
    assert json.loads(result.stdout) == {"new": 0, "there": 998, "refused": 2}


def test_given_a_dry_run_when_imported_then_it_tells_what_comes_and_changes_nothing(run, squrl, bitly):
    before = dict(squrl.functions.store.links)

    tried = run("import", str(bitly), "--from", "bitly", "--dry-run")

    assert squrl.functions.store.links == before
    assert "Nothing was changed. It would be: 998 new, 0 there already, 2 refused" in tried.stderr


def test_given_ctrl_c_when_imported_then_it_goes_on_where_it_says(run, squrl, bitly):
    send = squrl.send

    def interrupted(*arguments):
        if len(squrl.sent) == 6:
            raise KeyboardInterrupt
        return send(*arguments)

    squrl.send = interrupted
    stopped = run("import", str(bitly), "--from", "bitly")
    assert stopped.exit_code == 130
    line = stopped.stderr.partition("--start ")[2].split("`")[0]
    squrl.send = send
    sent = len(squrl.sent)

    run("import", str(bitly), "--from", "bitly", "--start", line)

    assert len(squrl.sent) - sent == 4
    assert sum(code.startswith("b0") for code in squrl.functions.store.links) == 998
    assert [each["line"] for each in refused_lines(bitly.with_name("links.refused.csv"))] == ["501", "1001"]


def test_given_an_owner_when_imported_then_the_links_are_that_ones(run, squrl, bitly):
    run("import", str(bitly), "--from", "bitly", "--owner", "sales")

    assert squrl.functions.store.links["b0001"].kind.owner == "sales"


def test_given_no_admin_when_imported_then_it_is_refused(run, squrl, bitly):
    squrl.key = ADMIN.replace("Admin001", "Writer01")

    result = run("import", str(bitly), "--from", "bitly")
    assert (result.exit_code, "(403)" in result.stderr) == (1, True)


@pytest.mark.parametrize("product", ["bitly", "shlink", "dub", "yourls", "kutt", "sink", "csv"])
def test_given_a_file_of_something_else_when_imported_then_it_is_wrong_usage(run, squrl, tmp_path, product):
    file = tmp_path / "poem.txt"
    file.write_text("Shall I compare thee\nto a summer's day?\n")

    result = run("import", str(file), "--from", product)
    assert (result.exit_code, squrl.sent) == (2, [])
    assert f"isn't in the format {product}: expected" in result.stderr


def test_given_entries_squrl_was_too_busy_for_when_imported_then_they_alone_are_sent_again(run, squrl, bitly):
    send, failed = squrl.send, list[dict[str, str]]()

    def busy(method, path, body, query):
        answer = send(method, path, body, query)
        if not failed:
            failed.append(body["links"][7])
            answer.body["results"][7] = {"status": 503, "error": {"message": "There was no time left"}}
        return answer

    squrl.send = busy
    assert "2 refused" in run("import", str(bitly), "--from", "bitly").stderr
    assert [body["links"] for _, _, body in squrl.sent].count(failed) == 1


# Export


def test_given_links_when_exported_and_imported_elsewhere_then_they_are_the_same(run, squrl, tmp_path):
    store, file = squrl.functions.store, tmp_path / "all.csv"
    limited = Link("few", Kind("https://example.com/few", "302", None, "sales"), "2026-11-22T10:30:00Z", None)
    store.links["few"] = replace(limited, max_clicks=10, click_limit=10, click_count=4, days={20_780: 4})
    store.links["down"] = replace(limited, short_code="down", status=DISABLED, locked=True)
    before = {code: link for code, link in store.links.items() if link.status != "deleted"}
    assert run("export", "--format", "csv", "--owner", "*", "-o", str(file)).exit_code == 0
    store.links.clear()
    squrl.is_operator = True

    assert run("import", str(file), "--from", "csv").exit_code == 0

    def carried(link):
        clicks, people = link.click_count, link.click_count - link.bot_click_count
        left = link.max_clicks and link.max_clicks - people
        over = {"status": DISABLED, "max_clicks": link.max_clicks, "click_limit": link.max_clicks}
        limit = over if left == 0 else {"max_clicks": left, "click_limit": left}
        kept = {"click_count": 0, "bot_click_count": 0, "days": {}, "revision": 1, "custom_code": True}
        return replace(link, **kept | limit, imported_clicks=link.imported_clicks + clicks)

    assert store.links == {code: carried(link) for code, link in before.items()}


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl", "nginx", "netlify", "s3"])
def test_given_any_format_when_exported_then_a_file_and_the_output_are_the_same(run, tmp_path, format_):
    file = tmp_path / "links"

    assert run("export", "--format", format_, "--owner", "*", "-o", str(file)).exit_code == 0
    printed = run("export", "--format", format_, "--owner", "*")

    assert file.read_text() == printed.stdout
    assert "hello-squrl" in printed.stdout


def test_given_ctrl_c_when_exported_then_the_file_is_as_it_was(run, squrl, tmp_path):
    file = tmp_path / "links.csv"
    file.write_text("before")
    squrl.failures = [KeyboardInterrupt()]

    result = run("export", "--format", "csv", "-o", str(file))

    assert (result.exit_code, file.read_text()) == (130, "before")
    assert list(tmp_path.iterdir()) == [file]


def test_given_links_that_no_server_holds_when_exported_then_it_is_said(run):
    stderr = run("export", "--format", "nginx", "--owner", "*").stderr

    assert "1 left out: nobody would count its clicks (first-hundred)" in stderr
    assert "1 not the same there: it doesn't end there (summer-sale)" in stderr


# What was found in a review


def test_given_corrections_when_imported_again_then_they_arent_written_over(run, bitly):
    run("import", str(bitly), "--from", "bitly")
    first = bitly.with_name("links.refused.csv")
    first.write_text("corrected")

    run("import", str(bitly), "--from", "bitly", "--dry-run")
    run("import", str(bitly), "--from", "bitly")

    assert first.read_text() == "corrected"
    assert len(refused_lines(bitly.with_name("links.refused-2.csv"))) == 2


def test_given_an_entry_that_nobody_can_take_when_imported_then_the_others_go_in(run, squrl, tmp_path):
    file = tmp_path / "sink.json"
    urls = ["https://example.com/1", f"data:text/html,{'x' * 300_000}", "https://example.com/3"]
    links = [{"slug": f"s{number}", "url": url, "title": "t"} for number, url in enumerate(urls)]
    links.append({"slug": "cut", "url": "https://example.com/4", "title": "\ud83d"})
    file.write_text(json.dumps({"links": links}))

    result = run("import", str(file), "--from", "sink")

    assert (result.exit_code, "2 new, 0 there already, 2 refused" in result.stderr) == (1, True)
    assert {"s0", "s2"} <= squrl.functions.store.links.keys()


@pytest.mark.parametrize(
    "command", ["import {file} --from bitly --refused {folder}/x.csv", "export --format csv -o {folder}/x"]
)
def test_given_a_file_that_cant_be_written_when_run_then_it_is_said(run, bitly, tmp_path, command):
    line = command.format(file=bitly, folder=tmp_path / "missing")

    result = run(*line.split())

    assert (result.exit_code, "can't be written" in result.stderr) == (2, True)


def test_given_a_pipe_when_exported_into_then_it_stays_one(run, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(pipe.read_text)
        assert run("export", "--format", "jsonl", "-o", str(pipe)).exit_code == 0

    assert "summer-sale" in reading.result()
    assert pipe.is_fifo()


def test_given_a_private_file_when_exported_over_then_it_stays_private(run, tmp_path):
    file = tmp_path / "links.csv"
    file.touch(mode=0o600)
    (tmp_path / "link").symlink_to(file)

    run("export", "--format", "csv", "-o", str(tmp_path / "link"))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (tmp_path / "link").is_symlink()
    assert "summer-sale" in file.read_text()
