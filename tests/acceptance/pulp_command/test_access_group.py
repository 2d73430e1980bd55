"""Who may do what: ``pulp role``, ``access-policy``, the roles of users and groups, and those on every kind of object."""

import json

import pytest

from tests.support.pulp_command import drives

#: Kind of object -> what one is made with beside its name, and the option that names one.
OWNERS = {
    "file remote": (["--url", "http://127.0.0.1:9/"], "--remote"),
    "file repository": ([], "--repository"),
    "file distribution": (["--base-path", None], "--distribution"),
    "content-guard rbac": ([], "--name"),
    "group": ([], "--name"),
}


def role_commands(kind):
    return [f"{kind} role {verb}" for verb in ("add", "list", "my-permissions", "remove")]


def permission_on(pulp, option, *kind):
    """A permission that somebody who may do everything with the object has."""
    return pulp(*kind, "role", "my-permissions", *option)["permissions"][0]


@pytest.fixture
def reader(pulp, fresh):
    """A user who may do nothing."""
    name = fresh("reader")
    pulp("user", "create", "--username", name, "--password", "a long pass phrase")
    return name


def give_and_take(pulp, fresh, reader, kind, option):
    """A role on an object is given to a user, seen, and taken away."""
    words, role = kind.split(), fresh("role")
    pulp("role", "create", "--name", role, "--permission", permission_on(pulp, option, *words))

    def holders():
        return {one["role"]: one["users"] for one in pulp(*words, "role", "list", *option)["roles"]}.get(role, [])

    pulp(*words, "role", "add", *option, "--role", role, "--user", reader)
    assert holders() == [reader]
    pulp(*words, "role", "remove", *option, "--role", role, "--user", reader)
    assert holders() == []
    pulp("role", "destroy", "--name", role)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=drives(*role_commands(kind))) for kind in OWNERS])
def test_a_role_on_an_object(pulp, fresh, reader, kind):
    name, (more, option) = fresh("owned"), OWNERS[kind]
    pulp(*kind.split(), "create", "--name", name, *[name if word is None else word for word in more])
    give_and_take(pulp, fresh, reader, kind, (option, name))


@drives(*role_commands("file publication"), *role_commands("file acs"), *role_commands("task"))
def test_a_role_on_what_has_no_name(pulp, fresh, reader):
    name = fresh("owned")
    pulp("file", "repository", "create", "--name", name)
    pulp("file", "repository", "update", "--repository", name, "--description", "changed")
    task = pulp("file", "repository", "task", "list", "--repository", name)[0]["pulp_href"]
    publication = pulp("file", "publication", "create", "--repository", name)["pulp_href"]
    pulp("file", "remote", "create", "--name", name, "--url", "http://127.0.0.1:9/", "--policy", "on_demand")
    pulp("file", "acs", "create", "--name", name, "--remote", name)
    give_and_take(pulp, fresh, reader, "file publication", ("--href", publication))
    give_and_take(pulp, fresh, reader, "file acs", ("--name", name))
    give_and_take(pulp, fresh, reader, "task", ("--href", task))


@drives("role create", "role show", "role list", "role update", "role destroy")
def test_a_role(pulp, fresh):
    name = fresh("role")
    pulp("role", "create", "--name", name, "--description", "reads", "--permission", "file.view_filerepository")
    pulp("role", "update", "--name", name, "--permission", "file.view_filerepository",
         "--permission", "file.view_fileremote")
    shown = pulp("role", "show", "--name", name)
    assert sorted(shown["permissions"]) == ["file.view_fileremote", "file.view_filerepository"]
    assert name in {one["name"] for one in pulp("role", "list", "--name-startswith", name)}
    pulp("role", "destroy", "--name", name)
    assert pulp("role", "list", "--name", name) == []


@drives("user role-assignment add", "user role-assignment list", "user role-assignment remove",
        "group role-assignment add", "group role-assignment list", "group role-assignment remove")
def test_roles_of_users_and_groups(pulp, fresh, reader):
    role, group = fresh("role"), fresh("group")
    pulp("role", "create", "--name", role, "--permission", "file.view_filerepository")
    pulp("group", "create", "--name", group)
    for kind, owner in (("user", ("--username", reader)), ("group", ("--group", group))):
        pulp(kind, "role-assignment", "add", *owner, "--role", role, "--object", "")
        assert [one["role"] for one in pulp(kind, "role-assignment", "list", *owner)] == [role]
        pulp(kind, "role-assignment", "remove", *owner, "--role", role, "--object", "")
        assert pulp(kind, "role-assignment", "list", *owner) == []


@drives("access-policy list", "access-policy show", "access-policy update", "access-policy reset")
def test_an_access_policy_is_changed_and_put_back(pulp):
    name = "repositories/file/file"
    assert name in {one["viewset_name"] for one in pulp("access-policy", "list", "--limit", "1000")}
    before = pulp("access-policy", "show", "--viewset-name", name)
    statements = [{"action": ["list"], "principal": "authenticated", "effect": "allow"}]
    pulp("access-policy", "update", "--viewset-name", name, "--statements", json.dumps(statements))
    changed = pulp("access-policy", "show", "--viewset-name", name)
    assert (changed["statements"], changed["customized"]) == (statements, True)
    pulp("access-policy", "reset", "--viewset-name", name)
    after = pulp("access-policy", "show", "--viewset-name", name)
    assert (after["statements"], after["customized"]) == (before["statements"], False)


@drives("content-guard rbac assign", "content-guard rbac remove")
def test_who_may_download_behind_a_guard(pulp, fresh, reader):
    name, group = fresh("guard"), fresh("group")
    pulp("group", "create", "--name", group)
    pulp("content-guard", "rbac", "create", "--name", name)
    pulp("content-guard", "rbac", "assign", "--name", name, "--user", reader, "--group", group)
    shown = pulp("content-guard", "rbac", "show", "--name", name)
    assert [one["username"] for one in shown["users"] if one["username"] == reader] == [reader]
    assert [one["name"] for one in shown["groups"]] == [group]
    pulp("content-guard", "rbac", "remove", "--name", name, "--user", reader, "--group", group)
    assert pulp("content-guard", "rbac", "show", "--name", name)["groups"] == []
