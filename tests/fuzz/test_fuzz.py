"""A short run of the fuzzer, and what it finds when there is something to be found."""

import os
import shutil
import subprocess

import pytest

from tests.support.bad_input import ENVIRONMENT
from tests.support.functions import ROOT
from tests.support.runtime import LAYER

PYTHON = ENVIRONMENT / "bin" / "python"


@pytest.fixture(scope="module", autouse=True)
def _atheris():
    if subprocess.run([PYTHON, "-c", "import atheris"], check=False, capture_output=True).returncode:
        pytest.skip("atheris has wheels for Linux on x86_64 alone")


def fuzz(*arguments, **variables):
    command = [PYTHON, "-m", "tests.fuzz", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=110, check=False
    )


def test_given_inputs_that_coverage_guides_when_tried_then_no_invariant_fails():
    run = fuzz("--runs", "8000")

    assert run.returncode == 0, run.stderr
    assert run.stderr.count("stat::number_of_executed_units: 2000") == 4


@pytest.mark.parametrize(
    ("target", "module", "sound", "faulty"),
    [
        ("event", "web/request.py", "return value if isinstance(value, dict) else {}", "return value or {}"),
        ("destination", "destinations.py", ', ".home.arpa")', ")"),
        ("code", "codes.py", '"^[A-Za-z0-9_-]{3,20}$"', r'r"^[\w-]{3,20}$"'),
        ("manage", "requests.py", "if not isinstance(entries, list) or", "if"),
    ],
)
def test_given_a_planted_fault_when_fuzzed_then_it_is_found(tmp_path, target, module, sound, faulty):
    shutil.copytree(LAYER / "squrl", tmp_path / "squrl")
    path = tmp_path / "squrl" / module
    assert path.read_text().count(sound) == 1
    path.write_text(path.read_text().replace(sound, faulty))

    run = fuzz(target, "--runs", "20000", "--findings", str(tmp_path / "findings"), PYTHONPATH=str(tmp_path))

    assert run.returncode == 1
    assert "Uncaught Python exception" in run.stdout, run.stdout + run.stderr
    (finding,) = (tmp_path / "findings").iterdir()
    assert fuzz(target, "--replay", str(finding), PYTHONPATH=str(tmp_path)).returncode == 1
    assert fuzz(target, "--replay", str(finding)).returncode == 0
