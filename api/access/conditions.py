"""The conditions that a statement of an access policy can name, and no others: ``name`` or ``name:argument``.

The argument of most is a permission; a verb alone (``modify_content``) stands for the permission of that verb on whatever
type of object is meant. "The object" is the one in the path: where parts of it are listed or changed (versions of a
repository, members of a group), the object around them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError as MarshmallowError
from peewee import Model

from api.call import Call
from pulp_actor.identifiers import ResourceType, registry
from pulp_actor.models import Repository, RepositoryVersion
from pulp_actor.security.permissions import domain_of, may, permission_name

Condition = Callable[[Call, str], bool]


def has_model_perms(call: Call, permission: str) -> bool:
    """Everywhere."""
    return call.account is not None and call.account.holds(_named(call.endpoint.guarded, permission))


def has_domain_perms(call: Call, permission: str) -> bool:
    """On everything in the domain."""
    guarded = call.endpoint.guarded
    domain = domain_of(guarded.model) if guarded is not None else None
    return call.account is not None and call.account.holds(_named(guarded, permission), domain)


def has_obj_perms(call: Call, permission: str) -> bool:
    """Through a role on the object."""
    return call.account is not None and _named(call.endpoint.guarded, permission) in call.held


def has_model_or_domain_perms(call: Call, permission: str) -> bool:
    """Everywhere, or on everything in the domain."""
    return has_model_perms(call, permission) or has_domain_perms(call, permission)


def has_model_or_obj_perms(call: Call, permission: str) -> bool:
    """Everywhere, or through a role on the object."""
    return has_model_perms(call, permission) or has_obj_perms(call, permission)


def has_model_or_domain_or_obj_perms(call: Call, permission: str) -> bool:
    """Everywhere, on everything in the domain, or through a role on the object."""
    return has_model_or_domain_perms(call, permission) or has_obj_perms(call, permission)


def _of_parameters(*fields: str, needed: bool = False) -> Condition:
    """On every object that these fields of the body name; ``needed``: and one of them names one."""
    def condition(call: Call, permission: str) -> bool:
        rows = [row for field in fields for row in _named_in_body(call, field)]
        return bool(rows or not needed) and all(_may(call, permission, row) for row in rows)

    return condition


def _named_in_body(call: Call, field: str) -> list[Model]:
    """The objects that a field of the body names. What cannot be read, or seen, is for the body's own checks to refuse."""
    schema = call.request_schema
    given = call.body(schema)
    text = given.get(field) if isinstance(given, dict) else None
    if text is None or field not in schema.wire_fields:
        return []
    try:
        value = schema.wire_fields[field].deserialize(text)
    except MarshmallowError:
        return []
    return [row for row in (value if isinstance(value, list) else [value]) if isinstance(row, Model)]


def _may(call: Call, permission: str, row: Any) -> bool:
    if isinstance(row, RepositoryVersion):
        row = Repository.get_by_id(row.repository_id)  # type: ignore[attr-defined]
    resource = registry.of(row)
    return call.account is not None and may(call.account, _named(resource, permission), resource, row.get_id())


def _named(resource: ResourceType | None, permission: str) -> str:
    return permission if "." in permission or resource is None else permission_name(resource, permission)


#: Name -> condition, of those that take a permission.
CONDITIONS: Mapping[str, Condition] = {
    "has_model_perms": has_model_perms,
    "has_domain_perms": has_domain_perms,
    "has_obj_perms": has_obj_perms,
    "has_model_or_domain_perms": has_model_or_domain_perms,
    "has_model_or_obj_perms": has_model_or_obj_perms,
    "has_model_or_domain_or_obj_perms": has_model_or_domain_or_obj_perms,
    "has_repository_model_or_domain_or_obj_perms": has_model_or_domain_or_obj_perms,
    "has_group_model_or_domain_or_obj_perms": has_model_or_domain_or_obj_perms,
    "has_remote_param_model_or_domain_or_obj_perms": _of_parameters("remote"),
    "has_publication_param_model_or_domain_or_obj_perms": _of_parameters("publication"),
    "has_upload_param_model_or_domain_or_obj_perms": _of_parameters("upload"),
    "has_content_guard_param_model_or_domain_or_obj_perms": _of_parameters("content_guard"),
    "has_repository_param_model_or_domain_or_obj_perms": _of_parameters("repository"),
    "has_repo_or_repo_ver_param_model_or_domain_or_obj_perms": _of_parameters("repository", "repository_version"),
    "has_required_repo_perms_on_upload": _of_parameters("repository", needed=True),
}


def holds(text: str, call: Call) -> bool:
    """Whether the condition ``name:argument`` is true for a request."""
    name, _, argument = text.partition(":")
    return CONDITIONS[name](call, argument)


def fault(text: Any, known: Callable[[str], bool]) -> str | None:
    """What is wrong with a condition as somebody wrote it, if anything; ``known`` knows which permissions there are."""
    if not isinstance(text, str):
        return "A condition is text: name:permission."
    name, _, argument = text.partition(":")
    if name not in CONDITIONS:
        return f"There is no condition {name!r}."
    if not argument or ("." in argument and not known(argument)):
        return f"{name} needs a permission that there is, not {argument!r}."
    return None
