"""Giving a role on one object to somebody, and taking it away again, through the generated clients."""

from __future__ import annotations

from typing import Any

from tests.support.clients import Clients


def give_and_take(clients: Clients, api: Any, href: str, name: str) -> None:
    """Give a role on the object to a user, see it there, and take it away; ``name`` is free for both."""
    permission = api.my_permissions(href).permissions[0]
    clients.RolesApi.create({"name": name, "permissions": [permission]})
    clients.UsersApi.create({"username": name, "password": "a long pass phrase"})

    def holders() -> list[str]:
        return {one.role: one.users for one in api.list_roles(href).roles}.get(name, [])

    api.add_role(href, {"role": name, "users": [name], "groups": []})
    assert holders() == [name]
    api.remove_role(href, {"role": name, "users": [name], "groups": []})
    assert holders() == []
