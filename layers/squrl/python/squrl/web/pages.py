"""Pages: what people see in a browser. They have no script, and show nothing that isn't escaped."""

from html import escape

from squrl.links import Link
from squrl.web.response import NO_STORE, Response

# A browser that follows a form's redirect asks whether the form may lead there, too: so it may lead anywhere.
_POLICY = "default-src 'none'; form-action http: https:; base-uri 'none'; frame-ancestors 'none'"


def withheld(link: Link) -> Response:
    """Return the page for who may not learn where a link with a limit leads, with a button for people."""
    code = escape(link.short_code, quote=True)
    body = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Continue to the link</title>
<h1>Continue to the link</h1>
<p>This link can be followed a limited number of times.</p>
<form method="post" action="/{code}"><button>Continue</button></form>
</html>
"""
    return Response(200, body, {**NO_STORE, "Content-Security-Policy": _POLICY}, "text/html; charset=utf-8")
