"""Makes repository versions from an archive, all of them in one transaction at the end: an import that fails, is cancelled
or is killed leaves nothing that anybody can see, and can run again.

    with opened(path=…, toc=…) as archive:
        plan = destinations(importer, archive.manifest, create_repositories=False)
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulp_actor.db import database, transaction
from pulp_actor.domains import current_domain_id
from pulp_actor.errors import PulpActorError
from pulp_actor.identifiers import prn, registry, uuid7
from pulp_actor.models import Import, Importer, Repository, mutations
from pulp_actor.plugins import load_plugins
from pulp_actor.queue import current_task
from pulp_actor.security.outbound import check_import_path
from pulp_actor.transfer.chunks import ChunkReader, Toc, read_toc
from pulp_actor.transfer.contents import ArchivedArtifact, ArchivedRepository, ContentsReader, Manifest
from pulp_actor.transfer.errors import ArchiveRefused, TransferError
from pulp_actor.transfer.exporting import SETTINGS
from pulp_actor.transfer.hrefs import import_href
from pulp_actor.transfer.intake import SQL, Intake
from pulp_actor.versions import VersionBuilder, announce


@dataclass(frozen=True)
class Destination:
    """Where a repository of an archive goes. ``new``: it is to be made, under this key."""

    archived: ArchivedRepository
    repository: Repository
    new: bool


@contextmanager
def opened(path: str | None = None, toc: str | None = None) -> Iterator[ContentsReader]:
    """The archive in one file, or in those that a table of contents names.

    Raises:
        PathRefused: it is outside the folders that imports may read.
        ArchiveRefused: it cannot be read.
    """
    reader = ChunkReader(find_archive(path, toc))
    try:
        yield ContentsReader(reader)
    finally:
        reader.close()


def find_archive(path: str | None = None, toc: str | None = None) -> Toc:
    """The files of an archive. Raises PathRefused, ArchiveRefused."""
    if toc:
        found = read_toc(check_import_path(toc))
        missing = found.missing()
        if missing:
            raise ArchiveRefused(f"{len(missing)} file(s) of the archive are missing beside {toc}: {', '.join(missing[:3])}")
        return found
    real = check_import_path(path or "")
    if not real.is_file():
        raise ArchiveRefused(f"{path} is not a file")
    return Toc(real.parent, {real.name: None}, None)


def destinations(importer: Importer, manifest: Manifest, *, create_repositories: bool) -> list[Destination]:
    """Where each repository of an archive goes: to the one that the importer's ``repo_mapping`` names, or to its namesake.

    Raises:
        TransferError: a repository is not there and is not to be made, is of another type, or is named twice.
    """
    mapping: Mapping[str, str] = importer.details.get("repo_mapping") or {}
    names = [mapping.get(one.name, one.name) for one in manifest.repositories]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TransferError(f"two repositories of the archive would go into {twice!r}")
    domain = importer.domain_id  # type: ignore[attr-defined]
    here = {row.name: row for row in Repository.select().where(Repository.domain == domain, Repository.name.in_(names))}
    missing = [name for name in names if name not in here]
    if missing and not create_repositories:
        raise TransferError(
            f"there is no repository {', '.join(map(repr, missing[:5]))} here: make it, map it with repo_mapping, or let it "
            "be made with create_repositories")
    found = []
    for one, name in zip(manifest.repositories, names, strict=True):
        _check_type(one)
        repository = here.get(name)
        if repository is not None and repository.type != one.type:
            raise TransferError(f"{name!r} is a repository of type {repository.type}, and the archive's is {one.type}")
        new = repository is None
        found.append(Destination(one, repository or Repository(id=uuid7(), name=name, type=one.type, domain=domain), new))
    return found


def _check_type(one: ArchivedRepository) -> None:
    try:
        registry.get(Repository, one.type)
    except KeyError:
        raise TransferError(f"this platform has no plugin for repositories of type {one.type}") from None


def import_archive(
    importer: Importer, params: Mapping[str, Any], locked: Sequence[str] = (),
) -> Import:
    """Import an archive. The caller holds the locks of the importer and of the repositories that it goes into.

    Parameters:
        params: the request: ``path`` or ``toc``, and ``create_repositories``.
        locked: keys of the repositories that are locked.

    Raises:
        PathRefused, ArchiveRefused, TransferError, StorageError: nothing has changed.
    """
    load_plugins()
    with opened(params.get("path"), params.get("toc")) as archive:
        plan = destinations(importer, archive.manifest, create_repositories=bool(params.get("create_repositories")))
        if {str(one.repository.id) for one in plan if not one.new} - set(locked):
            raise TransferError("the repositories or the archive have changed since the import was asked for: ask again")
        builders = [VersionBuilder(one.repository, None, overwrite=True) for one in plan]
        try:
            _take_in(archive, importer.domain_id, builders)  # type: ignore[attr-defined]
            made = _make(importer, params, plan, builders)
        except BaseException:
            for builder in builders:
                builder.discard_quietly()
            raise
    for builder in builders:
        announce(builder.made)
    return made


def _take_in(archive: ContentsReader, domain_id: uuid.UUID, builders: Sequence[VersionBuilder]) -> None:
    for builder in builders:
        builder.discard()
        builder.remove_all()
    task = current_task()
    total = sum(one.units for one in archive.manifest.repositories)
    with (
        Intake(domain_id, builders) as intake, task.progress("import.artifacts", "Importing Artifacts") as artifacts,
        task.progress("import.content", "Importing Content", total=total) as units,
    ):
        for part in archive.parts():
            if isinstance(part, ArchivedArtifact):
                intake.artifact(part)
                artifacts.increment()
            else:
                intake.add_units(part)
                units.increment(len(part.units))
        intake.finish()
        for one, count in zip(archive.manifest.repositories, intake.units, strict=True):
            if one.units != count:
                raise ArchiveRefused(f"the archive holds {count} units of {one.name} and not {one.units}")


def _make(
    importer: Importer, params: Mapping[str, Any], plan: Sequence[Destination], builders: Sequence[VersionBuilder],
) -> Import:
    """Make the versions, and what of repositories was not there, all at once."""
    database.execute_sql(SQL.analyze)
    with current_task().progress("import.versions", "Making Versions", total=len(plan)) as progress, transaction():
        for one, builder in zip(plan, builders, strict=True):
            if one.new:
                builder.repository = _create(one)
            builder.finish()
            _check_complete(one, builder)
            progress.increment()
        made = Import.create(importer=importer, task_id=current_task().id, params=dict(params))
        current_task().add_created_resource(import_href(importer.id, made.id), prn(made))
    return made


def _create(one: Destination) -> Any:
    settings = {name: value for name, value in one.archived.settings.items() if name in SETTINGS}
    data = settings | {"id": one.repository.id, "name": one.repository.name, "domain_id": str(one.repository.domain_id)}  # type: ignore[attr-defined]
    return mutations.create(registry.get(Repository, one.archived.type), data)


def _check_complete(one: Destination, builder: VersionBuilder) -> None:
    """The version is what was exported, to the last unit. Raises TransferError."""
    version = builder.made or builder.repository.latest_version()
    count = sum(version.content_summary.get("present", {}).values())
    if count != one.archived.units:
        raise TransferError(f"{one.repository.name} would have {count} units and not {one.archived.units}: import it again")


@dataclass(frozen=True)
class Verdict:
    """What a look at one of an import's parameters has found."""

    context: str
    messages: tuple[str, ...] = ()


def check_import(path: str | None, toc: str | None, mapping: Mapping[str, str] | None) -> Mapping[str, Verdict]:
    """What speaks against an import, by parameter, without making it. The archive's head is read and not its bytes."""
    verdicts = {}
    manifest = None
    for name, given in (("path", path), ("toc", toc)):
        if not given:
            continue
        try:
            with opened(**{name: given}) as archive:
                manifest = archive.manifest
            verdicts[name] = Verdict(str(Path(given)))
        except (PulpActorError, OSError) as error:
            verdicts[name] = Verdict(str(given), (str(error),))
    if mapping is not None:
        verdicts["repo_mapping"] = Verdict(str(dict(mapping)), tuple(_mapping_faults(mapping, manifest)))
    return verdicts


def _mapping_faults(mapping: Mapping[str, str], manifest: Manifest | None) -> Iterator[str]:
    here = {row.name for row in Repository.select(Repository.name).where(
        Repository.domain == current_domain_id(), Repository.name.in_(list(mapping.values())))}
    there = None if manifest is None else {one.name for one in manifest.repositories}
    for source, target in mapping.items():
        if there is not None and source not in there:
            yield f"the archive holds no repository {source!r}"
        if target not in here:
            yield f"there is no repository {target!r} here"
