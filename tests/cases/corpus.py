"""Awkward destinations: the WHATWG's test data, the URLs in the standard library's documentation, and our own."""

import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from squrl.destinations import Rules, accept
from squrl.errors import InvalidUrl
from tests.support import bad_input

# Everything that software is known to change on its way: brackets, an empty query, dot segments, cases of percent
# encoding, what isn't percent encoding at all, quotes, pluses, doubled slashes, ports, names in Unicode, a URL
# in a URL.
OWN = [
    *(
        "http://example.com",
        "http://example.com?",
        "http://example.com#",
        "http://example.com?#",
        "http://example.com?x=1",
    ),
    *(
        f"http://example.com{port}{path}"
        for port in ("", ":80", ":8080")
        for path in ("/", "/a", "/a/", "/?", "/a?", "/a#")
    ),
    *(f"http://example.com/a{mark}b" for mark in "!$%&'()*+,-.:;=@^_`|~[]{}\"<>"),
    *(f"http://example.com/?a={mark}b" for mark in "!$%&'()*+,-./:;=?@^_`|~[]{}\"<>"),
    *(f"http://example.com/#a{mark}b" for mark in "!$%&'()*+,-./:;=?@^_`|~[]{}\"<>#"),
    *(
        f"http://example.com/{path}"
        for path in ("a/../b", "a/./b", "../a", "a/..", "a/.", "...", ".a", "a..", "%2e%2E/a")
    ),
    *(f"http://example.com/{path}" for path in ("/", "//", "/a", "a//b", "a//", "//a//b//?//", ";a", "a;b=1/c;d=2")),
    *(
        f"http://example.com/{path}"
        for path in ("%", "%%", "%z", "%zz", "%2", "%25", "%2525", "%00", "%0a", "%0D%0A", "%20")
    ),
    *(
        f"http://example.com/{path}"
        for path in ("%7e", "%7E", "~", "%41", "%2F", "%2f", "%5c", "%e9", "%C3%A9", "%c3%A9")
    ),
    *(
        f"http://example.com/?q={query}"
        for query in ("%", "%zz", "%20+%2B", "a=b=c", "&&", "?", "a?b", "%E9", "%23", "%26")
    ),
    *(
        f"http://example.com/{text}"
        for text in ("\u00e9", "e\u0301", "\u65e5\u672c", "\U0001f600", "\u200b", "\ufeff", "\u202e")
    ),
    *(
        f"http://example.com/?{text}"
        for text in ("\u00e9", "e\u0301", "\u65e5\u672c", "\U0001f600", "\u200b", "\ufeff")
    ),
    *(
        f"http://{host}/a?b[]=1"
        for host in ("EXAMPLE.com", "example.com.", "b\u00fccher.example", "xn--bcher-kva.example")
    ),
    *(
        f"http://{host}/a?b[]=1"
        for host in ("8.8.8.8", "0x8.8.8.8", "[2606:4700::1111]", "\uff45xample.com", "a_b.example.com")
    ),
    "http://example.com/a?b[]=1&b[]=2&c[d]=%5B%5D",
    "http://example.com/?next=http://example.org/?a=b&c=d#e",
    "http://example.com/http://example.org//a",
    "http://example.com/login?return=https%3A%2F%2Fexample.org%2F%3Fa%3Db%26c%3Dd",
    "http://example.com/wiki/Foo_(bar)?x='y'&z=\"w\"",
    'http://example.com/{id}?q={"a":[1,2]}',
    "http://example.com/$(id)`id`;id|id&&id",
    "http://example.com/?utm_source=a&amp;utm_medium=b",
    "http://example.com/" + "a" * 2000,
    "http://example.com/?" + "%41" * 600,
]
_STANDARD_LIBRARY = 60  # of its URLs, evenly chosen
_URL = re.compile(r"https?://[\w.-]+(?=[/?#])[^\s'\"<>\\]*")


def destinations() -> list[str]:
    """Return all of them that squrl takes, with http for https: they are followed to a server without a certificate."""
    found = dict.fromkeys([*OWN, *_whatwgs(), *_standard_librarys()])
    return [url for url in found if _is_taken(url)]


def _whatwgs() -> Iterator[str]:
    """Yield the WHATWG's URLs of http and https, and what they have of paths, queries and fragments, on a host."""
    for case in bad_input.whatwg_cases():
        text = case["input"].strip()
        if re.match("https?://", text):
            yield re.sub("^https:", "http:", text)
        elif re.match(r"[/?#](?![/\\])", text):
            yield f"http://example.com{text}"


def _standard_librarys() -> list[str]:
    """Return a choice of the URLs in the standard library's documentation strings and comments."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(path for path in folder.rglob("*.py") if "site-packages" not in path.parts)
    found = {url for path in files for url in _URL.findall(path.read_text("utf-8", "ignore"))}
    urls = sorted(url for url in found if re.search(r"[^\w/:.-]", url))
    chosen = urls[:: len(urls) // _STANDARD_LIBRARY + 1]
    return [re.sub("^https:", "http:", url) for url in chosen]


def _is_taken(url: str) -> bool:
    try:
        accept(url, Rules())
    except InvalidUrl:
        return False
    return True
