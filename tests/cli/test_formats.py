"""What other products export: each sample's rows, what becomes of them for the API, and files that aren't whole."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import rows
from cli.formats import CAVEATS, READERS
from cli.rows import Row

SAMPLES = Path(__file__).parent / "samples"
SITE = "https://example.com"


def row(line, short_code, original_url, **others):
    return Row(line, {"short_code": short_code, "original_url": SITE + original_url, **others})


# By sample: the rows, and of each what is otherwise in its entry (None: not in it), or what is said of it.
EXPECTED: dict[str, list[tuple[Row, Any]]] = {
    "csv.csv": [
        (
            row(
                3,
                "summer",
                "/sale",
                title="Grüße,\nzwei Zeilen",
                tags="shop,summer",
                status="used_up",
                forward_query="true",
                max_clicks="100",
                expires_at="2020-01-01T00:00:00Z",
                imported_clicks="5",
                click_count="130",
                bot_click_count="10",
            ),
            {
                "tags": ["shop", "summer"],
                "status": "disabled",
                "forward_query": True,
                "max_clicks": 100,
                "imported_clicks": 135,
                "click_count": None,
                "bot_click_count": None,
            },
        ),
        (
            row(5, "half", "/half", status="active", max_clicks="100", click_count="50", bot_click_count="10"),
            {"max_clicks": 60, "imported_clicks": 50, "click_count": None, "bot_click_count": None},
        ),
        (
            row(6, "done", "/done", status="active", max_clicks="100", click_count="100"),
            {"status": "disabled", "max_clicks": 100, "imported_clicks": 100, "click_count": None},
        ),
        (Row(7, {"original_url": SITE + "/nameless"}), "short_code is missing"),
        (row(8, "odd", "/odd", max_clicks="many"), "max_clicks must be a whole number"),
    ],
    "bitly.csv": [
        (
            row(
                2,
                "Launch",
                "/products?campaign=summer",
                title='Launch, "Größe"\nim Sommer',
                status="active",
                created_at="2024-06-01T06:30:00Z",
                imported_clicks="1234",
            ),
            {"imported_clicks": 1234},
        ),
        (
            row(4, "4XyZ", "/archive", status="disabled", created_at="2023-01-02T00:00:00Z", imported_clicks="9"),
            {"imported_clicks": 9},
        ),
        (
            row(6, "5Date", "/date", status="active", created_at="last spring", imported_clicks="unknown"),
            "imported_clicks must be a whole number",
        ),
        (row(7, "6Gone", "/gone", status="disabled", created_at="2023-01-02T03:04:05Z"), {}),
        (row(8, "7New", "/new", status="redirected"), {}),
    ],
    "shlink.csv": [
        (
            row(
                2,
                "press",
                "/press?a=1,2",
                title='Straße, "Süd"\nund Nord',
                tags="Press Kit|für alle",
                created_at="2024-03-31T00:30:00Z",
                imported_clicks="42",
            ),
            {"tags": ["press-kit", "fur-alle"], "imported_clicks": 42},
        ),
        (row(4, "a/b", "/path", created_at="soon", imported_clicks="0"), {"imported_clicks": 0}),
        (row(6, "old", "/old", created_at="2024-03-31T00:30:00Z"), {}),
    ],
    "dub.csv": [
        (
            row(
                2,
                "github",
                "/a,b",
                tags="Öffentlich, Q1\nSales",
                created_at="2024-05-05T10:00:00Z",
                imported_clicks="77",
            ),
            {"tags": ["offentlich", "q1-sales"], "imported_clicks": 77},
        ),
        (
            row(
                4,
                "old",
                "/old",
                tags="archived,paid,social",
                created_at="2023-01-01T00:00:00Z",
                imported_clicks="0",
            ),
            {"tags": ["archived", "paid", "social"], "imported_clicks": 0},
        ),
        (
            row(6, "https://dub.sh", "/root", created_at="yesterday", imported_clicks="5"),
            {"imported_clicks": 5},
        ),
    ],
    "yourls.csv": [
        (
            row(
                2,
                "ozh",
                "/blog",
                title="Käse, Brot\nund Wein",
                created_at="2012-02-29T23:59:59Z",
                imported_clicks="17",
            ),
            {"imported_clicks": 17},
        ),
        (row(4, "nil", "/nil", created_at="2020-01-01T00:00:00Z", imported_clicks="0"), {"imported_clicks": 0}),
        (
            row(6, "zero", "/zero", title="Zero", created_at="0000-00-00 00:00:00", imported_clicks="1"),
            {"imported_clicks": 1},
        ),
    ],
    "kutt.json": [
        (
            row(
                1,
                "party",
                "/party",
                title="Fest, „grün“",
                created_at="2024-01-31T22:15:00Z",
                expires_at="2024-02-01T00:00:00Z",
                imported_clicks="12",
            ),
            {"imported_clicks": 12},
        ),
        (
            row(2, "secret", "/secret", status="disabled", created_at="2024-01-31T22:15:00Z", imported_clicks="0"),
            {"imported_clicks": 0},
        ),
        (
            row(
                3,
                "spam",
                "/spam",
                title="two\nlines",
                status="disabled",
                created_at="whenever",
                imported_clicks="3",
            ),
            {"imported_clicks": 3},
        ),
        (Row(4, {}), "short_code is missing"),
    ],
    "sink.json": [
        (
            row(
                1,
                "docs",
                "/docs",
                title="Dokumentation, grün",
                tags="docs,广告",
                forward_query="true",
                created_at="2024-06-11T15:30:09Z",
                expires_at="2024-06-12T15:30:09Z",
            ),
            {"tags": ["docs"], "forward_query": True},
        ),
        (row(2, "locked", "/locked", title="two\nlines", status="disabled", created_at="2024-06-11T15:30:09Z"), {}),
        (
            row(3, "warned", "/warned", status="disabled", forward_query="false", created_at="June"),
            {"forward_query": False},
        ),
        (row(4, "bare", "/bare"), {}),
    ],
}


def read(product, text):
    """Read text as the file of a product, as the command opens one."""
    data = text if isinstance(text, bytes) else text.encode()
    return list(READERS[product](io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", "surrogateescape", newline="")))


def said_of(row):
    with pytest.raises(ValueError, match=r".") as error:
        rows.entry(row)
    return str(error.value)


@pytest.mark.parametrize("sample", EXPECTED)
def test_given_a_products_sample_when_read_then_its_rows_are_exactly_these(sample):
    found = read(Path(sample).stem, (SAMPLES / sample).read_bytes())

    assert found == [row for row, _ in EXPECTED[sample]]


@pytest.mark.parametrize(("row", "difference"), [pair for pairs in EXPECTED.values() for pair in pairs])
def test_given_a_samples_row_when_imported_then_its_entry_is_exactly_this(row, difference):
    if isinstance(difference, str):
        assert said_of(row) == difference
    else:
        entry, _ = rows.entry(row)

        assert entry == {name: value for name, value in (row.fields | difference).items() if value is not None}


def test_given_every_product_when_listed_then_it_has_a_sample_and_a_caveat():
    assert READERS.keys() == {Path(sample).stem for sample in EXPECTED} == CAVEATS.keys() | {"csv"}


@pytest.mark.parametrize(
    ("product", "text", "fields"),
    [
        ("bitly", "Bitlink,Title,Long URL,Tags,Created,Total Clicks\nbit.ly/a,A,https://e.com,x,2020-01-02,3", "all"),
        ("bitly", "created_at,long_url,link,title,tags,clicks\n1577923200,https://e.com,bit.ly/a,A,x,3", "all"),
        ("dub", "title,tags,createdAt,link,url,clicks\nA,x,1577923200000,https://dub.sh/a?b#c,https://e.com,3", "all"),
        ("yourls", "source,target,hits\r\n/a/,https://e.com,3\r\n", "few"),
        ("shlink", "shortUrl,longUrl,visits\nhttp://s.e.com/a/,https://e.com,3", "few"),
    ],
)
def test_given_older_column_names_when_read_then_they_are_understood(product, text, fields):
    known = {"short_code": "a", "original_url": "https://e.com", "imported_clicks": "3"}
    others = {"title": "A", "tags": "x", "created_at": "2020-01-02T00:00:00Z"}

    assert read(product, text) == [Row(2, known | others if fields == "all" else known)]


LINK = '{"address": "a", "target": "https://e.com"}'


@pytest.mark.parametrize(
    "text",
    [
        f"[{LINK}, {LINK}]",
        f'{{"data": [{LINK}, {LINK}], "total": 2}}',
        f'[{{"data": [{LINK}]}}, {{"data": [{LINK}]}}]',
        f'{{"data": [{LINK}]}}\n{{"data": [{LINK}]}}\n',
        f"\ufeff{LINK}\r\n{LINK}",
    ],
    ids=["list", "answer", "list of answers", "answers in a row", "lines"],
)
def test_given_json_in_any_arrangement_when_read_then_all_links_are_found(text):
    fields = {"short_code": "a", "original_url": "https://e.com"}

    assert read("kutt", text) == [Row(1, fields), Row(2, fields)]


@pytest.mark.parametrize(
    ("product", "text", "message"),
    [
        ("csv", "", "expected a first line with the columns short_code, original_url; found nothing"),
        ("csv", "\n\n", "expected a first line with the columns short_code, original_url; found nothing"),
        (
            "dub",
            "a,b\n",
            "expected a first line with the columns Short link or link, Destination URL or url; found a, b",
        ),
        (
            "csv",
            "short_code,original_url".encode("utf-16"),
            "found ??s?h?o?r?t?_?c?o?d?e?, ?o?r?i?g?i?n?a?l?_?u?r?l? (the file must be UTF-8)",
        ),
        ("sink", "", "expected JSON; the file is empty"),
        ("sink", "slug,url", "expected JSON; Expecting value: line 1 column 1 (char 0)"),
        ("sink", '{"links": [', "expected JSON; Expecting value: line 1 column 12 (char 11)"),
        ("sink", '"slug"', "expected objects with slug, url; found nothing"),
        ("kutt", '{"error": "no key"}', "expected objects with address, target; found error"),
        ("kutt", "[" * 100_000, "expected JSON; "),
    ],
)
def test_given_a_file_of_another_format_when_read_then_it_says_what_it_expected(product, text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read(product, text)


@pytest.mark.parametrize(("product", "text"), [("csv", "original_url,short_code\n"), ("sink", '{"links": []}')])
def test_given_an_export_without_links_when_read_then_it_has_no_rows(product, text):
    assert read(product, text) == []


HEADER = "short_code,original_url,title\n"


def test_given_a_quote_that_is_never_closed_when_read_then_it_costs_one_line():
    first, second, third = read("csv", HEADER + 'a,https://e.com,"Open\nb,https://e.com,B\nc,https://e.com,"C\nC"\n')

    assert said_of(first).startswith("not a line of CSV")
    assert (first.line, second.line, third.line) == (2, 3, 4)
    assert (second.fields["short_code"], third.fields["title"]) == ("b", "C\nC")


def test_given_a_long_file_behind_an_open_quote_when_read_then_no_link_is_lost():
    lines = [f"c{number},https://e.com/{number},T\n" for number in range(5_000)]

    found = read("csv", HEADER + 'a,https://e.com,"Open\n' + "".join(lines))

    assert [row.line for row in found] == list(range(2, 5_003))
    assert not any(row.flaw for row in found[1:])


def test_given_more_fields_than_columns_when_imported_then_the_line_is_refused():
    found, *_ = read("csv", HEADER + "a,https://e.com/?a=1,2,Title\n")

    assert said_of(found) == "4 fields, but 3 columns"


def test_given_fewer_fields_or_empty_ones_behind_when_read_then_the_line_is_taken():
    fields = {"short_code": "a", "original_url": "https://e.com"}

    assert read("csv", HEADER + "a,https://e.com\n,,\na,https://e.com,,,\n") == [Row(2, fields), Row(4, fields)]


def test_given_bytes_that_are_not_utf8_when_imported_then_only_that_line_is_refused():
    first, second = read("csv", (HEADER + "a,https://e.com,Größe\n").encode("latin-1") + b"b,https://e.com,\0B\n")

    assert said_of(first) == "title has bytes that aren't UTF-8"
    assert rows.entry(second)[0]["title"] == "\0B"


@pytest.mark.parametrize("tags", ["[paid", "[" * 100_000, '["a", ["b"'])
def test_given_tags_that_are_no_list_of_json_when_read_then_they_stay_as_they_were(tags):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["link", "url", "tags"], ["https://dub.sh/a", SITE, tags]])

    assert [row.fields["tags"] for row in read("dub", text.getvalue())] == [tags]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_given_a_spreadsheets_delimiter_when_read_then_the_columns_are_found(delimiter):
    text = "\ufeffOriginal URL,SHORT_CODE,unknown\r\nhttps://e.com,a,1\r\n".replace(",", delimiter)

    assert read("csv", text) == [Row(2, {"short_code": "a", "original_url": "https://e.com"})]


def test_given_a_file_being_read_when_the_first_row_comes_then_the_rest_is_unread():
    file = io.StringIO(HEADER + "a,https://e.com,A\nb,https://e.com,B\n", newline="")

    next(READERS["csv"](file))

    assert file.read() == "b,https://e.com,B\n"


@pytest.mark.parametrize(
    ("given_title", "title"),
    [
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 117 + "…"),
        ("ü" * 60, "ü" * 60),
        ("x" + "ü" * 60, "x" + "ü" * 58 + "…"),
        ("x" * 116 + "😀😀", "x" * 116 + "…"),
    ],
)
def test_given_a_title_when_imported_then_it_fits_and_a_cut_is_told(given_title, title):
    entry, notes = rows.entry(row(1, "a", "/", title=given_title))

    assert (entry["title"], notes) == (title, [] if title == given_title else ["the title was cut to 120 bytes"])
    assert len(title.encode()) <= 120


@pytest.mark.parametrize(
    ("text", "tags", "notes"),
    [
        ("Summer Sale, summer-sale|B", ["summer-sale", "b"], []),
        ("x" * 29 + " y", ["x" * 29], [f"the tags became: {'x' * 29}"]),
        ("广告,,A", ["a"], ["the tags became: a"]),
        ("广告", [], ["the tags became: none"]),
        (",".join("abcdefghijk"), list("abcdefghij"), ["the tags became: a, b, c, d, e, f, g, h, i, j"]),
    ],
)
def test_given_tags_when_imported_then_they_fit_and_a_loss_is_told(text, tags, notes):
    entry, found = rows.entry(row(1, "a", "/", tags=text))

    assert (entry["tags"], found) == (tags, notes)


times = st.datetimes().map(lambda at: at.replace(microsecond=0).isoformat() + "Z")
counts = st.integers(0, 10**9)
links = st.fixed_dictionaries(
    {
        "short_code": st.from_regex("[A-Za-z0-9_-]{1,64}", fullmatch=True),
        "original_url": st.text(min_size=1).map("https://example.com/".__add__),
        "title": st.none() | st.text(max_size=40),
        "tags": st.lists(st.from_regex("[a-z0-9-]{1,30}", fullmatch=True), max_size=10, unique=True),
        "owner": st.none() | st.just("marketing"),
        "status": st.sampled_from(["active", "expired", "used_up", "disabled"]),
        "redirect_type": st.sampled_from(["301", "302"]),
        "forward_query": st.booleans(),
        "max_clicks": st.none() | counts,
        "ttl_hours": st.none() | counts,
        "created_at": times,
        "expires_at": st.none() | times,
        "imported_clicks": counts,
        "locked": st.booleans(),
        "click_count": counts,
        "bot_click_count": counts,
    }
)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(exported=st.lists(links, max_size=5))
def test_given_any_links_exported_as_csv_when_read_then_they_are_those_links(exported):
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, rows.COLUMNS)
    writer.writeheader()
    writer.writerows(map(rows.fields, exported))

    found = read("csv", file.getvalue())

    assert [row.fields for row in found] == [
        {name: text for name, text in rows.fields(link).items() if text} for link in exported
    ]
