"""What squrl costs: by figures that are easy to work out by hand, and as the template has it."""

import copy
import dataclasses
import json
import math
import re
import sys

import pytest
from samcli.commands._utils.template import get_template_data  # type: ignore[import-untyped]

from bench import cost, report
from bench.cost import __main__ as command
from bench.cost import balancer, tables
from bench.subjects import OWNER, link_item
from local.template import TEMPLATE, Stack
from squrl.aws import keys

# At 1 024 MB a redirect's processor time takes 6 ms, a create's 12: with their calls to the database 10 and 20.
SHARE = 1024 / 1769
REDIRECT = cost.Operation(6 * SHARE, 1, 0, 1, 998, 1, 1024, 300, 200 * SHARE)
CREATE = cost.Operation(12 * SHARE, 2, 0.5, 2, 486, 1, 2048, 300, 200 * SHARE)
OPERATIONS = {"redirect": REDIRECT, "create_new": CREATE}
PAGE = cost.Operation(12 * SHARE, 2, 27, 0, 486, 1, 20 * 1024, 300, 200 * SHARE)
CHANGE = cost.Operation(12 * SHARE, 2, 1, 2, 486, 1, 1024, 300, 200 * SHARE)
BULK = cost.Operation(600 * SHARE, 100, 50, 300, 486, 1, 40 * 1024, 300, 200 * SHARE)
MANAGED = {"manage_page": PAGE, "manage_change": CHANGE, "manage_destination": CHANGE, "manage_bulk": BULK}
SHOWN = dict.fromkeys(cost.PAGES, cost.Operation(6 * SHARE, 1, 0.5, 0, 486, 1, 4096, 300, 200 * SHARE))
EVERYTHING = {**OPERATIONS, cost.OPEN: CREATE, **MANAGED, **SHOWN}
MEASURED = {"operations": {name: operation._asdict() for name, operation in EVERYTHING.items()}}
FUNCTION = cost.Function(1024, "arm64", traced=False, snapshot=False, log_class="STANDARD", log_days=0)
SETUP = cost.Setup(
    functions={"create": FUNCTION, "redirect": FUNCTION, "manage": FUNCTION, "pages": FUNCTION},
    access_log_class="INFREQUENT_ACCESS",
    access_log_bytes=486,
    access_log_days=0,
    custom_metrics=10,
    alarms=15,
    alarm_metrics=20,
    dashboards=1,
    dashboard_metrics=50,
    own_keys=1,
    queues=1,
    encrypts_tables=True,
    click_batch=99,
    create_rate=200,
    redirect_rate=4000,
)
GB = 2**30


@pytest.fixture
def prices():
    return cost.Prices()


@pytest.fixture
def template():
    return copy.deepcopy(get_template_data(str(TEMPLATE)))


def bill(setup=SETUP, traffic=cost.REQUIRED):
    return cost.bill(OPERATIONS, setup, traffic, cost.Prices())


def setup_of(template=TEMPLATE, **parameters):
    return cost.Setup.read(Stack(parameters, template))


@pytest.mark.parametrize(
    ("line", "redirect", "create"),
    [
        # 4 818 million requests a month: 300 million at 1.00, the others at 0.90
        ("API", (300 + 4518 * 0.9) / 4818, (300 + 4518 * 0.9) / 4818),
        ("Lambda, requests", 0.2, 0.2),
        ("Lambda, time", 10_000 * 0.0000133334, 20_000 * 0.0000133334),
        ("Lambda, cold starts", 0.01 * 500_000 * 0.0000133334, 0.01 * 500_000 * 0.0000133334),
        ("DynamoDB, reads", 0, 0.0625),
        ("DynamoDB, writes", 0.625, 1.25),
        ("logs of the functions", 1024e6 / GB * 0.5, 512e6 / GB * 0.5),  # each with 26 bytes an event
        ("access log", 512e6 / GB * 0.25, 512e6 / GB * 0.25),
        ("traces", 0, 0),
        ("data sent", 1024e6 / GB * 0.09, 2048e6 / GB * 0.09),
        ("custom metrics", 3 / 4818, 3 / 4818),
    ],
)
def test_given_measured_requests_when_billed_then_a_million_costs_what_it_should(line, redirect, create):
    row = bill()[line]

    assert row == pytest.approx(
        {"redirect": redirect, "create_new": create, cost.MIX: (10 * redirect + create) / 11}, rel=1e-6
    )


@pytest.mark.parametrize(
    ("line", "dollars"),
    [
        ("custom metrics", 10 * 0.30),
        ("alarms", 20 * 0.10),
        ("dashboard", 3),
        ("clients' key", 1),
        ("table keys, requests", 2 * 730 * 12 * 0.000003),  # each of two processes asks every five minutes
        ("click queue, asked for messages", 5 * 730 * 180 * 0.0000004),  # by five pollers, three times a minute
    ],
)
def test_given_a_million_requests_a_month_when_billed_then_the_month_is_theirs(line, dollars):
    assert bill(traffic=cost.QUIET)[line][cost.MIX] == pytest.approx(dollars)


def idle(*, is_allowed=False, **parameters):
    """Return the bill of a month without requests, of which nothing is measured."""
    return cost.month_bill({}, setup_of(**parameters), cost.IDLE, cost.Prices(), is_allowed=is_allowed)


@pytest.mark.parametrize(("is_allowed", "most"), [(False, 2.00), (True, 0.50)])
def test_given_the_essentials_when_nobody_uses_the_stack_then_it_costs_next_to_nothing(is_allowed, most):
    billed = idle(Monitoring="essential", CreateAccess="key", is_allowed=is_allowed)

    assert 0 <= sum(billed.values()) < most
    assert {name for name, dollars in billed.items() if dollars} <= {"alarms", "click queue, asked for messages"}


def test_given_nobody_who_uses_it_when_billed_then_metrics_without_data_are_free():
    billed = idle(Monitoring="full")

    assert billed["custom metrics"] == billed["table keys, requests"] == 0
    assert billed["alarms"] == pytest.approx(52 * 0.10)
    assert billed["dashboard"] == pytest.approx(3)


def test_given_snapshots_when_nobody_uses_the_stack_then_two_versions_of_one_function_are_paid_for():
    billed, setup = idle(SnapStart="PublishedVersions"), setup_of(SnapStart="PublishedVersions")

    assert [name for name, each in setup.functions.items() if each.snapshot] == ["redirect"]
    assert billed["Lambda, snapshots"] == pytest.approx(2 * 0.5 * 730 * 3600 * 0.0000015046)
    assert idle()["Lambda, snapshots"] == 0


def test_given_snapshots_when_a_process_is_new_then_it_is_restored_and_not_started(prices):
    redirect = dataclasses.replace(FUNCTION, snapshot=True)
    setup = dataclasses.replace(SETUP, functions={**SETUP.functions, "redirect": redirect})

    started, restored = (
        {line.name: line.quantity for line in cost.request_lines("redirect", REDIRECT, each, cost.QUIET)}
        for each in (SETUP, setup)
    )

    assert (started["Lambda, restores"], restored["Lambda, restores"]) == (0, cost.COLD_SHARE)
    assert started["Lambda, cold starts"] == pytest.approx(cost.COLD_SHARE * 0.5)
    assert restored["Lambda, cold starts"] == pytest.approx(cost.COLD_SHARE * 0.2)


@pytest.mark.parametrize(("metrics", "dollars"), [(50, 0), (51, 3)])
def test_given_a_dashboard_when_it_shows_more_than_fifty_metrics_then_it_is_not_free(metrics, dollars):
    setup = dataclasses.replace(SETUP, dashboard_metrics=metrics)

    billed = cost.month_bill({}, setup, cost.IDLE, cost.Prices(), is_allowed=True)

    assert billed["dashboard"] == dollars


def test_given_what_is_free_when_billed_then_lines_of_one_price_share_it(prices):
    setup = dataclasses.replace(SETUP, own_keys=0, custom_metrics=0)
    rare, allowed = (
        cost.month_bill(OPERATIONS, setup, cost.RARE, prices, is_allowed=is_allowed) for is_allowed in (False, True)
    )

    month, mix = cost.QUIET.month, (10 * 10_000 + 20_000) / 11 / 1000  # GB-seconds of a request, by a thousand
    quiet = cost.month_bill(OPERATIONS, setup, cost.QUIET, prices)
    assert quiet["Lambda, time"] == pytest.approx(month / 1000 * mix * 0.0000133334)
    assert rare["Lambda, requests"] == pytest.approx(0.01 * 0.20)
    assert allowed["Lambda, requests"] == allowed["Lambda, time"] == allowed["Lambda, cold starts"] == 0
    assert allowed["API"] == rare["API"] == pytest.approx(0.01)  # its allowance ends after a year
    assert allowed["alarms"] == pytest.approx(rare["alarms"] - 1)


def test_given_the_same_month_when_billed_either_way_then_it_costs_the_same(prices):
    month = cost.REQUIRED.month / 1e6

    assert sum(cost.month_bill(OPERATIONS, SETUP, cost.REQUIRED, prices).values()) == pytest.approx(
        cost.total(bill(), cost.MIX) * month
    )


@pytest.mark.parametrize(
    ("dimension", "units"),
    [
        ("new connections", 110_000 / 60 / 25),
        ("active connections", 110_000 / 60 * 60 / 3000),
        ("bytes", 3600 * (10 * 1724 + 2748) * 10_000 / 60 / (0.4 * GB)),
        ("rules", 0),
    ],
)
def test_given_the_required_load_when_balanced_then_each_dimension_takes_its_units(dimension, units):
    assert balancer.units(OPERATIONS, cost.REQUIRED)[dimension] == pytest.approx(units)


def test_given_a_load_balancer_when_billed_then_it_costs_what_it_should(prices):
    month = balancer.month(OPERATIONS, SETUP, cost.REQUIRED, prices)
    requests, sent = cost.REQUIRED.month, (10 * 1024 + 2048) / 11

    assert month.itself == pytest.approx(730 * (0.0225 + 110_000 / 60 / 25 * 0.008 + 2 * 0.005))
    assert month.firewall == pytest.approx(5 + 1 + requests * 0.6e-6)
    assert month.handshakes == pytest.approx(
        prices.total("transfer.out", requests * (sent + 3000) / GB) - prices.total("transfer.out", requests * sent / GB)
    )
    without = [cost.API, "access log"]
    assert month.others == pytest.approx(cost.total(bill(), cost.MIX, without=without) * requests / 1e6)


def test_given_a_load_balancer_when_told_then_what_it_saves_is_the_bills_difference(prices):
    before = cost.total(bill(), cost.MIX) * cost.REQUIRED.month / 1e6
    month = balancer.month(OPERATIONS, SETUP, cost.REQUIRED, prices)

    text = " ".join(tables.scaling(EVERYTHING, SETUP, prices).split())
    (row,) = re.findall(r"\*\*An Application Load Balancer\*\*.*?- \*\*A second", text)
    told = [int(share) / 100 for share in re.findall(r"(-?\d+)% of the bill", row)]

    plain = month.itself + month.others
    parts = (month.handshakes, 0, month.handshakes + month.firewall, month.firewall)
    assert told == pytest.approx([1 - (plain + part) / before for part in parts], abs=0.005)


def test_given_a_load_balancers_break_even_when_reckoned_then_both_cost_the_same(prices):
    requests = balancer.pays_from(prices)
    hours, units = 730, requests / (730 * 3600) / 25

    balanced = hours * (0.0225 + 2 * 0.005 + units * 0.008) + requests * 3000 / GB * 0.09
    assert balanced == pytest.approx(requests * 0.000001)


def test_given_logs_that_are_kept_for_a_month_when_billed_then_they_are_compressed():
    kept = SETUP.with_functions(log_days=730 / 24)

    assert bill(kept)["logs, stored"]["redirect"] == pytest.approx(1024e6 / GB * 0.15 * 0.03)


def test_given_several_tiers_when_priced_then_each_has_its_price(prices):
    assert prices.total("logs.STANDARD", 60 * 1024) == pytest.approx(10240 * 0.5 + 20480 * 0.25 + 20480 * 0.1 + 512)


@pytest.mark.parametrize(("milliseconds", "billed"), [(10, 0.010), (10.01, 0.011)])
def test_given_a_begun_millisecond_when_billed_then_it_counts_as_a_whole(milliseconds, billed):
    assert FUNCTION.gb_seconds(milliseconds) == pytest.approx(billed)


def test_given_more_memory_than_a_core_has_when_reckoned_then_nothing_is_faster():
    one, two = (SETUP.with_functions(memory=memory).functions["redirect"] for memory in (1769, 3538))

    assert two.milliseconds(REDIRECT) == one.milliseconds(REDIRECT) == pytest.approx(REDIRECT.cpu_ms + 4)


@pytest.mark.parametrize(
    ("rate", "share"),
    [(1000, (1 + 0.05 * 999) / 1000), (0.001, 0.9995), (1, 1 - math.exp(-1) + 0.05 * math.exp(-1))],
)
def test_given_a_rate_when_lambda_samples_then_firsts_and_a_twentieth_are_traced(rate, share):
    assert cost.traced_share(rate) == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize(("mode", "dollars"), [("Active", 0.25), ("PassThrough", 0)])
def test_given_a_tracing_mode_when_billed_then_only_active_costs(mode, dollars):
    assert bill(setup_of(Tracing=mode))["traces"][cost.MIX] == pytest.approx(dollars, rel=0.05)


def test_given_each_processor_when_billed_then_arm_is_a_fifth_cheaper():
    arm, x86 = (bill(setup_of(Architecture=name))["Lambda, time"]["redirect"] for name in ("arm64", "x86_64"))

    assert x86 / arm == pytest.approx(1.25, rel=0.001)


def test_given_the_template_when_memory_changes_then_the_setup_follows(template):
    template["Mappings"]["Function"]["Memory"]["MB"] = 1024

    assert setup_of(template).functions["redirect"].memory == 1024


@pytest.mark.parametrize("log_class", ["STANDARD", "INFREQUENT_ACCESS"])
def test_given_the_access_log_when_its_groups_class_changes_then_the_setup_follows(template, log_class):
    (group,) = (each for each in template["Resources"].values() if "LogGroupClass" in each.get("Properties", ()))
    group["Properties"]["LogGroupClass"] = log_class

    assert setup_of(template).access_log_class == log_class


def test_given_the_access_logs_format_when_it_changes_then_its_bytes_follow(template):
    template["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]["Format"] = '{"status":"$context.status"}'

    assert setup_of(template).access_log_bytes == len('{"status":"301"}')


def test_given_no_access_log_when_billed_then_there_is_nothing_to_pay_for_it(template):
    del template["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]

    assert bill(setup_of(template))["access log"][cost.MIX] == 0


def test_given_an_alarm_over_a_ratio_when_it_goes_then_two_metrics_go(template):
    before = setup_of(template)
    del template["Resources"]["Api5xxAlarm"]

    after = setup_of(template)
    assert (before.alarms - after.alarms, before.alarm_metrics - after.alarm_metrics) == (1, 2)


@pytest.mark.parametrize(
    "rows",
    [
        '["Squrl", "NAME", "service", "a"], ["Squrl", "NAME", "service", "a"]',
        '["Squrl", "NAME", "service", "a"], ["...", { "stat": "p90" }]',
        '["Squrl", "NAME", "service", "a"], [".", ".", ".", "a"]',
    ],
)
def test_given_a_metric_that_is_shown_twice_when_counted_then_it_is_one(template, rows):
    before = setup_of(template).custom_metrics
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    widget = f'{{ "properties": {{ "metrics": [{rows}] }} }}'
    body["Fn::Sub"][0] = body["Fn::Sub"][0].replace('"widgets": [', f'"widgets": [{widget},', 1)

    assert setup_of(template).custom_metrics == before + 1


def test_given_a_row_that_repeats_all_but_its_end_when_counted_then_it_is_another(template):
    before = setup_of(template).custom_metrics
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    widget = '{ "properties": { "metrics": [["Squrl", "NAME", "service", "a"], ["...", "b"]] } }'
    body["Fn::Sub"][0] = body["Fn::Sub"][0].replace('"widgets": [', f'"widgets": [{widget},', 1)

    assert setup_of(template).custom_metrics == before + 2


def test_given_no_such_price_when_asked_then_it_is_named(prices):
    with pytest.raises(cost.CostError, match=r"no price lambda\.duration\.riscv"):
        prices.total("lambda.duration.riscv", 1)


def test_given_results_without_an_operation_when_read_then_it_is_named():
    measured = {name: each for name, each in MEASURED["operations"].items() if name != "manage_bulk"}

    with pytest.raises(cost.CostError, match="no operation manage_bulk"):
        cost.operations({"operations": measured})


def test_given_results_without_a_figure_when_read_then_it_is_named():
    measured = copy.deepcopy(MEASURED)
    del measured["operations"]["redirect"]["log_bytes"]

    with pytest.raises(cost.CostError, match="log_bytes"):
        cost.operations(measured)


def test_given_an_unknown_variable_in_the_access_log_when_read_then_it_is_named(template):
    template["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]["Format"] = "$context.unheard.of"

    with pytest.raises(cost.CostError, match=r"\$context\.unheard\.of"):
        setup_of(template)


def test_given_figures_when_compared_with_the_bars_then_they_are_right():
    bars = {bar.name: bar for bar in cost.bars(OPERATIONS, bill(), cost.REQUIRED)}

    left_out = bill()["API"][cost.MIX] + bill()["data sent"][cost.MIX]
    without = bars["functions, database, logs, metrics, traces, the mix"]
    assert len(bars) == 10
    assert bars["Lambda, redirects"].value == pytest.approx(0.2 + 0.133334 + 0.066667)
    assert bars["DynamoDB, database operations of creates"].value == pytest.approx(1.3125 / 2)
    assert bars["DynamoDB, database operations of the mix"].value == pytest.approx((10 * 0.625 + 1.3125) / 12)
    assert bars["everything, the mix"].value == pytest.approx(without.value + left_out)
    assert (bars["everything, the mix"].must, bars["everything, the mix"].aim) == (None, 2)


def test_given_keyed_creates_when_compared_with_the_bars_then_managing_is_told_too(prices):
    bars = {bar.name: bar for bar in cost.keyed_bars(cost.bill(EVERYTHING, SETUP, cost.REQUIRED, prices))}

    own = "functions, database, logs, metrics, traces"
    plain = {bar.name: bar for bar in cost.bars(OPERATIONS, bill(), cost.REQUIRED)}
    keyed, mix = bars[f"{own}, creates with a key"], bars[f"{own}, the mix with keys"]
    assert (keyed.must, mix.must) == (2.60, 1.35)
    assert keyed.value == pytest.approx(plain[f"{own}, creates"].value)
    assert mix.value == pytest.approx(plain[f"{own}, the mix"].value)
    assert len(bars) == 3 + len(MANAGED)


@pytest.mark.parametrize(
    ("operation", "line", "dollars"),
    [
        ("manage_page", "DynamoDB, reads", 27 * 0.125),
        ("manage_page", "Lambda, time", 20_000 * 0.0000133334),
        ("manage_change", "DynamoDB, writes", 2 * 0.625),
        ("manage_bulk", "DynamoDB, writes", 300 * 0.625),
        ("manage_bulk", "Lambda, time", 1_000_000 * 0.0000133334),
    ],
)
def test_given_requests_to_manage_when_billed_then_a_million_costs_what_it_should(prices, operation, line, dollars):
    billed = cost.bill(EVERYTHING, SETUP, cost.REQUIRED, prices)

    assert billed[line][operation] == pytest.approx(dollars)


def test_given_a_bulk_when_shown_then_its_dollars_are_for_a_thousand(prices):
    billed = cost.bill(EVERYTHING, SETUP, cost.REQUIRED, prices)

    (row,) = re.findall(r"\| a bulk .*", tables.managing(EVERYTHING, SETUP, prices))
    assert row.split("|")[-3].strip() == f"{cost.total(billed, 'manage_bulk') / 1000:.3f}"
    assert row.split("|")[-2].strip() == "1 000"


def test_given_one_owner_when_bulks_are_reckoned_then_its_part_of_the_index_takes_ten(prices):
    scaling = tables.scaling(EVERYTHING, SETUP, prices)

    (row,) = re.findall(r"\| one owner: its part of the index .*", scaling)
    assert [each.strip() for each in row.split("|")[2:-1]] == ["1 500", "1 000", "10"]


def test_given_a_keys_memory_when_its_reads_are_reckoned_then_they_follow_it():
    assert tables.KEY_SECONDS == keys.FOUND_KEPT


@pytest.mark.parametrize("together", [1, 99])
def test_given_late_clicks_when_billed_then_they_share_the_invocation(prices, together):
    own = 1.2 * 0.40 + 4000 * 0.0000133334 + 2 * 0.625
    shared = 0.20 + 10_000 * 0.0000133334 + 2 * 0.625

    assert cost.queued_click(OPERATIONS, SETUP, prices, together) == pytest.approx(own + shared / together)


@pytest.mark.parametrize("together", [1, 10])
def test_given_changes_when_billed_then_each_is_an_event_and_they_share_the_invocation(prices, together):
    shared = 0.20 + 40_000 * 0.0000133334

    assert cost.event(OPERATIONS, SETUP, prices, together) == pytest.approx(1.00 + shared / together)


def test_given_events_when_a_month_is_reckoned_then_alarms_and_metrics_are_all_that_is_added():
    off, on = setup_of(), setup_of(EventBus="default")

    added = {name: getattr(on, name) - getattr(off, name) for name in ("alarms", "alarm_metrics", "custom_metrics")}
    assert added == {"alarms": 2, "alarm_metrics": 5, "custom_metrics": 3}
    unlike = ("alarms", "alarm_metrics", "custom_metrics", "dashboard_metrics")
    assert dataclasses.replace(on, **{name: getattr(off, name) for name in unlike}) == off


def test_given_a_process_over_a_memory_size_when_listed_then_that_size_is_left_out():
    assert cost.memories({"redirect": REDIRECT._replace(peak_bytes=150 * 2**20)})[0] == 256


def test_given_short_requests_when_reckoned_then_a_tenth_of_their_rate_is_needed():
    assert tables.concurrency(OPERATIONS, SETUP, cost.REQUIRED) == pytest.approx(110_000 / 60 / 10)


def test_given_long_requests_when_reckoned_then_what_is_busy_at_once_is_needed():
    long = {name: each._replace(cpu_ms=1000 * SHARE, round_trips=0) for name, each in OPERATIONS.items()}

    assert tables.concurrency(long, SETUP, cost.REQUIRED) == pytest.approx(110_000 / 60)


def test_given_the_break_even_when_both_are_reckoned_then_they_cost_the_same(prices):
    assert tables.used_from(prices) * 3600 * 0.000000625 == pytest.approx(0.00065)


def test_given_cloudfronts_break_even_when_reckoned_then_both_cost_the_same(prices):
    hits = tables.hits_from(2.0, 0.09, prices, REDIRECT._replace(sent_bytes=GB / 1e6))

    assert 1.00 + 0.085 + (1 - hits) * 2.0 == pytest.approx(2.0 + 0.09)


def test_given_a_link_when_its_bytes_are_counted_then_storage_is_reckoned_with_them():
    item = link_item("b3xK9mP", "https://example.com/".ljust(80, "a"), OWNER)
    # Names and text by their bytes, a small number two, a flag one, and a hundred for the row itself.
    sizes = {"S": len, "N": lambda _: 2, "BOOL": lambda _: 1}
    bytes_of = {name: len(name) + sizes[kind](value) for name, of in item.items() for kind, value in of.items()}
    table = Stack().resources["UrlsTable"]["Properties"]
    indexed = [
        {"short_code", *(key["AttributeName"] for key in index["KeySchema"]), *index["Projection"]["NonKeyAttributes"]}
        for index in table["GlobalSecondaryIndexes"]
    ]
    entries = [sum(size for name, size in bytes_of.items() if name in names) + 100 for names in indexed]

    assert sum(bytes_of.values()) + 100 == tables.LINK_BYTES
    assert sum(entries) == tables.INDEX_BYTES


@pytest.mark.parametrize(
    ("value", "written"), [(0, "0"), (0.01234, "0.0123"), (1.0, "1"), (12.34, "12.3"), (1234567.8, "1 234 568")]
)
def test_given_a_figure_when_written_then_it_keeps_three_digits(value, written):
    assert report.number(value) == written


def test_given_a_page_when_written_then_only_what_is_between_the_markers_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n")

    report.write(page, "a", "new")

    assert page.read_text() == "before\n<!-- a: begin -->\n\nnew\n\n<!-- a: end -->\nafter\n"


def test_given_a_page_without_its_markers_when_written_then_it_fails(tmp_path):
    (tmp_path / "page.md").write_text("nothing\n")

    with pytest.raises(ValueError, match="unpack"):
        report.write(tmp_path / "page.md", "a", "new")


def run(monkeypatch, tmp_path, *arguments):
    results = tmp_path / "results.json"
    results.write_text(json.dumps(MEASURED))
    monkeypatch.setattr(sys, "argv", ["cost", "--results", str(results), *arguments])
    command.main()


def test_given_measurements_when_the_command_runs_then_it_prints_everything(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path)

    printed = capsys.readouterr().out
    expectations = ("| everything ", "| access log ", "| 1769 MB ", "### What a load meets", "million links")
    for expected in (*expectations, "### What little use costs", "**An Application Load Balancer**"):
        assert expected in printed


def test_given_a_parameter_when_the_command_runs_then_its_cost_is_that_stacks(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path, "Tracing=Active")

    traces, *_ = re.findall(r"\| traces .*", capsys.readouterr().out)
    assert float(traces.split("|")[2]) > 0


def test_given_no_such_parameter_when_the_command_runs_then_it_is_named(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, tmp_path, "Tracin=Active")

    assert "no parameter Tracin" in capsys.readouterr().err


def test_given_no_measurements_when_the_command_runs_then_it_says_how_to_get_them(monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, tmp_path, "--results", str(tmp_path / "none.json"))

    assert "make bench" in capsys.readouterr().err


def test_given_the_template_when_a_month_is_reckoned_then_the_docs_say_the_same(prices):
    monthly = tables.every_month(prices)

    assert monthly in command.OPERATIONS.read_text()


@pytest.mark.parametrize("name", json.loads(cost.PRICES.read_text())["prices"])
def test_given_a_listed_price_when_read_then_source_date_unit_and_tiers_are_there(name):
    price = json.loads(cost.PRICES.read_text())["prices"][name]

    *limits, last = [limit for limit, _ in price["tiers"]]
    assert price["name"]
    assert price["unit"]
    assert price["source"].startswith(("https://aws.amazon.com/", "https://docs.aws.amazon.com/"))
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", price["read"])
    assert limits == sorted(limits)
    assert last is None
    assert price.get("free", 1) > 0
