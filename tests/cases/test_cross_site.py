"""Who may call the API from where: other sites' pages, and a CDN with its secret."""

import json
import os

import pytest

from squrl.settings import SettingsError
from tests.support import events
from tests.support.functions import Functions, load, variables

CREATE, REDIRECT = events.load("create_url/http.json"), events.load("redirect/http.json")
DIRECT = events.load("create_url/direct.json")
HOST = CREATE["headers"]["host"]
SECRET = "a-secret-of-the-cdn-0123456789-abcdef"  # noqa: S105


@pytest.fixture
def functions():
    return Functions()


def ask(functions, event, function="create_url", **headers):
    """Return the answer to an event with these headers besides; an underscore stands for a hyphen, None removes."""
    given = event["headers"] | {name.replace("_", "-"): value for name, value in headers.items()}
    return functions.invoke(function, event | {"headers": {name: value for name, value in given.items() if value}})


BASE, PAGE, EVIL = "https://go.example.com", "https://www.example.com", "https://evil.example"
TABLE = [  # parameters, headers, whether the request is let through
    ({}, {}, True),
    ({}, {"sec_fetch_site": "none"}, True),
    ({}, {"sec_fetch_site": "same-origin"}, True),
    ({}, {"sec_fetch_site": "same-site"}, True),
    ({}, {"sec_fetch_site": "cross-site"}, False),
    ({}, {"origin": f"https://{HOST}"}, True),
    ({}, {"origin": f"https://{HOST}", "sec_fetch_site": "same-origin"}, True),
    ({}, {"origin": f"https://{HOST.upper()}"}, True),
    ({}, {"origin": f"https://{HOST}:8443"}, False),
    ({}, {"host": "127.0.0.1:3000", "origin": "http://127.0.0.1:3000"}, True),
    ({}, {"host": "127.0.0.1:3000", "origin": "http://127.0.0.1:8080"}, False),
    ({}, {"host": "127.0.0.1:3000", "origin": "http://127.0.0.1"}, False),
    ({}, {"origin": EVIL}, False),
    ({}, {"origin": EVIL, "sec_fetch_site": "same-origin"}, False),
    ({}, {"origin": EVIL, "host": None}, False),
    ({}, {"origin": "null"}, False),
    ({}, {"origin": "null", "sec_fetch_site": "same-origin"}, False),
    ({}, {"origin": f"{EVIL}/{HOST}"}, False),
    ({}, {"origin": f"https://{HOST}.evil.example"}, False),
    ({}, {"origin": f"https://{HOST}@evil.example"}, False),
    ({}, {"origin": f"{EVIL}, https://{HOST}"}, False),
    ({}, {"origin": "file://"}, False),
    ({}, {"origin": "chrome-extension://abc"}, False),
    ({}, {"origin": "garbage"}, False),
    ({}, {"origin": f"https://{HOST}", "host": "other.example"}, False),
    ({"BaseUrl": BASE}, {"origin": BASE}, True),
    ({"BaseUrl": BASE}, {"origin": f"https://{HOST}"}, True),
    ({"BaseUrl": BASE}, {"origin": "http://go.example.com"}, False),
    ({"BaseUrl": BASE}, {"origin": f"{BASE}:8443"}, False),
    ({"BaseUrl": BASE}, {"origin": PAGE}, False),
    ({"BaseUrl": BASE}, {"origin": BASE, "sec_fetch_site": "cross-site"}, True),
    ({"CorsOrigin": PAGE}, {"origin": PAGE}, True),
    ({"CorsOrigin": PAGE}, {"origin": PAGE, "sec_fetch_site": "cross-site"}, True),
    ({"CorsOrigin": PAGE}, {"sec_fetch_site": "cross-site"}, False),
    ({"CorsOrigin": PAGE}, {"origin": "http://www.example.com"}, False),
    ({"CorsOrigin": PAGE}, {"origin": EVIL}, False),
    ({"CorsOrigin": PAGE}, {"origin": "null"}, False),
    ({"CorsOrigin": "*"}, {"origin": EVIL, "sec_fetch_site": "cross-site"}, True),
    ({"CorsOrigin": "*"}, {"sec_fetch_site": "cross-site"}, True),
    ({"DomainName": "go.example.com", "CertificateArn": "arn", "HostedZoneId": "Z1"}, {"origin": BASE}, True),
    ({"DomainName": "go.example.com", "CertificateArn": "arn", "HostedZoneId": "Z1"}, {"origin": EVIL}, False),
]


@pytest.mark.parametrize(("parameters", "headers", "is_allowed"), TABLE)
def test_given_a_page_when_it_creates_a_link_then_its_site_decides(functions, parameters, headers, is_allowed):
    functions.parameters = parameters
    before = dict(functions.store.links)

    answer = ask(functions, CREATE, **headers)

    assert answer["statusCode"] == (201 if is_allowed else 403)
    if not is_allowed:
        assert json.loads(answer["body"])["error"] == "Forbidden"
        assert functions.store.links == before


@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}])
@pytest.mark.parametrize("name", ["http", "http_head"])
def test_given_a_page_when_it_follows_a_link_then_its_site_is_no_matter(functions, headers, name):
    answer = ask(functions, events.load(f"redirect/{name}.json"), "redirect", **headers)

    assert answer["statusCode"] == 301


def test_given_a_page_of_another_site_when_refused_then_it_was_counted_for_its_client(functions):
    assert ask(functions, CREATE, origin=EVIL)["statusCode"] == 403
    assert functions.limiter.asked == ["192.0.2.44"]


class TestOriginSecret:
    @pytest.fixture
    def functions(self):
        functions = Functions()
        functions.parameters = {"OriginSecret": SECRET, "BaseUrl": BASE}
        return functions

    @pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), "\u00e9"])
    @pytest.mark.parametrize(("function", "event"), [("create_url", CREATE), ("redirect", REDIRECT)])
    def test_given_no_secret_or_another_when_asked_then_the_door_is_shut(
        self, functions, function, event, secret, capsys, caplog
    ):
        answer = ask(functions, event, function, x_origin_secret=secret)

        assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (403, "Forbidden")
        assert functions.limiter.asked == []
        assert functions.store.calls == []
        assert SECRET not in f"{answer}{capsys.readouterr()}{caplog.text}"

    @pytest.mark.parametrize(("function", "event"), [("create_url", CREATE), ("redirect", REDIRECT)])
    def test_given_the_secret_when_asked_then_the_request_is_answered(self, functions, function, event, capsys, caplog):
        viewer = {"x_origin_secret": SECRET, "cloudfront_viewer_address": "198.51.100.10:46532"}

        answer = ask(functions, event, function, **viewer)

        assert answer["statusCode"] in (201, 301)
        assert SECRET not in f"{answer}{capsys.readouterr()}{caplog.text}"

    @pytest.mark.parametrize(
        ("function", "event"), [("create_url", DIRECT), ("redirect", {"short_code": "hello-squrl"})]
    )
    def test_given_a_direct_invocation_when_made_then_no_secret_is_asked_for(self, functions, function, event):
        assert "error" not in functions.invoke(function, event)

    @pytest.mark.parametrize(
        ("viewer", "address"),
        [
            ("198.51.100.10:46532", "198.51.100.10"),
            ("2001:db8:85a3::8a2e:370:7334:46532", "2001:db8:85a3::8a2e:370:7334"),
            ("[2001:db8:85a3::8a2e:370:7334]:46532", "2001:db8:85a3::8a2e:370:7334"),
        ],
    )
    def test_given_a_viewer_when_asked_then_that_address_is_limited(self, functions, viewer, address):
        ask(functions, CREATE, x_origin_secret=SECRET, cloudfront_viewer_address=viewer)

        assert functions.limiter.asked == [address]

    def test_given_a_page_of_the_base_url_when_it_creates_then_it_may(self, functions):
        cdn = {"x_origin_secret": SECRET, "cloudfront_viewer_address": "198.51.100.10:46532"}

        assert ask(functions, CREATE, origin=BASE, **cdn)["statusCode"] == 201
        assert ask(functions, CREATE, origin=EVIL, **cdn)["statusCode"] == 403

    def test_given_a_defect_when_asked_then_the_secret_is_not_logged(self, functions, capsys, caplog):
        functions.store.failures["claim"] = ValueError(SECRET)

        answer = ask(functions, CREATE, x_origin_secret=SECRET, cloudfront_viewer_address="198.51.100.10:46532")

        assert answer["statusCode"] == 500
        assert SECRET not in f"{answer}{capsys.readouterr()}{caplog.text}"

    @pytest.mark.parametrize(("function", "broken"), [("create_url", "BASE_URL"), ("redirect", "CLICK_QUEUE_URL")])
    def test_given_a_broken_setting_when_loaded_then_the_error_has_no_secret(self, function, broken):
        environment = variables(function, OriginSecret=SECRET, BaseUrl=BASE) | {broken: "no url"}

        with pytest.raises(SettingsError) as refused:
            load(function, environment)

        assert SECRET not in f"{refused.value}{refused.value!r}"
        assert SECRET not in os.environ.values()


def test_given_a_secret_without_a_base_url_when_loaded_then_it_is_refused():
    with pytest.raises(SettingsError, match="BASE_URL"):
        load("create_url", variables("create_url", OriginSecret=SECRET))
