"""`make key` and `make revoke`: keys, by direct invocation of the managing function.

Who may invoke it is AWS's to say. A new key alone goes to standard output; what is said about it, to standard error.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).resolve().parents[1]
LOCAL = "local"
_LOCAL_INVOKE = (sys.executable, "-m", "local", "invoke", "ManageLinksFunction", "--event", "-")


class Refused(Exception):
    """Why it was not done, for whoever sits at the terminal."""


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for, and leave with its exit status."""
    parser = argparse.ArgumentParser(prog="python -m cli.keys", description="Make or revoke a key.")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="make a key, which is shown this once")
    making.add_argument("--name", required=True, help="for people: what or who will use it")
    making.add_argument("--owner", required=True, help="whose links it is for: a team, a person, a system")
    making.add_argument("--role", required=True, help="read, write or admin")
    making.add_argument("--ttl-hours", type=int, help="its lifetime; it never ends without")
    revoking = commands.add_parser("revoke", help="revoke a key: it is refused everywhere within a minute")
    revoking.add_argument("id", help="the eight characters behind sq_; a whole key will do")
    for command in (making, revoking):
        command.add_argument("--env", default=LOCAL, help=f"an environment of samconfig.toml, or {LOCAL}: this machine")
    options = parser.parse_args(arguments)
    try:
        if options.command == "make":
            make(options.env, options.name, options.owner, options.role, options.ttl_hours)
        else:
            revoke(options.env, options.id)
    except Refused as refused:
        sys.exit(str(refused))


def make(environment: str, name: str, owner: str, role: str, ttl_hours: int | None = None) -> None:
    """Make a key, and print it.

    Raises
    ------
    Refused
        If there is none.
    """
    wanted = {"name": name, "owner": owner, "role": role, "ttl_hours": ttl_hours}
    key = _manage(environment, "POST", "/keys", wanted)
    print(key["key"])  # noqa: T201
    until = key["expires_at"] or "it is revoked"
    _say(
        f"This key is shown this once. Its id is {key['id']}; it is {key['owner']}'s, may {key['role']}, until {until}."
    )


def revoke(environment: str, id_: str) -> None:
    """Revoke a key.

    Parameters
    ----------
    id_
        Its eight characters behind ``sq_``, or the whole of it.

    Raises
    ------
    Refused
        If it isn't done, or there is no such key.
    """
    id_ = id_.removeprefix("sq_").partition("_")[0]
    keys = _manage(environment, "GET", "/keys")["keys"]
    key = next((each for each in keys if each["id"] == id_), None)
    if key is None:  # nobody must believe that something was revoked
        raise Refused(f"There is no key {id_} in {environment}.")
    _manage(environment, "DELETE", f"/keys/{id_}")
    _say(f"Revoked: {id_}, {key['owner']}'s {key['name']}. It is refused everywhere within a minute.")


def _manage(environment: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Invoke the managing function, and return the body of its answer, which is empty where it has none."""
    call = json.dumps({"method": method, "path": path} | ({"body": body} if body else {}))
    answer = json.loads(_invoke_here(call) if environment == LOCAL else _invoke(environment, call))
    status, result = answer["status"], answer["body"] or {}
    if status >= 400:  # noqa: PLR2004 (where errors begin)
        raise Refused(f"squrl refused with {status}: {result['message']}")
    return dict(result)


def _invoke(environment: str, call: str) -> str:
    parameters = _parameters(environment)
    region, function = parameters["region"], f"squrl-manage-links-{environment}"
    try:
        session = boto3.Session(profile_name=parameters.get("profile"), region_name=region)
        answer = session.client("lambda").invoke(FunctionName=function, Payload=call.encode())
        result = answer["Payload"].read().decode()
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            raise Refused(
                f"There is no function {function} in {region}, in the account of these credentials. "
                f"`make deploy ENV={environment}` makes it."
            ) from error
        raise Refused(f"AWS refused to invoke {function} in {region}: {error}") from error
    except BotoCoreError as error:  # no credentials, no network
        raise Refused(f"{function} in {region} can't be invoked: {error}") from error
    if "FunctionError" in answer:
        raise Refused(f"{function} failed; its log says why. {result}")
    return result


def _parameters(environment: str) -> dict[str, Any]:
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    try:
        parameters: dict[str, Any] = configuration[environment]["global"]["parameters"]
    except KeyError:
        raise Refused(f"samconfig.toml has no environment {environment}.") from None
    return parameters


def _invoke_here(call: str) -> str:
    result = subprocess.run(_LOCAL_INVOKE, cwd=ROOT, input=call, capture_output=True, text=True, check=False)
    if result.returncode or '"status"' not in result.stdout:
        raise Refused(f"The function on this machine can't be invoked:\n{result.stderr}{result.stdout}")
    return result.stdout


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
