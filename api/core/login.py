"""Login: who one is, sessions, and changing what is one's own, the password above all."""

from __future__ import annotations

from typing import Any

import falcon

from api.auth.session import COOKIE, CSRF_COOKIE, session_of
from api.call import Answer, Call, Cookie
from api.core.users import check_password
from api.endpoints import ANY_USER, Endpoint, Operation
from api.schemas.base import WireSchema, refuse
from api.schemas.fields import Secret, Text
from api.schemas.texts import email_text, username_text
from pulp_actor.identifiers import href_of, prn_of
from pulp_actor.models import User, mutations
from pulp_actor.models.resources import USER
from pulp_actor.security import sessions
from pulp_actor.security.authentication import passwords
from pulp_actor.security.passwords import hash_password
from pulp_actor.settings import settings


class Login(WireSchema):
    """Who one is."""

    wire_name = "Login"
    pulp_href = Text(format="uri", read_only=True)
    prn = Text(read_only=True)
    username = Text(read_only=True)


class LoginUpdate(WireSchema):
    """What is one's own; a new password goes with the old one."""

    wire_name = "LoginUpdate"
    username = username_text()
    old_password = Secret()
    new_password = Secret()
    first_name = Text(blank=True, max_length=150)
    last_name = Text(blank=True, max_length=150)
    email = email_text()


def _who(call: Call) -> dict[str, Any]:
    assert call.account is not None
    return {
        "pulp_href": href_of(USER, call.account.id), "prn": prn_of(USER, call.account.id),
        "username": call.account.username,
    }


def refuse_tokens(call: Call) -> None:
    """Raises HTTPForbidden if a token asks: what it would get would outlive it, or reach further."""
    assert call.account is not None
    if call.account.via == "token":
        raise falcon.HTTPForbidden(description="A token cannot do this; it takes its user.")


def _login(call: Call) -> Answer:
    refuse_tokens(call)
    assert call.account is not None
    value = sessions.begin(call.account.id, instead_of=session_of(call.request))
    return Answer(201, _who(call), cookies=_cookies(value))


def _cookies(value: str) -> list[Cookie]:
    lifetime = settings.SESSION_LIFETIME
    return [Cookie(COOKIE, value, lifetime, True), Cookie(CSRF_COOKIE, sessions.csrf_token(value), lifetime, False)]


def _logout(call: Call) -> Answer:
    value = session_of(call.request)
    if value is not None:
        sessions.end(value)
    return Answer(204, cookies=[Cookie(COOKIE, "", 0, True), Cookie(CSRF_COOKIE, "", 0, False)])


def _update(call: Call) -> Answer:
    refuse_tokens(call)
    assert call.account is not None
    data = call.read()
    old, new = data.pop("old_password", None), data.pop("new_password", None)
    if new is not None:
        check_password("new_password", new, data.get("username") or call.account.username)
        if call.account.password and not passwords.verify(old or "", call.account.password):
            raise refuse("old_password", "This is not the password.")
        data["password"] = hash_password(new)
    user: Any = mutations.update(USER, call.account.id, data) if data else User.get_by_id(call.account.id)
    cookies: list[Cookie] = []
    if new is not None and call.account.via == "session":  # the session has ended with the old password
        cookies = _cookies(sessions.begin(call.account.id, instead_of=session_of(call.request)))
    return Answer(
        200, {name: getattr(user, name) for name in ("username", "first_name", "last_name", "email")}, cookies=cookies)


def login_endpoint() -> Endpoint:
    """Who one is, and one's session."""
    mine: dict[str, Any] = {"permission": ANY_USER}
    return Endpoint(
        path="login", tag="Login", listed=False, schema=Login,
        operations=[
            Operation("read", "GET", lambda call: Answer(200, _who(call)), responses={200: "object"}, **mine),
            Operation("login", "POST", _login, responses={201: "object"}, operation_id="login", **mine),
            Operation(
                "login_update", "PATCH", _update, request=LoginUpdate, partial=True, responses={200: LoginUpdate},
                operation_id="login_update", **mine),
            Operation("logout", "DELETE", _logout, responses={204: None}, operation_id="logout", **mine),
        ],
    )
