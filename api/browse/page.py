"""What a page of the browsable API shows around the JSON: where it is, which part of the list it is, what the list can be
filtered by, and what can be done here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import falcon
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.browse.forms import forms_of
from api.browse.markup import as_markup
from api.endpoints import Endpoint, Operation
from api.filters import PAGING, Filter, FilterSet
from api.pagination import Page
from api.resources import EndpointResource
from api.schemas.fields import Boolean, Choice
from pulp_actor.identifiers import UUID_PATTERN, api_prefix

Params = Mapping[str, Sequence[str]]

#: A segment of a path that is a key, or stands for one.
_KEY = re.compile(rf"\{{.*\}}|\d+|{UUID_PATTERN}")


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("api.browse"), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return environment.get_template("page.html")


def render(
    request: falcon.Request, response: falcon.Response, resource: Any, data: Any, *, readable: frozenset[str], ok: bool,
) -> str:
    """The page for an answer with ``data``, as HTML; ``ok`` is False for an error's answer, and ``readable`` are the
    patterns of the paths that can be read."""
    endpoint, operations = _offered(resource) if ok else (None, [])
    listing = endpoint is not None and isinstance(data, dict) and isinstance(data.get("results"), list)
    params = _params(request)
    user = getattr(request.context, "account", None)
    return _template().render(
        root=api_prefix(), static=f"{api_prefix()}docs/static/browse/", crumbs=_crumbs(request.path, readable),
        title=_title(endpoint, data, request.path, response), kind=endpoint.tag if endpoint is not None else "",
        method=request.method, status=response.status, failed=not ok, address=_address(request.path, params),
        bare=_address(request.path, {**params, "format": ["json"]}),
        allow=getattr(request.context, "allow", ""), body=as_markup(data),
        pages=_pages(request.path, params, data) if listing else None,
        filters=_filters(endpoint.filters, request.path, params) if listing and endpoint is not None else None,
        forms=forms_of(endpoint, operations, request.path, data) if endpoint is not None else [],
        reads=_reads(operations, request.path), asks_who=response.status_code == 401,
        user=user.username if user is not None else None,
    )


def _offered(resource: Any) -> tuple[Endpoint | None, list[Operation]]:
    """The endpoint of a page, and what can be done there: at a collection's or an object's own path all that can be done
    to it, its actions included; at an action's path what that path has."""
    if not isinstance(resource, EndpointResource):
        return None, []
    endpoint, here = resource.endpoint, resource.operations
    if any(operation.suffix for operation in here):
        return endpoint, list(here)
    on_item = here[0].on_item
    return endpoint, [one for one in endpoint.operations if one.on_item == on_item]


def _params(request: falcon.Request) -> dict[str, list[str]]:
    return parse_qs(request.query_string or "", keep_blank_values=True)


def _address(path: str, params: Params) -> str:
    """A path with a query, or without one."""
    query = urlencode([(name, text) for name, texts in params.items() for text in texts])
    return f"{path}?{query}" if query else path


def _title(endpoint: Endpoint | None, data: Any, path: str, response: falcon.Response) -> str:
    """What the page is about: an object's name, else the kind of thing there is at its path."""
    if isinstance(data, dict) and "results" not in data:
        for name in ("name", "username", "relative_path"):
            if isinstance(data.get(name), str) and "pulp_href" in data:
                return data[name]
    if response.status_code == 401:
        return "Log in"
    if endpoint is None:
        return str(response.status)
    return endpoint.tag or "Pulp API"


@dataclass(frozen=True)
class Crumb:
    """A part of the path; ``href`` is None where there is nothing at it."""

    text: str
    href: str | None


def pattern_of(path: str) -> str:
    """A path with ``{}`` in place of each key, and of each key's name: what two paths of one kind have in common."""
    return "/".join("{}" if _KEY.fullmatch(part) else part for part in path.split("/"))


def _crumbs(path: str, readable: frozenset[str]) -> list[Crumb]:
    """A crumb for each part of the path; those above the page lead where something can be read."""
    root = api_prefix()
    parts = [part for part in path.removeprefix(root).split("/") if part]
    found = [Crumb("API", root)]
    for number, part in enumerate(parts, 1):
        above = "/".join(parts[:number])
        linked = number < len(parts) and pattern_of(above) in readable
        found.append(Crumb(part, f"{root}{quote(above)}/" if linked else None))
    return found


# --- lists ------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Pages:
    """Which part of a list is shown: ``first`` to ``last`` (from 1) of ``count``, and where the other parts are."""

    first: int
    last: int
    count: int
    next: str | None
    previous: str | None
    limit: int


def _pages(path: str, params: Params, data: Any) -> Pages:
    page, count, shown = Page.of(params), data["count"], len(data["results"])
    rest = {name: texts for name, texts in params.items() if name not in ("limit", "offset")}

    def at(offset: int) -> str:
        return _address(path, {**rest, "limit": [str(page.limit)], "offset": [str(offset)]})

    return Pages(
        first=page.offset + 1 if shown else 0, last=page.offset + shown, count=count, limit=page.limit,
        next=at(page.offset + page.limit) if data.get("next") else None,
        previous=at(max(0, page.offset - page.limit)) if data.get("previous") else None,
    )


@dataclass(frozen=True)
class Filters:
    """What a list can be filtered by, and what it is filtered by.

    Attributes:
        groups: field -> its filters: parameter, what the lookup is called, the values it may have.
        active: parameter, value, and where the list is without this one.
        orderings: what it can be ordered by; ``ordering`` is what it is ordered by.
        language: whether ``q`` is offered; ``q`` is what it says now.
    """

    groups: Mapping[str, Sequence[tuple[str, str, str]]]
    active: Sequence[tuple[str, str, str]]
    orderings: Sequence[str]
    ordering: str
    language: bool
    q: str


_LOOKUP_NAMES = {
    "": "is", "iexact": "is, in any case", "ne": "is not", "in": "is one of", "gt": ">", "gte": "≥",
    "lt": "<", "lte": "≤", "range": "between (two, by comma)", "isnull": "is not set", "contains": "contains",
    "icontains": "contains, in any case", "startswith": "begins with", "istartswith": "begins with, in any case",
    "regex": "matches", "iregex": "matches, in any case",
}


#: Parameters that are no filters, or have a control of their own.
_NOT_SHOWN = PAGING - {"fields", "exclude_fields"} | {"q"}


def _filters(declared: FilterSet, path: str, params: Params) -> Filters:
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for one in declared.filters:
        field, _, lookup = one.name.rpartition("__")
        field, lookup = (field, lookup) if field and lookup in _LOOKUP_NAMES else (one.name, "")
        groups.setdefault(field, []).append((one.name, _LOOKUP_NAMES[lookup], ",".join(_values(one))))
    active = [
        (name, text, _address(path, _without(params, name, text)))
        for name, texts in params.items() if name not in _NOT_SHOWN for text in texts
    ]
    return Filters(
        groups=dict(sorted(groups.items())), active=active, orderings=sorted(declared.orderings),
        ordering=",".join(params.get("ordering", ())), language=declared.query_language, q=(params.get("q") or [""])[-1],
    )


def _values(one: Filter) -> Sequence[str]:
    if isinstance(one.kind, Boolean):
        return ("true", "false")
    return one.kind.choices if isinstance(one.kind, Choice) else ()


def _without(params: Params, name: str, text: str) -> Params:
    return {key: [one for one in texts if (key, one) != (name, text)] for key, texts in params.items() if key != "offset"}


def _reads(operations: Sequence[Operation], path: str) -> list[tuple[str, str]]:
    """What else can be read here: the name and the path of each action that is a GET."""
    return [
        (one.action.replace("_", " "), f"{path}{one.suffix}/")
        for one in operations if one.method == "GET" and one.suffix and not path.endswith(f"/{one.suffix}/")
    ]
