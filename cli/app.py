"""`squrl`: the command, and what it does without one."""

import sys
from typing import Any

import click

from . import links, login, operators, smoke, transfer
from .errors import Stopped, UsageError


class _Commands(click.Group):
    """Takes a URL in the place of a command for something to shorten."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        is_command = first in self.commands or first in {"", "--help", "-h", "--version"}
        named = next((arg for arg in args if arg in self.commands), None)
        if first.startswith("-") and first != "-" and not is_command and named:
            raise UsageError(f"Options stand behind the command: squrl {named} {first} ...")
        # A word alone is a command that isn't there; options can only be create's.
        if not is_command and (first.startswith("-") or "." in first or ":" in first):
            args = ["create", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (Click's)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Stopped("Stopped") from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`squrl URL` is short for `squrl create URL`. Exit status: 0 done, 1 refused, 2 wrong usage, 3 no answer.",
)
@click.version_option(package_name="squrl")
def squrl() -> None:
    """Shorten URLs, and manage, measure, import and export short links."""


for command in (*links.COMMANDS, *transfer.COMMANDS, *operators.COMMANDS, *smoke.COMMANDS, *login.COMMANDS):
    squrl.add_command(command)


@squrl.command(short_help="Print what makes a shell complete commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands and options.

    In ~/.bashrc or ~/.zshrc: eval "$(squrl completion bash)", or zsh. For fish:
    squrl completion fish > ~/.config/fish/completions/squrl.fish
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - for this command alone

    found = get_completion_class(shell)
    if found:
        click.echo(found(squrl, {}, "squrl", "_SQURL_COMPLETE").source())


def main(arguments: list[str] | None = None) -> Any:  # noqa: ANN401 (it never returns)
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):  # a title may have what the terminal's encoding hasn't
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    squrl(arguments, prog_name="squrl")
