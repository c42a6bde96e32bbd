"""Which squrl the commands are about, kept between them."""

import re
import sys

import click

from . import profiles
from .api import HttpApi
from .errors import Refused, Unreachable, UsageError
from .output import say

_name = click.option(
    "--profile", default=profiles.DEFAULT, metavar="NAME", help="To keep several; `default` if absent."
)


@click.command()
@click.argument("url")
@_name
def login(url: str, profile: str) -> None:
    """Keep squrl's address, and a key.

    The key is asked for. It can come from standard input as well. Without one, where anybody may create, links are
    created for nobody.
    """
    if not re.fullmatch("[A-Za-z0-9_.-]{1,50}", profile):
        raise UsageError("A profile's name has letters, digits, dots, underscores and hyphens")
    if sys.stdin.isatty():
        key = click.prompt("Key (none: just press Enter)", default="", show_default=False, hide_input=True, err=True)
    else:
        key = sys.stdin.readline()
    key = key.strip() or None
    api = HttpApi(url, key)
    if key:
        if "links" not in api.call("GET", "/links", query={"limit": "1"}):
            raise Unreachable(f"{api.url} doesn't answer as squrl does")
    elif (api.call("GET", "/health") or {}).get("status") != "pass":
        raise Refused(f"{api.url} isn't well")
    file = profiles.keep(profile, profiles.Profile(api.url, key))
    say(f"Kept in {file}, which only you can read.")


@click.command()
@_name
def logout(profile: str) -> None:
    """Forget an address and its key. The key stays valid: `squrl key revoke` ends it."""
    if not profiles.forget(profile):
        raise UsageError(f"There is no profile {profile}")
    say(f"Forgotten: {profile}.")


COMMANDS = (login, logout)
