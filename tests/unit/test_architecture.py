"""What imports what, what a start loads, who reads the environment: read from the sources, and from new processes."""

import ast
import importlib.metadata
import json
import os
import re
import socket
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from packaging.requirements import Requirement

from tests.support.functions import FOLDERS, ROOT, variables

LAYER = ROOT / "layers/squrl/python"
PACKAGE = {
    path.relative_to(LAYER / "squrl").with_suffix("").as_posix().replace("/", "."): path
    for path in sorted((LAYER / "squrl").rglob("*.py"))
    if path.stem != "__init__"
}
FUNCTIONS = {path.parent.name: path for path in sorted(ROOT.glob("functions/*/app.py"))}
# A function's folder is what Lambda imports from: its files are modules by their own names.
FILES = {f"{path.parent.name}/{path.stem}": path for path in sorted(ROOT.glob("functions/*/*.py"))}
SOURCES = PACKAGE | FILES
OTHERS = sorted(path for folder in ("bench", "cli", "local") for path in ROOT.glob(f"{folder}/**/*.py"))

ROOMS = {
    **dict.fromkeys(
        ("links", "codes", "destinations", "clicks", "changes", "domains", "errors", "keys", "bots", "forwarding"),
        "model",
    ),
    **dict.fromkeys(("authorize", "shorten", "follow", "late_clicks", "manage", "statistics"), "use cases"),
    **{module: module.split(".")[0] for module in PACKAGE if module.startswith(("aws.", "web."))},
    **{module: module for module in ("requests", "ports", "invocation", "telemetry", "settings")},
    **dict.fromkeys(FILES, "functions"),
}
# Every edge that there is: one more fails, and so does one that nothing uses any longer.
EDGES = {
    "model": set(),
    "requests": {"model"},
    "ports": {"model"},
    "invocation": set(),
    "use cases": {"model", "requests", "ports"},
    "aws": {"model", "ports", "invocation"},
    "telemetry": {"model", "invocation"},
    "settings": set(),
    "web": {"model", "ports", "invocation", "telemetry", "settings"},
    "functions": {"model", "requests", "ports", "invocation", "use cases", "aws", "web", "telemetry", "settings"},
}
THIRD_PARTY = {
    "destinations": {"ada_url"},
    "requests": {"pydantic", "pydantic_core"},
    "aws.client": {"botocore"},
    "aws.event_bus": {"botocore"},
    "aws.links_table": {"botocore"},
    "telemetry": {"aws_lambda_powertools", "botocore"},
    "web.qr": {"segno"},
}
NOT_FOR_REDIRECT = {"ada_url", "squrl.aws.client_limiter"} | {
    f"squrl.{module}" for module in ("requests", "destinations", "shorten", "manage", "authorize")
}
FOR_REDIRECT_ALONE = {f"squrl.{module}" for module in ("follow", "bots", "forwarding", "aws.click_queue")}


def imports(path: Path, *, of_type_checkers: bool = True) -> set[str]:
    """Return the full names of what a file imports: ``from squrl import codes`` is ``squrl.codes``."""
    found = set()
    waiting: list[Any] = [ast.parse(path.read_text(encoding="utf-8"), str(path))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # The command line is installed under another name than its folder's.
            assert node.level == 0 or path.parent == ROOT / "cli", "a relative import hides where it leads"
            module = ".".join(filter(None, [path.parent.name if node.level else "", node.module]))
            found |= {f"{module}.{alias.name}" for alias in node.names}
        is_skipped = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not of_type_checkers
        waiting += node.orelse if is_skipped else ast.iter_child_nodes(node)
    return found


def siblings(path: Path) -> set[str]:
    """Return what a file imports of the package, and of its own folder if it is a function's."""
    names = {name.removeprefix("squrl.") for name in imports(path) if name.startswith("squrl.")}
    package = {name if name in PACKAGE else name.rpartition(".")[0] for name in names}
    own = {f"{path.parent.name}/{name.split('.')[0]}" for name in imports(path)} if path in FILES.values() else set()
    return package | (own & FILES.keys())


def third_party(path: Path) -> set[str]:
    own = {file.stem for file in path.parent.glob("*.py")} if path in FILES.values() else set()
    names = {name.split(".")[0] for name in imports(path, of_type_checkers=False)}
    return names - sys.stdlib_module_names - own - {"squrl"}


def run(script: str, environment: dict[str, str], *folders: Path) -> Any:
    """Return what a script prints as JSON in a new process."""
    path = {"PYTHONPATH": os.pathsep.join(map(str, (LAYER, *folders))), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment | path, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout.splitlines()[-1])


@cache
def loaded_by(function: str) -> set[str]:
    """Return the modules that a function loads when it starts; it must have the garbage collector back by then."""
    script = "import gc, json, sys, app; assert gc.isenabled(); print(json.dumps(sorted(sys.modules)))"
    return set(run(script, variables(function), FUNCTIONS[function].parent))


@cache
def carried_by_the_layer() -> set[str]:
    """Return the names that can be imported from what requirements.in names, and from all that those need."""

    def canonical(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    lines = (ROOT / "layers/squrl/requirements.in").read_text(encoding="utf-8").splitlines()
    waiting = {canonical(Requirement(line).name) for line in lines if line.strip() and not line.startswith("#")}
    found: set[str] = set()
    while waiting:
        found.add(name := waiting.pop())
        needed = [Requirement(text) for text in importlib.metadata.requires(name) or []]
        waiting |= {canonical(one.name) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})}
        waiting -= found
    files = (file for name in found for file in importlib.metadata.files(name) or [])
    return {file.parts[0].split(".")[0] for file in files if file.suffix in {".py", ".so"}}


def test_given_the_sources_when_listed_then_each_has_its_room():
    assert SOURCES.keys() == ROOMS.keys()
    assert FUNCTIONS.keys() == FOLDERS.keys()


@pytest.mark.parametrize("room", EDGES)
def test_given_a_room_when_its_imports_are_read_then_they_are_exactly_its_edges(room):
    modules = [module for module in SOURCES if ROOMS[module] == room]

    edges = {ROOMS[sibling] for module in modules for sibling in siblings(SOURCES[module])} - {room}

    assert edges == EDGES[room]


def test_given_the_modules_when_their_imports_are_followed_then_none_leads_back():
    order = TopologicalSorter({module: siblings(path) for module, path in SOURCES.items()}).static_order()

    assert set(order) == SOURCES.keys()  # a circle would have raised


@pytest.mark.parametrize("path", [*SOURCES.values(), *OTHERS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_given_a_source_when_its_imports_are_read_then_none_is_a_function_or_a_test(path):
    assert not {name.split(".")[0] for name in imports(path)} & {"app", "functions", "tests"}


@pytest.mark.parametrize("module", SOURCES)
def test_given_a_module_when_it_imports_from_others_then_the_layer_carries_them(module):
    imported = third_party(SOURCES[module])

    assert imported == THIRD_PARTY.get(module, set())
    assert imported <= carried_by_the_layer()


# What a cold start loads, Python's own modules included: a number, since a time would depend on the machine.
@pytest.mark.parametrize(
    ("function", "most", "unneeded"),
    [
        (
            "redirect",
            400,
            NOT_FOR_REDIRECT
            | {"pydantic", "squrl.changes", "squrl.late_clicks", "squrl.statistics", "squrl.web.pages"},
        ),
        ("create_url", 460, FOR_REDIRECT_ALONE | {"squrl.manage", "squrl.late_clicks", "squrl.statistics"}),
        ("pages", 400, NOT_FOR_REDIRECT | {"pydantic", "segno", "squrl.bots", "squrl.web.qr", "squrl.aws.click_queue"}),
        ("manage_links", 462, FOR_REDIRECT_ALONE | {"squrl.aws.client_limiter", "squrl.late_clicks"}),
        (
            "count_clicks",
            395,
            NOT_FOR_REDIRECT
            | FOR_REDIRECT_ALONE
            | {"pydantic", "squrl.statistics", "squrl.web", "squrl.aws.domain_lists"},
        ),
        (
            "publish_changes",
            396,
            NOT_FOR_REDIRECT | FOR_REDIRECT_ALONE | {"pydantic", "squrl.late_clicks", "squrl.web.request"},
        ),
    ],
)
def test_given_a_function_when_it_starts_then_it_loads_what_it_uses_and_no_more(function, most, unneeded):
    everywhere = {"boto3", "s3transfer", "aws_xray_sdk", "asyncio", "multiprocessing"}

    loaded = loaded_by(function)

    provided = carried_by_the_layer() | sys.stdlib_module_names | {"squrl", "app"}
    assert not loaded & (unneeded | everywhere)
    assert function != "redirect" or loaded >= FOR_REDIRECT_ALONE
    assert loaded >= (NOT_FOR_REDIRECT - unneeded if "pydantic" not in unneeded else {"squrl.aws.links_table"})
    assert len({name for name in loaded if name.split(".")[0] in provided}) <= most


def test_given_a_process_when_it_imports_the_package_then_nothing_in_it_changes():
    script = """
import gc, importlib, json, logging, os, signal, sys, warnings
import aws_lambda_powertools.metrics, botocore.session, pydantic, ada_url  # what they change is theirs

def state():
    root = logging.getLogger()
    handled = {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()}
    collector = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), len(gc.callbacks)
    return {"gc": collector, "logging": (root.level, str(root.handlers), logging.root.manager.disable),
            "warnings": str(warnings.filters), "signals": handled, "environment": dict(os.environ)}

logging.getLogger().setLevel(1)
gc.set_threshold(701, 11, 11)
before = state()
for module in sys.argv[1:]:
    importlib.import_module(module)
after = state()
print(json.dumps([name for name in before if before[name] != after[name]]))
"""
    modules = [f"squrl.{module}" for module in PACKAGE]

    changed = run(script.replace("sys.argv[1:]", repr(modules)), {})

    assert changed == []


# telemetry reads the one variable that Lambda sets anew for each request: the trace's header.
@pytest.mark.parametrize("module", sorted(PACKAGE.keys() - {"telemetry"}))
def test_given_a_module_when_read_then_it_never_asks_for_the_environment(module):
    assert "os" not in {name.split(".")[0] for name in imports(PACKAGE[module])}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_given_a_function_when_read_then_only_its_settings_get_the_environment(function):
    sources = [path.read_text() for path in FILES.values() if path.parent.name == function]

    uses = [use for source in sources for use in re.findall(r".*\b(?:os\.|environ|getenv).*", source)]

    (use,) = uses
    assert re.fullmatch(r"(SETTINGS = |WIRING = Wiring\()\w+Settings\(os\.environ\)\)?", use)


@pytest.mark.filterwarnings("ignore:A test tried to use socket")  # pytest-socket warns as well as it refuses
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_given_a_unit_test_when_it_opens_a_socket_then_it_is_refused(family):
    with pytest.raises(pytest_socket.SocketBlockedError):
        socket.socket(family, socket.SOCK_STREAM)
