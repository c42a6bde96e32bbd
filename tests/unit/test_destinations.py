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

from squrl.destinations import MAX_BYTES, Rules, accept
from squrl.errors import InvalidUrl

PUBLIC, INTRANET = Rules(), Rules(allow_private=True)

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
AMBIGUOUS = "read in one way only"
OWN = "this shortener itself"
RULES = (TEXT, SPACE, SCHEME, NO_HOST, USER, UNREADABLE, LONG, LABEL, HYPHEN, PRIVATE, AMBIGUOUS, OWN)

# Stored as given.
KEPT = [
    *("https://example.com", "https://example.com/", "http://example.com/very/long/url", "https://example.com?q=1"),
    *("https://example.com#top", "https://example.com/?", "https://example.com/#", "https://example.com/a/../b/./c//d"),
    *("https://example.com/%7Euser/%7euser/~user", "https://example.com/%zz%", "https://example.com/A?B=C#D"),
    *("https://example.com/@user?to=a@b#c@d", "https://example.com/http://10.0.0.1/"),
    *("https://example.com/straße?ü=é#日本", "https://example.com/\u200b\u202e\ufeff"),
    *("https://example.com/[]{}|^`<>\"'", "https://example.com/🐿", "https://example.com./"),
    *("https://xn--bcher-kva.example/", "https://under_score.example.com/", "https://_dmarc.example.com/"),
    *("https://r3---sn-4g5e6nez.example.com/", "https://1.example/", "https://0x1.example.com/"),
    *("https://" + "a" * 63 + ".example/", "https://" + "a." * 126 + "a", "https://" + "a." * 126 + "a./"),
    # Browsers read ASCII names as they are, the first one too (whatwg/url#914).
    *("https://xn--a.example/", "http://example.com:443/", "https://example.com:80/", "https://example.com:8443/"),
    *("https://example.com:0/", "https://example.com:65535#x", "http://[2606:4700::1111]:8080/"),
    *("https://localhost.example.com/", "https://local.example/", "https://notlocal.notinternal/"),
    *("https://internal.example.com/", "https://nothome.arpa.example/", "https://10.0.0.1.example.com/"),
    "https://1.0.0.127.in-addr.arpa/",
]
CHANGED = [
    ("HTTPS://EXAMPLE.COM/Path", "https://example.com/Path"),
    ("hTTp://eXample.Com", "http://example.com"),
    ("https://ex%41mple.com/%41", "https://example.com/%41"),
    ("https://ＥＸＡＭＰＬＥ．ｃｏｍ/", "https://example.com/"),
    ("https://exam\u00adple.com/", "https://example.com/"),
    ("https://example。com/", "https://example.com/"),
    ("https://bücher.example/ü", "https://xn--bcher-kva.example/ü"),
    ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
    ("https://bu\u0308cher.example/", "https://xn--bcher-kva.example/"),
    ("https://b%C3%BCcher.example/", "https://xn--bcher-kva.example/"),
    ("https://XN--BCHER-KVA.example/", "https://xn--bcher-kva.example/"),
    ("https://faß.de", "https://xn--fa-hia.de"),
    ("https://日本語。jp", "https://xn--wgv71a119e.jp"),
    ("https://☃.net/", "https://xn--n3h.net/"),
    ("https://ن\u200cی.example/", "https://xn--ihb2yl06d.example/"),
    ("https://الأردن.example/", "https://xn--igbhzh7gpa.example/"),
    ("https://क\u094d\u200dष.example/", "https://xn--11b2ezcw70k.example/"),
    ("https://ⓔⓧⓐⓜⓟⓛⓔ.com/", "https://example.com/"),
    ("https://a.Ⅷ/", "https://a.viii/"),
    ("http://example.com:80/", "http://example.com/"),
    ("http://example.com:080/", "http://example.com/"),
    ("https://example.com:443?q", "https://example.com?q"),
    ("https://example.com:443", "https://example.com"),
    ("https://example.com:", "https://example.com"),
    ("https://example.com:/x", "https://example.com/x"),
    ("https://8.8.8.8:443/", "https://8.8.8.8/"),
    ("http://[2606:4700::1111]:80/", "http://[2606:4700::1111]/"),
]

REFUSED = {
    SCHEME: [
        *("", "example.com", "//example.com/", "/path", "ftp://example.com/", "javascript:alert(1)"),
        *("javascript://example.com/%0Aalert(1)", "data:text/html,hello", "file:///etc/passwd", "ws://example.com/"),
        *("mailto:someone@example.com", "blob:https://example.com/x", "view-source:https://example.com/"),
        *("httpx://example.com/", "ｈttp://example.com/"),
    ],
    NO_HOST: [
        *("https://", "https:", "https:example.com", "https:/example.com", "https:///example.com/", "https://?q"),
        "https://#top",
    ],
    UNREADABLE: [
        *("https://:443/", "https://\u00ad/", "https://example.com:65536/", "https://example.com:-1/"),
        *("https://example.com:http/", "https://example.com:80:80/", "https://example.com:99999999999999999999/"),
        *("https://example.com:８０/", "https://[2606:4700::1111]x/", "https://exa%mple.com/"),
        *("https://example.com%00.evil.example/", "https://example.com%2F.evil.example/"),
        *("https://example.com%40evil.example/", "https://user%3Apass%40example.com/", "https://exam%20ple.com/"),
        *("https://ex%ffmple.com/", "https://exa<mple.com/", "https://exa^mple.com/", "https://exa|mple.com/"),
        *("https://exa[mple.com/", "https://example.com℀evil.example/", "https://example.com／evil.example/"),
        *("https://user＠example.com/", "https://example.com：443/", "https://example.com？q/"),
        "https://％６５xample.com/",
        *("https://a\u200cb.example/", "https://\u0301a.example/", "https://a\ufffdb.example/"),
        *("https://a\ue000b.example/", "https://xn--a.ü.example/", "https://xn--ü.example/", "https://אa.example/"),
        *("https://⒈example.com/", "https://1.2.3.256/", "https://256.1.1.1/", "https://1.2.3.4.5/"),
        *("https://1.2.65536/", "https://1.16777216/", "https://4294967296/", "https://0x100000000/"),
        *("https://1.2.3.08/", "https://09/", "https://1..1/", "https://example.1/", "https://example.0x/"),
        *("https://example.0xff./", "https://[]/", "https://[1::2::3]/", "https://[2606:4700::11111]/"),
        *("https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[::ffff:127.0.0.0x1]/", "https://[v1.a]/"),
        *("https://[2606:4700::1111/", "https://%5B2606:4700::1111%5D/", "https://2606:4700::1111/"),
    ],
    SPACE: [
        "https://example.com:8 0/",
    ],
    USER: [
        *("https://user:pass@example.com/", "https://user@example.com/", "https://@example.com/"),
        *("https://:@example.com/", "https://example.com@evil.example/", "https://example.com%2F@evil.example/"),
        "https://a@b@example.com/",
    ],
    LABEL: [
        *("https://a..example/", "https://.example.com/", "https://example.com../", "https://./", "https://../"),
        *("https://example。．com/", "https://" + "a" * 64 + ".example/", "https://" + "a" * 64 + "/"),
        *("https://" + "ü" * 60 + ".example/", "https://" + "a." * 126 + "aa", "https://" + "a." * 126 + "aa./"),
    ],
    HYPHEN: [
        *("https://-example.com/", "https://example-.com/", "https://a.-.example/", "https://www.-example.com./"),
        *("https://example.com-/", "https://－example.com/", "https://xn--.example/"),
    ],
    PRIVATE: [
        *("http://localhost/", "http://localhost:8080/", "http://LocalHost./", "http://%6cocalhost/"),
        *("http://localhost%2e/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://ｌｏｃａｌｈｏｓｔ。/", "http://loc\u00adalhost/"),
        *("http://localho\u017ft/", "http://intranet/", "http://intranet./", "http://com/", "http://ü/"),
        *("http://printer.local/", "http://printer.LOCAL./", "http://a.printer。local/", "http://app.localhost/"),
        *("http://a.b.localhost./", "http://metadata.google.internal/", "http://ip-10-0-0-1.ec2.internal./"),
        *("http://router.home.arpa/", "http://router.home.arpa.:80/", "http://router.home%2Earpa/"),
    ],
}

# As an intranet stores them, and other spellings.
PRIVATE_SPELLINGS = {
    **{
        host: [host]
        for host in ("localhost:8080", "intranet", "printer.local", "app.localhost", "ip-10-0-0-1.ec2.internal")
    },
    **{host: [host] for host in ("home.arpa", "router.home.arpa", "10.0.0.1", "[::1]:3000")},
    "localhost.": ["LocalHost."],
    "[fd00::1]": ["[FD00::0:1]"],
    "[::ffff:a00:1]": ["[::ffff:10.0.0.1]"],
    "127.0.0.1": [
        *("127.1", "0x7f000001", "017700000001", "2130706433", "0x7F.0.0x0.00000000001", "%EF%BC%91%32７.①"),
    ],
    "0.0.0.0": ["0", "0x"],  # noqa: S104 (nothing is bound to it)
    "192.168.1.1": ["192.168.257"],
    "169.254.169.254": ["0251.0376.0251.0376", "１６９。２５４．１６９｡２５４"],
    "255.255.255.255": ["4294967295."],
    "172.16.0.1": ["172.0x10.0.1%2e"],
}
# A name and an address, in spellings that a browser reads as the same host.
OWN_SPELLINGS = {
    "go.example.com": [
        *("go.example.com", "GO.Example.COM", "go.example.com.", "go.example.com:8443", "go.example.com:443"),
        *("go.example.com.:443", "go%2eexample%2Ecom", "%67o.example.com", "go。example．com", "ｇｏ.example.com"),
        *("g\u00ado.example.com", "ⓖⓞ.example.com", "go.example.com。"),
    ],
    **{host: [f"{host}:3000"] for host in ("localhost", "127.0.0.1", "[::1]")},
    "xn--bcher-kva.example": [
        *("bücher.example", "BÜCHER.example", "bu\u0308cher.example.", "xn--bcher-KVA.example:1"),
    ],
    "8.8.8.8": [
        *("8.8.8.8", "8.8.8.8.", "134744072", "0x08080808", "010.8.2056", "８。８。８。８", "%38.8.8.8:8080"),
    ],
    "[2606:4700::1111]": [
        *("[2606:4700::1111]", "[2606:4700:0:0:0:0:0:1111]", "[2606:4700::0.0.17.17]:99"),
    ],
}

# IANA's IPv4 special-purpose registry, what is not globally reachable or withdrawn; multicast from RFC 5771.
SPECIAL_IPV4 = list(
    map(
        IPv4Network,
        [
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        ],
    )
)
NEIGHBOURS = [
    *("1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0"),
    *("192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"),
    *("198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "192.31.196.1"),
    *("192.52.193.1", "192.175.48.1"),
]
SPECIAL_IPV6 = [
    *("::", "::1", "::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:2::1"),
    *("2001:10::1", "2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::1", "3fff:fff:ffff::1", "4000::1"),
    *("5f00::1", "fc00::1", "fd12:3456:789a::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1"),
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


def refusal(url, rules=PUBLIC):
    with pytest.raises(InvalidUrl) as failure:
        accept(url, rules)
    return failure.value.message


def said_of(url, rules=PUBLIC):
    """Return how a URL is stored, or why it isn't."""
    try:
        return accept(url, rules)
    except InvalidUrl as error:
        return error.message


@pytest.mark.parametrize(("url", "stored"), [*zip(KEPT, KEPT, strict=True), *CHANGED], ids=ascii)
def test_given_a_public_url_when_accepted_then_it_is_stored_as_promised(url, stored):
    destination = accept(url, PUBLIC)

    assert destination == stored


@pytest.mark.parametrize(("rule", "url"), [(rule, url) for rule in REFUSED for url in REFUSED[rule]], ids=ascii)
def test_given_a_url_that_breaks_a_rule_when_refused_then_the_message_says_which(rule, url):
    message = refusal(url)

    assert [one for one in RULES if one in message] == [rule]
    assert rule == PRIVATE or said_of(url, INTRANET) == message


@pytest.mark.parametrize(
    ("stored", "host"), [(host, spelling) for host, spellings in PRIVATE_SPELLINGS.items() for spelling in spellings]
)
def test_given_a_private_host_when_accepted_then_only_an_intranet_stores_it(stored, host):
    message = refusal(f"http://{host}/")

    assert PRIVATE in message
    assert accept(f"http://{host}/", INTRANET) == f"http://{stored}/"


@pytest.mark.parametrize("place", ["{}https://example.com/", "https://exam{}ple.com/", "https://example.com{}/"])
@pytest.mark.parametrize(
    "character",
    [*map(chr, range(0x21)), *map(chr, range(0x7F, 0xA1)), *"\\\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000"],
    ids=ascii,
)
def test_given_white_space_or_a_control_character_when_anywhere_then_it_is_refused(character, place):
    message = refusal(place.format(character))

    assert SPACE in message


@pytest.mark.parametrize("text", NO_TEXT, ids=ascii)
@pytest.mark.parametrize("place", ["{}", "https://{}.example/", "https://example.com/{}", "https://example.com/#{}"])
def test_given_a_lone_surrogate_when_anywhere_then_it_is_refused(place, text):
    message = refusal(place.format(text))

    assert TEXT in message


@pytest.mark.parametrize(
    "host", [*(str(block[end]) for block in SPECIAL_IPV4 for end in (0, -1)), *map("[{}]".format, SPECIAL_IPV6)]
)
def test_given_a_special_address_when_asked_for_then_it_is_refused(host):
    message = refusal(f"http://{host}/")

    assert PRIVATE in message


@pytest.mark.parametrize("host", [*NEIGHBOURS, *map("[{}]".format, PUBLIC_IPV6)])
def test_given_a_public_address_when_next_to_a_special_one_then_it_is_accepted(host):
    destination = accept(f"http://{host}/", PUBLIC)

    assert destination == f"http://{host}/"


@given(st.data(), special_ipv4 | public_ipv4)
def test_given_any_ipv4_address_when_spelled_in_any_way_then_it_is_the_same(data, address):
    url = f"http://{data.draw(spelled(address))}/"

    said = said_of(url)

    assert PRIVATE in said if any(address in block for block in SPECIAL_IPV4) else said == f"http://{address}/"
    assert accept(url, INTRANET) == f"http://{address}/"


@given(st.data(), special_ipv4 | public_ipv4, st.integers(0, 2**80 - 1))
def test_given_ipv6_that_carries_ipv4_when_spelled_in_any_way_then_ipv4_decides(data, address, rest):
    mapped, nat64 = (0xFFFF << 32) | int(address), (0x0064FF9B << 96) | int(address)
    carrying = IPv6Address(data.draw(st.sampled_from([mapped, nat64, (0x2002 << 112) | (int(address) << 80) | rest])))

    said = said_of(f"http://{data.draw(spelled6(carrying))}/")

    if any(address in block for block in SPECIAL_IPV4):
        assert PRIVATE in said
    else:
        assert IPv6Address(said.removeprefix("http://[").removesuffix("]/")) == carrying


@given(st.data(), st.integers(0, 2**128 - 1) | st.integers(0x2003 << 112, (0x3FFF << 112) - 1))
def test_given_any_ipv6_address_when_spelled_in_any_way_then_its_block_decides(data, number):
    address = IPv6Address(number)
    assume(not any(address in IPv6Network(block) for block in ("::ffff:0:0/96", "64:ff9b::/96", "2000::/15")))
    assume(not 0x2002 << 112 <= number < 0x2003 << 112)

    said = said_of(f"https://{data.draw(spelled6(address))}/")

    is_global = address in IPv6Network("2000::/3") and number < 0x3FFF << 112
    assert said == f"https://[{address.compressed}]/" if is_global else PRIVATE in said


@pytest.mark.parametrize(("own", "host"), [(own, host) for own, hosts in OWN_SPELLINGS.items() for host in hosts])
@pytest.mark.parametrize("dot", ["", "."])
def test_given_the_shorteners_own_host_when_spelled_in_any_way_then_it_is_a_loop(own, host, dot):
    hosts = frozenset({"other.example", own + dot})

    messages = [refusal(f"https://{host}/b3xK9mP", Rules(allow, hosts)) for allow in (False, True)]

    assert all(OWN in message for message in messages)
    stored = accept(f"https://{host}/b3xK9mP", Rules(allow_private=True, own_hosts=frozenset({"other.example"})))
    assert stored.startswith(f"https://{own}")


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com/", "https://ago.example.com/", "https://x.go.example.com/"),
        "https://example.com?go.example",
        *("https://go.example.com.evil.example/", "https://example.com/https://go.example.com/"),
    ],
)
def test_given_a_host_that_resembles_the_own_one_when_asked_for_then_it_is_accepted(url):
    destination = accept(url, Rules(own_hosts=frozenset({"go.example.com"})))

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
    message = refusal(url + "a")

    assert LONG in message
    assert len(accept(url, PUBLIC).encode()) == MAX_BYTES == 2048


@given(schemes.flatmap(randomly_cased), names.flatmap(randomly_cased), ports, st.sampled_from(["", "."]), tails)
def test_given_any_public_name_when_accepted_then_only_case_and_port_change(scheme, name, port, dot, tail):
    default = {"http": 80, "https": 443}[scheme.lower()]
    kept = "" if port in (None, default) else f":{port}"

    destination = accept(f"{scheme}://{name}{dot}{'' if port is None else f':{port}'}{tail}", PUBLIC)

    assert destination == f"{scheme.lower()}://{name.lower()}{dot}{kept}{tail}"


@given(st.text("aozäöüéñøłžйжяαδω日本語中文한글", min_size=1, max_size=14), st.sampled_from(["NFC", "NFD"]), tails)
def test_given_any_international_name_when_accepted_then_its_host_is_punycode(label, form, tail):
    ascii_label = label if label.isascii() else "xn--" + label.encode("punycode").decode()
    host = unicodedata.normalize(form, label).upper()

    destination = accept(f"https://{host}.Example{tail}", PUBLIC)

    assert destination == f"https://{ascii_label}.example{tail}"


@settings(max_examples=600)
@given(urlish)
def test_given_any_text_when_judged_then_it_is_stored_or_one_rule_is_named(url):
    said, said_on_an_intranet = said_of(url), said_of(url, INTRANET)

    if said.startswith(("http://", "https://")):
        assert accept(said, PUBLIC) == said == said_on_an_intranet
        assert re.match(r"https?://([a-z0-9!\"$&'()*+,;=_`{}~.-]+|\[[0-9a-f:]+\])(:[0-9]+)?([/?#]|\Z)", said)
        assert ada_url.URL(said).href == ada_url.URL(url).href
        assert len(said.encode()) <= 2048
        assert said.endswith(re.sub(r"\A[^:]+://[^/?#]*", "", url))
    else:
        assert len([rule for rule in RULES if rule in said]) == 1
        assert said_on_an_intranet.startswith("http") if PRIVATE in said else said_on_an_intranet == said


@given(st.sampled_from([".localhost", ".local", ".internal", ".home.arpa", ""]), labels, st.sampled_from(["", "."]))
def test_given_any_private_name_when_asked_for_then_it_is_refused(suffix, label, dot):
    assume(not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", label))

    message = refusal(f"http://{label}{suffix}{dot}/")

    assert PRIVATE in message


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
@pytest.mark.timeout(1)
def test_given_megabytes_of_anything_when_refused_then_that_takes_no_time(url):
    message = refusal(url)

    assert LONG in message


@pytest.mark.parametrize(
    "host",
    [
        *("\u00e9\u0327", "%C3%A9%CC%A7", "\u00e9\u2060\u0327", "\u00f6\u0323", "\uac00\u11a8", "\u1e9b\u0323"),
        *("\u212b\u0323", "\u01d6\u0323"),
    ],
    ids=ascii,
)
def test_given_a_host_that_ada_normalises_wrongly_when_accepted_then_it_is_refused(host):
    message = refusal(f"http://www.{host}.com/")

    assert AMBIGUOUS in message
