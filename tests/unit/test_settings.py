"""The functions' settings: typed, complete, checked."""

import dataclasses
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.settings import CreateSettings, RedirectSettings, Settings, SettingsError

ENVIRONMENT = {
    "TABLE_NAME": "squrl-urls-test",
    "STATE_TABLE_NAME": "squrl-state-test",
    "BASE_URL": "https://go.example.com",
    "DOMAIN_NAME": "",
    "ALLOW_PRIVATE_DESTINATIONS": "false",
    "STORE_CREATOR_IP": "true",
    "CREATES_PER_MINUTE_PER_CLIENT": "60",
    "CLIENT_KEY_ID": "",
}


def test_given_every_variable_when_the_settings_of_create_are_read_then_each_has_its_type():
    environment = ENVIRONMENT | {"PATH": "/bin", "AWS_REGION": "eu-central-1"}

    settings = CreateSettings.from_environment(environment)

    assert dataclasses.asdict(settings) == {
        "table_name": "squrl-urls-test",
        "state_table_name": "squrl-state-test",
        "base_url": "https://go.example.com",
        "domain_name": "",
        "allow_private_destinations": False,
        "store_creator_ip": True,
        "creates_per_minute_per_client": 60,
        "client_key_id": "",
    }


def test_given_only_the_tables_when_the_settings_that_all_have_are_read_then_nothing_else_is_needed():
    environment = {"TABLE_NAME": "squrl-urls-test", "STATE_TABLE_NAME": ""}

    settings = Settings.from_environment(environment)

    assert dataclasses.asdict(settings) == {"table_name": "squrl-urls-test", "state_table_name": ""}


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("", True),
        ("https://sqs.eu-central-1.amazonaws.com/123456789012/squrl-clicks-dev", True),
        ("http://127.0.0.1:4566/000000000000/squrl-clicks-dev", True),
        ("ClickQueue", False),
        ("squrl-clicks-dev", False),
        ("https://sqs.eu-central-1.amazonaws.com", False),
        ("https://user@sqs.eu-central-1.amazonaws.com/123456789012/clicks", False),
        ("https://sqs.eu-central-1.amazonaws.com/123456789012/clicks\n", False),
    ],
)
def test_given_a_queues_url_when_the_settings_of_redirect_are_read_then_it_is_one_or_empty(url, is_right):
    environment = ENVIRONMENT | {"CLICK_QUEUE_URL": url}

    if is_right:
        assert RedirectSettings.from_environment(environment).click_queue_url == url
    else:
        with pytest.raises(SettingsError, match="CLICK_QUEUE_URL"):
            RedirectSettings.from_environment(environment)


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_given_a_missing_variable_when_the_settings_are_read_then_the_error_names_it(name):
    environment = {key: value for key, value in ENVIRONMENT.items() if key != name}

    with pytest.raises(SettingsError) as failure:
        CreateSettings.from_environment(environment)

    assert str(failure.value) == f"{name} is not set"


def test_given_a_variable_of_the_process_only_when_the_settings_are_read_then_it_is_missing(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match="TABLE_NAME"):
        Settings.from_environment({})

    assert Settings.from_environment(os.environ).table_name == "squrl-urls-test"


@pytest.mark.parametrize("name", ["ALLOW_PRIVATE_DESTINATIONS", "STORE_CREATOR_IP"])
@pytest.mark.parametrize("value", ["", "True", "TRUE", "1", "0", "yes", "on", " true", "true ", "true\n", "none"])
def test_given_a_flag_that_is_neither_true_nor_false_when_read_then_it_is_no_guess_but_an_error(name, value):
    environment = ENVIRONMENT | {name: value}

    with pytest.raises(SettingsError, match=rf"\b{name}\b") as failure:
        CreateSettings.from_environment(environment)

    assert "true or false" in str(failure.value)


@pytest.mark.parametrize("name", ["ALLOW_PRIVATE_DESTINATIONS", "STORE_CREATOR_IP"])
@pytest.mark.parametrize(("value", "flag"), [("true", True), ("false", False)])
def test_given_a_flag_when_read_then_it_is_a_boolean(name, value, flag):
    environment = ENVIRONMENT | {name: value}

    settings = CreateSettings.from_environment(environment)

    assert getattr(settings, name.lower()) is flag


@pytest.mark.parametrize("value", ["", "-1", "1.5", " 60", "60\n", "\u0661", "x", "1" * 10])
def test_given_a_limit_that_is_no_number_when_read_then_the_error_names_the_variable(value):
    with pytest.raises(SettingsError, match=r"^CREATES_PER_MINUTE_PER_CLIENT must be a number"):
        CreateSettings.from_environment(ENVIRONMENT | {"CREATES_PER_MINUTE_PER_CLIENT": value})


@pytest.mark.parametrize("value", ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab", ""])
def test_given_a_keys_id_when_read_then_it_is_kept(value):
    assert CreateSettings.from_environment(ENVIRONMENT | {"CLIENT_KEY_ID": value}).client_key_id == value


@pytest.mark.parametrize("value", ["alias/squrl", "a b", "1234abcd\n"])
def test_given_what_is_no_keys_id_when_read_then_the_error_names_the_variable(value):
    with pytest.raises(SettingsError, match=r"^CLIENT_KEY_ID "):
        CreateSettings.from_environment(ENVIRONMENT | {"CLIENT_KEY_ID": value})


@pytest.mark.parametrize("value", ["abc", "squrl-urls-dev", "Squrl_urls.2", "a" * 255])
def test_given_a_table_name_that_dynamodb_allows_when_read_then_it_is_kept(value):
    environment = ENVIRONMENT | {"TABLE_NAME": value}

    settings = CreateSettings.from_environment(environment)

    assert settings.table_name == value


@pytest.mark.parametrize("value", ["", "ab", "a" * 256, "a b c", "squrl/urls", "squrl-urls\n", "tablé", "arn:aws:x"])
@pytest.mark.parametrize("kind", [Settings, CreateSettings])
def test_given_a_table_name_that_dynamodb_refuses_when_read_then_the_error_names_the_variable(kind, value):
    environment = ENVIRONMENT | {"TABLE_NAME": value}

    with pytest.raises(SettingsError) as failure:
        kind.from_environment(environment)

    assert str(failure.value).startswith("TABLE_NAME ")


@pytest.mark.parametrize("value", ["ab", "squrl/state", "squrl-state\n", "arn:aws:x"])
def test_given_a_state_table_that_dynamodb_refuses_when_read_then_the_error_names_the_variable(value):
    with pytest.raises(SettingsError, match=r"^STATE_TABLE_NAME "):
        Settings.from_environment(ENVIRONMENT | {"STATE_TABLE_NAME": value})


@pytest.mark.parametrize(
    "value",
    ["", "https://go.example.com", "http://localhost:3000", "http://127.0.0.1:3000", "https://a-b.example:8443"],
)
def test_given_a_base_url_without_a_path_when_read_then_it_is_kept(value):
    environment = ENVIRONMENT | {"BASE_URL": value}

    settings = CreateSettings.from_environment(environment)

    assert settings.base_url == value


@pytest.mark.parametrize(
    "value",
    [
        "go.example.com",
        "//go.example.com",
        "ftp://go.example.com",
        "https://",
        "https://go.example.com/",
        "https://go.example.com/s",
        "https://go.example.com?x",
        "https://user@go.example.com",
        "https://GO.example.com",
        "HTTPS://go.example.com",
        "https://go.example.com:",
        "https://go.example.com:port",
        "https://go.example.com:123456",
        " https://go.example.com",
        "https://go.example.com\n",
        "https://gö.example.com",
    ],
)
def test_given_a_base_url_that_no_short_url_can_start_with_when_read_then_the_error_names_the_variable(value):
    environment = ENVIRONMENT | {"BASE_URL": value}

    with pytest.raises(SettingsError) as failure:
        CreateSettings.from_environment(environment)

    assert "BASE_URL" in str(failure.value)


@given(st.dictionaries(st.sampled_from(sorted(ENVIRONMENT)), st.text(max_size=20)))
def test_given_any_environment_when_the_settings_are_read_then_they_are_right_or_the_error_says_which_is_not(changed):
    environment = ENVIRONMENT | changed

    try:
        settings = CreateSettings.from_environment(environment)
    except SettingsError as error:
        said = str(error)
    else:
        said = ""
        assert settings.table_name == environment["TABLE_NAME"]
        assert settings.base_url == environment["BASE_URL"]

    assert said == "" or any(re.search(rf"\b{name}\b", said) for name in changed)


def test_given_settings_when_someone_changes_them_then_that_fails():
    settings = Settings.from_environment(ENVIRONMENT)

    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.table_name = "another-table"  # type: ignore[misc]  # the point of the test

    assert settings.table_name == "squrl-urls-test"


@pytest.mark.parametrize(
    "value", ["go.example.com/", "https://go.example.com", "GO.example.com", "go example", "g\u00f6.example"]
)
@pytest.mark.parametrize("kind", [CreateSettings, RedirectSettings])
def test_given_a_domain_that_is_none_when_read_then_the_error_names_the_variable(kind, value):
    with pytest.raises(SettingsError, match="DOMAIN_NAME"):
        kind.from_environment(ENVIRONMENT | {"CLICK_QUEUE_URL": "", "DOMAIN_NAME": value})
