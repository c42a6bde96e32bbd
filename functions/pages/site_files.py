"""The files of the web page, in the service's name and colour, under names that change with what is in them."""

import hashlib
import re
from html import escape
from pathlib import Path
from string import Template

from squrl.errors import NotFound
from squrl.settings import PagesSettings
from squrl.web import pages
from squrl.web.response import Response

_FOLDER = Path(__file__).parent / "static"
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_VERSIONED = re.compile(r"([a-z]+)-[0-9a-f]{8}\.([a-z]+)")
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_FOR_NOW = {"Cache-Control": "public, max-age=300"}


class SiteFiles:
    """The files, read and filled in once.

    Parameters
    ----------
    settings : PagesSettings
        The function's.
    """

    def __init__(self, settings: PagesSettings) -> None:
        self._settings = settings
        self._assets = {
            "app.css": pages.style(settings) + _read("app.css"),
            "app.js": _read("app.js"),
            "icon.svg": Template(_read("icon.svg")).substitute(pages.colors(settings), curl=pages.CURL),
        }

    def home(self) -> Response:
        """Return the web page."""
        return self._page("index.html")

    def docs(self) -> Response:
        """Return the API's description as a page."""
        return self._page("docs.html")

    def asset(self, name: str) -> Response:
        """Return what a page loads. What a versioned name stands for never changes, so it is kept for a year.

        A page that was opened before a deployment may ask for an older version: it gets the one that there is.

        Raises
        ------
        NotFound
            If no page names it.
        """
        parts = _VERSIONED.fullmatch(name)
        asset = f"{parts[1]}.{parts[2]}" if parts else ""
        if parts is None or asset not in self._assets:
            raise NotFound("There is nothing here")
        caching = _FOREVER if name == self._versioned(asset) else _FOR_NOW
        return Response(200, self._assets[asset], caching, _TYPES[parts[2]])

    def icon(self) -> Response:
        """Return the icon for browsers that ask without having read a page; it is in the usual colour."""
        icon = (_FOLDER / "favicon.ico").read_bytes()
        return Response(200, icon, {"Cache-Control": "public, max-age=86400"}, "image/x-icon")

    def description(self) -> Response:
        """Return the API's description (OpenAPI)."""
        return Response(200, _read("openapi.yaml"), _FOR_NOW, "application/yaml")

    def _page(self, file: str) -> Response:
        body = Template(_read(file)).substitute(
            service=escape(self._settings.service_name),
            create_access=self._settings.create_access,
            shorten_hidden="" if self._settings.create_access == "anyone" else "hidden",
            mark=pages.MARK,
            style=self._versioned("app.css"),
            script=self._versioned("app.js"),
            icon=self._versioned("icon.svg"),
        )
        security = pages.policy(style="'self'", script="'self'", form_action="'self'", own="'self'")
        return Response(200, body, {**_FOR_NOW, "Content-Security-Policy": security}, pages.HTML)

    def _versioned(self, asset: str) -> str:
        stem, _, ending = asset.partition(".")
        return f"{stem}-{hashlib.sha256(self._assets[asset].encode()).hexdigest()[:8]}.{ending}"


def _read(file: str) -> str:
    return (_FOLDER / file).read_text(encoding="utf-8")
