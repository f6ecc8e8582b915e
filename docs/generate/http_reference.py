"""The reference of the service's HTTP interface, from its own OpenAPI description."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

ABSENT = "```{note}\nThis version of imuge has no service yet.\n```\n"
METHODS = ("get", "post", "put", "patch", "delete")


def to_markdown() -> str:
    """Every operation with its parameters, body and answers; then the schemas they name."""
    # Only a tree without the service goes without its reference: anything else that is missing,
    # FastAPI for one, is an error that ends the build.
    if find_spec("imuge.serve") is None:
        return ABSENT
    return "\n".join(_page(description()))


def description() -> dict[str, Any]:
    """The OpenAPI description that the service publishes at /openapi.json."""
    from imuge.serve.openapi import document

    found: dict[str, Any] = json.loads(document())
    return found


def _page(api: Mapping[str, Any]) -> Iterator[str]:
    for path, operations in api["paths"].items():
        for method in METHODS:
            if method in operations:
                yield from _operation(method.upper(), path, operations[method], api)
    schemas = api.get("components", {}).get("schemas", {})
    if schemas:
        yield "## Schemas\n"
    for name, schema in schemas.items():
        yield f"(schema-{_anchor(name)})=\n### {name}\n"
        yield from _schema(schema)


def _operation(
    method: str, path: str, operation: Mapping[str, Any], api: Mapping[str, Any]
) -> Iterator[str]:
    yield f"\n## {method} {path}\n".replace("{", "\\{").replace("}", "\\}")
    text = operation.get("description") or operation.get("summary", "")
    yield f"{text}\n"
    parameters = [_resolved(item, api) for item in operation.get("parameters", [])]
    if parameters:
        yield "| parameter | in | type | |\n|---|---|---|---|"
        for item in parameters:
            need = "required. " if item.get("required") else ""
            yield _row(
                f"`{item['name']}`",
                item["in"],
                kind(item.get("schema", {})),
                need + _remark(item.get("schema", {}) | item),
            )
        yield ""
    if body := operation.get("requestBody"):
        yield from _body(_resolved(body, api), api)
    yield "| status | answer | |\n|---|---|---|"
    for status, answer in operation["responses"].items():
        found = _resolved(answer, api)
        held = found.get("content", {})
        content = ", ".join(_content(media, inner.get("schema")) for media, inner in held.items())
        headers = ", ".join(f"`{name}`" for name in found.get("headers", {}))
        remark = _line(found.get("description", ""))
        yield _row(f"`{status}`", content, remark + (f" Headers: {headers}." if headers else ""))
    yield ""


def _content(media: str, schema: Mapping[str, Any] | None) -> str:
    """What an answer holds; JSON by its schema's name alone."""
    if schema and media == "application/json":
        return kind(schema)
    return f"`{media}`"


def _body(body: Mapping[str, Any], api: Mapping[str, Any]) -> Iterator[str]:
    for media, content in body["content"].items():
        yield f"Body: `{media}`\n"
        schema = _resolved(content.get("schema", {}), api)
        if "properties" in schema:
            yield from _properties(schema)
        elif schema:
            yield f"{kind(content['schema'])}\n"


def _schema(schema: Mapping[str, Any]) -> Iterator[str]:
    if text := schema.get("description"):
        yield f"{text}\n"
    if "properties" in schema:
        yield from _properties(schema)
    else:
        yield f"{kind(schema)}\n"


def _properties(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    yield "| field | type | |\n|---|---|---|"
    for name, inner in schema["properties"].items():
        need = "required. " if name in required else ""
        yield _row(f"`{name}`", kind(inner), need + _remark(inner))
    yield ""


def _resolved(item: Mapping[str, Any], api: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a `$ref` stands for; anything else as it is."""
    if "$ref" not in item:
        return item
    found: Any = api
    for part in item["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return _resolved(found, api)


def kind(schema: Mapping[str, Any]) -> str:
    """A schema's type in a few words, with links to those that have names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#schema-{_anchor(name)})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(kind(inner) for inner in schema[several])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "prefixItems" in schema:
        return f"[{', '.join(kind(inner) for inner in schema['prefixItems'])}]"
    match schema.get("type"):
        case "array":
            return f"list of {kind(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return f"object of {kind(schema['additionalProperties'])}"
        case "string" if schema.get("format") == "binary" or "contentMediaType" in schema:
            return "file"
        case None:
            return "any"
        case several:
            return " or ".join(several) if isinstance(several, list) else str(several)


def _remark(schema: Mapping[str, Any]) -> str:
    """Description, bounds and default."""
    text = _line(schema.get("description", ""))
    signs = {"minimum": "≥", "maximum": "≤", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
    facts = [f"{sign} {schema[name]}" for name, sign in signs.items() if name in schema]
    if schema.get("pattern"):
        facts.append(f"pattern `{schema['pattern']}`")
    if schema.get("default") is not None:
        facts.append(f"default `{json.dumps(schema['default'])}`")
    return " ".join(part for part in (text, f"({', '.join(facts)})" if facts else "") if part)


def _line(text: str) -> str:
    return " ".join(text.split())


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
