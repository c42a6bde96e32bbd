"""The functions' settings: typed, complete, checked."""

import re
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl.settings import (
    CountClicksSettings,
    CreateSettings,
    ManageSettings,
    PagesSettings,
    PublishChangesSettings,
    RedirectSettings,
    Settings,
    SettingsError,
)
from tests.support.functions import FOLDERS, variables

KINDS: tuple[type[Settings], ...] = (
    CreateSettings,
    ManageSettings,
    PagesSettings,
    RedirectSettings,
    CountClicksSettings,
    PublishChangesSettings,
)
ENVIRONMENT = {name: value for function in FOLDERS for name, value in variables(function).items()}
NAMES = sorted({name.upper() for kind in KINDS for name in get_type_hints(kind)})
TABLES = [name for name in NAMES if name.endswith("TABLE_NAME")]
FLAGS = ["ALLOW_PRIVATE_DESTINATIONS", "STORE_CREATOR_IP"]

RIGHT = {
    **{name: ["abc", "squrl-urls-dev", "Squrl_urls.2", "a" * 255] for name in TABLES},
    "CLICK_QUEUE_URL": [
        *("", "https://sqs.eu-central-1.amazonaws.com/123456789012/squrl-clicks-dev"),
        "http://127.0.0.1:4566/000000000000/squrl-clicks-dev",
    ],
    "DOMAIN_NAME": ["", "go.example.com", "a-b.example"],
    "BASE_URL": [
        *("", "https://go.example.com", "http://localhost:3000", "http://127.0.0.1:3000", "https://a-b.example:8443"),
    ],
    "CLIENT_KEY_ID": ["", "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"],
    "CREATE_ACCESS": ["key", "anyone"],
    "EVENT_BUS": ["default", "Links_of.squrl-1", "a" * 256],
    "CORS_ORIGIN": ["", "*", "https://www.example.com"],
    "SERVICE_NAME": ["squrl", "Acme <Links>"],
    "SERVICE_COLOR": ["#1f6f54", "#FFFFFF"],
    **{name: ["", "https://example.com/a?b=c", "http://localhost:3000"] for name in ("HOME_URL", "NOT_FOUND_URL")},
    "SECURITY_CONTACT": ["", "mailto:security@example.com", "https://example.com/security"],
}
FREE = ["CORS_ORIGIN", "ORIGIN_SECRET", "SERVICE_NAME"]  # any text; what a secret needs besides has a test of its own
WRONG = {
    **{name: ["", "ab", "a" * 256, "a b c", "squrl/urls", "squrl-urls\n", "tablé", "arn:aws:x"] for name in TABLES},
    **{name: ["", "True", "TRUE", "1", "0", "yes", "on", " true", "true ", "true\n", "none"] for name in FLAGS},
    "EVENT_BUS": ["", "a" * 257, "arn:aws:events:us-east-1:123456789012:event-bus/links", "links\n", "a b"],
    "CREATE_ACCESS": ["", "keys", "Key", "nobody", "anyone\n"],
    "CREATES_PER_MINUTE_PER_CLIENT": ["", "-1", "1.5", " 60", "60\n", "\u0661", "x", "1" * 10],
    "PERMANENT_MAX_AGE": ["", "-1", "1.5", " 60", "60\n", "\u0661", "x", "86401", "1" * 10],
    "CLIENT_KEY_ID": ["alias/squrl", "a b", "1234abcd\n"],
    "DOMAIN_NAME": ["go.example.com/", "https://go.example.com", "GO.example.com", "go example", "g\u00f6.example"],
    "CLICK_QUEUE_URL": [
        *("ClickQueue", "squrl-clicks-dev", "https://sqs.eu-central-1.amazonaws.com"),
        *("https://user@sqs.eu-central-1.amazonaws.com/123456789012/clicks", "https://sqs.example/1/clicks\n"),
    ],
    "BASE_URL": [
        *("go.example.com", "//go.example.com", "ftp://go.example.com", "https://", "https://go.example.com/"),
        *("https://go.example.com/s", "https://go.example.com?x", "https://user@go.example.com"),
        *("https://GO.example.com", "HTTPS://go.example.com", "https://go.example.com:", "https://go.example.com:port"),
        *("https://go.example.com:123456", " https://go.example.com", "https://go.example.com\n"),
        "https://g\u00f6.example",
    ],
    "SERVICE_COLOR": ["", "green", "#fff", "#1f6f5g", "#1f6f54;", "#1f6f54\n", "1f6f54"],
    **{
        name: ["/", "//example.com", "javascript:alert(1)", "https://", "https://a b", "https://example.com\n"]
        for name in ("HOME_URL", "NOT_FOUND_URL")
    },
    "SECURITY_CONTACT": ["security@example.com", "http://example.com", "mailto:", "mailto:a@b\nContact: x"],
}


def kinds_with(name):
    return [kind for kind in KINDS if name.lower() in get_type_hints(kind)]


def test_given_the_templates_variables_when_read_then_each_has_its_type():
    parameters = {"StoreCreatorIp": "true", "BaseUrl": "https://go.example.com", "CreatesPerMinutePerClient": "60"}

    settings = CreateSettings(variables("create_url", **parameters, CorsOrigin="https://www.example.com"))

    assert vars(settings) == {
        "table_name": ENVIRONMENT["TABLE_NAME"],
        "ephemeral_table_name": ENVIRONMENT["EPHEMERAL_TABLE_NAME"],
        "durable_table_name": ENVIRONMENT["DURABLE_TABLE_NAME"],
        "domain_name": "",
        "origin_secret": "",
        "base_url": "https://go.example.com",
        "allow_private_destinations": False,
        "store_creator_ip": True,
        "create_access": "anyone",
        "creates_per_minute_per_client": 60,
        "client_key_id": settings.client_key_id,
        "cors_origin": "https://www.example.com",
    }


@pytest.mark.parametrize("name", NAMES)
def test_given_a_missing_variable_when_read_then_the_error_names_it(name):
    environment = {key: value for key, value in ENVIRONMENT.items() if key != name}

    for kind in kinds_with(name):
        with pytest.raises(SettingsError, match=f"^{name} is not set$"):
            kind(environment)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in RIGHT for value in RIGHT[name]])
def test_given_a_value_that_can_be_used_when_read_then_it_is_kept(name, value):
    read = [kind(ENVIRONMENT | {name: value}) for kind in kinds_with(name)]

    assert {getattr(settings, name.lower()) for settings in read} == {value}


@pytest.mark.parametrize("seconds", [0, 3600, 86_400])
@pytest.mark.parametrize("kind", [RedirectSettings, ManageSettings])
def test_given_how_long_a_301_is_kept_when_read_then_it_is_up_to_a_day(kind, seconds):
    assert kind(ENVIRONMENT | {"PERMANENT_MAX_AGE": str(seconds)}).permanent_max_age == seconds


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]], ids=ascii)
def test_given_a_value_that_can_not_be_used_when_read_then_the_error_names_it(name, value):
    assert sorted([*WRONG, *FREE]) == NAMES
    for kind in kinds_with(name):
        with pytest.raises(SettingsError, match=f"^{name} must be "):
            kind(ENVIRONMENT | {name: value})


@pytest.mark.parametrize(
    ("kind", "more", "is_enough"),
    [
        (CreateSettings, {}, False),
        (ManageSettings, {}, False),
        (CreateSettings, {"BASE_URL": "https://go.example.com"}, True),
        (CreateSettings, {"DOMAIN_NAME": "go.example.com"}, True),
        (RedirectSettings, {}, True),
    ],
)
def test_given_a_cdn_when_read_then_create_has_to_know_its_address(kind, more, is_enough):
    secret = "top secret"  # noqa: S105 (of no CDN)
    environment = ENVIRONMENT | {"ORIGIN_SECRET": secret} | more

    if is_enough:
        settings = kind(environment)
        assert settings.origin_secret == secret
        assert secret not in repr(settings)
    else:
        with pytest.raises(SettingsError, match=r"^BASE_URL must be set where ORIGIN_SECRET is"):
            kind(environment)


@pytest.mark.parametrize(
    ("base_url", "domain_name", "origins"),
    [
        ("", "", ()),
        ("https://a.example", "", ("https://a.example",)),
        ("", "b.example", ("https://b.example",)),
        ("https://a.example", "b.example", ("https://a.example", "https://b.example")),
    ],
)
def test_given_base_url_and_domain_when_asked_for_origins_then_it_is_first(base_url, domain_name, origins):
    settings = CreateSettings(ENVIRONMENT | {"BASE_URL": base_url, "DOMAIN_NAME": domain_name})

    assert settings.origins == origins


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20)))
def test_given_any_environment_when_read_then_the_error_says_what_is_wrong(changed):
    try:
        CreateSettings(ENVIRONMENT | changed)
    except SettingsError as error:
        said = str(error)
    else:
        said = ""

    assert said == "" or any(re.search(rf"\b{name}\b", said) for name in changed)
