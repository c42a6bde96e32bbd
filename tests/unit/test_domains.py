"""The operator's lists, and where links may lead."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.domains import DomainLists

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
        ("203.0.113.9", "http://203.0.113.9:8080/"),
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


@given(st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True))
def test_given_any_name_when_denied_then_its_neighbours_are_not(name):
    lists = DomainLists.of(denied=[name])

    permitted = [lists.permits(f"https://{host}/x") for host in (name, f"a.{name}", f"a{name}", f"{name}._")]

    assert permitted == [False, False, True, True]
