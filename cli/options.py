"""What every command takes: which squrl is meant, and whether people or programs read the answer."""

import functools
import re
from collections.abc import Callable
from typing import Any

import click

from . import profiles
from .api import Api, HttpApi, LocalApi, StackApi
from .errors import UsageError

Command = Callable[..., Any]
_HOURS = {"": 1, "h": 1, "d": 24, "w": 7 * 24}


def connected(function: Command) -> Command:
    """Give a command the options that say which squrl is meant; it gets an `Api` as its first argument."""

    @click.option("--profile", metavar="NAME", help="What `squrl login --profile NAME` keeps.")
    @click.option("--stack", metavar="NAME", help="A deployed stack, by AWS credentials instead of a key.")
    @click.option("--region", metavar="REGION", help="The stack's region, if AWS's configuration has another.")
    @click.option("--local", "is_local", is_flag=True, help="This checkout's database, without a key.")
    @functools.wraps(function)
    def command(
        *arguments: Any,  # noqa: ANN401 (the command's own)
        profile: str | None,
        stack: str | None,
        region: str | None,
        is_local: bool,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if sum(map(bool, (profile, stack, is_local))) > 1:
            raise UsageError("Only one of --profile, --stack and --local can be meant")
        if region and not stack:
            raise UsageError("--region goes with --stack")
        return function(connect(profile, stack, region, is_local=is_local), *arguments, **options)

    return command


def operators(function: Command) -> Command:
    """As `connected`, for what only AWS credentials allow."""

    @functools.wraps(function)
    def command(api: Api, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (the command's own)
        if not api.is_operator:
            raise UsageError("No key allows that, only AWS credentials: say --stack NAME, or --local for this machine")
        return function(api, *arguments, **options)

    return connected(command)


def connect(profile: str | None, stack: str | None, region: str | None, *, is_local: bool) -> Api:
    """Return the squrl that the options mean."""
    if stack:
        return StackApi(stack, region)
    if is_local:
        return LocalApi()
    return HttpApi(*profiles.find(profile))


as_json = click.option("--json", "as_json", is_flag=True, help="Print what squrl answers, as JSON.")


class Hours(click.ParamType):
    """A lifetime: hours, days or weeks, or `never`."""

    name = "lifetime"
    NEVER = 0

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """Return hours; `NEVER` for none."""
        if value == "never":
            return self.NEVER
        match = re.fullmatch("([1-9][0-9]{0,5})([hdw]?)", str(value))
        if not match:
            self.fail(f"{value!r} isn't a lifetime: say 36h, 7d, 2w or never", param, ctx)
        return int(match[1]) * _HOURS[match[2]]


class Count(click.ParamType):
    """A whole number from 1 on, or `none`."""

    name = "count"
    NONE = 0

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """Return the number; `NONE` for none."""
        if value == "none":
            return self.NONE
        if not re.fullmatch("[1-9][0-9]{0,9}", str(value)):
            self.fail(f"{value!r} isn't a whole number from 1 on, or none", param, ctx)
        return int(value)
