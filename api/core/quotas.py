"""Quotas of domains and repositories. They are ours: the contract has none."""

from __future__ import annotations

from typing import Any

from peewee import JOIN, Select

from api.core.common import columns, newest_first, orderings
from api.endpoints import Endpoint, Key
from api.filters import FilterSet, custom, identity_filters, key_of, text_filters
from api.operations import creating, deleting, listing, reading, updating
from api.schemas.base import ObjectSchema, refuse
from api.schemas.fields import INDEXED_LIMIT, Integer, Text
from api.schemas.references import Reference
from pulp_actor import quotas  # noqa: F401  (the rules by which they are made)
from pulp_actor.models import Quota, Repository
from pulp_actor.models.resources import QUOTA

_LARGEST = 2**63 - 1


class QuotaSchema(ObjectSchema):
    wire_name = "Quota"
    model = Quota

    name = Text(required=True, limit=INDEXED_LIMIT, help="A name that no other quota has; errors say it.")
    repository = Reference(Repository, null=True, help="The repository it is for; null: everything in the domain.")
    max_bytes = Integer(null=True, minimum=0, maximum=_LARGEST, bits=64, help="Bytes that are allowed; null: any number.")
    max_units = Integer(null=True, minimum=0, maximum=_LARGEST, bits=64, help="Units of content; null: any number.")
    used_bytes = Integer(read_only=True, bits=64, help="Bytes that there are now.")
    used_units = Integer(read_only=True, bits=64, help="Units that there are now.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        limits = [data[n] if n in data else getattr(current, n, None) for n in ("max_bytes", "max_units")]
        if limits == [None, None]:
            raise refuse("non_field_errors", "One of max_bytes and max_units is needed.")


def quota_rows() -> Select:
    return Quota.select(*columns(Quota), Repository.type.alias("repository_type")).join(Repository, JOIN.LEFT_OUTER)


def quota_endpoint() -> Endpoint:
    return Endpoint(
        path="quotas", tag="Quotas", component="actor", schema=QuotaSchema, rows=quota_rows, resource=QUOTA,
        keys=[Key("pulp_id", Quota.id)],
        filters=FilterSet(
            [
                *identity_filters(Quota.id, Quota), *text_filters("name", Quota.name),
                custom("repository", lambda text: Quota.repository.is_null() if text == "null" else
                       Quota.repository == key_of(text, Repository)),
            ],
            orderings(Quota, ("name", "max_bytes", "max_units", "used_bytes", "used_units")), newest_first(Quota),
        ),
        operations=[listing(), creating(), reading(), *updating(), deleting()],
    )
