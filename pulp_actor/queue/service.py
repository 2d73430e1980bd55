"""``pulp-worker``: executor processes under one supervisor."""

from __future__ import annotations

import sys

import click

from pulp_actor.bootstrap import bootstrap
from pulp_actor.errors import ConfigurationError
from pulp_actor.metrics.exporter import Exporter
from pulp_actor.metrics.shared import share
from pulp_actor.queue.actors import load_actors
from pulp_actor.queue.executor import Limits
from pulp_actor.queue.presence import component_versions
from pulp_actor.queue.supervisor import Supervisor
from pulp_actor.settings import settings


@click.command()
@click.option("--processes", type=click.IntRange(1), help="Worker processes (setting WORKERS).")
@click.option("--threads", type=click.IntRange(1), help="Tasks at a time in one process (setting WORKER_THREADS).")
@click.option("--queue", "queues", multiple=True, help="Work on this queue only; may be given several times.")
@click.option("--burst", is_flag=True, help="Leave when there is nothing left to do.")
@click.option("--grace", type=float, help="Seconds a stopping worker gives its task (setting WORKER_GRACE_PERIOD).")
@click.option("--max-tasks", type=int, help="Replace a process after so many tasks (setting WORKER_MAX_TASKS).")
@click.option("--max-memory", type=int, help="Replace a process above so many MiB (setting WORKER_MAX_MEMORY).")
def main(
    processes: int | None, threads: int | None, queues: tuple[str, ...], burst: bool, grace: float | None,
    max_tasks: int | None, max_memory: int | None,
) -> None:
    """Run tasks until SIGTERM: finish or hand back the current ones within the grace period; at once on a second."""
    try:
        bootstrap()
        exporter = Exporter(settings.WORKER_METRICS_BIND) if settings.WORKER_METRICS_BIND else None
    except ConfigurationError as error:
        raise SystemExit(f"pulp-worker: {error}") from None
    share()
    load_actors()
    limits = Limits(
        threads=threads or settings.WORKER_THREADS,
        grace=settings.WORKER_GRACE_PERIOD if grace is None else grace,
        max_tasks=settings.WORKER_MAX_TASKS if max_tasks is None else max_tasks,
        max_memory=settings.WORKER_MAX_MEMORY if max_memory is None else max_memory,
        burst=burst, queues=frozenset(queues),
    )
    sys.exit(Supervisor(processes or settings.WORKERS, limits, component_versions(), exporter=exporter).run())


if __name__ == "__main__":
    main()
