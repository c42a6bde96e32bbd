"""What a process remembers of keys; and the calls by which keys, domain lists and old days are kept."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squrl import keys
from squrl.authorize import authorize
from squrl.aws.client import ConditionFailed
from squrl.aws.durable_table import DAYS, DurableTable
from squrl.aws.keys import FOUND_KEPT, MISSED_KEPT, MOST, KnownKeys, RememberedKeys
from squrl.domains import DomainLists
from squrl.errors import Unauthorized
from squrl.keys import Role
from squrl.ports import Unavailable
from tests.support.fakes import NOW, FakeDurableTable

KEY, TOKEN = keys.make("laptop", "us", Role.ADMIN, NOW, None)


@pytest.fixture
def known():
    return KnownKeys()


def test_given_a_key_when_asked_for_again_then_it_is_remembered_for_half_a_minute(clock, known):
    table = FakeDurableTable(KEY)
    remembered = RememberedKeys(known, table)

    for wall in (0, 1, FOUND_KEPT - 0.01):
        clock.wall = NOW + wall
        assert remembered.find_key(KEY.id) == KEY
    assert table.asked == [KEY.id]
    clock.wall = NOW + FOUND_KEPT
    assert remembered.find_key(KEY.id) == KEY
    assert table.asked == [KEY.id] * 2


def test_given_no_key_when_asked_for_again_then_that_is_remembered_for_five_seconds(clock, known):
    table = FakeDurableTable()
    remembered = RememberedKeys(known, table)

    clock.wall = NOW
    assert remembered.find_key(KEY.id) is None
    table.add_key(KEY)
    clock.wall = NOW + MISSED_KEPT - 0.01
    assert remembered.find_key(KEY.id) is None
    clock.wall = NOW + MISSED_KEPT
    assert remembered.find_key(KEY.id) == KEY


def test_given_the_times_when_read_then_they_are_the_contracts():
    assert (FOUND_KEPT, MISSED_KEPT) == (30, 5)


def test_given_a_new_key_that_nobody_asked_for_when_shown_then_it_works_at_once(clock, known):
    table = FakeDurableTable()
    table.add_key(KEY)

    assert authorize(TOKEN, RememberedKeys(known, table), NOW).owner == "us"


def test_given_a_revoked_key_when_shown_all_the_time_then_it_ends_within_a_minute(clock, known):
    table = FakeDurableTable(KEY)
    clock.wall = NOW
    authorize(TOKEN, RememberedKeys(known, table), NOW)
    table.remove_key(KEY.id)

    worked = []
    for second in range(60):
        clock.wall = NOW + second
        try:
            authorize(TOKEN, RememberedKeys(known, table), NOW + second)
            worked.append(second)
        except Unauthorized:
            break

    assert worked == list(range(FOUND_KEPT))


def test_given_a_frozen_process_when_it_wakes_then_the_wall_clock_has_aged_its_keys(clock, known):
    table = FakeDurableTable(KEY)
    remembered = RememberedKeys(known, table)
    remembered.find_key(KEY.id)
    table.remove_key(KEY.id)

    clock.wall += 3600  # the monotonic clock stands still

    assert remembered.find_key(KEY.id) is None


def test_given_a_clock_that_is_set_back_when_asked_then_the_key_is_read_again(clock, known):
    table = FakeDurableTable(KEY)
    remembered = RememberedKeys(known, table)
    remembered.find_key(KEY.id)
    table.remove_key(KEY.id)

    clock.wall -= 3600

    assert remembered.find_key(KEY.id) is None


def test_given_who_tries_many_ids_when_asked_then_memory_stays_bounded(clock, known):
    remembered = RememberedKeys(known, FakeDurableTable(KEY))

    for number in range(3 * MOST):
        remembered.find_key(f"{number:08}")
        assert len(known.keys) <= MOST

    assert remembered.find_key(KEY.id) == KEY


def test_given_a_store_that_fails_when_asked_then_nothing_is_remembered_of_it(clock, known):
    with pytest.raises(Unavailable):
        RememberedKeys(known, table_with(Unavailable())[0]).find_key(KEY.id)

    assert RememberedKeys(known, FakeDurableTable(KEY)).find_key(KEY.id) == KEY


# The calls


class FakeService:
    """Answers with what it is given, and keeps what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: str, **arguments: Any) -> Any:
        self.asked.append((operation, arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def table_with(*answers: Any) -> tuple[DurableTable, FakeService]:
    service = FakeService(*answers)
    return DurableTable(service, "durable"), service  # type: ignore[arg-type]


def test_given_a_key_when_added_then_nothing_of_its_secret_goes_to_the_table():
    table, service = table_with({})

    assert table.add_key(KEY)

    ((operation, arguments),) = service.asked
    assert operation == "put_item"
    assert TOKEN[12:] not in repr(arguments)
    assert "attribute_not_exists" in arguments["ConditionExpression"]


def test_given_an_id_that_is_taken_when_added_then_it_is_told():
    table, _ = table_with(ConditionFailed(None, may_be_applied=False))

    assert not table.add_key(KEY)


def test_given_a_key_when_found_then_the_read_is_consistent_so_a_new_one_works():
    table, service = table_with({})

    assert table.find_key(KEY.id) is None
    assert service.asked[0][1]["ConsistentRead"] is True


def test_given_more_keys_than_one_answer_holds_when_listed_then_all_are_there():
    written, service = table_with({})
    written.add_key(KEY)
    item = service.asked[0][1]["Item"]
    table, pages = table_with({"Items": [item], "LastEvaluatedKey": {"id": "x"}}, {"Items": [item]})

    assert table.list_keys() == [KEY, KEY]
    assert pages.asked[1][1]["ExclusiveStartKey"] == {"id": "x"}


def test_given_no_change_of_the_lists_when_made_then_nothing_is_written():
    table, service = table_with({"Item": {"kind": {}, "id": {}, "denied a.example": {"BOOL": True}}})

    lists = table.change_domain_lists(DomainLists(), DomainLists())

    assert lists == DomainLists(denied=frozenset({"a.example"}))
    assert [operation for operation, _ in service.asked] == ["get_item"]


def test_given_a_row_with_something_else_in_it_when_read_then_it_is_an_error():
    table, _ = table_with({"Item": {"kind": {}, "id": {}, "blocked a.example": {"BOOL": True}}})

    with pytest.raises(ValueError, match="something else"):
        table.read_domain_lists()


# Days that left their rows


CREATED_AT = "2026-11-22T10:30:00Z"


def rows_of(*moves: dict[int, int]) -> list[Any]:
    """Return the rows that there are once days were added, as a query answers them: the writes, done by hand."""
    rows: dict[str, dict[str, Any]] = {}
    for days in moves:
        for write in table_with()[0].day_adds("abc", CREATED_AT, days):
            update = write["Update"]
            row = rows.setdefault(update["Key"]["id"]["S"], dict(update["Key"]))
            for addition in update["UpdateExpression"].removeprefix("ADD ").split(", "):
                name, _, value = addition.partition(" ")
                before = int(row.get(name, {"N": "0"})["N"])
                row[name] = {"N": str(before + int(update["ExpressionAttributeValues"][value]["N"]))}
    return list(rows.values())


@given(st.lists(st.dictionaries(st.integers(0, 46_655), st.integers(1, 10**9), max_size=30), max_size=3))
def test_given_days_when_added_and_read_then_they_are_the_sums_by_day(moves):
    table, _ = table_with({"Items": rows_of(*moves)})

    read = table.read_days("abc", CREATED_AT)

    assert read == {day: sum(each.get(day, 0) for each in moves) for days in moves for day in days}


def test_given_days_when_added_then_a_row_is_of_one_link_and_a_hundred_days():
    writes = table_with()[0].day_adds("abc", CREATED_AT, dict.fromkeys(range(20_000, 20_250), 1))

    keys_ = [(write["Update"]["Key"]["kind"]["S"], write["Update"]["Key"]["id"]["S"]) for write in writes]
    sizes = [len(write["Update"]["ExpressionAttributeValues"]) for write in writes]
    assert keys_ == [("days#abc", f"{CREATED_AT}#{part:04}") for part in (200, 201, 202)]
    assert (sizes, DAYS) == ([100, 100, 50], 100)


def test_given_a_hundred_busy_days_when_stored_then_their_row_is_below_a_kilobyte():
    (row,) = rows_of(dict.fromkeys(range(20_000, 20_100), 999_999_999))

    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    def size(value: dict[str, str]) -> int:
        return (len(value["N"]) + 1) // 2 + 1 if "N" in value else len(value["S"])

    assert sum(len(name) + size(value) for name, value in row.items()) < 1024


def test_given_old_days_when_read_then_they_are_the_links_own_and_as_they_are_now():
    table, service = table_with({"Items": [], "LastEvaluatedKey": {"id": "x"}}, {"Items": rows_of({20_000: 3})})

    assert table.read_days("abc", CREATED_AT) == {20_000: 3}

    (operation, first), (_, second) = service.asked
    assert (operation, first["ConsistentRead"]) == ("query", True)
    assert first["ExpressionAttributeValues"] == {":kind": {"S": "days#abc"}, ":created_at": {"S": f"{CREATED_AT}#"}}
    assert second["ExclusiveStartKey"] == {"id": "x"}
