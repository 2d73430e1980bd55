"""OpenPGP keyrings and the distributions that serve them, and the artifacts' own distribution. The keys in a keyring are
units of content that the signing feature stores; until it does, their lists are empty."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from api.core.common import labelling
from api.core.distributions import DistributionSchema, distribution_filters, distribution_operations, distribution_rows
from api.core.remotes import NetworkConfig
from api.core.repositories import RepositorySchema, repository_filters, repository_operations, repository_rows
from api.core.reserved import IDENTITY, NOTHING, absent, reserved_filters, reserved_operations
from api.core.reserved_schemas import Named
from api.endpoints import FORM, MULTIPART, Endpoint, Key, Operation
from api.filters import Filter, FilterSet, custom, label_filter, text_filters
from api.operations import listing, reading
from api.schemas.base import WireSchema
from api.schemas.common import AsyncOperation
from api.schemas.fields import Boolean, DateTime, File, Labels, Number, Text
from api.schemas.nested import Object
from api.schemas.references import Href, Reference, find_object
from pulp_actor.models import Distribution, Repository, RepositoryVersion
from pulp_actor.models.resources import ARTIFACT_DISTRIBUTION, OPENPGP_DISTRIBUTION, OPENPGP_KEYRING


class NestedSignature(WireSchema):
    wire_name = "NestedOpenPGPSignature"
    issuer = Text(null=True, max_length=16)
    created = DateTime(required=True)
    expiration_time = Text(null=True, blank=True)
    signers_user_id = Text(null=True)
    key_expiration_time = Text(null=True, blank=True)
    expired = Boolean(required=True)
    key_expired = Text(read_only=True)


def _signatures() -> Object:
    return Object(NestedSignature, many=True, read_only=True)


class NestedUserId(WireSchema):
    wire_name = "NestedOpenPGPUserID"
    user_id = Text(required=True)
    signatures = _signatures()


class NestedUserAttribute(WireSchema):
    wire_name = "NestedOpenPGPUserAttribute"
    sha256 = Text(required=True, max_length=128)
    signatures = _signatures()


class NestedSubkey(WireSchema):
    wire_name = "NestedOpenPGPPublicSubkey"
    fingerprint = Text(required=True, max_length=64)
    created = DateTime(required=True)
    signatures = _signatures()


class _Unit(Named):
    pulp_labels = Labels()
    vuln_report = Text(format="uri", read_only=True)


class PublicKey(_Unit):
    wire_name = "OpenPGPPublicKey"
    repository = Text(format="uri", blank=True, write_only=True)
    overwrite = Boolean(write_only=True)
    file = File(write_only=True)
    upload = Text(format="uri", blank=True, write_only=True)
    file_url = Text(write_only=True)
    downloader_config = Object(NetworkConfig, write_only=True)
    fingerprint = Text(read_only=True, max_length=64)
    created = DateTime(read_only=True)
    user_ids = Object(NestedUserId, many=True, read_only=True)
    user_attributes = Object(NestedUserAttribute, many=True, read_only=True)
    public_subkeys = Object(NestedSubkey, many=True, read_only=True)


class Subkey(_Unit):
    wire_name = "OpenPGPPublicSubkey"
    fingerprint = Text(required=True, max_length=64)
    created = DateTime(required=True)
    signatures = _signatures()
    public_key = Href()


class Signature(_Unit):
    wire_name = "OpenPGPSignature"
    issuer = Text(null=True, max_length=16)
    created = DateTime(required=True)
    expiration_time = Text(null=True, blank=True)
    signers_user_id = Text(null=True)
    key_expiration_time = Text(null=True, blank=True)
    expired = Boolean(required=True)
    key_expired = Text(read_only=True)
    signed_content = Href()


class UserAttribute(_Unit):
    wire_name = "OpenPGPUserAttribute"
    sha256 = Text(required=True, max_length=128)
    signatures = _signatures()
    public_key = Href()


class UserId(_Unit):
    wire_name = "OpenPGPUserID"
    user_id = Text(required=True)
    signatures = _signatures()
    public_key = Href()


_MEMBERSHIP = ("repository_version", "repository_version_added", "repository_version_removed")


def _keys(
    name: str, schema: type[WireSchema], filters: Sequence[Filter], order: Sequence[str], *, creatable: bool = False,
) -> Endpoint:
    """The list of one kind of part of a key."""
    unit_filters = [
        *[custom(one, lambda value: NOTHING) for one in _MEMBERSHIP],
        *[custom(one, lambda values: NOTHING, many=True) for one in ("added_between", "removed_between")],
        Filter("orphaned_for", Number(), lambda value: NOTHING), label_filter(NOTHING), *filters,
    ]
    operations = reserved_operations("list", "read") + absent(labelling(201 if creatable else 200))
    if creatable:
        operations.append(Operation(
            "create", "POST", reserved_operations("create")[0].run, request=schema, responses={202: AsyncOperation},
            media=(MULTIPART, FORM)))
    return Endpoint(
        path=f"content/core/openpgp_{name}", tag=f"Content: Openpgp_{name.title()}", schema=schema,
        keys=[Key(column=NOTHING)], operations=operations,
        filters=reserved_filters(unit_filters, [
            *order, "pulp_labels", "pulp_type", "raw_data", "timestamp_of_interest", "upstream_id", *IDENTITY]),
    )


class KeyringSchema(RepositorySchema):
    wire_name = "OpenPGPKeyring"


class KeyringDistributionSchema(DistributionSchema):
    wire_name = "OpenPGPDistribution"
    repository = Reference(
        Repository, types=("core.openpgp",), null=True, help="Serves what this keyring holds at the time.")


class ArtifactDistributionSchema(DistributionSchema):
    """Serves artifacts by their own names, for clients that are redirected to them."""

    wire_name = "ArtifactDistribution"

    class Meta(DistributionSchema.Meta):
        exclude = ("repository",)


def _keyring_distribution_filters() -> FilterSet:
    every = distribution_filters("core.openpgp")
    wanted = ("prn__in", "pulp_href__in", "pulp_id__in", "pulp_label_select", "with_content")
    filters = [one for one in every.filters if one.name in wanted]
    filters.append(custom("repository_version", lambda text: Distribution.repository_version == find_object(
        text, RepositoryVersion).get_id()))
    return FilterSet(filters, every.orderings, every.default)


def openpgp_endpoints() -> list[Endpoint]:
    details: dict[str, Any] = {"keys": [Key("pulp_id", Distribution.id)]}
    return [
        _keys("publickey", PublicKey, text_filters("fingerprint", NOTHING, ("exact",)), ["created", "fingerprint"],
              creatable=True),
        _keys("publicsubkey", Subkey, text_filters("fingerprint", NOTHING, ("exact",)), ["created", "fingerprint"]),
        _keys("signature", Signature, text_filters("issuer", NOTHING, ("exact",)), [
            "created", "expiration_time", "issuer", "key_expiration_time", "sha256", "signature_type", "signers_user_id"]),
        _keys("userattribute", UserAttribute, text_filters("sha256", NOTHING, ("exact",)), ["sha256"]),
        _keys("userid", UserId, text_filters("user_id", NOTHING), ["user_id"]),
        Endpoint(
            path=OPENPGP_KEYRING.path, tag="Repositories: Openpgp_Keyring", schema=KeyringSchema,
            rows=partial(repository_rows, OPENPGP_KEYRING.type), resource=OPENPGP_KEYRING,
            filters=repository_filters(OPENPGP_KEYRING.type), keys=[Key("pulp_id", Repository.id)],
            operations=repository_operations(),
        ),
        Endpoint(
            path=OPENPGP_DISTRIBUTION.path, tag="Distributions: Openpgp", schema=KeyringDistributionSchema,
            rows=partial(distribution_rows, OPENPGP_DISTRIBUTION.type), resource=OPENPGP_DISTRIBUTION,
            filters=_keyring_distribution_filters(), operations=distribution_operations(roles=False), **details,
        ),
        Endpoint(
            path=ARTIFACT_DISTRIBUTION.path, tag="Distributions: Artifacts", schema=ArtifactDistributionSchema,
            rows=partial(distribution_rows, ARTIFACT_DISTRIBUTION.type), resource=ARTIFACT_DISTRIBUTION,
            filters=distribution_filters(ARTIFACT_DISTRIBUTION.type), operations=[listing(), reading()], **details,
        ),
    ]
