"""In which domain work is done: that of a request's path, of a task, or the default one where nobody says.

Whoever begins work says where (`in_domain`); everybody else asks (`current_domain`). What is made belongs to the current
domain, and reads that go through `of_current_domain` see nothing else. While the setting ``DOMAIN_ENABLED`` is off there is
the default domain only, and no condition is put on any query.

Must never know a request or a task, nor what is in a domain: it reads a model's columns, not its name.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import cache
from typing import Any

from peewee import Field, ForeignKeyField

from pulp_actor.db import connected, database
from pulp_actor.db.listen import ListenHub
from pulp_actor.db.remembered import Remembered
from pulp_actor.errors import ConfigurationError, NotFound
from pulp_actor.settings import settings

#: The domain of everything while ``DOMAIN_ENABLED`` is off. Its key is fixed so that it can be a column's default.
DEFAULT_DOMAIN_ID = uuid.UUID("00000000-0000-7000-8000-000000000001")

#: Notified by a trigger when any domain changes.
CHANNEL = "pulp_domains_changed"


class DomainKey:
    """What is known of a domain wherever work is done in it: its key, and the name that stands in paths. A name that was not
    given (a task knows the key of its domain only) is asked for when it is needed first.
    """

    __slots__ = ("_name", "id")

    def __init__(self, key: uuid.UUID, name: str | None = None) -> None:
        self.id, self._name = key, name

    @property
    def name(self) -> str:
        """Raises NotFound when the domain has gone."""
        if self._name is None:
            found = get_domain(self.id)
            if found is None:
                raise NotFound(f"there is no domain {self.id} any more")
            self._name = found.name
        return self._name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DomainKey) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"DomainKey({self.id}, {self._name!r})"


DEFAULT_DOMAIN = DomainKey(DEFAULT_DOMAIN_ID, "default")

_current: ContextVar[DomainKey] = ContextVar("current_domain", default=DEFAULT_DOMAIN)


# --- the current domain -------------------------------------------------------------------------------------------------

def current_domain() -> DomainKey:
    """The domain that work is done in here and now."""
    return _current.get()


def enter_domain(domain: DomainKey) -> Token[DomainKey]:
    """Work in ``domain`` until `leave_domain` is given what this returns; for those whose work is not one block."""
    return _current.set(domain)


def leave_domain(token: Token[DomainKey]) -> None:
    """Work again where work was done before `enter_domain`."""
    _current.reset(token)


def domain_with(key: uuid.UUID | None) -> DomainKey:
    """The domain with that key, without asking whether there is one; None stands for the default domain."""
    if key is None or key == DEFAULT_DOMAIN_ID:
        return DEFAULT_DOMAIN
    current = _current.get()
    return current if current.id == key else DomainKey(key)


@contextmanager
def in_domain(domain: DomainKey) -> Iterator[DomainKey]:
    """Work in ``domain`` for the length of a block."""
    token = enter_domain(domain)
    try:
        yield domain
    finally:
        leave_domain(token)


def current_domain_id() -> uuid.UUID:
    """The key of the domain that work is done in: the default of the column that says where a row belongs."""
    return _current.get().id


# --- which domains there are --------------------------------------------------------------------------------------------

def _ask_name(name: str) -> DomainKey | None:
    return _ask("SELECT id, name FROM domain WHERE name = %s", name)


def _ask_id(key: uuid.UUID) -> DomainKey | None:
    return _ask("SELECT id, name FROM domain WHERE id = %s::uuid", str(key))


def _ask(sql: str, value: str) -> DomainKey | None:
    with connected():
        row = database.execute_sql(sql, (value,)).fetchone()
    return None if row is None else DomainKey(uuid.UUID(str(row[0])), row[1])


_by_name: Remembered[str, DomainKey] = Remembered(CHANNEL, _ask_name)
_by_id: Remembered[uuid.UUID, DomainKey] = Remembered(CHANNEL, _ask_id)


def listen(hub: ListenHub) -> None:
    """Remember domains from now on, for as long as ``hub`` hears of their changes."""
    _by_name.listen(hub)
    _by_id.listen(hub)
    hub.subscribe(CHANNEL, _changed)


_callbacks: list[Callable[[], None]] = []


def on_change(callback: Callable[[], None]) -> None:
    """Call ``callback`` whenever a hub that this process listens with hears that a domain has changed."""
    _callbacks.append(callback)


def _changed(_payload: str | None) -> None:
    for callback in _callbacks:
        callback()


def find_domain(name: str) -> DomainKey | None:
    """The domain of that name, or None. Asks the database for those only that are not remembered."""
    return DEFAULT_DOMAIN if name == DEFAULT_DOMAIN.name else _by_name.get(name)


def get_domain(key: uuid.UUID | None) -> DomainKey | None:
    """The domain with that key, or None; None stands for the default domain."""
    return DEFAULT_DOMAIN if key is None or key == DEFAULT_DOMAIN_ID else _by_id.get(key)


def check_domains() -> None:
    """Raises ConfigurationError if domains are switched off although there are others than the default one: whoever asks
    then would see the objects of all of them."""
    if settings.DOMAIN_ENABLED:
        return
    with connected():
        names = database.execute_sql("SELECT name FROM domain WHERE id <> %s ORDER BY name", (str(DEFAULT_DOMAIN_ID),))
        others = [name for (name,) in names.fetchall()]
    if others:
        raise ConfigurationError(
            f"DOMAIN_ENABLED is off, but there are domains beside the default one: {', '.join(others[:5])}; switch it on, "
            "or delete them first")


# --- which rows belong to a domain --------------------------------------------------------------------------------------

@cache
def belongs_to_domain(model: Any) -> bool:
    """Whether the rows of a peewee model belong to a domain: because each says to which, or because a row that it needs
    does. Users, groups, roles, workers and the domains themselves belong to the whole installation."""
    return _owner(model) is not None


@cache
def _owner(model: Any) -> Field | None:
    """The column that says to which domain a row belongs, or that names the row with which it does."""
    needed = [field for field in model._meta.sorted_fields if not field.null]
    for field in needed:
        if field.name in ("domain", "domain_id"):
            return field
    for field in needed:
        leads_on = isinstance(field, ForeignKeyField) and field.rel_model is not model
        if leads_on and belongs_to_domain(field.rel_model):
            return field
    return None


def belongs_to(model: Any, domain: Any) -> Any:
    """The condition that a row of ``model`` belongs to the domain with key ``domain``. For models of `belongs_to_domain`."""
    owner = _owner(model)
    assert owner is not None
    if owner.name in ("domain", "domain_id"):
        return owner == domain
    target: Any = owner.rel_model  # type: ignore[attr-defined]
    return owner.in_(target.select(target._meta.primary_key).where(belongs_to(target, domain)))


def of_current_domain(query: Any) -> Any:
    """A peewee query, restricted to rows that may be seen from the current domain: as it is where domains are switched off,
    or where the rows of its model belong to none."""
    if not settings.DOMAIN_ENABLED or not belongs_to_domain(query.model):
        return query
    return query.where(belongs_to(query.model, current_domain_id()))


def domain_lock(domain: uuid.UUID) -> str:
    """The name of the lock on a domain, which is its PRN. Each task of a domain shares it."""
    return f"prn:core.domain:{domain}"


def domain_resource(name: str) -> str:
    """The name of a lock on something that each domain has one of: ``name`` itself in the default domain."""
    domain = current_domain_id()
    return name if domain == DEFAULT_DOMAIN_ID else f"{name}:{domain}"
