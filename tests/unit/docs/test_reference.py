"""Everything that a user can set, call, watch or plug in is documented, and the site's map has every page."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml

from content import hooks as content_hooks
from pulp_actor.cli.main import COMMANDS, cli
from pulp_actor.metrics.queue import METRICS
from pulp_actor.metrics.table import REGISTRY
from pulp_actor.plugins import Plugin
from pulp_actor.queue.service import main as worker
from pulp_actor.settings import SETTINGS
from pulp_actor.versions import hooks as version_hooks

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The pages that are made when the site is built."""
    specification = importlib.util.spec_from_file_location("generated", DOCS / "generated.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.pages()


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and subcommand, by the name that is typed."""
    context = click.Context(cli)
    todo: list[tuple[str, Any]] = [(f"pulp-actor {name}", cli.get_command(context, name)) for name in COMMANDS]
    todo.append(("pulp-worker", worker))
    while todo:
        name, command = todo.pop()
        yield name, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            todo += [(f"{name} {sub}", command.get_command(context, sub)) for sub in command.list_commands(context)]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_documented(name: str, pages: dict[str, str]) -> None:
    assert len(SETTINGS[name].help) > 10 and SETTINGS[name].help.endswith("."), f"{name} needs a sentence in settings.py"
    assert f"## {name} " in pages["reference/settings.md"]


def test_commands_and_their_options_are_documented(pages: dict[str, str]) -> None:
    for name, command in commands():
        assert command.help, f"{name} needs a docstring"
        assert f" {name}\n" in pages["reference/commands.md"]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, f"{name}: {parameter.opts[0]} needs help="
                assert parameter.opts[-1] in pages["reference/commands.md"]


def test_every_metric_is_documented(pages: dict[str, str]) -> None:
    text = pages["reference/metrics.md"]
    for metric in dict.fromkeys(REGISTRY._collector_to_names):
        family = next(iter(metric.describe()))
        assert f"| `{family.name}{'_total' if family.type == 'counter' else ''}` |" in text
        assert family.documentation.endswith(".")
    for name, (help_text, _) in METRICS.items():
        assert f"| `{name}` |" in text and help_text.endswith(".")


def public(module: ModuleType) -> list[str]:
    return [name for name, one in vars(module).items()
            if inspect.isfunction(one) and one.__module__ == module.__name__ and not name.startswith("_")]


#: Functions of the hook modules that the platform itself calls.
INTERNAL = {"pull_through_of", "generator_of", "extra_headers", "announce"}


def test_every_plugin_hook_is_documented() -> None:
    text = "".join((DOCS / name).read_text() for name in ("writing-a-plugin.md", "plugin-hooks.md"))
    for name in (*Plugin.__dataclass_fields__, *public(content_hooks), *public(version_hooks)):
        if name not in INTERNAL:
            assert re.search(rf"\b{name}\b", text), f"the plugin hook {name} is not mentioned in docs/plugin-hooks.md"


def nav_paths(entries: Any) -> Iterator[str]:
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, str):
                yield value
            else:
                yield from nav_paths(value)


def test_every_page_is_on_the_map(pages: dict[str, str]) -> None:
    nav = set(nav_paths(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    written = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    there = written | set(pages)
    assert there - nav == set(), f"give these a place in mkdocs.yml's nav: {sorted(there - nav)}"
    assert nav - there == set(), f"mkdocs.yml's nav names what is not there: {sorted(nav - there)}"


def test_the_rest_reference_has_every_operation(pages: dict[str, str]) -> None:
    text = pages["reference/rest-api.md"]
    for path in ("/pulp/api/v3/repositories/file/file/", "/pulp/api/v3/tasks/{pulp_id}/", "/pulp/api/v3/readyz/"):
        assert f"`{path}`" in text
    links, anchors = set(re.findall(r"\]\(#([^)]+)\)", text)), set(re.findall(r"\{ #(\S+) \}", text))
    assert links <= anchors
