import copy
import dataclasses
import json
import logging
import math
import sys

import pytest

from bench import cost
from bench.cost import __main__ as command
from bench.cost import tables
from squrl.links import Kind, Link
from squrl.store import to_item
from tests.template.stack import read

# At 1 024 MB a redirect's processor time takes 6 ms, a create's 12: with their calls to the database 10 and 20.
SHARE = 1024 / 1769
REDIRECT = cost.Operation(6 * SHARE, 1, 0, 1, 998, 1, 1024, 500 * SHARE)
CREATE = cost.Operation(12 * SHARE, 2, 0.5, 2, 486, 1, 2048, 500 * SHARE)
OPERATIONS = {"redirect": REDIRECT, "create_new": CREATE}
MEASURED = {"operations": {name: operation._asdict() for name, operation in OPERATIONS.items()}}
FUNCTION = cost.Function(1024, "arm64", traced=False, log_class="STANDARD", log_days=0)
SETUP = cost.Setup(
    functions={"create": FUNCTION, "redirect": FUNCTION},
    access_log_class="INFREQUENT_ACCESS",
    access_log_bytes=486,
    access_log_days=0,
    custom_metrics=10,
    alarm_metrics=20,
    dashboards=1,
    has_key=False,
)
GB = 2**30


@pytest.fixture(autouse=True)
def _log():
    yield
    logging.disable(logging.NOTSET)  # the command silences the transform


@pytest.fixture(scope="module")
def template():
    return read()


@pytest.fixture
def prices():
    return cost.Prices()


def bill(setup=SETUP, traffic=cost.REQUIRED, operations=OPERATIONS):
    return cost.bill(operations, setup, traffic, cost.Prices())


class TestArithmetic:
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
    def test_a_million_costs_what_is_worked_out_by_hand(self, line, redirect, create):
        row = bill()[line]

        assert row["redirect"] == pytest.approx(redirect)
        assert row["create_new"] == pytest.approx(create)
        assert row[cost.MIX] == pytest.approx((10 * redirect + create) / 11)

    def test_each_tier_of_a_month_has_its_price(self, prices):
        assert prices.total("logs.STANDARD", 60 * 1024) == pytest.approx(10240 * 0.5 + 20480 * 0.25 + 20480 * 0.1 + 512)

    def test_a_begun_millisecond_is_billed(self):
        assert FUNCTION.gb_seconds(10) == pytest.approx(0.010)
        assert FUNCTION.gb_seconds(10.01) == pytest.approx(0.011)

    def test_more_memory_than_a_core_has_makes_nothing_faster(self):
        one, two = (SETUP.with_functions(memory=memory).functions["redirect"] for memory in (1769, 3538))

        assert two.milliseconds(REDIRECT) == one.milliseconds(REDIRECT) == pytest.approx(REDIRECT.cpu_ms + 4)

    def test_what_a_month_costs_anyway_falls_on_its_requests(self):
        quiet = bill(traffic=cost.QUIET)

        assert quiet["custom metrics"][cost.MIX] == pytest.approx(10 * 0.30)
        assert quiet["alarms"][cost.MIX] == pytest.approx(20 * 0.10)
        assert quiet["dashboard"][cost.MIX] == pytest.approx(3)

    def test_the_key_is_asked_for_every_five_minutes_by_each_process(self):
        with_key = dataclasses.replace(SETUP, has_key=True)

        assert bill(with_key, cost.QUIET)["encryption key"][cost.MIX] == pytest.approx(2 * 730 * 12 * 0.000003)

    def test_logs_are_stored_compressed(self):
        kept = SETUP.with_functions(log_days=730 / 24)  # a month

        assert bill(kept)["logs, stored"]["redirect"] == pytest.approx(1024e6 / GB * 0.15 * 0.03)


class TestTraces:
    def test_of_a_busy_function_one_request_a_second_and_a_twentieth_of_the_others_are_traced(self):
        assert cost.traced_share(1000) == pytest.approx((1 + 0.05 * 999) / 1000)

    def test_of_a_quiet_function_nearly_every_request_is_traced(self):
        assert cost.traced_share(0.001) == pytest.approx(1, abs=0.001)

    def test_requests_that_share_a_second_share_its_first_trace(self):
        assert cost.traced_share(1) == pytest.approx(1 - math.exp(-1) + 0.05 * math.exp(-1))

    def test_only_active_tracing_costs(self, template):
        active, passed = (
            bill(cost.Setup.read(template, {"Tracing": mode}))["traces"][cost.MIX] for mode in ("Active", "PassThrough")
        )

        assert active == pytest.approx(0.25, rel=0.05)
        assert passed == 0


class TestTemplate:
    def test_memory_is_the_templates(self, template):
        changed = copy.deepcopy(template)
        changed["Globals"]["Function"]["MemorySize"] = 1024

        assert cost.Setup.read(changed).functions["redirect"].memory == 1024

    def test_the_processor_is_the_templates(self, template):
        arm, x86 = (
            bill(cost.Setup.read(template, {"Architecture": name}))["Lambda, time"]["redirect"]
            for name in ("arm64", "x86_64")
        )

        assert x86 / arm == pytest.approx(1.25, rel=0.001)

    @pytest.mark.parametrize(
        ("group", "line"), [("HttpApiLogGroup", "access log"), ("RedirectLogGroup", "logs of the functions")]
    )
    def test_a_log_group_of_the_class_infrequent_access_costs_half(self, template, group, line):
        changed = {}
        for log_class in ("STANDARD", "INFREQUENT_ACCESS"):
            changed[log_class] = copy.deepcopy(template)
            changed[log_class]["Resources"][group]["Properties"]["LogGroupClass"] = log_class
        standard, infrequent = (bill(cost.Setup.read(each))[line]["redirect"] for each in changed.values())

        assert infrequent == pytest.approx(standard / 2)

    def test_the_access_log_has_the_bytes_of_its_format(self, template):
        changed = copy.deepcopy(template)
        settings = changed["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]
        settings["Format"] = '{"status":"$context.status"}'

        assert cost.Setup.read(changed).access_log_bytes == len('{"status":"301"}')

    def test_without_an_access_log_there_is_nothing_to_pay_for_one(self, template):
        changed = copy.deepcopy(template)
        del changed["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]

        assert bill(cost.Setup.read(changed))["access log"][cost.MIX] == 0

    def test_alarms_are_paid_by_the_metric(self, template):
        changed = copy.deepcopy(template)
        del changed["Resources"]["Api5xxAlarm"]  # a ratio of two

        before, after = (cost.Setup.read(each).alarm_metrics for each in (template, changed))
        assert before - after == 2

    def test_a_metric_is_paid_once_however_often_it_is_shown(self, template):
        changed = copy.deepcopy(template)
        body = changed["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
        widget = (
            '{ "properties": { "metrics": [["Squrl", "NAME", "service", "a"], ["Squrl", "NAME", "service", "a"]] } }'
        )
        body["Fn::Sub"] = body["Fn::Sub"].replace('"widgets": [', f'"widgets": [{widget},', 1)

        assert cost.Setup.read(changed).custom_metrics == cost.Setup.read(template).custom_metrics + 1


class TestMissing:
    def test_a_price(self, prices):
        with pytest.raises(cost.CostError, match=r"no price lambda\.duration\.riscv in prices\.json"):
            prices.total("lambda.duration.riscv", 1)

    def test_an_operation(self):
        with pytest.raises(cost.CostError, match="no operation create_new"):
            cost.operations({"operations": {"redirect": REDIRECT._asdict()}})

    def test_a_figure(self):
        measured = copy.deepcopy(MEASURED)
        del measured["operations"]["redirect"]["log_bytes"]

        with pytest.raises(cost.CostError, match="redirect lack log_bytes"):
            cost.operations(measured)

    def test_the_value_of_a_variable_of_the_access_log(self, template):
        changed = copy.deepcopy(template)
        changed["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]["Format"] = "$context.unheard.of"

        with pytest.raises(cost.CostError, match=r"\$context\.unheard\.of"):
            cost.Setup.read(changed)

    def test_a_parameter(self, template):
        with pytest.raises(cost.CostError, match="no parameter Tracin"):
            cost.Setup.read(template, {"Tracin": "Active"})

    def test_the_measurements(self, monkeypatch, capsys, tmp_path):
        monkeypatch.setattr(sys, "argv", ["cost", "--results", str(tmp_path / "none.json")])

        assert command.main() == 2
        assert "make bench" in capsys.readouterr().err


class TestBars:
    def test_each_bar_says_whether_it_is_met(self):
        rows = {row.name: row for row in cost.bars(OPERATIONS, bill(), cost.REQUIRED)}

        assert len(rows) == 10
        for row in rows.values():
            assert row.met == (row.value < (row.must or row.aim or 0))
        assert rows["Lambda, redirects"].value == pytest.approx(0.2 + 0.133334 + 0.066667)
        assert rows["DynamoDB, database operations of creates"].value == pytest.approx(1.3125 / 2)
        assert rows["DynamoDB, database operations of the mix"].value == pytest.approx((10 * 0.625 + 1.3125) / 12)

    def test_a_bar_can_be_missed(self):
        slow = {**OPERATIONS, "redirect": REDIRECT._replace(cpu_ms=100)}

        met, missed = (
            {row.name: row.met for row in cost.bars(each, bill(operations=each), cost.REQUIRED)}["Lambda, redirects"]
            for each in (OPERATIONS, slow)
        )

        assert met
        assert not missed

    def test_api_and_data_sent_count_for_the_aim_alone(self):
        rows = {row.name: row.value for row in cost.bars(OPERATIONS, bill(), cost.REQUIRED)}
        left_out = bill()["API"][cost.MIX] + bill()["data sent"][cost.MIX]

        without = rows["functions, database, logs, metrics, traces, the mix"]
        assert rows["everything, the mix"] == pytest.approx(without + left_out)


class TestChoices:
    def test_a_limit_per_client_is_an_update_and_its_time(self, prices):
        limit, *_ = cost.options(OPERATIONS, SETUP, prices)

        assert limit.value == pytest.approx(0.625 + 4000 * 0.0000133334)

    def test_a_click_through_the_queue_is_sent_received_deleted_and_written_with_a_transaction(self, prices):
        _, alone, together = cost.options(OPERATIONS, SETUP, prices)

        queue, own = 1.2 * 0.40 + 4000 * 0.0000133334, 2 * 0.625
        shared = 0.20 + 10_000 * 0.0000133334 + 2 * 0.625
        assert alone.value == pytest.approx(queue + own + shared)
        assert together.value == pytest.approx(queue + own + shared / 99)

    def test_the_cheapest_settings_cost_no_more_than_any_other(self, prices):
        dollars, best = cost.cheapest(OPERATIONS, SETUP, prices, cost.MEMORIES)

        assert dollars == pytest.approx(cost.total(bill(best), cost.MIX))
        assert not best.functions["redirect"].traced
        assert best.access_log_class == "INFREQUENT_ACCESS"
        assert all(dollars <= cost.total(bill(SETUP.with_functions(memory=each)), cost.MIX) for each in cost.MEMORIES)

    def test_a_memory_that_the_functions_do_not_fit_into_is_no_choice(self):
        assert cost.memories({"redirect": REDIRECT._replace(peak_bytes=150 * 2**20)})[0] == 192


class TestScaling:
    def test_short_requests_need_a_tenth_of_their_rate_in_concurrency(self):
        assert tables.concurrency(OPERATIONS, SETUP, cost.REQUIRED) == pytest.approx(110_000 / 60 / 10)

    def test_long_requests_need_what_is_busy_at_once(self):
        long = {name: each._replace(cpu_ms=1000 * SHARE, round_trips=0) for name, each in OPERATIONS.items()}

        assert tables.concurrency(long, SETUP, cost.REQUIRED) == pytest.approx(110_000 / 60)

    def test_the_index_takes_one_unit_of_a_create(self):
        assert tables.table_writes(OPERATIONS, cost.REQUIRED) == pytest.approx(110_000 / 60)

    def test_provisioned_and_on_demand_cost_the_same_at_the_break_even(self, prices):
        used = tables.used_from(prices)

        assert used * 3600 * 0.000000625 == pytest.approx(0.00065)

    def test_with_and_without_cloudfront_costs_the_same_at_the_break_even(self, prices):
        hits = tables.hits_from(2.0, 0.09, prices, REDIRECT._replace(sent_bytes=GB / 1e6))

        assert 1.00 + 0.085 + (1 - hits) * 2.0 == pytest.approx(2.0 + 0.09)

    def test_a_link_has_the_bytes_that_storage_is_reckoned_with(self):
        link = Link("b3xK9mP", Kind("https://example.com/".ljust(80, "a"), "301", None), "2026-11-22T10:30:00Z", None)
        item = to_item(link)
        # Names and text by their bytes, a small number two, a flag one, and a hundred for the row itself.
        sizes = {"S": len, "N": lambda _: 2, "BOOL": lambda _: 1}
        bytes_of = {name: len(name) + sizes[kind](value) for name, of in item.items() for kind, value in of.items()}
        indexed = {"short_code", "original_url", "created_at", "status", "redirect_type"}

        assert sum(bytes_of.values()) + 100 == tables.LINK_BYTES
        assert sum(size for name, size in bytes_of.items() if name in indexed) + 100 == tables.INDEX_BYTES

    def test_figures_keep_three_digits(self):
        assert [tables.number(each) for each in (0, 0.01234, 1.0, 12.34, 1234567.8)] == [
            "0",
            "0.0123",
            "1",
            "12.3",
            "1 234 568",
        ]

    def test_new_tables_replace_the_guides_old_ones_and_nothing_else(self):
        guide = command.GUIDE.read_text()

        written = tables.replace(guide, "new")

        before, after = guide.split(tables.BEGIN)[0], guide.split(tables.END)[1]
        assert written == f"{before}{tables.BEGIN}\n\nnew\n\n{tables.END}{after}"
        assert tables.replace(written, "new") == written


class TestCommand:
    @pytest.fixture
    def run(self, monkeypatch, capsys, tmp_path):
        results = tmp_path / "results.json"
        results.write_text(json.dumps(MEASURED))

        def run(*arguments):
            monkeypatch.setattr(sys, "argv", ["cost", "--results", str(results), *arguments])
            assert command.main() == 0
            return capsys.readouterr().out

        return run

    def test_prints_every_line_bar_and_memory(self, run):
        printed = run()

        for expected in ("| everything, the mix", "| access log", "| 1769 MB", "No setting changes"):
            assert expected in printed

    def test_prints_rows_as_json(self, run, template):
        assert json.loads(run("--json")) == [row._asdict() for row in cost.report(MEASURED, template)]

    def test_prints_the_guides_tables(self, run, template):
        expected = tables.scaling(OPERATIONS, cost.Setup.read(template), cost.Prices())

        assert run("--scaling") == f"{expected}\n"

    def test_follows_the_parameters_that_it_is_given(self, run):
        active, passed = (
            {row["name"]: row["value"] for row in json.loads(run("--json", f"Tracing={mode}"))}
            for mode in ("Active", "PassThrough")
        )

        assert active["traces"] > passed["traces"] == 0


def test_each_price_has_a_name_a_unit_a_source_and_tiers_that_rise_to_no_limit():
    listed = json.loads(cost.PRICES.read_text())

    for price in listed["prices"].values():
        assert price["name"]
        assert price["unit"]
        assert price["source"].startswith(("https://aws.amazon.com/", "https://docs.aws.amazon.com/"))
        *limits, last = [limit for limit, _ in price["tiers"]]
        assert limits == sorted(limits)
        assert last is None
