"""Alarms and dashboard: what they watch is what the stack emits, and what they ask of it can happen."""

import itertools
import json
import re
from typing import Any

import pytest

from bench.cost import PRICES
from squrl.errors import SqurlError
from tests.template.runs import Metric, run
from tests.template.stack import REGION, ROOT
from tests.template.stack import FullStack as Stack

# What AWS documents, by the dimensions that each metric bears.
AWS_METRICS: dict[tuple[str, ...], list[str]] = {
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics.html
    ("AWS/Lambda", "FunctionName"): [
        "ConcurrentExecutions",
        "DestinationDeliveryFailures",
        "Duration",
        "Errors",
        "Invocations",
        "IteratorAge",
        "Throttles",
    ],
    ("AWS/Lambda", "FunctionName", "Resource", "ExecutedVersion"): ["Invocations", "Errors"],
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
    ("AWS/ApiGateway", "ApiId"): ["Count", "4xx", "5xx", "Latency", "IntegrationLatency", "DataProcessed"],
    ("AWS/ApiGateway", "ApiId", "Stage"): ["Count", "4xx", "5xx", "Latency", "IntegrationLatency", "DataProcessed"],
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    ("AWS/DynamoDB", "TableName"): [
        "ConditionalCheckFailedRequests",
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "TimeToLiveDeletedItemCount",
        "WriteThrottleEvents",
    ],
    ("AWS/DynamoDB", "TableName", "GlobalSecondaryIndexName"): [
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
    ],
    ("AWS/DynamoDB", "TableName", "Operation"): ["SuccessfulRequestLatency", "SystemErrors", "ThrottledRequests"],
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    ("AWS/SQS", "QueueName"): [
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesVisible",
        "NumberOfMessagesSent",
    ],
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
    ("AWS/S3", "BucketName", "StorageType"): ["NumberOfObjects"],
}

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
FUNCTIONS: dict[str, Any] = {
    "FILL": lambda value, default: default if value is None else value,
    "IF": lambda condition, yes, no: yes if condition else no,
    "MIN": min,
}


MONITORINGS = pytest.mark.parametrize("monitoring", ["full", "essential"])


def of_squrl(stack: Stack) -> set[Metric]:
    return {metric for function in stack.of_type("AWS::Lambda::Function") for metric in run(stack, function).metrics}


def of_aws(stack: Stack) -> set[Metric]:
    """Return AWS's metrics of this stack's own resources."""
    functions = stack.of_type("AWS::Lambda::Function")
    tables = stack.of_type("AWS::DynamoDB::Table").values()
    values = {
        "FunctionName": [properties["FunctionName"] for properties in functions.values()],
        "ApiId": [stack.ref(api) for api in stack.of_type("AWS::ApiGatewayV2::Api")],
        "Stage": [stage["StageName"] for stage in stack.of_type("AWS::ApiGatewayV2::Stage").values()],
        "TableName": [table["TableName"] for table in tables],
        "GlobalSecondaryIndexName": [
            index["IndexName"] for table in tables for index in table.get("GlobalSecondaryIndexes", [])
        ],
        "Operation": [operation for function in functions for operation, _ in run(stack, function).operations],
        "BucketName": [stack.ref(bucket) for bucket in stack.of_type("AWS::S3::Bucket")],
        "StorageType": ["AllStorageTypes"],
        "QueueName": [queue["QueueName"] for queue in stack.of_type("AWS::SQS::Queue").values()],
    }
    aliases = stack.of_type("AWS::Lambda::Alias").values()
    values["Resource"] = [f"{alias['FunctionName']}:{alias['Name']}" for alias in aliases]
    values["ExecutedVersion"] = [alias["FunctionVersion"] for alias in aliases]
    return {
        Metric(namespace, name, frozenset(zip(dimensions, combination, strict=True)))
        for (namespace, *dimensions), names in AWS_METRICS.items()
        for combination in (
            zip(*(values[dimension] for dimension in dimensions), strict=True)
            if "ExecutedVersion" in dimensions  # of that function, and not of any
            else itertools.product(*(values[dimension] for dimension in dimensions))
        )
        for name in names
    }


def alarms(stack: Stack) -> dict[str, dict[str, Any]]:
    return stack.of_type("AWS::CloudWatch::Alarm")


def watched(alarm: dict[str, Any]) -> list[Metric]:
    """Return the metrics of an alarm: its one, or those of its metric math."""
    stats = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part]
    return [
        Metric(
            each["Namespace"],
            each["MetricName"],
            frozenset((item["Name"], item["Value"]) for item in each["Dimensions"]),
        )
        for each in stats or [alarm]
    ]


def used_ids(expression: str) -> set[str]:
    """Return the ids in an expression: they begin with a small letter, functions with a capital."""
    return set(re.findall(r"\b[a-z]\w*", re.sub(r"'[^']*'", "", expression)))


def widgets(stack: Stack) -> list[dict[str, Any]]:
    (dashboard,) = stack.of_type("AWS::CloudWatch::Dashboard").values()
    return [widget["properties"] for widget in json.loads(dashboard["DashboardBody"])["widgets"]]


def expressions(widget: dict[str, Any]) -> list[dict[str, Any]]:
    return [row[0] for row in widget["metrics"] if isinstance(row[0], dict)]


def shown(widget: dict[str, Any]) -> list[Metric]:
    """Return the metrics of a widget: rows of namespace, name, and the names and values of dimensions in turn.

    ``.`` repeats a field of the row above, ``...`` all of them but the last ones:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    found, above = [], [""]
    for row in widget["metrics"]:
        fields = [part for part in row if isinstance(part, str)]
        if not fields:
            continue
        if fields[0] == "...":
            fields = above[: len(above) - len(fields) + 1] + fields[1:]
        above = [above[position] if part == "." else part for position, part in enumerate(fields)]
        found.append(Metric(above[0], above[1], frozenset(zip(above[2::2], above[3::2], strict=True))))
    return found


def searches(widget: dict[str, Any]) -> list[re.Match[str]]:
    """Return the searches of a widget, in parts: namespace, dimensions, metric name, conditions on dimensions."""
    form = r"SEARCH\('\{([\w/]+),([\w,]+)\} MetricName=\"(\w+)\" ?([^']*)', '\w+', \d+\)"
    found = [re.fullmatch(form, row["expression"]) for row in expressions(widget) if "SEARCH" in row["expression"]]
    assert None not in found
    return [search for search in found if search]


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_given_every_outcome_then_every_kind_of_error_is_counted(template, environment):
    stack = Stack(template, Environment=environment)

    types = {value for metric in of_squrl(stack) for name, value in metric.dimensions if name == "error_type"}

    assert types == {error.__name__ for error in SqurlError.__subclasses__()}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_given_an_alarm_then_the_stack_emits_every_metric_of_it(template, environment):
    stack = Stack(template, Environment=environment, CreateAccess="anyone", GradualDeployment="true")

    unknown = {
        name: [metric for metric in watched(alarm) if metric not in of_squrl(stack) | of_aws(stack)]
        for name, alarm in alarms(stack).items()
    }

    assert not {name: metrics for name, metrics in unknown.items() if metrics}
    assert len(unknown) > 10


@pytest.mark.parametrize(("access", "count"), [("key", 8), ("anyone", 9)])
def test_given_the_essentials_then_their_alarms_are_free_and_watch_what_is_emitted(template, access, count):
    stack = Stack(template, Environment="dev", Monitoring="essential", CreateAccess=access, EventBus="")
    metrics = [metric for alarm in alarms(stack).values() for metric in watched(alarm)]

    assert [metric for metric in metrics if metric not in of_squrl(stack) | of_aws(stack)] == []
    assert len(alarms(stack)) == count
    assert len(metrics) <= 10  # what an account has for nothing
    assert stack.of_type("AWS::CloudWatch::Dashboard") == {}
    assert "DashboardUrl" not in stack.outputs


def test_given_the_essentials_then_only_what_alarms_watch_is_a_metric(template):
    stack = Stack(template, Environment="dev", Monitoring="essential", CreateAccess="anyone", GradualDeployment="true")

    emitted = of_squrl(stack)

    types = {dict(metric.dimensions).get("error_type") for metric in emitted if metric.name == "error_count"}
    assert {metric.name for metric in emitted} == {"domain_list_error", "limiter_unavailable", "error_count"}
    assert types == {"InternalServerError", "ServiceUnavailable"}
    assert {m for alarm in alarms(stack).values() for m in watched(alarm) if m.namespace == "Squrl"} <= emitted


def test_given_refusals_that_an_alarm_of_full_tells_then_the_one_for_all_tells_them(template):
    full, essential = (alarms(Stack(template, Monitoring=monitoring)) for monitoring in ("full", "essential"))
    throttles, misses, refusals = full["ApiThrottlesAlarm"], full["MissesAlarm"], essential["ApiRefusalsAlarm"]
    counted = {"creates": 0, "redirects": 0, "manages": 0, "pages": 0}
    counts = [0, 1, 49, 50, 51, 60, 61, 99, 100, 101, 102, 1000]

    # Each miss and each throttled request is a 4xx of the API.
    throttled = [n for n in counts if result_of(throttles, refused=n, requests=n, **counted) > throttles["Threshold"]]
    missed = [
        miss
        for miss, lookups in itertools.product(counts, repeat=2)
        if miss <= lookups and result_of(misses, misses=miss, lookups=lookups) > misses["Threshold"]
    ]

    assert throttled
    assert missed
    assert min(throttled + missed) > refusals["Threshold"]
    assert (refusals["Period"], refusals["EvaluationPeriods"]) == (300, 1)  # within one that either of them looks at


def test_given_an_alarm_that_full_alone_has_then_operations_says_what_goes_unseen(template):
    full, essential = (alarms(Stack(template, Monitoring=monitoring)) for monitoring in ("full", "essential"))
    operations = (ROOT / "docs/operations.md").read_text()
    _, _, section = operations.partition("### What essential leaves out")

    listed = re.findall(r"^\| (\w+Alarm) \|", section.partition("\n## ")[0], re.MULTILINE)

    assert sorted(listed) == sorted(full.keys() - essential.keys())
    assert all(f"**{name}**" in operations for name in full.keys() | essential.keys())


@MONITORINGS
def test_given_an_alarm_with_metric_math_then_it_uses_what_it_defines(template, monitoring):
    stack = Stack(template, GradualDeployment="true", Monitoring=monitoring)

    for name, alarm in alarms(stack).items():
        parts = alarm.get("Metrics", [])
        defined = [part["Id"] for part in parts if "MetricStat" in part]
        results = [part for part in parts if part.get("ReturnData", True)]
        assert len(defined) == len(set(defined)) <= 10, name
        assert [used_ids(result["Expression"]) for result in results] == ([set(defined)] if parts else []), name
        assert len({part["MetricStat"]["Period"] for part in parts if "MetricStat" in part}) <= 1, name


@MONITORINGS
def test_given_an_alarm_then_it_is_silent_when_all_is_well_and_can_go_off(template, monitoring):
    stack = Stack(template, GradualDeployment="true", Monitoring=monitoring)
    longest = {each["FunctionName"]: each["Timeout"] for each in stack.of_type("AWS::Lambda::Function").values()}

    for name, alarm in alarms(stack).items():
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold", name
        assert alarm["TreatMissingData"] == "notBreaching", name
        if "Metrics" in alarm:
            ids = [part["Id"] for part in alarm["Metrics"] if "MetricStat" in part]
            silent = result_of(alarm, **dict.fromkeys(ids, 0))
            every = (dict(zip(ids, values, strict=True)) for values in itertools.product([0, 1000], repeat=len(ids)))
            loud = max(result_of(alarm, **values) for values in every)
        else:
            silent, loud = 0, 1000
            if alarm["MetricName"] == "Duration":  # milliseconds, of which there are no more than the time-out's
                loud = longest[alarm["Dimensions"][0]["Value"]] * 1000
        assert silent <= alarm["Threshold"] < loud, name


def result_of(alarm: dict[str, Any], **values: int) -> float:
    """Evaluate metric math. Dividing by zero gives no data, which is no breach."""
    (expression,) = (part["Expression"] for part in alarm["Metrics"] if "Expression" in part)
    try:
        return float(eval(expression, {"__builtins__": {}}, FUNCTIONS | values))  # noqa: S307 (the template's own text)
    except ZeroDivisionError:
        return 0


@pytest.mark.parametrize(
    ("case", "refused", "requests", "creates", "redirects", "manages", "pages", "is_told"),
    [
        ("throttled", 500, 2000, 500, 900, 60, 40, True),
        ("preflights", 0, 2000, 500, 900, 60, 40, False),
        ("refused by the functions", 500, 1500, 500, 900, 60, 40, False),
        ("refused by the managing function", 500, 500, None, None, 500, None, False),
        ("refused by the pages function", 500, 500, None, None, None, 500, False),
        ("preflights, and refused by the functions a little", 30, 2000, 500, 900, 60, 40, False),
        ("all throttled", 500, 500, None, None, None, None, True),
    ],
)
def test_given_requests_then_those_that_the_gateway_throttled_are_told(
    template, case, refused, requests, creates, redirects, manages, pages, is_told
):
    alarm = alarms(Stack(template))["ApiThrottlesAlarm"]

    counted = {"creates": creates, "redirects": redirects, "manages": manages, "pages": pages}
    result = result_of(alarm, refused=refused, requests=requests, **counted)

    assert (result > alarm["Threshold"]) is is_told, case


@pytest.mark.parametrize(
    ("case", "minutes", "told_after"),
    [
        # a message that fails is in flight until it is visible again, and is received at once
        ("fails again and again", [(0, 1)] * 60, 30),
        ("one reading in fifteen misses it", ([(0, 1)] * 14 + [(0, 0)]) * 4, 30),
        ("nobody receives it", [(1, 0)] * 60, 30),
        ("a burst", [(900, 99)] * 20 + [(0, 0)] * 40, None),
        ("a few clicks now and then", [(1, 0), (0, 1), (0, 0)] * 20, None),
    ],
)
def test_given_clicks_in_the_queue_then_half_an_hour_of_them_is_told(template, case, minutes, told_after):
    alarm = alarms(Stack(template))["ClickQueueAlarm"]
    periods, wanted = alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]

    breaching = [result_of(alarm, waiting=waiting, inFlight=flight) > alarm["Threshold"] for waiting, flight in minutes]
    told = [end for end in range(periods, len(minutes)) if sum(breaching[end - periods : end]) >= wanted]

    assert next(iter(told), None) == told_after, case


def test_given_clicks_that_fail_then_an_alarm_comes_before_they_are_given_up(template):
    stack = Stack(template)
    queue = stack.of_type("AWS::SQS::Queue")["ClickQueue"]

    until_dead = queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"]

    assert alarms(stack)["ClickQueueAlarm"]["EvaluationPeriods"] * 60 < min(until_dead, 3600)


def test_given_an_alarm_on_a_ratio_then_ratio_and_threshold_are_percentages(template):
    stack = Stack(template, GradualDeployment="true")

    ratios = {
        name: (part["Expression"], alarm["Threshold"])
        for name, alarm in alarms(stack).items()
        for part in alarm.get("Metrics", [])
        if "/" in part.get("Expression", "")
    }

    versions = {name for name in alarms(stack) if name.endswith("VersionAlarm")}
    assert ratios.keys() == {"Api5xxAlarm", "MissesAlarm"} | versions
    for name, (expression, threshold) in ratios.items():
        assert "100 *" in expression, name
        assert 1 <= threshold < 100, name


@pytest.mark.parametrize(("monitoring", "count"), [("full", 10), ("essential", 9)])
def test_given_an_alarm_whose_description_says_a_number_then_it_is_its_threshold(template, monitoring, count):
    stack = Stack(template, GradualDeployment="true", Monitoring=monitoring)

    said = {
        name: (float(number[1]), alarm["Threshold"])
        for name, alarm in alarms(stack).items()
        if (number := re.search(r"more than ([0-9.]+) (%|ms|requests)", alarm["AlarmDescription"], re.IGNORECASE))
    }

    assert len(said) == count
    assert all(number == threshold for number, threshold in said.values())


@MONITORINGS
def test_given_an_alarm_then_it_is_published_to_a_topic_that_lets_it(template, monitoring):
    options = {"AlarmEmail": "you@example.com", "MonthlyBudget": "20", "GradualDeployment": "true"}
    stack = Stack(template, **options, Monitoring=monitoring)
    ((topic, properties),) = stack.of_type("AWS::SNS::Topic").items()
    (policy,) = stack.of_type("AWS::SNS::TopicPolicy").values()
    (budget,) = stack.of_type("AWS::Budgets::Budget").values()

    (statement,) = policy["PolicyDocument"]["Statement"]

    for name, alarm in alarms(stack).items():
        told = [] if name.endswith("VersionAlarm") else [stack.ref(topic)]  # these are for CodeDeploy alone
        assert alarm.get("AlarmActions", []) == alarm.get("OKActions", []) == told, name
    for notification in budget["NotificationsWithSubscribers"]:
        assert [each["Address"] for each in notification["Subscribers"]] == [stack.ref(topic)]
    assert properties["Subscription"] == [{"Protocol": "email", "Endpoint": "you@example.com"}]
    assert policy["Topics"] == [statement["Resource"]] == [stack.ref(topic)]
    assert set(statement["Principal"]["Service"]) == {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}


ANSWERING = {"create-url", "manage-links", "redirect", "pages"}


@pytest.mark.parametrize(
    ("alarm", "name", "functions"),
    [
        ("FunctionErrorsAlarm", "Errors", {*ANSWERING, "count-clicks"}),
        ("FunctionThrottlesAlarm", "Throttles", {*ANSWERING, "count-clicks"}),
        ("ServerErrorsAlarm", "error_count", ANSWERING),
    ],
)
def test_given_an_alarm_on_functions_then_it_watches_each(template, alarm, name, functions):
    metrics = watched(alarms(Stack(template, Environment="dev"))[alarm])

    seen = [dict(metric.dimensions) for metric in metrics]
    types = {each.get("error_type") for each in seen}
    assert {metric.name for metric in metrics} == {name}
    assert {next(iter(each.values())) if len(each) == 1 else each["service"] for each in seen} == {
        f"squrl-{function}-dev" for function in functions
    }
    assert len(seen) == len(functions) * len(types)
    assert types in ({None}, {"InternalServerError", "ServiceUnavailable"})


def test_given_the_alarm_on_the_tables_errors_then_it_watches_what_is_called(template):
    stack = Stack(template)
    called = {
        operation
        for function in stack.of_type("AWS::Lambda::Function")
        for operation, table in run(stack, function).operations
        if table == stack.ref("UrlsTable")
    }

    metrics = watched(alarms(stack)["TableErrorsAlarm"])

    assert {dict(metric.dimensions)["Operation"] for metric in metrics} == called


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_given_the_dashboard_then_the_stack_emits_every_metric_on_it(template, environment):
    stack = Stack(template, Environment=environment, CreateAccess="anyone")

    unknown = [
        metric for widget in widgets(stack) for metric in shown(widget) if metric not in of_squrl(stack) | of_aws(stack)
    ]

    assert unknown == []


def test_given_the_dashboard_then_every_search_on_it_finds_metrics(template):
    stack = Stack(template, Environment="dev")

    found = [search for widget in widgets(stack) for search in searches(widget)]

    assert found
    for search in found:
        namespace, names, metric_name, conditions = search.groups()
        matching = [
            dict(metric.dimensions)
            for metric in of_squrl(stack)
            if metric[:2] == (namespace, metric_name)
            and {name for name, _ in metric.dimensions} == set(names.split(","))
        ]
        dimension, _, values = conditions.partition("=")
        assert set(re.findall(r'"([^"]+)"', values)) == {each[dimension] for each in matching}


def test_given_the_dashboard_then_every_metric_of_squrl_is_on_it(template):
    stack = Stack(template, Environment="dev", CreateAccess="anyone")
    emitted = {metric.name for metric in of_squrl(stack)}

    rows = {metric.name for widget in widgets(stack) for metric in shown(widget) if metric.namespace == "Squrl"}
    found = {search[3] for widget in widgets(stack) for search in searches(widget)}

    assert rows | found == emitted


def test_given_a_widget_with_metric_math_then_it_uses_the_ids_that_it_defines(template):
    stack = Stack(template)

    for widget in widgets(stack):
        options = [row[-1] for row in widget["metrics"] if isinstance(row[-1], dict)]
        ids = [option["id"] for option in options if "id" in option and "expression" not in option]
        math = [row["expression"] for row in expressions(widget) if "SEARCH" not in row["expression"]]
        assert len(ids) == len(set(ids)), widget["title"]
        assert set().union(*(used_ids(expression) for expression in math)) == set(ids), widget["title"]


def test_given_the_dashboard_then_it_is_of_this_region_and_filled_in(template):
    stack = Stack(template)
    (dashboard,) = stack.of_type("AWS::CloudWatch::Dashboard").values()

    regions = {widget["region"] for widget in widgets(stack)}

    assert regions == {REGION}
    assert "${" not in dashboard["DashboardBody"]
    assert dashboard["DashboardName"] in stack.outputs["DashboardUrl"]["Value"]


def test_given_the_cost_widget_then_its_numbers_stand_elsewhere(template):
    prices = json.loads(PRICES.read_text())["prices"]
    written = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][1]
    names = {
        "Request": "api.requests",
        "Invocation": "lambda.requests",
        "GbSecond": "lambda.duration.arm64",
        "Read": "dynamodb.reads",
        "Write": "dynamodb.writes",
        "Message": "sqs.requests",
    }

    numbers = {name: value for name, value in written.items() if isinstance(value, int | float)}

    assert numbers == {name: pytest.approx(prices[price]["tiers"][0][1] * 1e6) for name, price in names.items()}
    assert written["Memory"] == template["Resources"]["CreateUrlFunction"]["Properties"]["MemorySize"]


def test_given_the_cost_widget_when_a_million_is_used_then_it_sums_the_prices(template):
    (widget,) = (each for each in widgets(Stack(template)) if "cost" in each["title"])
    ids = [row[-1]["id"] for row in widget["metrics"] if row[-1].get("visible") is False]
    used = {
        name: 2_000_000_000 if name in ("create", "redirect", "count", "manage", "page") else 1_000_000 for name in ids
    }  # ms

    shown_dollars = [
        float(eval(row["expression"], {"__builtins__": {}}, used))  # noqa: S307 (the template's own text)
        for row in expressions(widget)
    ]

    # with 512 MB a million GB-seconds are two million seconds, here of each function
    assert shown_dollars == pytest.approx([1 + 5 * 0.2, 5 * 13.3334, 4 * 0.125 + 5 * 0.625, 1.2 * 0.4])


@pytest.mark.parametrize(
    ("case", "age", "errors", "throttles", "is_told"),
    [
        ("all is well", 200, None, None, False),
        ("nothing was written", None, None, None, False),
        ("the bus refuses", 16 * 60_000, 0, 0, True),
        ("a record can't be read", 500, 1, 0, True),
        ("the function isn't started", None, None, 3, True),
    ],
)
def test_given_changes_that_wait_then_it_is_told_before_they_are_laid_aside(
    template, case, age, errors, throttles, is_told
):
    stack = Stack(template)
    alarm = alarms(stack)["ChangesDelayedAlarm"]
    (source,) = (
        each for each in stack.of_type("AWS::Lambda::EventSourceMapping").values() if "StartingPosition" in each
    )

    result = result_of(alarm, age=age, errors=errors, throttles=throttles)

    assert (result > alarm["Threshold"]) is is_told, case
    assert source["MaximumRecordAgeInSeconds"] > 2 * 15 * 60
