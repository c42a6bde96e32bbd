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
        *[{"allowed": [entry]} for entry in ("evil.example/x", "a..b", "-a", "evil.example:80", "a" * 64 + ".example")],
        *[
            {"denied": [entry]}
            for entry in ("1.2.3.256", "example.1", "0x", "1.2.3.4.5", "203.0.113.0/24", "1 .2", "1.2 x.5")
        ],
        *[{"denied": [entry]} for entry in ("1::2::3", "fe80::1%eth0", "[203.0.113.9]", "2606:4700::/32", "::1 x")],
        *[{"denied": ["a." * 127 + "example"]}, {"forbidden": EVIL}],
    ],
    ids=str,
)
def test_given_lists_that_are_wrong_when_read_then_it_is_a_value_error(lists):
    with pytest.raises(ValueError, match=r"host name|there is no list forbidden"):
        DomainLists.of(**lists)


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
