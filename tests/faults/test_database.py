"""The database fails in every way that it can, while links are followed and made."""

from itertools import islice

import pytest

from tests.faults.stack import CREATE, REDIRECT
from tests.support.proxy import INTERNAL, Call, Fault

pytestmark = pytest.mark.timeout(300)

REQUESTS = 2000
LINKS = 100
RECOVERY = 2  # seconds after an outage until all is well again

THROTTLED = Fault("throttled", error="ProvisionedThroughputExceededException")
REFUSED_WITH_500 = Fault("500s before the write", error=INTERNAL)
APPLIED_WITH_500 = Fault("500s after it", error=INTERNAL, applied=True)
RESET_BEFORE = Fault("resets before the write", reset=True)
RESET_AFTER = Fault("resets after it", reset=True, applied=True)
# The client waits for a second.
SLOW_CALL = Fault("calls 0.4 s late", seconds=0.4)
SLOW_ANSWER = Fault("answers 0.4 s late", seconds=0.4, applied=True)
LATE_CALL = Fault("calls 1.4 s late", seconds=1.4)
LATE_ANSWER = Fault("answers 1.4 s late", seconds=1.4, applied=True)


def is_write(call: Call) -> bool:
    return call.operation in {"UpdateItem", "PutItem", "TransactWriteItems"}


@pytest.mark.parametrize(
    ("share", "creates", "created"), [(0.05, 0.1, {200, 201}), (0.5, 0.1, {200, 201, 429}), (1, 0.02, {429})]
)
def test_given_throttled_writes_when_links_are_followed_then_every_click_is_counted(scenario, share, creates, created):
    scenario.database.rule = scenario.share(share, THROTTLED, on=is_write)
    requests = scenario.requests(scenario.put_links(LINKS), creates=creates)

    answers = scenario.run(islice(requests, REQUESTS))

    scenario.reconcile(f"Writes throttled, {100 * share:g} %", answers, creates=created)


def test_given_one_throttled_code_when_followed_then_others_are_not_disturbed(scenario):
    hot, *others = scenario.put_links(LINKS)
    key = {"short_code": {"S": hot.short_code}}
    scenario.database.rule = scenario.share(
        0.9, THROTTLED, on=lambda call: is_write(call) and call.parameters.get("Key") == key
    )
    requests = scenario.requests([hot] * len(others) + others)

    answers = scenario.run(islice(requests, REQUESTS))

    scenario.reconcile("One code throttled, 90 %", answers)


@pytest.mark.parametrize(
    ("title", "share", "faults", "failures"),
    [
        ("Internal errors, 10 % of calls", 0.1, [REFUSED_WITH_500, APPLIED_WITH_500], set()),
        ("Connections reset, 10 % of calls", 0.1, [RESET_BEFORE, RESET_AFTER], set()),
        # Three in a row are more than a function has time for.
        ("Delays longer than the time-outs, 5 % of calls", 0.05, [LATE_CALL, LATE_ANSWER], {503}),
        ("Delays shorter than the time-outs, 20 % of calls", 0.2, [SLOW_CALL, SLOW_ANSWER], set()),
    ],
)
def test_given_failing_or_slow_calls_when_links_are_followed_then_clicks_count_once(
    scenario, title, share, faults, failures
):
    scenario.database.rule = scenario.share(share, *faults)

    answers = scenario.run(islice(scenario.requests(scenario.put_links(LINKS)), REQUESTS))

    scenario.reconcile(title, answers, clicks={301} | failures, creates={200, 201} | failures)


def test_given_one_call_in_ten_failing_when_requests_come_then_999_in_1000_succeed(scenario):
    faults = [THROTTLED, REFUSED_WITH_500, APPLIED_WITH_500, RESET_BEFORE, RESET_AFTER]
    scenario.database.rule = scenario.share(0.1, *faults)
    requests = scenario.requests(scenario.put_links(LINKS), creates=0.2)

    answers = scenario.run(islice(requests, 3000))

    scenario.reconcile("One call in ten fails somehow", answers, clicks={301, 503}, creates={200, 201, 429, 503})
    assert sum(answer.is_success for answer in answers) > 0.999 * len(answers)


@pytest.mark.parametrize(("how", "title"), [("refusing", "The database gone"), ("silent", "The database silent")])
def test_given_an_outage_of_the_database_when_requests_come_then_all_is_well_later(scenario, how, title):
    requests = scenario.requests(scenario.put_links(LINKS))

    answers, ended = scenario.run_through_outage(scenario.database, how, requests, REQUESTS // 2)

    scenario.reconcile(title, answers, clicks={301, 503}, creates={200, 201, 503}, uncertain=True)
    assert 503 in {answer.status for answer in answers}
    scenario.check_statuses([answer for answer in answers if answer.started > ended + RECOVERY], {200, 201, 301})


def test_given_killed_processes_when_requests_come_then_what_was_said_is_there(scenario):
    requests = scenario.requests(scenario.put_links(LINKS), creates=0.3)

    with scenario.killing(REDIRECT, CREATE, every=0.5):
        answers = scenario.run(islice(requests, REQUESTS))

    scenario.reconcile("Functions killed", answers, clicks={0, 301}, creates={0, 200, 201})
    assert 0 in {answer.status for answer in answers}
