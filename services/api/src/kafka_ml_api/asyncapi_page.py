"""The AsyncAPI document as one HTML page for people. It loads nothing, and everything in it is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

Document = dict[str, Any]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
h1 { margin: 0 } h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line) } h3 { margin: 1.5rem 0 .25rem }
code { background: var(--soft); border-radius: 3px; padding: .1em .3em }
table { border-collapse: collapse; margin: .5rem 0 1rem; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top }
.wide { overflow-x: auto } nav a { margin-right: 1rem; white-space: nowrap }
details { margin: .5rem 0; padding-left: .5rem; border-left: 3px solid var(--line) } summary { cursor: pointer }
"""


def page(document: Document) -> str:
    """The whole page."""
    info, channels, components = document["info"], document["channels"], document["components"]
    links = "".join(f'<a href="#{_id("channel", name)}">{escape(name)}</a>' for name in channels)
    sections = "".join(_channel(name, channel, document) for name, channel in channels.items())
    schemas = "".join(_schema(name, schema) for name, schema in components["schemas"].items())
    brokers = ", ".join(f"<code>{escape(server['host'])}</code>" for server in document["servers"].values())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])} on Kafka</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} on Kafka <small>{escape(info['version'])}</small></h1>"
        f"<p>{escape(info['description'])}</p>"
        f"<p>Brokers: {brokers}. "
        f'As <a href="asyncapi.json">AsyncAPI {escape(document["asyncapi"])}</a>.</p><nav>{links}<a href="#schemas">schemas</a></nav>'
        f'<main>{sections}<h2 id="schemas">Schemas</h2>{schemas}</main></body></html>'
    )


def _channel(name: str, channel: Document, document: Document) -> str:
    reference = f"#/channels/{name}"
    actions = [o["action"] for o in document["operations"].values() if o["channel"]["$ref"] == reference]
    binding = channel["bindings"]["kafka"]
    kept = ", ".join(f"{key} = {_plain(value)}" for key, value in binding["topicConfiguration"].items())
    messages = "".join(
        _message(key, document["components"]["messages"][key], document["components"]["schemas"])
        for key in channel["messages"]
    )
    return (
        f'<section><h2 id="{_id("channel", name)}"><code>{escape(channel["address"])}</code></h2>'
        f"<p>{escape(channel['description'])} The platform can {escape(' and '.join(sorted(actions)))} here. "
        f"Partitions: {escape(str(binding['partitions']))}; {escape(kept)}.</p>{messages}</section>"
    )


def _message(name: str, message: Document, schemas: Document) -> str:
    payload = message["payload"]
    schema = schemas[_target(payload)] if "$ref" in payload else payload
    return (
        f'<details id="{_id("message", name)}"><summary><code>{escape(message["name"])}</code> {escape(message["summary"])}</summary>'
        f"<p>Headers: {_type(message['headers'])}. Data: {_type(payload)}.</p>{_fields(schema)}</details>"
    )


def _schema(name: str, schema: Document) -> str:
    values = f"<p>One of {_values(schema['enum'])}.</p>" if "enum" in schema else ""
    return (
        f'<h3 id="{_id("schema", name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
        f"{values}{_fields(schema)}"
    )


def _fields(schema: Document) -> str:
    properties = schema.get("properties", {})
    if not properties:
        return ""
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(field)}</td><td>{'yes' if name in required else ''}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in properties.items()
    )
    return (
        '<div class="wide"><table><thead><tr><th>field</th><th>type</th><th>required</th><th>meaning</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _type(schema: Document) -> str:
    """A short name of what a schema allows, as HTML, with links to named schemas."""
    if "$ref" in schema:
        name = _target(schema)
        return f'<a href="#{_id("schema", name)}">{escape(name)}</a>'
    for combination in ("anyOf", "oneOf"):
        if combination in schema:
            return " or ".join(_type(part) for part in schema[combination])
    if "allOf" in schema:
        return " and ".join(_type(part) for part in schema["allOf"])
    if "enum" in schema or "const" in schema:
        return _values(schema.get("enum") or [schema.get("const")])
    if schema.get("type") == "array":
        parts = schema.get("prefixItems") or [schema.get("items", {})]
        return f"array of {', '.join(_type(part) for part in parts)}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return escape(_plain(schema.get("type", "any")))


def _values(values: list[Any]) -> str:
    return ", ".join(f"<code>{escape(_plain(value))}</code>" for value in values)


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _target(reference: Document) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _id(kind: str, name: str) -> str:
    return escape(f"{kind}-{name}", quote=True)
