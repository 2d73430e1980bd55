"""Quotas: nothing is stored beyond them, whoever stores it and however many do so at once."""

from __future__ import annotations

import itertools
import threading

import pytest

from actors.orphan import orphan_cleanup
from actors.repository import delete_version
from pulp_actor.db import connected
from pulp_actor.domains import DomainKey, in_domain
from pulp_actor.errors import QuotaExceeded
from pulp_actor.identifiers import registry
from pulp_actor.models import Artifact, Content, Domain, Quota, mutations
from pulp_actor.plugins.file.actors import publish, synchronize
from pulp_actor.plugins.file.content import create_file_content
from pulp_actor.storage import get_storage
from pulp_actor.storage.artifacts import store_artifact
from tests.integration.file.conftest import paths

_numbers = itertools.count(1)


@pytest.fixture
def make_quota(connection):
    def make(repository=None, **limits):
        data = {"name": f"quota {next(_numbers)}", "repository_id": repository and str(repository.id), **limits}
        return mutations.create(registry.by_path("quotas"), data)

    return make


def artifact(data: bytes):
    with get_storage().temporary() as file:
        file.write(data)
        return store_artifact(file)


def used(quota):
    row = Quota.get_by_id(quota.id)
    return row.used_bytes, row.used_units


def sync(remote, repository):
    synchronize(str(remote.id), str(repository.id))
    return repository.latest_version()


def test_a_domain_stores_no_more_bytes_than_it_may(make_quota):
    artifact(b"12345")
    quota = make_quota(max_bytes=10)
    assert used(quota) == (5, 0), "what was there counts"
    artifact(b"12345")
    artifact(b"67890")
    assert used(quota) == (10, 0), "equal bytes count once"
    with pytest.raises(QuotaExceeded, match=rf'the quota "{quota.name}" allows the domain "default" 10 bytes, .* 11'):
        artifact(b"!")
    assert used(quota) == (10, 0)
    assert Artifact.select().count() == 2
    assert len([path for path in get_storage().root.rglob("*") if path.is_file()]) == 2
    orphan_cleanup(orphan_protection_time=0)
    assert used(quota) == (0, 0)


def test_a_quota_of_one_domain_does_not_concern_another(make_quota):
    other = Domain.create(name="other")
    quota = make_quota(max_bytes=0, max_units=0)
    with get_storage(other.id).temporary() as file:
        file.write(b"12345")
        store_artifact(file, other.id)
    assert used(quota) == (0, 0)
    with in_domain(DomainKey(other.id)):
        elsewhere = make_quota(max_bytes=5)
    assert used(elsewhere) == (5, 0)
    with pytest.raises(QuotaExceeded, match=f'"{quota.name}"'):
        artifact(b"12345")


def test_a_sync_that_would_break_a_domains_quota_fails_with_its_name(upstream, make_remote, make_repository, make_quota):
    upstream.fill(30)
    repository, quota = make_repository(), make_quota(max_units=20)
    with pytest.raises(QuotaExceeded, match=rf'"{quota.name}" .* 20 units of content, and it would have 30'):
        sync(make_remote(policy="on_demand"), repository)
    assert repository.latest_version().number == 0
    mutations.update(registry.by_path("quotas"), quota.id, {"max_units": 30})
    assert len(paths(sync(make_remote(policy="on_demand"), repository))) == 30
    with pytest.raises(QuotaExceeded):
        publish(str(repository.latest_version().id))  # the manifest is a unit, too


def test_a_repository_holds_no_more_than_it_may(upstream, make_remote, make_repository, make_quota):
    upstream.fill(10, size=100)
    repository, other = make_repository(), make_repository()
    quota = make_quota(repository, max_bytes=999, max_units=10)
    for policy in ("on_demand", "immediate"):
        with pytest.raises(QuotaExceeded, match=rf'"{quota.name}" allows the repository "{repository.name}" 999 bytes'):
            sync(make_remote(policy=policy), repository)
    assert (repository.latest_version().number, used(quota)) == (0, (0, 0))
    assert sync(make_remote(), other).number == 1, "others are not concerned"
    mutations.update(registry.by_path("quotas"), quota.id, {"max_bytes": 1000})
    sync(make_remote(), repository)
    assert used(quota) == (1000, 10)
    with pytest.raises(QuotaExceeded, match="10 units of content, and it would have 11"):
        create_file_content(artifact(b""), "empty", repository)
    delete_version(str(repository.latest_version().id))
    assert used(quota) == (0, 0)


def test_a_quota_that_comes_late_counts_what_is_there(upstream, make_remote, make_repository, make_quota):
    upstream.fill(10, size=100)
    repository = make_repository()
    sync(make_remote(), repository)
    assert used(make_quota(repository, max_units=5)) == (1000, 10)
    assert used(make_quota(max_units=5)) == (1000, 10)


def test_many_at_once_do_not_get_past_it(make_quota):
    quota = make_quota(max_bytes=50)
    refused = []

    def work(number):
        with connected():
            for round_ in range(5):
                try:
                    # All want the same files, too, in another order each.
                    artifact(f"shared {(number + round_) % 5}.".encode())
                    artifact(f"own {number} {round_}.".encode())
                except QuotaExceeded:
                    refused.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    stored = sum(row.size for row in Artifact.select())
    assert refused and stored <= 50
    assert used(quota) == (stored, Content.select().count())
