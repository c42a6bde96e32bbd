"""Short codes: their form, the reserved ones, and how one follows from a request."""

import hmac
import random
import re
from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl import codes, keys
from squrl.links import Kind

# The contract's list, word for word.
RESERVED = [
    *("create", "stats", "links", "health", "admin", "api", "docs", "openapi", "static", "assets", "login", "logout"),
    *(
        "favicon",
        "robots",
        "sitemap",
        "well-known",
        "index",
        "bulk",
        "keys",
        "domains",
        "qr",
        "preview",
        "app",
        "events",
    ),
    *("security", "apple-touch-icon"),
]
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

KIND = Kind("https://example.com/very/long/url", "301", None)
SECRET = bytes(range(32))

urls = st.text(st.characters(min_codepoint=0x21, exclude_categories=["Cs", "Zs", "Zl", "Zp"]), max_size=60).map(
    "https://example.com/".__add__
)
owners = st.none() | st.from_regex(keys.OWNER_PATTERN.replace("$", r"\Z"))
kinds = st.builds(Kind, urls, st.sampled_from(["301", "302"]), st.none() | st.integers(1, 87_600), owners)
probes = st.integers(0, codes.PROBES - 1)
cased = st.sampled_from(RESERVED).flatmap(
    lambda word: st.tuples(*[st.sampled_from([letter.lower(), letter.upper()]) for letter in word]).map("".join)
)


@pytest.mark.parametrize(
    ("is_right", "candidates"),
    [
        (True, ["a", "_", "b3xK9mP", "my-link_1", "---", "___", "0" * 21, "Z" * 64, "a1B", "123"]),
        (False, ["", "a" * 65, "a b", "abc ", " abc", "abc\n", "\nabc", "a.b", "a/b", "a+b", "a%41", "a~b"]),
        (False, ["abc=", "äbc", "\uff41\uff42\uff43", "\u0663\u0664\u0665", "abc\x00", "abc\ud800", "ab\u200bc"]),
    ],
)
def test_given_some_text_when_checked_then_a_link_may_have_it_or_not(is_right, candidates):
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


@pytest.mark.parametrize(
    ("kind", "probe", "text"),
    [
        (KIND, 0, "0  301 None https://example.com/very/long/url"),
        (KIND._replace(owner="us"), 0, "0 us 301 None https://example.com/very/long/url"),
        (KIND._replace(redirect_type="302", ttl_hours=24), 7, "7  302 24 https://example.com/very/long/url"),
        (Kind("http://xn--bcher-kva.example/straße?ü", "301", 1), 1, "1  301 1 http://xn--bcher-kva.example/straße?ü"),
    ],
)
def test_given_a_request_when_derived_then_its_code_is_that_of_all_releases(kind, probe, text):
    """Another derivation would give destinations that have a code a second one."""
    number = int(hmac.new(SECRET, text.encode(), "sha256").hexdigest(), 16)

    code = codes.derive(kind, probe, SECRET)

    assert code == "".join(BASE62[number // 62**place % 62] for place in range(7))


@given(kinds, st.binary(min_size=32, max_size=32))
def test_given_another_secret_when_derived_then_the_code_says_nothing_of_the_first(kind, secret):
    first, other = (set(codes.candidates(kind, one)) for one in (SECRET, secret))

    assert secret == SECRET or not first & other


@given(kinds, probes)
def test_given_any_request_when_derived_then_its_code_is_seven_characters_of_base62(kind, probe):
    code = codes.derive(kind, probe, SECRET)

    assert re.fullmatch("[0-9A-Za-z]{7}", code)


@given(kinds)
def test_given_a_request_when_one_thing_changes_then_so_does_its_code(kind):
    other_type = kind._replace(redirect_type="301" if kind.redirect_type == "302" else "302")
    other_life = kind._replace(ttl_hours=1 if kind.ttl_hours != 1 else None)
    other_owner = kind._replace(owner=f"{kind.owner or ''}x")
    twisted = kind._replace(original_url=kind.original_url.swapcase())

    changed = {codes.derive(one, 0, SECRET) for one in (kind, other_type, other_life, other_owner, twisted)}

    assert len(changed | {codes.derive(kind, 1, SECRET)}) == 6


def test_given_many_destinations_when_derived_then_every_character_is_as_likely():
    numbers = random.Random(62)  # noqa: S311 (a fixed seed: the same sample on every run)
    sample = [Kind(f"https://example.com/{numbers.getrandbits(64):x}", "301", None) for _ in range(12_400)]
    expected = len(sample) / 62

    places = list(zip(*(codes.derive(kind, 0, SECRET) for kind in sample), strict=True))

    assert len(places) == 7
    for place in places:
        counted = Counter(place)
        chi_square = sum((counted[character] - expected) ** 2 / expected for character in BASE62)
        assert chi_square < 120  # 61 degrees of freedom: mean 61, one in 10^5 beyond 120


@given(st.lists(cased | st.text(BASE62, min_size=7, max_size=7), min_size=11, max_size=11))
def test_given_candidates_when_listed_then_reserved_ones_are_left_out(texts):
    waiting = iter(texts)
    with patch.object(codes, "derive", lambda *_: next(waiting)), patch.object(codes, "draw", lambda: next(waiting)):
        listed = list(codes.candidates(KIND, SECRET))

    assert listed == [code for code in texts if code.lower() not in RESERVED]


def test_given_candidates_when_listed_then_eight_are_the_requests_and_three_are_not():
    derived = [codes.derive(KIND, probe, SECRET) for probe in range(8)]

    first, second = (list(codes.candidates(KIND, SECRET)) for _ in range(2))

    assert first[:8] == second[:8] == derived
    assert len({*first, *second}) == 8 + 3 + 3
    assert all(re.fullmatch("[0-9A-Za-z]{7}", code) for code in (*first, *second))


def test_given_candidates_when_only_the_first_is_needed_then_only_one_is_computed():
    with patch.object(codes, "derive", side_effect=codes.derive) as derive:
        first = next(codes.candidates(KIND, SECRET))

    assert (first, derive.call_count) == (codes.derive(KIND, 0, SECRET), 1)


def test_given_random_codes_when_drawn_then_the_systems_own_source_decides():
    random.seed(0)
    first = codes.draw()
    random.seed(0)

    assert codes.draw() != first
