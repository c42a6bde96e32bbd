"""What the table of links does when DynamoDB fails; what it does when DynamoDB doesn't, the contract suite says."""

import itertools
import re
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from squrl import codes
from squrl.aws.client import Service
from squrl.aws.durable_table import DurableTable
from squrl.aws.ephemeral_table import EphemeralTable
from squrl.aws.links_table import (
    ATTEMPTS,
    MARK,
    MOVED,
    SECRET_ROW,
    KnownSecret,
    LinksTable,
    RememberedSecret,
    day_name,
    from_item,
    to_item,
)
from squrl.invocation import Invocation
from squrl.links import ACTIVE, DAY, DISABLED, KEPT_DAYS, MAX_DAYS, Kind, Link
from squrl.ports import Claimed, HeldBy, LateClicks, Throttled, Unavailable
from tests.support.aws import NEVER_SENT, THROTTLED, UNKNOWN, ScriptedClient, cancelled, failed_condition
from tests.support.fakes import FOREVER, NOW, a_link

LINK = a_link(kind=Kind("https://example.com/", "301", 24))
ITEM = to_item(LINK)
SECRET = bytes(range(32))
SECRET_ITEM = {"short_code": {"S": SECRET_ROW}, "secret": {"B": SECRET}}
SUCCESS = {
    "Item": ITEM | SECRET_ITEM,
    "Items": [ITEM | {"id": {"S": f"{LINK.created_at}#0208"}}],
    "Attributes": ITEM,
    "Responses": {"squrl-urls-test": [ITEM]},
    "UnprocessedKeys": {},
}
CLICKS = {"a" * 32: NOW, "b" * 32: NOW - 60}
TODAY = NOW // DAY
LONG = replace(LINK, days={TODAY - age: age + 1 for age in range(MAX_DAYS + 1)})
FIRST = TODAY - KEPT_DAYS
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
    "add_clicks of bots": lambda table: table.add_clicks("abc", LINK.created_at, CLICKS, are_bots=True),
    "move_days": lambda table: table.move_days(LONG, FIRST),
    "past_days": lambda table: table.past_days(LINK),
}


def a_table(*script: Any) -> tuple[LinksTable, ScriptedClient, Invocation]:
    client, invocation = ScriptedClient(*script), Invocation(10_000)
    service = Service(client, invocation)
    ephemeral, durable = EphemeralTable(service, "squrl-ephemeral-test"), DurableTable(service, "squrl-durable-test")
    return LinksTable(service, "squrl-urls-test", ephemeral, durable), client, invocation


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


@pytest.mark.parametrize("method", ["add_clicks", "move_days", "past_days"])
def test_given_a_table_that_was_not_given_when_needed_then_it_is_a_defect(method):
    table = LinksTable(Service(ScriptedClient(SUCCESS), Invocation(5000)), "squrl-urls-test")

    with pytest.raises(TypeError):
        METHODS[method](table)


@pytest.mark.parametrize(
    ("script", "expected", "conditions"),
    [
        ([SUCCESS], LateClicks(2, 0), ["not"]),
        ([cancelled("ConditionalCheckFailed", "None", "None"), SUCCESS], LateClicks(2, 0), ["not", "exists"]),
        (
            [cancelled("ConditionalCheckFailed", "None", "ConditionalCheckFailed"), SUCCESS],
            LateClicks(1, 0),
            ["not", "exists"],
        ),
        (
            [*[cancelled("ConditionalCheckFailed", "None", "None")] * 2, SUCCESS],
            LateClicks(2, 0),
            ["not", "exists", "not"],
        ),
        ([cancelled("ConditionalCheckFailed", "None", "None")], LateClicks(0, 2), ["not", "exists", "not"]),
        ([cancelled("None", "ConditionalCheckFailed", "ConditionalCheckFailed")], LateClicks(0, 0), ["not"]),
    ],
    ids=["no limit", "a limit", "and one is known", "a limit that goes meanwhile", "no link", "all are known"],
)
def test_given_late_clicks_of_bots_when_added_then_a_limit_grows_with_them(script, expected, conditions):
    table, client, _ = a_table(*script)

    added = table.add_clicks("abc", LINK.created_at, CLICKS, are_bots=True)

    updates = [request["TransactItems"][0]["Update"] for request in client.requests]
    told = ["not" if "_not_exists" in update["ConditionExpression"] else "exists" for update in updates]
    assert (added, told) == (expected, conditions)
    grows = ["SET click_limit = click_limit + :clicks" in update["UpdateExpression"] for update in updates]
    assert grows == [condition == "exists" for condition in conditions]
    assert not [update for update in updates if day_name(TODAY) in update["UpdateExpression"]]


def test_given_a_visitor_when_counted_then_sum_and_day_or_bots_grow_in_one_update():
    table, client, _ = a_table(SUCCESS)

    table.count_click("abc", NOW)
    table.count_click("abc", NOW, is_bot=True)

    person, bot = client.requests
    assert person["UpdateExpression"] == f"ADD click_count :one, {day_name(TODAY)} :one REMOVE {MARK}"
    assert bot["UpdateExpression"] == f"ADD click_count :one, bot_click_count :one REMOVE {MARK}"
    assert "click_count < click_limit" in person["ConditionExpression"]
    assert "click_count < click_limit" not in bot["ConditionExpression"]
    assert "attribute_not_exists(click_limit)" in bot["ConditionExpression"]


# Days that leave the row


def test_given_old_days_when_moved_then_row_and_history_change_in_one_transaction():
    table, client, _ = a_table(SUCCESS)

    assert table.move_days(LONG, FIRST)

    (request,) = client.requests
    (row, *history) = (write["Update"] for write in request["TransactItems"])
    moved = {day: clicks for day, clicks in LONG.days.items() if day < FIRST}
    assert row["UpdateExpression"].partition(" REMOVE ")[2].split(", ") == [*map(day_name, sorted(moved)), MARK]
    assert row["ExpressionAttributeValues"][":before"] == {"N": str(FIRST)}
    for day, clicks in moved.items():
        assert f"{day_name(day)} = :{day_name(day)}" in row["ConditionExpression"]
        assert row["ExpressionAttributeValues"][f":{day_name(day)}"] == {"N": str(clicks)}
    added = [int(value["N"]) for update in history for value in update["ExpressionAttributeValues"].values()]
    assert (sum(added), len(added)) == (sum(moved.values()), len(moved))


def test_given_no_old_days_when_moved_then_nothing_is_written():
    table, client, _ = a_table(SUCCESS)

    assert not table.move_days(LONG, min(LONG.days))
    assert client.requests == []


def test_given_more_old_days_than_one_transaction_takes_when_moved_then_the_oldest_go():
    table, client, _ = a_table(SUCCESS)
    days = {TODAY - age: 1 for age in range(MOVED + 50)}

    assert table.move_days(replace(LINK, days=days), TODAY)

    row = client.requests[0]["TransactItems"][0]["Update"]
    oldest = sorted(days)[: MOVED + 1]
    assert row["ExpressionAttributeValues"][":before"] == {"N": str(oldest[-1])}
    assert [day_name(day) in row["UpdateExpression"] for day in oldest] == [True] * MOVED + [False]
    assert len(row["ConditionExpression"].split(" AND ")) == MOVED + 1  # of 300 operators that there may be


def test_given_a_row_that_changed_when_days_are_moved_then_that_is_left_to_another():
    table, client, _ = a_table(cancelled("ConditionalCheckFailed", "None"))

    assert not table.move_days(LONG, FIRST)
    assert len(client.requests) == 1


def test_given_a_transaction_that_is_refused_when_days_are_moved_then_it_goes_up():
    table, _, _ = a_table(cancelled("ValidationError", "None"))

    with pytest.raises(ClientError):
        table.move_days(LONG, FIRST)


def test_given_a_lost_answer_when_days_are_moved_then_it_is_one_transaction(clock):
    table, client, _ = a_table(UNKNOWN[2], SUCCESS)

    assert table.move_days(LONG, FIRST)
    assert client.requests[0] == client.requests[1]


@given(st.integers(0, 36**3 - 1), st.integers(0, 36**3 - 1))
def test_given_two_days_when_named_then_their_names_differ_and_are_short(day, other):
    name = day_name(day)

    assert (day_name(other) == name) == (day == other)
    assert re.fullmatch("d[0-9a-z]{3}", name)
    assert from_item(ITEM | {name: {"N": "7"}}) == replace(LINK, days={day: 7})


# Rows


def test_given_an_attribute_that_is_no_days_when_named_then_no_day_has_its_name():
    kind = LINK.kind._replace(owner="us", forward_query=True)
    numbers = ("bot_click_count", "days_from", "max_clicks", "click_limit", "imported_clicks")
    more: dict[str, Any] = {"creator_ip": "192.0.2.1", "title": "T", "tags": frozenset("t"), "locked": True}
    full = a_link(kind=kind, **dict.fromkeys(numbers, 1) | more)

    assert not [name for name in to_item(full) if re.fullmatch("d.{3}", name)]
    assert from_item(to_item(full)) == full


@pytest.mark.parametrize(
    ("status", "expires_at", "creator_ip"),
    itertools.product([ACTIVE, DISABLED], [None, NOW], [None, "192.0.2.1"]),
)
def test_given_a_link_when_stored_and_read_then_it_is_the_same(status, expires_at, creator_ip):
    counted: dict[str, Any] = {"click_count": 7, "bot_click_count": 2, "days": {TODAY: 3, 0: 1}, "days_from": TODAY - 9}
    link = a_link(status=status, expires_at=expires_at, creator_ip=creator_ip, custom_code=True, **counted)

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
