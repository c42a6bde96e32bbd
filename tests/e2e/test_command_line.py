"""`squrl` as people run it, in a process of its own against the running stack."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from squrl.keys import Role
from tests.support.functions import ROOT


@pytest.fixture
def squrl(api_url, tables, tmp_path):
    """Run `squrl`, logged in as an admin, and return its standard output."""
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "DYNAMODB_PORT": str(urlsplit(tables.endpoint).port),
        "PYTHONPATH": str(ROOT),
    }

    def run(*arguments, stdin="", status=0):
        result = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=tmp_path,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == status, result.stderr
        return result.stdout

    run("login", api_url, stdin=tables.make_key("terminal", Role.ADMIN))
    return run


def test_given_a_terminal_when_a_link_lives_and_ends_there_then_visitors_see_it(squrl, api):
    short_url = squrl("https://example.com/from/a/terminal", "--code", "terminal").strip()
    assert short_url == f"{api.url}/terminal"
    assert api.get("terminal").headers["Location"] == "https://example.com/from/a/terminal"
    assert "1 person and 0 bots" in squrl("stats", "terminal")

    squrl("disable", "terminal")
    assert api.get("terminal").status_code == 410
    squrl("enable", short_url)
    assert api.get("terminal").status_code == 301
    squrl("delete", "terminal", "--yes")
    assert api.get("terminal").status_code == 410
    assert json.loads(squrl("list", "--status", "deleted", "--json"))["short_code"] == "terminal"


def test_given_another_products_links_when_imported_then_they_lead_there_and_leave_again(squrl, api, tmp_path):
    lines = [f"bit.ly/e2e-{n},2024-05-06T07:08:09+02:00,Page {n},https://example.com/{n},{n}" for n in range(300)]
    lines[100:100] = ["bit.ly/e2e-bad,2024-05-06,No destination,,1", "bit.ly/create,,Reserved,https://example.com/,1"]
    file = tmp_path / "bitly.csv"
    file.write_text("\n".join(["Link,Date created,Title,Destination URL,Engagements", *lines]))

    squrl("import", str(file), "--from", "bitly", status=1)

    assert (tmp_path / "bitly.refused.csv").read_text().count("\n") == 3
    assert api.get("e2e-299").headers["Location"] == "https://example.com/299"
    exported = [json.loads(line) for line in squrl("export", "--format", "jsonl").splitlines()]
    assert {link["short_code"]: link["imported_clicks"] for link in exported} == {f"e2e-{n}": n for n in range(300)}
    assert {link["created_at"] for link in exported} == {"2024-05-06T05:08:09Z"}


def test_given_this_machine_when_an_operator_makes_a_key_then_it_works_until_revoked(squrl, api):
    key = squrl("key", "create", "--name", "me", "--owner", "me", "--role", "read", "--local").strip()
    assert api.request("GET", "/links", key=key).status_code == 200

    squrl("key", "revoke", key, "--local")

    assert key[3:11] not in squrl("key", "list", "--local")


def test_given_a_running_stack_when_tried_then_it_works_and_nothing_is_left(squrl, api, tables):
    assert "ok  delete" in squrl("smoke", "--local", "--url", api.url)
    assert "smoke-" not in squrl("key", "list", "--local")
    assert [code for code, link in tables.all().items() if str(link.kind.owner).startswith("smoke-")] == []
