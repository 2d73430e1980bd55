"""What an endpoint is declared with. Routing, permission checks, filters, the OpenAPI document and the browsable pages
follow from these values; there is no class per endpoint.

    Endpoint(
        path="remotes/file/file", tag="Remotes: File", schema=FileRemoteSchema, resource=FILE_REMOTE,
        rows=partial(remote_rows, "file.file"), filters=remote_filters(),
        operations=[listing(), creating(), reading(), *updating(), deleting()],
    )
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from peewee import Expression, Select

from api.filters import FilterSet
from api.queries import PreparedRead
from api.schemas.base import WireSchema
from api.schemas.fields import Identifier, Row, WireField
from pulp_actor.domains import of_current_domain
from pulp_actor.identifiers import ResourceType
from pulp_actor.security.permissions import permission_name, resources_of

if TYPE_CHECKING:
    from api.call import Answer, Call

#: Media types of a request body.
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


#: Permissions that no role gives: everyone has the first, without credentials; everyone with some has the second; and
#: superusers alone have the third.
ANYONE = "anyone"
ANY_USER = "any user"
ADMIN = "admin"

#: What permissions call actions. Any other action that only reads needs ``view``, and one that does not ``change``.
VERBS = {
    "list": "view", "read": "view", "create": "add", "upload": "add", "delete": "delete", "sync": "sync",
    "modify": "modify_content", "purge": "delete", "repair": "repair", "refresh": "refresh", "replicate": "replicate",
    "list_roles": "manage_roles", "add_role": "manage_roles", "remove_role": "manage_roles",
}
#: The same for what is inside another object, whose permissions decide: to make or delete a part changes the whole.
VERBS_INSIDE = {"list": "view", "read": "view", "repair": "repair"}


@dataclass(frozen=True)
class Operation:
    """One thing that can be done at an endpoint.

    Attributes:
        action: what it is, in its operation id and in the permission table: ``list``, ``create``, ``sync``.
        method: the HTTP method.
        run: does it.
        on_item: at an object's own path and not at the collection's.
        suffix: of the path, for actions: ``sync``.
        request: the schema of the body (`WireSchema` itself: the endpoint's), or None.
        partial: none of the body's fields is required.
        responses: status -> a schema, None (no body), ``"object"`` (the endpoint's schema) or ``"page"`` (a list of it).
        media: the media types a body may have.
        headers: the operation's own headers.
        query: the operation's own query parameters.
        permission: what the user must be allowed to do: a permission's name, `ANY_USER`, `ADMIN` or `ANYONE`; empty: the
            name that follows from the endpoint's objects and the action, ``file.view_filerepository``.
        uses_database: whether a connection is opened for it.
        operation_id: where it does not follow from the path and the action.
        help: one sentence for the OpenAPI document.
    """

    action: str
    method: str
    run: Callable[[Call], Answer]
    on_item: bool = False
    suffix: str = ""
    request: type[WireSchema] | None = None
    partial: bool = False
    body_required: bool | None = None
    responses: Mapping[int, Any] = field(default_factory=dict)
    media: Sequence[str] = (JSON, FORM, MULTIPART)
    headers: Sequence[str] = ()
    query: Sequence[tuple[str, WireField]] = ()
    permission: str = ""
    uses_database: bool = True
    operation_id: str = ""
    tag: str = ""
    help: str = ""


@dataclass(frozen=True)
class Key:
    """One variable part of a path: its name, what it may hold, and the column it selects by; and its type in the
    OpenAPI document, where that is another one than its kind says."""

    name: str = "pulp_id"
    column: Any = None
    kind: WireField = field(default_factory=Identifier)
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Endpoint:
    """A collection of objects, the objects in it, and what can be done with them.

    Attributes:
        path: the collection's, below the API root, without slashes at its ends.
        tag: the operations' tag in the OpenAPI document.
        operations: what can be done.
        component: which component's document it belongs to: ``core``, or a plugin's name.
        schema: what an object looks like.
        rows: makes the query for all rows there are, in any domain; its columns are what ``schema`` shows.
        resource: the type of its objects, where they all have one.
        owner: the type of the object that the first key names, where the roles on that object decide who may do what.
        roles: further built-in roles on its objects: the end of the role's name -> the verbs of its permissions.
        counted: makes a cheaper query with as many rows as ``rows`` has, to be filtered in the same way.
        known_count: the number of rows that a list's parameters select, where it is known without counting.
        filters: what the list can be filtered and ordered by.
        keys: the variable parts of an object's path, outermost first. All but the last stand in ``path``.
        listed: whether the root endpoint names it.
        item_path: an object's path, where it is not the collection's with the last key behind it.
        href_name: what the OpenAPI document calls an object's href, where that does not follow from the schema's name.
        needs_domain: whether what it shows depends on the domain, so that where domains are on its path should name one.
    """

    path: str
    tag: str
    operations: Sequence[Operation]
    component: str = "core"
    schema: type[WireSchema] | None = None
    rows: Callable[[], Select] | None = None
    resource: ResourceType | None = None
    owner: ResourceType | None = None
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    counted: Callable[[], Select] | None = None
    known_count: Callable[[Mapping[str, Sequence[str]]], int | None] | None = None
    filters: FilterSet = field(default_factory=FilterSet)
    keys: Sequence[Key] = ()
    listed: bool = True
    item_path: str = ""
    href_name: str = ""
    needs_domain: bool = True

    @cached_property
    def wire(self) -> WireSchema:
        """The one instance of ``schema``."""
        assert self.schema is not None
        return self.schema()

    @cached_property
    def object_path(self) -> str:
        """The path of one object: ``repositories/file/file/{pulp_id}``."""
        return self.item_path or (f"{self.path}/{{{self.keys[-1].name}}}" if self.keys else self.path)

    @cached_property
    def prepared_read(self) -> PreparedRead:
        """The query for one object, made once."""
        assert self.rows is not None
        return PreparedRead(self.rows, [key.column for key in self.keys])

    @property
    def guarded(self) -> ResourceType | None:
        """The type of the objects on which roles decide: its own, or that of the object around them."""
        return self.owner or self.resource

    @property
    def families(self) -> Sequence[ResourceType]:
        """The types of object that its list may show."""
        if self.resource is not None:
            return [self.resource]
        model = getattr(self.schema, "model", None)
        return [] if model is None else resources_of(model)

    @cached_property
    def viewset_name(self) -> str:
        """What its access policy is called: its path, without the keys in it."""
        return "/".join(part for part in self.path.split("/") if not part.startswith("{"))

    def permission_of(self, operation: Operation) -> str:
        """What a user must be allowed to do for ``operation``."""
        if operation.permission:
            return operation.permission
        if self.guarded is None:
            if operation.action == "list" and self.families:
                return ANY_USER  # each row is there for those who may see it
            noun = re.sub("[^a-z0-9]+", "_", self.viewset_name.removesuffix(f"/{operation.action}"))
            return f"{self.component}.{operation.action}_{noun}"
        verbs = VERBS if self.owner is None else VERBS_INSIDE
        return permission_name(self.guarded, verbs.get(operation.action, "view" if operation.method == "GET" else "change"))

    @cached_property
    def permissions(self) -> frozenset[str]:
        """The permissions on its guarded objects that its operations ask for and its roles give."""
        if self.guarded is None:
            return frozenset()
        app, _, model = self.guarded.prn.partition(".")
        asked = {self.permission_of(one) for one in self.operations}
        given = {permission_name(self.guarded, verb) for verbs in self.roles.values() for verb in verbs}
        return frozenset(n for n in asked | given if n.startswith(f"{app}.") and n.endswith(f"_{model}"))

    def path_of(self, operation: Operation) -> str:
        """Where an operation stands, below the API root."""
        base = self.object_path if operation.on_item else self.path
        return f"{base}/{operation.suffix}" if operation.suffix else base

    def scope(self, keys: Mapping[str, Any]) -> list[Expression]:
        """The conditions that the outer keys of a path put on the rows of the list."""
        return [key.column == keys[key.name] for key in self.keys[:-1]]

    def visible(self, rows: Callable[[], Select] | None = None) -> Select:
        """The query for all rows of the current domain: by ``rows``, or by the endpoint's own."""
        make = rows or self.rows
        assert make is not None
        return of_current_domain(make())

    def read(self, keys: Mapping[str, Any]) -> Row | None:
        """The row of one object of the current domain."""
        return self.prepared_read.fetch([keys[key.name] for key in self.keys])
