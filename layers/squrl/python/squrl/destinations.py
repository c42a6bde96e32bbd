"""Destinations: which URLs may be shortened, and why not.

A browser is what will follow them, so a browser's reading is what counts: the WHATWG URL Standard
(https://url.spec.whatwg.org/), as ada implements it. Its verdict and its host are taken; everything behind the host
stays as the caller wrote it.
"""

import re
import unicodedata
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple

import ada_url

from squrl.errors import InvalidUrl

MAX_BYTES = 2048  # DynamoDB's limit for an index's partition key
MAX_CHARACTERS = 4096  # what is longer is refused before anything expensive looks at it
_LONGEST_HOST = 1024  # of them; names in Unicode are the expensive part, and DNS's 253 bytes, even percent-encoded, fit

_FORM = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(//(?P<authority>[^/?#]*))?(?P<behind>.*)")
# What browsers take off a pasted URL: "C0 control or space" (https://url.spec.whatwg.org/#concept-basic-url-parser).
_AROUND = "".join(map(chr, range(0x21)))
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\\]")  # white space, control characters, backslash

# What is no public destination, from IANA's registries of special-purpose addresses and of address space
# (https://www.iana.org/assignments/iana-ipv4-special-registry/ and .../iana-ipv6-special-registry/).
_PRIVATE_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # IETF protocols
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays, withdrawn
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")  # the one block from which public addresses are assigned
_PRIVATE_IPV6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocols, Teredo among them
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
        ),
    )
)
# IPv6 that carries an IPv4 address: mapped, NAT64 and 6to4. No destination needs that spelling, and lists of denied
# addresses would not know it.
_CARRIERS = tuple(map(IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")))

_NO_NAME = "The URL must have a host with labels of 1 to 63 bytes and at most 253 bytes"
_PRIVATE_SUFFIXES = (".local", ".localhost", ".internal", ".home.arpa")


class Rules(NamedTuple):
    """Which destinations a stack takes.

    Attributes
    ----------
    allow_private : bool
        Whether private addresses and names may be destinations, as on an intranet.
    own_hosts : frozenset of str
        The shortener's own hosts, in lower case and without port: a link to them would be a loop.
    """

    allow_private: bool = False
    own_hosts: frozenset[str] = frozenset()


def accept(url: str, rules: Rules) -> str:
    """Return a destination as it is stored: scheme and host in lower case, the host in ASCII, no default port.

    White space around the whole is taken off, as browsers do with what was pasted.

    Raises
    ------
    InvalidUrl
        If the URL breaks a rule; the message says which.
    """
    if len(url) > MAX_CHARACTERS:
        raise InvalidUrl(f"The URL must have at most {MAX_BYTES} bytes")
    url = url.strip(_AROUND)
    scheme, behind_host = _split(url)
    try:
        read = ada_url.URL(url)
        stored = f"{scheme}://{read.host}{behind_host}"
        is_certain = ada_url.URL(stored).href == read.href and _is_normal(read.hostname)
    except ValueError:
        raise InvalidUrl("The URL must have a host and a port that a browser can read") from None
    if not is_certain:
        raise InvalidUrl("The URL must have a host that can be read in one way only")
    if len(stored.encode()) > MAX_BYTES:
        raise InvalidUrl(f"The URL must have at most {MAX_BYTES} bytes")
    host = read.hostname.removesuffix(".")
    if host in {own.removesuffix(".") for own in rules.own_hosts}:
        raise InvalidUrl("The URL must not lead to this shortener itself")
    if read.host_type == ada_url.HostType.DEFAULT:
        _check_name(host)
    if read.host_type == ada_url.HostType.IPV6 and any(IPv6Address(host.strip("[]")) in each for each in _CARRIERS):
        raise InvalidUrl("The URL must not have an IPv6 address that carries an IPv4 address")
    if not rules.allow_private and _is_private(host, read.host_type):
        raise InvalidUrl("The URL must lead to a public host, not to a private or reserved address or name")
    return stored


def _split(url: str) -> tuple[str, str]:
    """Return the scheme in lower case and what is behind the host, of a URL that can be split in one way only.

    Browsers forgive white space, backslashes and missing or surplus slashes, each in its own way: they are refused.
    """
    try:
        url.encode()
    except UnicodeEncodeError:
        raise InvalidUrl("The URL must be Unicode text, without lone surrogates") from None
    if _FORBIDDEN.search(url):
        raise InvalidUrl("The URL must not contain white space, control characters or backslashes")
    form = _FORM.fullmatch(url)
    if form is None or (scheme := form["scheme"].lower()) not in ("http", "https"):
        raise InvalidUrl("The URL must start with http:// or https://, as in https://example.com/path")
    if not form["authority"]:
        raise InvalidUrl("The URL must have a host behind http:// or https://")
    if len(form["authority"]) > _LONGEST_HOST:
        raise InvalidUrl(_NO_NAME)
    if "@" in form["authority"]:
        raise InvalidUrl("The URL must not contain user information")
    return scheme, form["behind"]


def _is_normal(host: str) -> bool:
    """Tell whether what a host's punycode stands for is normalised (NFC), as UTS 46 has it.

    ada 4.0.0 forgets that where a precomposed character is followed by a mark that would combine with it
    (``\u00e9\u0327``), and so ends up at another host than a browser.
    """
    for label in host.split("."):
        if label.startswith("xn--"):
            try:
                name = label.removeprefix("xn--").encode().decode("punycode")
            except UnicodeError:
                continue  # stands for nothing, so there is nothing to mistake it for
            if not unicodedata.is_normalized("NFC", name):
                return False
    return True


def _check_name(host: str) -> None:
    """Refuse what DNS can't hold (RFC 1035, section 2.3.4; RFC 1123, section 2.1)."""
    labels = host.split(".")
    if len(host) > 253 or any(not 1 <= len(label) <= 63 for label in labels):  # noqa: PLR2004 (the RFCs' numbers)
        raise InvalidUrl(_NO_NAME)
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        raise InvalidUrl("The URL must not have a host with a label that begins or ends with a hyphen")


def _is_private(host: str, host_type: ada_url.HostType) -> bool:
    match host_type:
        case ada_url.HostType.IPV4:
            return _is_private_ipv4(IPv4Address(host))
        case ada_url.HostType.IPV6:
            return _is_private_ipv6(IPv6Address(host.strip("[]")))
        case _:
            return "." not in host or f".{host}".endswith(_PRIVATE_SUFFIXES)


def _is_private_ipv4(address: IPv4Address) -> bool:
    return any(address in network for network in _PRIVATE_IPV4)


def _is_private_ipv6(address: IPv6Address) -> bool:
    return address not in _GLOBAL_IPV6 or any(address in network for network in _PRIVATE_IPV6)
