"""How the layer is built: for the processor that its build folder is named for, of what is pinned."""

import json
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

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
def test_given_a_build_folder_then_the_layer_is_for_the_processor_it_names(build_dir, processor):
    assert platforms(build_dir) == {processor}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_given_an_environment_then_it_deploys_what_was_built_for_its_processor(environment):
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]
    build, deploy = config["build"]["parameters"], config["deploy"]["parameters"]

    assert "Architecture=arm64" in deploy["parameter_overrides"].split()
    assert build["build_dir"] == ".aws-sam/arm64"
    assert deploy["template_file"] == f"{build['build_dir']}/template.yaml"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Return the layer that `make build` makes, in a clone whose path has a space."""
    clone: Path = tmp_path_factory.mktemp("my projects") / "squrl"
    shutil.copytree(ROOT / "layers", clone / "layers", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("functions", "requirements"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "samconfig.toml", "template.yaml"):
        shutil.copy2(ROOT / name, clone)
    (clone / ".venv").symlink_to(Path(sys.prefix))
    command = ["make", "build", "--assume-old=.venv/installed"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    assert "has no byte code" not in done.stdout + done.stderr or not compiler()
    return clone / ".aws-sam" / "build" / "SqurlLayer" / "python"


def compiler() -> str:
    """Return a Python of Lambda's version, by which the layer's Makefile makes byte code; empty if there is none."""
    command = ["make", "--no-print-directory", "interpreter"]
    return subprocess.check_output(command, cwd=ROOT / "layers" / "squrl", text=True, timeout=30).strip()


def run(built: Path, script: str) -> Any:
    """Run a script as Lambda would, with the layer and nothing else, and return what it prints."""
    if not (python := compiler()):
        pytest.skip("There is no Python 3.13 here, which the layer is built for")
    command = [python, "-I", "-W", "error", "-c", f"import sys; sys.path.insert(0, {str(built)!r})\n{script}"]
    ran = subprocess.run(command, check=False, env={}, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_given_the_built_layer_then_it_is_small_and_has_byte_code_where_it_can(built):
    files = [path for path in built.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) <= (13 if compiler() else 18) * 2**20
    suffixes = {path.suffix for path in files if path.is_relative_to(built / "squrl")}
    assert suffixes == {".pyc" if compiler() else ".py", ".css"}


def test_given_the_built_layer_then_it_describes_the_called_services_alone(built):
    described = {path.name for path in (built / "botocore" / "data").iterdir() if path.is_dir()}

    assert described == {"dynamodb", "events", "kms", "sqs"}


@pytest.mark.parametrize("module", ["botocore.session.get_session().create_client", "boto3.client"])
def test_given_the_built_layer_when_clients_are_made_then_they_have_endpoints(built, module):
    script = f"""
import json, boto3, botocore.session
clients = [{module}(name, region_name="eu-central-1") for name in ("dynamodb", "events", "kms", "sqs")]
print(json.dumps([client.meta.endpoint_url for client in clients]))
"""

    services = ("dynamodb", "events", "kms", "sqs")
    assert run(built, script) == [f"https://{name}.eu-central-1.amazonaws.com" for name in services]


def test_given_the_built_layer_when_boto3_makes_a_table_then_it_works(built):
    script = """
import json, boto3
table = boto3.resource("dynamodb", region_name="eu-central-1").Table("squrl-urls-dev")
print(json.dumps([table.name, boto3.__file__]))
"""

    name, file = run(built, script)

    assert name == "squrl-urls-dev"
    assert Path(file).is_relative_to(built)


def test_given_the_built_layer_when_a_pydantic_model_is_read_then_it_works(built):
    script = """
import json, pydantic
class Link(pydantic.BaseModel):
    url: str = pydantic.Field(max_length=20)
    hours: int | None = None
try:
    Link(url="x" * 21)
except pydantic.ValidationError as error:
    refused = [each["loc"][0] for each in error.errors()]
link = Link.model_validate_json('{"url": "https://example.com", "hours": 24}')
print(json.dumps([refused, link.model_dump(), list(Link.model_json_schema()["properties"])]))
"""

    assert run(built, script) == [["url"], {"url": "https://example.com", "hours": 24}, ["url", "hours"]]


def test_given_the_built_layer_when_a_url_is_read_or_drawn_then_it_works(built):
    script = """
import io, json, ada_url, segno
picture = io.BytesIO()
segno.make("https://go.example.com/abc").save(picture, kind="png")
print(json.dumps([ada_url.URL("http://0x7f.1/").hostname, picture.getvalue()[1:4].decode()]))
"""

    assert run(built, script) == ["127.0.0.1", "PNG"]
