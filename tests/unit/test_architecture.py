"""What imports what, who reads the environment, and where third-party code comes from: read from the sources."""

import ast
import importlib.metadata
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_socket
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/squrl/python"
MODULES = {path.stem: path for path in sorted((LAYER / "squrl").glob("*.py")) if path.stem != "__init__"}
FUNCTIONS = {path.parent.name: path for path in sorted(ROOT.glob("functions/*/app.py"))}

# Who may import whom. What is missing here fails, so that a new module gets its place by decision.
NEUTRAL = {"errors", "telemetry", "settings"}
MAY_IMPORT = {
    "api": {"shorten", "follow", "store", "codes", "destinations", "links"} | NEUTRAL,
    "shorten": {"store", "codes", "destinations", "links"} | NEUTRAL,
    "follow": {"store", "clicks", "codes", "links"} | NEUTRAL,
    "count": {"store", "clicks"} | NEUTRAL,
    "store": {"links"} | NEUTRAL,
    "clicks": {"codes", "links"} | NEUTRAL,
    "limiter": {"links"} | NEUTRAL,
    "domains": NEUTRAL,
    "codes": {"links"} | NEUTRAL,
    "destinations": NEUTRAL,
    "links": NEUTRAL,
    "telemetry": {"errors"},
    "settings": {"errors"},
    "errors": set(),
}
PURE = ("links", "codes", "destinations", "errors")
IO = {"botocore", "aws_lambda_powertools", "aws_xray_sdk"}


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def at_run_time(root):
    """Yield every node but those that only a type checker sees."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def imports(nodes):
    """Return the full names of what is imported: ``from squrl import api`` is ``squrl.api``."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "an import relative to its package hides where it leads"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def siblings(path):
    """Return the modules of the package `squrl` that a file imports."""
    return {name.split(".")[1] for name in imports(ast.walk(tree(path))) if name.split(".")[0] == "squrl"}


def third_party(path):
    known = sys.stdlib_module_names | {"squrl"}
    return {name.split(".")[0] for name in imports(at_run_time(tree(path)))} - known


def reached(path):
    found, waiting = set(), siblings(path)
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= siblings(MODULES[module]) - found
    return found


def environment_uses(path):
    """Return the expressions around every mention of the process's environment."""
    root = tree(path)
    around = {child: node for node in ast.walk(root) for child in ast.iter_child_nodes(node)}
    return [
        ast.unparse(around[node])
        for node in ast.walk(root)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"})
        or (isinstance(node, ast.Name) and node.id in {"environ", "environb", "getenv", "putenv"})
    ]


def loaded_by(function):
    """Return the names of the modules that a function really loads, in a process of its own."""
    script = "import json, sys, app; print(json.dumps(sorted(sys.modules)))"
    environment = {
        "PYTHONPATH": f"{LAYER}:{FUNCTIONS[function].parent}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "unit-test",
        "AWS_SECRET_ACCESS_KEY": "unit-test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "squrl-unit-test",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "TABLE_NAME": "squrl-urls-test",
        "STATE_TABLE_NAME": "squrl-state-test",
        "CLICK_QUEUE_URL": "",
        "BASE_URL": "",
        "DOMAIN_NAME": "",
        "ALLOW_PRIVATE_DESTINATIONS": "false",
        "STORE_CREATOR_IP": "false",
        "CREATES_PER_MINUTE_PER_CLIENT": "0",
        "CLIENT_KEY_ID": "",
    }
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    return set(json.loads(done.stdout.splitlines()[-1]))


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def carried_by_the_layer():
    """Return the distributions that requirements.in names, and all that those need."""
    lines = (ROOT / "layers/squrl/requirements.in").read_text(encoding="utf-8").splitlines()
    waiting = {canonical(Requirement(line).name) for line in lines if line.strip() and not line.startswith("#")}
    found = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        needed = [Requirement(text) for text in importlib.metadata.requires(name) or []]
        waiting |= {canonical(one.name) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})}
        waiting -= found
    return found


def top_level_names(distribution):
    files = importlib.metadata.files(distribution) or []
    return {file.parts[0].split(".")[0] for file in files if file.suffix in {".py", ".so"}}


def test_given_the_sources_when_listed_then_every_module_has_its_place_and_all_functions_are_there():
    placed = MAY_IMPORT.keys()

    present = MODULES.keys()

    assert present == placed
    assert FUNCTIONS.keys() == {"create_url", "redirect", "count_clicks"}


@pytest.mark.parametrize("module", MODULES)
def test_given_a_module_of_the_layer_when_its_imports_are_read_then_they_point_inward(module):
    allowed = MAY_IMPORT[module]

    imported = siblings(MODULES[module])

    assert imported <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_given_a_module_of_the_layer_when_its_imports_are_followed_then_they_never_lead_back(module):
    path = MODULES[module]

    led_to = reached(path)

    assert module not in led_to


@pytest.mark.parametrize("path", [*MODULES.values(), *FUNCTIONS.values()], ids=lambda path: "/".join(path.parts[-2:]))
def test_given_any_source_when_its_imports_are_read_then_none_leads_to_a_function_or_to_a_test(path):
    outside = {"app", "functions", "tests", "local"}

    imported = {name.split(".")[0] for name in imports(ast.walk(tree(path)))}

    assert not imported & outside


@pytest.mark.parametrize("module", PURE)
def test_given_a_module_of_pure_rules_when_its_imports_are_followed_then_no_aws_is_among_them(module):
    paths = [MODULES[module], *(MODULES[other] for other in reached(MODULES[module]))]

    imported = set().union(*map(third_party, paths))

    assert not imported & IO


@pytest.mark.parametrize("function", FUNCTIONS)
def test_given_a_function_when_its_imports_are_read_then_botocore_is_left_to_the_layer(function):
    path = FUNCTIONS[function]

    imported = third_party(path)

    assert imported == set()
    assert {name for name in MODULES if "botocore" in third_party(MODULES[name])} >= {"store", "clicks", "limiter"}


def test_given_the_redirect_when_its_imports_are_followed_then_nothing_of_create_is_among_them():
    of_create = {"shorten", "destinations", "limiter"}

    led_to = reached(FUNCTIONS["redirect"])

    assert not led_to & of_create
    assert "ada_url" not in set().union(*(third_party(MODULES[module]) for module in led_to))
    assert of_create <= reached(FUNCTIONS["create_url"])


def test_given_the_consumer_when_its_imports_are_followed_then_nothing_of_the_api_is_among_them():
    of_the_api = {"api", "shorten", "follow", "destinations", "domains", "limiter"}

    led_to = reached(FUNCTIONS["count_clicks"])

    assert {"count", "clicks", "store"} <= led_to
    assert not led_to & of_the_api


def test_given_the_redirect_when_it_starts_then_it_loads_nothing_of_create():
    of_create = {"squrl.shorten", "squrl.destinations", "squrl.limiter", "ada_url"}

    loaded = loaded_by("redirect")

    assert {"squrl.api", "squrl.follow", "squrl.store"} <= loaded
    assert not loaded & of_create


def test_given_create_when_it_starts_then_it_does_load_what_the_redirect_must_not():
    of_create = {"squrl.shorten", "squrl.destinations", "squrl.limiter", "ada_url"}

    loaded = loaded_by("create_url")

    assert of_create <= loaded
    assert "squrl.follow" not in loaded


# What a cold start loads, Python's own modules included: a number, since a time would depend on the machine.
@pytest.mark.parametrize(("function", "most"), [("redirect", 400), ("create_url", 410)])
def test_given_a_function_when_it_starts_then_it_loads_no_more_modules_than_its_budget_has(function, most):
    unneeded = {"boto3", "s3transfer", "multiprocessing", "asyncio", "aws_xray_sdk", "pydantic"}

    provided = set().union(*map(top_level_names, carried_by_the_layer())) | sys.stdlib_module_names | {"squrl", "app"}

    loaded = {name for name in loaded_by(function) if name.split(".")[0] in provided}

    assert len(loaded) <= most
    assert not loaded & unneeded


# telemetry reads the one variable that Lambda sets anew for each request: the trace's header.
@pytest.mark.parametrize("module", sorted(set(MODULES) - {"telemetry"}))
def test_given_a_module_of_the_layer_when_read_then_it_never_asks_the_process_for_its_environment(module):
    path = MODULES[module]

    uses = environment_uses(path)

    assert uses == []
    assert "os" not in {name.split(".")[0] for name in imports(ast.walk(tree(path)))}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_given_a_function_when_read_then_it_hands_the_environment_to_the_settings_and_does_nothing_else_with_it(
    function,
):
    path = FUNCTIONS[function]

    uses = environment_uses(path)

    assert len(uses) == 1
    assert re.fullmatch(r"(Create|Redirect)?Settings\.from_environment\(os\.environ\)", uses[0])
    assert "settings" in siblings(path)


@pytest.mark.parametrize("path", [*MODULES.values(), *FUNCTIONS.values()], ids=lambda path: "/".join(path.parts[-2:]))
def test_given_third_party_imports_when_looked_up_then_the_layers_requirements_provide_each(path):
    provided = set().union(*map(top_level_names, carried_by_the_layer()))

    imported = third_party(path)

    assert imported <= provided


def test_given_the_layers_requirements_when_compared_with_the_imports_then_the_check_is_no_empty_one():
    imported = set().union(*map(third_party, [*MODULES.values(), *FUNCTIONS.values()]))

    carried = carried_by_the_layer()

    assert imported == {"ada_url", "aws_lambda_powertools", "botocore"}
    assert {"ada-url", "aws-lambda-powertools", "botocore"} <= carried
    assert "pytest" not in carried


@pytest.mark.filterwarnings("ignore:A test tried to use socket")  # pytest-socket warns as well as it refuses
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_given_a_unit_test_when_it_opens_a_socket_then_it_is_refused(family):
    kind = socket.SOCK_STREAM

    with pytest.raises(pytest_socket.SocketBlockedError) as refused:
        socket.socket(family, kind)

    assert "socket" in str(refused.value)
