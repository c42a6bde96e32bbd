"""How the layer is built: for the processor that its build folder is named for, of what is pinned."""

import importlib
import json
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("dev", "staging", "prod")
THIS_MACHINE = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())


def platforms(build_dir: str) -> set[str]:
    """Return the processors for which the layer's Makefile would install wheels."""
    target = f"ARTIFACTS_DIR={ROOT}/{build_dir}/SqurlLayer"
    command = ["make", "--dry-run", "build-SqurlLayer", target]
    printed = subprocess.run(
        command, cwd=ROOT / "layers" / "squrl", capture_output=True, text=True, check=True, timeout=30
    ).stdout
    wheels = [word for word in printed.split() if word.startswith("manylinux")]
    return {word.partition("_")[2].removeprefix("2_").lstrip("0123456789_") for word in wheels}


@pytest.mark.parametrize(
    ("build_dir", "processor"), [(".aws-sam/arm64", "aarch64"), (".aws-sam/build", THIS_MACHINE)], ids=str
)
def test_given_a_build_folder_when_the_layer_is_built_then_it_is_for_the_processor_that_the_folder_names(
    build_dir, processor
):
    assert platforms(build_dir) == {processor}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_given_an_environment_when_deployed_then_it_takes_what_was_built_for_its_processor(environment):
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    build, deploy = config["build"]["parameters"], config["deploy"]["parameters"]

    assert "Architecture=arm64" in deploy["parameter_overrides"].split()
    assert build["build_dir"] == ".aws-sam/arm64"
    assert deploy["template_file"] == f"{build['build_dir']}/template.yaml"


def test_given_a_built_layer_when_trimmed_then_what_the_functions_call_is_left_and_the_libraries_still_load(tmp_path):
    (made := tmp_path / "python").mkdir()
    for name in ("botocore", "ada_url"):
        shutil.copytree(Path(str(importlib.import_module(name).__file__)).parent, made / name)
    backend = Path(str(importlib.import_module("_cffi_backend").__file__))
    shutil.copy(backend, made)
    script = (
        "import ada_url, botocore, botocore.session, json;"
        "clients = [botocore.session.get_session().create_client(name, region_name='eu-central-1')"
        "           for name in ('dynamodb', 'kms', 'sqs')];"
        "urls = [client.meta.endpoint_url for client in clients];"
        "print(json.dumps([ada_url.check_url('https://example.com/'), *urls, botocore.__file__]))"
    )

    subprocess.run([sys.executable, ROOT / "layers/squrl/trim.py", made], check=True, timeout=60)

    ran = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        env={"PYTHONPATH": str(made)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [
        True,
        "https://dynamodb.eu-central-1.amazonaws.com",
        "https://kms.eu-central-1.amazonaws.com",
        "https://sqs.eu-central-1.amazonaws.com",
        str(made / "botocore" / "__init__.py"),
    ]
    assert {path.name for path in (made / "botocore" / "data").iterdir() if path.is_dir()} == {
        "dynamodb",
        "kms",
        "sqs",
    }
    assert (made / backend.name).stat().st_size <= backend.stat().st_size


def test_given_the_layer_when_built_then_its_size_stays_in_its_budget_and_it_has_byte_code_where_it_can(
    tmp_path,
):
    command = ["make", "build-SqurlLayer", f"PYTHON={sys.executable}", f"ARTIFACTS_DIR={tmp_path}"]

    built = subprocess.run(
        command, check=True, cwd=ROOT / "layers" / "squrl", capture_output=True, text=True, timeout=110
    )

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    has_compiler = "has no byte code" not in built.stderr
    assert sum(path.stat().st_size for path in files) <= (7 if has_compiler else 10) * 2**20
    suffixes = {path.suffix for path in (tmp_path / "python" / "squrl").rglob("*") if path.is_file()}
    assert suffixes == {".pyc" if has_compiler else ".py"}
