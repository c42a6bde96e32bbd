"""`squrl smoke`: whether a squrl that was just deployed does what it is for."""

import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .api import Api
from .errors import Refused, Stopped, Unreachable
from .options import operators

if TYPE_CHECKING:  # it takes longer to load than the help takes to show
    import httpx

_SECONDS = 120  # for all steps together; a request that has begun may end later
_REQUEST_SECONDS = 35.0  # API Gateway gives up after 30, so nothing is done any more after these
_START_SECONDS = 30  # in which the API has to be well: a new domain isn't known everywhere at once
_COUNT_SECONDS = 15  # in which clicks have to be counted: those that a throttled table didn't take come by the queue
_HOURS = 1  # after which key and link end by themselves, should nobody be able to remove them
_AGENT = "Mozilla/5.0 (squrl smoke)"  # a person's: nothing that bots call themselves

# What an answer's error probably means, whatever was asked.
_MEANINGS = {
    "Unauthorized": "another stack answers there than the one that made the key, or the functions have other tables",
    "Forbidden": "only CloudFront may ask (OriginSecret): set BaseUrl to its address, or name it with --url",
    "InvalidUrl": "the domain lists keep links from leading there: see `squrl domain list`",
    "RateLimitExceeded": "DynamoDB throttles the table, or the limit for each client is too low",
    "InternalServerError": "a defect, or a permission that a role lacks",
    "ServiceUnavailable": "the function can't reach DynamoDB, or didn't in time",
}
_GATEWAY = {  # with errors of its own form
    403: "API Gateway doesn't answer under this address, or what stands before it refuses",
    404: "API Gateway has no such route: the address isn't squrl's, or the deployment isn't complete",
    429: "API Gateway's limit for the route is used up: CreateRateLimit or RedirectRateLimit",
    500: "the function crashed or couldn't start",
    503: "the function ran out of time, or too many run at once",
}


class _Wrong(Exception):
    """What a step found, and what that probably means; empty for what the step itself says of it."""

    def __init__(self, found: str, means: str = "") -> None:
        super().__init__(found)
        self.means = means


class _Step(NamedTuple):
    """One thing that has to work, the function that does it, and what it probably means if it doesn't."""

    name: str
    do: Callable[["_Run"], str | None]
    function: str
    means: str


class _Run:
    """One try: a key, and a link that leads where no other does. Both belong to an owner that nobody else is."""

    def __init__(self, operator: Api, url: str) -> None:
        self._operator = operator
        self._url = url.rstrip("/")
        self._http = visitor(self._url)
        self._until = time.monotonic() + _SECONDS
        self._owner = f"smoke-{secrets.token_hex(6)}"
        self._key = self._code = ""
        self._destination = ""
        self._clicks = 0

    def health(self) -> str:
        """Ask until it is well."""
        return _eventually(_START_SECONDS, lambda: f"version {self._json('GET', '/health', 200)['version']}")

    def make_key(self) -> None:
        """Make the key, and choose a destination that links may lead to."""
        allowed = self._operator.call("GET", "/domains")["allowed"]
        self._destination = f"https://{(allowed or ['example.com'])[0]}/{self._owner}"
        wanted = {"name": "squrl smoke", "owner": self._owner, "role": "write", "ttl_hours": _HOURS}
        self._key = self._operator.call("POST", "/keys", wanted, repeatable=False)["key"]

    def create(self) -> str:
        """Make the link."""
        wanted = {"original_url": self._destination, "redirect_type": "302", "ttl_hours": _HOURS}
        link = self._json("POST", "/create", 201, wanted)
        self._code = link["short_code"]
        if link["short_url"] != f"{self._url}/{self._code}":
            raise _Wrong(
                f"the short URL is {link['short_url']}, though the API is at {self._url}",
                "BaseUrl or DomainName is another address, or what stands before the API hides its own",
            )
        return str(link["short_url"])

    def follow(self, behind: str = "") -> None:
        """Follow the link, which counts."""
        response = self._ask("GET", f"/{self._code}{behind}", 302)
        location = response.headers.get("Location")
        if location != self._destination:
            raise _Wrong(f"the link leads to {location} and not to {self._destination}")
        self._clicks += 1

    def preview(self, behind: str) -> None:
        """Look where the link leads, which doesn't count."""
        original_url = self._json("GET", f"/{self._code}{behind}", 200).get("original_url")
        if original_url != self._destination:
            raise _Wrong(f"the preview says {original_url} and not {self._destination}")

    def count(self) -> str:
        """Compare the statistics with the clicks so far."""

        def compare() -> str:
            statistics = self._json("GET", f"/links/{self._code}/stats", 200)
            figures = {
                "click_count": statistics["click_count"],
                "bot_click_count": statistics["bot_click_count"],
                "days": sum(day["clicks"] for day in statistics["days"]),
            }
            if figures != {"click_count": self._clicks, "bot_click_count": 0, "days": self._clicks}:
                raise _Wrong(f"the statistics are {figures} after {self._clicks} clicks")
            return f"{self._clicks} clicks"

        return _eventually(_COUNT_SECONDS, compare)

    def change(self) -> None:
        """Have the link lead elsewhere."""
        self._destination += "/changed"
        self._json("PATCH", f"/links/{self._code}", 200, {"original_url": self._destination})
        self.follow()

    def disable(self) -> None:
        """Take the link down."""
        self._json("PATCH", f"/links/{self._code}", 200, {"status": "disabled"})
        self._ask("GET", f"/{self._code}", 410)

    def enable(self) -> None:
        """Bring it back."""
        self._json("PATCH", f"/links/{self._code}", 200, {"status": "active"})
        self.follow()

    def delete(self) -> None:
        """Delete the link."""
        self._ask("DELETE", f"/links/{self._code}", 204)
        self._ask("GET", f"/{self._code}", 410)

    def clean_up(self) -> list[str]:
        """Free the code and revoke the key, also where nobody knows whether they were made; return what is left."""
        left = []
        if self._destination:  # else nothing was asked for
            for what, undo in (("the link", self._release), ("the key", self._revoke)):
                try:
                    undo()
                except (Refused, Unreachable) as error:
                    left.append(f"{what} of the owner {self._owner}, which ends in an hour ({error.message})")
        self._http.close()
        return left

    def _release(self) -> None:
        codes = [self._code]
        if not self._code:
            time.sleep(1)  # the owners' index is a moment behind
            found = self._operator.call("GET", "/links", query={"owner": self._owner})["links"]
            codes = [link["short_code"] for link in found]
        for code in codes:
            self._operator.call("DELETE", f"/links/{code}", query={"release": "true"})

    def _revoke(self) -> None:
        ids = [self._key[3:11]]  # behind sq_
        if not self._key:
            ids = [key["id"] for key in self._operator.call("GET", "/keys")["keys"] if key["owner"] == self._owner]
        for id_ in ids:
            self._operator.call("DELETE", f"/keys/{id_}")

    def _json(self, method: str, path: str, status: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = _object(self._ask(method, path, status, body))
        if answer is None:
            raise _Wrong(f"{method} {self._url}{path} answered {status} and no JSON", "the address isn't squrl's")
        return answer

    def _ask(self, method: str, path: str, status: int, body: dict[str, Any] | None = None) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - see above

        if time.monotonic() > self._until:
            raise _Wrong(f"{_SECONDS} seconds are over", "the API is far too slow: its functions' logs have the times")
        # No key where visitors have none.
        of_caller = path == "/create" or path.startswith("/links")
        headers = {"Authorization": f"Bearer {self._key}"} if of_caller else {}
        try:
            response = self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise _Wrong(
                f"{method} {self._url}{path} got no answer: {error or type(error).__name__}",
                "nothing listens there, the domain's records or its certificate are missing, or the network is down",
            ) from error
        if response.status_code != status:
            answer = _object(response) or {}
            said = answer.get("error") or answer.get("message") or answer.get("status")
            means = _MEANINGS.get(str(said), "")
            if not answer.keys() & {"error", "status"}:  # which are squrl's
                means = _GATEWAY.get(response.status_code, "")
            told = f" ({said})" if said else ""
            raise _Wrong(f"{method} {self._url}{path} answered {response.status_code}{told}, not {status}", means)
        return response


def visitor(url: str) -> "httpx.Client":
    """Return what asks as a browser does, except that it follows no redirect: the destination isn't there."""
    import httpx  # noqa: PLC0415 - see above

    return httpx.Client(base_url=url, headers={"User-Agent": _AGENT}, timeout=_REQUEST_SECONDS)


def _object(response: "httpx.Response") -> dict[str, Any] | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _eventually(seconds: int, attempt: Callable[[], str]) -> str:
    """Return what an attempt does that works in time; else raise what is wrong with the last one."""
    until = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except _Wrong:
            if time.monotonic() > until:
                raise
            time.sleep(1)


# A code as people copy it: `+` asks for the preview, all else comes off.
_PREVIEWS = ("+", "%2B")
_COPIED = ("/", ".", "%20")
_READS_PATHS = "the redirect function doesn't read the path as API Gateway hands it over"
_STEPS = (
    _Step("health", _Run.health, "pages", "the pages function can't read the table, or the address isn't squrl's"),
    _Step("key", _Run.make_key, "managing", "your AWS credentials may not invoke the managing function, or it fails"),
    _Step("create", _Run.create, "create", "the create function doesn't do what was asked"),
    _Step("follow", _Run.follow, "redirect", "the redirect function reads another table than the create function"),
    *(_Step(f"code{end}", partial(_Run.preview, behind=end), "redirect", _READS_PATHS) for end in _PREVIEWS),
    *(_Step(f"code{end}", partial(_Run.follow, behind=end), "redirect", _READS_PATHS) for end in _COPIED),
    _Step("count", _Run.count, "redirect", "clicks aren't counted, or wait in a queue that nothing empties"),
    _Step("change", _Run.change, "managing", "changes don't reach visitors: something caches redirects"),
    _Step("disable", _Run.disable, "managing", "taking a link down doesn't reach visitors: something caches redirects"),
    _Step("enable", _Run.enable, "managing", "enabling a link doesn't reach visitors: something caches answers"),
    _Step("delete", _Run.delete, "managing", "deleting a link doesn't reach visitors: something caches redirects"),
)


@click.command()
@click.option("--url", help="Where visitors reach it, if not where the stack says.")
@operators
def smoke(api: Api, url: str | None) -> None:
    """Try after a deployment whether a squrl works, and leave nothing behind (with --stack or --local).

    A link is created, followed as people copy it, counted, changed, disabled, enabled and deleted, over HTTP with a key
    of its own. Link and key are removed at the end, also when something fails. It takes some twenty requests; after two
    minutes it begins no other.
    """
    run = _Run(api, url or api.url)
    failure = ""
    is_stopped = False
    with _stopped_by_sigterm():
        try:
            failure = _try(run)
        except KeyboardInterrupt:
            is_stopped, failure = True, "Stopped."
        finally:
            left = [f"Left behind: {each}" for each in run.clean_up()]
    message = "\n".join(filter(None, [failure, *left]))
    if message:
        raise (Stopped if is_stopped else Refused)(message)


def _try(run: _Run) -> str:
    """Take the steps up to one that fails; return which that is, and what it probably means, or nothing."""
    for step in _STEPS:
        try:
            result = step.do(run)
        except (_Wrong, Refused, Unreachable, KeyError, TypeError) as error:
            found = f"the answer has no {error}" if isinstance(error, KeyError) else str(error)
            means = getattr(error, "means", "") or step.means
            # What another failure caused never reached the function.
            more = "" if error.__cause__ else f" See the {step.function} function's log."
            return f"{step.name} failed: {found}.\nProbably {means}.{more}"
        click.echo(f"ok  {step.name}" + (f": {result}" if result else ""))
    return ""


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Have SIGTERM, by which a pipeline ends a job, do what Ctrl-C does: else nothing would be removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


COMMANDS = (smoke,)
