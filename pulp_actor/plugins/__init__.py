"""Plugins: found by the entry point group ``pulp_actor.plugins``, built-in ones shaped exactly like third-party ones.

A plugin is a `Plugin` value. What it brings is named by dotted paths, so that a worker never imports Falcon and the
API never imports aiohttp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from pulp_actor.identifiers import ResourceType, registry


@dataclass(frozen=True)
class Plugin:
    """What a plugin brings.

    Attributes:
        name: the component's name on the wire and in PRNs: ``file``.
        version: what ``status/`` reports; clients compare it with what they need.
        package: the distribution's name: ``pulp-actor-file``.
        module: the plugin's import name, as ``status/`` reports it.
        resources: its resource types; they get hrefs and PRNs.
        migrations: the directory of its migrations, or None.
        actors: dotted path of the module that declares its dramatiq actors, imported by API and workers.
        api: dotted path of the module whose ``endpoints`` lists its API endpoints, imported by the API.
        content: dotted path of the module with its content-serving hooks, imported by the content server.
    """

    name: str
    version: str
    package: str
    module: str
    resources: Sequence[ResourceType] = field(default=())
    migrations: str | None = None
    actors: str | None = None
    api: str | None = None
    content: str | None = None
    domain_compatible: bool = True


@cache
def load_plugins() -> tuple[Plugin, ...]:
    """The installed plugins in order of name, their resource types registered."""
    plugins = sorted((point.load() for point in entry_points(group="pulp_actor.plugins")), key=lambda p: p.name)
    for plugin in plugins:
        for resource in plugin.resources:
            registry.register(resource)
    return tuple(plugins)


def load_modules(what: str) -> list[object]:
    """Import and return each plugin's module of one kind: ``actors``, ``api`` or ``content``."""
    paths = [getattr(plugin, what) for plugin in load_plugins()]
    return [import_module(path) for path in paths if path]
