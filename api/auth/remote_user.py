"""A header in which a proxy in front names the user it has authenticated. Off unless the setting ``REMOTE_USER_HEADER``
names one; believed only of the proxies in ``TRUSTED_PROXIES``.

Only the header of exactly that name is looked at. gunicorn drops headers with underscores, so that ``REMOTE_USER`` cannot
pass for ``Remote-User``; the server variable ``REMOTE_USER`` is not looked at, as nothing of ours sets it. A proxy must
remove the header from what its clients send; one that appends instead makes a list, which is refused.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

import falcon

from api.auth.vouched import vouched_account
from pulp_actor.security.accounts import Account
from pulp_actor.security.authentication import BadCredentials
from pulp_actor.settings import settings


def authenticate(request: falcon.Request) -> Account | None:
    """The user whom a trusted proxy names. Raises BadCredentials."""
    if not settings.REMOTE_USER_HEADER:
        return None
    name = request.get_header(settings.REMOTE_USER_HEADER)
    if name is None or not _is_trusted(request.env.get("REMOTE_ADDR", "")):
        return None
    if "," in name or not name.strip():
        raise BadCredentials("The proxy names no user, or several.")
    return vouched_account(name.strip(), via="remote user")


def _is_trusted(address: str) -> bool:
    """Whether the other end of the connection is a trusted proxy: not what a header says of it."""
    return _in_networks(address, tuple(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=1024)
def _in_networks(address: str, networks: tuple[str, ...]) -> bool:
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False  # a Unix socket has no address
    return any(peer in ipaddress.ip_network(one, strict=False) for one in networks)
