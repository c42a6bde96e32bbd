"""`.local/fuzz/bin/python -m tests.fuzz`: coverage-guided fuzzing of what the functions are given, with atheris.

What makes an invariant fail, or takes longer than five seconds, is kept in ``.local/fuzz-findings/``. PYTHONPATH may
name another copy of the package than this one.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import re
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

try:
    import atheris  # type: ignore[import-untyped]
except ModuleNotFoundError:
    sys.exit(
        "There is no atheris here: it has wheels for Linux on x86_64 alone. `make .local/fuzz/installed` puts it there."
    )

ROOT = Path(__file__).parents[2]
LIMITS = ("-max_len=4096", "-timeout=5", "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1")

# The package, and behind what the fuzzer has of its own, what all other tests run with: SAM CLI reads the template.
sys.path += [
    str(ROOT / "layers" / "squrl" / "python"),
    sysconfig.get_path("purelib", vars={"base": str(ROOT / ".venv")}),
]
with atheris.instrument_imports(include=["squrl"]):
    from squrl import codes
    from squrl.links import Kind
    from tests.support import bad_input, events, invariants

# What comes off behind a code: white space, and punctuation that no code can have.
_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
BEHIND_CODE = _SPACES + "/.,;:!?)]}>'\"\u00ab\u00bb\u2039\u203a" + "".join(map(chr, range(0x2018, 0x2020)))
_WORD = re.compile(r"(\w+)")

functions = invariants.CheckedFunctions()
CREATE, REDIRECT = events.load("create_url/http.json"), events.load("redirect/http.json")
PREVIEW, QR = events.load("redirect/http_preview.json"), events.load("pages/http_qr.json")
FORWARDING, WITHHELD = (events.load(f"redirect/http_{name}.json") for name in ("forward_query", "withheld"))
MANAGE = {
    name: events.load(f"manage_links/http_{name}.json")
    for name in ("list", "see", "stats", "change", "delete", "bulk_create", "bulk_change", "import")
}


def event(octets: bytes) -> None:
    """Give the functions any JSON as their event, and any text as what an event has of its sender."""
    text = _text(octets)
    functions.count(text)
    headers = {"host": text, "x-forwarded-proto": text}
    for given in (
        CREATE | {"body": text},
        CREATE | {"body": text, "isBase64Encoded": True},
        CREATE | {"headers": headers},
    ):
        functions.invoke("create_url", given)
    visit = (
        FORWARDING | {"rawQueryString": text},
        WITHHELD | {"headers": {"user-agent": text}},
        WITHHELD | {"headers": {"sec-purpose": text}},
    )[sum(octets) % 3]
    functions.invoke("redirect", visit)
    functions.invoke("redirect", PREVIEW | {"headers": {"accept": text}})
    functions.invoke(
        "pages", QR | {"queryStringParameters": {("format", "size", "margin", "level")[sum(octets) % 4]: text}}
    )
    functions.invoke("create_url", CREATE | {"body": base64.b64encode(octets).decode(), "isBase64Encoded": True})
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return  # Lambda's own runtime refuses it
    for name in ("create_url", "redirect", "manage_links", "pages"):
        functions.invoke(name, value)


def manage(octets: bytes) -> None:
    """Have links managed by any text: as the body of the request that it fits, and as other parts of others."""
    text, number = _text(octets), sum(octets)
    marks = {"short_codes": "bulk_change", "short_code": "import", "links": "bulk_create"}
    body = next((name for mark, name in marks.items() if mark in text), "change")
    query = ("q", "cursor", "url", "limit", "owner", "status", "tag")[number % 7]
    name, changes = (
        ("list", {"queryStringParameters": {query: text}}),
        ("delete", {"pathParameters": {"short_code": text}}),
        ("delete", {"headers": MANAGE["delete"]["headers"] | {"if-match": text}}),
        ("see", {"headers": {"authorization": f"Bearer {text}"}}),
        ("stats", {"queryStringParameters": {("from", "to")[number % 2]: text}}),
    )[number % 5]
    for given in (MANAGE[body] | {"body": text}, MANAGE[name] | changes, {"method": "GET", "path": text}):
        functions.invoke("manage_links", given)


def destination(octets: bytes) -> None:
    """Ask for any text as a destination."""
    invariants.check_destination(_text(octets))


def code(octets: bytes) -> None:
    """Ask for any text as a custom code, follow it, and derive the codes of a destination that has it."""
    text = _text(octets)
    status, _ = functions.invoke("create_url", {"original_url": "https://example.com/", "custom_code": text})
    may_be = bool(invariants.CODE.fullmatch(text)) and not codes.is_reserved(text)
    taken = {link.short_code for link in events.LINKS}
    assert status == (409 if text in taken else 200 if may_be else 400)
    copied = text.rstrip(BEHIND_CODE).removesuffix("+")
    for asked, followed in (
        (text, {"short_code": text}),
        (copied, REDIRECT | {"pathParameters": {"short_code": text}}),
    ):
        assert (functions.invoke("redirect", followed)[0] == 404) == (asked not in taken)
    kind = Kind(f"https://example.com/{text.encode(errors='replace').decode()}", "301", None)
    assert all(invariants.CODE.fullmatch(derived) for derived in codes.candidates(kind, b"secret"))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "event": event,
    "destination": destination,
    "code": code,
    "manage": manage,
}


def seeds(target: str) -> list[bytes]:
    """Return what a target's inputs are grown from."""
    samples = [events.load(name) for name in events.ANSWERS]
    bodies = [sample["body"] for sample in samples if "body" in sample and isinstance(sample["body"], str)]
    messages = [record["body"] for name in events.BATCHES for record in events.load(name)["Records"]]
    urls = [case["input"] for case in bad_input.whatwg_cases()]
    stats = [f"/links/{link.short_code}/stats" for link in events.LINKS]
    texts = {
        "event": [*map(json.dumps, samples), *bodies, *messages, FORWARDING["rawQueryString"]],
        "destination": urls,
        "code": [*(link.short_code for link in events.LINKS), *sorted(codes.RESERVED), *urls[:100]],
        "manage": [*bodies, *(link.short_code for link in events.LINKS), *stats, "2026-11-24"],
    }
    return [text.encode(errors="surrogatepass") for text in texts[target]]


def mutate(octets: bytes, max_size: int, seed: int, *, words: list[str]) -> bytes:
    """Change JSON in one place, so that it stays JSON; exchange a word of other text; or change any octets."""
    numbers = random.Random(seed)  # noqa: S311 (no secret)
    text = _text(octets)
    if numbers.random() < 0.4:
        mutated: bytes = atheris.Mutate(octets, max_size)
        return mutated
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict | list):
        text = json.dumps(_changed(value, numbers))
    else:
        parts = _WORD.split(text)
        number = numbers.getrandbits(numbers.choice([3, 8, 16, 32]))
        spelled = (str(number), hex(number), f"0{number:o}", f"{number:x}")
        parts[numbers.randrange(len(parts))] = numbers.choice(
            numbers.choice([spelled, words, invariants.PRIVATE_NAMES])
        )
        text = "".join(parts)
    return text.encode(errors="surrogateescape")[:max_size]


def _changed(value: Any, numbers: random.Random) -> Any:
    """Return a JSON value with one thing changed somewhere in it."""
    keys: list[Any] = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    if keys and numbers.random() < 0.8:
        key = numbers.choice(keys)
        changed = value.copy()
        if isinstance(value, dict) and numbers.random() < 0.2:
            changed[_text(atheris.Mutate(key.encode(errors="replace"), 40))] = changed.pop(key)
        else:
            changed[key] = _changed(value[key], numbers)
        return changed
    if isinstance(value, str) and numbers.random() < 0.7:
        return _text(atheris.Mutate(value.encode(errors="replace"), len(value) + 20))
    return numbers.choice(
        [None, True, "", "\ud800", 0, -1, 24, 10**30, 1.5, [], [value], {}, {"http": value}, str(value)]
    )


def _text(octets: bytes) -> str:
    return octets.decode(errors="surrogateescape")  # what is no UTF-8 becomes lone surrogates, which JSON can hold


def keeping(target: Callable[[bytes], None], prefix: str) -> Callable[[bytes], None]:
    """Wrap a target so that what it fails on is in a file, named as libFuzzer does, which on a busy machine may not."""

    def wrapper(octets: bytes) -> None:
        try:
            target(octets)
        except BaseException:
            Path(f"{prefix}crash-{hashlib.sha1(octets, usedforsecurity=False).hexdigest()}").write_bytes(octets)
            raise

    return wrapper


def fuzz(target: str, runs: int, seed: int, findings: Path) -> int:
    """Run one target in a process of its own, which libFuzzer ends; return its exit status."""
    with tempfile.TemporaryDirectory(prefix="squrl-fuzz-") as corpus:
        known = seeds(target)
        for number, octets in enumerate(known):
            (Path(corpus) / str(number)).write_bytes(octets)
        words = sorted({part for text in map(_text, known) for part in _WORD.split(text)})
        pid = os.fork()
        if not pid:
            prefix = f"{findings}/{target}-"
            options = [*LIMITS, f"-runs={runs}", f"-seed={seed}", f"-artifact_prefix={prefix}", corpus]
            wrapped = keeping(TARGETS[target], prefix)
            atheris.Setup([sys.argv[0], *options], wrapped, custom_mutator=partial(mutate, words=words))
            atheris.Fuzz()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Fuzz, or run one finding again."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs in total (a million)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one target with a finding, without atheris")
    parser.add_argument("--findings", type=Path, default=ROOT / ".local" / "fuzz-findings", metavar="FOLDER")
    options = parser.parse_args()
    targets = options.targets or list(TARGETS)
    if options.replay:
        TARGETS[targets[0]](options.replay.read_bytes())
        return
    options.findings.mkdir(parents=True, exist_ok=True)
    runs = -(-options.runs // len(targets))  # rounded up
    failed = [target for target in targets if fuzz(target, runs, options.seed, options.findings)]
    sys.exit(f"{', '.join(failed)}: see above and {options.findings}" if failed else 0)


if __name__ == "__main__":
    main()
