"""The pages that are made from the code when the site is built: settings, commands, metrics and the REST API. What stands in
the code once is not written a second time. A hook of MkDocs; see ``hooks`` in mkdocs.yml.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

import click
from mkdocs.structure.files import File, Files

from api.openapi import Document
from api.routes import all_endpoints
from pulp_actor.cli.main import COMMANDS, cli
from pulp_actor.metrics.queue import METRICS
from pulp_actor.metrics.table import REGISTRY
from pulp_actor.plugins import load_plugins
from pulp_actor.queue.service import main as worker
from pulp_actor.settings import SETTINGS, Setting


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to the site."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """Path below ``docs/`` to Markdown."""
    load_plugins()
    return {
        "reference/settings.md": "\n".join(settings_page()), "reference/commands.md": "\n".join(commands_page()),
        "reference/metrics.md": "\n".join(metrics_page()), "reference/rest-api.md": "\n".join(rest_page()),
    }


# Settings

def settings_page() -> Iterator[str]:
    yield "# Settings\n"
    yield ("Read once, at start: defaults, then the TOML file that `PULP_SETTINGS` names, then `PULP_<NAME>` in the "
           "environment, then options of the command. In the environment, what is not a plain string is JSON. An unknown "
           "name in the file and an ill-typed value end the start; an unknown `PULP_` variable is a warning. "
           "`pulp-actor settings` prints what is in force and where it came from.\n")
    for setting in SETTINGS.values():
        yield f"## {setting.name} {{ #{setting.name} }}\n"
        yield f"{setting.help}\n"
        yield "| Type | Default | In the environment |\n|---|---|---|"
        yield f"| {setting.type.__name__} | {default(setting)} | `PULP_{setting.name}` |\n"
        if setting.secret:
            yield "It is a secret: `pulp-actor settings` masks it.\n"


def default(setting: Setting) -> str:
    value = setting.default
    if value == "":
        return "empty"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


# Commands

def commands_page() -> Iterator[str]:
    yield "# Commands\n"
    yield ("`pulp-api` and `pulp-content` take no options: they are configured by [settings](settings.md).\n")
    context = click.Context(cli, info_name="pulp-actor")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield from _command(command, f"pulp-actor {name}", 2)
    yield from _command(worker, "pulp-worker", 2)


def _command(command: click.Command, name: str, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    yield f"{'#' * min(level, 4)} {name}\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from _command(found, f"{name} {sub}", level + 1)
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```\n{name} {usage}\n```\n"
    options = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    if options:
        yield "| Option | |\n|---|---|"
        yield from (f"| `{names}` | {_cell(text)} |" for names, text in options)
        yield ""


# Metrics

def metrics_page() -> Iterator[str]:
    yield "# Metrics\n"
    yield ("Where each is told, and the dashboard and alerts made of them, are in "
           "[Watching it](../observability.md). A histogram has the series `_bucket`, `_sum` and `_count`.\n")
    yield "| Metric | Kind | Labels | What it is |\n|---|---|---|---|"
    for metric in dict.fromkeys(REGISTRY._collector_to_names):
        family = next(iter(metric.describe()))
        name = family.name + ("_total" if family.type == "counter" else "")
        yield f"| `{name}` | {family.type} | {_labels(metric._labelnames)} | {_cell(family.documentation)} |"
    for name, (text, label) in METRICS.items():
        yield f"| `{name}` | gauge, by the API | {_labels((label,) if label else ())} | {_cell(text)} |"


def _labels(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# REST API

def rest_page() -> Iterator[str]:
    endpoints = all_endpoints()
    document = Document(
        endpoints, components=frozenset(), bindings=False, plain_keys=True,
        versions={plugin.name: plugin.version for plugin in load_plugins()},
    ).build()
    yield "# REST API\n"
    yield ("Every operation, from the document that the API itself serves at `/pulp/api/v3/docs/api.json`; "
           "`/pulp/api/v3/docs/` and `/pulp/api/v3/swagger/` show it in a browser, to read and to try.\n")
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault((operation.get("tags") or ["Other"])[0], []).append((method.upper(), path, operation))
    for tag, found in sorted(by_tag.items()):
        yield f"## {tag}\n"
        yield "| | Path | Takes | Answers |\n|---|---|---|---|"
        for method, path, operation in found:
            yield f"| {method} | `{path}` | {_takes(operation)} | {_answers(operation)} |"
        yield ""
    yield "# Schemas\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _schema(name, schema)


def _takes(operation: dict[str, Any]) -> str:
    queries = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter.get("in") == "query"]
    parts = [_reference(content["schema"]) for content in operation.get("requestBody", {}).get("content", {}).values()][:1]
    if queries:
        shown = ", ".join(f"`{name}`" for name in queries[:6])
        parts.append(shown + (f" and {len(queries) - 6} more" if len(queries) > 6 else ""))
    return "; ".join(part for part in parts if part)


def _answers(operation: dict[str, Any]) -> str:
    found = []
    for status, answer in operation["responses"].items():
        schemas = [_reference(content["schema"]) for content in answer.get("content", {}).values()][:1]
        found.append(f"{status} {schemas[0] if schemas else ''}".strip())
    return ", ".join(found)


def _reference(schema: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f"[{name}](#{name.lower()})" if name else str(schema.get("type", ""))


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"## {name} {{ #{name.lower()} }}\n"
    if "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"]) + "\n"
        return
    required = set(schema.get("required", ()))
    yield "| Field | Type | |\n|---|---|---|"
    for field, part in schema.get("properties", {}).items():
        notes = [*(["required"] if field in required else []), *(["read only"] if part.get("readOnly") else []),
                 *(["write only"] if part.get("writeOnly") else []), part.get("description", "")]
        yield f"| `{field}` | {_type(part)} | {_cell(', '.join(note for note in notes if note))} |"
    yield ""


def _type(part: dict[str, Any]) -> str:
    if "$ref" in part:
        return _reference(part)
    for key in ("allOf", "oneOf", "anyOf"):
        if key in part:
            return " or ".join(filter(None, (_type(one) for one in part[key])))
    kind = part.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if "items" in part:
        return f"{kind} of {_type(part['items'])}"
    return f"{kind} ({part['format']})" if "format" in part else str(kind)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
