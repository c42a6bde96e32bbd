"""The worst input that `POST /create` refuses: what an attacker would send, to have much done for nothing."""

import base64
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.measure import Subject, process

REQUESTS = 20
MAX_BODY = 32 * 1024  # bytes, as the API's description has it
MAX_STRING = 4096  # characters
MAX_HOST = 1024  # characters that are looked at


def costliest(create: Subject, good: dict[str, Any]) -> tuple[str, float]:
    """Return the input that takes most processor time to refuse, and how much, in seconds a request."""
    found = {}
    with process(create.function) as running:
        for _ in range(REQUESTS):
            create.ask(running)
        for name, event in worst_refused(good).items():
            refused = Subject(create.function, partial(dict, event), 400, first_status=413)
            before = running.usage().cpu
            for _ in range(REQUESTS):
                refused.ask(running)
            found[name] = (running.usage().cpu - before) / REQUESTS
    return max(found.items(), key=lambda item: item[1])


def worst_refused(good: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return events that are refused, by what is bad about each.

    Parameters
    ----------
    good : dict
        An event of the HTTP API's (payload format 2.0) that creates a link. The others have its form.
    """
    events = {name: good | {"body": body, "isBase64Encoded": False} for name, body in _bodies()}
    events |= {
        f"URL: {name}": good
        | {"body": json.dumps({"original_url": url}, ensure_ascii="\ud800" in url), "isBase64Encoded": False}
        for name, url in _urls()
    }
    for name, octets in (("bytes that aren't UTF-8", b"\xff"), ("zero bytes", b"\0"), ("nested brackets", b"[")):
        encoded = base64.b64encode(octets * MAX_BODY).decode()
        events[f"base64: {name}"] = good | {"body": encoded, "isBase64Encoded": True}
    events["base64: what isn't"] = good | {"body": "=A==" * (MAX_BODY // 3), "isBase64Encoded": True}
    return events


def _bodies() -> Iterator[tuple[str, str]]:
    whole = MAX_BODY - 100
    yield "a byte too much", "[" * (MAX_BODY + 1)
    yield "megabytes", " " * 6_000_000
    yield "nested brackets", "[" * whole
    yield "nested objects", '{"a":' * (whole // 5)
    yield "nested and closed", "[" * 900 + "]" * 900
    yield "an array of arrays", "[" + "[]," * (whole // 3) + "[]]"
    yield "white space", " " * whole
    yield "a number", "9" * whole
    yield "a number in a field", '{"original_url": "https://example.com/", "ttl_hours": ' + "9" * (whole - 60) + "}"
    yield "numbers", "[" + "9," * (whole // 2) + "9]"
    yield "long numbers", "[" + ("9" * 4000 + ",") * 8 + "9]"
    yield "floats", "[" + "1.7976931348623157e308," * (whole // 23) + "1]"
    yield "a string", '"' + "a" * whole + '"'
    yield "escapes", '"' + "\\ud800" * (whole // 6) + '"'
    fields = ",".join(f'"{number:x}":0' for number in range(whole // 8))
    yield "unknown fields", f"{{{fields[:whole].rpartition(',')[0]}}}"
    names = ",".join(f'"{number:x}{"a" * 4000}":0' for number in range(8))
    yield "long names", f"{{{names}}}"
    surrogates = ",".join(f'"{number:x}{chr(92)}ud800":0' for number in range(whole // 14))
    yield "names that are no text", f"{{{surrogates}}}"
    yield "one field again and again", "{" + '"original_url":1,' * (whole // 18) + '"original_url":1}'
    yield (
        "every field bad",
        json.dumps(
            {
                "original_url": [0] * 4000,
                "custom_code": "~" * 8000,
                "ttl_hours": {"a": [0] * 2000},
                "redirect_type": "301" * 2000,
            }
        ),
    )
    yield "a custom code", json.dumps({"original_url": "https://example.com/", "custom_code": "a" * (whole - 80)})
    yield "a destination", json.dumps({"original_url": "https://example.com/" + "a" * (whole - 80)})


def _urls() -> Iterator[tuple[str, str]]:
    def host(text: str, path: str = "/") -> str:
        return "https://" + (text * MAX_STRING)[: MAX_STRING - 8 - len(path)] + path

    def path(text: str) -> str:
        return "https://example.com/" + (text * MAX_STRING)[: MAX_STRING - 20]

    yield "letters for a host", host("a")
    yield "labels", host("a.")
    yield "dots", host(".")
    yield "digits", host("9")
    yield "numbers", host("1.")
    yield "hexadecimal digits", "https://0x" + "f" * (MAX_STRING - 10)
    yield "percent signs", host("%")
    yield "percent encoding", host("%41")
    yield "encoded percent signs", host("%25")
    yield "colons", "https://[" + ":" * (MAX_STRING - 10) + "]"
    yield "a port", "https://example.com:" + "9" * (MAX_STRING - 20)
    yield "a port of zeros", "https://example.com:" + "0" * (MAX_STRING - 24) + "443x"
    ascending = "".join(map(chr, range(0x0300, 0x0370)))
    names = {
        "letters": "\u00fc",
        "labels": "\u00fc.",
        "what grows": "\ufdfa",
        "marks": "a" + "\u0301\u0316" * MAX_STRING,
        "ascending marks": "a" + ascending * 40,
        "emoji": "\U0001f600",
        "Hangul": "\u1112\u1161\u11ab",
        "what is ignored": "\u00ad",
        "punycode": "xn--" + "a" * MAX_STRING,
        "punycode of marks": "xn--" + "e-xbb" * MAX_STRING,
        "punycode labels": "xn--bcher-kva.",
        "punycode at its longest": f"xn--{'a' * 59}.",
        "wrong punycode": "xn--\u00fc.",
    }
    for name, text in names.items():
        yield f"an IDN of {name}", host(text)
        yield f"a shorter IDN of {name}", f"https://{(text * MAX_HOST)[:MAX_HOST]}/"
    yield "user information", host("a:b@")
    yield "slashes", path("/")
    yield "dot segments", path("a/../")
    yield "percent signs in a path", path("%")
    yield "a path in Unicode", path("\u00fc")
    yield "a path of emoji", path("\U0001f600")
    yield "a path of quotes", path('"')
    yield "backslashes", path("\\")
    yield "white space inside", path(" ")[:-1] + "x"
    yield "white space around", " " * (MAX_STRING - 10) + "example.com"
    yield "a scheme", "a" * MAX_STRING
    yield "schemes", "https:" * 680
    yield "a lone surrogate", path("a")[:-1] + "\ud800"
    yield "a fragment", "https://example.com/#" + '"' * (MAX_STRING - 22)
    yield "a private name", host("a.", ".local/")
