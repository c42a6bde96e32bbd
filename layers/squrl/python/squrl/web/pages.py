"""Pages: what people see in a browser where a program gets JSON.

They have no script and load nothing. Everything that came from somebody is escaped.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from squrl.links import Link
from squrl.settings import PageSettings
from squrl.web.response import NO_STORE, Response, location

HTML = "text/html; charset=utf-8"
VARIES = {"Vary": "Accept"}
# A browser that follows a form's redirect asks whether the form may lead there, too: a link's button may lead anywhere.
_ANYWHERE = "http: https:"

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · $service</title>
<style>$style</style>
</head>
<body>
<header>$mark<span>$service</span></header>
<main class="card">
<h1>$title</h1>
$content
</main>
</body>
</html>
""")

_STYLE = Template(Path(__file__).with_suffix(".css").read_text(encoding="utf-8"))

# A curl: the tail of a squirrel, and a link that leads on.
CURL = "M7 24c9 2 17-2 17-10 0-5-4-8-8-8s-7 3-7 6 2 5 5 5 4-2 4-4"
_DRAWN = 'fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round"'
MARK = f'<svg class="mark" viewBox="0 0 32 32" {_DRAWN} aria-hidden="true"><path d="{CURL}"/></svg>'

_PARTS = re.compile("^([a-z]*:?/*)([^/?#]*)(.*)", re.DOTALL)
_AGAIN = '<p><a class="button" href="">Try again</a></p>'


@dataclass(frozen=True, slots=True)
class _Problem:
    """What a page says of a status: a title, what to do, and whether asking again may help."""

    title: str
    advice: str
    may_pass: bool = False


_PROBLEMS = {
    404: _Problem("There is no such link", "A character may be missing, and capital letters aren't small ones."),
    410: _Problem("This link has ended", "Whoever gave it to you may know where to go instead."),
    429: _Problem("Too many are here at once", "Please wait a moment.", may_pass=True),
    503: _Problem("We can't look this link up just now", "Please wait a moment.", may_pass=True),
}
_OTHER = _Problem("That did not work", "If it happens again, tell whoever gave you the link.", may_pass=True)


def problem(answer: Response, settings: PageSettings) -> Response:
    """Return the page that tells of an error, with the status and headers of the answer that a program gets.

    Parameters
    ----------
    answer : Response
        What a program gets.
    settings : PageSettings
        What the pages look like. With a `not_found_url`, browsers are sent there instead of to the page of a 404.
    """
    if answer.status == 404 and settings.not_found_url:  # noqa: PLR2004 (Not Found)
        return Response(302, headers=NO_STORE | VARIES | {"Location": settings.not_found_url})
    told = _PROBLEMS.get(answer.status, _OTHER)
    said = answer.body.get("message", "") if isinstance(answer.body, dict) else ""
    content = f"""<p>{escape(said)}. {told.advice}</p>
{_AGAIN if told.may_pass else ""}
<p class="quiet">Error {answer.status}</p>"""
    return _page(answer.status, told.title, content, settings, answer.headers)


def preview(link: Link, settings: PageSettings) -> Response:
    """Return the page that says where a link leads, before somebody follows it."""
    content = f"""<p>It leads to</p>
<p class="url">{_in_words(link.kind.original_url)}</p>
<p class="quiet">Made on {escape(link.created_at[:10]) or "an unknown day"}. To look here was not counted.</p>
<p><a class="button" href="/{escape(link.short_code)}" rel="nofollow noreferrer">Continue</a></p>"""
    return _page(200, "Where this link leads", content, settings)


def withheld(link: Link, settings: PageSettings) -> Response:
    """Return the page for who may not learn where a link with a limit leads, with a button for people."""
    content = f"""<p>This link can be followed a limited number of times. Where it leads shows when you go on.</p>
<form method="post" action="/{escape(link.short_code)}"><button>Continue</button></form>"""
    return _page(200, "Continue to the link", content, settings, form_action=_ANYWHERE)


def style(settings: PageSettings) -> str:
    """Return the style sheet that all pages begin with, in the service's colour."""
    return _STYLE.substitute(colors(settings))


def colors(settings: PageSettings) -> dict[str, str]:
    """Return the service's colour, and the one that is readable on it."""
    return {"accent": settings.service_color, "on_accent": _readable_on(settings.service_color)}


def policy(*, style: str, script: str = "'none'", form_action: str = "'none'", own: str = "'none'") -> str:
    """Return a content security policy: nothing may be loaded, sent or framed but what is named.

    Parameters
    ----------
    style, script, form_action, own : str
        Where styles and scripts may come from, forms may lead, and images and data may be asked for.
    """
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; img-src {own}; connect-src {own}; "
        f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )


def _page(  # noqa: PLR0913 (a page's parts)
    status: int,
    title: str,
    content: str,
    settings: PageSettings,
    headers: Mapping[str, str] = NO_STORE,
    *,
    form_action: str = "'none'",
) -> Response:
    styled = style(settings)
    digest = base64.b64encode(hashlib.sha256(styled.encode()).digest()).decode()
    body = _PAGE.substitute(
        title=title, service=escape(settings.service_name), style=styled, mark=MARK, content=content
    )
    security = {"Content-Security-Policy": policy(style=f"'sha256-{digest}'", form_action=form_action)}
    return Response(status, body, {**headers, **VARIES, **security}, HTML)


def _in_words(destination: str) -> str:
    """Return a destination as HTML, its host in bold; one that is written in other letters is shown in both ways.

    The stored form has such a host in its ASCII form (``xn--``), which shows what looks alike and isn't.
    """
    scheme, host, rest = _PARTS.findall(location(destination))[0]
    spoken = ".".join(map(_decoded, host.split(".")))
    beside = f' <span class="quiet">(written as {escape(spoken)})</span>' if spoken != host else ""
    return f"{escape(scheme)}<strong>{escape(host)}</strong>{escape(rest)}{beside}"


def _decoded(label: str) -> str:
    """Return a part of a host's name as people read it."""
    try:
        return label.removeprefix("xn--").encode().decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:
        return label


def _readable_on(color: str) -> str:
    """Return black or white, whichever has more contrast (WCAG 2.2, *relative luminance*)."""
    channels = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)  # noqa: PLR2004
    luminance = sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000" if luminance > 0.179 else "#fff"  # noqa: PLR2004 (where both have the same contrast)
