"""Decides about requests: by the statements of the endpoint's access policy, which follow from its declaration unless
somebody has customized them.

A statement is ``{"action": [...], "principal": ..., "effect": "allow" | "deny", "condition": [...]}``. It counts for a
request if it names the action and the user and all its conditions hold. What a statement denies is denied; what none
allows is, too. Superusers pass without being asked. Whoever may not see the object in the path is told that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import falcon

from api.access.conditions import holds
from api.access.visibility import is_narrowed
from api.auth import refuse_anonymous
from api.call import Call, instance_of
from api.endpoints import ADMIN, ANY_USER, ANYONE, Endpoint, Operation
from api.schemas.base import WireSchema
from api.schemas.references import Reference
from pulp_actor.errors import NotFound
from pulp_actor.models import Repository
from pulp_actor.security.accounts import NOBODY, Account
from pulp_actor.security.permissions import is_visible, permission_name
from pulp_actor.security.policies import names

Statement = Mapping[str, Any]

#: What policies call actions that have another name here.
WIRE_ACTIONS = {"read": "retrieve", "delete": "destroy"}

EVERY_ACTION = "*"

#: Principals that are a word of their own.
PRINCIPALS = ("*", "anonymous", "authenticated", "admin")

_defaults: dict[str, list[dict[str, Any]]] = {}


def wire_action(operation: Operation) -> str:
    """What a policy calls an operation: ``retrieve``."""
    return WIRE_ACTIONS.get(operation.action, operation.action)


# --- defaults ----------------------------------------------------------------------------------------------------------

def default_statements(endpoint: Endpoint) -> list[dict[str, Any]]:
    """What follows from an endpoint's declaration; actions with the same terms in one statement."""
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for operation in endpoint.operations:
        for principal, conditions in _terms(endpoint, operation):
            actions = merged.setdefault((principal, conditions), [])
            if wire_action(operation) not in actions:
                actions.append(wire_action(operation))
    return [
        {"action": actions, "principal": principal, "effect": "allow"} | ({"condition": list(terms)} if terms else {})
        for (principal, terms), actions in merged.items()
    ]


def _terms(endpoint: Endpoint, operation: Operation) -> Iterable[tuple[str, tuple[str, ...]]]:
    """(principal, conditions) under which an operation is allowed."""
    permission = endpoint.permission_of(operation)
    words = {ANYONE: "*", ANY_USER: "authenticated", ADMIN: "admin"}
    guarded, inside = endpoint.guarded, operation.on_item or endpoint.owner is not None
    if permission in words:
        yield words[permission], ()
    elif guarded is not None and permission == permission_name(guarded, "view") and (inside or operation.action == "list"):
        yield "authenticated", ()  # an object is there for those who may see it
    elif guarded is not None and inside:
        yield "authenticated", (f"has_model_or_domain_or_obj_perms:{permission}",)
    elif _adds_to_repository(endpoint, operation):
        modify = "modify_content"
        yield "authenticated", (
            f"has_model_or_domain_perms:{permission}", f"has_repository_param_model_or_domain_or_obj_perms:{modify}")
        yield "authenticated", (f"has_required_repo_perms_on_upload:{modify}",)
    else:
        yield "authenticated", (f"has_model_or_domain_perms:{permission}",)


def _adds_to_repository(endpoint: Endpoint, operation: Operation) -> bool:
    """Whether an operation makes a unit of content that it can add to a repository at once."""
    schema = endpoint.schema if operation.request is WireSchema else operation.request
    field = instance_of(schema).wire_fields.get("repository") if schema is not None else None
    return operation.action in ("create", "upload") and isinstance(field, Reference) and (
        field.model is Repository and field.load_only)


# --- decisions ---------------------------------------------------------------------------------------------------------

def authorize(call: Call) -> None:
    """Let the request pass, or not.

    Raises:
        falcon.HTTPUnauthorized: credentials are needed.
        NotFound: this user may not even see the object.
        falcon.HTTPForbidden: this user may not do this.
    """
    account = call.account
    if account is not None and account.is_unlimited:
        return
    if account is None:
        if not _allows(call) or (is_narrowed(call) and not _sees(call)):
            raise refuse_anonymous()
        return
    if not _sees(call):
        raise NotFound("there is no such object")
    if not _allows(call):
        permission = call.endpoint.permission_of(call.operation)
        raise falcon.HTTPForbidden(description=f"This needs the permission {permission}, which you do not have.")


def statements_of(call: Call) -> Sequence[Statement]:
    """The statements in force."""
    if call.policy is not None:
        return call.policy.statements
    key = f"{call.endpoint.path} {call.endpoint.tag}"
    if key not in _defaults:
        _defaults[key] = default_statements(call.endpoint)
    return _defaults[key]


def _sees(call: Call) -> bool:
    """Whether the user may see the object in the path, if there is one."""
    endpoint = call.endpoint
    if endpoint.guarded is None or not (call.operation.on_item or endpoint.owner is not None):
        return True
    return is_visible(call.account or NOBODY, endpoint.guarded, call.guarded_key, lambda: call.held)


def _allows(call: Call) -> bool:
    allowed = False
    for statement in statements_of(call):
        if _is_about(statement, call) and all(holds(one, call) for one in names(statement.get("condition"))):
            if statement["effect"] == "deny":
                return False
            allowed = True
    return allowed


def _is_about(statement: Statement, call: Call) -> bool:
    actions = names(statement["action"])
    return (EVERY_ACTION in actions or wire_action(call.operation) in actions) and any(
        _is_principal(one, call.account) for one in names(statement["principal"]))


def _is_principal(text: str, account: Account | None) -> bool:
    if text == "*":
        return True
    if account is None:
        return text == "anonymous"
    kind, _, name = text.partition(":")
    return (
        text == "authenticated" or (text == "admin" and account.is_unlimited)
        or (kind == "group" and name in account.groups.values()) or (kind == "id" and name == str(account.id))
    )
