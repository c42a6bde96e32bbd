"""What schemathesis (``SCHEMATHESIS_HOOKS=tests.e2e.hooks``) can't know from docs/openapi.yaml."""

import schemathesis  # type: ignore[import-not-found]


@schemathesis.hook
def map_body(context, body):
    """Make destinations of most texts, or hardly a request would get as far as the table."""
    url = body.get("original_url") if isinstance(body, dict) else None
    if isinstance(url, str) and "/" not in url and len(url) % 4:
        return body | {"original_url": f"https://example.com/{url}"}
    return body


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Forgive SAM CLI's gateway, not the functions, that it answers 502 to a body that isn't UTF-8."""
    body = response.request.body or b""
    try:
        body if isinstance(body, str) else body.decode()
    except UnicodeDecodeError:
        return not (response.status_code == 502 and response.content == b'{"message":"Internal server error"}\n')
    return True
