"""An upgrade from the previous release: what it was, and the deployments that the handbook has for it.

`tests/deploy/previous` has that release's template, without alarms and dashboard, and rows that it wrote.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from tests.template.stack import ROOT, Template

FOLDER = ROOT / "tests" / "deploy" / "previous"


def previous() -> Template:
    """Return the previous release's template."""
    template: Template = yaml_parse((FOLDER / "template.yaml").read_text())
    return template


def written() -> Any:
    """Return what the previous release wrote: rows of its tables, and a message of its queue."""
    return json.loads((FOLDER / "rows.json").read_text())


def handbook() -> str:
    """Return what the handbook says of this upgrade."""
    text = (ROOT / "docs" / "operations.md").read_text()
    return text.partition("\n#### From 0.1 to 0.2\n")[2].partition("\n### ")[0]


def argument(option: str) -> str:
    """Return what the handbook's AWS CLI is given for an option."""
    found = re.findall(rf"--{option} '([^']+)'", handbook())
    assert len(found) == 1, found
    return str(found[0])


def deployments(folder: Path) -> Iterator[Template]:
    """Do in a folder what the handbook says, and yield the template as it is at each `make deploy`."""
    own, theirs = ROOT / "template.yaml", folder / "template.yaml"
    shutil.copy(own, theirs)
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", handbook(), re.DOTALL))
    for command in blocks.replace("\\\n", " ").splitlines():
        if command.strip().startswith("sed "):
            subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=True)
        if command.strip().startswith("git checkout template.yaml"):
            shutil.copy(own, theirs)
        if command.strip().startswith("make deploy"):
            yield yaml_parse(theirs.read_text())
