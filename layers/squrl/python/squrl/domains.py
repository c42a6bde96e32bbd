"""Which domains links may lead to: the operator's lists, and what they mean."""

import re
import socket
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, Self
from urllib.parse import quote, unquote_to_bytes

MAX_ENTRY = 512  # bytes of an entry

_PARTS = r"[A-Za-z]+://([^/?#\\]*)([^?#]*)"  # the authority, and the path
_NO_PATH = r"[\s?#\\]|[^\x20-\ud7ff\ue000-\U0010ffff]"  # what an entry's path can't have
_IN_PATHS = "!$&'()*+,;=:@"  # what a path may have unencoded, https://www.rfc-editor.org/rfc/rfc3986#section-3.3
_NETWORK = r"[0-9]{1,3}"  # behind an address: it is meant as 203.0.113.0/24
_ENDS_IN_NUMBER = r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$"  # browsers read that as an IPv4 address
_NAME = r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"


class DomainLists(NamedTuple):
    """The operator's lists.

    A name on them stands for its subdomains, too; an IP address for itself. With a path, either stands for what is at
    that path and below: ``files.example/u/123`` for ``/u/123``, ``/u/123/file`` and ``/u/123?x``, not for ``/u/1234``.

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
        """Return lists of the entries that an operator wrote.

        Raises
        ------
        ValueError
            If there are other lists than these, or `read_entry` refuses an entry.
        """
        if unknown := lists.keys() - set(cls._fields):
            raise ValueError(f"there is no list {', '.join(sorted(unknown))}")
        return cls(**{name: frozenset(map(read_entry, names)) for name, names in lists.items()})

    def permits(self, destination: str) -> bool:
        """Tell whether links may lead to a destination, as it is stored.

        Servers read some paths in two ways. A denied path is denied whichever way leads there; an allowed one has to be
        where both lead.
        """
        if not (self.denied or self.allowed):
            return True
        parts = re.match(_PARTS, destination)
        host, path = (_host(parts[1]), parts[2]) if parts else ("", "")
        labels = host.split(".")
        names = {".".join(labels[start:]) for start in range(len(labels))}
        if not names.isdisjoint(self.denied) or any(_are_on(self.denied, names, path)):
            return False
        return not self.allowed or not names.isdisjoint(self.allowed) or all(_are_on(self.allowed, names, path))


def read_entry(text: str) -> str:
    """Return an entry of a list in the form in which it is compared: an IP address may come in any spelling.

    Raises
    ------
    ValueError
        If it is neither a host name nor an IP address, nor either with the start of a path, or is over `MAX_ENTRY`.
    """
    name, _, path = text.partition("/")
    host = _canonical(name)
    is_address = host in (_ipv4(host, otherwise=""), _ipv6(host, otherwise=""))
    is_host = is_address or (re.fullmatch(_NAME, host) and not re.search(_ENDS_IN_NUMBER, host))
    if host == "" or not is_host or re.search(_NO_PATH, path) or (is_address and re.fullmatch(_NETWORK, path)):
        raise ValueError("neither a host name nor an IP address, perhaps with the start of a path")
    entry = f"{host}{_requested(path)}".rstrip("/")
    if len(entry) > MAX_ENTRY:
        raise ValueError(f"a host name or an IP address with a path of more than {MAX_ENTRY} bytes together")
    return entry


def _are_on(entries: frozenset[str], names: Collection[str], path: str) -> list[bool]:
    """Tell of both ways to read a path whether entries with a path have it, or the start of it, for one of the names.

    Where no entry has one of these names and a path, the list is ``[False]``, and the path isn't even read.
    """
    paths = _paths(entries)
    known = [paths[name] for name in names if name in paths]
    if not known:
        return [False]
    requested = _requested(path.replace("\\", "/")[1:])
    starts = [_starts(requested), _starts(_decoded(requested))]
    return [any(not each[way].isdisjoint(starts[way]) for each in known) for way in (0, 1)]


@lru_cache(maxsize=4)  # both lists, and those that replace them
def _paths(entries: frozenset[str]) -> Mapping[str, tuple[set[str], set[str]]]:
    """Return the paths of the entries that have one, read in both ways, by their hosts."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for entry in entries:
        host, slash, path = entry.partition("/")
        if slash:
            requested, decoded = found.setdefault(host, (set(), set()))
            requested.add(f"/{path}")
            decoded.add(_decoded(f"/{path}").rstrip("/"))
    return found


def _requested(path: str) -> str:
    """Return a path, given without its first slash, as browsers request it: without dot segments.

    Each character is encoded where it has to be, and only there, since servers take ``%33`` for ``3``. A slash that is
    encoded stays so: to many servers it is none.
    """
    parts = (unquote_to_bytes(each.encode(errors="surrogatepass")) for each in path.split("/"))
    return _without_dots(quote(part, safe=_IN_PATHS) for part in parts)


def _decoded(requested: str) -> str:
    """Return a path as servers read it that decode it first, and take several slashes for one."""
    slashes = re.sub("%2F|%5C", "/", requested)
    return _without_dots(filter(None, slashes.split("/")))


def _without_dots(segments: Iterable[str]) -> str:
    """Join a path's segments as https://url.spec.whatwg.org/#path-state does."""
    kept: list[str] = []
    last = ""
    for last in segments:
        if last == "..":
            del kept[-1:]
        elif last != ".":
            kept.append(last)
    return "/" + "/".join([*kept, *([""] if last in {".", ".."} else [])])


def _starts(path: str) -> set[str]:
    """Return the starts of a path that end where a segment does, as long as an entry can be."""
    return {path[:end] for end in range(1, min(len(path), MAX_ENTRY) + 1) if path[end : end + 1] in {"/", ""}}


def _host(authority: str) -> str:
    """Return the host of an authority. An operator may have written it in any form."""
    return _canonical(re.sub(r":[0-9]*$", "", authority.rpartition("@")[2]))


def _canonical(name: str) -> str:
    """Return a host name in lower case, without a dot at its end, an international one as punycode.

    An IP address becomes its usual spelling, an IPv6 one without brackets. What has a colon is an IPv6 address.
    """
    name = unicodedata.normalize("NFKC", name).lower().rstrip(".")
    if ":" in name:
        return _ipv6(name.removeprefix("[").removesuffix("]"), otherwise=name)
    if re.search(_ENDS_IN_NUMBER, name):
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
