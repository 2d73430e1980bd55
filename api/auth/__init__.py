"""Who asks. Each way of proving it is a module with one function, from the request to an account or None; the first that
finds something of its own decides. What somebody may do is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import falcon

from api.auth import header, oidc, remote_user, session
from pulp_actor.security.accounts import Account, accounts
from pulp_actor.security.authentication import BadCredentials

__all__ = ["CHALLENGE", "Account", "accounts", "authenticate", "refuse_anonymous"]

CHALLENGE = 'Basic realm="api"'

#: In this order: what a client says in so many words comes before what a browser or a proxy adds.
_AUTHENTICATORS: tuple[Callable[[falcon.Request], Account | None], ...] = (
    header.authenticate, oidc.authenticate, remote_user.authenticate, session.authenticate,
)


def authenticate(request: falcon.Request) -> Account | None:
    """The user whom the request's credentials prove; None without credentials. A connection must be open.

    Raises:
        falcon.HTTPUnauthorized: the credentials are wrong or cannot be read.
    """
    try:
        for one in _AUTHENTICATORS:
            account = one(request)
            if account is not None:
                return account
    except BadCredentials as error:
        raise _refuse(str(error)) from None
    return None


def _refuse(why: str) -> falcon.HTTPUnauthorized:
    return falcon.HTTPUnauthorized(description=why, challenges=[CHALLENGE])


def refuse_anonymous() -> falcon.HTTPUnauthorized:
    """The error for a request without credentials where some are needed."""
    return _refuse("Credentials are needed here.")
