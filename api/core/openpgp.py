"""OpenPGP keyrings, the keys in them, and the distributions that serve them; and the artifacts' own distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from peewee import Select, fn

from api.call import Answer, Call
from api.core.common import columns, labelling
from api.core.content import ContentSchema, content_filters, content_types, counted_content, known_count
from api.core.distributions import DistributionSchema, distribution_endpoint, distribution_filters, distribution_operations
from api.core.remotes import NetworkConfig
from api.core.repositories import REPOSITORIES, RepositorySchema
from api.endpoints import FORM, MULTIPART, Endpoint, Key, Operation
from api.filters import Filter, FilterSet, custom, text_filters
from api.operations import GENERAL_CREATE, listing, reading
from api.schemas.base import WireSchema, refuse
from api.schemas.common import AsyncOperation
from api.schemas.fields import Boolean, DateTime, File, Text, wire_time
from api.schemas.nested import Object
from api.schemas.references import Href, Reference, find_object
from pulp_actor.identifiers import ResourceType, href_of
from pulp_actor.models import Content, Distribution, Repository, RepositoryVersion, Upload
from pulp_actor.models.base import utcnow
from pulp_actor.models.openpgp import (
    OpenPGPPublicKey,
    OpenPGPPublicSubkey,
    OpenPGPSignature,
    OpenPGPUserAttribute,
    OpenPGPUserID,
)
from pulp_actor.models.resources import (
    ARTIFACT_DISTRIBUTION,
    OPENPGP_DISTRIBUTION,
    OPENPGP_KEYRING,
    PUBLIC_KEY,
    PUBLIC_SUBKEY,
    SIGNATURE,
    USER_ATTRIBUTE,
    USER_ID,
)
from pulp_actor.signing import keys  # noqa: F401  (says how a key is made)
from pulp_actor.storage.artifacts import store_artifact


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


def _key_href(column: str) -> Any:
    return Href(show=lambda row: href_of(PUBLIC_KEY, row[column]))


class PublicKeySchema(ContentSchema):
    """A certificate with all its parts."""

    wire_name = "OpenPGPPublicKey"
    repository = Reference(Repository, types=("core.openpgp",), write_only=True, help="A keyring that the key is added to.")
    overwrite = Boolean(write_only=True, help="Whether it may take the place of an older form of the same key.")
    file = File(write_only=True, help="The public key, ASCII-armored or not.")
    upload = Reference(Upload, write_only=True, help="A finished upload that has the key.")
    file_url = Text(write_only=True, help="An address that the key is downloaded from.")
    downloader_config = Object(NetworkConfig, write_only=True, help="How the server of file_url is spoken to.")
    fingerprint = Text(read_only=True, max_length=64)
    created = DateTime(read_only=True)
    user_ids = Object(NestedUserId, many=True, read_only=True)
    user_attributes = Object(NestedUserAttribute, many=True, read_only=True)
    public_subkeys = Object(NestedSubkey, many=True, read_only=True)

    def check(self, data: dict[str, Any], current: Any) -> None:
        given = [name for name in ("file", "upload", "file_url") if data.get(name) is not None]
        if len(given) != 1:
            raise refuse("non_field_errors", "Exactly one of these is needed: file, upload, file_url.")


class SubkeySchema(ContentSchema):
    wire_name = "OpenPGPPublicSubkey"
    fingerprint = Text(required=True, max_length=64)
    created = DateTime(required=True)
    signatures = _signatures()
    public_key = _key_href("public_key_id")


class SignatureSchema(ContentSchema):
    wire_name = "OpenPGPSignature"
    issuer = Text(null=True, max_length=16)
    created = DateTime(required=True)
    expiration_time = Text(null=True, blank=True, show=lambda row: wire_time(row["expires_at"]))
    signers_user_id = Text(null=True)
    key_expiration_time = Text(null=True, blank=True, show=lambda row: wire_time(row["key_expires_at"]))
    expired = Boolean(required=True, show=lambda row: _over(row["expires_at"]))
    key_expired = Text(read_only=True, show=lambda row: row["key_expires_at"] and str(_over(row["key_expires_at"])).lower())
    signed_content = Href(show=lambda row: href_of(content_types()[row["signed_type"]], row["signed_content_id"]))


def _over(moment: Any) -> bool:
    return moment is not None and moment < utcnow()


class UserAttributeSchema(ContentSchema):
    wire_name = "OpenPGPUserAttribute"
    sha256 = Text(required=True, max_length=128)
    signatures = _signatures()
    public_key = _key_href("public_key_id")


class UserIdSchema(ContentSchema):
    wire_name = "OpenPGPUserID"
    user_id = Text(required=True)
    signatures = _signatures()
    public_key = _key_href("public_key_id")


def _rows(model: Any) -> Select:
    """All units of one type, with what hangs on them."""
    own = [field for field in model._meta.sorted_fields if field.name not in ("content", "domain_id")]
    query = model.select(*columns(Content), *own, *_shown_parts(model)).join(Content, on=model.content == Content.id)
    if model is OpenPGPSignature:
        signed = Content.alias()
        query = query.select_extend(signed.type.alias("signed_type")).switch(model).join(
            signed, on=model.signed_content == signed.id)
    return query.where(Content.type == model.type)


def _shown_parts(model: Any) -> list[Any]:
    if model is OpenPGPPublicKey:
        return [
            fn.OPENPGP_USER_IDS(Content.id).alias("user_ids"),
            fn.OPENPGP_USER_ATTRIBUTES(Content.id).alias("user_attributes"),
            fn.OPENPGP_PUBLIC_SUBKEYS(Content.id).alias("public_subkeys")]
    return [] if model is OpenPGPSignature else [fn.OPENPGP_SIGNATURES(Content.id).alias("signatures")]


def _create_key(call: Call) -> Answer:
    loaded = call.read(schema=call.endpoint.wire)
    locks = [loaded[name] for name in ("repository", "upload") if loaded.get(name) is not None]
    file = loaded.pop("file", None)
    data = call.endpoint.wire.stored(loaded)
    if file is not None:
        data["artifact_id"] = str(store_artifact(file).id)
    return call.accepted(GENERAL_CREATE, {"resource": PUBLIC_KEY.path, "data": data}, exclusive=locks)


def _keys(
    resource: ResourceType, schema: type[ContentSchema], filters: Sequence[Filter], names: Sequence[str], *more: Operation,
    labelled: int = 200, **special: Any,
) -> Endpoint:
    """The list of one kind of part of a key, to be ordered by the columns called ``names`` and by ``special`` ones."""
    model: Any = resource.model
    order = {name: getattr(model, name) for name in names} | special
    name = resource.path.rpartition("_")[2]
    every = content_filters(*filters, model=model)
    return Endpoint(
        path=resource.path, tag=f"Content: Openpgp_{name.title()}", schema=schema, resource=resource,
        rows=partial(_rows, model), counted=partial(counted_content, model, model.type),
        known_count=partial(known_count, type_=model.type), keys=[Key("pulp_id", Content.id)],
        filters=FilterSet(every.filters, dict(every.orderings) | order, every.default),
        operations=[listing(), reading(), *labelling(labelled), *more],
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
    return [
        _keys(
            PUBLIC_KEY, PublicKeySchema, text_filters("fingerprint", OpenPGPPublicKey.fingerprint, ("exact",)),
            ("created", "fingerprint"),
            Operation("create", "POST", _create_key, request=PublicKeySchema, responses={202: AsyncOperation},
                      media=(MULTIPART, FORM)),
            labelled=201, raw_data=OpenPGPPublicKey.digest),
        _keys(
            PUBLIC_SUBKEY, SubkeySchema, text_filters("fingerprint", OpenPGPPublicSubkey.fingerprint, ("exact",)),
            ("created", "fingerprint"), raw_data=OpenPGPPublicSubkey.fingerprint),
        _keys(
            SIGNATURE, SignatureSchema, text_filters("issuer", OpenPGPSignature.issuer, ("exact",)),
            ("created", "issuer", "sha256", "signature_type", "signers_user_id"), raw_data=OpenPGPSignature.sha256,
            expiration_time=OpenPGPSignature.expires_at, key_expiration_time=OpenPGPSignature.key_expires_at),
        _keys(
            USER_ATTRIBUTE, UserAttributeSchema, text_filters("sha256", OpenPGPUserAttribute.sha256, ("exact",)),
            ("sha256",), raw_data=OpenPGPUserAttribute.sha256),
        _keys(
            USER_ID, UserIdSchema, text_filters("user_id", OpenPGPUserID.user_id), ("user_id",),
            raw_data=OpenPGPUserID.user_id),
        REPOSITORIES.of_type(OPENPGP_KEYRING, KeyringSchema, tag="Repositories: Openpgp_Keyring"),
        replace(
            distribution_endpoint(OPENPGP_DISTRIBUTION, KeyringDistributionSchema, tag="Distributions: Openpgp"),
            filters=_keyring_distribution_filters(), operations=distribution_operations(roles=False)),
        replace(
            distribution_endpoint(ARTIFACT_DISTRIBUTION, ArtifactDistributionSchema, tag="Distributions: Artifacts"),
            operations=[listing(), reading()]),
    ]
