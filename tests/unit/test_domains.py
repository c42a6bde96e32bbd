"""The operator's lists, and where links may lead."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.domains import DomainLists, read_entry

EVIL = ["evil.example"]


@pytest.mark.parametrize(
    "destination",
    [
        *("https://evil.example", "https://evil.example/", "http://evil.example:8443/a?b#c"),
        "https://a.b.evil.example/",
        *("https://evil.example?https://good.example/", "https://evil.example#@good.example", "https://evil.example./"),
        *("HTTPS://EVIL.example/", "https://good.example@evil.example/", "https://evil.example\\@good.example/"),
    ],
)
def test_given_a_domain_when_listed_then_it_and_what_is_below_are_meant(destination):
    permitted = [DomainLists.of(**{name: EVIL}).permits(destination) for name in ("denied", "allowed")]

    assert permitted == [False, True]


@pytest.mark.parametrize(
    "destination",
    [
        *("https://example/", "https://notevil.example/", "https://evil.example.com/"),
        "https://good.example/?evil.example",
        *("https://good.example/https://evil.example", "https://good.example#@evil.example"),
        *("https://evil.example@good.example/", "https://[2001:db8::1]:80/", "", "evil.example", "//evil.example"),
        *("https://", "https://[", "https://\u0000", "https://%zz:port", "javascript:evil.example"),
    ],
)
def test_given_a_domain_when_listed_then_nothing_else_is_meant(destination):
    permitted = [DomainLists.of(**{name: EVIL}).permits(destination) for name in ("denied", "allowed")]

    assert permitted == [True, False]


@pytest.mark.parametrize(
    ("entry", "destination"),
    [
        ("BÜCHER.example", "https://xn--bcher-kva.example/"),
        ("xn--bcher-kva.example", "https://www.xn--bcher-kva.example/"),
        ("straße.example", "https://xn--strae-oqa.example/"),
        ("bücher.example", "https://bücher.example/"),
        ("Evil.Example.", "https://evil.example/"),
        *((spelling, "http://203.0.113.9:8080/") for spelling in ("203.0.113.9", "203.0.113.9.", "0xCB.0.0x7109")),
        *(
            (spelling, "http://203.0.113.9/")
            for spelling in ("3405803785", "0xcb007109", "0313.0.0161.011", "\uff12\uff10\uff13.0.113.9")
        ),
        ("203.0.113.9", "http://0xcb007109/"),  # as a row may have it that an operator wrote
        *(
            (spelling, "https://[2606:4700::1111]:8443/x")
            for spelling in ("2606:4700::1111", "[2606:4700::1111]", "2606:4700:0:0:0:0:0:1111", "2606:4700::0.0.17.17")
        ),
        ("[2606:4700:0::0:1111]", "https://[2606:4700::1111]/"),
        ("2606:4700::A", "https://[2606:4700:0:0::a]"),
        ("zip", "https://invoice.zip/"),
        ("_dmarc.evil.example", "https://_dmarc.evil.example/"),
    ],
)
def test_given_a_name_in_another_form_when_compared_then_it_is_the_same(entry, destination):
    lists = DomainLists.of(denied=[entry, "other.example"])

    is_permitted = lists.permits(destination)

    assert not is_permitted


def test_given_both_lists_when_a_domain_is_on_both_then_it_is_denied():
    both = DomainLists.of(allowed=["good.example", "zip"], denied=["bad.good.example"])

    permitted = [
        both.permits(f"https://{host}/") for host in ("good.example", "bad.good.example", "a.zip", "x.example")
    ]

    assert permitted == [True, False, True, False]


@pytest.mark.parametrize(
    "lists",
    [
        *[
            {"denied": [*EVIL, entry]}
            for entry in ("*.evil.example", ".evil.example", "https://evil.example", "a b", "")
        ],
        *[{"allowed": [entry]} for entry in ("a..b", "-a", "evil.example:80", "a" * 64 + ".example")],
        *[
            {"denied": [entry]}
            for entry in ("1.2.3.256", "example.1", "0x", "1.2.3.4.5", "203.0.113.0/24", "1 .2", "1.2 x.5")
        ],
        *[{"denied": [entry]} for entry in ("1::2::3", "fe80::1%eth0", "[203.0.113.9]", "2606:4700::/32", "::1 x")],
        *[{"denied": [f"evil.example/{path}"]} for path in ("a b", "a?b", "a#b", "a\\b", "a\tb", "\ud800", "a" * 500)],
        *[{"allowed": [entry]} for entry in ("evil.example:80/x", "/x", "https://evil.example/x", "a@evil.example/x")],
        *[{"denied": ["a." * 127 + "example"]}, {"forbidden": EVIL}],
    ],
    ids=str,
)
def test_given_lists_that_are_wrong_when_read_then_it_is_a_value_error(lists):
    with pytest.raises(ValueError, match=r"host name|there is no list forbidden"):
        DomainLists.of(**lists)


PATH = "files.example/u/123"


@pytest.mark.parametrize(
    "rest",
    [
        *("/u/123", "/u/123/", "/u/123/file", "/u/123?x", "/u/123#x", "/u/123//x", "/u/123/../123"),
        *("/u/12%33", "/%75/123", "/u/%31%32%33/file"),
        *("/x/../u/123", "/./u/./123", "/x/%2e%2E/u/123", "/../u/123", "/u/x/.%2e/123", "\\u\\123"),
        *("/u/123/x%2F..%2Fy", "/u/123/" + "x/" * 900),
    ],
)
@pytest.mark.parametrize("host", ["files.example", "a.files.example:8443", "FILES.example."])
def test_given_a_path_when_listed_then_what_is_there_and_below_is_meant(rest, host):
    permitted = [DomainLists.of(**{name: [PATH]}).permits(f"https://{host}{rest}") for name in ("denied", "allowed")]

    assert permitted == [False, True]


@pytest.mark.parametrize(
    "destination",
    [
        *(
            f"https://files.example{rest}"
            for rest in ("", "/", "/u", "/u/", "/u/1234", "/U/123", "/u/123x/", "/x/u/123")
        ),
        *("https://files.example/u/123/..", "https://files.example/u/123/../124", "https://files.example?/u/123"),
        *(
            "https://other.example/u/123",
            "https://example/u/123",
            "https://files.example/u/%2531%32%33",
            "files.example/u/123",
        ),
    ],
)
def test_given_a_path_when_listed_then_nothing_else_is_meant(destination):
    permitted = [DomainLists.of(**{name: [PATH]}).permits(destination) for name in ("denied", "allowed")]

    assert permitted == [True, False]


@pytest.mark.parametrize(
    "rest",
    [
        "/u%2F123",
        "/u%2f123/file",
        "//u/123",
        "/u//123",
        "/u%5C123",
        "/x%2F..%2Fu/123",
        "/u/123%2Ffile",
        "/u/123/..%2f..",
    ],
)
def test_given_a_path_that_servers_read_in_two_ways_then_it_is_denied_and_not_allowed(rest):
    destination = f"https://files.example{rest}"

    permitted = [DomainLists.of(**{name: [PATH]}).permits(destination) for name in ("denied", "allowed")]

    assert permitted == [False, False]


@pytest.mark.parametrize(
    ("entry", "destination"),
    [
        ("Files.Example/u/123/", "https://files.example/u/123"),
        ("files.example/u/%31%32%33", "https://files.example/u/123"),
        ("files.example/x/../u/123", "https://files.example/u/123"),
        ("files.example/straße", "https://files.example/stra%C3%9Fe"),
        ("files.example/stra%c3%9fe", "https://files.example/straße/"),
        ("files.example/@name", "https://files.example/%40name"),
        ("files.example/o/a%2fb", "https://files.example/o/a%2Fb"),
        ("files.example/100%", "https://files.example/100%25"),
        ("bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("0xcb007109/x", "http://203.0.113.9:8080/x/y"),
        ("[2606:4700:0::1111]/x", "https://[2606:4700::1111]:8443/x?y"),
        ("files.example/", "https://files.example/x"),
    ],
)
def test_given_a_path_in_another_form_when_compared_then_it_is_the_same(entry, destination):
    permitted = [DomainLists.of(**{name: [entry]}).permits(destination) for name in ("denied", "allowed")]

    assert permitted == [False, True]


def test_given_a_path_and_its_host_on_both_lists_then_what_is_denied_counts():
    lists = DomainLists.of(allowed=["files.example/u"], denied=["files.example/u/123"])

    permitted = [lists.permits(f"https://files.example{path}") for path in ("/u/1", "/u/123/x", "/v")]

    assert permitted == [True, False, False]


@pytest.mark.parametrize(("length", "fits"), [(512, True), (513, False)])
def test_given_a_long_path_when_listed_then_512_bytes_fit(length, fits):
    entry = "files.example/".ljust(length, "a")
    if fits:
        assert not DomainLists.of(denied=[entry]).permits(f"https://{entry}/x")
    else:
        with pytest.raises(ValueError, match="512 bytes"):
            read_entry(entry)


@given(st.text(max_size=60))
def test_given_any_path_when_it_can_be_listed_then_its_form_is_its_own_and_denies_it(path):
    try:
        entry = read_entry(f"files.example/{path}")
    except ValueError:
        return

    assert read_entry(entry) == entry
    assert not DomainLists(denied=frozenset({entry})).permits(f"https://files.example/{path}")


@given(st.text(max_size=300), st.lists(st.text(max_size=80), max_size=3))
def test_given_any_lists_and_any_destination_when_compared_then_there_is_an_answer(destination, entries):
    try:
        lists = DomainLists.of(denied=entries)
    except ValueError:
        lists = DomainLists()

    verdicts: set[Any] = {lists.permits(text) for text in (destination, f"https://{destination}/")}

    assert verdicts <= {True, False}


@given(st.from_regex(r"([a-z0-9]{1,10}\.){0,3}[a-z][a-z0-9]{0,9}", fullmatch=True))
def test_given_any_name_when_denied_then_its_neighbours_are_not(name):
    lists = DomainLists.of(denied=[name])

    permitted = [lists.permits(f"https://{host}/x") for host in (name, f"a.{name}", f"a{name}", f"{name}._")]

    assert permitted == [False, False, True, True]


@given(st.ip_addresses(), st.ip_addresses())
def test_given_any_ip_address_when_denied_then_it_alone_is(address, other):
    lists = DomainLists.of(denied=[address.exploded])

    hosts = [f"[{each}]" if each.version == 6 else str(each) for each in (address, other)]

    assert [lists.permits(f"http://{host}:8080/") for host in hosts] == [False, other != address]
    assert lists.denied <= {read_entry(entry) for entry in lists.denied}
