"""Personal access tokens: one's own, made for programs. The token itself is in the answer that makes it, and nowhere
else."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import falcon
from peewee import IntegrityError, Select

from api.access import declared
from api.call import Answer, Call
from api.core.common import columns, newest_first, orderings
from api.core.login import refuse_tokens
from api.endpoints import ANY_USER, Endpoint, Key, Operation
from api.filters import FilterSet, identity_filters, text_filters
from api.operations import created, listing, reading
from api.schemas.base import ObjectSchema, WireSchema, refuse
from api.schemas.fields import DateTime, ListOf, Text
from api.schemas.references import show_href
from pulp_actor.db import transaction
from pulp_actor.models import AccessToken, User
from pulp_actor.models.base import utcnow
from pulp_actor.models.resources import ACCESS_TOKEN
from pulp_actor.security.permissions import permission_name
from pulp_actor.security.tokens import make_token


class AccessTokenSchema(ObjectSchema):
    """A token that acts for its user."""

    wire_name = "AccessToken"
    model = AccessToken

    name = Text(required=True, max_length=150, help="What the user calls it.")
    user = Text(format="uri", read_only=True, show=show_href(User, "user_id"))
    expires = DateTime(null=True, help="When it ends; null: never.")
    scope = ListOf(Text(), null=True, help="Patterns of permissions, as file.view_*; null: all that the user may do.")
    last_used = DateTime(read_only=True, null=True)
    token = Text(read_only=True, null=True, show=lambda row: None, help="The token, in the answer that makes it.")

    def check(self, data: dict[str, Any], current: Any) -> None:
        if data.get("expires") is not None and data["expires"] <= utcnow():
            raise refuse("expires", "This is over already.")
        for pattern in data.get("scope") or ():
            if not any(fnmatchcase(name, pattern) for name in declared.known_permissions()):
                raise refuse("scope", f"No permission is {pattern!r}.")


def token_rows() -> Select:
    return AccessToken.select(*columns(AccessToken, without=["digest"]))


def _create(call: Call) -> Answer:
    refuse_tokens(call)
    assert call.account is not None
    data = call.read(schema=call.endpoint.wire)
    try:
        with transaction():
            row, text = make_token(
                call.account.id, data["name"], expires=data.get("expires"), scope=data.get("scope"))
    except IntegrityError:
        raise refuse("name", "You have a token of that name.") from None
    answer = created(call, row.id)
    answer.body["token"] = text
    return answer


def _revoke(call: Call) -> Answer:
    assert call.account is not None
    if not call.account.in_scope(permission_name(ACCESS_TOKEN, "delete")):
        raise falcon.HTTPForbidden(description="This token may not revoke any.")
    row = call.row()
    if row["user_id"] != call.account.id and not call.account.is_unlimited:
        raise falcon.HTTPForbidden(description="This is somebody else's token.")
    AccessToken.delete().where(AccessToken.id == row["id"]).execute()
    return Answer(204)


def token_endpoint() -> Endpoint:
    """One's own tokens; an admin sees everybody's."""
    return Endpoint(
        path="tokens", tag="Tokens", component="actor", schema=AccessTokenSchema, rows=token_rows, resource=ACCESS_TOKEN,
        keys=[Key("pulp_id", AccessToken.id)],
        filters=FilterSet(
            [*identity_filters(AccessToken.id, AccessToken), *text_filters("name", AccessToken.name, ("exact", "in"))],
            orderings(AccessToken, ("expires", "last_used", "name")), newest_first(AccessToken),
        ),
        operations=[
            listing(), Operation(
                "create", "POST", _create, request=WireSchema, responses={201: "object"}, permission=ANY_USER),
            reading(),
            Operation("delete", "DELETE", _revoke, on_item=True, responses={204: None}, permission=ANY_USER),
        ],
    )
