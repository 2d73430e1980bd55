"""Password or personal access token in the ``Authorization`` header."""

from __future__ import annotations

import falcon

from pulp_actor.security.accounts import Account
from pulp_actor.security.authentication import authenticate as check_header


def authenticate(request: falcon.Request) -> Account | None:
    """The user whom the header proves. Raises BadCredentials."""
    return check_header(request.auth) if request.auth else None
