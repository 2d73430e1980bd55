"""One request, as far as a declaration needs to know it, and the answer it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import UUID

import falcon
from marshmallow import ValidationError as MarshmallowError
from peewee import Model

from api.body import read_body
from api.schemas.base import WireSchema
from api.schemas.fields import Row
from pulp_actor.db import transaction
from pulp_actor.errors import NotFound, ValidationError
from pulp_actor.identifiers import api_prefix, href_of, prn, registry
from pulp_actor.models import mutations
from pulp_actor.queue import Dispatched, dispatch
from pulp_actor.queue.models import Task
from pulp_actor.security.accounts import Account
from pulp_actor.security.permissions import on_object
from pulp_actor.security.policies import Customized, customized

if TYPE_CHECKING:
    from api.endpoints import Endpoint, Operation

#: Most parameters in one query string.
MAX_PARAMETERS = 1_000


@dataclass(frozen=True)
class Cookie:
    """A cookie that goes with an answer; ``lifetime`` in seconds, 0 to take it back; ``hidden``: from the pages' scripts."""

    name: str
    value: str
    lifetime: int
    hidden: bool


@dataclass(frozen=True)
class Answer:
    """What an operation answers: a status, a JSON-able body (None: no body), further headers and cookies."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Sequence[Cookie] = ()


class Call:
    """One request to one operation.

    Attributes:
        endpoint, operation: what was declared.
        request: Falcon's request.
        account: who asks; None where no credentials are needed and none were given.
        keys: the variable parts of the path, by their declared names.
        given: the fields that the body named, once it has been read; the others have their defaults.
    """

    given: frozenset[str] = frozenset()
    _body: tuple[Any] | None = None

    def __init__(
        self, endpoint: Endpoint, operation: Operation, request: falcon.Request, account: Account | None,
        keys: Mapping[str, str],
    ) -> None:
        self.endpoint, self.operation, self.request, self.account = endpoint, operation, request, account
        self.keys = self._read_keys(keys)

    def _read_keys(self, texts: Mapping[str, str]) -> dict[str, Any]:
        kinds = {key.name: key.kind for key in self.endpoint.keys}
        try:
            return {name: kinds[name].deserialize(text) for name, text in texts.items()}
        except MarshmallowError:
            raise NotFound("there is nothing here") from None

    @cached_property
    def params(self) -> dict[str, list[str]]:
        """The query string's parameters, each with all its values. Raises ValidationError."""
        query = self.request.query_string
        if not query:
            return {}
        try:
            found = parse_qs(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
        except (ValueError, UnicodeDecodeError):
            raise ValidationError({"errors": ["The query string cannot be read."]}) from None
        if any("\0" in text for texts in found.values() for text in texts):
            raise ValidationError({"errors": ["Null characters are not allowed."]})
        return found

    def values(self, name: str) -> list[str]:
        """The values of a parameter that takes several, separated by commas or given repeatedly."""
        return [part.strip() for text in self.params.get(name, ()) for part in text.split(",") if part.strip()]

    def read(self, *, current: Model | None = None, schema: WireSchema | None = None) -> dict[str, Any]:
        """The body, read by the operation's request schema. Raises ValidationError."""
        schema = schema or self.request_schema
        data = self.body(schema)
        self.given = frozenset(data) if isinstance(data, dict) else frozenset()
        return schema.read(data, partial=self.operation.partial, current=current)

    @property
    def request_schema(self) -> WireSchema:
        """What the operation's body is read by."""
        wanted = self.operation.request
        assert wanted is not None
        return self.endpoint.wire if wanted is WireSchema else instance_of(wanted)

    def body(self, schema: WireSchema) -> Any:
        """The body's data as it came, read once: from a form in the types that ``schema`` wants."""
        if self._body is None:
            self._body = (read_body(self.request, schema),)
        return self._body[0]

    @property
    def guarded_key(self) -> Any:
        """The key of the object in the path whose roles decide; None in the path of a collection."""
        keys = self.endpoint.keys
        return self.keys.get(keys[0 if self.endpoint.owner is not None else -1].name) if keys else None

    @cached_property
    def held(self) -> frozenset[str]:
        """The permissions that the user has through roles on the object in the path; asked for once."""
        guarded = self.endpoint.guarded
        if self.account is None or guarded is None or self.guarded_key is None:
            return frozenset()
        return on_object(self.account, guarded, self.guarded_key)

    @cached_property
    def policy(self) -> Customized | None:
        """What somebody has made of the endpoint's access policy; None: it is as it follows from the declaration."""
        return customized().get(self.endpoint.viewset_name)

    def row(self) -> Row:
        """The row of the object that the path names. Raises NotFound."""
        row = self.endpoint.read(self.keys)
        if row is None:
            raise NotFound("there is no such object")
        return row

    @cached_property
    def instance(self) -> Any:
        """The model row of the object that the path names. Raises NotFound."""
        assert self.endpoint.resource is not None
        return mutations.get(self.endpoint.resource, self.keys[self.endpoint.keys[-1].name])

    def owner(self) -> Any:
        """The model row of the object around those of the endpoint, which the first key names. Raises NotFound."""
        assert self.endpoint.owner is not None
        return mutations.get(self.endpoint.owner, self.guarded_key)

    @property
    def url(self) -> str:
        """The request's own address, without its query."""
        return f"{self.request.prefix}{self.request.path}"

    def dispatch(
        self, actor: str, kwargs: Mapping[str, Any], *, exclusive: Sequence[Any] = (), shared: Sequence[Any] = (),
        immediate: bool = False, task_group: UUID | None = None,
    ) -> Dispatched:
        """Make a task for the user who asks, perhaps in a group. Resources are rows or names."""
        with transaction():
            return dispatch(
                actor, kwargs=kwargs, exclusive=[_name(one) for one in exclusive],
                shared=[_name(one) for one in shared], immediate=immediate, task_group=task_group,
                created_by=self.account.id if self.account else None, diagnostics=self._diagnostics(),
            )

    def accepted(self, actor: str, kwargs: Mapping[str, Any], **options: Any) -> Answer:
        """Make a task and answer with its href."""
        return task_answer(self.dispatch(actor, kwargs, **options))

    def _diagnostics(self) -> list[str]:
        wanted = self.request.get_header("X-Task-Diagnostics") or ""
        return [name.strip() for name in wanted.split(",") if name.strip()]


def task_answer(task: Dispatched) -> Answer:
    """202 with the task's href."""
    return Answer(202, {"task": href_of(registry.get(Task), task.id)})


def _name(resource: Any) -> str:
    return resource if isinstance(resource, str) else prn(resource)


_instances: dict[type[WireSchema], WireSchema] = {}


def instance_of(schema: type[WireSchema]) -> WireSchema:
    """The one instance of a schema class; making one costs more than a request."""
    found = _instances.get(schema)
    if found is None:
        found = _instances[schema] = schema()
    return found


def absolute(path: str) -> str:
    """A path below the API root as an href."""
    return f"{api_prefix()}{path}/"
