"""The page of the command line says what the commands say."""

import re

from local import cli_page


def test_given_the_commands_when_described_then_the_page_is_current():
    assert cli_page.PAGE.read_text() == cli_page.page(), "make it anew: python -m local.cli_page"


def test_given_the_operators_handbook_when_read_then_every_command_in_it_exists():
    text = (cli_page.PAGE.parent / "operations.md").read_text()

    named = set(
        re.findall(r"squrl ((?:key |domain )?[a-z]+)", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)))
    )
    known = {each.removeprefix("squrl ") for each in re.findall("## `(.+)`", cli_page.page())}
    assert named
    assert named <= known
