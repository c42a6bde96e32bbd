"""What the table of links does when DynamoDB fails; what it does when DynamoDB doesn't, the contract suite says."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from squrl import codes
from squrl.aws.client import Service
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.aws.links_table import ATTEMPTS, SECRET_ROW, KnownSecret, LinksTable, RememberedSecret, from_item, to_item
from squrl.invocation import Invocation
from squrl.links import ACTIVE, DISABLED, Kind, Link
from squrl.ports import Claimed, HeldBy, LateClicks, Throttled, Unavailable
from tests.support.aws import NEVER_SENT, THROTTLED, UNKNOWN, ScriptedClient, cancelled, failed_condition
from tests.support.fakes import FOREVER, NOW, a_link

LINK = a_link(kind=Kind("https://example.com/", "301", 24))
ITEM = to_item(LINK)
SECRET = bytes(range(32))
SECRET_ITEM = {"short_code": {"S": SECRET_ROW}, "secret": {"B": SECRET}}
SUCCESS = {
    "Item": ITEM | SECRET_ITEM,
    "Items": [ITEM],
    "Attributes": ITEM,
    "Responses": {"squrl-urls-test": [ITEM]},
    "UnprocessedKeys": {},
}
CLICKS = {"a" * 32: NOW, "b" * 32: NOW - 60}
METHODS = {
    "get": lambda table: table.get("abc"),
    "count_click": lambda table: table.count_click("abc", NOW),
    "renew": lambda table: table.renew("abc", LINK.kind, NOW),
    "claim": lambda table: table.claim(LINK, NOW),
    "find": lambda table: table.find(LINK.kind, NOW),
    "change": lambda table: table.change(LINK, replace(LINK, title="New")),
    "release": lambda table: table.release(LINK),
    "page": lambda table: table.page("us", None, 10),
    "refreshed": lambda table: table.refreshed([LINK]),
    "secret": lambda table: table.secret(),
    "add_clicks": lambda table: table.add_clicks("abc", LINK.created_at, CLICKS),
}


def a_table(*script: Any) -> tuple[LinksTable, ScriptedClient, Invocation]:
    client, invocation = ScriptedClient(*script), Invocation(10_000)
    service = Service(client, invocation)
    return LinksTable(service, "squrl-urls-test", EphemeralTable(service, "squrl-ephemeral-test")), client, invocation


@pytest.mark.parametrize("failure", [THROTTLED[0], NEVER_SENT[0], UNKNOWN[0]], ids=["throttled", "not sent", "unknown"])
@pytest.mark.parametrize("method", METHODS)
def test_given_a_failure_when_asked_then_what_is_safe_is_tried_again(clock, method, failure):
    table, client, invocation = a_table(failure, SUCCESS)
    may_be_done = {"count_click", "change", "release"} if failure is UNKNOWN[0] else set()
    keeps_a_visitor_waiting = {"count_click"} if failure is THROTTLED[0] else set()
    is_final = method in may_be_done | keeps_a_visitor_waiting

    if is_final:
        with pytest.raises(Throttled if failure is THROTTLED[0] else Unavailable):
            METHODS[method](table)
    else:
        METHODS[method](table)

    assert len(client.requests) == (1 if is_final else 2)
    assert len(invocation.query_durations) == 1  # one question, with all its attempts


def test_given_a_failure_that_lasts_when_asked_then_there_are_five_attempts(clock):
    table, client, _ = a_table(UNKNOWN[0])

    with pytest.raises(Unavailable):
        table.get("abc")

    assert len(client.requests) == ATTEMPTS == 5


@pytest.mark.parametrize(
    ("failures", "holder", "claim"),
    [
        ([UNKNOWN[2]], LINK, Claimed(LINK)),
        ([UNKNOWN[2], THROTTLED[0]], LINK, Claimed(LINK)),
        ([UNKNOWN[2]], a_link(), HeldBy(a_link())),
        ([THROTTLED[0]], LINK, HeldBy(LINK)),
        ([], LINK, HeldBy(LINK)),
    ],
    ids=["answer lost", "and throttled", "another's", "never applied", "at once"],
)
def test_given_a_claim_whose_answer_was_lost_when_repeated_then_its_row_is_its_own(clock, failures, holder, claim):
    table, _, _ = a_table(*failures, failed_condition(to_item(holder)))

    assert table.claim(LINK, NOW) == claim


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ([{"Item": SECRET_ITEM}], 1),
        ([{}, failed_condition(SECRET_ITEM)], 2),
        ([{}, UNKNOWN[2], failed_condition(SECRET_ITEM)], 3),
    ],
    ids=["there", "another process was faster", "its own answer was lost"],
)
def test_given_a_secret_in_the_table_when_asked_for_then_it_is_that(clock, script, calls):
    table, client, _ = a_table(*script)

    secret = table.secret()

    assert (secret, len(client.requests)) == (SECRET, calls)
    assert client.requests[0]["ConsistentRead"]  # an older copy might lack it


def test_given_no_secret_when_asked_for_then_a_random_one_is_written_on_a_condition(clock):
    (table, client, _), (other_table, _, _) = a_table({}), a_table({})

    secret = table.secret()

    put = client.requests[1]
    assert put["Item"] == {"short_code": {"S": SECRET_ROW}, "secret": {"B": secret}}
    assert put["ConditionExpression"] == "attribute_not_exists(short_code)"
    assert len(secret) == len(other_table.secret()) == 32
    assert secret != other_table.secret()


def test_given_a_process_when_it_asks_for_the_secret_then_the_table_is_asked_once(clock):
    known, asked = KnownSecret(), []

    for answer in (THROTTLED[0], {"Item": SECRET_ITEM}, {}):
        table, client, _ = a_table(answer)
        try:
            asked.append((RememberedSecret(known, table).secret(), len(client.requests)))
        except Throttled:
            asked.append((b"", len(client.requests)))

    assert asked == [(b"", ATTEMPTS), (SECRET, 1), (SECRET, 0)]


def test_given_the_secrets_row_when_its_key_is_read_then_no_code_can_be_that():
    assert not codes.is_well_formed(SECRET_ROW)


@pytest.mark.parametrize("kind", [LINK.kind, FOREVER], ids=["one day", "forever"])
def test_given_a_link_when_claimed_then_an_expired_code_is_free_for_its_kind_alone(kind):
    table, client, _ = a_table({})

    table.claim(a_link(kind=kind), NOW)

    condition = client.requests[0]["ConditionExpression"]
    compared = {"original_url", "redirect_type", "ttl_hours", "expires_at", "#status"}
    assert condition.startswith("attribute_not_exists(short_code)")
    assert {name for name in compared if name in condition} == (compared if kind is LINK.kind else set())


def test_given_a_lost_answer_when_late_clicks_are_added_then_it_is_one_transaction(clock):
    table, client, _ = a_table(UNKNOWN[2], SUCCESS)

    added = table.add_clicks("abc", LINK.created_at, CLICKS)

    assert added == LateClicks(2, 0)
    assert client.requests[0] == client.requests[1]


def test_given_a_late_click_that_is_known_when_added_then_only_the_other_is_written(clock):
    table, client, _ = a_table(cancelled("None", "ConditionalCheckFailed", "TransactionConflict"), SUCCESS)

    added = table.add_clicks("abc", LINK.created_at, CLICKS)

    first, second = client.requests
    link, *puts = second["TransactItems"]
    assert added == LateClicks(1, 0)
    assert [write["Put"]["Item"]["id"]["S"] for write in puts] == [f"click#{'b' * 32}"]
    assert link["Update"]["ExpressionAttributeValues"][":clicks"] == {"N": "1"}
    assert second["ClientRequestToken"] != first["ClientRequestToken"]


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["ConditionalCheckFailed", "None", "None"], LateClicks(0, 2)),
        (["ConditionalCheckFailed", "ConditionalCheckFailed", "None"], LateClicks(0, 1)),
        (["None", "ConditionalCheckFailed", "ConditionalCheckFailed"], LateClicks(0, 0)),
    ],
    ids=["the link is no more", "and one is known", "all are known"],
)
def test_given_late_clicks_that_can_not_be_added_when_written_then_it_is_said_why(reasons, expected):
    table, client, _ = a_table(cancelled(*reasons))

    assert table.add_clicks("abc", LINK.created_at, CLICKS) == expected
    assert len(client.requests) == 1


def test_given_late_clicks_when_written_then_each_id_is_kept_for_thirty_days():
    table, client, _ = a_table(SUCCESS)

    table.add_clicks("abc", LINK.created_at, CLICKS)

    items = [write["Put"]["Item"] for write in client.requests[0]["TransactItems"][1:]]
    assert [int(item["expires_at"]["N"]) - 30 * 86_400 for item in items] == [NOW, NOW - 60]


def test_given_no_place_for_ids_when_late_clicks_come_then_it_is_a_defect():
    table = LinksTable(Service(ScriptedClient(SUCCESS), Invocation(5000)), "squrl-urls-test")

    with pytest.raises(TypeError):
        table.add_clicks("abc", LINK.created_at, CLICKS)


@pytest.mark.parametrize(
    ("status", "expires_at", "creator_ip"),
    itertools.product([ACTIVE, DISABLED], [None, NOW], [None, "192.0.2.1"]),
)
def test_given_a_link_when_stored_and_read_then_it_is_the_same(status, expires_at, creator_ip):
    link = a_link(status=status, expires_at=expires_at, creator_ip=creator_ip, custom_code=True, click_count=7)

    item = to_item(link)

    assert from_item(item) == link
    assert "ttl_hours" not in item
    assert ("collect_at" in item) == (status == ACTIVE and expires_at is not None)


@pytest.mark.parametrize(
    ("more", "status"), [({"status": {"S": "active"}}, ACTIVE), ({}, DISABLED)], ids=["active", "no status"]
)
def test_given_a_row_written_by_hand_when_read_then_what_it_lacks_has_its_default(more, status):
    row = {"short_code": {"S": "abc"}, "original_url": {"S": "https://example.com/"}} | more

    link = from_item(row)

    assert link == Link("abc", Kind("https://example.com/", "301", None), "", None, status=status)
