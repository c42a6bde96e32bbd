"""Which domains links may lead to: the operator's lists, and what they mean."""

import re
import socket
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple, Self

_AUTHORITY = re.compile(r"[A-Za-z]+://([^/?#\\]*)")
_ENDS_IN_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")  # browsers read that as an IPv4 address
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")


class DomainLists(NamedTuple):
    """The operator's lists. A name on them stands for its subdomains, too; an IP address for itself.

    Attributes
    ----------
    denied : frozenset of str
        Links may not lead there.
    allowed : frozenset of str
        If there are any, links may lead nowhere else.
    """

    denied: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, **lists: Iterable[str]) -> Self:
        """Return lists of the names that an operator wrote.

        Raises
        ------
        ValueError
            If there are other lists than these, or an entry is neither a host name nor an IP address.
        """
        if unknown := lists.keys() - set(cls._fields):
            raise ValueError(f"there is no list {', '.join(sorted(unknown))}")
        return cls(**{name: frozenset(map(read_entry, names)) for name, names in lists.items()})

    def permits(self, destination: str) -> bool:
        """Tell whether links may lead to a destination, as it is stored."""
        if not (self.denied or self.allowed):
            return True
        host = _host(destination)
        labels = host.split(".")
        names = {".".join(labels[start:]) for start in range(len(labels))}
        return names.isdisjoint(self.denied) and (not self.allowed or not names.isdisjoint(self.allowed))


def read_entry(text: str) -> str:
    """Return an entry of a list in the form in which it is compared: an IP address may come in any spelling.

    Raises
    ------
    ValueError
        If it is neither a host name nor an IP address.
    """
    entry = _canonical(text)
    is_address = entry in (_ipv4(entry, otherwise=""), _ipv6(entry, otherwise=""))
    if entry == "" or (not is_address and (not _NAME.fullmatch(entry) or _ENDS_IN_NUMBER.search(entry))):
        raise ValueError("neither a host name nor an IP address")
    return entry


def _host(destination: str) -> str:
    """Return a stored destination's host. An operator may have written it in any form."""
    authority = _AUTHORITY.match(destination)
    host_and_port = authority[1].rpartition("@")[2] if authority else ""
    return _canonical(re.sub(r":[0-9]*$", "", host_and_port))


def _canonical(name: str) -> str:
    """Return a host name in lower case, without a dot at its end, an international one as punycode.

    An IP address becomes its usual spelling, an IPv6 one without brackets. What has a colon is an IPv6 address.
    """
    name = unicodedata.normalize("NFKC", name).lower().rstrip(".")
    if ":" in name:
        return _ipv6(name.removeprefix("[").removesuffix("]"), otherwise=name)
    if _ENDS_IN_NUMBER.search(name):
        return _ipv4(name, otherwise=name)
    labels = name.split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def _ipv4(text: str, *, otherwise: str) -> str:
    """Return an IPv4 address in its usual spelling. The C library reads the spellings that browsers do."""
    if re.search(r"\s", text):  # behind which the C library reads no further
        return otherwise
    try:
        return socket.inet_ntoa(socket.inet_aton(text))
    except (OSError, ValueError):
        return otherwise


def _ipv6(text: str, *, otherwise: str) -> str:
    """Return an IPv6 address in its usual spelling; something else for text that isn't one."""
    try:
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):  # the latter for what C can't hold
        return otherwise
