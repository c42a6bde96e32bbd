"""What callers of the managing function may send, what is said of the rest, and the API's description of it."""

from typing import Any

import pytest

from squrl import requests
from squrl.domains import DomainLists
from squrl.errors import SqurlError, ValidationError
from squrl.requests import ChangeRequest, CreateRequest, ImportRequest, KeyRequest, read, read_domain_change
from squrl.web.response import link_body
from tests.support import description
from tests.support.fakes import NOW, a_link

SCHEMAS = description.DOCUMENT["components"]["schemas"]
LINK = link_body(a_link(), None, NOW)
WHOLE: dict[Any, dict[str, Any]] = {
    CreateRequest: {"original_url": "https://example.com/"},
    ImportRequest: {"original_url": "https://example.com/", "short_code": "x"},
    ChangeRequest: {},
    KeyRequest: {"name": "laptop", "owner": "us", "role": "write"},
}
TITLE = "must have at most 120 bytes of UTF-8"
TAGS = "must be a list of at most 10, each of 1 to 30 lower-case letters, digits or hyphens"
OWNER = "must be 1 to 32 lower-case letters, digits or hyphens"
CODE = "must be 1 to 64 letters, digits, underscores or hyphens"
TIME = "must be a time such as 2026-08-23T10:30:00Z"
STRING, INTEGER, TEXT = "must be a string", "must be an integer", "must be Unicode text, without lone surrogates"
STATUS, HOURS, TYPE = 'must be "active" or "disabled"', "must be between 1 and 87600", 'must be "301" or "302"'


def refusal(model: Any, fields: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        read(model, fields)
    return caught.value


BROKEN: list[tuple[Any, str, list[Any], str]] = [
    (CreateRequest, "title", ["x" * 121, "ä" * 61], TITLE),
    (CreateRequest, "title", [1, ["x"], True], STRING),
    (CreateRequest, "title", ["\ud800"], TEXT),
    (
        CreateRequest,
        "tags",
        ["a", {}, ["A"], [""], ["x" * 31], [1], ["a\n"], ["\ud800"], ["a"] * 11, ["A", "B", 3]],
        TAGS,
    ),
    (CreateRequest, "owner", ["", "Us", "a_b", "x" * 33, "us\n", "*", "ä"], OWNER),
    (CreateRequest, "owner", [1, []], STRING),
    (ImportRequest, "short_code", ["", "a b", "x" * 65, "#secret", "a\n", "ä"], CODE),
    (ImportRequest, "short_code", ["LINKS", "qr"], "is reserved"),
    (ImportRequest, "created_at", ["", "now", "2026-8-3T1:2:3Z", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z"], TIME),
    (ImportRequest, "created_at", ["2026-08-23T10:30:60Z", "2026-08-23T10:30:00+00:00", "2026-08-23T10:30:00Z "], TIME),
    (ImportRequest, "expires_at", ["2026-08-23", "1969-12-31T23:59:59Z"], TIME),
    (ImportRequest, "expires_at", [1_800_000_000], STRING),
    (ImportRequest, "status", ["deleted", "expired", "", 1, True], STATUS),
    (ImportRequest, "imported_clicks", [-1, 10**11 + 1, 10**400], "must be between 0 and 100000000000"),
    (ImportRequest, "imported_clicks", ["1", 1.5, True], INTEGER),
    (ChangeRequest, "original_url", [None, 1], STRING),
    (ChangeRequest, "redirect_type", [None, "303", 301], TYPE),
    (ChangeRequest, "status", [None, "deleted", "expired", 1], STATUS),
    (ChangeRequest, "ttl_hours", [0, 87_601, -1], HOURS),
    (ChangeRequest, "ttl_hours", ["24", 24.5, True], INTEGER),
    (ChangeRequest, "max_clicks", [0, 10**9 + 1, -1], "must be between 1 and 1000000000"),
    (ChangeRequest, "max_clicks", ["1", 1.5, True], INTEGER),
    (ChangeRequest, "forward_query", [0, "false"], "must be true or false"),
    (ChangeRequest, "click_limit", [1, None], "is not a field of this request"),
    (ChangeRequest, "title", ["x" * 121], TITLE),
    (ChangeRequest, "tags", [["a", "B"]], TAGS),
    (ChangeRequest, "owner", ["us", None], "is not a field of this request"),
    (ChangeRequest, "custom_code", ["abc", None], "is not a field of this request"),
    (KeyRequest, "name", ["", "x" * 121, "ä" * 61], "must have 1 to 120 bytes of UTF-8"),
    (KeyRequest, "role", ["owner", "READ", 1], 'must be "read", "write" or "admin"'),
    (KeyRequest, "role", [None], "is required"),
    (KeyRequest, "owner", ["*"], OWNER),
]


@pytest.mark.parametrize(
    ("model", "field", "value", "rule"),
    [(model, field, value, rule) for model, field, values, rule in BROKEN for value in values],
    ids=lambda value: getattr(value, "__name__", None) or (ascii(value)[:20] if not isinstance(value, int) else None),
)
def test_given_a_field_that_breaks_a_rule_when_read_then_its_one_detail_says_which(model, field, value, rule):
    error = refusal(model, WHOLE[model] | {field: value})

    assert error.details == [{"field": field, "message": f"{field} {rule}"}]


@pytest.mark.parametrize("model", WHOLE)
def test_given_all_fields_at_fault_when_read_then_each_has_a_detail_of_its_own(model):
    error = refusal(model, dict.fromkeys(model.model_fields, b"bytes are nothing"))

    assert [detail["field"] for detail in error.details or ()] == list(model.model_fields)
    for detail in error.details or ():
        assert detail["message"].startswith(f"{detail['field']} must ")


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CreateRequest, {"title": "ä" * 60, "tags": ["a-1", "x" * 30], "owner": "a-1"}),
        (CreateRequest, {"tags": ["a"] * 10}),
        (ImportRequest, {"short_code": "a" * 64, "created_at": "1970-01-01T00:00:00Z", "imported_clicks": 0}),
        (ImportRequest, {"expires_at": "9999-12-31T23:59:59Z", "status": "active"}),
        (ImportRequest, {"max_clicks": 5, "forward_query": True}),
        (ChangeRequest, {"ttl_hours": 24.0}),
        (ChangeRequest, {"title": None, "tags": None, "ttl_hours": None}),
        (ChangeRequest, {"max_clicks": 1, "forward_query": True}),
        (ChangeRequest, {"max_clicks": None, "forward_query": None}),
        (KeyRequest, {"ttl_hours": 1, "role": "admin", "owner": "x" * 32}),
    ],
    ids=str,
)
def test_given_fields_that_keep_the_rules_when_read_then_they_are_kept(model, fields):
    assert dict(read(model, WHOLE[model] | fields)).items() >= fields.items()


def test_given_nulls_in_a_change_when_read_then_they_are_told_from_what_is_absent():
    assert read(ChangeRequest, {"title": None}).model_fields_set == {"title"}
    assert read(ChangeRequest, {}).model_fields_set == set()


@pytest.mark.parametrize("entries", [None, {}, "a", [], ["a"] * 101], ids=lambda entries: ascii(entries)[:10])
def test_given_no_list_of_one_to_a_hundred_when_read_then_it_is_refused(entries):
    with pytest.raises(ValidationError, match="must be a list of 1 to 100"):
        requests.read_entries({"links": entries}, "links")


# The domain lists


def test_given_a_change_of_lists_when_read_then_entries_have_one_form():
    add, remove = read_domain_change(
        {
            "denied": {"add": ["Bad.Example.", "0x7f.1"], "remove": ["old.example"]},
            "allowed": {"add": ["bücher.example", "Files.example/u/%31/"]},
        }
    )

    allowed = frozenset({"xn--bcher-kva.example", "files.example/u/1"})
    assert add == DomainLists(frozenset({"bad.example", "127.0.0.1"}), allowed)
    assert remove == DomainLists(denied=frozenset({"old.example"}))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"blocked": {"add": ["a.example"]}}, "blocked"),
        ({"denied": ["a.example"]}, "denied"),
        ({"denied": {"put": []}}, "denied"),
        ({"denied": {"add": "a.example"}}, "denied.add"),
        ({"denied": {"add": ["a b"]}}, "denied.add"),
        ({"denied": {"add": [""]}}, "denied.add"),
        ({"denied": {"add": [1]}}, "denied.add"),
        ({"denied": {"add": ["https://a.example/"]}}, "denied.add"),
        ({"denied": {"add": ["a.example/x?y"]}}, "denied.add"),
        ({"denied": {"add": ["a.example/" + 512 * "a"]}}, "denied.add"),
        ({"denied": {"add": ["203.0.113.0/24"]}}, "denied.add"),
        ({"allowed": {"remove": [f"{number}.example.com" for number in range(101)]}}, "allowed.remove"),
        ({"denied": {"add": ["a.example"], "remove": ["A.example"]}}, "body"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_given_a_change_of_lists_that_makes_no_sense_when_read_then_it_is_refused(fields, field):
    with pytest.raises(ValidationError) as caught:
        read_domain_change(fields)

    assert [detail["field"] for detail in caught.value.details or ()] == [field]


# The description


@pytest.mark.parametrize("model", [CreateRequest, ChangeRequest, ImportRequest])
def test_given_the_apis_description_when_compared_then_its_requests_are_the_models(model):
    schema = model.model_json_schema()

    for part in (schema, *schema["properties"].values()):
        part.pop("title")  # pydantic's: the name, once more
    assert SCHEMAS[model.__name__] == schema


def test_given_the_apis_description_when_compared_then_what_it_lists_is_what_there_is():
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for path in ("bulk", "import")
        for operation in description.DOCUMENT["paths"][f"/links/{path}"].values()
    ]

    errors = {error.__name__ for error in SqurlError.__subclasses__()}
    assert set(SCHEMAS["Error"]["properties"]["error"]["enum"]) == errors
    assert SCHEMAS["OwnersLink"]["required"] == list(SCHEMAS["OwnersLink"]["properties"]) == list(LINK)
    assert SCHEMAS["ChangedLink"]["required"] == list(SCHEMAS["ChangedLink"]["properties"]) == [*LINK, "cached_until"]
    assert {next(iter(body["properties"].values()))["maxItems"] for body in bodies} == {requests.MAX_ENTRIES}
