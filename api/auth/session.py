"""A session's cookie. What changes something needs the session's token, too, in the header ``X-CSRFToken``."""

from __future__ import annotations

import falcon

from pulp_actor.security import sessions
from pulp_actor.security.accounts import Account

COOKIE, CSRF_COOKIE, CSRF_HEADER = "sessionid", "csrftoken", "X-CSRFToken"

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def session_of(request: falcon.Request) -> str | None:
    """The value of the session's cookie, if there is exactly one: of two, somebody else may have set the other."""
    values = request.get_cookie_values(COOKIE) or []
    return values[0] if len(values) == 1 else None


def authenticate(request: falcon.Request) -> Account | None:
    """The user whose session it is; None if it is over.

    Raises:
        falcon.HTTPForbidden: the session's token is missing.
    """
    value = session_of(request)
    account = None if value is None else sessions.account_of(value)
    if account is None or value is None:
        return None
    if request.method not in SAFE_METHODS and not sessions.is_csrf_token(value, request.get_header(CSRF_HEADER) or ""):
        raise falcon.HTTPForbidden(
            description=f"A session changes something only with the header {CSRF_HEADER}, whose value is in the cookie "
                        f"{CSRF_COOKIE}.")
    return account
