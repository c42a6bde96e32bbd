"""SAM CLI's API gateway, where it would change on its way what AWS's passes on, or route what AWS's doesn't."""

from typing import Any

import flask
from samcli.local.apigw import event_constructor  # type: ignore[import-untyped]
from samcli.local.apigw.local_apigw_service import LocalApigwService  # type: ignore[import-untyped]
from werkzeug.datastructures import Headers


class Answer(flask.Response):
    """An answer whose `Location` is what the function wrote; Werkzeug would encode some of its characters anew."""

    def get_wsgi_headers(self, environ: Any) -> Headers:  # noqa: ANN401 - as Werkzeug has it
        """Return the headers as they are sent."""
        headers = super().get_wsgi_headers(environ)
        if "Location" in self.headers:
            headers["Location"] = self.headers["Location"]
        return headers


class Gateway(LocalApigwService):  # type: ignore[misc]
    """The API."""

    def create(self) -> None:
        """Make the Flask application, which takes a path with a slash behind it for another one, as AWS's API does."""
        event_constructor._should_base64_encode = _is_binary  # noqa: SLF001 - what decides over the body's form
        super().create()
        for rule in self._app.url_map.iter_rules():
            rule.strict_slashes = True

    @staticmethod
    def service_response(body: str | bytes, headers: Headers, status_code: int) -> Answer:
        """Return what Flask is to send."""
        return Answer(body, status_code, headers)


def _is_binary(_types: list[str], _mimetype: str) -> bool:
    """Tell whether the request's body has to be in base64, since an event is text: what isn't UTF-8 would be a 502."""
    try:
        flask.request.get_data().decode()
    except UnicodeDecodeError:
        return True
    return False
