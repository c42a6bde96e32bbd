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
        assert old in body[0]
        body[0] = body[0].replace(old, new, 1)

    return change


def alarms(template: Template) -> None:
    metrics.test_given_an_alarm_then_the_stack_emits_every_metric_of_it(template, "dev")


def essentials(template: Template) -> None:
    metrics.test_given_the_essentials_then_their_alarms_are_free_and_watch_what_is_emitted(template, "key", 8)


def dashboard(template: Template) -> None:
    metrics.test_given_the_dashboard_then_the_stack_emits_every_metric_on_it(template, "dev")


def permissions_of(function: str, access: str = "key") -> Change:
    return lambda template: functions.test_given_a_function_then_it_may_do_what_its_code_does_and_nothing_else(
        template, function, "dev", access, "60"
    )


permissions, permissions_of_anyone = permissions_of("CreateUrlFunction"), permissions_of("CreateUrlFunction", "anyone")
permissions_of_the_consumer = permissions_of("CountClicksFunction")
permissions_of_the_manager = permissions_of("ManageLinksFunction")
permissions_of_the_publisher = permissions_of("PublishChangesFunction")


def consumer(template: Template) -> None:
    functions.test_given_the_queue_then_its_consumer_gets_batches_that_fit(template)


def queues(template: Template) -> None:
    functions.test_given_the_queue_then_what_fails_comes_again_and_at_last_is_dead(template)


def clicks(template: Template) -> Any:
    return of(template, "CountClicksFunction")["Events"]["Clicks"]["Properties"]


def changes(template: Template) -> Any:
    return of(template, "PublishChangesFunction")["Events"]["Changes"]["Properties"]


def environment(template: Template) -> None:
    functions.test_given_a_function_then_its_environment_is_what_is_read_of_it(template, "CreateUrlFunction")


def logs(template: Template) -> None:
    functions.test_given_a_function_then_its_logs_are_kept_as_long_as_it_is_told(template, "RedirectFunction")


def access_log(template: Template) -> None:
    functions.test_given_the_api_then_its_access_log_is_kept_as_long_as_it_is_told(template)
    functions.test_given_the_access_log_then_it_says_nothing_of_who_or_which_link(template)


def roll_back(template: Template) -> None:
    functions.test_given_gradual_deployment_then_the_versions_own_alarm_takes_it_back(template, "RedirectFunction")
    functions.test_given_a_new_version_then_the_alarm_that_takes_it_back_has_no_state_yet(template, "RedirectFunction")


def kept_in_prod(template: Template) -> None:
    for name in ("UrlsTable", "DurableTable"):
        table.test_given_an_environment_then_prod_alone_protects_what_must_not_be_lost(template, "prod", name)


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
        lambda t: of(t, "RedirectLatencyAlarm")["Dimensions"][0].update(Value={"Ref": "HttpApi"}),
        alarms,
    ),
    "a service that is none": (
        lambda t: stat(t, "MissesAlarm", 1)["Dimensions"][0].update(Value="squrl-redirect"),
        alarms,
    ),
    "an error that is none": (
        lambda t: stat(t, "ServerErrorsAlarm", 2)["Dimensions"][1].update(Value="Unavailable"),
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
        on_dashboard('"service", "${Redirect}"', '"${Redirect}"'),
        dashboard,
    ),
    "a search in a schema that is none": (
        on_dashboard("{Squrl,service,error_type}", "{Squrl,service,error}"),
        metrics.test_given_the_dashboard_then_every_search_on_it_finds_metrics,
    ),
    "an id that is not defined": (
        on_dashboard('"id": "indexReads"', '"id": "readsOfIndex"'),
        metrics.test_given_a_widget_with_metric_math_then_it_uses_the_ids_that_it_defines,
    ),
    "an alarm's id that is not defined": (
        lambda t: of(t, "Api5xxAlarm")["Metrics"][1].update(Id="failures"),
        lambda t: metrics.test_given_an_alarm_with_metric_math_then_it_uses_what_it_defines(t, "full"),
    ),
    "a share for a percentage": (
        lambda t: of(t, "MissesAlarm").update(Threshold=0.8),
        metrics.test_given_an_alarm_on_a_ratio_then_ratio_and_threshold_are_percentages,
    ),
    "a threshold out of reach": (
        lambda t: of(t, "Api5xxAlarm").update(Threshold=100),
        lambda t: metrics.test_given_an_alarm_then_it_is_silent_when_all_is_well_and_can_go_off(t, "full"),
    ),
    "a latency beyond the time-out": (
        lambda t: of(t, "RedirectLatencyAlarm").update(Threshold=5000),
        lambda t: metrics.test_given_an_alarm_then_it_is_silent_when_all_is_well_and_can_go_off(t, "full"),
    ),
    "an alarm that tells nobody": (
        lambda t: of(t, "MissesAlarm").update(AlarmActions=[]),
        lambda t: metrics.test_given_an_alarm_then_it_is_published_to_a_topic_that_lets_it(t, "full"),
    ),
    "an alarm too many for the essentials": (
        lambda t: [t["Resources"][f"{name}Alarm"].pop("Condition") for name in ("TableErrors", "ServerErrors")],
        essentials,
    ),
    "an essential alarm on a metric that full alone has": (
        lambda t: of(t, "RedirectListsAlarm").update(MetricName="url_lookup_miss"),
        essentials,
    ),
    "essential refusals that come too late": (
        lambda t: of(t, "ApiRefusalsAlarm").update(Threshold=60),
        metrics.test_given_refusals_that_an_alarm_of_full_tells_then_the_one_for_all_tells_them,
    ),
    "an alarm left out of the essentials and out of the handbook": (
        lambda t: t["Resources"]["DeadClicksAlarm"].update(Condition="MonitorsFully"),
        metrics.test_given_an_alarm_that_full_alone_has_then_operations_says_what_goes_unseen,
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
        lambda t: statement(t, "CreateUrlRole", 4).update(Resource={"Fn::GetAtt": ["RedirectLogGroup", "Arn"]}),
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
    "domain lists that can be deleted": (
        lambda t: statement(t, "ManageLinksRole", 4)["Action"].append("dynamodb:DeleteItem"),
        permissions_of_the_manager,
    ),
    "keys that can be changed": (
        lambda t: statement(t, "ManageLinksRole", 2)["Action"].append("dynamodb:UpdateItem"),
        permissions_of_the_manager,
    ),
    "days that can be changed where they are only read": (
        lambda t: statement(t, "ManageLinksRole", 3).update(Action=["dynamodb:Query", "dynamodb:UpdateItem"]),
        permissions_of_the_manager,
    ),
    "days that can not be moved": (
        lambda t: statement(t, "CountClicksRole", 2)["Condition"].update(
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "days"}}
        ),
        permissions_of_the_consumer,
    ),
    "an index that can not be asked": (
        lambda t: statement(t, "ManageLinksRole", 1)["Resource"].pop(),
        permissions_of_the_manager,
    ),
    "clients that are counted where nobody may create without a key": (
        lambda t: t["Conditions"].update(LimitsClients={"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}),
        permissions,
    ),
    "a queue that can not be read": (
        lambda t: statement(t, "CountClicksRole", 3)["Action"].remove("sqs:DeleteMessage"),
        permissions_of_the_consumer,
    ),
    "a batch too big for a transaction": (lambda t: clicks(t).update(BatchSize=100), consumer),
    "a batch that fails as a whole": (lambda t: clicks(t).pop("FunctionResponseTypes"), consumer),
    "messages that come again too soon": (lambda t: of(t, "ClickQueue").update(VisibilityTimeout=30), queues),
    "messages that are lost": (lambda t: of(t, "ClickQueue").pop("RedrivePolicy"), queues),
    "every bus allowed": (
        lambda t: statement(t, "PublishChangesRole", 1).update(Resource="*"),
        permissions_of_the_publisher,
    ),
    "records that can not be laid aside": (
        lambda t: statement(t, "PublishChangesRole", 2).update(Action="s3:GetObject"),
        permissions_of_the_publisher,
    ),
    "records that are laid aside without their rows": (
        lambda t: changes(t).update(DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:::dead"}}),
        functions.test_given_the_stream_then_what_fails_comes_again_and_is_at_last_laid_aside,
    ),
    "the secret in the stream": (
        lambda t: changes(t)["FilterCriteria"]["Filters"][0].update(
            Pattern='{"dynamodb": {"OldImage": {"short_code": {"S": [{"exists": false}]}}}}'
        ),
        functions.test_given_the_streams_filters_then_they_name_what_the_store_writes,
    ),
    "a mark that nobody writes": (
        lambda t: changes(t)["FilterCriteria"]["Filters"][2].update(
            Pattern='{"dynamodb": {"NewImage": {"changed_at": {"N": [{"exists": true}]}}}}'
        ),
        functions.test_given_the_streams_filters_then_they_name_what_the_store_writes,
    ),
    "events that cost something where there are none": (
        lambda t: t["Resources"]["UnpublishedBucket"].pop("Condition"),
        functions.test_given_no_bus_then_nothing_of_the_events_is_there_and_all_else_is_the_same,
    ),
    "a limit for creating that is none": (
        lambda t: of(t, "HttpApi").pop("RouteSettings"),
        functions.test_given_the_api_then_creating_and_managing_are_throttled_sooner_than_following,
    ),
    "a managed policy": (
        lambda t: of(t, "CreateUrlRole").update(ManagedPolicyArns=["arn:aws:iam::aws:policy/AWSLambdaExecute"]),
        lambda t: functions.test_given_a_functions_role_then_lambda_alone_may_take_it(t, "CreateUrlFunction"),
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
        lambda t: of(t, "RedirectFunction").pop("DeploymentPreference"),
        roll_back,
    ),
    "a version that another's alarm takes back": (
        lambda t: stat(t, "RedirectVersionAlarm", 1)["Dimensions"].pop(),
        roll_back,
    ),
    "a version that the last one's alarm keeps out": (
        lambda t: of(t, "RedirectVersionAlarm").pop("AlarmName"),
        roll_back,
    ),
    "no new version for a new property": (
        lambda t: of(t, "RedirectFunction").pop("AutoPublishAliasAllProperties"),
        lambda t: functions.test_given_functions_when_what_is_versioned_changes_then_versions_are_made(
            t, functions.FUNCTIONS, {"Timeout": 3}
        ),
    ),
    "no new version for a parameter": (
        lambda t: t["Globals"]["Function"].update(Tracing=of(t, "RedirectFunction").pop("Tracing")),
        lambda t: functions.test_given_a_parameter_when_it_changes_then_a_version_is_made_if_it_differs(t, "Tracing"),
    ),
    "a new version without anything new": (
        lambda t: of(t, "CreateUrlFunction").update(Description="POST /create"),
        lambda t: functions.test_given_a_parameter_when_it_changes_then_a_version_is_made_if_it_differs(
            t, "CreateConcurrency"
        ),
    ),
    "a key that the account may use": (
        lambda t: of(t, "ClientKey")["KeyPolicy"]["Statement"][0].update(Action="kms:*"),
        functions.test_given_the_clients_key_then_the_account_administers_it_and_can_not_use_it,
    ),
    "a key that the redirect function may use": (
        lambda t: of(t, "ClientKey")["KeyPolicy"]["Statement"][1].update(
            Principal={"AWS": {"Fn::GetAtt": ["RedirectRole", "Arn"]}}
        ),
        permissions_of_anyone,
    ),
    "a price by hand": (
        lambda t: of(t, "Dashboard")["DashboardBody"]["Fn::Sub"][1].update(Write=1.25),
        metrics.test_given_the_cost_widget_then_its_numbers_stand_elsewhere,
    ),
    "an alarm that takes preflights for refusals": (
        lambda t: of(t, "ApiThrottlesAlarm")["Metrics"][0].update(Expression="requests - creates - redirects"),
        lambda t: metrics.test_given_requests_then_those_that_the_gateway_throttled_are_told(
            t, "preflights", 0, 2000, 500, 1000, 0, 0, is_told=False
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
        lambda t: table.test_given_an_index_then_a_link_that_is_read_from_it_lacks_its_counters_alone(
            t, "original-url-index"
        ),
    ),
    "a pattern too wide": (
        lambda t: t["Parameters"]["BaseUrl"].update(AllowedPattern="^(https?://.+)?$"),
        values("BaseUrl", "https://go.example.com/path"),
    ),
    "an age that no function takes": (
        lambda t: t["Parameters"]["PermanentMaxAge"].pop("MaxValue"),
        values("PermanentMaxAge", "86401"),
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
