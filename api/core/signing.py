"""Signing services, to be read: they are registered on the command line."""

from __future__ import annotations

from api.core.common import columns, family_filters, orderings
from api.endpoints import Endpoint, Key
from api.filters import text_filters
from api.operations import listing, reading
from api.schemas.base import ObjectSchema
from api.schemas.fields import Text
from pulp_actor.models import SigningService
from pulp_actor.models.resources import SIGNING_SERVICE


class SigningServiceSchema(ObjectSchema):
    wire_name = "SigningService"
    model = SigningService

    name = Text(required=True, help="What repositories call it by.")
    public_key = Text(required=True, help="The public key, ASCII-armored.")
    pubkey_fingerprint = Text(required=True, help="The fingerprint of the key.")
    script = Text(required=True, help="The path of the script.")


def signing_endpoint() -> Endpoint:
    return Endpoint(
        path=SIGNING_SERVICE.path, tag="Signing-Services", schema=SigningServiceSchema, resource=SIGNING_SERVICE,
        rows=lambda: SigningService.select(*columns(SigningService)), keys=[Key("pulp_id", SigningService.id)],
        filters=family_filters(
            SigningService, None, text_filters("name", SigningService.name, ("exact",)),
            orderings(SigningService, ("name", "pubkey_fingerprint", "public_key", "script"))),
        operations=[listing(), reading()],
    )
