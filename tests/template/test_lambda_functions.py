"""The functions and their API: what each may do, is told, and writes down."""

import copy
import json
import re
from typing import Any

import pytest

from squrl.aws.links_table import MARK, SECRET_ROW
from squrl.late_clicks import MAX_BATCH, OLDEST_CLICK
from tests.template import stack as stacks
from tests.template.runs import run
from tests.template.stack import ACCOUNT, read
from tests.template.stack import FullStack as Stack

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
FUNCTIONS = {
    "CreateUrlFunction": 10,
    "ManageLinksFunction": 30,
    "RedirectFunction": 5,
    "CountClicksFunction": 30,
    "PagesFunction": 5,
    "PublishChangesFunction": 30,
}  # seconds
PAGES = (
    *("/", "/assets/{name}", "/{short_code}/qr", "/robots.txt", "/favicon.ico", "/.well-known/security.txt"),
    *("/health", "/openapi.yaml", "/docs"),
)
ROUTES = {
    "CreateUrlFunction": {("post", "/create")},
    "ManageLinksFunction": {
        ("get", "/links"),
        ("get", "/links/{short_code}"),
        ("get", "/links/{short_code}/stats"),
        ("patch", "/links/{short_code}"),
        ("delete", "/links/{short_code}"),
        ("post", "/links/bulk"),
        ("patch", "/links/bulk"),
        ("post", "/links/import"),
    },
    "RedirectFunction": {
        ("get", "/{short_code}"),
        ("head", "/{short_code}"),
        ("post", "/{short_code}"),
        ("x-amazon-apigateway-any-method", "$default"),
    },
    "CountClicksFunction": set(),
    "PagesFunction": {(method, path) for method in ("get", "head") for path in PAGES},
    "PublishChangesFunction": set(),
}

# Who reads a variable that is no setting of squrl's.
READ_QUEUE = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
# https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
READ_STREAM = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
OTHERS = {
    "AWS_ENDPOINT_URL_DYNAMODB",  # botocore
    "MONITORING",  # telemetry
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_SERVICE_NAME",
}


def function(stack: Stack, name: str) -> Any:
    return stack.of_type("AWS::Lambda::Function")[name]


def role_of(stack: Stack, name: str) -> Any:
    """Return the one role that a function has."""
    roles = stack.of_type("AWS::IAM::Role")
    (role,) = (role for id_, role in roles.items() if stack.attribute(id_, "Arn") == function(stack, name)["Role"])
    return role


def log_group_of(stack: Stack, name: str) -> tuple[str, dict[str, Any]]:
    """Return the log group that Lambda is told to write to, with its logical id."""
    told = function(stack, name).get("LoggingConfig", {}).get("LogGroup")
    groups = stack.of_type("AWS::Logs::LogGroup").items()
    found = [(id_, group) for id_, group in groups if group["LogGroupName"] == told]
    assert len(found) == 1, told
    return found[0]


def sources_of(stack: Stack, name: str) -> list[dict[str, Any]]:
    """Return the queues and streams that a function's alias is fed from."""
    sources = stack.of_type("AWS::Lambda::EventSourceMapping").values()
    return [source for source in sources if source["FunctionName"] == stack.ref(f"{name}Aliaslive")]


def version(stack: Stack, name: str) -> str:
    """Return the version that the function's alias stands for: CloudFormation makes a new one for a new logical id."""
    return str(stack.of_type("AWS::Lambda::Alias")[f"{name}Aliaslive"]["FunctionVersion"])


def rows_of(statement: dict[str, Any]) -> list[str | None]:
    """Return the patterns of the partition keys that a statement is limited to."""
    if "Condition" not in statement:
        return [None]
    (condition,) = statement["Condition"].items()
    operator, ((key, patterns),) = condition[0], condition[1].items()
    assert (operator, key) == ("ForAllValues:StringLike", "dynamodb:LeadingKeys")
    return listed(patterns)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_functions_are_these(template):
    assert Stack(template).of_type("AWS::Lambda::Function").keys() == FUNCTIONS.keys()


@pytest.mark.parametrize(("access", "limit"), [("key", "60"), ("anyone", "60"), ("anyone", "0")])
@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_given_a_function_then_it_may_do_what_its_code_does_and_nothing_else(
    template, name, environment, access, limit
):
    parameters = {"TableName": f"squrl-urls-{environment}", "CreateAccess": access, "CreatesPerMinutePerClient": limit}
    stack = Stack(template, Environment=environment, **parameters)
    log_group, _ = log_group_of(stack, name)
    logs_arn = stack.attribute(log_group, "Arn")
    needed: set[tuple[str, str, str | None]] = set(run(stack, name).calls)

    role = role_of(stack, name)

    granted = [
        (action, resource, rows)
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        for rows in rows_of(statement)
    ]
    granted += [
        (statement["Action"], stack.attribute(key, "Arn"), None)
        for key, properties in stack.of_type("AWS::KMS::Key").items()
        for statement in properties["KeyPolicy"]["Statement"]
        if statement["Principal"]["AWS"] == function(stack, name)["Role"]
    ]
    if environment == "local" and name == "RedirectFunction":
        needed.add(("sqs:SendMessage", stack.attribute("ClickQueue", "Arn"), None))  # where there is no queue
    for source in sources_of(stack, name):
        if "StartingPosition" in source:
            streams = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/squrl-urls-{environment}/stream/*"
            aside = source["DestinationConfig"]["OnFailure"]["Destination"]
            needed |= {(f"dynamodb:{action}", streams, None) for action in READ_STREAM}
            needed |= {("s3:PutObject", f"{aside}/*", None), ("s3:ListBucket", aside, None)}
        else:
            needed |= {(f"sqs:{action}", source["EventSourceArn"], None) for action in READ_QUEUE}
    needed |= {(action, logs_arn, None) for action in ("logs:CreateLogStream", "logs:PutLogEvents")}
    needed |= {(action, "*", None) for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords")}
    assert set(granted) == needed
    assert len(granted) == len(needed)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_given_a_functions_role_then_lambda_alone_may_take_it(template, name):
    role = role_of(Stack(template), name)

    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]

    assert role.keys() == {"AssumeRolePolicyDocument", "Policies"}
    assert all(each.keys() - {"Condition"} == {"Effect", "Action", "Resource"} for each in statements)
    assert {each["Effect"] for each in statements} == {"Allow"}
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_given_a_function_then_its_logs_are_kept_as_long_as_it_is_told(template, name):
    stack = Stack(template, LogRetentionDays="7")

    _, group = log_group_of(stack, name)

    assert group.get("RetentionInDays") == "7"
    assert group["LogGroupName"] == f"/aws/lambda/{function(stack, name)['FunctionName']}"


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("level", ["DEBUG", "CRITICAL"])
def test_given_any_log_level_then_lambda_lets_the_metrics_through(template, name, level):
    logging = function(Stack(template, LogLevel=level), name)["LoggingConfig"]

    assert logging["LogFormat"] == "JSON"
    assert logging["ApplicationLogLevel"] in ("TRACE", "DEBUG", "INFO")  # metrics are written as INFO


def test_given_the_api_then_its_access_log_is_kept_as_long_as_it_is_told(template):
    stack = Stack(template, LogRetentionDays="7")
    (stage,) = stack.of_type("AWS::ApiGatewayV2::Stage").values()

    groups = stack.of_type("AWS::Logs::LogGroup").items()

    (group,) = (
        group for id_, group in groups if stack.attribute(id_, "Arn") == stage["AccessLogSettings"]["DestinationArn"]
    )
    assert group.get("RetentionInDays") == "7"
    assert group["LogGroupName"].startswith("/aws/vendedlogs/")


def test_given_the_access_log_then_it_says_nothing_of_who_or_which_link(template):
    (stage,) = Stack(template).of_type("AWS::ApiGatewayV2::Stage").values()

    record = json.loads(stage["AccessLogSettings"]["Format"])

    variables = set(re.findall(r"\$context\.([\w.]+)", " ".join(record.values())))
    # Of what https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html lists, these
    # tell nothing of a visitor.
    assert variables <= {
        "requestId",
        "requestTime",
        "requestTimeEpoch",
        "routeKey",
        "httpMethod",
        "protocol",
        "stage",
        "status",
        "dataProcessed",
        "responseLength",
        "responseLatency",
        "integrationLatency",
        "integrationStatus",
        "integration.latency",
        "integration.status",
        "integration.integrationStatus",
        "integration.requestId",
        "integration.error",
        "integrationErrorMessage",
        "error.message",
        "error.responseType",
    }
    assert {"requestId", "status", "routeKey"} <= variables
    assert all(re.fullmatch(r"\$context\.[\w.]+", value) for value in record.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_given_a_function_then_its_environment_is_what_is_read_of_it(template, name):
    stack = Stack(template)
    variables = function(stack, name)["Environment"]["Variables"]

    settings = run(stack, name).settings

    others = OTHERS if "TABLE_NAME" in variables else OTHERS - {"AWS_ENDPOINT_URL_DYNAMODB"}
    assert variables.keys() == {name.upper() for name in vars(settings)} | others


def test_given_the_environments_then_no_two_functions_share_a_service_name(template):
    services = {
        function(Stack(template, Environment=environment), name)["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for environment in ("local", "dev", "staging", "prod")
        for name in FUNCTIONS
    }

    assert len(services) == 4 * len(FUNCTIONS)
    assert all(
        re.fullmatch(
            "squrl-(create-url|manage-links|redirect|count-clicks|pages|publish-changes)-(local|dev|staging|prod)",
            service,
        )
        for service in services
    )


@pytest.mark.parametrize(("name", "timeout"), FUNCTIONS.items())
def test_given_a_function_then_it_has_the_size_and_time_that_were_agreed(template, name, timeout):
    properties = function(Stack(template, Architecture="arm64"), name)

    assert properties["Runtime"] == "python3.13"
    assert properties["MemorySize"] == 512
    assert properties["Timeout"] == timeout
    assert properties["Architectures"] == ["arm64"]


@pytest.mark.parametrize(
    ("parameters", "reserved"),
    [
        ({}, {}),
        ({"CreateConcurrency": "0", "RedirectConcurrency": "50"}, {"CreateUrlFunction": "0", "RedirectFunction": "50"}),
    ],
    ids=str,
)
def test_given_a_concurrency_then_it_is_reserved_and_otherwise_none_is(template, parameters, reserved):
    stack = Stack(template, **parameters)

    properties = stack.of_type("AWS::Lambda::Function").items()
    found = {name: each.get("ReservedConcurrentExecutions") for name, each in properties}
    assert {name: number for name, number in found.items() if number is not None} == reserved


@pytest.mark.parametrize("name", FUNCTIONS)
def test_given_a_function_then_its_own_routes_call_its_alias(template, name):
    stack = Stack(template)
    (api,) = stack.of_type("AWS::ApiGatewayV2::Api").values()

    integrations = {
        (method, path): operation["x-amazon-apigateway-integration"]["uri"]
        for path, operations in api["Body"]["paths"].items()
        for method, operation in operations.items()
    }

    alias = stack.of_type("AWS::Lambda::Alias")[f"{name}Aliaslive"]
    assert alias["FunctionName"] == function(stack, name)["FunctionName"]
    assert {route for route, uri in integrations.items() if f"<{name}Aliaslive>" in uri} == ROUTES[name]


def test_given_the_api_then_creating_and_managing_are_throttled_sooner_than_following(template):
    (stage,) = Stack(template, CreateRateLimit="5", RedirectRateLimit="70").of_type("AWS::ApiGatewayV2::Stage").values()

    routes = {
        f"{method.upper()} {path}" for f in ("CreateUrlFunction", "ManageLinksFunction") for method, path in ROUTES[f]
    }
    assert stage["RouteSettings"] == {key: {"ThrottlingRateLimit": "5", "ThrottlingBurstLimit": "5"} for key in routes}
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": "70", "ThrottlingBurstLimit": "70"}


def test_given_the_defaults_then_creating_is_throttled_far_sooner_than_following(template):
    defaults = Stack(template).parameters

    assert int(defaults["CreateRateLimit"]) * 10 <= int(defaults["RedirectRateLimit"])


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("", "https://none.invalid"), ("https://www.example.com", "https://www.example.com"), ("*", "*")],
)
def test_given_an_origin_then_its_pages_may_call_the_api_and_otherwise_nobodys(template, origin, allowed):
    (api,) = Stack(template, CorsOrigin=origin).of_type("AWS::ApiGatewayV2::Api").values()

    assert api["Body"]["x-amazon-apigateway-cors"] == {
        "allowOrigins": [allowed],
        "allowMethods": ["GET", "HEAD", "POST", "PATCH", "DELETE"],
        "allowHeaders": ["content-type", "authorization", "x-api-key", "if-match"],
        "exposeHeaders": ["etag", "location", "retry-after"],
        "maxAge": 3600,
    }


# The queue


def test_given_the_queue_then_its_consumer_gets_batches_that_fit(template):
    stack = Stack(template)

    (source,) = sources_of(stack, "CountClicksFunction")

    assert source["EventSourceArn"] == stack.attribute("ClickQueue", "Arn")
    assert 10 < source["BatchSize"] <= MAX_BATCH
    assert 1 <= source["MaximumBatchingWindowInSeconds"] <= 5
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert 2 <= source["ScalingConfig"]["MaximumConcurrency"] <= 5


def test_given_the_queue_then_what_fails_comes_again_and_at_last_is_dead(
    template,
):
    stack = Stack(template)
    queues = stack.of_type("AWS::SQS::Queue")

    queue, dead = queues["ClickQueue"], queues["ClickDeadLetterQueue"]

    assert queue["VisibilityTimeout"] >= 6 * function(stack, "CountClicksFunction")["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == stack.attribute("ClickDeadLetterQueue", "Arn")
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
    assert dead["MessageRetentionPeriod"] == 14 * 86_400
    assert queue["SqsManagedSseEnabled"] is dead["SqsManagedSseEnabled"] is True
    # A message that moves to the dead ones keeps its first time, so it lives no longer for that; and as long as it
    # lives, its click is young enough to be counted.
    assert queue["MessageRetentionPeriod"] <= dead["MessageRetentionPeriod"] <= OLDEST_CLICK


@pytest.mark.parametrize(("environment", "is_there"), [("local", False), ("dev", True), ("prod", True)])
def test_given_a_deployed_environment_then_throttled_clicks_are_queued(template, environment, is_there):
    stack = Stack(template, Environment=environment)

    url = function(stack, "RedirectFunction")["Environment"]["Variables"]["CLICK_QUEUE_URL"]

    assert url == (stack.ref("ClickQueue") if is_there else "")


# The stream

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/squrl-urls-2/stream/2026-11-25T10:00:00.000"


def changes_of(template, **parameters):
    """Return what the publishing function is fed by."""
    (source,) = sources_of(Stack(template, **parameters), "PublishChangesFunction")
    return source


def test_given_no_bus_then_nothing_of_the_events_is_there_and_all_else_is_the_same(template):
    without, having = stacks.Stack(template), Stack(template)

    added = having.resources.keys() - without.resources.keys()

    assert {name for name in added if not name.startswith("PublishChanges")} == {
        "ChangesDelayedAlarm",
        "UnpublishedBucket",
        "UnpublishedChangesAlarm",
    }
    assert "PublishChangesFunction" in added
    kept = {name: resource for name, resource in having.resources.items() if name not in added | {"Dashboard"}}
    assert kept == {name: resource for name, resource in without.resources.items() if name != "Dashboard"}
    assert "event_published" not in without.resources["Dashboard"]["Properties"]["DashboardBody"]


def test_given_the_stream_then_what_fails_comes_again_and_is_at_last_laid_aside(template):
    source = changes_of(template)

    assert source["EventSourceArn"] == "<UrlsTable.StreamArn>"
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert source["MaximumRetryAttempts"] == -1
    # The stream forgets after a day; what a new mapping finds there isn't laid aside for its age.
    assert 22 * 3600 < source["MaximumRecordAgeInSeconds"] < 86_400
    assert source["DestinationConfig"]["OnFailure"] == {"Destination": "<UnpublishedBucket.Arn>"}
    assert source.get("ParallelizationFactor", 1) == 1


def test_given_the_streams_filters_then_they_name_what_the_store_writes(template):
    patterns = [json.loads(each["Pattern"]) for each in changes_of(template)["FilterCriteria"]["Filters"]]

    # "DynamoDB event source mappings only support filtering on the dynamodb key":
    # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
    assert all(pattern.keys() == {"dynamodb"} for pattern in patterns)
    assert {"NewImage": {MARK: {"BOOL": [True]}}} in [pattern["dynamodb"] for pattern in patterns]
    keys = [pattern["dynamodb"].get("Keys") for pattern in patterns]
    assert keys.count({"short_code": {"S": [{"anything-but": [SECRET_ROW]}]}}) == 2
    assert len(patterns) <= 5  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html


@pytest.mark.parametrize(("stream", "is_broken"), [("", True), (STREAM, False)], ids=["none", "given"])
def test_given_a_table_that_is_there_then_its_stream_has_to_be_named(template, stream, is_broken):
    parameters = {"ManageTable": "false", "TableStreamArn": stream}

    assert changes_of(template, **parameters)["EventSourceArn"] == stream
    assert bool(Stack(template, **parameters).broken_rules()) is is_broken
    assert not stacks.Stack(template, **parameters).broken_rules()


@pytest.mark.parametrize(
    ("parameter", "value", "is_right"),
    [
        ("EventBus", "", True),
        ("EventBus", "default", True),
        ("EventBus", "Links_of.squrl-1", True),
        ("EventBus", "arn:aws:events:us-east-1:123456789012:event-bus/links", False),
        ("EventBus", "a" * 257, False),
        ("TableStreamArn", STREAM, True),
        ("TableStreamArn", STREAM.partition("/stream")[0], False),
    ],
)
def test_given_a_name_for_events_then_the_template_takes_what_aws_takes(template, parameter, value, is_right):
    assert stacks.accepts(template, parameter, value) is is_right


def test_given_the_bucket_then_nobody_else_reads_it_and_it_forgets_in_two_weeks(template):
    (bucket,) = Stack(template).of_type("AWS::S3::Bucket").values()

    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 14)
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert "VersioningConfiguration" not in bucket


# The clients' limit


@pytest.mark.parametrize(
    ("access", "limit", "is_there"),
    [("anyone", "60", True), ("anyone", "1", True), ("anyone", "0", False), ("key", "60", False), ("key", "0", False)],
)
def test_given_a_limit_for_anyone_then_there_is_a_key_that_makes_macs_and_otherwise_none(
    template, access, limit, is_there
):
    stack = Stack(template, CreateAccess=access, CreatesPerMinutePerClient=limit)

    keys = [(key["KeySpec"], key["KeyUsage"]) for key in stack.of_type("AWS::KMS::Key").values()]
    variables = function(stack, "CreateUrlFunction")["Environment"]["Variables"]

    assert variables["CREATES_PER_MINUTE_PER_CLIENT"] == limit
    assert bool(variables["CLIENT_KEY_ID"]) is is_there
    assert keys == [("HMAC_256", "GENERATE_VERIFY_MAC")] * is_there


def test_given_the_clients_key_then_the_account_administers_it_and_can_not_use_it(template):
    (key,) = Stack(template, CreateAccess="anyone").of_type("AWS::KMS::Key").values()

    account, _role = key["KeyPolicy"]["Statement"]

    assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    # Without this one nobody could ever change the policy again.
    assert "kms:PutKeyPolicy" in account["Action"]
    # What key administrators may do, without grants, since who makes one can let anybody use the key:
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    words = "Cancel|Describe|Disable|Enable|List|Put|Schedule|Tag|Untag|Update"
    assert all(re.fullmatch(f"kms:(({words})[A-Za-z]+|GetKey[A-Za-z]+)", action) for action in account["Action"])


# Versions: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html

UNVERSIONED = {"ReservedConcurrentExecutions", "Tags"}  # Lambda has these once for all versions of a function


def versioned(stack: Stack, name: str) -> Any:
    """Return what Lambda keeps in a version of a function: the layer's content stands for its ARN."""
    properties = {key: value for key, value in function(stack, name).items() if key not in UNVERSIONED}
    return properties, stack.of_type("AWS::Lambda::LayerVersion")


def values_of(name: str, rule: dict[str, Any], default: str) -> str:
    """Return another value than a parameter's default that it takes."""
    if "AllowedValues" in rule:
        return next(str(value) for value in rule["AllowedValues"] if str(value) != default)
    return {"TableName": "squrl-urls-2", "CertificateArn": CERTIFICATE, "HostedZoneId": "Z1"}.get(
        name, "7" if rule["Type"] == "Number" else "https://a.example"
    )


@pytest.mark.parametrize("parameter", read()["Parameters"])
def test_given_a_parameter_when_it_changes_then_a_version_is_made_if_it_differs(template, parameter):
    before = Stack(template)
    value = values_of(parameter, template["Parameters"][parameter], before.parameters[parameter])

    after = Stack(template, **{parameter: value})

    for name in FUNCTIONS:
        is_new = version(before, name) != version(after, name)
        # Where Lambda finds nothing new to publish, CloudFormation fails. Where it isn't asked, callers keep the old.
        assert is_new == (versioned(before, name) != versioned(after, name))


@pytest.mark.parametrize(
    ("resources", "change"),
    [
        (FUNCTIONS, {"CodeUri": "s3://bucket/other"}),
        (FUNCTIONS, {"Timeout": 3}),
        (FUNCTIONS, {"MemorySize": 1024}),
        (FUNCTIONS, {"Runtime": "python3.14"}),
        (FUNCTIONS, {"Tracing": "Active"}),
        (FUNCTIONS, {"Architectures": ["x86_64"]}),
        (FUNCTIONS, {"Role": "arn:aws:iam::123456789012:role/other"}),
        (FUNCTIONS, {"LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}}),
        (FUNCTIONS, {"Environment": {"Variables": {"A": "b"}}}),
        (FUNCTIONS, {"Handler": "app.other"}),
        (["SqurlLayer"], {"ContentUri": "s3://bucket/other"}),
        (["SqurlLayer"], {"CompatibleArchitectures": ["x86_64"]}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_given_functions_when_what_is_versioned_changes_then_versions_are_made(template, resources, change):
    changed = copy.deepcopy(template)

    for resource in resources:
        changed["Resources"][resource]["Properties"].update(change)

    before, after = Stack(template), Stack(changed)
    assert not [name for name in FUNCTIONS if version(before, name) == version(after, name)]


def test_given_functions_when_nothing_changes_then_no_version_is_made(template):
    before, after = Stack(template), Stack(copy.deepcopy(template))

    assert [version(before, name) for name in FUNCTIONS] == [version(after, name) for name in FUNCTIONS]


@pytest.mark.parametrize(
    ("parameter", "name"), [("CreateConcurrency", "CreateUrlFunction"), ("RedirectConcurrency", "RedirectFunction")]
)
@pytest.mark.parametrize(("one", "other"), [("-1", "5"), ("5", "6")])
def test_given_a_reservation_when_it_changes_then_there_is_something_to_publish(template, parameter, name, one, other):
    before, after = (Stack(template, **{parameter: value}) for value in (one, other))

    properties = [versioned(stack, name)[0] for stack in (before, after)]

    assert version(before, name) != version(after, name)
    assert {key for key in properties[0] if properties[0][key] != properties[1][key]} == {"Description"}
    unaffected = FUNCTIONS.keys() - {name}
    assert all(version(before, each) == version(after, each) for each in unaffected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_given_gradual_deployment_then_the_versions_own_alarm_takes_it_back(template, name):
    stack = Stack(template, GradualDeployment="true")
    group = stack.of_type("AWS::CodeDeploy::DeploymentGroup")[f"{name}DeploymentGroup"]
    alarms = stack.of_type("AWS::CloudWatch::Alarm")
    service = function(stack, name)["FunctionName"]

    (told,) = group["AlarmConfiguration"]["Alarms"]

    (alarm,) = (each for id_, each in alarms.items() if stack.ref(id_) == told["Name"])
    watched = {
        (stat["MetricName"], *sorted(item["Value"] for item in stat["Dimensions"]))
        for stat in [part["MetricStat"]["Metric"] for part in alarm["Metrics"] if "MetricStat" in part]
    }
    of_version = sorted([service, f"{service}:live", version(stack, name)])
    answered = {("error_count", error, service) for error in ("InternalServerError", "ServiceUnavailable")}
    failures = {("Errors", *of_version), ("Invocations", *of_version)}
    assert watched == failures | (answered if ROUTES[name] else set())  # who has nobody to answer fails
    assert group["AlarmConfiguration"]["Enabled"]
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert "Canary" in group["DeploymentConfigName"]
    update = stack.resources[f"{name}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert update["DeploymentGroupName"] == stack.ref(f"{name}DeploymentGroup")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_given_a_new_version_then_the_alarm_that_takes_it_back_has_no_state_yet(template, name):
    before, after = (
        Stack(template, layer=layer, GradualDeployment="true") for layer in ("s3://bucket/one", "s3://bucket/other")
    )
    alarm = f"{name.removesuffix('Function')}VersionAlarm"

    names = [stack.resources[alarm]["Properties"]["AlarmName"] for stack in (before, after)]

    # Another name is another alarm: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
    # aws-resource-cloudwatch-alarm.html
    assert [version(stack, name) in each for stack, each in zip((before, after), names, strict=True)] == [True, True]
    assert names[0] != names[1]


def test_given_no_gradual_deployment_then_there_is_no_trace_of_codedeploy(template):
    stack = Stack(template, GradualDeployment="false")

    types = {resource["Type"] for resource in stack.resources.values()}

    assert not [kind for kind in types if kind.startswith("AWS::CodeDeploy::")]
    assert not [name for name, resource in stack.resources.items() if "UpdatePolicy" in resource]
    assert not [name for name in stack.resources if name.endswith("VersionAlarm")]
    assert len(stack.of_type("AWS::IAM::Role")) == len(FUNCTIONS)
