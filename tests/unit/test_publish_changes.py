"""The function that publishes changes: what it says of a link, and what comes again when something fails."""

import copy
import json

import pytest

from squrl import telemetry
from squrl.aws.links_table import SECRET_ROW
from tests.support import events
from tests.support.functions import Functions, log_in, metrics_in
from tests.template.stack import read

CHANGED = events.load("publish_changes/stream_changed.json")["Records"][0]
DISABLED = events.load("publish_changes/stream_disabled.json")["Records"][0]


@pytest.fixture
def functions(clock):
    return Functions()


def a_record(number, code="told", record=CHANGED):
    """Return a record with a number and a code of its own."""
    made = copy.deepcopy(record)
    made["eventID"] = f"event-{number}"
    made["dynamodb"]["SequenceNumber"] = str(number)
    for image in ("Keys", "NewImage", "OldImage"):
        made["dynamodb"][image]["short_code"] = {"S": code}
    return made


def unreadable(record):
    record["dynamodb"]["NewImage"]["expires_at"] = {"N": "1.5"}
    return record


def publish(functions, *records):
    """Return from which record on the batch comes again, and the ids of what was published."""
    answer = functions.invoke("publish_changes", {"Records": list(records)}, remaining_ms=30_000)
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert len(failed) <= 1
    return failed, [event.detail["id"] for event in functions.bus.events]


@pytest.mark.parametrize("name", events.STREAMS)
def test_given_a_sample_of_the_stream_when_invoked_then_its_events_are_published(functions, name):
    answer = functions.invoke("publish_changes", events.load(name))

    assert answer == {"batchItemFailures": []}
    assert [(event.short_code, event.name) for event in functions.bus.events] == events.STREAMS[name]


def test_given_a_change_when_published_then_the_link_is_as_the_api_has_it_now_and_before(functions):
    functions.parameters = {"BaseUrl": "https://go.example.com"}

    publish(functions, CHANGED)

    (event,) = functions.bus.events
    assert event.detail.keys() == {"id", "short_code", "link", "before"}
    assert (event.detail["id"], event.detail["short_code"]) == (CHANGED["eventID"], "told")
    link, before = event.detail["link"], event.detail["before"]
    assert {name for name in link if link[name] != before[name]} == {"title", "revision"}
    assert link["short_url"] == "https://go.example.com/told"
    assert event.at == CHANGED["dynamodb"]["ApproximateCreationDateTime"]


def test_given_a_domain_or_nothing_when_published_then_short_urls_start_with_it_or_are_null(functions):
    found = []
    for parameters in ({"DomainName": "my.example"}, {}):
        functions.parameters = parameters
        publish(functions, CHANGED)
        found.append(functions.bus.events[-1].detail["link"]["short_url"])

    assert found == ["https://my.example/told", None]


def test_given_a_record_that_comes_twice_when_published_then_the_event_is_the_same(functions, clock):
    publish(functions, CHANGED)
    clock.wall += 3600
    publish(functions, CHANGED)

    first, second = functions.bus.events
    assert first == second


def test_given_a_link_of_a_client_when_published_then_nothing_of_the_client_is_in_it(functions):
    record = a_record(1)
    for image in ("NewImage", "OldImage"):
        record["dynamodb"][image]["creator_ip"] = {"S": "192.0.2.77"}

    publish(functions, record)

    assert "192.0.2.77" not in str(functions.bus.events) + json.dumps(functions.written)


def test_given_an_event_that_is_not_taken_then_the_batch_comes_again_from_its_record_on(functions):
    functions.bus.refused = "b"
    click = events.load("publish_changes/stream_click.json")["Records"][0]

    failed, published = publish(functions, a_record(1, "a"), click, a_record(3, "b"), a_record(4, "c"))

    assert (failed, published) == (["3"], ["event-1"])
    assert metrics_in(functions.written).keys() >= {telemetry.EVENT_PUBLISHED, telemetry.EVENT_NOT_PUBLISHED}
    (record,) = log_in(functions.written)
    assert (record["message"], record["cause"], record["events"]) == (
        "Events returned to the stream",
        "InternalFailure",
        2,
    )


def test_given_a_record_that_can_not_be_read_then_those_before_it_are_published(functions):
    failed, published = publish(functions, a_record(1), unreadable(a_record(2)), a_record(3))

    assert (failed, published) == (["2"], ["event-1"])


def test_given_a_record_that_can_not_be_read_at_first_then_lambda_divides_the_batch(functions):
    with pytest.raises(Exception, match=r"^$") as raised:
        publish(functions, unreadable(a_record(2)), a_record(3))

    assert type(raised.value).__name__ == "UnreadableRecordError"
    assert functions.bus.events == []
    (record,) = log_in(functions.written)
    assert (record["message"], record["event_id"]) == ("Unreadable record", "event-2")


def test_given_both_failures_then_the_earlier_one_decides(functions):
    functions.bus.refused = "a"

    failed, _ = publish(functions, a_record(1, "a"), unreadable(a_record(2)))

    assert failed == ["1"]


def test_given_the_row_with_the_secret_when_it_comes_past_the_filter_then_it_is_no_event(functions):
    row = {"short_code": {"S": SECRET_ROW}, "secret": {"B": "c2VjcmV0"}}
    record = a_record(1)
    record["dynamodb"] |= {"Keys": {"short_code": {"S": SECRET_ROW}}, "NewImage": row}

    assert publish(functions, record) == ([], [])


def test_given_a_click_of_an_earlier_version_when_it_comes_past_the_filter_then_it_is_no_event(functions):
    record = a_record(1)
    record["dynamodb"]["OldImage"] = copy.deepcopy(record["dynamodb"]["NewImage"])
    record["dynamodb"]["NewImage"]["click_count"] = {"N": "9"}

    assert publish(functions, record) == ([], [])


def test_given_the_detail_types_then_the_description_of_the_events_has_them_all():
    text = (events.FOLDER.parent / "docs" / "events.md").read_text()

    names = {name for told in events.STREAMS.values() for _, name in told}

    assert len(names) == 6
    assert all(f"`{name}`" in text for name in names)
    assert read()["Parameters"]["EventBus"]["Default"] == ""
