"""The stack in an emulator of AWS, put there by the real `sam build`, `sam deploy` and `sam delete`."""

import base64
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
import yaml

from squrl.aws.client import Service
from squrl.aws.durable_table import DurableTable
from squrl.aws.links_table import SECRET_ROW, to_item
from squrl.invocation import Invocation
from tests.support.events import KEYS, LINKS, load
from tests.support.ports import free_port, wait_for_port

ROOT = Path(__file__).parents[2]
EMULATOR = ROOT / ".local" / "ministack" / "bin" / "python"  # `make test-deploy` installs it
CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())["dev"]
STACK = CONFIG["global"]["parameters"]["stack_name"]
DEV = dict(pair.split("=", 1) for pair in CONFIG["deploy"]["parameters"]["parameter_overrides"].split())
LOG = pytest.StashKey[Path]()

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def environment(tmp_path_factory, pytestconfig) -> Iterator[dict[str, str]]:
    """Start the emulator, and return the environment in which AWS's tools talk to it and to nothing else."""
    folder = tmp_path_factory.mktemp("ministack")
    log = pytestconfig.stash[LOG] = folder / "log"
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.2",  # seconds; AWS is asked every five
    }
    own = {
        "AUTH": "true",  # a function may do what its role allows, and no more
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(folder),  # where it unpacks functions and layers
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [EMULATOR, "-m", "ministack"],
            cwd=folder,
            env=environment | own,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        wait_for_port(port, process, log)
        yield environment
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # with the functions' processes, which it would leave behind
        process.wait(timeout=30)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show the emulator's log with a failure."""
    report = yield
    if report.failed and LOG in item.config.stash:
        report.sections.append(("ministack", item.config.stash[LOG].read_text()[-10_000:]))
    return report


@pytest.fixture(scope="session")
def client(environment) -> Callable[[str], Any]:
    """Return a client of one of AWS's services."""
    session: Any = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        region_name=CONFIG["global"]["parameters"]["region"],
    )
    return lambda service: session.client(service, endpoint_url=environment["AWS_ENDPOINT_URL"])


@pytest.fixture(scope="session")
def sam(environment) -> Run:
    def run(*arguments, **variables):
        return subprocess.run(
            [Path(sys.executable).with_name("sam"), *arguments],
            cwd=ROOT,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def build(sam, tmp_path_factory) -> Path:
    """Build as for dev, except that the layer is made for what runs it here: the emulator's Python, on this machine."""
    folder: Path = tmp_path_factory.mktemp("sam") / "build"
    version = "import sys; print(*sys.version_info[:2], sep='.')"
    built = sam(
        *("build", "--config-env", "dev", "--build-dir", folder),
        PYTHON=sys.executable,
        ARCHITECTURE=platform.machine(),
        MAKEFLAGS="PYTHON_VERSION=" + subprocess.check_output([EMULATOR, "-c", version], text=True).strip(),
    )
    assert built.returncode == 0, built.stdout
    return folder


@pytest.fixture(scope="session")
def deploy(sam, build) -> Run:
    """Deploy dev with changed parameters, or with none as `make deploy ENV=dev` does."""

    def run(folder=build, stack_name=STACK, **changes):
        template = yaml.safe_load((folder / "template.yaml").read_text())
        adapted = folder / "adapted.yaml"
        adapted.write_text(json.dumps(adapt(template, DEV | changes)))  # which YAML is, too
        overrides = [f"{name}={value}" for name, value in (DEV | changes).items()]
        return sam(
            *("deploy", "--config-file", ROOT / "samconfig.toml", "--config-env", "dev"),
            *("--template-file", adapted, "--stack-name", stack_name),
            *(("--parameter-overrides", *overrides) if changes else ()),
        )

    return run


def adapt(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """Return the template with what ministack 1.5 leaves undone, and without what it refuses; nothing else differs.

    In CloudFormation, AWS::LanguageExtensions makes literals of parameters before SAM sees the functions, and SAM
    gives a function a new version when it sees a change. Ministack leaves parameters as they are, and tells SAM none.

    Its filters of a stream look for a leaf only where all that it is in is there: here an image itself may be missing,
    for which AWS looks at leaves alone.

    It refuses alarms over metric math, which watch their first metric here, Route 53's records, and budgets.
    tests/template has the real ones.
    """
    values = {name: str(p["Default"]) for name, p in template["Parameters"].items() if "Default" in p} | parameters
    template["Globals"] = _with_literals(template["Globals"], values)
    for refused in ("ApiRecords", "Budget"):
        del template["Resources"][refused]
    publishing = template["Resources"].get("PublishChangesFunction")  # the previous release has none
    filters = (
        publishing["Properties"]["Events"]["Changes"]["Properties"]["FilterCriteria"]["Filters"] if publishing else []
    )
    for filter_ in filters:
        filter_["Pattern"] = re.sub(
            r'"(Old|New)Image": \{"short_code": \{"S": (\[\{"exists": false\}\])\}\}',
            r'"\1Image": \2',
            filter_["Pattern"],
        )
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"].startswith("AWS::Serverless::"):
            resource["Properties"] = _with_literals(properties, values)
        elif resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            first = next(metric["MetricStat"] for metric in properties.pop("Metrics") if "MetricStat" in metric)
            properties |= first["Metric"] | {"Period": first["Period"], "Statistic": first["Stat"]}
    return template


def _with_literals(node: Any, values: dict[str, str]) -> Any:
    match node:
        case {"Ref": name} if name in values:
            return values[name]
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": re.sub(r"\$\{(\w+)}", lambda found: values.get(found[1], found[0]), text)}
        case dict():
            return {name: _with_literals(value, values) for name, value in node.items()}
        case list():
            return [_with_literals(value, values) for value in node]
    return node


@pytest.fixture(scope="session")
def deployed(deploy, sam, client) -> Callable[[], AbstractContextManager[dict[str, str]]]:
    """Deploy dev, return the stack's outputs, and delete it in the end."""

    @contextmanager
    def deployed():
        result = deploy()
        assert result.returncode == 0, result.stdout
        (description,) = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        yield {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
        sam("delete", "--no-prompts", "--config-env", "dev")

    return deployed


@pytest.fixture(scope="module")
def stack(deployed) -> Iterator[dict[str, str]]:
    with deployed() as outputs:
        yield outputs


@pytest.fixture
def rows(stack, client) -> Callable[[], dict[str, dict[str, Any]]]:
    """Leave no links but the sample ones in the table, with their keys; return a function that reads links by code."""
    dynamodb, table = client("dynamodb"), stack["TableName"]

    def read():
        found = {item["short_code"]["S"]: item for item in dynamodb.scan(TableName=table)["Items"]}
        found.pop(SECRET_ROW, None)  # which is no link
        return found

    for code in read():
        dynamodb.delete_item(TableName=table, Key={"short_code": {"S": code}})
    for link in LINKS:
        dynamodb.put_item(TableName=table, Item=to_item(link))
    durable = DurableTable(Service(dynamodb, Invocation(600_000)), "squrl-durable-dev")
    for key in KEYS:
        durable.add_key(key)  # unless it is there
    return read


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Return a function that waits for something to become true, for a minute at most."""

    def wait(condition):
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until, "a minute has passed"
            time.sleep(0.5)

    return wait


@pytest.fixture
def state(stack, client) -> Callable[[], dict[str, dict[str, Any]]]:
    """Leave nothing in the table of what is remembered, and return a function that reads all of it by id."""
    dynamodb = client("dynamodb")

    def read():
        return {item["id"]["S"]: item for item in dynamodb.scan(TableName="squrl-ephemeral-dev")["Items"]}

    for id_ in read():
        dynamodb.delete_item(TableName="squrl-ephemeral-dev", Key={"id": {"S": id_}})
    return read


@pytest.fixture
def invoke_and_log(client) -> Callable[[str, Any], tuple[dict[str, Any], str]]:
    """Invoke what the API invokes; the answer has to be a function's own. Return what it logged, too."""

    def call(function, event):
        answer = client("lambda").invoke(
            FunctionName=f"squrl-{function}-dev", Qualifier="live", Payload=json.dumps(event).encode(), LogType="Tail"
        )
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result, base64.b64decode(answer.get("LogResult", "")).decode()  # absent where nothing was logged

    return call


@pytest.fixture
def invoke(invoke_and_log) -> Callable[[str, Any], dict[str, Any]]:
    return lambda function, event: invoke_and_log(function, event)[0]


@pytest.fixture
def operate(invoke) -> Callable[..., tuple[int, Any]]:
    """Return a function that does what an operator does: a call of the managing function, which is trusted."""

    def call(method, path, **body):
        answer = invoke("manage-links", {"method": method, "path": path, "body": body})
        return answer["status"], answer["body"]

    return call


class Http:
    """A caller with a key, or without one: what the API makes of a request, sent to the function of its route.

    Ministack makes no routes of an HTTP API's definition, so the events are the API's own, taken from the samples.
    """

    def __init__(self, invoke: Callable[[str, Any], Any], key: str | None) -> None:
        self._invoke = invoke
        self._headers = {"authorization": f"Bearer {key}"} if key else {}

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Return an answer's status, body and headers."""
        event = load("manage_links/http_see.json")
        path, _, query = path.partition("?")
        _, *parts = path.split("/")
        is_code = parts[0] == "links" and len(parts) > 1 and parts[1] not in {"bulk", "import"}
        route = f"{method} {'/'.join(['/links/{short_code}', *parts[2:]]) if is_code else path}"
        del event["headers"]["authorization"], event["pathParameters"]
        event |= {"routeKey": route, "rawPath": path, "headers": event["headers"] | self._headers | headers}
        event["requestContext"] |= {"routeKey": route, "http": event["requestContext"]["http"] | {"method": method}}
        if is_code:
            event["pathParameters"] = {"short_code": parts[1]}
        if query:
            event |= {"rawQueryString": query, "queryStringParameters": dict(parse_qsl(query))}
        if body is not None:
            event["body"] = json.dumps(body)
        answer = self._invoke("create-url" if path == "/create" else "manage-links", event)
        return answer["statusCode"], json.loads(answer["body"]) if answer.get("body") else None, answer["headers"]

    def create(self, **fields: Any) -> tuple[int, Any]:
        """Ask for a link."""
        return self.request("POST", "/create", fields)[:2]


@pytest.fixture
def http(invoke) -> Callable[..., Http]:
    return lambda key=None: Http(invoke, key)


@pytest.fixture
def make_key(operate) -> Callable[..., dict[str, Any]]:
    """Return a function that makes a key as an operator does."""

    def make(role="write", owner="marketing"):
        status, key = operate("POST", "/keys", name="a test's", owner=owner, role=role)
        assert status == 201, key
        return key

    return make
