"""Finds out what a path means: which distribution, what that serves, and which file. The questions block; the resolver asks
them in threads, once for any number of clients that want to know the same, and remembers the answers.

Must never decide who may have a file: that is the guards' part, on every hit.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from content.cache import Cache
from content.database import UNAVAILABLE, DatabaseThreads
from content.paths import prefixes
from pulp_actor.db import database, load_queries
from pulp_actor.models import ContentGuard
from pulp_actor.settings import settings

sql = load_queries("content", "resolve.sql")

#: The file that stands for its directory.
INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Guard:
    """A content guard as a checker sees it. ``parts``: the guards of which a composite one consists."""

    id: uuid.UUID
    type: str
    details: dict[str, Any]
    parts: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What is served below a base path: a publication, a version's content (``pass_through``), both, or nothing yet."""

    distribution_id: uuid.UUID
    type: str
    base_path: str
    domain_id: uuid.UUID
    domain: str
    guard: Guard | None
    checkpoint: bool
    remote_id: uuid.UUID | None
    into_repository_id: uuid.UUID | None
    publication_id: uuid.UUID | None
    pass_through: bool
    repository_id: uuid.UUID | None
    number: int | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class File:
    """A file that a path means. ``key``, ``size``, ``sha256`` and ``created`` are None until its bytes have been saved."""

    content_artifact_id: uuid.UUID
    path: str
    domain_id: uuid.UUID
    key: str | None
    size: int | None
    sha256: str | None
    created: datetime | None
    #: What the server computes once about a file and keeps as long as the file is remembered.
    memo: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a path means. With no view there is no distribution; with a view and neither file nor directory, nothing there.

    ``path`` is what follows the base path.
    """

    view: View | None
    path: str = ""
    file: File | None = None
    directory: bool = False


NOTHING = Resolution(None)


class Resolver:
    """Answers from memory where it can. One per process, used from the event loop only."""

    def __init__(self, threads: DatabaseThreads, cache: Cache) -> None:
        self._threads = threads
        self._cache = cache
        self._asking: dict[Hashable, asyncio.Future[Any]] = {}

    async def view(self, path: str) -> tuple[View | None, str]:
        """The view that serves ``path`` (domain first where domains are on), and what follows its base path.

        Raises:
            content.database.UNAVAILABLE: the database is away and the answer is not in memory.
        """
        domain, path = _split_domain(path)
        bases = prefixes(path)
        for base in reversed(bases):
            if view := self._cache.get(("view", domain, base)):
                return view, path[len(base) + 1:]
        try:
            view = await self._once(("view", domain, path), find_view, domain, bases)
        except UNAVAILABLE:
            for base in reversed(bases):
                if view := self._cache.get_stale(("view", domain, base)):
                    return view, path[len(base) + 1:]
            raise
        return view, path[len(view.base_path) + 1:] if view else path

    async def resolve(self, path: str) -> tuple[Resolution, bool]:
        """What ``path`` means, and whether memory knew.

        Raises:
            content.database.UNAVAILABLE: the database is away and the answer is not in memory.
        """
        if found := self._cache.get(("path", path)):
            return found, True
        try:
            return await self._resolve(path), False
        except UNAVAILABLE:
            if found := self._cache.get_stale(("path", path)):
                return found, True
            raise

    def forget(self, path: str) -> None:
        """Ask anew when ``path`` is wanted next."""
        self._cache.drop(("path", path))

    async def _resolve(self, path: str) -> Resolution:
        before = self._cache.generation
        view, rest = await self.view(path)
        if view is None:
            found = NOTHING
        else:
            self._cache.put(("view", view.domain, view.base_path), view, before)
            file, directory = await self._once(("file", view.distribution_id, rest), find, view, rest)
            found = Resolution(view, rest, file, directory)
        # A file without bytes may have them in a moment, saved by another process that announces it to nobody.
        if found.file is None or found.file.key is not None:
            self._cache.put(("path", path), found, before, negative=found.file is None and not found.directory)
        return found

    async def _once(self, key: Hashable, question: Callable[..., Any], *args: Any) -> Any:
        """Ask the database, together with all who ask the same since the last change."""
        key = (self._cache.generation, key)
        future = self._asking.get(key)
        if future is None:
            future = asyncio.ensure_future(self._threads.run(question, *args))
            self._asking[key] = future
            future.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(future)


def _split_domain(path: str) -> tuple[str, str]:
    if not settings.DOMAIN_ENABLED:
        return "default", path
    domain, _, rest = path.partition("/")
    return domain, rest


def find_view(domain: str, base_paths: list[str]) -> View | None:
    """The view of the distribution with the longest of ``base_paths``. Blocks."""
    row = database.execute_sql(sql.find_view, {"domain": domain, "base_paths": base_paths}).fetchone()
    if row is None:
        return None
    (key, type_, base_path, checkpoint, remote_id, into_repository_id, domain_id, domain, guard_id, guard_type,
     guard_details, publication_id, pass_through, repository_id, number, since) = row
    guard = _guard(guard_id, guard_type, guard_details) if guard_id else None
    return View(
        _uuid(key), type_, base_path, _uuid(domain_id), domain, guard, checkpoint, _uuid(remote_id),  # type: ignore[arg-type]
        _uuid(into_repository_id), _uuid(publication_id), bool(pass_through), _uuid(repository_id), number, since,
    )


def _guard(key: Any, type_: str, details: dict[str, Any]) -> Guard:
    """A guard with its parts, which have none themselves."""
    parts: list[Guard] = []
    if details.get("guards"):
        rows = ContentGuard.select().where(ContentGuard.id.in_(details["guards"]))
        parts = [Guard(row.id, row.type, row.details) for row in rows]
    return Guard(uuid.UUID(str(key)), type_, details, tuple(parts))


def find(view: View, path: str) -> tuple[File | None, bool]:
    """The file that ``path`` below ``view`` is, or whether it is a directory (for ``a/b`` also: whether ``a/b/`` is).

    A directory that has an index file is that file. Blocks.
    """
    if view.publication_id is None and view.repository_id is None:
        return None, False
    is_directory_path = path == "" or path.endswith("/")
    file = find_file(view, [path + INDEX] if is_directory_path else [path])
    if file is not None:
        return file, False
    if path == "":
        return None, True
    return None, _is_directory(view, path if is_directory_path else f"{path}/")


def find_file(view: View, paths: list[str]) -> File | None:
    """The first of ``paths`` that is a file of ``view``. Blocks."""
    row = database.execute_sql(sql.find_file, parameters(view) | {"paths": paths}).fetchone()
    if row is None:
        return None
    key, path, stored, size, sha256, created = row
    return File(_uuid(key), path, view.domain_id, stored, size, sha256, created)  # type: ignore[arg-type]


def _is_directory(view: View, path: str) -> bool:
    bounds = {"first": path, "beyond": beyond(path)}
    return bool(database.execute_sql(sql.is_directory, parameters(view) | bounds).fetchone()[0])


def beyond(directory: str) -> str:
    """The first string, by bytes, after everything that starts with ``directory``, which ends in a slash."""
    return directory[:-1] + "0"  # the character after the slash


def parameters(view: View) -> dict[str, Any]:
    """What the queries about a view's files call it."""
    return {
        "publication_id": view.publication_id and str(view.publication_id),
        "pass_through": view.pass_through,
        "repository_id": view.repository_id and str(view.repository_id),
        "number": view.number,
    }


def _uuid(value: Any) -> uuid.UUID | None:
    return value if value is None or isinstance(value, uuid.UUID) else uuid.UUID(value)
