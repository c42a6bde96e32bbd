"""Clicks that the table can't take at once, while the queue and its consumer fail."""

from itertools import islice

import pytest

from tests.faults.stack import CONSUMER, REDIRECT, Stack
from tests.support.proxy import INTERNAL, Fault

pytestmark = pytest.mark.timeout(300)

CLICKS = 2000
LINKS = 5  # so that a write of the consumer has several clicks

THROTTLED = Fault("clicks throttled", error="ThrottlingException")


@pytest.fixture
def links(scenario):
    """Put links into the table of whose clicks every other one is throttled."""
    scenario.database.rule = scenario.share(0.5, THROTTLED, on=lambda call: call.operation == "UpdateItem")
    return scenario.put_links(LINKS)


def test_given_no_queue_when_clicks_are_throttled_then_they_are_uncertain(scenario, links, database):
    with Stack({"AWS_ENDPOINT_URL_DYNAMODB": database.url, "CLICK_QUEUE_URL": ""}, [REDIRECT]) as scenario.stack:
        answers = scenario.run(islice(scenario.requests(links, creates=0), CLICKS))

    scenario.reconcile("No queue configured", answers, uncertain=True)


@pytest.mark.parametrize(("how", "title"), [("refusing", "The queue gone"), ("silent", "The queue silent")])
def test_given_no_answer_from_the_queue_when_clicks_wait_then_visitors_do_not(scenario, links, how, title):
    requests = scenario.requests(links, creates=0)

    answers, _ = scenario.run_through_outage(scenario.queue, how, requests, CLICKS // 2)

    scenario.reconcile(title, answers, uncertain=True)


def test_given_sends_whose_answers_are_lost_when_repeated_then_clicks_count_once(scenario, links):
    faults = [
        Fault("sends reset before", reset=True),
        Fault("sends reset after", reset=True, applied=True),
        Fault("sends failed after", error=INTERNAL, applied=True),
    ]
    scenario.queue.rule = scenario.share(0.3, *faults)

    answers = scenario.run(islice(scenario.requests(links, creates=0), CLICKS))

    scenario.reconcile("Sends to the queue fail, 30 %", answers)


def test_given_batches_that_come_three_times_when_counted_then_clicks_count_once(scenario, links):
    scenario.source.deliveries = 3

    answers = scenario.run(islice(scenario.requests(links, creates=0), CLICKS))
    scenario.source.drain()

    scenario.reconcile("Every message delivered three times", answers)
    assert scenario.stack.metrics["click_discarded"] == 0


def test_given_a_consumer_whose_writes_fail_when_repeated_then_clicks_count_once(scenario, links):
    throttle = scenario.database.rule
    fail = scenario.share(
        0.7,  # so that now and then all attempts of one invocation fail
        Fault("transactions conflicted", error="TransactionCanceledException"),
        Fault("transactions reset before", reset=True),
        Fault("transactions reset after", reset=True, applied=True),
        Fault("transactions failed after", error=INTERNAL, applied=True),
        on=lambda call: call.operation == "TransactWriteItems",
    )
    scenario.database.rule = lambda call: throttle(call) or fail(call)

    answers = scenario.run(islice(scenario.requests(links, creates=0), CLICKS))

    scenario.reconcile("The consumer's writes fail, 70 %", answers)


def test_given_a_consumer_killed_after_its_write_when_repeated_then_all_count_once(scenario, links):
    throttle = scenario.database.rule
    hold = scenario.share(
        1,
        Fault("answers held 0.3 s", seconds=0.3, applied=True),
        on=lambda call: call.operation == "TransactWriteItems",
    )
    scenario.database.rule = lambda call: throttle(call) or hold(call)

    with scenario.killing(CONSUMER, every=1.5):
        answers = scenario.run(islice(scenario.requests(links, creates=0), CLICKS))

    scenario.reconcile("The consumer killed between write and acknowledgement", answers)
    assert any(applied and call.operation == "TransactWriteItems" for call, applied in scenario.database.lost)
