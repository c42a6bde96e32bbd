"""What `squrl export` writes in each format, and what it says of links that a format can't hold."""

import csv
import io
import json

import botocore.session
import pytest
from botocore.validate import ParamValidator

from cli import rows
from cli.exports import WRITERS, Note, Summary
from squrl.web.response import location

FOR_GOOD = ("nginx", "netlify", "s3")
LINK = {
    "short_code": "sale",
    "short_url": "https://go.example.com/sale",
    "original_url": "https://example.com/a",
    "redirect_type": "301",
    "forward_query": False,
    "status": "active",
    "custom_code": True,
    "created_at": "2026-08-23T10:30:00Z",
    "expires_at": None,
    "ttl_hours": None,
    "max_clicks": None,
    "owner": "marketing",
    "title": 'Grüße, "all"\nof you',
    "tags": ["a", "b"],
    "locked": False,
    "click_count": 123,
    "bot_click_count": 7,
    "imported_clicks": 5,
    "revision": 4,
}
# Whatever is stored, none of it may end a line, a quotation or a block.
HOSTILE = (
    'https://example.com/"; } return 200 x; #',
    "https://example.com/a\\",
    "https://example.com/${host}$1?$args",
    "https://example.com/a\nreturn 200;\r\t{}",
    "https://example.com/ü's?q=ü's`{}^#ü's`{}^#$x",
    "https://example.com/a # b  c 200",
)


def export(format_, *links):
    out = io.StringIO()
    summary = WRITERS[format_](iter([LINK | link for link in links]), out)
    return out.getvalue(), summary


def lines_of(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def links_of_nginx(text):
    """Return the lines of the two maps that name links, without what is written around them each time."""
    return [line.strip() for line in text.splitlines() if line.startswith('    "')]


def test_given_no_links_when_exported_then_each_format_is_whole():
    texts = {name: export(name)[0] for name in WRITERS}

    assert {export(name)[1].written for name in WRITERS} == {0}
    assert texts["csv"] == ",".join(rows.COLUMNS) + "\r\n"
    assert json.loads(texts["json"]) == []
    assert texts["jsonl"] == texts["s3"] == ""
    assert lines_of(texts["netlify"]) == links_of_nginx(texts["nginx"]) == []


def test_given_links_when_written_as_csv_then_reading_it_gives_their_fields():
    text, summary = export("csv", {}, {"short_code": "b", "status": "disabled", "max_clicks": 3})

    first, second = csv.DictReader(io.StringIO(text))
    assert first == rows.fields(LINK)
    assert (second["short_code"], second["status"], second["max_clicks"]) == ("b", "disabled", "3")
    assert summary == Summary(2)


def test_given_links_when_written_as_json_then_they_are_what_the_api_said():
    links = [LINK, LINK | {"short_code": "b"}]

    assert json.loads(export("json", *links)[0]) == links
    assert [json.loads(line) for line in export("jsonl", *links)[0].splitlines()] == links
    assert "Grüße" in export("json", *links)[0]


@pytest.mark.parametrize("format_", WRITERS)
def test_given_links_one_by_one_when_exported_then_each_is_written_at_once(format_):
    out = io.StringIO()

    def one_by_one():
        for number in range(3):
            yield LINK | {"short_code": f"code-{number}"}
            assert f"code-{number}" in out.getvalue()

    assert WRITERS[format_](one_by_one(), out) == Summary(3)


def test_given_each_kind_of_link_when_written_for_nginx_then_each_has_its_line():
    text, summary = export(
        "nginx",
        {},
        {"short_code": "b", "redirect_type": "302"},
        {"short_code": "c", "forward_query": True},
        {"short_code": "d", "forward_query": True, "original_url": "https://example.com/?a=1#end"},
        {"short_code": "e", "forward_query": True, "original_url": "https://example.com/?#end"},
    )

    assert links_of_nginx(text) == [
        '"/sale" "/sale 301 https://example.com/a";',
        '"/b" "/b 302 https://example.com/a";',
        '"/c" "/c 301 https://example.com/a$is_args$args";',
        '"/d" "/d 301 https://example.com/?a=1$squrl_and_args#end";',
        '"/e" "/e 301 https://example.com/?$args#end";',
    ]
    assert summary == Summary(5)


def test_given_codes_that_differ_by_case_when_written_for_nginx_then_one_is_hashed():
    text, _ = export("nginx", {"short_code": "aB"}, {"short_code": "c"}, {"short_code": "Ab"}, {"short_code": "ab"})

    assert [line.split(" ")[0] for line in links_of_nginx(text)] == ['"/aB"', '"/c"', '"~^/Ab$"', '"~^/ab$"']


def test_given_each_kind_of_link_when_written_for_netlify_then_lost_queries_are_named():
    with_query = "https://example.com/?a=1#end"

    text, summary = export(
        "netlify",
        {},
        {"short_code": "b", "redirect_type": "302", "forward_query": True},
        {"short_code": "c", "original_url": with_query},
        {"short_code": "d", "original_url": with_query, "forward_query": True},
    )

    assert lines_of(text) == [
        "/sale https://example.com/a 301!",
        "/b https://example.com/a 302!",
        f"/c {with_query} 301!",
        f"/d {with_query} 301!",
    ]
    assert summary == Summary(4, [], [Note("d", "the visitor's query is not forwarded")])


def test_given_each_kind_of_link_when_written_for_s3_then_what_differs_is_named():
    text, summary = export(
        "s3", {}, {"short_code": "b", "redirect_type": "302"}, {"short_code": "c", "forward_query": True}
    )

    assert text.splitlines()[0] == '{"Key": "sale", "WebsiteRedirectLocation": "https://example.com/a"}'
    assert summary == Summary(
        3, [], [Note("b", "it redirects with 301, not 302"), Note("c", "the visitor's query is not forwarded")]
    )


def test_given_objects_for_s3_when_held_to_awss_own_model_then_they_are_requests():
    text, _ = export("s3", {}, *({"original_url": url} for url in HOSTILE))
    request = botocore.session.Session().get_service_model("s3").operation_model("PutObject").input_shape
    assert request

    for line in text.splitlines():
        report = ParamValidator().validate({"Bucket": "go.example.com"} | json.loads(line), request)
        assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("format_", FOR_GOOD)
def test_given_links_that_nobody_can_follow_when_exported_then_the_reasons_are_told(format_):
    text, summary = export(
        format_,
        {"short_code": "gone-1", "status": "disabled"},
        {"short_code": "gone-2", "status": "expired", "expires_at": "2026-08-24T10:30:00Z"},
        {"short_code": "gone-3", "status": "used_up", "max_clicks": 5},
        {"short_code": "gone-4", "max_clicks": 5},
        {"short_code": "gone-5", "status": "paused"},  # nothing that squrl has today
    )

    assert summary.written == 0
    assert summary.left_out == [
        Note("gone-1", "it is disabled"),
        Note("gone-2", "it is expired"),
        Note("gone-3", "it is used up"),
        Note("gone-4", "nobody would count its clicks"),
        Note("gone-5", "it is paused"),
    ]
    assert "gone" not in text


@pytest.mark.parametrize("format_", FOR_GOOD)
def test_given_a_link_with_an_end_to_come_when_exported_then_it_is_named(format_):
    _, summary = export(format_, {"expires_at": "2030-01-01T00:00:00Z"})

    assert summary == Summary(1, [], [Note("sale", "it doesn't end there")])


@pytest.mark.parametrize("format_", FOR_GOOD)
@pytest.mark.parametrize("code", ["a b", 'a"', "a\nb", "a;", "a/*", ":a", "ü", ""])
def test_given_a_code_that_squrl_has_not_when_exported_then_it_is_left_out(format_, code):
    text, summary = export(format_, {"short_code": code})

    assert summary.left_out == [Note(code, "its code has other signs than letters, digits, - and _")]
    assert text == export(format_)[0]


@pytest.mark.parametrize("url", HOSTILE)
def test_given_a_hostile_destination_when_exported_then_it_stays_in_its_place(url):
    nginx, netlify, s3 = (export(format_, {"original_url": url})[0] for format_ in FOR_GOOD)

    there = location(url)  # where squrl itself sends visitors
    assert json.loads(s3) == {"Key": "sale", "WebsiteRedirectLocation": there}
    assert [line.split() for line in lines_of(netlify)] == [["/sale", there, "301!"]]
    (line,) = links_of_nginx(nginx)
    value = line.removeprefix('"/sale" "/sale 301 ').removesuffix('";')
    assert value.replace("${squrl_dollar}", "$").replace("\\\\", "\\") == there
    assert value.replace("\\\\", "").replace("${squrl_dollar}", "").isprintable()
    assert not set('"\\$ ') & set(value.replace("\\\\", "").replace("${squrl_dollar}", ""))


def test_given_destinations_at_the_limits_when_exported_then_longer_ones_are_left_out():
    longest = "https://example.com/".ljust(2048, "a")
    encoded = "https://example.com/" + "ü" * 1014  # 2 048 bytes, each of two for ü as %C3%BC

    assert [export(format_, {"original_url": longest})[1].written for format_ in FOR_GOOD] == [1, 1, 1]
    assert [export(format_, {"original_url": encoded})[1] for format_ in FOR_GOOD] == [
        Summary(0, [Note("sale", "its destination is longer than nginx can read")]),
        Summary(1),
        Summary(0, [Note("sale", "its destination is longer than S3 can hold")]),
    ]
