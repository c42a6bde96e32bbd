"""Changes of links in a deployed stack are events on its bus, and clicks are not.

Ministack's streams, filters and buses are its own: that the filter is right is for tests/integration/test_events.py, by
AWS's own engine. It knows no partial batches of a stream, and lays nothing aside in S3.
"""

import json

import pytest

BUS = "links"


@pytest.fixture(scope="module")
def told(deploy, deployed, client):
    """Deploy with a bus; return a function that reads what came on it until now, in a queue behind a rule."""
    events, sqs = client("events"), client("sqs")
    events.create_event_bus(Name=BUS)
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="told", EventBusName=BUS, EventPattern='{"source": ["squrl"]}')
    events.put_targets(Rule="told", EventBusName=BUS, Targets=[{"Id": "1", "Arn": arn}])
    found = []

    def read():
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    with deployed():
        changed = deploy(EventBus=BUS)
        assert changed.returncode == 0, changed.stdout
        yield read


def test_given_a_bus_when_links_are_changed_then_each_change_is_told_and_no_click(
    told, http, make_key, invoke, eventually
):
    caller = http(make_key()["key"])
    _, link = caller.create(original_url="https://example.com/told")
    code = link["short_code"]
    for _ in range(3):
        assert invoke("redirect", {"short_code": code})["original_url"] == "https://example.com/told"
    caller.request("PATCH", f"/links/{code}", {"title": "Told"})
    caller.request("PATCH", f"/links/{code}", {"status": "disabled"})
    caller.request("DELETE", f"/links/{code}")

    eventually(lambda: len([each for each in told() if each["detail"]["short_code"] == code]) >= 4)

    mine = [each for each in told() if each["detail"]["short_code"] == code]
    assert [each["detail-type"] for each in mine] == ["Link Created", "Link Changed", "Link Disabled", "Link Deleted"]
    assert {each["source"] for each in mine} == {"squrl"}
    assert len({each["detail"]["id"] for each in mine}) == 4
    created, changed, _, deleted = (each["detail"] for each in mine)
    assert (created["link"]["owner"], created["before"]) == ("marketing", None)
    assert (changed["link"]["title"], changed["before"]["click_count"]) == ("Told", 3)
    assert (deleted["link"]["original_url"], deleted["before"]["original_url"]) == (None, "https://example.com/told")


def test_given_a_bus_when_the_mapping_is_described_then_what_fails_is_laid_aside_in_a_bucket(told, client):
    (mapping,) = client("lambda").list_event_source_mappings(FunctionName="squrl-publish-changes-dev:live")[
        "EventSourceMappings"
    ]

    assert "/stream/" in mapping["EventSourceArn"]
    assert len(mapping["FilterCriteria"]["Filters"]) == 3
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"].startswith("arn:aws:s3:::")
    assert mapping["MaximumRecordAgeInSeconds"] == 82_800
