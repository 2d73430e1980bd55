"""Tasks and what looks after the server's data, through the generated clients, and all that can be listed."""

import pytest

from pulp_actor.cli.client import TaskFailed
from tests.support.clients import calls, lists, package_of
from tests.support.origin import make_files
from tests.support.platform import pulp_actor
from tests.support.signing import SAY, SIGN, keys

__all__ = ["keys"]


@calls("TasksApi.list", "TasksApi.read", "TasksApi.purge", "WorkersApi.list", "WorkersApi.read")
def test_tasks_are_listed_read_and_purged(clients, synced):
    tasks = clients.TasksApi
    (task,) = tasks.list(reserved_resources=synced.prn, state="completed", name__contains="sync").results
    assert task.name == "pulp_file.app.tasks.synchronizing.synchronize"
    read = tasks.read(task.pulp_href)
    assert read.created_resources == [synced.latest_version_href]
    assert clients.WorkersApi.read(read.worker) in clients.WorkersApi.list(pulp_href__in=[read.worker]).results
    with pytest.raises(package_of("TasksApi").exceptions.ApiException) as conflict:
        tasks.tasks_cancel(task.pulp_href, {"state": "canceled"})
    assert conflict.value.status == 409
    done = clients.settled(tasks.purge({"states": ["canceled"]}))
    assert done.state == "completed"


@calls("OrphansCleanupApi.cleanup")
def test_orphans_are_cleaned_up(clients):
    done = clients.settled(clients.OrphansCleanupApi.cleanup({"orphan_protection_time": 60}))
    assert done.state == "completed"


@calls("StatusApi.status_read", "LivezApi.livez_read")
def test_the_server_says_what_it_is(clients):
    status = clients.StatusApi.status_read()
    assert {"core", "file", "certguard"} <= {one.component for one in status.versions}
    assert status.database_connection.connected
    clients.LivezApi.livez_read()


@calls("TasksApi.tasks_cancel", "TasksApi.delete")
def test_a_running_task_is_cancelled_and_forgotten(clients, fresh, origin):
    name = fresh("held")
    held = origin.hold(f"/{name}/PULP_MANIFEST")
    remote = clients.RemotesFileApi.create({"name": name, "url": origin.publish(name, make_files(1, name))})
    repository = clients.RepositoriesFileApi.create({"name": name, "remote": remote.pulp_href})
    href = clients.RepositoriesFileApi.sync(repository.pulp_href, {}).task
    assert held.arrived.wait(30)
    clients.TasksApi.tasks_cancel(href, {"state": "canceled"})
    with pytest.raises(TaskFailed):
        clients.platform.client.wait(href)
    assert clients.TasksApi.read(href).state == "canceled"
    clients.TasksApi.delete(href)
    with pytest.raises(package_of("TasksApi").exceptions.NotFoundException):
        clients.TasksApi.read(href)


@calls("TasksApi.profile_artifacts")
def test_the_profile_of_a_task_is_offered_for_download(clients, fresh):
    repositories = clients.RepositoriesFileApi
    made = repositories.create({"name": fresh("profiled")})
    task = clients.settled(repositories.modify(made.pulp_href, {}, x_task_diagnostics=["memory"]))
    assert list(clients.TasksApi.profile_artifacts(task.pulp_href).urls) == ["memory"]


@calls("AcsFileApi.refresh", "TaskGroupsApi.list", "TaskGroupsApi.read", "TaskGroupsApi.task_groups_cancel")
def test_a_group_of_tasks_is_watched_and_cancelled(clients, fresh, origin):
    name = fresh("group")
    held = origin.hold(f"/{name}/PULP_MANIFEST")
    remote = clients.RemotesFileApi.create({
        "name": name, "url": origin.publish(name, make_files(1, name)), "policy": "on_demand"})
    source = clients.AcsFileApi.create({"name": name, "remote": remote.pulp_href})
    href = clients.AcsFileApi.refresh(source.pulp_href).task_group
    assert held.arrived.wait(30)
    groups = clients.TaskGroupsApi
    group = groups.read(href)
    assert (group.all_tasks_dispatched, group.running) == (True, 1)
    assert href in [one.pulp_href for one in groups.list(limit=1000).results]
    groups.task_groups_cancel(href, {"state": "canceled"})
    with pytest.raises(TaskFailed):
        clients.platform.client.wait(group.tasks[0].pulp_href)
    assert groups.read(href).canceled == 1


@calls("RepairApi.post", "RepositoriesReclaimSpaceApi.reclaim", "Datarepair7272Api.post", "OrphansApi.delete")
def test_the_store_is_looked_after(clients, fresh):
    name = fresh("reclaimed")
    repository = clients.RepositoriesFileApi.create({"name": name})
    for answer in (
        clients.RepairApi.post({"verify_checksums": True}),
        clients.RepositoriesReclaimSpaceApi.reclaim({"repo_hrefs": [repository.pulp_href]}),
        clients.Datarepair7272Api.post({"dry_run": True}),
        clients.OrphansApi.delete(),
    ):
        assert clients.settled(answer).state == "completed"


@calls("SigningServicesApi.read", "SigningServicesApi.list")
def test_a_signing_service_is_listed_and_read(clients, fresh, platform, keys, tmp_path):
    home, fingerprint, _ = keys["gpg"]
    name, script = fresh("signing"), tmp_path / "sign.sh"
    script.write_text(f"#!/bin/sh\n{SIGN['gpg']}\n{SAY}\n")
    script.chmod(0o755)
    settings = {"DATA_DIR": str(platform.data_dir)}
    added = pulp_actor(
        platform.directory, "add-signing-service", name, str(script), fingerprint, "--home", str(home), **settings)
    assert added.returncode == 0, added.stderr
    (service,) = clients.SigningServicesApi.list(name=name).results
    assert clients.SigningServicesApi.read(service.pulp_href).pubkey_fingerprint == fingerprint
    assert pulp_actor(platform.directory, "remove-signing-service", name, **settings).returncode == 0


@pytest.mark.parametrize("name", [pytest.param(name, marks=calls(f"{name}.list")) for name in lists()])
def test_every_list_is_read_and_understood(clients, synced, name):
    page = clients.api(name).list(limit=50)
    assert page.count >= len(page.results)
    bare = clients.api(name).list(limit=50, exclude_fields=["pulp_created", "pulp_last_updated"])
    assert [one.prn for one in bare.results] == [one.prn for one in page.results]
    assert not any(getattr(one, "pulp_created", None) for one in bare.results)
