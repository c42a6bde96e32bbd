"""The stack that CloudFormation would make of the template, for given parameters: translated, decided, resolved.

The SAM transform is AWS's own, run as ``sam validate`` runs it. What AWS::LanguageExtensions does before it, and what
CloudFormation does with conditions and intrinsic functions after it, is done here:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import copy
import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable

logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of feature toggles that only AWS has

ROOT = Path(__file__).parents[2]

Template = dict[str, Any]

REGION = "us-east-1"
ACCOUNT = "123456789012"
NO_VALUE = object()
PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "squrl",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": NO_VALUE,
}

# The names that the template chooses. Ref returns them, or for all others an id that AWS makes up.
NAMES = {
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SQS::Queue": "QueueName",
}
URLS = {"AWS::SQS::Queue": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{}}"}  # what Ref returns instead
ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{}}:*",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}",
}


def read() -> Template:
    template: Template = yaml_parse((ROOT / "template.yaml").read_text())
    return template


def accepts(template: Template, parameter: str, value: str) -> bool:
    """Tell whether CloudFormation takes a value for a parameter."""
    rule = template["Parameters"][parameter]
    if "AllowedValues" in rule and value not in [_text(allowed) for allowed in rule["AllowedValues"]]:
        return False
    if rule["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return False
        return bool(rule.get("MinValue", number) <= number <= rule.get("MaxValue", number))
    return re.fullmatch(rule.get("AllowedPattern", ".*"), value) is not None


class Stack:
    """The resources that exist for some parameters; all others have their defaults.

    Attributes
    ----------
    parameters : dict
        Every parameter's value, as the text that CloudFormation compares.
    resources : dict
        By logical id: no condition and no intrinsic function is left in them.
    """

    def __init__(self, template: Template, *, layer: str = "s3://bucket/layer", **parameters: str) -> None:
        defaults = {name: _text(rule["Default"]) for name, rule in template["Parameters"].items()}
        if unknown := parameters.keys() - defaults.keys():
            raise KeyError(unknown)
        self.parameters = defaults | parameters
        self.source = template
        resources = {name: self._with_values(resource) for name, resource in template["Resources"].items()}
        self._translated = _translate({**template, "Resources": resources}, self.parameters, layer)
        self._existing = self._that_exist(self._translated["Resources"])
        self.resources = {name: self.resolve(resource) for name, resource in self._existing.items()}
        self._existing_outputs = self._that_exist(self._translated["Outputs"])
        self.outputs = self.resolve(self._existing_outputs)

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the properties of all resources of one type, by logical id."""
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}

    def decided(self) -> Template:
        """Return the translated template with its conditions decided and its parameters given, all else as it is."""
        parameters = {
            name: {"Type": rule["Type"], "Default": json.loads(value) if rule["Type"] == "Number" else value}
            for name, rule in self._translated["Parameters"].items()
            for value in [self.parameters[name]]
        }
        parts = {"Resources": self._existing, "Outputs": self._existing_outputs}
        decided = {name: self.resolve(part, only_conditions=True) for name, part in parts.items()}
        for each in [*decided["Resources"].values(), *decided["Outputs"].values()]:
            each.pop("Condition", None)
        kept = {name: part for name, part in self._translated.items() if name != "Conditions"}
        return kept | {"Parameters": parameters} | decided

    def _that_exist(self, parts: dict[str, Any]) -> dict[str, Any]:
        return {
            name: each for name, each in parts.items() if "Condition" not in each or self._condition(each["Condition"])
        }

    def broken_rules(self) -> list[str]:
        """Return what CloudFormation says of the parameters before it makes anything."""
        return [
            assertion["AssertDescription"]
            for rule in self.source["Rules"].values()
            if "RuleCondition" not in rule or self.resolve(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self.resolve(assertion["Assert"])
        ]

    def ref(self, name: str) -> Any:
        """Return what ``Ref`` does."""
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self.parameters:
            return self.parameters[name]
        return URLS.get(self._existing[name]["Type"], "{}").format(self._name(name))

    def attribute(self, name: str, attribute: str) -> str:
        """Return what ``Fn::GetAtt`` does."""
        kind = self._existing[name]["Type"]
        if attribute == "Arn" and kind in ARNS:
            return ARNS[kind].format(self._name(name))
        return self._name(name) if attribute == NAMES.get(kind) else f"<{name}.{attribute}>"

    def _name(self, name: str) -> str:
        resource = self._existing[name]
        if resource["Type"] == "AWS::KMS::Key":
            return f"1234abcd-{name}"  # KMS knows no names: a key's id is its name
        naming = NAMES.get(resource["Type"])
        return str(self.resolve(resource["Properties"][naming])) if naming else f"<{name}>"

    def resolve(self, value: Any, *, only_conditions: bool = False) -> Any:
        """Return a part of the template with its intrinsic functions evaluated: all of them, or conditions alone."""
        if isinstance(value, list):
            items = (self.resolve(item, only_conditions=only_conditions) for item in value)
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Fn::If":
                condition, yes, no = argument
                return self.resolve(yes if self._condition(condition) else no, only_conditions=only_conditions)
            if argument == "AWS::NoValue":
                return NO_VALUE
            is_condition = function == "Condition" and isinstance(argument, str)
            if not only_conditions and (function == "Ref" or function.startswith("Fn::") or is_condition):
                return self._evaluate(function, argument)
        resolved = {key: self.resolve(item, only_conditions=only_conditions) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _condition(self, name: str) -> bool:
        return bool(self.resolve(self.source["Conditions"][name]))

    def _with_values(self, part: Any) -> Any:
        """Put in what is known before SAM looks at resources, as AWS::LanguageExtensions does: in no other section."""
        known: Any = part
        match part:
            case {"Ref": str(name)} if name in self.parameters:
                known = self.parameters[name]
            case {"Fn::FindInMap": _}:
                known = self.resolve(part)
            case {"Fn::If": [condition, yes, no]}:
                known = self._with_values(yes if self._condition(condition) else no)
            case {"Fn::Sub": str(text)}:
                text = re.sub(r"\$\{(\w+)\}", lambda name: self.parameters.get(name[1], name[0]), text)
                known = {"Fn::Sub": text} if "${" in text else text
            case dict():
                known = {key: self._with_values(item) for key, item in part.items()}
            case list():
                known = [self._with_values(item) for item in part]
        return known

    def _evaluate(self, function: str, argument: Any) -> Any:
        if function == "Fn::Sub":
            return self._substitute(argument)
        resolved = self.resolve(argument)
        evaluations: dict[str, Callable[[], Any]] = {
            "Ref": lambda: self.ref(resolved),
            "Condition": lambda: self._condition(resolved),
            "Fn::GetAtt": lambda: self.attribute(*resolved),
            "Fn::FindInMap": lambda: self.source["Mappings"][resolved[0]][resolved[1]][resolved[2]],
            "Fn::Equals": lambda: _text(resolved[0]) == _text(resolved[1]),
            "Fn::And": lambda: all(resolved),
            "Fn::Or": lambda: any(resolved),
            "Fn::Not": lambda: not resolved[0],
            "Fn::Join": lambda: resolved[0].join(resolved[1]),
        }
        return evaluations[function]()

    def _substitute(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def value(variable: re.Match[str]) -> str:
            name = variable[1]
            if name in variables:
                return _text(self.resolve(variables[name]))
            return self.attribute(*name.split(".", 1)) if "." in name else _text(self.ref(name))

        return re.sub(r"\$\{([^!}][^}]*)\}", value, text)


class FullStack(Stack):
    """The same with all the functions that there are: changes are published, unless a parameter says otherwise."""

    def __init__(self, template: Template, *, layer: str = "s3://bucket/layer", **parameters: str) -> None:
        super().__init__(template, layer=layer, **{"EventBus": "links"} | parameters)


def _translate(template: Template, parameters: dict[str, str], layer: str) -> Template:
    """Run the SAM transform. It reads no code, wants to see it in S3 though, and needs no managed policy of AWS's."""
    source = copy.deepcopy(template)
    for resource in source["Resources"].values():
        if "CodeUri" in resource["Properties"] and "s3:" not in resource["Properties"]["CodeUri"]:
            resource["Properties"]["CodeUri"] = "s3://bucket/code"
        if "ContentUri" in resource["Properties"] and "s3:" not in resource["Properties"]["ContentUri"]:
            resource["Properties"]["ContentUri"] = layer
    translator = Translator({}, Parser(), plugins=[], boto_session=Session(region_name=REGION))
    translated: Template = translator.translate(sam_template=source, parameter_values=dict(parameters))
    return translated


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
