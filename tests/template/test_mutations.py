"""The tests of this folder can fail: each mistake, made in a copy of the template, is found by one of them."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.template import test_lambda_functions as functions
from tests.template import test_metrics as metrics
from tests.template import test_parameters as parameters
from tests.template import test_table as table
from tests.template.stack import Template

Change = Callable[[Template], object]


def of(template: Template, resource: str) -> Any:
    return template["Resources"][resource]["Properties"]


def stat(template: Template, alarm: str, position: int) -> Any:
    """Return a metric of an alarm's metric math, by its position below the expression."""
    return of(template, alarm)["Metrics"][position]["MetricStat"]["Metric"]


def statement(template: Template, role: str, position: int) -> Any:
    return of(template, role)["Policies"][0]["PolicyDocument"]["Statement"][position]


def variables(template: Template, function: str) -> Any:
    return of(template, function)["Environment"]["Variables"]


def on_dashboard(old: str, new: str) -> Change:
    def change(template: Template) -> None:
        body = of(template, "Dashboard")["DashboardBody"]["Fn::Sub"]
        assert old in body
        of(template, "Dashboard")["DashboardBody"]["Fn::Sub"] = body.replace(old, new, 1)

    return change


def alarms(template: Template) -> None:
    metrics.test_given_an_alarm_then_every_metric_of_it_is_one_that_the_stack_emits(template, "dev")


def dashboard(template: Template) -> None:
    metrics.test_given_the_dashboard_then_every_metric_on_it_is_one_that_the_stack_emits(template, "dev")


def permissions(template: Template) -> None:
    functions.test_given_a_function_then_it_may_do_what_its_code_does_and_nothing_else(
        template, "CreateUrlFunction", "dev", "60"
    )


def permissions_of_the_consumer(template: Template) -> None:
    functions.test_given_a_function_then_it_may_do_what_its_code_does_and_nothing_else(
        template, "CountClicksFunction", "dev", "60"
    )


def consumer(template: Template) -> None:
    functions.test_given_the_queue_then_its_consumer_gets_batches_that_fit_and_says_which_messages_failed(template)


def queues(template: Template) -> None:
    functions.test_given_the_queue_then_a_message_comes_again_when_its_consumer_has_ended_and_at_last_goes_to_the_dead_ones(
        template
    )


def clicks(template: Template) -> Any:
    return of(template, "CountClicksFunction")["Events"]["Clicks"]["Properties"]


def environment(template: Template) -> None:
    functions.test_given_a_function_then_its_environment_is_its_settings_and_what_its_tools_read(
        template, "CreateUrlFunction"
    )


def logs(template: Template) -> None:
    functions.test_given_a_function_then_its_log_group_is_the_stacks_and_keeps_logs_as_long_as_it_is_told(
        template, "RedirectFunction"
    )


def access_log(template: Template) -> None:
    functions.test_given_the_api_then_its_access_log_is_the_stacks_and_is_kept_as_long_as_it_is_told(template)
    functions.test_given_the_access_logs_format_then_it_is_json_and_says_nothing_of_who_or_which_link(template)


def roll_back(template: Template) -> None:
    functions.test_given_gradual_deployment_then_a_version_is_taken_back_by_alarms_on_failures_and_on_handled_ones(
        template, "RedirectFunction"
    )


def kept_in_prod(template: Template) -> None:
    for name in ("UrlsTable", "DurableTable"):
        table.test_given_an_environment_then_prod_alone_keeps_and_protects_what_must_not_be_lost(template, "prod", name)


def values(parameter: str, value: str) -> Change:
    return lambda template: parameters.test_given_a_value_then_the_template_takes_what_the_function_takes(
        template, parameter, value, is_right=False
    )


MISTAKES: dict[str, tuple[Change, Change]] = {
    "a dimension forgotten": (lambda t: stat(t, "TableErrorsAlarm", 1)["Dimensions"].pop(), alarms),
    "a dimension of a REST API": (
        lambda t: stat(t, "Api5xxAlarm", 1)["Dimensions"][0].update(Name="ApiName"),
        alarms,
    ),
    "a metric of a REST API": (lambda t: stat(t, "Api5xxAlarm", 1).update(MetricName="5XXError"), alarms),
    "another resource's id": (
        lambda t: of(t, "RedirectErrorsAlarm")["Dimensions"][0].update(Value={"Ref": "HttpApi"}),
        alarms,
    ),
    "a service that is none": (
        lambda t: stat(t, "MissesAlarm", 1)["Dimensions"][0].update(Value="squrl-redirect"),
        alarms,
    ),
    "an error that is none": (
        lambda t: stat(t, "RedirectHandledErrorsAlarm", 2)["Dimensions"][1].update(Value="Unavailable"),
        alarms,
    ),
    "a metric renamed": (lambda t: stat(t, "MissesAlarm", 2).update(MetricName="url_lookups"), alarms),
    "a namespace renamed": (lambda t: stat(t, "MissesAlarm", 2).update(Namespace="squrl"), alarms),
    "a service renamed": (
        lambda t: variables(t, "RedirectFunction").update(POWERTOOLS_SERVICE_NAME="squrl-redirect"),
        alarms,
    ),
    "a metric renamed on the dashboard": (on_dashboard("url_lookup_miss", "url_lookup_misses"), dashboard),
    "a dimension forgotten on the dashboard": (
        on_dashboard(', "service", "squrl-redirect', ', "squrl-redirect'),
        dashboard,
    ),
    "a search in a schema that is none": (
        on_dashboard("{Squrl,service,error_type}", "{Squrl,service,error}"),
        metrics.test_given_the_dashboard_then_every_search_on_it_finds_metrics_and_each_value_is_one_of_theirs,
    ),
    "an id that is not defined": (
        on_dashboard('"id": "indexReads"', '"id": "readsOfIndex"'),
        metrics.test_given_a_widget_with_metric_math_then_it_uses_the_ids_that_it_defines,
    ),
    "an alarm's id that is not defined": (
        lambda t: of(t, "Api5xxAlarm")["Metrics"][1].update(Id="failures"),
        metrics.test_given_an_alarm_with_metric_math_then_it_uses_the_ids_that_it_defines_and_returns_one_value,
    ),
    "a share for a percentage": (
        lambda t: of(t, "MissesAlarm").update(Threshold=0.8),
        metrics.test_given_an_alarm_on_a_ratio_then_ratio_and_threshold_are_percentages,
    ),
    "a threshold out of reach": (
        lambda t: of(t, "Api5xxAlarm").update(Threshold=100),
        metrics.test_given_an_alarm_then_it_is_silent_when_all_is_well_and_goes_off_when_everything_fails,
    ),
    "a latency beyond the time-out": (
        lambda t: of(t, "RedirectLatencyAlarm").update(Threshold=5000),
        metrics.test_given_an_alarm_then_it_is_silent_when_all_is_well_and_goes_off_when_everything_fails,
    ),
    "an alarm that tells nobody": (
        lambda t: of(t, "MissesAlarm").update(AlarmActions=[]),
        metrics.test_given_an_alarm_then_it_is_published_to_a_topic_that_lets_it,
    ),
    "every action allowed": (lambda t: statement(t, "CreateUrlRole", 0).update(Action="dynamodb:*"), permissions),
    "an action too many": (lambda t: statement(t, "CreateUrlRole", 0)["Action"].append("dynamodb:Scan"), permissions),
    "an action missing": (lambda t: statement(t, "CreateUrlRole", 0)["Action"].remove("dynamodb:GetItem"), permissions),
    "every resource allowed": (lambda t: statement(t, "CreateUrlRole", 0).update(Resource="*"), permissions),
    "the table for its index": (
        lambda t: statement(t, "CreateUrlRole", 1).update(Resource={"Fn::GetAtt": ["UrlsTable", "Arn"]}),
        permissions,
    ),
    "another's log group": (
        lambda t: statement(t, "CreateUrlRole", 5).update(Resource={"Fn::GetAtt": ["RedirectLogGroup", "Arn"]}),
        permissions,
    ),
    "the one table for the other": (
        lambda t: statement(t, "CountClicksRole", 0).update(Resource={"Fn::GetAtt": ["EphemeralTable", "Arn"]}),
        permissions_of_the_consumer,
    ),
    "every kind of row allowed": (lambda t: statement(t, "CreateUrlRole", 2).pop("Condition"), permissions),
    "another kind of row": (
        lambda t: statement(t, "CountClicksRole", 1)["Condition"].update(
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "client#*"}}
        ),
        permissions_of_the_consumer,
    ),
    "the domain lists of prod deleted with its stack": (
        lambda t: t["Resources"]["DurableTable"].update(DeletionPolicy="Delete"),
        kept_in_prod,
    ),
    "clients' counts that can be restored": (
        lambda t: of(t, "EphemeralTable").update(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}),
        lambda t: table.test_given_any_environment_then_what_passes_can_not_be_restored(t, "prod"),
    ),
    "a queue that can not be read": (
        lambda t: statement(t, "CountClicksRole", 2)["Action"].remove("sqs:DeleteMessage"),
        permissions_of_the_consumer,
    ),
    "a batch too big for a transaction": (lambda t: clicks(t).update(BatchSize=100), consumer),
    "a batch that fails as a whole": (lambda t: clicks(t).pop("FunctionResponseTypes"), consumer),
    "messages that come again too soon": (lambda t: of(t, "ClickQueue").update(VisibilityTimeout=30), queues),
    "messages that are lost": (lambda t: of(t, "ClickQueue").pop("RedrivePolicy"), queues),
    "a limit for creating that is none": (
        lambda t: of(t, "HttpApi").pop("RouteSettings"),
        functions.test_given_the_api_then_creating_is_throttled_sooner_than_following,
    ),
    "a managed policy": (
        lambda t: of(t, "CreateUrlRole").update(ManagedPolicyArns=["arn:aws:iam::aws:policy/AWSLambdaExecute"]),
        lambda t: functions.test_given_a_functions_role_then_lambda_alone_may_take_it_and_it_has_no_policy_of_another(
            t, "CreateUrlFunction"
        ),
    ),
    "no log group": (lambda t: of(t, "RedirectFunction").pop("LoggingConfig"), logs),
    "another log group": (
        lambda t: of(t, "RedirectFunction")["LoggingConfig"].update(LogGroup="/aws/lambda/squrl"),
        logs,
    ),
    "logs kept for ever": (lambda t: of(t, "RedirectLogGroup").pop("RetentionInDays"), logs),
    "an access log kept for ever": (lambda t: of(t, "HttpApiLogGroup").pop("RetentionInDays"), access_log),
    "a visitor's address logged": (
        lambda t: of(t, "HttpApi")["AccessLogSettings"].update(
            Format='{"requestId":"$context.requestId","ip":"$context.identity.sourceIp"}'
        ),
        access_log,
    ),
    "metrics filtered out": (
        lambda t: of(t, "RedirectFunction")["LoggingConfig"].update(ApplicationLogLevel="WARN"),
        lambda t: functions.test_given_any_log_level_then_lambda_lets_the_metrics_through(
            t, "RedirectFunction", "CRITICAL"
        ),
    ),
    "a variable renamed": (
        lambda t: variables(t, "CreateUrlFunction").update(
            BASE_ADDRESS=variables(t, "CreateUrlFunction").pop("BASE_URL")
        ),
        environment,
    ),
    "a variable too many": (lambda t: variables(t, "CreateUrlFunction").update(DEBUG="true"), environment),
    "a version that no alarm takes back": (
        lambda t: of(t, "RedirectFunction")["DeploymentPreference"]["Alarms"].pop(),
        roll_back,
    ),
    "no new version for a new property": (
        lambda t: of(t, "RedirectFunction").pop("AutoPublishAliasAllProperties"),
        lambda t: functions.test_given_a_function_when_a_property_of_it_changes_then_the_alias_gets_a_new_version(
            t, "RedirectFunction"
        ),
    ),
    "the table of prod deleted with its stack": (
        lambda t: t["Resources"]["UrlsTable"].update(DeletionPolicy="Delete"),
        kept_in_prod,
    ),
    "the table of prod unprotected": (
        lambda t: of(t, "UrlsTable").update(DeletionProtectionEnabled=False),
        kept_in_prod,
    ),
    "an attribute missing from the index": (
        lambda t: of(t, "UrlsTable")["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"].remove("status"),
        table.test_given_the_index_then_it_holds_every_attribute_that_a_query_filters_on,
    ),
    "a pattern too wide": (
        lambda t: t["Parameters"]["BaseUrl"].update(AllowedPattern="^(https?://.+)?$"),
        values("BaseUrl", "https://go.example.com/path"),
    ),
    "a default that does not pass": (
        lambda t: t["Parameters"]["TableName"].update(Default="-"),
        lambda t: parameters.test_given_a_parameter_then_it_is_described_and_checked_and_its_default_passes(
            t, "TableName"
        ),
    ),
    "a rule that lets all through": (
        lambda t: t["Rules"]["DomainIsComplete"]["Assertions"].clear(),
        lambda t: parameters.test_given_parts_of_a_domain_then_all_or_none_are_taken(t, (True, False, False)),
    ),
    "a property that CloudFormation does not know": (
        lambda t: of(t, "AlarmTopic").update(Name="alarms"),
        lambda t: parameters.test_given_a_combination_of_options_then_what_sam_makes_of_it_is_valid(t, {}),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_given_a_mistake_in_the_template_then_a_test_finds_it(template, mistake):
    make, check = MISTAKES[mistake]
    mutated = copy.deepcopy(template)

    make(mutated)

    assert mutated != template
    with pytest.raises(
        (AssertionError, ValueError, KeyError)
    ):  # where a function refuses to start, a row is odd, or gone
        check(mutated)
