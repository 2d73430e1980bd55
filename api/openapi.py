"""The OpenAPI 3.1 document, generated from the declarations: nothing of it is written by hand.

A path that names one object has the whole href as its parameter (``{file_file_remote_href}sync/``), as the clients'
generators want it; with ``plain_keys`` it is the path as it is routed (``/pulp/api/v3/remotes/file/file/{pulp_id}/``). Where
domains are on, a path has the domain as a parameter: ``/pulp/{pulp_domain}/api/v3/remotes/file/file/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from apispec import APISpec

from api.call import instance_of
from api.endpoints import ANYONE, Endpoint, Key, Operation
from api.filters import Filter
from api.schemas.base import WireSchema
from api.schemas.fields import Choice, Integer, ListOf, WireField
from api.schemas.nested import Object
from pulp_actor import API_CONTRACT_VERSION
from pulp_actor.identifiers import api_prefix, api_root
from pulp_actor.settings import settings

OPENAPI_VERSION = "3.1.1"

_LIMIT = ("limit", {"type": "integer"}, "How many results a page has at most.")
_OFFSET = ("offset", {"type": "integer"}, "How many results come before the page.")
_DOMAIN = {
    "name": "pulp_domain", "in": "path", "required": True, "schema": {"type": "string"},
    "description": "The name of the domain.",
}
_FIELDS = {"fields": "Only these fields are wanted.", "exclude_fields": "These fields are not wanted."}


class Document:
    """The document of some endpoints: of one component, or of all.

    Parameters:
        endpoints: every endpoint there is.
        components: names of the components that are wanted; empty: all.
        bindings: short operation ids, for generators that make one class per tag.
        plain_keys: paths as they are routed.
        versions: component -> version, for ``info``.
    """

    def __init__(
        self, endpoints: Iterable[Endpoint], *, components: Iterable[str] = (), bindings: bool = False,
        plain_keys: bool = False, versions: Mapping[str, str] | None = None, server: str = "",
    ) -> None:
        wanted = set(components)
        every = list(endpoints)
        self.endpoints = [one for one in every if not wanted or one.component in wanted]
        self.collections = {one.path: one for one in every}
        self.bindings, self.plain_keys = bindings, plain_keys
        self.schemas: dict[str, dict[str, Any]] = {}
        names = sorted({one.component for one in self.endpoints})
        info = {
            "x-pulp-app-versions": {n: (versions or {}).get(n, API_CONTRACT_VERSION) for n in names},
            "x-pulp-domain-enabled": settings.DOMAIN_ENABLED,  # by this clients know that a path needs a domain
        }
        self.spec = APISpec("Pulp 3 API", "v3", OPENAPI_VERSION, info=info, servers=[{"url": server}] if server else [])

    def build(self) -> dict[str, Any]:
        """The document, JSON-able."""
        paths: dict[str, dict[str, Any]] = {}
        for endpoint in self.endpoints:
            for operation in endpoint.operations:
                path, parameters = self._path(endpoint, operation)
                paths.setdefault(path, {})[operation.method.lower()] = self._operation(endpoint, operation, parameters)
        for path, operations in sorted(paths.items()):
            self.spec.path(path=path, operations=operations)
        for name, schema in sorted(self.schemas.items()):
            self.spec.components.schema(name, schema)
        self.spec.components.security_scheme("basicAuth", {"type": "http", "scheme": "basic"})
        self.spec.components.security_scheme("cookieAuth", {"type": "apiKey", "in": "cookie", "name": "sessionid"})
        return self.spec.to_dict()

    # --- paths --------------------------------------------------------------------------------------------------------

    def _path(self, endpoint: Endpoint, operation: Operation) -> tuple[str, list[dict[str, Any]]]:
        keys = endpoint.keys if operation.on_item else endpoint.keys[:-1]
        path = endpoint.path_of(operation)
        keys = [key for key in keys if f"{{{key.name}}}" in path]
        if not keys or self.plain_keys:
            in_domain = settings.DOMAIN_ENABLED and endpoint.needs_domain
            root = api_prefix("{pulp_domain}") if in_domain else api_root()
            return f"{root}{path}/", [*([_DOMAIN] if in_domain else []), *(_key_parameter(key) for key in keys)]
        head, _, tail = path.rpartition(f"{{{keys[-1].name}}}")
        name = self._href_name(endpoint, head.rstrip("/"), operation)
        tail = tail.strip("/")
        return f"{{{name}}}{tail + '/' if tail else ''}", [{
            "name": name, "in": "path", "required": True, "schema": {"type": "string"},
            "description": "The href of the object.",
        }]

    def _href_name(self, endpoint: Endpoint, collection: str, operation: Operation) -> str:
        """The name of the parameter that is the href of an object in ``collection``."""
        owner = endpoint if operation.on_item else self.collections[collection]
        if owner.href_name:
            return f"{owner.href_name}_href"
        assert owner.schema is not None
        return f"{snake(owner.schema.wire_name)}_href"

    # --- operations ---------------------------------------------------------------------------------------------------

    def _operation(self, endpoint: Endpoint, operation: Operation, path: list[dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {
            "operationId": operation_id(endpoint, operation, bindings=self.bindings),
            "tags": [operation.tag or endpoint.tag],
            "parameters": [*path, *_header_parameters(operation), *self._query(endpoint, operation)],
            "responses": self._responses(endpoint, operation),
        }
        if operation.help:
            found["summary"] = operation.help
        if endpoint.permission_of(operation) != ANYONE:
            found["security"] = [{"basicAuth": []}, {"cookieAuth": []}]
        body = self._body(endpoint, operation)
        if body:
            found["requestBody"] = body
        return found

    def _query(self, endpoint: Endpoint, operation: Operation) -> list[dict[str, Any]]:
        found = [_query_parameter(name, _parameter_type(kind), kind.help) for name, kind in operation.query]
        if operation.method == "GET":
            if operation.responses.get(200) == "page":
                found += self._list_query(endpoint)
            found += [
                _query_parameter(name, {"type": "array", "items": {"type": "string"}}, text)
                for name, text in _FIELDS.items()
            ]
        return found

    def _list_query(self, endpoint: Endpoint) -> list[dict[str, Any]]:
        filters = endpoint.filters
        found = [_query_parameter(*_LIMIT), _query_parameter(*_OFFSET)]
        found += [_filter_parameter(one) for one in filters.filters]
        if filters.orderings:
            names = sorted([*filters.orderings, *(f"-{name}" for name in filters.orderings)])
            kind = {"type": "array", "items": {"type": "string", "enum": names}}
            found.append(_query_parameter("ordering", kind, "What to order by.", commas=True))
        if filters.query_language:
            found.append(_query_parameter("q", {"type": "string"}, "Filters joined by AND, OR, NOT and parentheses."))
        return sorted(found, key=lambda parameter: parameter["name"])

    def _body(self, endpoint: Endpoint, operation: Operation) -> dict[str, Any] | None:
        if operation.request is None:
            return None
        schema = endpoint.schema if operation.request is WireSchema else operation.request
        assert schema is not None
        reference = self.reference(schema, "Patched" if operation.partial else "")
        return {"required": True, "content": {media: {"schema": reference} for media in operation.media}}

    def _responses(self, endpoint: Endpoint, operation: Operation) -> dict[str, Any]:
        found = {}
        for status, schema in operation.responses.items():
            answer: dict[str, Any] = {"description": _STATUS_TEXTS.get(status, "")}
            if schema is not None:
                answer["content"] = {"application/json": {"schema": self._response_schema(endpoint, schema)}}
            found[str(status)] = answer
        return found

    def _response_schema(self, endpoint: Endpoint, schema: Any) -> dict[str, Any]:
        if schema == "page":
            assert endpoint.schema is not None
            return self._page(endpoint.schema)
        return self.reference(endpoint.schema if schema == "object" else schema, "Response")

    # --- schemas ------------------------------------------------------------------------------------------------------

    def reference(self, schema: type[WireSchema] | None, form: str) -> dict[str, Any]:
        """A reference to a schema in one of its forms: ``""`` (request), ``Patched`` or ``Response``."""
        assert schema is not None
        name = f"Patched{schema.wire_name}" if form == "Patched" else f"{schema.wire_name}{form}"
        if name not in self.schemas:
            self.schemas[name] = {}  # stands while its own fields may refer to it
            self.schemas[name] = self._object(instance_of(schema), form)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, schema: WireSchema, form: str) -> dict[str, Any]:
        response = form == "Response"
        properties, required = {}, []
        for name, field in schema.wire_fields.items():
            if field.load_only if response else field.dump_only:
                continue
            properties[name] = self._property(field, response)
            if field.required and form != "Patched":
                required.append(name)
        found: dict[str, Any] = {"type": "object", "properties": properties}
        if schema.__doc__ and schema.__class__.__doc__ is not WireSchema.__doc__:
            found["description"] = " ".join(schema.__doc__.split())
        if required:
            found["required"] = required
        return found

    def _property(self, field: WireField, response: bool) -> dict[str, Any]:
        self._register_parts(field, response)
        return nullable(field.openapi(response=response))

    def _register_parts(self, field: Any, response: bool) -> None:
        """See that what a field's property refers to is in the document."""
        if isinstance(field, Object):
            self.reference(field.schema, "Response")
            if any(not part.dump_only for part in instance_of(field.schema).wire_fields.values()):
                self.reference(field.schema, "")
        elif isinstance(field, ListOf):
            self._register_parts(field.item, response)
        elif isinstance(field, Choice) and field.enum:
            self.schemas[field.enum] = {"type": "string", "enum": list(field.choices)}

    def _page(self, schema: type[WireSchema]) -> dict[str, Any]:
        name = f"Paginated{schema.wire_name}ResponseList"
        link = {"type": ["string", "null"], "format": "uri"}
        self.schemas[name] = {
            "type": "object", "required": ["count", "results"],
            "properties": {
                "count": {"type": "integer"}, "next": link, "previous": link,
                "results": {"type": "array", "items": self.reference(schema, "Response")},
            },
        }
        return {"$ref": f"#/components/schemas/{name}"}


_STATUS_TEXTS = {
    200: "The result.", 201: "It has been made.", 202: "A task will do it.", 204: "It has been done.",
    301: "It is elsewhere.", 409: "Its state does not allow that.",
}


def operation_id(endpoint: Endpoint, operation: Operation, *, bindings: bool = False) -> str:
    """``remotes_file_file_list``; for bindings ``list``."""
    if operation.operation_id:
        return operation.operation_id
    if bindings:
        return operation.action
    path = re.sub(r"/?\{[^}]+\}", "", endpoint.path)
    return re.sub(r"[^a-zA-Z0-9]+", "_", f"{path}_{operation.action}")


def snake(name: str) -> str:
    """``file.FileRepository`` -> ``file_file_repository``; every capital begins a word."""
    return re.sub(r"_+", "_", re.sub(r"(?<!^)(?=[A-Z])", "_", name).replace(".", "_")).lower()


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.1 says that null is a value by naming its type."""
    found = {name: _nullable_part(value) for name, value in schema.items() if name != "nullable"}
    if not schema.get("nullable"):
        return found
    if "type" in found:
        return found | {"type": [found["type"], "null"]}
    references = found.pop("allOf", [])
    return {"oneOf": [*references, {"type": "null"}], **found} if references else found


def _nullable_part(value: Any) -> Any:
    if isinstance(value, dict):
        return nullable(value)
    return [nullable(one) if isinstance(one, dict) else one for one in value] if isinstance(value, list) else value


def _key_parameter(key: Key) -> dict[str, Any]:
    return {"name": key.name, "in": "path", "required": True, "schema": key.schema or key.kind.openapi_type}


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    found = [{
        "name": "X-Task-Diagnostics", "in": "header",
        "schema": {"type": "array", "items": {"type": "string"}},
        "description": "What a task that this makes shall record about itself.",
    }]
    return [*found, *({"name": n, "in": "header", "schema": {"type": "string"}} for n in operation.headers)]


def _query_parameter(name: str, schema: dict[str, Any], text: str = "", *, commas: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
    if text:
        found["description"] = text
    if commas:
        found |= {"explode": False, "style": "form"}
    return found


def _filter_parameter(one: Filter) -> dict[str, Any]:
    kind = dict(one.schema) if one.schema is not None else _parameter_type(one.kind)
    if not one.many:
        return _query_parameter(one.name, kind, one.help)
    return _query_parameter(one.name, {"type": "array", "items": kind}, one.help, commas=True)


def _parameter_type(field: WireField) -> dict[str, Any]:
    if isinstance(field, Choice):
        return {"type": "string", "enum": sorted(field.choices)}
    kind = dict(field.openapi_type)
    if isinstance(field, Integer) or kind.get("type") == "number":
        kind.pop("format", None)
    return kind
