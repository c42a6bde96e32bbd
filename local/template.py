"""The template as SAM CLI reads it: parameters given, `Fn::ForEach` expanded, conditions decided, functions resolved.

What a stack consists of, and what its functions are started with, stands in `template.yaml` alone. Who needs to know it
asks here.
"""

import copy
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samcli.commands._utils.template import get_template_data  # type: ignore[import-untyped]
from samcli.lib.intrinsic_resolver.intrinsic_property_resolver import (  # type: ignore[import-untyped]
    IntrinsicResolver,
)
from samcli.lib.intrinsic_resolver.intrinsics_symbol_table import IntrinsicsSymbolTable  # type: ignore[import-untyped]
from samcli.lib.providers.sam_function_provider import SamFunctionProvider  # type: ignore[import-untyped]
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider  # type: ignore[import-untyped]

from local import LocalError

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"

logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of feature toggles that only AWS has


class Stack:
    """The stack that some parameters make of a template.

    Parameters
    ----------
    parameters : mapping of str to str, optional
        The stack's parameters, where they are not the template's defaults.
    template : Path or mapping
        A SAM template, built or not: its file, or its content.

    Attributes
    ----------
    resources : dict
        Those whose condition holds, by logical id, as SAM has them (not translated to CloudFormation's). A reference to
        a resource is its logical id; an attribute of one is a text that contains it.
    parameters : dict
        The values of all its parameters.

    Raises
    ------
    LocalError
        If the template has no such parameter, or a parameter has no value.
    """

    def __init__(
        self, parameters: Mapping[str, str] | None = None, template: Path | Mapping[str, Any] = TEMPLATE
    ) -> None:
        content = get_template_data(str(template)) if isinstance(template, Path) else copy.deepcopy(dict(template))
        declared = content.get("Parameters", {})
        if unknown := (parameters or {}).keys() - declared.keys():
            raise LocalError(f"The template has no parameter {', '.join(sorted(unknown))}.")
        # As text, which is what CloudFormation compares.
        values = {name: _text(rule["Default"]) for name, rule in declared.items() if "Default" in rule}
        values |= parameters or {}
        if lacking := declared.keys() - values.keys():
            raise LocalError(f"The template's parameters need a value: {', '.join(sorted(lacking))}.")
        self.parameters: dict[str, str] = values
        self._stacks, _ = SamLocalStackProvider.get_stacks(
            str(template) if isinstance(template, Path) else "",
            template_dictionary=None if isinstance(template, Path) else content,
            parameter_overrides=values,
            language_extensions_enabled=True,
        )
        symbols = IntrinsicsSymbolTable(
            logical_id_translator=IntrinsicsSymbolTable.DEFAULT_PSEUDO_PARAM_VALUES | values, template=content
        )
        resolver = IntrinsicResolver(content, symbols)
        self.resources: dict[str, Any] = {
            logical_id: resource
            for logical_id, resource in self._stacks[0].resources.items()
            if "Condition" not in resource or resolver.handle_fn_if([resource["Condition"], True, False], False)
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the properties of all resources of a type, such as ``AWS::DynamoDB::Table``, by logical id."""
        return {
            logical_id: each.get("Properties", {})
            for logical_id, each in self.resources.items()
            if each["Type"] == kind
        }

    def function(self, logical_id: str) -> Any:  # noqa: ANN401 (SAM CLI has no types)
        """Return a function as SAM CLI knows it: with ``codeuri``, ``handler``, ``layers``, ``timeout``, ``memory``.

        Raises
        ------
        LocalError
            If there is no such function.
        """
        found = SamFunctionProvider(self._stacks, ignore_code_extraction_warnings=True).get(logical_id)
        if found is None:
            raise LocalError(f"The template has no function {logical_id}.")
        return found

    def environment(self, logical_id: str) -> dict[str, str]:
        """Return a function's environment variables: those that the template declares, and what follows from it.

        Lambda sets log format and level by ``LoggingConfig``:
        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
        """
        declared = (self.function(logical_id).environment or {}).get("Variables", {})
        logging_config = self.resources[logical_id]["Properties"].get("LoggingConfig", {})
        lambdas = {
            "AWS_LAMBDA_LOG_FORMAT": logging_config.get("LogFormat"),
            "AWS_LAMBDA_LOG_LEVEL": logging_config.get("ApplicationLogLevel"),
        }
        return {name: _text(value) for name, value in (declared | lambdas).items() if value is not None}


def environment(logical_id: str, parameters: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a function of this project's template finds in its environment. See `Stack.environment`."""
    return Stack(parameters).environment(logical_id)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
