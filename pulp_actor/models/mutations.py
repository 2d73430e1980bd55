"""Makes, changes and deletes objects from validated data: what the API does at once for one type of object and a task
does for another, written once. Must never know a request or a schema: data is columns with JSON-able values.

A model that needs more than its columns registers a `Rules` value; a plugin does so for its models when it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg2
from peewee import IntegrityError, Model, fn

from pulp_actor.db import transaction
from pulp_actor.domains import current_domain_id, of_current_domain
from pulp_actor.errors import NotFound, ValidationError
from pulp_actor.identifiers import ResourceType
from pulp_actor.models.alternate import AlternateContentFile, AlternateContentSource
from pulp_actor.models.base import Domain, utcnow
from pulp_actor.models.content import Content, DetailContent
from pulp_actor.models.distribution import ContentGuard, Distribution
from pulp_actor.models.publication import Publication
from pulp_actor.models.remote import Remote
from pulp_actor.models.repository import Repository, RepositoryVersion
from pulp_actor.models.transfer import Exporter, Importer
from pulp_actor.models.units import make_unit
from pulp_actor.models.upstream import UpstreamPulp
from pulp_actor.models.user import Group, User
from pulp_actor.models.webhook import Webhook
from pulp_actor.security.encryption import Unreadable
from pulp_actor.security.policies import object_created

Data = dict[str, Any]


def _nothing(*_: Any) -> None:
    """No rule."""


@dataclass(frozen=True)
class Rules:
    """What a model asks beyond its columns.

    Attributes:
        unique: columns whose value no other row (of the domain) may have.
        check: raises ValidationError if data (first argument) cannot be stored in a row (second; None: a new one).
        created: called with each new row, in its transaction.
        changed: called with a row and the data after each change, in its transaction.
        prepare: turns the data of a new row into what ``create`` is given, for the length of a block around the transaction:
            the place for what is slow, such as a download, and must not keep locks waiting.
        create: makes the row instead of a plain INSERT.
        deleting: called with a row before it is deleted, in its transaction; raises ValidationError if it may not be.
    """

    unique: Sequence[str] = ()
    check: Callable[[Data, Any], None] = _nothing
    created: Callable[[Any], None] = _nothing
    changed: Callable[[Any, Data], None] = _nothing
    prepare: Callable[[Data], AbstractContextManager[Data]] = nullcontext
    create: Callable[[ResourceType, Data], Model] | None = None
    deleting: Callable[[Any], None] = _nothing


_rules: dict[type[Model], Rules] = {}


def register(model: type[Model], rules: Rules) -> None:
    """Say what ``model`` asks beyond its columns."""
    _rules[model] = rules


def check(resource: ResourceType, data: Mapping[str, Any], current: Model | None = None) -> None:
    """Raises ValidationError, by field, if ``data`` cannot be stored in ``current`` (None: in a new row)."""
    rules = _rules.get(resource.model, Rules())
    for column in rules.unique:
        if column in data and (current is None or getattr(current, column) != data[column]):
            _check_unique(resource.model, column, data, current)
    rules.check(dict(data), current)


def create(resource: ResourceType, data: Mapping[str, Any]) -> Model:
    """Make an object and return its row.

    Raises:
        ValidationError: by field.
    """
    rules = _rules.get(resource.model, Rules())
    with rules.prepare(dict(data)) as prepared, transaction(), _refusals(resource.model):
        check(resource, data)
        row = (rules.create or _create)(resource, prepared)
        rules.created(row)
        object_created(row)
        return row


def _create(resource: ResourceType, data: Data) -> Model:
    if issubclass(resource.model, DetailContent):
        return make_unit(resource, data)
    if resource.type is not None:
        data["type"] = resource.type
    return resource.model.create(**data)


def get(resource: ResourceType, key: Any) -> Model:
    """The row of an object of the current domain. Raises NotFound."""
    model = resource.model
    row = of_current_domain(model.select().where(model._meta.primary_key == key)).first()
    if row is None or (resource.type is not None and getattr(row, "type", resource.type) != resource.type):
        raise NotFound(f"there is no {resource.path} {key}")
    return row


def differences(row: Model, data: Mapping[str, Any]) -> Data:
    """The part of ``data`` that differs from what ``row`` holds; ``details`` counts as a whole."""
    return {column: value for column, value in data.items() if _differs(row, column, value)}


def update(resource: ResourceType, key: Any, data: Mapping[str, Any]) -> Model:
    """Change an object and return its row; ``details`` is merged into what is there.

    Raises:
        NotFound: it has gone.
        ValidationError: by field.
    """
    with transaction(), _refusals(resource.model):
        row = get(resource, key)
        check(resource, data, row)
        columns = dict(data)
        if "details" in columns:
            columns["details"] = getattr(row, "details") | columns["details"]  # noqa: B009
        for column, value in columns.items():
            setattr(row, column, value)
        only = list(columns)
        if "pulp_last_updated" in row._meta.fields:
            row.pulp_last_updated = utcnow()  # type: ignore[attr-defined]
            only.append("pulp_last_updated")
        row.save(only=only)
        _rules.get(resource.model, Rules()).changed(row, dict(data))
        return row


def delete(resource: ResourceType, key: Any) -> None:
    """Delete an object; one that has gone already is no error.

    Raises:
        ValidationError: something else needs it.
    """
    model = resource.model
    with transaction():
        try:
            _before_deletion(model, key)
            of_current_domain(model.delete().where(model._meta.primary_key == key)).execute()
        except IntegrityError as error:
            table = getattr(getattr(error.__cause__, "diag", None), "table_name", None) or "object"
            raise ValidationError({"detail": f"This cannot be deleted: a {table.replace('_', ' ')} needs it."}) from None


def _before_deletion(model: type[Model], key: Any) -> None:
    rules = _rules.get(model, Rules())
    if rules.deleting is _nothing:
        return
    row = of_current_domain(model.select().where(model._meta.primary_key == key)).for_update().first()
    if row is not None:
        rules.deleting(row)


#: What a detail that was never written stands for, by the type of what it is compared with.
_NOTHING: Mapping[type, Any] = {list: [], dict: {}}


def _differs(row: Model, column: str, value: Any) -> bool:
    if column == "details":
        held = getattr(row, "details")  # noqa: B009
        return any(held.get(name, _NOTHING.get(type(part))) != part for name, part in value.items())
    try:
        held = getattr(row, column)
    except Unreadable:
        return True
    return (str(held) if held is not None and column.endswith("_id") else held) != value


def _check_unique(model: type[Model], column: str, data: Mapping[str, Any], current: Model | None) -> None:
    query = model.select().where(getattr(model, column) == data[column])
    if "domain" in model._meta.fields:
        domain = data.get("domain_id") or getattr(current, "domain_id", current_domain_id())
        query = query.where(model.domain == domain)  # type: ignore[attr-defined]
    if current is not None:
        query = query.where(model._meta.primary_key != current.get_id())
    if query.exists():
        raise ValidationError({column: ["This value is taken already; it must be unique."]})


class _refusals:
    """Turns what the database refuses into a ValidationError, for the rare case that `check` saw it differently."""

    def __init__(self, model: type[Model]) -> None:
        self.model = model

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        cause = error.__cause__ or error.__context__ if isinstance(error, IntegrityError) else None
        constraint = getattr(getattr(cause, "diag", None), "constraint_name", None) or ""
        if isinstance(cause, psycopg2.errors.UniqueViolation):
            for column in self.model._meta.fields:
                if constraint.endswith(f"_{column}_key"):
                    raise ValidationError({column: ["This value is taken already; it must be unique."]}) from None
            raise ValidationError({"non_field_errors": ["There is such an object already."]}) from None
        if isinstance(cause, psycopg2.errors.ForeignKeyViolation):
            column = constraint.removeprefix(f"{self.model._meta.table_name}_").removesuffix("_id_fkey")
            raise ValidationError({column: ["The object this leads to has gone."]}) from None


def _make_version_zero(repository: Repository) -> None:
    RepositoryVersion.create(
        repository=repository, number=0, complete=True, content_summary={"present": {}, "added": {}, "removed": {}},
    )


def _keep_fewer_versions(repository: Repository, data: Data) -> None:
    if data.get("retain_repo_versions"):
        from pulp_actor.versions import retain_versions  # noqa: PLC0415  (versions are made of models)

        retain_versions(repository.id)


def check_base_path(data: Data, current: Distribution | None) -> None:
    """Raises ValidationError if the base path is that of another distribution, or one is inside the other."""
    path = data.get("base_path")
    if path is None or (current is not None and current.base_path == path):
        return
    segments = path.split("/")
    above = ["/".join(segments[:end]) for end in range(1, len(segments) + 1)]
    domain = data.get("domain_id") or getattr(current, "domain_id", current_domain_id())
    query = Distribution.select(Distribution.name, Distribution.base_path).where(
        Distribution.domain == domain,
        Distribution.base_path.in_(above) | fn.STARTS_WITH(Distribution.base_path, f"{path}/"),
    )
    if current is not None:
        query = query.where(Distribution.id != current.id)
    other = query.first()
    if other is not None:
        message = f"This overlaps with the base path of the distribution {other.name!r}: {other.base_path}"
        raise ValidationError({"base_path": {"base_path": message}})


def _create_distribution(resource: ResourceType, data: Data) -> Model:
    """A distribution whose maker says nothing of a guard has its domain's default one."""
    if "content_guard_id" not in data:
        guard = Domain.select(Domain.default_content_guard_id).where(Domain.id == current_domain_id()).scalar()
        data |= {"content_guard_id": guard} if guard else {}
    return _create(resource, data)


def _note_content_change(distribution: Distribution, data: Data) -> None:
    served = {"repository_id", "repository_version_id", "publication_id", "base_path"}
    if served & data.keys():
        Distribution.update(no_content_change_since=utcnow()).where(Distribution.id == distribution.id).execute()


def _forget_files(source: AlternateContentSource, data: Data) -> None:
    """What a source was found to have under paths, or at a remote, that it has no more."""
    gone = AlternateContentFile.delete().where(AlternateContentFile.source == source.id)
    if "remote_id" not in data:
        gone = gone.where(AlternateContentFile.path.not_in(source.paths or [""]))
    gone.execute()


register(Repository, Rules(unique=("name",), created=_make_version_zero, changed=_keep_fewer_versions))
register(Remote, Rules(unique=("name",)))
register(ContentGuard, Rules(unique=("name",)))
register(AlternateContentSource, Rules(unique=("name",), changed=_forget_files))
register(Distribution, Rules(
    unique=("name",), check=check_base_path, create=_create_distribution,
    created=lambda row: _note_content_change(row, {"base_path": row.base_path}), changed=_note_content_change,
))
register(Exporter, Rules(unique=("name",)))
register(Importer, Rules(unique=("name",)))
register(UpstreamPulp, Rules(unique=("name",)))
register(Webhook, Rules(unique=("name",)))
register(User, Rules(unique=("username",)))
register(Group, Rules(unique=("name",)))
register(Publication, Rules())
register(Content, Rules())
