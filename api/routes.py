"""All endpoints there are, and the routes that lead to them."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import falcon

from api.call import Answer, Call, absolute
from api.console.endpoints import console_endpoints
from api.core import (
    access,
    alternates,
    artifacts,
    content,
    distributions,
    domains,
    exporters,
    guards,
    importers,
    login,
    openpgp,
    publications,
    quotas,
    remotes,
    repositories,
    service,
    signing,
    space,
    task_groups,
    tasks,
    tokens,
    uploads,
    upstream_pulps,
    users,
    vulnerabilities,
    webhooks,
    workers,
)
from api.endpoints import ANYONE, Endpoint, Operation
from api.resources import CollectionResource, ItemResource
from pulp_actor.identifiers import api_root
from pulp_actor.plugins import load_modules


def core_endpoints() -> list[Endpoint]:
    """The core's endpoints. Plugins must be loaded: the lists over all types name theirs."""
    return [
        *service.service_endpoints(), tasks.task_endpoint(), task_groups.task_group_endpoint(),
        *workers.worker_endpoints(), artifacts.artifact_endpoint(), uploads.upload_endpoint(),
        content.all_content_endpoint(), repositories.REPOSITORIES.of_all(), repositories.all_versions_endpoint(),
        remotes.REMOTES.of_all(), alternates.SOURCES.of_all(), publications.PUBLICATIONS.of_all(),
        distributions.DISTRIBUTIONS.of_all(),
        *guards.guard_endpoints(), users.user_endpoint(),
        *users.group_endpoints(), *access.access_endpoints(), login.login_endpoint(), tokens.token_endpoint(),
        *openpgp.openpgp_endpoints(), signing.signing_endpoint(), *space.space_endpoints(), quotas.quota_endpoint(),
        domains.domain_endpoint(), vulnerabilities.report_endpoint(), *exporters.exporter_endpoints(),
        *importers.importer_endpoints(), upstream_pulps.upstream_pulp_endpoint(), *webhooks.webhook_endpoints(),
    ]


def all_endpoints() -> list[Endpoint]:
    """The core's endpoints, the console's, and the plugins'."""
    modules: list[Any] = load_modules("api")
    return [*core_endpoints(), *console_endpoints(), *(endpoint for module in modules for endpoint in module.endpoints)]


def root_endpoint(endpoints: list[Endpoint]) -> Endpoint:
    """The list of lists: an endpoint's name to its URL."""
    paths = [endpoint.path for endpoint in endpoints if endpoint.listed and "{" not in endpoint.path]

    def show(call: Call) -> Answer:
        return Answer(200, {path: f"{call.request.prefix}{absolute(path)}" for path in paths})

    return Endpoint(path="", tag="", listed=False, needs_domain=False, operations=[
        Operation("read", "GET", show, permission=ANYONE, uses_database=False, responses={200: None}),
    ])


def add_routes(app: falcon.App, endpoints: list[Endpoint]) -> None:
    """Let ``app`` serve ``endpoints``: one resource for each path that some of an endpoint's operations share."""
    for endpoint in endpoints:
        paths: dict[tuple[str, bool], list[Operation]] = defaultdict(list)
        for operation in endpoint.operations:
            paths[endpoint.path_of(operation), operation.on_item].append(operation)
        for (path, on_item), operations in paths.items():
            resource = ItemResource if on_item else CollectionResource
            app.add_route(template(path), resource(endpoint, operations))


def template(path: str) -> str:
    """A path as a Falcon template. The router wants one name for all that can stand in one place."""
    numbers = iter(range(10))
    path = re.sub(r"\{[^}]+\}", lambda _: f"{{key{next(numbers)}}}", path)
    return f"{api_root()}{path}/" if path else api_root()
