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
PINNED = [
    (KIND, 0, "OC6seMK"),
    (KIND, 1, "HayGNWV"),
    (KIND._replace(redirect_type="302"), 0, "4nCRlfZ"),
    (KIND._replace(ttl_hours=24), 0, "UXXxnAv"),
    (Kind("http://xn--bcher-kva.example/straße?q=ü#é", "302", 87_600), 7, "PXkEPvt"),
]

urls = st.text(st.characters(min_codepoint=0x21, exclude_categories=["Cs", "Zs", "Zl", "Zp"]), max_size=60).map(
    "https://example.com/".__add__
)
kinds = st.builds(Kind, urls, st.sampled_from(["301", "302"]), st.none() | st.integers(1, 87_600))
probes = st.integers(0, codes.PROBES - 1)
cased = st.sampled_from(RESERVED).flatmap(
    lambda word: st.tuples(*[st.sampled_from([letter.lower(), letter.upper()]) for letter in word]).map("".join)
)


@pytest.mark.parametrize(
    ("is_right", "candidates"),
    [
        (True, ["abc", "b3xK9mP", "my-link_1", "---", "___", "0" * 20, "Z" * 20, "a1B", "123"]),
        (False, ["", "a", "ab", "a" * 21, "a b", "abc ", " abc", "abc\n", "\nabc", "a.b", "a/b", "a+b", "a%41", "a~b"]),
        (False, ["abc=", "äbc", "\uff41\uff42\uff43", "\u0663\u0664\u0665", "abc\x00", "abc\ud800", "ab\u200bc"]),
    ],
)
def test_given_some_text_when_checked_then_a_code_has_the_contracts_form(is_right, candidates):
    verdicts = {code: codes.is_well_formed(code) for code in candidates}

    assert verdicts == dict.fromkeys(candidates, is_right)


@given(cased)
def test_given_a_reserved_word_in_any_case_when_checked_then_it_is_reserved(word):
    verdict = codes.is_reserved(word)

    assert verdict
    assert set(RESERVED) == codes.RESERVED


@pytest.mark.parametrize("word", ["created", "creates", "stat", "link", "apis", "wellknown", "well_known", "index1"])
def test_given_a_word_that_resembles_a_reserved_one_when_checked_then_it_is_free(word):
    verdict = codes.is_reserved(word)

    assert not verdict


@pytest.mark.parametrize(("kind", "probe", "code"), PINNED)
def test_given_a_request_of_an_earlier_release_when_derived_then_its_code_stays(kind, probe, code):
    derived = codes.derive(kind, probe)

    assert derived == code


@given(kinds, probes)
def test_given_any_request_when_derived_then_its_code_is_seven_characters_of_base62(kind, probe):
    code = codes.derive(kind, probe)

    assert re.fullmatch("[0-9A-Za-z]{7}", code)


@given(kinds)
def test_given_a_request_when_one_thing_changes_then_so_does_its_code(kind):
    other_type = kind._replace(redirect_type="301" if kind.redirect_type == "302" else "302")
    other_life = kind._replace(ttl_hours=1 if kind.ttl_hours != 1 else None)
    twisted = kind._replace(original_url=kind.original_url.swapcase())

    derived = {codes.derive(one, 0) for one in (kind, other_type, other_life, twisted)} | {codes.derive(kind, 1)}

    assert len(derived) == 5


def test_given_many_destinations_when_derived_then_every_character_is_as_likely():
    numbers = random.Random(62)  # noqa: S311 (a fixed seed: the same sample on every run)
    sample = [Kind(f"https://example.com/{numbers.getrandbits(64):x}", "301", None) for _ in range(12_400)]
    expected = len(sample) / 62

    places = list(zip(*(codes.derive(kind, 0) for kind in sample), strict=True))

    assert len(places) == 7
    for place in places:
        counted = Counter(place)
        chi_square = sum((counted[character] - expected) ** 2 / expected for character in BASE62)
        assert chi_square < 120  # 61 degrees of freedom: mean 61, one in 10^5 beyond 120


@given(st.lists(cased | st.text(BASE62, min_size=7, max_size=7), min_size=codes.PROBES, max_size=codes.PROBES))
def test_given_derived_codes_when_listed_then_reserved_ones_are_left_out(derived):
    listed = list(codes.candidates(KIND, lambda _, probe: derived[probe]))

    assert listed == [code for code in derived if code.lower() not in RESERVED]


def test_given_candidates_when_only_the_first_is_taken_then_only_one_is_computed():
    asked = []

    def derivation(kind, probe):
        asked.append(probe)
        return codes.derive(kind, probe)

    first = next(codes.candidates(KIND, derivation))

    assert (first, asked) == (codes.derive(KIND, 0), [0])
