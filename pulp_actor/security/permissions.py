"""What a user may do: everywhere, in a domain, or to one object; as a check and as a condition of a query.

A permission is named ``<app>.<verb>_<model>``, as in PRNs: ``file.sync_filerepository``. A user has it through roles, their
own or their groups'. What a user has everywhere or in a domain is part of their `Account`; what they have on one object
costs a query. Must never know a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from peewee import SQL as RawSQL
from peewee import Expression, IntegerField, Model, Select, Value, fn

from pulp_actor.db import database
from pulp_actor.domains import belongs_to_domain, current_domain_id
from pulp_actor.identifiers import ResourceType, registry
from pulp_actor.models import (
    AccessPolicy,
    AccessToken,
    Content,
    ContentGuard,
    DetailContent,
    Repository,
    RepositoryContent,
    RepositoryVersion,
    Role,
    RoleAssignment,
    User,
)
from pulp_actor.queue.models import Task, TaskGroup
from pulp_actor.security.accounts import SQL, Account

#: What whoever asked for a task may do with it.
TASK_OWNER = "core.task_owner"

#: Where being an owner follows from something else than a role.
_ON_OBJECT: Mapping[type[Model], str] = {
    Task: f"{SQL.on_object} UNION ({SQL.on_own_task})", TaskGroup: f"{SQL.on_object} UNION ({SQL.on_own_group})",
}

DOWNLOAD = "core.download_rbaccontentguard"

NOTHING = Value(False)

#: Everybody who has logged in sees these; there is nothing to hide in them.
OPEN_MODELS: tuple[type[Model], ...] = (Role, AccessPolicy)


def permission_name(resource: ResourceType, verb: str) -> str:
    """``file.view_filerepository``"""
    app, _, model = resource.prn.partition(".")
    return f"{app}.{verb}_{model}"


def resources_of(model: type[Model]) -> list[ResourceType]:
    """The types of object that rows of ``model`` can be; of `Content`, all types of content."""
    if model is Content:
        return [one for one in registry if issubclass(one.model, DetailContent)]
    return registry.of_model(model)


def domain_of(model: type[Model]) -> UUID | None:
    """The current domain, if objects of ``model`` are in domains."""
    return current_domain_id() if belongs_to_domain(model) else None


def on_object(account: Account, resource: ResourceType, key: Any) -> frozenset[str]:
    """The permissions that a user has on one object through roles on it. One query."""
    parameters = {
        "key": str(key), "type": resource.prn, "user": account.id, "groups": list(account.groups),
        "owner": f"{resource.prn}_owner",
    }
    found = database.execute_sql(_ON_OBJECT.get(resource.model, SQL.on_object), parameters).fetchall()
    return frozenset(name for (name,) in found if account.in_scope(name))


def may(account: Account, permission: str, resource: ResourceType, key: Any) -> bool:
    """Whether a user has ``permission`` on an object, be it through a role on the object, in its domain or everywhere."""
    return account.holds(permission, domain_of(resource.model)) or permission in on_object(account, resource, key)


# --- what a user may see, as a condition ------------------------------------------------------------------------------

def visible(account: Account | None, resources: Sequence[ResourceType], key: Any, type_: Any = None) -> Any:
    """The condition on rows, by their ``key``, that selects what a user may see; None: all of them.

    Parameters:
        account: None: the platform itself.
        resources: the types of object that the rows may be of, all of one model or all of content.
        type_: the column that says which of them a row is of, where there are several.
    """
    if account is None or account.is_unlimited or resources[0].model in OPEN_MODELS:
        return None
    model = resources[0].model
    hidden = [one for one in resources if not account.holds(permission_name(one, "view"), domain_of(model))]
    if not hidden:
        return None
    in_reach = [one for one in hidden if account.in_scope(permission_name(one, "view"))]
    condition: Any = key.in_(_held(account, in_reach)) if in_reach else NOTHING
    seen = [one.type for one in resources if one not in hidden]
    if seen and type_ is not None:
        condition |= type_.in_(seen)
    special = _special_rules.get(_family(model))
    more = special(account, key) if special is not None and in_reach else None
    return condition if more is None else condition | more


def visible_rows(account: Account | None, model: type[Model]) -> Select:
    """The keys of the rows of ``model`` that a user may see."""
    key: Any = model._meta.primary_key
    query = model.select(key)
    condition = visible(account, resources_of(model), key, getattr(model, "type", None))
    return query if condition is None else query.where(condition)


def _held(account: Account, resources: Sequence[ResourceType]) -> Select:
    """The keys of the objects on which a user has a role that lets them be seen."""
    kind = "integer" if isinstance(resources[0].model._meta.primary_key, IntegerField) else "uuid"
    names = [one.prn for one in resources]
    view = fn.REPLACE(RoleAssignment.object_type, ".", ".view_")
    return (
        RoleAssignment.select(RoleAssignment.object_key.cast(kind)).join(Role)
        .where(
            RoleAssignment.object_type.in_(names),
            (RoleAssignment.user == account.id) | (RoleAssignment.group == fn.ANY(_integers(list(account.groups)))),
            Expression(view, "=", fn.ANY(Role.permissions)),
        )
    )


def _integers(keys: list[int]) -> Any:
    return Value(keys, converter=lambda value: value, unpack=False).cast("integer[]")


def _family(model: type[Model]) -> type[Model]:
    return Content if issubclass(model, DetailContent) else model


def _in_visible_repositories(account: Account, key: Any) -> Any:
    """Content is seen in the repositories that are seen."""
    held = RepositoryContent.select(RepositoryContent.content).where(
        RepositoryContent.repository.in_(visible_rows(account, Repository)))
    return key.in_(held)


def _of_visible_repositories(account: Account, key: Any) -> Any:
    versions = RepositoryVersion.select(RepositoryVersion.id).where(
        RepositoryVersion.repository.in_(visible_rows(account, Repository)))
    return key.in_(versions)


def _own_tasks(account: Account, key: Any) -> Any:
    return key.in_(Task.select(Task.id).where(Task.created_by == account.id))


def _groups_of_own_tasks(account: Account, key: Any) -> Any:
    return key.in_(Task.select(Task.group_id).where(Task.created_by == account.id, Task.group_id.is_null(False)))


def _own_tokens(account: Account, key: Any) -> Any:
    return key.in_(AccessToken.select(AccessToken.id).where(AccessToken.user == account.id))


def _oneself(account: Account, key: Any) -> Any:
    return key == account.id


_special_rules: dict[type[Model], Callable[[Account, Any], Any]] = {
    Content: _in_visible_repositories, RepositoryVersion: _of_visible_repositories, Task: _own_tasks,
    TaskGroup: _groups_of_own_tasks, User: _oneself, AccessToken: _own_tokens,
}


def is_visible(account: Account | None, resource: ResourceType, key: Any, held: Callable[[], frozenset[str]]) -> bool:
    """Whether a user may see one object. ``held`` tells their permissions on it."""
    if account is None or account.is_unlimited or resource.model in OPEN_MODELS:
        return True
    if not account.in_scope(view := permission_name(resource, "view")):
        return False
    if account.holds(view, domain_of(resource.model)) or view in held():
        return True
    special = _special_rules.get(_family(resource.model))
    if special is None or resource.model is Task:  # a task of one's own is among what is held
        return False
    column: Any = resource.model._meta.primary_key
    return resource.model.select(RawSQL("1")).where(column == key, special(account, column)).exists()


# --- giving roles ------------------------------------------------------------------------------------------------------

def give_roles(
    resource: ResourceType, key: Any, roles: Sequence[str], *, creator: int | None = None, users: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> None:
    """Give a user (by key), users and groups (by name) roles on an object. Names that mean nothing are passed over."""
    database.execute_sql(SQL.give_roles, {
        "type": resource.prn, "key": str(key), "roles": list(roles), "creator": creator, "users": list(users),
        "groups": list(groups),
    })


def beyond_role(
    account: Account, permissions: Sequence[str], *, domain: UUID | None = None, resource: ResourceType | None = None,
    key: Any = None,
) -> list[str]:
    """Those of ``permissions`` that a user does not have in a place: on an object, in a domain, or everywhere."""
    within = [name for name in permissions if account.in_scope(name)]
    outside = [name for name in permissions if not account.in_scope(name)]
    if account.is_superuser:
        return outside
    found = database.execute_sql(SQL.beyond_role, {
        "permissions": within, "user": account.id, "groups": list(account.groups),
        "domain": str(domain or current_domain_id()) if domain or resource else None,
        "type": resource.prn if resource else None, "key": str(key) if resource else None,
    }).fetchall()
    return sorted([*outside, *(name for (name,) in found)])


def beyond_holder(account: Account, *, group: int | None = None, user: int | None = None) -> str | None:
    """A permission that another user or a group has somewhere and ``account`` has not; None if there is none."""
    if account.is_unlimited:
        return None
    if account.scope is not None:
        return "whatever is not in the token's scope"
    row = database.execute_sql(SQL.beyond_holder, {
        "group": group, "other": user, "user": account.id, "groups": list(account.groups)}).fetchone()
    return None if row is None else row[0]


# --- the content server's question -------------------------------------------------------------------------------------

def may_download(account: Account, guard_id: UUID) -> bool:
    """Whether a user may have what an RBAC content guard guards. At most two queries; none for a superuser."""
    if account.is_unlimited:
        return True
    if not account.in_scope(DOWNLOAD):
        return False
    where: Mapping[Any, Any] | frozenset[UUID | None] = account.grants.get(DOWNLOAD, frozenset())
    if account.is_superuser or None in where:
        return True
    if where:
        row = database.execute_sql(SQL.domain_of_guard, {"key": str(guard_id)}).fetchone()
        if row is not None and UUID(str(row[0])) in where:
            return True
    return DOWNLOAD in on_object(account, registry.get(ContentGuard, "core.rbac"), guard_id)
