"""Short codes: their form, the reserved ones, and how one follows from a request."""

import random
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl import codes
from squrl.links import Kind

# The contract's list, word for word.
RESERVED = [
    *("create", "stats", "links", "health", "admin", "api", "docs", "openapi", "static", "assets", "login", "logout"),
    *("favicon", "robots", "sitemap", "well-known", "index"),
]
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

KIND = Kind("https://example.com/very/long/url", "301", None)
# Codes that links bear already: another derivation would give their destinations second codes.
PINNED = {
    (KIND, 0): "OC6seMK",
    (KIND, 1): "HayGNWV",
    (KIND._replace(redirect_type="302"), 0): "4nCRlfZ",
    (KIND._replace(ttl_hours=24), 0): "UXXxnAv",
    (Kind("http://xn--bcher-kva.example/straße?q=ü#é", "302", 87_600), 7): "PXkEPvt",
}

urls = st.text(st.characters(min_codepoint=0x21, exclude_categories=["Cs", "Zs", "Zl", "Zp"]), max_size=60).map(
    "https://example.com/".__add__
)
kinds = st.builds(Kind, urls, st.sampled_from(["301", "302"]), st.none() | st.integers(1, 87_600))
probes = st.integers(0, codes.PROBES - 1)
cased = st.sampled_from(RESERVED).flatmap(
    lambda word: st.tuples(*[st.sampled_from([letter.lower(), letter.upper()]) for letter in word]).map("".join)
)


@pytest.mark.parametrize("code", ["abc", "b3xK9mP", "my-link_1", "---", "___", "0" * 20, "Z" * 20, "a1B", "123"])
def test_given_a_code_of_the_contracts_form_when_checked_then_it_is_well_formed(code):
    allowed = code

    verdict = codes.is_well_formed(allowed)

    assert verdict is True


@pytest.mark.parametrize(
    "code",
    [
        *("", "a", "ab", "a" * 21, "a b", "abc ", " abc", "abc\n", "\nabc", "a.b", "a/b", "a+b", "a%41", "a~b", "abc="),
        *("äbc", "\uff41\uff42\uff43", "\u0663\u0664\u0665", "abc\x00", "abc\ud800", "ab\u200bc"),
    ],
    ids=ascii,
)
def test_given_a_code_of_another_form_when_checked_then_it_is_not_well_formed(code):
    wrong = code

    verdict = codes.is_well_formed(wrong)

    assert verdict is False


@given(st.text(st.characters(exclude_categories=()), max_size=25) | st.text(BASE62 + "_-.", max_size=25))
def test_given_any_text_when_checked_then_the_contracts_expression_decides(text):
    by_the_contract = re.compile(r"\A[A-Za-z0-9_-]{3,20}\Z", re.ASCII)

    verdict = codes.is_well_formed(text)

    assert verdict == bool(by_the_contract.match(text))


@given(cased)
def test_given_a_reserved_word_in_any_case_when_checked_then_it_is_reserved(word):
    asked_for = word

    verdict = codes.is_reserved(asked_for)

    assert verdict is True


def test_given_the_contracts_words_when_compared_with_those_refused_then_they_are_the_same():
    contract = set(RESERVED)

    refused = set(codes.RESERVED)

    assert refused == contract


@pytest.mark.parametrize("word", ["created", "creates", "stat", "link", "apis", "wellknown", "well_known", "index1"])
def test_given_a_word_that_only_resembles_a_reserved_one_when_checked_then_it_is_free(word):
    asked_for = word

    verdict = codes.is_reserved(asked_for)

    assert verdict is False


@pytest.mark.parametrize(("request_", "code"), PINNED.items())
def test_given_a_request_of_an_earlier_release_when_its_code_is_derived_then_it_is_still_the_same(request_, code):
    kind, probe = request_

    derived = codes.derive(kind, probe)

    assert derived == code


@given(kinds, probes)
def test_given_any_request_when_its_code_is_derived_then_it_is_seven_characters_of_base62(kind, probe):
    code = codes.derive(kind, probe)

    strange = set(code) - set(BASE62)

    assert len(code) == codes.LENGTH == 7
    assert not strange
    assert codes.is_well_formed(code)


@given(kinds, probes)
def test_given_the_same_request_twice_when_codes_are_derived_then_they_are_equal(kind, probe):
    again = Kind(str(bytearray(kind.original_url, "utf-8"), "utf-8"), kind.redirect_type, kind.ttl_hours)

    first, second = codes.derive(kind, probe), codes.derive(again, probe)

    assert first == second


@given(st.lists(st.tuples(kinds, probes), min_size=2, max_size=20, unique=True))
def test_given_different_requests_or_probes_when_codes_are_derived_then_all_differ(requests):
    derived = [codes.derive(kind, probe) for kind, probe in requests]

    distinct = set(derived)

    assert len(distinct) == len(requests)


@given(kinds)
def test_given_one_destination_when_type_lifetime_or_probe_changes_then_so_does_the_code(kind):
    other_type = kind._replace(redirect_type="301" if kind.redirect_type == "302" else "302")
    other_life = kind._replace(ttl_hours=1 if kind.ttl_hours != 1 else None)
    twisted = kind._replace(original_url=kind.original_url.swapcase())

    derived = [codes.derive(one, 0) for one in (kind, other_type, other_life, twisted)] + [codes.derive(kind, 1)]

    assert len(set(derived)) == 5


def test_given_many_destinations_when_codes_are_derived_then_every_character_is_as_likely_at_every_place():
    numbers = random.Random(62)  # noqa: S311 (a fixed seed: the same sample on every run)
    sample = [Kind(f"https://example.com/{numbers.getrandbits(64):x}", "301", None) for _ in range(12_400)]
    expected = len(sample) / 62

    places = list(zip(*(codes.derive(kind, 0) for kind in sample), strict=True))

    assert len(places) == 7
    for place in places:
        counted = Counter(place)
        chi_square = sum((counted[character] - expected) ** 2 / expected for character in BASE62)
        assert chi_square < 120  # 61 degrees of freedom: mean 61, one in 10^5 beyond 120
        assert counted.keys() == set(BASE62)


def test_given_destinations_that_differ_in_a_counter_only_when_codes_are_derived_then_none_collides():
    sample = [Kind(f"https://example.com/{number}", "301", None) for number in range(20_000)]

    derived = {codes.derive(kind, 0) for kind in sample}

    assert len(derived) == len(sample)  # 20 000 of 3.5 x 10^12: a collision has a chance of 6 in 10^5


@given(kinds)
def test_given_any_request_when_its_candidates_are_listed_then_they_are_the_probes_codes_in_order(kind):
    expected = [codes.derive(kind, probe) for probe in range(codes.PROBES)]

    listed = list(codes.candidates(kind))

    assert listed == expected
    assert len(set(listed)) == codes.PROBES


@given(st.lists(cased | st.text(BASE62, min_size=7, max_size=7), min_size=codes.PROBES, max_size=codes.PROBES))
def test_given_derived_codes_that_are_reserved_when_candidates_are_listed_then_they_are_skipped_in_any_case(derived):
    def derivation(kind, probe):
        assert kind == KIND
        return derived[probe]

    listed = list(codes.candidates(KIND, derivation))

    assert listed == [code for code in derived if code.lower() not in RESERVED]


@pytest.mark.parametrize("word", ["openapi", "OpenAPI", "FAVICON", "siteMap"])
def test_given_a_reserved_word_of_seven_letters_when_it_is_derived_first_then_the_second_code_comes_first(word):
    def derivation(kind, probe):
        return word if probe == 0 else codes.derive(kind, probe)

    first = next(codes.candidates(KIND, derivation))

    assert first == codes.derive(KIND, 1)


def test_given_a_claim_that_succeeds_at_once_when_candidates_are_asked_for_then_only_one_code_is_computed():
    asked = []

    def derivation(kind, probe):
        asked.append(probe)
        return codes.derive(kind, probe)

    next(codes.candidates(KIND, derivation))

    assert asked == [0]
