"""How the layer is built: for the processor that its build folder is named for, of what is pinned."""

import platform
import subprocess
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
