"""The page of the command line, made from the commands themselves: ``python -m local.cli_page`` writes it anew."""

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from cli.app import squrl

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
_WIDTH = 100
_EXPLAINED = {"--profile", "--stack", "--region", "--local", "--json", "--help"}  # once, at the beginning

_INTRODUCTION = """\
# `squrl`, the command line

Made from the commands themselves by `python -m local.cli_page`; a test says when it is out of date.

```console
pipx install .                                     # from a checkout; `make start` puts it into .venv/bin, too
squrl login https://go.example.com                 # asks for a key, and keeps both
squrl https://example.com/very/long/url            # prints the short URL and nothing else
squrl list --q sale
squrl stats spring-sale
eval "$(squrl completion bash)"                    # in ~/.bashrc; zsh and fish as well
```

**Which squrl.** A command is about the address and the key that `squrl login` keeps, or those of another profile
(`--profile NAME`), or `SQURL_URL` and `SQURL_KEY`. Operators use AWS credentials instead: `--stack squrl-prod` asks the
stack's managing function, in `--region`, else in the region of `samconfig.toml` if this folder has one, else in that of
AWS's configuration; `--local` asks that of the checkout. The key is kept in a file that only you can read, and is sent
to its own address alone. `SQURL_KEY` without `SQURL_URL` goes to the default profile's address.

**For scripts.** Results go to standard output, everything else to standard error. `--json` prints what squrl answers, a
line for each link. Without a terminal there are no colours, no bars and no questions, and tables are lines with tabs.
Exit status: 0 done, 1 refused, 2 wrong usage, 3 no answer, 130 stopped by Ctrl-C. What squrl refuses for the moment is
asked again a few times.

**From curl.** [api.md](api.md) has the same calls over HTTP.
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_INTRODUCTION, *_sections(squrl, "squrl")])


def _sections(group: click.Group, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _sections(command, f"{path} {name}")
        else:
            yield _section(command, f"{path} {name}")


def _section(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path, terminal_width=_WIDTH, max_content_width=_WIDTH)
    usage = " ".join(command.collect_usage_pieces(context))
    text = cleandoc(command.help or "")
    records = [
        parameter.get_help_record(context)
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option) and not set(parameter.opts) & _EXPLAINED
    ]
    rows = ["| `{}` | {} |".format(*(text.replace("|", r"\|") for text in record)) for record in records if record]
    options = ["", "| option | |", "|---|---|", *rows] if rows else []
    return "\n".join([f"## `{path}`", "", f"`{path} {usage}`", "", text, *options, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
