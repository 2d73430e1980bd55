"""Filters of lists: which query parameters there are, what they accept, and the condition each one puts on the rows.

A `FilterSet` is declared once per endpoint. The boolean language of ``q`` (`api.query_language`) is made of the same
filters. Conditions are peewee expressions; nothing of a request is ever put into SQL as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from marshmallow import ValidationError as MarshmallowError
from peewee import Expression, fn

from api.query_language import parse as parse_query
from api.schemas.fields import Boolean, Choice, DateTime, Identifier, Integer, Text, WireField
from api.schemas.references import parse
from pulp_actor.errors import NotFound, ValidationError

Condition = Callable[[Any], Any]

#: Longest value of one parameter, and most values of an ``__in``.
MAX_VALUE = 20_000
MAX_VALUES = 1_000


@dataclass(frozen=True)
class Filter:
    """One query parameter.

    Attributes:
        name: the parameter.
        kind: the field that reads one value.
        where: makes the condition from the value (a list of values where ``many``).
        many: takes several values, separated by commas or given repeatedly.
        costly: may take long on some values (regular expressions); its query gets a time limit.
        help: one sentence for the OpenAPI document.
        schema: the type of one value in that document, where it is another one than ``kind`` says.
    """

    name: str
    kind: WireField
    where: Condition
    many: bool = False
    costly: bool = False
    help: str = ""
    schema: Mapping[str, Any] | None = None

    def condition(self, texts: Sequence[str]) -> Any:
        """The condition for the values of a request. Raises ValidationError by the parameter's name."""
        if any(len(text) > MAX_VALUE for text in texts):
            raise ValidationError({self.name: ["This value is too long."]})
        try:
            if not self.many:
                return self.where(self.kind.deserialize(texts[-1]))
            values = [part for text in texts for part in text.split(",")]
            if len(values) > MAX_VALUES:
                raise ValidationError({self.name: [f"At most {MAX_VALUES} values are accepted."]})
            return self.where([self.kind.deserialize(value) for value in values])
        except MarshmallowError as error:
            raise ValidationError({self.name: list(error.messages)}) from None
        except NotFound as error:
            raise ValidationError({self.name: [str(error)]}) from None


def _text() -> Text:
    return Text(blank=True, strip=False)


def _range(column: Any) -> Condition:
    def where(values: list[Any]) -> Any:
        if len(values) != 2:
            raise MarshmallowError("A range has two values, separated by a comma.")
        return column.between(*values)
    return where


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _like(column: Any, before: str, after: str) -> Condition:
    return lambda value: Expression(column, "LIKE", f"{before}{_escaped(value)}{after}")


def _ilike(column: Any, before: str, after: str) -> Condition:
    return lambda value: Expression(column, "ILIKE", f"{before}{_escaped(value)}{after}")


#: lookup -> (makes the condition from a column, takes several values, may be costly)
LOOKUPS: Mapping[str, tuple[Callable[[Any], Condition], bool, bool]] = {
    "exact": (lambda c: lambda v: c == v, False, False),
    "iexact": (lambda c: lambda v: fn.LOWER(c) == v.lower(), False, False),
    "ne": (lambda c: lambda v: c.is_null() | (c != v), False, False),
    "in": (lambda c: lambda vs: c.in_(vs), True, False),
    "gt": (lambda c: lambda v: c > v, False, False),
    "gte": (lambda c: lambda v: c >= v, False, False),
    "lt": (lambda c: lambda v: c < v, False, False),
    "lte": (lambda c: lambda v: c <= v, False, False),
    "range": (_range, True, False),
    "isnull": (lambda c: lambda v: c.is_null(v), False, False),
    "contains": (lambda c: _like(c, "%", "%"), False, False),
    "icontains": (lambda c: _ilike(c, "%", "%"), False, False),
    "startswith": (lambda c: _like(c, "", "%"), False, False),
    "istartswith": (lambda c: _ilike(c, "", "%"), False, False),
    "regex": (lambda c: lambda v: Expression(c, "~", v), False, True),
    "iregex": (lambda c: lambda v: Expression(c, "~*", v), False, True),
}

NAME_LOOKUPS = ("exact", "iexact", "in", "contains", "icontains", "startswith", "istartswith", "regex", "iregex")
NUMBER_LOOKUPS = ("exact", "ne", "gt", "gte", "lt", "lte", "range", "isnull")
TIME_LOOKUPS = ("exact", "gt", "gte", "lt", "lte", "range", "isnull")


def lookups(name: str, column: Any, kind: WireField, names: Iterable[str]) -> list[Filter]:
    """Filters on one column: ``name`` for the exact one, ``name__<lookup>`` for the others."""
    found = []
    for lookup in names:
        make, many, costly = LOOKUPS[lookup]
        accepts = Boolean() if lookup == "isnull" else kind
        parameter = name if lookup == "exact" else f"{name}__{lookup}"
        found.append(Filter(parameter, accepts, make(column), many, costly))
    return found


def text_filters(name: str, column: Any, names: Iterable[str] = NAME_LOOKUPS) -> list[Filter]:
    return lookups(name, column, _text(), names)


def number_filters(name: str, column: Any, names: Iterable[str] = NUMBER_LOOKUPS) -> list[Filter]:
    return lookups(name, column, Integer(), names)


def time_filters(name: str, column: Any, names: Iterable[str] = TIME_LOOKUPS) -> list[Filter]:
    return lookups(name, column, DateTime(), names)


def boolean_filter(name: str, column: Any) -> Filter:
    return Filter(name, Boolean(), lambda value: column == value)


def choice_filters(name: str, column: Any, choices: Sequence[str], names: Iterable[str] = ("exact", "in")) -> list[Filter]:
    return lookups(name, column, Choice(choices, enum=""), names)


def custom(name: str, where: Condition, *, kind: WireField | None = None, many: bool = False, help: str = "") -> Filter:
    """A filter with a condition of its own; its values are text unless ``kind`` says otherwise."""
    return Filter(name, kind or _text(), where, many, help=help)


def key_of(text: str, *models: type) -> str:
    """The key in an href or PRN of one of ``models``. Raises NotFound, also for another kind of object."""
    parsed = parse(text)
    if models and not issubclass(parsed.resource.model, models):
        raise NotFound(f"{text} leads to another kind of object")
    return parsed.key


def reference_filters(name: str, column: Any, *models: type, many: bool = False) -> list[Filter]:
    """``name`` (and ``name__in``): rows whose ``column`` is the key of an href or PRN."""
    found = [custom(name, lambda text: column == key_of(text, *models))]
    if many:
        found.append(custom(f"{name}__in", lambda texts: column.in_([key_of(t, *models) for t in texts]), many=True))
    return found


def identity_filters(key: Any, *models: type, uuid: bool = True) -> list[Filter]:
    """``pulp_href__in``, ``prn__in`` and ``pulp_id__in``, which every list of objects has."""
    def by_reference(texts: list[str]) -> Any:
        return key.in_([key_of(text, *models) for text in texts])

    return [
        custom("prn__in", by_reference, many=True),
        custom("pulp_href__in", by_reference, many=True),
        Filter("pulp_id__in", Identifier() if uuid else Integer(), lambda keys: key.in_(keys), many=True,
               schema=Identifier.openapi_type),
    ]


_LABEL_TERM = re.compile(r"^\s*(?P<not>!)?(?P<key>[\w\-./]+)\s*(?:(?P<op>!=|=|~)(?P<value>[^()]*))?$")


def label_filter(labels: Any) -> Filter:
    """``pulp_label_select``: terms ``key``, ``!key``, ``key=value``, ``key!=value``, ``key~part``, joined by commas."""
    def where(text: str) -> Any:
        condition = None
        for term in text.split(","):
            one = _label_term(labels, term)
            condition = one if condition is None else condition & one
        return condition

    return custom("pulp_label_select", where, help="Labels to select by: a=b,c,!d,e!=f,g~h")


def _label_term(labels: Any, term: str) -> Any:
    match = _LABEL_TERM.match(term)
    if not match or (match["not"] and match["op"]):
        raise MarshmallowError(f"{term!r} is not one of: key, !key, key=value, key!=value, key~part.")
    key, value = match["key"], match["value"]
    present = fn.jsonb_exists(labels, key)
    text = fn.JSONB_EXTRACT_PATH_TEXT(labels, key)
    if match["not"]:
        return ~present
    if match["op"] is None:
        return present
    if match["op"] == "=":
        return labels.contains({key: value})
    if match["op"] == "!=":
        return present & (text != value)
    return fn.STRPOS(fn.LOWER(text), (value or "").lower()) > 0


@dataclass(frozen=True)
class FilterSet:
    """What a list can be filtered and ordered by.

    Attributes:
        filters: the query parameters.
        orderings: name in ``ordering`` -> column.
        default: what rows are ordered by when the request does not say.
        query_language: whether ``q`` is offered.
    """

    filters: Sequence[Filter] = ()
    orderings: Mapping[str, Any] = field(default_factory=dict)
    default: Sequence[Any] = ()
    query_language: bool = True

    @cached_property
    def by_name(self) -> dict[str, Filter]:
        return {one.name: one for one in self.filters}

    def with_filters(self, *more: Filter) -> FilterSet:
        return replace(self, filters=[*self.filters, *more])

    def order(self, texts: Sequence[str]) -> list[Any]:
        """The ORDER BY of a request. Raises ValidationError."""
        order = []
        for name in (part.strip() for text in texts for part in text.split(",")):
            column = self.orderings.get(name.removeprefix("-"))
            if column is None:
                raise ValidationError({"ordering": [f"{name!r} is not something these can be ordered by."]})
            order.append(column.desc() if name.startswith("-") else column.asc())
        return order or list(self.default)

    def condition(self, params: Mapping[str, Sequence[str]]) -> tuple[list[Any], bool]:
        """The conditions that a request's parameters put on the rows, and whether one of them may be costly.

        Raises:
            ValidationError: a parameter that is not known here, or a value that cannot be read.
        """
        conditions, costly, unknown = [], False, []
        for name, texts in params.items():
            if name in PAGING or not texts:
                continue
            if name == "q" and self.query_language:
                condition, slow = parse_query(texts[-1], self.by_name)
            elif (one := self.by_name.get(name)) is not None:
                condition, slow = one.condition(texts), one.costly
            else:
                unknown.append(name)
                continue
            conditions.append(condition)
            costly = costly or slow
        if unknown:
            raise ValidationError({"errors": [f"{name!r} is not a filter of this list." for name in unknown]})
        return conditions, costly


#: Parameters of a list that are not filters.
PAGING = frozenset({"limit", "offset", "ordering", "fields", "exclude_fields", "format"})
