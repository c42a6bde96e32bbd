"""The template as SAM CLI reads it."""

import pytest

from local import LocalError
from local.template import Stack, environment

TEMPLATE = {
    "Transform": ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"],
    "Parameters": {
        "Limit": {"Type": "Number", "Default": 5},
        "Stage": {"Type": "String", "Default": "dev"},
    },
    "Conditions": {"Limits": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Limit"}, "0"]}]}},
    "Resources": {
        "Key": {"Type": "AWS::KMS::Key", "Condition": "Limits", "Properties": {"KeySpec": "HMAC_256"}},
        "Fn::ForEach::Groups": [
            "Name",
            ["Create", "Redirect"],
            {
                "${Name}Logs": {
                    "Type": "AWS::Logs::LogGroup",
                    "Properties": {"LogGroupName": {"Fn::Sub": "/squrl/${Name}-${Stage}"}},
                }
            },
        ],
        "Create": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": "code/",
                "Handler": "app.handler",
                "Runtime": "python3.13",
                "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
                "Environment": {
                    "Variables": {
                        "LIMIT": {"Ref": "Limit"},
                        "KEY": {"Fn::If": ["Limits", {"Ref": "Key"}, ""]},
                        "NAME": {"Fn::Sub": "squrl-${Stage}"},
                    }
                },
            },
        },
    },
}


def test_given_a_loop_when_read_then_each_of_its_resources_is_there():
    groups = Stack({"Stage": "prod"}, TEMPLATE).of_type("AWS::Logs::LogGroup")

    names = {logical_id: each["LogGroupName"] for logical_id, each in groups.items()}
    assert names == {"CreateLogs": "/squrl/Create-prod", "RedirectLogs": "/squrl/Redirect-prod"}


@pytest.mark.parametrize(("limit", "keys"), [("5", ["Key"]), ("0", [])])
def test_given_a_condition_when_read_then_only_what_it_lets_exist_is_there(limit, keys):
    assert list(Stack({"Limit": limit}, TEMPLATE).of_type("AWS::KMS::Key")) == keys


@pytest.mark.parametrize(("limit", "key"), [("5", "Key"), ("0", "")])
def test_given_a_function_when_read_then_its_environment_is_the_templates_and_lambdas(limit, key):
    assert Stack({"Limit": limit}, TEMPLATE).environment("Create") == {
        "LIMIT": limit,
        "KEY": key,
        "NAME": "squrl-dev",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
    }


def test_given_a_parameter_that_is_none_when_read_then_it_is_named():
    with pytest.raises(LocalError, match="no parameter Limitt"):
        Stack({"Limitt": "1"}, TEMPLATE)


def test_given_a_function_that_is_none_when_asked_for_then_it_is_named():
    with pytest.raises(LocalError, match="no function Craete"):
        environment("Craete")
