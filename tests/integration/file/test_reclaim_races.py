"""Syncs, reclaiming and cleanup of the same files at once: nobody locks anybody out, and nothing is lost."""

from __future__ import annotations

import threading

from actors.orphan import orphan_cleanup
from actors.space import reclaim_space
from pulp_actor.db import connected
from pulp_actor.identifiers import registry
from pulp_actor.models import ContentArtifact, mutations
from pulp_actor.plugins.file.actors import synchronize
from pulp_actor.storage import get_storage
from tests.integration.file.conftest import paths

ROUNDS = 4


def test_syncs_reclaiming_and_cleanup_at_once(upstream, make_remote, make_repository):
    upstream.fill(120)
    mutations.create(registry.by_path("quotas"), {"name": "wide", "max_bytes": 2**40, "max_units": 2**40})
    pairs = [(make_remote(), make_repository()) for _ in range(4)]
    errors, done = [], threading.Event()

    def work(job):
        try:
            with connected():
                job()
        except BaseException as error:
            errors.append(error)

    def sync(remote, repository):
        for _ in range(ROUNDS):
            synchronize(str(remote.id), str(repository.id), optimize=False)

    def reclaim():
        while not done.is_set():
            reclaim_space([str(repository.id) for _, repository in pairs])
            orphan_cleanup(orphan_protection_time=0)

    syncs = [threading.Thread(target=work, args=(lambda pair=pair: sync(*pair),)) for pair in pairs]
    reclaiming = threading.Thread(target=work, args=(reclaim,))
    for thread in (*syncs, reclaiming):
        thread.start()
    for thread in syncs:
        thread.join(100)
    done.set()
    reclaiming.join(100)
    assert errors == []
    for remote, repository in pairs:
        synchronize(str(remote.id), str(repository.id), optimize=False)
        assert len(paths(repository.latest_version())) == 120
    for entry in ContentArtifact.select():
        assert b"".join(get_storage().open(entry.artifact.file)) == upstream.files[entry.relative_path]
