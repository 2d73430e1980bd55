"""Narrows a list to what its reader may see, as a condition of its query: before counting and paging."""

from __future__ import annotations

from typing import Any

from api.call import Call
from pulp_actor.security.accounts import NOBODY
from pulp_actor.security.permissions import visible

#: The one way of narrowing that a policy can name in ``queryset_scoping``; a policy that names none lets everything be seen.
SCOPING = "scope_queryset"


def is_narrowed(call: Call) -> bool:
    """Whether the endpoint's policy narrows what is seen."""
    return call.policy is None or call.policy.queryset_scoping.get("function") == SCOPING


def restriction(call: Call) -> Any:
    """The condition on the rows of a list; None: its reader may see all of them. What is inside an object is seen by
    those who see the object, which has been decided before."""
    account, endpoint = call.account or NOBODY, call.endpoint
    if account.is_unlimited or endpoint.owner is not None or not endpoint.families or not is_narrowed(call):
        return None
    model = getattr(endpoint.schema, "model", endpoint.families[0].model)
    key = endpoint.keys[-1].column if endpoint.keys else model._meta.primary_key
    return visible(account, endpoint.families, key, getattr(model, "type", None))
