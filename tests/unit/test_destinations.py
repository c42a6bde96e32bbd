# ruff: noqa: RUF001 (look-alikes are what some of these tests are about)
"""Destinations: every rule of the contract, with expectations from the WHATWG URL standard and IANA's registries."""

import re
import unicodedata
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import pairwise

import ada_url
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from squrl.destinations import MAX_BYTES, accept
from squrl.errors import InvalidUrl

NO_TEXT = ("\ud800", "\udfff", "\ude00\ud83d", "\ud83d\ude00", "a\udcffb")

# How a refusal says which rule it was.
TEXT = "Unicode"
SPACE = "white space, control characters or backslashes"
SCHEME = "must start with http:// or https://"
NO_HOST = "must have a host behind"
USER = "user information"
UNREADABLE = "a host and a port that a browser can read"
LONG = "at most 2048 bytes"
LABEL = "labels of 1 to 63 bytes and at most 253 bytes"
HYPHEN = "hyphen"
PRIVATE = "private or reserved"
OWN = "this shortener itself"
RULES = (TEXT, SPACE, SCHEME, NO_HOST, USER, UNREADABLE, LONG, LABEL, HYPHEN, PRIVATE, OWN)

ACCEPTED = [
    # as given
    ("https://example.com", "https://example.com"),
    ("https://example.com/", "https://example.com/"),
    ("http://example.com/very/long/url", "http://example.com/very/long/url"),
    ("https://example.com?q=1", "https://example.com?q=1"),
    ("https://example.com#top", "https://example.com#top"),
    ("https://example.com/?", "https://example.com/?"),
    ("https://example.com/#", "https://example.com/#"),
    ("https://example.com/a/../b/./c//d", "https://example.com/a/../b/./c//d"),
    ("https://example.com/%7Euser/%7euser/~user", "https://example.com/%7Euser/%7euser/~user"),
    ("https://example.com/%zz%", "https://example.com/%zz%"),
    ("https://example.com/A?B=C#D", "https://example.com/A?B=C#D"),
    ("https://example.com/@user?to=a@b#c@d", "https://example.com/@user?to=a@b#c@d"),
    ("https://example.com/http://10.0.0.1/", "https://example.com/http://10.0.0.1/"),
    ("https://example.com/straße?ü=é#日本", "https://example.com/straße?ü=é#日本"),
    ("https://example.com/\u200b\u202e\ufeff", "https://example.com/\u200b\u202e\ufeff"),
    ("https://example.com/[]{}|^`<>\"'", "https://example.com/[]{}|^`<>\"'"),
    ("https://example.com/🐿", "https://example.com/🐿"),
    # scheme and host in lower case
    ("HTTPS://EXAMPLE.COM/Path", "https://example.com/Path"),
    ("hTTp://eXample.Com", "http://example.com"),
    ("https://ex%41mple.com/%41", "https://example.com/%41"),
    ("https://ＥＸＡＭＰＬＥ．ｃｏｍ/", "https://example.com/"),
    ("https://exam\u00adple.com/", "https://example.com/"),
    ("https://example。com/", "https://example.com/"),
    ("https://example.com./", "https://example.com./"),
    # an IDN host as punycode (UTS 46, nontransitional)
    ("https://bücher.example/ü", "https://xn--bcher-kva.example/ü"),
    ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
    ("https://bu\u0308cher.example/", "https://xn--bcher-kva.example/"),
    ("https://b%C3%BCcher.example/", "https://xn--bcher-kva.example/"),
    ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
    ("https://XN--BCHER-KVA.example/", "https://xn--bcher-kva.example/"),
    ("https://faß.de", "https://xn--fa-hia.de"),
    ("https://日本語。jp", "https://xn--wgv71a119e.jp"),
    ("https://☃.net/", "https://xn--n3h.net/"),
    ("https://ن\u200cی.example/", "https://xn--ihb2yl06d.example/"),
    ("https://الأردن.example/", "https://xn--igbhzh7gpa.example/"),
    ("https://क\u094d\u200dष.example/", "https://xn--11b2ezcw70k.example/"),
    ("https://ⓔⓧⓐⓜⓟⓛⓔ.com/", "https://example.com/"),
    ("https://a.Ⅷ/", "https://a.viii/"),
    # what DNS can hold although it is unusual
    ("https://under_score.example.com/", "https://under_score.example.com/"),
    ("https://_dmarc.example.com/", "https://_dmarc.example.com/"),
    ("https://r3---sn-4g5e6nez.example.com/", "https://r3---sn-4g5e6nez.example.com/"),
    ("https://1.example/", "https://1.example/"),
    ("https://0x1.example.com/", "https://0x1.example.com/"),
    ("https://" + "a" * 63 + ".example/", "https://" + "a" * 63 + ".example/"),
    ("https://" + "a." * 126 + "a", "https://" + "a." * 126 + "a"),
    ("https://" + "a." * 126 + "a./", "https://" + "a." * 126 + "a./"),
    ("https://xn--a.example/", "https://xn--a.example/"),  # browsers read ASCII names as they are (whatwg/url#914)
    # ports: the scheme's own is dropped
    ("http://example.com:80/", "http://example.com/"),
    ("http://example.com:080/", "http://example.com/"),
    ("https://example.com:443?q", "https://example.com?q"),
    ("https://example.com:443", "https://example.com"),
    ("https://example.com:", "https://example.com"),
    ("https://example.com:/x", "https://example.com/x"),
    ("http://example.com:443/", "http://example.com:443/"),
    ("https://example.com:80/", "https://example.com:80/"),
    ("https://example.com:8443/", "https://example.com:8443/"),
    ("https://example.com:0/", "https://example.com:0/"),
    ("https://example.com:65535#x", "https://example.com:65535#x"),
    ("https://8.8.8.8:443/", "https://8.8.8.8/"),
    ("http://[2606:4700::1111]:80/", "http://[2606:4700::1111]/"),
    ("http://[2606:4700::1111]:8080/", "http://[2606:4700::1111]:8080/"),
    # public names that only resemble private ones
    ("https://localhost.example.com/", "https://localhost.example.com/"),
    ("https://local.example/", "https://local.example/"),
    ("https://notlocal.notinternal/", "https://notlocal.notinternal/"),
    ("https://internal.example.com/", "https://internal.example.com/"),
    ("https://nothome.arpa.example/", "https://nothome.arpa.example/"),
    ("https://10.0.0.1.example.com/", "https://10.0.0.1.example.com/"),
    ("https://1.0.0.127.in-addr.arpa/", "https://1.0.0.127.in-addr.arpa/"),
]

REFUSED = [
    # other schemes, no host
    ("", SCHEME),
    ("example.com", SCHEME),
    ("//example.com/", SCHEME),
    ("/path", SCHEME),
    ("ftp://example.com/", SCHEME),
    ("javascript:alert(1)", SCHEME),
    ("javascript://example.com/%0Aalert(1)", SCHEME),
    ("data:text/html,hello", SCHEME),
    ("file:///etc/passwd", SCHEME),
    ("ws://example.com/", SCHEME),
    ("mailto:someone@example.com", SCHEME),
    ("blob:https://example.com/x", SCHEME),
    ("view-source:https://example.com/", SCHEME),
    ("httpx://example.com/", SCHEME),
    ("ｈttp://example.com/", SCHEME),
    ("https://", NO_HOST),
    ("https:", NO_HOST),
    ("https:example.com", NO_HOST),
    ("https:/example.com", NO_HOST),
    ("https:///example.com/", NO_HOST),
    ("https://?q", NO_HOST),
    ("https://#top", NO_HOST),
    ("https://:443/", UNREADABLE),
    ("https://\u00ad/", UNREADABLE),
    # a bad port
    ("https://example.com:65536/", UNREADABLE),
    ("https://example.com:-1/", UNREADABLE),
    ("https://example.com:http/", UNREADABLE),
    ("https://example.com:80:80/", UNREADABLE),
    ("https://example.com:8 0/", SPACE),
    ("https://example.com:99999999999999999999/", UNREADABLE),
    ("https://example.com:８０/", UNREADABLE),
    ("https://[2606:4700::1111]x/", UNREADABLE),
    # user information
    ("https://user:pass@example.com/", USER),
    ("https://user@example.com/", USER),
    ("https://@example.com/", USER),
    ("https://:@example.com/", USER),
    ("https://example.com@evil.example/", USER),
    ("https://example.com%2F@evil.example/", USER),
    ("https://a@b@example.com/", USER),
    # hosts that no browser can read
    ("https://exa%mple.com/", UNREADABLE),
    ("https://example.com%00.evil.example/", UNREADABLE),
    ("https://example.com%2F.evil.example/", UNREADABLE),
    ("https://example.com%40evil.example/", UNREADABLE),
    ("https://user%3Apass%40example.com/", UNREADABLE),
    ("https://exam%20ple.com/", UNREADABLE),
    ("https://ex%ffmple.com/", UNREADABLE),
    ("https://exa<mple.com/", UNREADABLE),
    ("https://exa^mple.com/", UNREADABLE),
    ("https://exa|mple.com/", UNREADABLE),
    ("https://exa[mple.com/", UNREADABLE),
    ("https://example.com℀evil.example/", UNREADABLE),
    ("https://example.com／evil.example/", UNREADABLE),
    ("https://user＠example.com/", UNREADABLE),
    ("https://example.com：443/", UNREADABLE),
    ("https://example.com？q/", UNREADABLE),
    ("https://％６５xample.com/", UNREADABLE),
    ("https://a\u200cb.example/", UNREADABLE),
    ("https://\u0301a.example/", UNREADABLE),
    ("https://a\ufffdb.example/", UNREADABLE),
    ("https://a\ue000b.example/", UNREADABLE),
    ("https://xn--a.ü.example/", UNREADABLE),
    ("https://xn--ü.example/", UNREADABLE),
    ("https://אa.example/", UNREADABLE),
    ("https://⒈example.com/", UNREADABLE),
    ("https://1.2.3.256/", UNREADABLE),
    ("https://256.1.1.1/", UNREADABLE),
    ("https://1.2.3.4.5/", UNREADABLE),
    ("https://1.2.65536/", UNREADABLE),
    ("https://1.16777216/", UNREADABLE),
    ("https://4294967296/", UNREADABLE),
    ("https://0x100000000/", UNREADABLE),
    ("https://1.2.3.08/", UNREADABLE),
    ("https://09/", UNREADABLE),
    ("https://1..1/", UNREADABLE),
    ("https://example.1/", UNREADABLE),
    ("https://example.0x/", UNREADABLE),
    ("https://example.0xff./", UNREADABLE),
    ("https://[]/", UNREADABLE),
    ("https://[1::2::3]/", UNREADABLE),
    ("https://[2606:4700::11111]/", UNREADABLE),
    ("https://[fe80::1%25eth0]/", UNREADABLE),
    ("https://[fe80::1%eth0]/", UNREADABLE),
    ("https://[::ffff:127.0.0.0x1]/", UNREADABLE),
    ("https://[v1.a]/", UNREADABLE),
    ("https://[2606:4700::1111/", UNREADABLE),
    ("https://%5B2606:4700::1111%5D/", UNREADABLE),
    ("https://2606:4700::1111/", UNREADABLE),
    # names that DNS can't hold
    ("https://a..example/", LABEL),
    ("https://.example.com/", LABEL),
    ("https://example.com../", LABEL),
    ("https://./", LABEL),
    ("https://../", LABEL),
    ("https://example。．com/", LABEL),
    ("https://" + "a" * 64 + ".example/", LABEL),
    ("https://" + "a" * 64 + "/", LABEL),
    ("https://" + "ü" * 60 + ".example/", LABEL),
    ("https://" + "a." * 126 + "aa", LABEL),
    ("https://" + "a." * 126 + "aa./", LABEL),
    ("https://-example.com/", HYPHEN),
    ("https://example-.com/", HYPHEN),
    ("https://a.-.example/", HYPHEN),
    ("https://www.-example.com./", HYPHEN),
    ("https://example.com-/", HYPHEN),
    ("https://－example.com/", HYPHEN),
    ("https://xn--.example/", HYPHEN),
    # private names
    ("http://localhost/", PRIVATE),
    ("http://localhost:8080/", PRIVATE),
    ("http://LocalHost./", PRIVATE),
    ("http://%6cocalhost/", PRIVATE),
    ("http://localhost%2e/", PRIVATE),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", PRIVATE),
    ("http://ｌｏｃａｌｈｏｓｔ。/", PRIVATE),
    ("http://loc\u00adalhost/", PRIVATE),
    ("http://localho\u017ft/", PRIVATE),
    ("http://intranet/", PRIVATE),
    ("http://intranet./", PRIVATE),
    ("http://com/", PRIVATE),
    ("http://ü/", PRIVATE),
    ("http://printer.local/", PRIVATE),
    ("http://printer.LOCAL./", PRIVATE),
    ("http://a.printer。local/", PRIVATE),
    ("http://app.localhost/", PRIVATE),
    ("http://a.b.localhost./", PRIVATE),
    ("http://metadata.google.internal/", PRIVATE),
    ("http://ip-10-0-0-1.ec2.internal./", PRIVATE),
    ("http://router.home.arpa/", PRIVATE),
    ("http://router.home.arpa.:80/", PRIVATE),
    ("http://router.home%2Earpa/", PRIVATE),
]

# A name and an address, in spellings that a browser reads as the same host.
OWN_SPELLINGS = {
    "go.example.com": [
        "go.example.com",
        "GO.Example.COM",
        "go.example.com.",
        "go.example.com:8443",
        "go.example.com:443",
        "go.example.com.:443",
        "go%2eexample%2Ecom",
        "%67o.example.com",
        "go。example．com",
        "ｇｏ.example.com",
        "g\u00ado.example.com",
        "ⓖⓞ.example.com",
        "go.example.com。",
    ],
    "xn--bcher-kva.example": ["bücher.example", "BÜCHER.example", "bu\u0308cher.example.", "xn--bcher-KVA.example:1"],
    "8.8.8.8": ["8.8.8.8", "8.8.8.8.", "134744072", "0x08080808", "010.8.2056", "８。８。８。８", "%38.8.8.8:8080"],
    "[2606:4700::1111]": ["[2606:4700::1111]", "[2606:4700:0:0:0:0:0:1111]", "[2606:4700::0.0.17.17]:99"],
}

# IANA's IPv4 special-purpose registry, what is not globally reachable or withdrawn; multicast from RFC 5771.
SPECIAL_IPV4 = [
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
NEIGHBOURS = [
    "1.0.0.0",
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
]
SPECIAL_IPV6 = [
    "::",
    "::1",
    "::8.8.8.8",  # IPv4-compatible, withdrawn
    "::ffff:0:8.8.8.8",  # IPv4-translated
    "64:ff9b:1::8.8.8.8",  # NAT64 of a local network
    "100::1",
    "2001::1",  # Teredo
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff::1",
    "3fff:fff:ffff::1",
    "4000::1",  # not assigned
    "5f00::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]
PUBLIC_IPV6 = ["2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2400:cb00::1", "2606:4700::1111"]

READS_ALIKE = {
    "0": "０⓪",
    "1": "１①",
    "2": "２②",
    "3": "３³",
    "8": "８⁸",
    "9": "９⑨",
    ".": "。．｡",
    "x": "ｘⓧ",
    "a": "ａª",
}


def percent(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


@st.composite
def spelled(draw, address):
    """Write an IPv4 address in one of the ways that the WHATWG standard's IPv4 parser reads (and UTS 46 maps)."""
    count = draw(st.integers(1, 4))
    last = int(address) & (256 ** (5 - count) - 1)
    parts = [*address.packed[: count - 1], last]
    forms = ("{}", "0{:o}", "000{:o}", "0x{:x}", "0X{:X}", "0x000{:x}")
    plain = ".".join(draw(st.sampled_from(forms)).format(part) for part in parts) + draw(st.sampled_from(["", "."]))
    return "".join(
        draw(st.sampled_from([character, character, *READS_ALIKE.get(character, ""), percent(character)]))
        for character in plain
    )


@st.composite
def spelled6(draw, address):
    """Write an IPv6 address in one of the ways that the WHATWG standard's IPv6 parser reads."""
    groups = [f"{int(address) >> shift & 0xFFFF:04x}" for shift in range(112, -1, -16)]
    kept = 6 if draw(st.booleans()) else 8
    pieces = [group.lstrip("0") or "0" if draw(st.booleans()) else group for group in groups[:kept]]
    if kept == 6:
        pieces.append(str(IPv4Address(int(address) & 0xFFFFFFFF)))
    zeros = [
        (start, end)
        for start in range(kept)
        for end in range(start + 1, kept + 1)
        if all(int(group, 16) == 0 for group in groups[start:end])
    ]
    text = ":".join(pieces)
    if zeros and draw(st.booleans()):
        start, end = draw(st.sampled_from(zeros))
        text = ":".join(pieces[:start]) + "::" + ":".join(pieces[end:])
    return "[" + draw(st.sampled_from([text, text.upper()])) + "]"


def randomly_cased(text):
    return st.tuples(*[st.sampled_from([letter.lower(), letter.upper()]) for letter in text]).map("".join)


any_ipv4 = st.integers(0, 2**32 - 1).map(IPv4Address)
special_ipv4 = st.sampled_from(SPECIAL_IPV4).flatmap(
    lambda block: st.sampled_from([block[0], block[-1]]) | st.integers(int(block[0]), int(block[-1])).map(IPv4Address)
)
gaps = [(int(before[-1]) + 1, int(after[0]) - 1) for before, after in pairwise(SPECIAL_IPV4)]
public_ipv4 = st.sampled_from([gap for gap in gaps if gap[0] <= gap[1]]).flatmap(
    lambda gap: st.sampled_from(gap).map(IPv4Address) | st.integers(*gap).map(IPv4Address)
)
schemes = st.sampled_from(["http", "https"])
labels = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True).filter(lambda one: one[2:4] != "--")
names = st.lists(labels, min_size=1, max_size=4).map(lambda some: ".".join([*some, "example"]))
ports = st.none() | st.integers(0, 65535)
# Anything but what the contract refuses: white space, control characters, backslashes, lone surrogates.
readable = st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="\\")
tails = st.just("") | st.tuples(st.sampled_from("/?#"), st.text(readable, max_size=80)).map("".join)
pieces = st.sampled_from(
    [
        *("http", "https", "HTTP", ":", "/", "//", "///", "\\", "@", "?", "#", "[", "]", "http://", "https://"),
        *(".", "..", "-", "%", "%2e", "%00", "%41", "xn--", "xn--a", ":", ":80", ":443", ":65536", "user:pass@"),
        *("a", "b", "com", "example.com", "localhost", "127", "1", "0x7f", "010", "[::1]", "::1", "[2606:4700::1]"),
        *("ü", "ß", "é", "。", "．", "℀", "／", "＠", "①", "\u00ad", "\u200d", "\u0301", "\u05d0", "日本"),
        *(" ", "\t", "\n", "\x00", "\x7f", "\x85", "\u3000", "\ud800"),
    ]
)
anything = st.lists(pieces | st.characters(exclude_categories=()), max_size=12).map("".join)
hosts = st.lists(
    pieces.filter(lambda one: not re.search(r"[\s\x00-\x1f\x7f-\x9f\\/@?#\ud800]", one)) | readable, max_size=4
)
urlish = anything | st.tuples(
    schemes, st.just("://"), hosts.map("".join), st.sampled_from(["", ".example", "example.com", ".１", ":80"]), tails
).map("".join)


def refusal(url, **options):
    with pytest.raises(InvalidUrl) as failure:
        accept(url, **options)
    return failure.value


@pytest.mark.parametrize(("url", "stored"), ACCEPTED, ids=ascii)
def test_given_a_public_url_when_accepted_then_it_is_stored_as_the_contract_says(url, stored):
    given_url = url

    destination = accept(given_url)

    assert destination == stored


@pytest.mark.parametrize(("url", "rule"), REFUSED, ids=ascii)
def test_given_a_url_that_breaks_a_rule_when_refused_then_the_message_says_which(url, rule):
    broken = url

    error = refusal(broken)

    assert [one for one in RULES if one in error.message] == [rule]
    assert (error.name, error.status, error.details) == ("InvalidUrl", 400, None)


@pytest.mark.parametrize(("url", "rule"), [case for case in REFUSED if case[1] != PRIVATE], ids=ascii)
def test_given_an_intranet_when_another_rule_is_broken_then_it_still_holds(url, rule):
    broken = url

    error = refusal(broken, allow_private=True)

    assert rule in error.message


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("http://localhost:8080/", "http://localhost:8080/"),
        ("http://LocalHost./", "http://localhost./"),
        ("http://intranet", "http://intranet"),
        ("http://printer.local/", "http://printer.local/"),
        ("http://app.localhost/", "http://app.localhost/"),
        ("http://ip-10-0-0-1.ec2.internal/", "http://ip-10-0-0-1.ec2.internal/"),
        ("http://router.home.arpa/", "http://router.home.arpa/"),
        ("http://10.0.0.1/", "http://10.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://169.254.169.254/", "http://169.254.169.254/"),
        ("http://[::1]:3000/", "http://[::1]:3000/"),
        ("http://[FD00::0:1]/", "http://[fd00::1]/"),
        ("http://[::ffff:10.0.0.1]/", "http://[::ffff:a00:1]/"),
    ],
)
def test_given_an_intranet_when_a_url_is_private_then_it_is_accepted_and_stored_the_same_way(url, stored):
    assert PRIVATE in refusal(url).message

    destination = accept(url, allow_private=True)

    assert destination == stored


@pytest.mark.parametrize("place", ["{}https://example.com/", "https://exam{}ple.com/", "https://example.com{}/"])
@pytest.mark.parametrize(
    "character",
    [*map(chr, range(0x21)), *map(chr, range(0x7F, 0xA1)), *"\\\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000"],
    ids=ascii,
)
def test_given_white_space_a_control_character_or_a_backslash_when_anywhere_in_the_url_then_it_is_refused(
    character, place
):
    url = place.format(character)

    error = refusal(url)

    assert SPACE in error.message


@given(st.sampled_from([*map(chr, range(0x21)), *map(chr, range(0x7F, 0xA1)), *"\\\u2028\u3000"]), tails, tails)
def test_given_any_url_when_such_a_character_stands_in_its_tail_then_it_is_refused(character, before, after):
    url = f"https://example.com/{before}{character}{after}"

    error = refusal(url)

    assert SPACE in error.message


@pytest.mark.parametrize("text", NO_TEXT, ids=ascii)
@pytest.mark.parametrize("place", ["{}", "https://{}.example/", "https://example.com/{}", "https://example.com/#{}"])
def test_given_text_that_is_no_unicode_when_refused_then_the_message_says_so(place, text):
    url = place.format(text)

    error = refusal(url)

    assert TEXT in error.message


@pytest.mark.parametrize("block", SPECIAL_IPV4, ids=str)
def test_given_a_special_ipv4_block_when_its_first_and_last_address_are_asked_for_then_both_are_refused(block):
    urls = [f"http://{block[0]}/", f"http://{block[-1]}/"]

    messages = [refusal(url).message for url in urls]

    assert all(PRIVATE in message for message in messages)


@pytest.mark.parametrize("address", [*NEIGHBOURS, "192.31.196.1", "192.52.193.1", "192.175.48.1"])
def test_given_a_public_ipv4_address_when_it_borders_on_a_special_block_then_it_is_accepted(address):
    url = f"http://{address}/"

    destination = accept(url)

    assert destination == url


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.1", "127.0.0.1"),
        ("0", "0.0.0.0"),  # noqa: S104 (nothing is bound to it)
        ("0x", "0.0.0.0"),  # noqa: S104 (the same)
        ("0x7f000001", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7F.0.0x0.00000000001", "127.0.0.1"),
        ("10.1", "10.0.0.1"),
        ("192.168.257", "192.168.1.1"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("１６９。２５４．１６９｡２５４", "169.254.169.254"),
        ("%31%32%37.0.0.1", "127.0.0.1"),
        ("%EF%BC%91%32７.①", "127.0.0.1"),
        ("4294967295.", "255.255.255.255"),
        ("172.0x10.0.1%2e", "172.16.0.1"),
    ],
)
def test_given_an_unusual_spelling_of_a_private_ipv4_address_when_refused_then_an_intranet_reads_which(host, address):
    url = f"http://{host}/"

    error = refusal(url)

    assert PRIVATE in error.message
    assert accept(url, allow_private=True) == f"http://{address}/"


@given(special_ipv4.flatmap(spelled), schemes, ports, tails)
def test_given_a_special_ipv4_address_when_spelled_in_any_way_then_it_is_refused(host, scheme, port, tail):
    url = f"{scheme}://{host}{'' if port is None else f':{port}'}{tail}"

    error = refusal(url)

    assert PRIVATE in error.message


@given(st.data(), public_ipv4)
def test_given_a_public_ipv4_address_when_spelled_in_any_way_then_it_is_stored_dotted(data, address):
    host = data.draw(spelled(address))

    destination = accept(f"http://{host}/")

    assert destination == f"http://{address}/"


@given(st.data(), any_ipv4)
def test_given_any_ipv4_address_when_spelled_in_any_way_then_an_intranet_stores_it_dotted(data, address):
    host = data.draw(spelled(address))

    destination = accept(f"http://{host}/", allow_private=True)

    assert destination == f"http://{address}/"


@pytest.mark.parametrize("address", SPECIAL_IPV6)
def test_given_a_special_ipv6_address_when_asked_for_then_it_is_refused(address):
    url = f"http://[{address}]/"

    error = refusal(url)

    assert PRIVATE in error.message


@pytest.mark.parametrize("address", PUBLIC_IPV6)
def test_given_a_public_ipv6_address_when_asked_for_then_it_is_stored(address):
    url = f"http://[{address}]/"

    destination = accept(url)

    assert destination == url


@pytest.mark.parametrize(
    ("host", "stored"),
    [
        ("[::ffff:8.8.8.8]", "[::ffff:808:808]"),
        ("[0:0:0:0:0:FFFF:0808:0808]", "[::ffff:808:808]"),
        ("[64:ff9b::8.8.8.8]", "[64:ff9b::808:808]"),
        ("[2002:808:808::]", "[2002:808:808::]"),
        ("[2606:4700:0:0:1:0:0:1]", "[2606:4700::1:0:0:1]"),
        ("[2606:4700:0:1:1:1:1:1]", "[2606:4700:0:1:1:1:1:1]"),
        ("[2606:4700::0.0.17.17]", "[2606:4700::1111]"),
    ],
)
def test_given_a_public_ipv6_address_when_accepted_then_it_is_stored_as_the_standard_writes_it(host, stored):
    url = f"http://{host}/"

    destination = accept(url)

    assert destination == f"http://{stored}/"


def carried(address, rest):
    number = int(address)
    return {
        "mapped": IPv6Address((0xFFFF << 32) | number),
        "NAT64": IPv6Address((0x0064FF9B << 96) | number),
        "6to4": IPv6Address((0x2002 << 112) | (number << 80) | rest),
    }


@pytest.mark.parametrize("carrier", ["mapped", "NAT64", "6to4"])
@given(data=st.data(), address=special_ipv4, rest=st.integers(0, 2**80 - 1))
def test_given_ipv6_that_carries_a_special_ipv4_address_when_spelled_in_any_way_then_it_is_refused(
    carrier, data, address, rest
):
    host = data.draw(spelled6(carried(address, rest)[carrier]))

    error = refusal(f"http://{host}/")

    assert PRIVATE in error.message


@pytest.mark.parametrize("carrier", ["mapped", "NAT64", "6to4"])
@given(data=st.data(), address=public_ipv4, rest=st.integers(0, 2**80 - 1))
def test_given_ipv6_that_carries_a_public_ipv4_address_when_spelled_in_any_way_then_it_is_accepted(
    carrier, data, address, rest
):
    carrying = carried(address, rest)[carrier]

    destination = accept(f"http://{data.draw(spelled6(carrying))}/")

    assert IPv6Address(destination.removeprefix("http://[").removesuffix("]/")) == carrying


@given(st.data(), st.integers(0, 2**128 - 1).map(IPv6Address))
def test_given_ipv6_outside_the_global_block_when_spelled_in_any_way_then_it_is_refused(data, address):
    assume(address not in IPv6Network("2000::/3"))
    assume(address not in IPv6Network("::ffff:0:0/96"))
    assume(address not in IPv6Network("64:ff9b::/96"))

    error = refusal(f"http://{data.draw(spelled6(address))}/")

    assert PRIVATE in error.message


@given(st.data(), st.integers(0x2003 << 112, (0x3FFF << 112) - 1).map(IPv6Address))
def test_given_global_unicast_ipv6_when_spelled_in_any_way_then_it_is_stored_compressed(data, address):
    host = data.draw(spelled6(address))

    destination = accept(f"https://{host}/")

    assert destination == f"https://[{address.compressed}]/"


@pytest.mark.parametrize(("own", "host"), [(own, host) for own, hosts in OWN_SPELLINGS.items() for host in hosts])
@pytest.mark.parametrize("allow_private", [False, True])
def test_given_the_shorteners_own_host_when_spelled_in_any_way_then_it_is_a_loop(own, host, allow_private):
    url = f"https://{host}/b3xK9mP"

    error = refusal(url, own_hosts={"other.example", own}, allow_private=allow_private)

    assert OWN in error.message
    assert accept(url, own_hosts={"other.example"}).startswith(f"https://{own}")


@pytest.mark.parametrize("url", ["https://go.example.com/", "https://go.example.com./"])
@pytest.mark.parametrize("own", ["go.example.com", "go.example.com."])
def test_given_a_trailing_dot_on_either_side_when_it_is_the_own_host_then_it_is_a_loop(own, url):
    own_hosts = [own]

    error = refusal(url, own_hosts=own_hosts)

    assert OWN in error.message


@pytest.mark.parametrize("own", ["localhost", "127.0.0.1", "[::1]"])
def test_given_a_shortener_on_this_machine_when_private_destinations_are_allowed_then_its_own_host_is_not(own):
    url = f"http://{own}:3000/create"

    error = refusal(url, own_hosts={own}, allow_private=True)

    assert OWN in error.message
    assert accept(url, own_hosts={"go.example.com"}, allow_private=True) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/",
        "https://ago.example.com/",
        "https://x.go.example.com/",
        "https://go.example.com.evil.example/",
        "https://example.com/https://go.example.com/",
        "https://example.com?go.example.com",
    ],
)
def test_given_a_host_that_only_resembles_the_own_one_when_asked_for_then_it_is_accepted(url):
    own_hosts = {"go.example.com"}

    destination = accept(url, own_hosts=own_hosts)

    assert destination == url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/" + "a" * 2028,
        "https://example.com/" + "é" * 1014,
        "https://example.com/" + "🐿" * 507,
        "https://example.com:443/" + "a" * 2028,  # what counts is what is stored
        "https://bücher.example/" + "a" * 2018,
    ],
)
def test_given_a_url_of_2048_bytes_when_one_byte_is_added_then_it_is_too_long(url):
    longer = url + "a"

    error = refusal(longer)

    assert len(accept(url).encode()) == MAX_BYTES == 2048
    assert LONG in error.message


@given(schemes.flatmap(randomly_cased), names.flatmap(randomly_cased), ports, st.sampled_from(["", "."]), tails)
def test_given_any_public_name_when_accepted_then_only_case_and_default_port_change(scheme, name, port, dot, tail):
    default = {"http": 80, "https": 443}[scheme.lower()]
    kept = "" if port in (None, default) else f":{port}"
    url = f"{scheme}://{name}{dot}{'' if port is None else f':{port}'}{tail}"

    destination = accept(url)

    assert destination == f"{scheme.lower()}://{name.lower()}{dot}{kept}{tail}"


@given(st.text("aozäöüéñøłžйжяαδω日本語中文한글", min_size=1, max_size=14), st.sampled_from(["NFC", "NFD"]), tails)
def test_given_any_international_name_when_accepted_then_its_host_is_punycode_and_its_tail_untouched(label, form, tail):
    ascii_label = label if label.isascii() else "xn--" + label.encode("punycode").decode()
    host = unicodedata.normalize(form, label).upper()

    destination = accept(f"https://{host}.Example{tail}")

    assert destination == f"https://{ascii_label}.example{tail}"


@settings(max_examples=600)
@given(urlish)
def test_given_any_text_when_accepted_at_all_then_every_promise_about_what_is_stored_holds(url):
    try:
        destination = accept(url)
    except InvalidUrl:
        return

    again = accept(destination)

    assert again == destination
    assert re.match(r"https?://([a-z0-9!\"$&'()*+,;=_`{}~.-]+|\[[0-9a-f:]+\])(:[0-9]+)?([/?#]|\Z)", destination)
    assert ada_url.URL(destination).href == ada_url.URL(url).href
    assert len(destination.encode()) <= 2048
    assert destination.endswith(re.sub(r"\A[^:]+://[^/?#]*", "", url))


@settings(max_examples=600)
@given(urlish)
def test_given_any_text_when_judged_then_it_is_stored_or_one_rule_is_named(url):
    try:
        said = accept(url)
    except InvalidUrl as error:
        said = error.message

    named = [rule for rule in RULES if rule in said]

    assert len(named) == 1 or said.startswith(("http://", "https://"))


@settings(max_examples=600)
@given(urlish)
def test_given_any_text_when_private_destinations_are_allowed_then_nothing_but_that_rule_changes(url):
    try:
        strict = accept(url)
    except InvalidUrl as error:
        strict = error.message

    try:
        lax = accept(url, allow_private=True)
    except InvalidUrl as error:
        lax = error.message

    assert strict == lax or (PRIVATE in strict and lax.startswith("http"))


@given(names, tails)
def test_given_any_public_name_when_it_is_the_own_host_then_it_is_a_loop_whatever_follows(name, tail):
    url = f"https://{name}{tail}"

    error = refusal(url, own_hosts={name})

    assert OWN in error.message


@given(
    st.sampled_from(["localhost", "local", "internal", "home.arpa"]), st.lists(labels, min_size=1, max_size=3), tails
)
def test_given_any_name_under_a_private_suffix_when_asked_for_then_it_is_refused(suffix, some, tail):
    name = ".".join([*some, suffix])

    messages = [refusal(f"http://{name}{dot}{tail}").message for dot in ("", ".")]

    assert all(PRIVATE in message for message in messages)


@given(labels.filter(lambda label: not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", label)), tails)
def test_given_any_single_label_when_asked_for_then_it_is_refused(label, tail):
    messages = [refusal(f"http://{label}{dot}{tail}").message for dot in ("", ".")]

    said = [PRIVATE in message for message in messages]

    assert said == [True, True]


@pytest.mark.parametrize(
    "url",
    [
        "https://" + "ü" * 1_000_000 + ".example/",
        "https://" + "a." * 1_000_000 + "example/",
        "https://" + "xn--" + "z9" * 500_000 + ".example/",
        "https://a" + "\u0301\u0327\u0323" * 300_000 + ".example/",
        "https://example.com:" + "8" * 1_000_000,
        "https://example.com/" + "%" * 5_000_000,
        "h" * 5_000_000,
    ],
    ids=lambda url: ascii(url[:16]),
)
@pytest.mark.timeout(5)
def test_given_megabytes_of_anything_when_refused_then_that_takes_no_time(url):
    huge = url

    error = refusal(huge)

    assert len(error.message) < 200


@pytest.mark.parametrize(
    "host",
    [
        "\u00e9\u0327",
        "%C3%A9%CC%A7",
        "\u00e9\u2060\u0327",
        "\u00f6\u0323",
        "\uac00\u11a8",
        "\u1e9b\u0323",
        "\u212b\u0323",
        "\u01d6\u0323",
    ],
    ids=ascii,
)
def test_given_a_host_that_the_parser_normalises_wrongly_when_accepted_then_it_is_refused(host):
    with pytest.raises(InvalidUrl):
        accept(f"http://www.{host}.com/")


@pytest.mark.parametrize("host", ["home.arpa", "HOME.arpa.", "nas.home.arpa"])
def test_given_a_home_network_when_accepted_then_it_is_refused(host):
    with pytest.raises(InvalidUrl):
        accept(f"http://{host}/")
