"""Gets what was pulled through into the repository of its distribution: some units at a time, in a task, because a version
for each file would be many.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from uuid import UUID

from content.database import UNAVAILABLE, DatabaseThreads
from pulp_actor.errors import PulpActorError
from pulp_actor.identifiers import prn
from pulp_actor.logs import get_logger
from pulp_actor.models import Repository
from pulp_actor.queue import dispatch

#: Seconds for which units are gathered before a task is made for them.
GATHER = 1.0

logger = get_logger(__name__)


class Additions:
    """Units that wait to be added, by repository. Used from the event loop only."""

    def __init__(self, threads: DatabaseThreads) -> None:
        self._threads = threads
        self._waiting: dict[UUID, list[UUID]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, repository_id: UUID, content_id: UUID) -> None:
        """Have a unit added soon."""
        self._waiting[repository_id].append(content_id)
        if len(self._waiting[repository_id]) == 1:
            asyncio.get_running_loop().call_later(GATHER, self._start, repository_id)

    async def close(self) -> None:
        """Hand over everything that waits."""
        for repository_id in list(self._waiting):
            self._start(repository_id)
        await asyncio.gather(*self._tasks)

    def _start(self, repository_id: UUID) -> None:
        units = self._waiting.pop(repository_id, [])
        if units:
            task = asyncio.create_task(self._hand_over(repository_id, units))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, repository_id: UUID, units: list[UUID]) -> None:
        try:
            await self._threads.run(_dispatch, repository_id, units)
        except (PulpActorError, *UNAVAILABLE) as error:
            # They are served from the cache all the same, and handed over when they are fetched anew.
            logger.warning("pulled units were not added", repository=str(repository_id), count=len(units), reason=str(error))


def _dispatch(repository_id: UUID, units: list[UUID]) -> None:
    repository = Repository.get_or_none(Repository.id == repository_id)
    if repository is not None:
        dispatch(
            "pulpcore.app.tasks.repository.add_and_remove",
            kwargs={
                "repository_pk": str(repository_id), "add_content_units": [str(unit) for unit in units],
                "remove_content_units": [],
            },
            exclusive=[prn(repository)], domain=repository.domain_id,  # type: ignore[attr-defined]
        )
