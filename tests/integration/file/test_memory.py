"""Memory is bounded by what is under way, not by the size of the repository."""

from __future__ import annotations

import multiprocessing

import pytest

from pulp_actor.db import connected, database
from pulp_actor.settings import settings
from tests.support.memory import peak_memory

SPAWN = multiprocessing.get_context("spawn")


def _sync(pipe, url, data_dir, remote_id, repository_id):
    from pulp_actor.db import configure
    from pulp_actor.plugins import load_plugins
    from pulp_actor.plugins.file.actors import synchronize

    settings.set("test", DATABASE_URL=url, DATA_DIR=data_dir)
    configure(url)
    load_plugins()
    with connected():
        synchronize(remote_id, repository_id)
    pipe.send(peak_memory())


@pytest.mark.slow
def test_ten_times_the_units_do_not_need_more(upstream, make_remote, make_repository, data_dir):
    peaks = []
    for count in (1_000, 10_000):
        lines = "".join(f"dir/file-{number},{number:064x},{number}\n" for number in range(count))
        upstream.files["MANIFEST"] = lines.encode()
        remote, repository = make_remote(url=f"{upstream.url}MANIFEST", policy="on_demand"), make_repository()
        parent, child = SPAWN.Pipe()
        process = SPAWN.Process(
            target=_sync, args=(child, database.url, str(data_dir), str(remote.id), str(repository.id)))
        process.start()
        child.close()
        peaks.append(parent.recv())
        process.join()
        assert repository.latest_version().content_summary["present"] == {"file.file": count}
    assert peaks[1] < 1.5 * peaks[0]
    assert peaks[1] < 250
