"""Who may do what, through the generated clients: members of groups, roles, policies and the caller's own account."""

import pytest

from tests.acceptance.generated_clients.roles import give_and_take
from tests.support.clients import calls, package_of


@calls("GroupsUsersApi.create", "GroupsUsersApi.list", "GroupsUsersApi.delete")
def test_a_user_joins_a_group_and_leaves_it(clients, fresh):
    user = clients.UsersApi.create({"username": fresh("content"), "password": "a long pass phrase"})
    group = clients.GroupsApi.create({"name": fresh("content")})
    api = clients.GroupsUsersApi
    member = api.create(group.pulp_href, {"username": user.username})
    assert [one.username for one in api.list(group.pulp_href).results] == [user.username]
    api.delete(member.pulp_href)
    assert api.list(group.pulp_href).count == 0


@pytest.mark.parametrize(("owner", "api"), [
    pytest.param(owner, api, marks=calls(*[f"{api}.{name}" for name in ("create", "read", "list", "delete")]), id=owner)
    for owner, api in (("UsersApi", "UsersRolesApi"), ("GroupsApi", "GroupsRolesApi"))])
def test_a_role_of_a_user_or_group(clients, fresh, owner, api):
    name, assignments = fresh("assigned"), clients.api(api)
    clients.RolesApi.create({"name": name, "permissions": ["file.view_filerepository"]})
    body = {"username": name, "password": "a long pass phrase"} if owner == "UsersApi" else {"name": name}
    holder = clients.api(owner).create(body)
    repository = clients.RepositoriesFileApi.create({"name": name})
    everywhere = assignments.create(holder.pulp_href, {"role": name, "content_object": None})
    here = assignments.create(holder.pulp_href, {"role": name, "content_object": repository.pulp_href})
    assert assignments.read(here.pulp_href).content_object == repository.pulp_href
    assert assignments.list(holder.pulp_href, role=name).count == 2
    only = assignments.list(holder.pulp_href, content_object=repository.pulp_href).results
    assert [one.pulp_href for one in only] == [here.pulp_href]
    for one in (everywhere, here):
        assignments.delete(one.pulp_href)
    assert assignments.list(holder.pulp_href).count == 0


def of_task(clients, name):
    repository = clients.RepositoriesFileApi.create({"name": name})
    return clients.RepositoriesFileApi.modify(repository.pulp_href, {}).task


def of_publication(clients, name):
    repository = clients.RepositoriesFileApi.create({"name": name})
    return clients.made(clients.PublicationsFileApi, clients.PublicationsFileApi.create(
        {"repository": repository.pulp_href})).pulp_href


def of_schedule(clients, name):
    return clients.TaskSchedulesApi.list().results[0].pulp_href


@pytest.mark.parametrize(("owned", "api"), [
    pytest.param(owned, api, id=api, marks=calls(f"{api}.read", *[
        f"{api}.{name}" for name in ("my_permissions", "add_role", "list_roles", "remove_role")]))
    for owned, api in (
        (of_task, "TasksApi"), (of_publication, "PublicationsFileApi"), (of_schedule, "TaskSchedulesApi"))])
def test_a_role_on_what_has_no_name(clients, fresh, owned, api):
    name, href = fresh("owned"), owned(clients, fresh("owner"))
    assert clients.api(api).read(href).pulp_href == href
    give_and_take(clients, clients.api(api), href, name)


@calls("UploadsApi.my_permissions", "UploadsApi.list_roles")
def test_who_may_do_what_with_an_upload(clients):
    upload = clients.UploadsApi.create({"size": 10})
    assert clients.UploadsApi.my_permissions(upload.pulp_href).permissions
    assert [one.role for one in clients.UploadsApi.list_roles(upload.pulp_href).roles]


@calls("RolesApi.create", "RepositoriesFileApi.add_role", "RepositoriesFileApi.my_permissions")
def test_a_reader_may_read_and_no_more(clients, fresh):
    name, pass_phrase = fresh("reader"), "a long pass phrase"
    clients.UsersApi.create({"username": name, "password": pass_phrase})
    clients.RolesApi.create({"name": name, "permissions": ["file.view_filerepository"]})
    repository = clients.RepositoriesFileApi.create({"name": name})
    reader = clients.of_user(name, pass_phrase).RepositoriesFileApi
    exceptions = package_of("RepositoriesFileApi").exceptions
    with pytest.raises(exceptions.NotFoundException):
        reader.read(repository.pulp_href)
    clients.RepositoriesFileApi.add_role(repository.pulp_href, {"role": name, "users": [name], "groups": []})
    assert [one.name for one in reader.list().results] == [name]
    assert reader.my_permissions(repository.pulp_href).permissions == ["file.view_filerepository"]
    with pytest.raises(exceptions.ForbiddenException):
        reader.delete(repository.pulp_href)


@calls("AccessPoliciesApi.list", "AccessPoliciesApi.read", "AccessPoliciesApi.partial_update", "AccessPoliciesApi.update",
       "AccessPoliciesApi.reset")
def test_an_access_policy_is_changed_and_put_back(clients):
    api = clients.AccessPoliciesApi
    (before,) = api.list(viewset_name="remotes/file/git").results
    statements = [{"action": ["list"], "principal": "authenticated", "effect": "allow"}]
    for change in (api.partial_update, api.update):
        change(before.pulp_href, {"statements": statements})
        changed = api.read(before.pulp_href)
        assert (changed.statements, changed.customized) == (statements, True)
        api.reset(before.pulp_href)
        after = api.read(before.pulp_href)
        assert (after.statements, after.customized) == (before.statements, False)


@calls(*[f"LoginApi.{name}" for name in ("login", "login_read", "login_update", "logout")])
def test_ones_own_account(clients, fresh):
    """Who may do nothing else may still log in, say who they are, and log out."""
    name, pass_phrase = fresh("account"), "a long pass phrase"
    clients.UsersApi.create({"username": name, "password": pass_phrase})
    own = clients.of_user(name, pass_phrase)
    assert own.LoginApi.login().username == name
    own.LoginApi.login_update({"first_name": "Ada"})
    assert own.LoginApi.login_read().username == name
    assert clients.UsersApi.list(username=name).results[0].first_name == "Ada"
    own.LoginApi.logout()
