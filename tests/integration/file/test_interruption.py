"""A sync that is cancelled or killed leaves the repository as it was, and can run again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

import pytest
from dramatiq.middleware import Interrupt, raise_thread_exception

from pulp_actor.db import connected, database
from pulp_actor.models import RepositoryContent, RepositoryVersion
from pulp_actor.plugins.file.actors import synchronize
from pulp_actor.settings import settings
from tests.integration.file.conftest import paths
from tests.support.upstream import hangs

SPAWN = multiprocessing.get_context("spawn")


class Stop(Interrupt):
    """What cancelling raises in an actor's thread."""


@pytest.fixture
def stuck(upstream):
    """An upstream whose last file is asked for, and does not come until `free` is set."""
    upstream.fill(1200)
    free, asked = upstream.event(), threading.Event()
    inner = hangs(free, upstream.files["file-1199"])

    async def handle(request):
        asked.set()
        return await inner(request)

    upstream.handlers["file-1199"] = handle
    yield asked
    upstream.set(free)


def assert_untouched(repository):
    assert repository.latest_version().number == 0
    assert RepositoryVersion.select().count() == 1
    assert RepositoryContent.select().count() == 0


@pytest.mark.slow
def test_cancelled_sync(stuck, upstream, make_remote, make_repository):
    remote, repository = make_remote(), make_repository()
    raised = []

    def work():
        try:
            with connected():
                synchronize(str(remote.id), str(repository.id))
        except BaseException as error:
            raised.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    assert stuck.wait(60)
    raise_thread_exception(thread.ident, Stop)
    thread.join(10)
    assert not thread.is_alive()
    assert raised == [Stop]
    assert_untouched(repository)
    assert database.execute_sql("SELECT count(*) FROM version_change").fetchone() == (0,)
    del upstream.handlers["file-1199"]
    synchronize(str(remote.id), str(repository.id))
    assert len(paths(repository.latest_version())) == 1200


def _sync_in_child(url, data_dir, remote_id, repository_id):
    from pulp_actor.db import configure
    from pulp_actor.plugins import load_plugins

    settings.set("test", DATABASE_URL=url, DATA_DIR=data_dir)
    configure(url)
    load_plugins()
    with connected():
        synchronize(remote_id, repository_id)


@pytest.mark.slow
def test_killed_sync(stuck, upstream, make_remote, make_repository, data_dir):
    remote, repository = make_remote(), make_repository()
    child = SPAWN.Process(
        target=_sync_in_child, args=(database.url, str(data_dir), str(remote.id), str(repository.id)))
    child.start()
    assert stuck.wait(60)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert_untouched(repository)
    del upstream.handlers["file-1199"]
    synchronize(str(remote.id), str(repository.id))
    assert len(paths(repository.latest_version())) == 1200
    assert database.execute_sql("SELECT count(*) FROM version_change").fetchone() == (0,)
