"""Users and groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import falcon
from peewee import Select, fn

from api.call import Answer, Call
from api.core.common import columns, orderings
from api.core.roles import role_operations
from api.endpoints import Endpoint, Key, Operation
from api.filters import FilterSet, boolean_filter, identity_filters, lookups, text_filters
from api.operations import created, creating, deleting, listing, reading, updating
from api.schemas.base import WireSchema, refuse
from api.schemas.fields import Boolean, DateTime, Integer, Row, Secret, Text
from api.schemas.hidden import HiddenFields
from api.schemas.nested import Object
from api.schemas.references import show_href, show_prn
from api.schemas.texts import email_text, username_text
from pulp_actor.errors import ValidationError
from pulp_actor.identifiers import href_of, prn_of
from pulp_actor.models import Group, GroupMember, User
from pulp_actor.models.resources import GROUP, USER
from pulp_actor.security.passwords import hash_password, password_faults
from pulp_actor.security.permissions import beyond_holder


class UserGroup(WireSchema):
    wire_name = "UserGroup"
    name = Text(required=True, max_length=150)
    pulp_href = Text(format="uri", read_only=True)
    prn = Text(read_only=True)


def _groups(row: Row) -> list[dict[str, Any]]:
    return [
        {"name": one["name"], "pulp_href": href_of(GROUP, one["id"]), "prn": prn_of(GROUP, one["id"])}
        for one in row["groups"] or ()
    ]


class UserSchema(WireSchema):
    wire_name = "User"

    pulp_href = Text(format="uri", read_only=True, show=show_href(User, "id"))
    prn = Text(read_only=True, show=show_prn(User, "id"))
    id = Integer(read_only=True)
    username = username_text(required=True)
    password = Secret(null=True, help="The password; null: no login by password.")
    first_name = Text(blank=True, max_length=150)
    last_name = Text(blank=True, max_length=150)
    email = email_text()
    is_staff = Boolean(default=False)
    is_active = Boolean(default=True)
    date_joined = DateTime(read_only=True)
    groups = Object(UserGroup, many=True, read_only=True, show=_groups)
    hidden_fields = HiddenFields("password")

    def check(self, data: dict[str, Any], current: Any) -> None:
        """Leave the password's hash in its place."""
        if "password" not in data:
            return
        password = data["password"]
        if password is not None:
            check_password("password", password, str(data.get("username") or getattr(current, "username", "")))
        data["password"] = hash_password(password) if password else ""


def check_password(field: str, password: str, username: str) -> None:
    """Raises ValidationError, for ``field``, if the policy does not allow a password."""
    faults = password_faults(password, username)
    if faults:
        raise ValidationError({field: faults})


def _not_beyond(operation: Operation) -> Operation:
    """An operation that changes or deletes a user: none who may do more than whoever asks for it, for who can change a
    password can be that user."""
    def run(call: Call) -> Answer:
        account, user = call.account, call.instance
        assert account is not None
        if not account.is_unlimited and (account.scope is not None or account.id != user.id) and (
                user.is_superuser or beyond_holder(account, user=user.id)):
            raise falcon.HTTPForbidden(description="This user may do more than you.")
        return operation.run(call)

    return replace(operation, run=run)


def user_rows() -> Select:
    groups = (
        Group.select(fn.JSONB_AGG(fn.JSONB_BUILD_OBJECT("id", Group.id, "name", Group.name)))
        .join(GroupMember, on=GroupMember.group == Group.id).where(GroupMember.user == User.id)
    )
    return User.select(
        *columns(User, without=["password"]), (User.password != "").alias("password_is_set"), groups.alias("groups"))


def _texts(name: str, column: Any) -> list[Any]:
    return text_filters(name, column, ("exact", "contains", "icontains", "iexact", "in"))


def user_endpoint() -> Endpoint:
    order = orderings(User, (
        "date_joined", "email", "first_name", "id", "is_active", "is_staff", "is_superuser", "last_login", "last_name",
        "username",
    ), password=User.id)
    order.pop("pulp_id")
    return Endpoint(
        path="users", tag="Users", schema=UserSchema, rows=user_rows, resource=USER,
        keys=[Key("id", User.id, Integer())], href_name="auth_user",
        filters=FilterSet(
            [
                *identity_filters(User.id, User, uuid=False), *_texts("email", User.email),
                *_texts("first_name", User.first_name), *_texts("last_name", User.last_name),
                *_texts("username", User.username), boolean_filter("is_active", User.is_active),
                boolean_filter("is_staff", User.is_staff),
            ],
            order, [User.id],
        ),
        operations=[listing(), creating(), reading(), *map(_not_beyond, [*updating(), deleting()])],
    )


class GroupSchema(WireSchema):
    wire_name = "Group"

    name = Text(required=True, max_length=150)
    pulp_href = Text(format="uri", read_only=True, show=show_href(Group, "id"))
    prn = Text(read_only=True, show=show_prn(Group, "id"))
    id = Integer(read_only=True)


class GroupUser(WireSchema):
    wire_name = "GroupUser"

    username = Text(required=True, max_length=150)
    pulp_href = Text(format="uri", read_only=True, show=show_href(User, "id"))
    prn = Text(read_only=True, show=show_prn(User, "id"))


def member_rows() -> Select:
    return User.select(User.id, User.username).join(GroupMember, on=GroupMember.user == User.id)


def _add_member(call: Call) -> Answer:
    data = call.read()
    user = User.get_or_none(User.username == data["username"])
    if user is None:
        raise refuse("username", "There is no such user.")
    group = call.owner()
    assert call.account is not None
    missing = beyond_holder(call.account, group=group.id)
    if missing:
        raise falcon.HTTPForbidden(description=f"Members of this group may do what you may not: {missing}.")
    GroupMember.insert(group=group.id, user=user.id).on_conflict_ignore().execute()
    return created(call, user.id)


def _remove_member(call: Call) -> Answer:
    row = call.row()
    GroupMember.delete().where(GroupMember.group == call.keys["group_pk"], GroupMember.user == row["id"]).execute()
    return Answer(204)


def group_endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            path="groups", tag="Groups", schema=GroupSchema, rows=lambda: Group.select(Group), resource=GROUP,
            keys=[Key("id", Group.id, Integer())],
            filters=FilterSet(
                [
                    *identity_filters(Group.id, Group, uuid=False),
                    *text_filters("name", Group.name, ("exact", "contains", "icontains", "iexact", "in")),
                    *lookups("id", Group.id, Integer(), ("exact", "in")),
                ],
                {"id": Group.id, "name": Group.name, "pk": Group.id}, [Group.id],
            ),
            operations=[listing(), creating(), reading(), *updating(), deleting(), *role_operations()],
        ),
        Endpoint(
            path="groups/{group_pk}/users", tag="Groups: Users", schema=GroupUser, rows=member_rows, listed=False,
            owner=GROUP,
            href_name="groups_user",
            keys=[Key("group_pk", GroupMember.group, Integer(), {"type": "string"}), Key("id", User.id, Integer())],
            filters=FilterSet([], {}, [User.id], query_language=False),
            operations=[
                listing(), Operation("create", "POST", _add_member, request=GroupUser, responses={201: "object"}),
                Operation("delete", "DELETE", _remove_member, on_item=True, responses={204: None}),
            ],
        ),
    ]
