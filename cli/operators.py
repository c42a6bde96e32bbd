"""What only AWS credentials allow: keys, the domains that links may lead to, events that were laid aside."""

import json
from typing import Any

import click

from .api import Api, StackApi
from .errors import Refused, UsageError
from .options import Hours, as_json, operators
from .output import confirm, say, show_json, show_table

_KEPT = 2  # versions of a function


@click.group()
def key() -> None:
    """Make, list and revoke keys (with --stack or --local)."""


@key.command("create")
@click.option("--name", required=True, help="For people: what or who will use it.")
@click.option("--owner", required=True, help="Whose links it is for: a team, a person, a system.")
@click.option("--role", required=True, type=click.Choice(["read", "write", "admin"]), help="What it may do.")
@click.option("--ttl", type=Hours(), default="never", help="Its lifetime, such as 36h, 7d or 2w; `never` if absent.")
@as_json
@operators
def create_key(api: Api, *, ttl: int, as_json: bool, **who: str) -> None:
    """Make a key. It is shown this once: the key alone on standard output."""
    wanted = {**who, "ttl_hours": ttl or None}
    made = api.call("POST", "/keys", wanted, repeatable=False)
    if as_json:
        show_json(made)
        return
    click.echo(made["key"])
    until = made["expires_at"] or "it is revoked"
    say(
        f"This key is shown this once. Its id is {made['id']}; it is {made['owner']}'s, may {made['role']}, "
        f"until {until}."
    )


@key.command("list")
@as_json
@operators
def list_keys(api: Api, *, as_json: bool) -> None:
    """List all keys, without their secrets."""
    keys = api.call("GET", "/keys")["keys"]
    if as_json:
        for each in keys:
            show_json(each)
        return
    names = ("id", "name", "owner", "role", "created_at", "expires_at")
    show_table(names, ([each[name] for name in names] for each in keys))


@key.command("revoke")
@click.argument("id_", metavar="ID")
@as_json
@operators
def revoke_key(api: Api, id_: str, *, as_json: bool) -> None:
    """Revoke a key: it is refused everywhere within a minute.

    ID is the eight characters behind sq_; a whole key will do.
    """
    id_ = id_.removeprefix("sq_").partition("_")[0]
    found = next((each for each in api.call("GET", "/keys")["keys"] if each["id"] == id_), None)
    if found is None:  # nobody must believe that something was revoked
        raise Refused(f"There is no key {id_}")
    api.call("DELETE", f"/keys/{id_}")
    if as_json:
        show_json(found)
    say(f"Revoked: {id_}, {found['owner']}'s {found['name']}. It is refused everywhere within a minute.")


@click.group()
def domain() -> None:
    """Say where links may lead (with --stack or --local).

    An ENTRY is a host name, which stands for its subdomains too, an IP address, or either with the start of a path, as
    in files.example/u/123. Links that are there already obey within a minute.
    """


_entries = click.argument("entries", metavar="ENTRY...", nargs=-1, required=True)


@domain.command()
@_entries
@as_json
@operators
def deny(api: Api, entries: tuple[str, ...], *, as_json: bool) -> None:
    """Let no link lead there: nobody makes one, and visitors of those that there are get a 410."""
    lists = api.call("PATCH", "/domains", {"denied": {"add": list(entries)}})
    _show_lists(lists, f"Denied: {', '.join(entries)}.", as_json=as_json)


@domain.command()
@_entries
@as_json
@operators
def permit(api: Api, entries: tuple[str, ...], *, as_json: bool) -> None:
    """Let links lead there again. Where they may lead to some domains alone, these are now among them."""
    lists = api.call("GET", "/domains")
    for entry in entries:
        change = {"denied": {"remove": [entry]}} | ({"allowed": {"add": [entry]}} if lists["allowed"] else {})
        before, lists = lists, api.call("PATCH", "/domains", change)
        if lists == before:  # a parent may be denied
            raise Refused(f"{entry} is as it was: `squrl domain list` shows what is denied, by which entry")
    _show_lists(lists, f"Permitted: {', '.join(entries)}.", as_json=as_json)


@domain.command()
@_entries
@click.option("--remove", is_flag=True, help="Take the entries off that list. An empty list permits everything again.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@as_json
@operators
def only(api: Api, entries: tuple[str, ...], *, remove: bool, yes: bool, as_json: bool) -> None:
    """Let links lead to these domains alone, and to those that were named so before."""
    if not remove and not api.call("GET", "/domains")["allowed"]:
        confirm("From now on links lead nowhere else, those that there are too. Go on?", yes=yes)
    lists = api.call("PATCH", "/domains", {"allowed": {"remove" if remove else "add": list(entries)}})
    _show_lists(lists, f"Links may lead to {', '.join(lists['allowed']) or 'all domains'}.", as_json=as_json)


@domain.command("list")
@as_json
@operators
def list_domains(api: Api, *, as_json: bool) -> None:
    """Show the entries, and what each does."""
    lists = api.call("GET", "/domains")
    if as_json:
        show_json(lists)
        return
    rows = [(entry, "denied") for entry in lists["denied"]] + [(entry, "permitted") for entry in lists["allowed"]]
    show_table(("entry", "links"), rows)


def _show_lists(lists: dict[str, list[str]], said: str, *, as_json: bool) -> None:
    show_json(lists) if as_json else say(said)


@click.command()
@operators
def republish(api: Api) -> None:
    """Publish the changes that could not be published (with --stack).

    A stack with EventBus lays aside in a bucket what its bus didn't take for 23 hours. Each batch is published in its
    order and then deleted. Its events may come twice, with the same id, and behind later ones: a link's revision tells.
    """
    if not isinstance(api, StackApi):
        raise UsageError("Only a deployed stack has events: say --stack NAME")
    bucket, function = api.resource("UnpublishedBucket"), api.resource("PublishChangesFunction")
    from botocore.exceptions import ClientError  # noqa: PLC0415 - a fifth of a second

    s3 = api.session.client("s3")
    try:
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket))
        aside = sorted(
            (each for page in pages for each in page.get("Contents", ())), key=lambda each: each["LastModified"]
        )
        for number, each in enumerate(aside):
            record = json.loads(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
            event = record["payload"]  # what Lambda invoked the function with
            result = api.invoke(function, (event if isinstance(event, str) else json.dumps(event)).encode())
            if result is None or json.loads(result)["batchItemFailures"]:
                left = len(aside) - number
                raise Refused(
                    f"The bus still refuses: {left} of {len(aside)} batches are left; {function}'s log says why"
                )
            s3.delete_object(Bucket=bucket, Key=each["Key"])
    except ClientError as error:
        raise Refused(f"AWS refused to look into {bucket}: {error}") from error
    say(f"Published: {len(aside)} batches." if aside else "There was nothing to publish.")


@click.command()
@operators
def prune(api: Api) -> None:
    """Delete the functions' old versions (with --stack): with SnapStart, AWS takes money for each.

    The last two stay, so that one can go back, and whatever the alias `live` leads to. `make deploy` ends with this.
    """
    if not isinstance(api, StackApi):
        raise UsageError("Only a deployed stack has versions: say --stack NAME")
    from botocore.exceptions import ClientError  # noqa: PLC0415 - a fifth of a second

    client: Any = api.session.client("lambda")
    deleted = 0

    def listed(operation: str, function: str, what: str) -> list[Any]:
        return [each for page in client.get_paginator(operation).paginate(FunctionName=function) for each in page[what]]

    try:
        for function in api.functions():
            versions = [each["Version"] for each in listed("list_versions_by_function", function, "Versions")]
            numbered = sorted((each for each in versions if each.isdecimal()), key=int)
            used = set(numbered[-_KEPT:])
            for alias in listed("list_aliases", function, "Aliases"):
                used |= {alias["FunctionVersion"], *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", ())}
            for version in numbered:
                if version not in used:
                    client.delete_function(FunctionName=function, Qualifier=version)
                    deleted += 1
    except ClientError as error:
        raise Refused(f"AWS refused to delete old versions: {error}") from error
    say(f"Deleted: {deleted} old versions." if deleted else "There was no old version to delete.")


COMMANDS = (key, domain, republish, prune)
