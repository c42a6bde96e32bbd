"""The API's description for people, made from the one for programs: ``python -m local.api_page`` writes it anew."""

import json
from html import escape
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

STATIC = Path(__file__).resolve().parents[1] / "functions" / "pages" / "static"
PAGE = STATIC / "docs.html"

_SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · $service</title>
<link rel="icon" href="/assets/$icon" type="image/svg+xml">
<link rel="stylesheet" href="/assets/$style">
</head>
<body>
<header class="wide">$mark<a href="/">$service</a>
<nav aria-label="Service"><a href="/openapi.yaml">openapi.yaml</a></nav></header>
<main id="main" class="wide docs">
{content}
</main>
</body>
</html>
"""

Json = dict[str, Any]
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


class Description:
    """An OpenAPI document, as HTML.

    Parameters
    ----------
    document : dict
        The parsed document.
    """

    def __init__(self, document: Json) -> None:
        self._document = document

    def page(self) -> str:
        """Return the whole page, with the fields that the function fills in."""
        operations = [
            (path, method, operation, shared.get("parameters", []))
            for path, shared in self._document["paths"].items()
            for method, operation in shared.items()
            if method != "parameters"
        ]
        info = self._document["info"]
        index = "".join(
            f'<li><a href="#{operation["operationId"]}"><code>{method.upper()} {escape(path)}</code></a> '
            f"{escape(operation['summary'])}</li>"
            for path, method, operation, _ in operations
        )
        content = (
            f'<section class="card"><h1>The API</h1>{_text(info["description"])}<ul>{index}</ul></section>'
            + "".join(self._operation(*operation) for operation in operations)
        )
        return _SHELL.format(content=content.replace("$", "$$"))

    def _operation(self, path: str, method: str, operation: Json, shared: list[Json]) -> str:
        parameters = [self._resolved(each) for each in [*shared, *operation.get("parameters", [])]]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        answers = [
            (status, "", self._resolved(answer)["description"]) for status, answer in operation["responses"].items()
        ]
        return (
            f'<section class="card" id="{operation["operationId"]}">'
            f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            f"<p><strong>{escape(operation['summary'])}.</strong></p>"
            f"{_text(operation.get('description', ''))}"
            f"{_table('Parameters', [self._parameter(each) for each in parameters])}"
            f"{_table('Body', self._fields(body.get('schema', {})))}"
            f"{self._examples('A request', body)}"
            f"{_table('Answers', answers)}"
            f"{self._answered(operation['responses'])}</section>"
        )

    def _answered(self, responses: Json) -> str:
        """Return the first answer that has an example."""
        for answer in responses.values():
            content = self._resolved(answer).get("content", {}).get("application/json", {})
            if shown := self._examples("An answer", content):
                return shown
        return ""

    def _examples(self, title: str, content: Json) -> str:
        values = [each["value"] for each in content.get("examples", {}).values()] or [content.get("example")]
        shown = "".join(
            f"<pre tabindex=0>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
            for value in values
            if value is not None
        )
        return f"<h3>{title}</h3>{shown}" if shown else ""

    def _parameter(self, parameter: Json) -> tuple[str, str, str]:
        kind = self._kind(parameter.get("schema", {}))
        required = "required" if parameter.get("required") else ""
        return parameter["name"], ", ".join(filter(None, (kind, required))), parameter.get("description", "")

    def _fields(self, schema: Json) -> list[tuple[str, str, str]]:
        schema = self._resolved(schema)
        return [
            (
                name,
                ", ".join(filter(None, (self._kind(field), "required" if name in schema.get("required", []) else ""))),
                self._resolved(field).get("description", ""),
            )
            for name, field in schema.get("properties", {}).items()
        ]

    def _kind(self, schema: Json) -> str:
        """Return in words what a value may be."""
        schema = self._resolved(schema)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return " or ".join(dict.fromkeys(filter(None, map(self._kind, choices))))
        if "enum" in schema:
            return " or ".join(json.dumps(each) for each in schema["enum"])
        kind = schema.get("type", "")
        name = " or ".join(kind) if isinstance(kind, list) else str(kind)
        least, most = (schema.get(name) for name in ("minimum", "maximum"))
        limits = f" {least} to {most}" if least is not None and most is not None else ""
        pattern = f" {schema['pattern']}" if "pattern" in schema else ""
        return f"{name}{limits}{pattern}"

    def _resolved(self, node: Json) -> Json:
        if "$ref" not in node:
            return node
        found: Any = self._document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return self._resolved(found)


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    lines = "".join(
        f"<tr><th scope=row><code>{escape(name)}</code></th><td>{escape(kind)}</td><td>{_inline(said)}</td></tr>"
        for name, kind, said in rows
    )
    # It can be scrolled by keyboard, too.
    opened = f"<div class=scroll-x tabindex=0 role=group aria-label='{title}'>"
    return f"<h3>{title}</h3>{opened}<table>{lines}</table></div>"


def _text(markdown: str) -> str:
    return str(_MARKDOWN.render(markdown))


def _inline(text: str) -> str:
    return _text(text).strip().removeprefix("<p>").removesuffix("</p>")


def page() -> str:
    """Return the page that belongs to the description as it is."""
    return Description(yaml.safe_load((STATIC / "openapi.yaml").read_text(encoding="utf-8"))).page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
