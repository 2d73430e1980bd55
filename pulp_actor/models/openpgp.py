"""Keys in keyrings: a certificate and its parts, each a unit of content."""

from __future__ import annotations

from peewee import ForeignKeyField, IntegerField, TextField
from playhouse.postgres_ext import DateTimeTZField

from pulp_actor.models.content import Content, DetailContent


class OpenPGPPublicKey(DetailContent):
    """``digest`` is the SHA-256 of its one artifact: the certificate, ASCII-armored."""

    type = "core.openpgp_publickey"
    natural_key_fields = ("fingerprint", "digest")
    repo_key_fields = ("fingerprint",)

    fingerprint = TextField()
    digest = TextField()
    created = DateTimeTZField()

    class Meta:
        table_name = "openpgp_public_key"


class OpenPGPPublicSubkey(DetailContent):
    type = "core.openpgp_publicsubkey"
    natural_key_fields = ("public_key", "fingerprint")

    public_key = ForeignKeyField(OpenPGPPublicKey, on_delete="CASCADE", index=False)
    fingerprint = TextField()
    created = DateTimeTZField()

    class Meta:
        table_name = "openpgp_public_subkey"


class OpenPGPUserID(DetailContent):
    type = "core.openpgp_userid"
    natural_key_fields = ("public_key", "user_id")

    public_key = ForeignKeyField(OpenPGPPublicKey, on_delete="CASCADE", index=False)
    user_id = TextField()

    class Meta:
        table_name = "openpgp_user_id"


class OpenPGPUserAttribute(DetailContent):
    type = "core.openpgp_userattribute"
    natural_key_fields = ("public_key", "sha256")

    public_key = ForeignKeyField(OpenPGPPublicKey, on_delete="CASCADE", index=False)
    sha256 = TextField()

    class Meta:
        table_name = "openpgp_user_attribute"


class OpenPGPSignature(DetailContent):
    type = "core.openpgp_signature"
    natural_key_fields = ("signed_content", "sha256")

    signed_content = ForeignKeyField(Content, on_delete="CASCADE", index=False, backref="openpgp_signatures")
    sha256 = TextField()
    signature_type = IntegerField()
    issuer = TextField(null=True)
    signers_user_id = TextField(null=True)
    created = DateTimeTZField()
    expires_at = DateTimeTZField(null=True)
    key_expires_at = DateTimeTZField(null=True)

    class Meta:
        table_name = "openpgp_signature"
