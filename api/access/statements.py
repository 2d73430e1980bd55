"""Checks what somebody writes into an access policy: every word of it has to be known before it is stored, so that deciding
by it can never fail, nor mean something else than it says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from api.access.conditions import fault
from api.access.policies import EVERY_ACTION, PRINCIPALS
from api.access.visibility import SCOPING
from api.schemas.base import refuse
from pulp_actor.security.policies import HOOKS

#: Words of a statement and of a creation hook.
_STATEMENT, _NEEDED = {"action", "principal", "effect", "condition"}, {"action", "principal", "effect"}
_PARAMETERS = {
    "add_roles_for_object_creator": {"roles"}, "add_roles_for_users": {"roles", "users"},
    "add_roles_for_groups": {"roles", "groups"},
}


def check_statements(statements: Any, actions: Collection[str], known: Callable[[str], bool]) -> None:
    """Raises ValidationError unless each statement is one about ``actions``, with conditions that there are."""
    for number, statement in enumerate(statements):
        wrong = _statement_fault(statement, actions, known)
        if wrong:
            raise refuse("statements", f"Statement {number}: {wrong}")


def _statement_fault(statement: Mapping[str, Any], actions: Collection[str], known: Callable[[str], bool]) -> str | None:
    if not _NEEDED <= statement.keys() <= _STATEMENT:
        return f"it has {', '.join(sorted(_NEEDED))} and perhaps condition, and nothing else."
    named = _texts(statement["action"])
    if not named or not set(named) <= {*actions, EVERY_ACTION}:
        return f"its action is one or several of: {', '.join([EVERY_ACTION, *sorted(actions)])}."
    principals = _texts(statement["principal"])
    if not principals or not all(_is_principal(one) for one in principals):
        return f"its principal is one or several of: {', '.join(PRINCIPALS)}, group:<name>, id:<key>."
    if statement["effect"] not in ("allow", "deny"):
        return "its effect is allow or deny."
    conditions = statement.get("condition", [])
    found = (fault(one, known) for one in ([conditions] if isinstance(conditions, str) else conditions or ()))
    return next(filter(None, found), None) if isinstance(conditions, str | list) else "its conditions are a list."


def _is_principal(text: str) -> bool:
    kind, _, name = text.partition(":")
    return text in PRINCIPALS or (kind == "group" and bool(name)) or (kind == "id" and name.isdigit())


def check_hooks(hooks: Any) -> None:
    """Raises ValidationError unless each creation hook is one that there is, with its parameters."""
    for number, hook in enumerate(hooks):
        function, parameters = hook.get("function"), hook.get("parameters")
        if function not in HOOKS or not hook.keys() <= {"function", "parameters"}:
            raise refuse("creation_hooks", f"Hook {number}: its function is one of: {', '.join(sorted(HOOKS))}.")
        wanted = _PARAMETERS[function]
        if not isinstance(parameters, dict) or parameters.keys() != wanted or not all(map(_texts, parameters.values())):
            raise refuse("creation_hooks", f"Hook {number}: its parameters are names: {', '.join(sorted(wanted))}.")


def check_scoping(scoping: Mapping[str, Any]) -> None:
    """Raises ValidationError unless lists are to be narrowed in the one way that there is, or not at all."""
    if scoping and (scoping.get("function") != SCOPING or not scoping.keys() <= {"function", "parameters"}):
        raise refuse("queryset_scoping", f"Its function is {SCOPING}; an empty object lets everything be listed.")


def _texts(value: Any) -> list[str]:
    """One text, or a list of texts, as a list; empty for anything else."""
    found = [value] if isinstance(value, str) else value
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else []
