"""Which domains links may lead to: the operator's lists, and what they mean."""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple, Self

_AUTHORITY = re.compile(r"[A-Za-z]+://([^/?#\\]*)")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")


class DomainLists(NamedTuple):
    """The operator's lists. A name on them stands for its subdomains, too.

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
            If there are other lists than these, or an entry isn't a host name.
        """
        if unknown := lists.keys() - set(cls._fields):
            raise ValueError(f"there is no list {', '.join(sorted(unknown))}")
        return cls(**{name: frozenset(map(_read_name, names)) for name, names in lists.items()})

    def permits(self, destination: str) -> bool:
        """Tell whether links may lead to a destination, as it is stored."""
        if not (self.denied or self.allowed):
            return True
        host = _host(destination)
        labels = host.split(".")
        names = {".".join(labels[start:]) for start in range(len(labels))}
        return names.isdisjoint(self.denied) and (not self.allowed or not names.isdisjoint(self.allowed))


def _read_name(text: str) -> str:
    name = _canonical(text)
    if not _NAME.fullmatch(name):
        raise ValueError("not a host name")
    return name


def _host(destination: str) -> str:
    """Return a stored destination's host. An operator may have written it in any form."""
    authority = _AUTHORITY.match(destination)
    host_and_port = authority[1].rpartition("@")[2] if authority else ""
    return _canonical(re.sub(r":[0-9]*$", "", host_and_port))


def _canonical(name: str) -> str:
    """Return a host name in lower case, without a dot at its end, an international one as punycode."""
    name = name.lower().rstrip(".")
    if name.isascii():
        return name
    labels = unicodedata.normalize("NFKC", name).split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)
