"""Which squrl a command means, and with which key: the environment's, or one of those that `squrl login` keeps."""

import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

import click

from .errors import UsageError

DEFAULT = "default"


class Profile(NamedTuple):
    """Where squrl is, and the key for it; ``None`` for no key."""

    url: str
    key: str | None


def find(name: str | None) -> Profile:
    """Return the profile that a command is about.

    A named one; else what ``SQURL_URL`` and ``SQURL_KEY`` say; else the default one. The key of a profile never goes
    to another URL, and that of the environment is not given to a named profile.

    Raises
    ------
    UsageError
        If there is none.
    """
    url, key = os.environ.get("SQURL_URL"), os.environ.get("SQURL_KEY", "").strip() or None
    if name is None and url:
        return Profile(url, key)
    profile = _read().get(name or DEFAULT)
    if profile is None:
        raise UsageError(
            f"There is no profile {name}: `squrl login URL --profile {name}` makes it"
            if name
            else "Which squrl? `squrl login https://go.example.com` keeps its address and a key; or set SQURL_URL and "
            "SQURL_KEY; or use --stack or --local"
        )
    return profile._replace(key=key) if key and name is None else profile


def keep(name: str, profile: Profile) -> Path:
    """Keep a profile, and return the file, which only its owner can read."""
    return _write(_read() | {name: profile})


def forget(name: str) -> bool:
    """Forget a profile, and tell whether there was one."""
    profiles = _read()
    found = profiles.pop(name, None)
    if found:
        _write(profiles)
    return found is not None


def _file() -> Path:
    return Path(click.get_app_dir("squrl")) / "profiles.toml"


def _read() -> dict[str, Profile]:
    file = _file()
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        return {name: Profile(table["url"], table.get("key")) for name, table in tables.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} can't be read ({error}): mend it, or delete it and log in again") from error


def _write(profiles: dict[str, Profile]) -> Path:
    file = _file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = []
    for name, profile in profiles.items():
        lines += [f"[{_quote(name)}]", f"url = {_quote(profile.url)}"]
        lines += [f"key = {_quote(profile.key)}"] if profile.key else []
    # A new file takes the old one's place, so that none is ever half written.
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as new:  # its mode is 0600
        try:
            new.write("\n".join(lines) + "\n")
            new.flush()
            Path(new.name).replace(file)
        except BaseException:
            Path(new.name).unlink()
            raise
    return file


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # what TOML escapes, JSON escapes in the same way
