"""Looking after what repositories hold: repair of everything, reclaiming space, pruning, copying from one to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.call import Answer, Call
from api.endpoints import Endpoint, Operation
from api.schemas.base import WireSchema, refuse
from api.schemas.common import AsyncOperation, Repair
from api.schemas.fields import Boolean, Integer, Json, ListOf, Text
from api.schemas.references import Reference, References, find_object
from pulp_actor.domains import domain_resource, of_current_domain
from pulp_actor.errors import NotFound
from pulp_actor.models import Content, Repository, RepositoryVersion

REPAIR_ALL = "pulpcore.app.tasks.repository.repair_all_artifacts"
REPAIR_SUMMARIES = "pulpcore.app.tasks.datarepair.repair_7272"
RECLAIM = "pulpcore.app.tasks.reclaim_space.reclaim_space"
COPY = "pulp_actor.tasks.repository.copy"
PRUNE = "pulp_actor.tasks.space.prune"

#: Stands alone in a list of repositories for all there are.
EVERYTHING = "*"


class DataRepair(WireSchema):
    wire_name = "DataRepair7272"
    dry_run = Boolean(default=False, help="Only count what is wrong.")


class ReclaimSpace(WireSchema):
    wire_name = "ReclaimSpace"
    repo_hrefs = ListOf(Json(), required=True, help="Repositories whose files are deleted; [\"*\"]: all.")
    repo_versions_keeplist = References(RepositoryVersion, help="Versions whose files stay.")


class Prune(WireSchema):
    wire_name = "Prune"
    repo_hrefs = ListOf(Text(), required=True, help="Repositories that are pruned; [\"*\"]: all.")
    keep_days = Integer(null=True, minimum=0, help="Units that have been there for so many days go.")
    unrequested_days = Integer(null=True, minimum=0, help="Units that nobody asked for in so many days go.")
    dry_run = Boolean(default=False, help="Only count what would go.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        if data.get("keep_days") is None and data.get("unrequested_days") is None:
            raise refuse("non_field_errors", "One of keep_days and unrequested_days is needed.")


class Copy(WireSchema):
    wire_name = "RepositoryCopy"
    source = Reference(Repository, help="The repository whose latest version is copied from.")
    source_version = Reference(RepositoryVersion, help="The version that is copied from.")
    destination = Reference(Repository, required=True, help="The repository that gets a new version.")
    content = References(Content, help="Only these units; by default all.")
    overwrite = Boolean(default=True, help="Whether what is copied may take the place of what has the same path.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        if ("source" in data) == ("source_version" in data):
            raise refuse("non_field_errors", "One of source and source_version is needed.")
        source = data["source"] if "source" in data else data["source_version"].repository
        if source.type != data["destination"].type:
            raise refuse("destination", "The two repositories are of different types.")


def _repositories(hrefs: list[Any]) -> list[Any]:
    """The rows of repositories that a request names. Raises ValidationError."""
    if hrefs == [EVERYTHING]:
        return list(of_current_domain(Repository.select()))
    if not hrefs:
        raise refuse("repo_hrefs", "At least one repository is needed.")
    try:
        return [find_object(href, Repository) for href in hrefs]
    except NotFound as error:
        raise refuse("repo_hrefs", str(error)) from None


def _repair(call: Call) -> Answer:
    return call.accepted(REPAIR_ALL, call.read(), exclusive=[domain_resource("repair")])


def _repair_summaries(call: Call) -> Answer:
    return call.accepted(REPAIR_SUMMARIES, call.read(), exclusive=[domain_resource("repair")])


def _reclaim(call: Call) -> Answer:
    data = call.read()
    repositories = _repositories(data["repo_hrefs"])
    kept: list[RepositoryVersion] = data.get("repo_versions_keeplist", [])
    kwargs = {
        "repo_pks": [str(one.id) for one in repositories], "keeplist_rv_pks": [str(version.id) for version in kept]}
    return call.accepted(RECLAIM, kwargs, exclusive=repositories)


def _prune(call: Call) -> Answer:
    data = call.read()
    repositories = _repositories(data.pop("repo_hrefs"))
    kwargs = {"repo_pks": [str(one.id) for one in repositories], **data}
    return call.accepted(PRUNE, kwargs, exclusive=repositories)


def _copy(call: Call) -> Answer:
    data = call.read()
    version = data["source_version"] if "source_version" in data else data["source"].latest_version()
    units: list[Any] | None = data.get("content")
    kwargs = {
        "source_version_pk": str(version.id), "repository_pk": str(data["destination"].id),
        "content_units": None if units is None else [str(unit.get_id()) for unit in units],
        "overwrite": data["overwrite"],
    }
    shared = [version.repository] if version.repository.id != data["destination"].id else []
    return call.accepted(COPY, kwargs, exclusive=[data["destination"]], shared=shared)


def space_endpoints() -> list[Endpoint]:
    """Endpoints that start one task each. Pruning and copying are ours; the contract has neither."""
    def task(
        path: str, tag: str, name: str, run: Callable[[Call], Answer], request: type[WireSchema], component: str = "core",
    ) -> Endpoint:
        return Endpoint(path=path, tag=tag, component=component, listed=False, operations=[
            Operation(name, "POST", run, request=request, responses={202: AsyncOperation})])

    return [
        task("repair", "Repair", "post", _repair, Repair),
        task("datarepair/7272", "Datarepair: 7272", "post", _repair_summaries, DataRepair),
        task("repositories/reclaim_space", "Repositories: Reclaim_Space", "reclaim", _reclaim, ReclaimSpace),
        task("repositories/copy", "Repositories: Copy", "copy", _copy, Copy, component="actor"),
        task("repositories/prune", "Repositories: Prune", "prune", _prune, Prune, component="actor"),
    ]
