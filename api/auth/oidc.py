"""OpenID Connect: signed bearer tokens (RFC 6750, RFC 7519) of one issuer, for one audience. Off unless the setting
``OIDC_ISSUER`` names one.

Only asymmetric signatures are accepted, by keys that the issuer publishes; a token must name issuer and audience and have an
end. Its claims name the user and perhaps groups, which count for the request only: nothing of a token is stored.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import falcon
import jwt
import requests

from api.auth.vouched import vouched_account
from pulp_actor.logs import get_logger
from pulp_actor.security import tokens
from pulp_actor.security.accounts import Account
from pulp_actor.security.authentication import BadCredentials
from pulp_actor.settings import settings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

#: Seconds for which the issuer's keys are remembered, and at least so many between two questions for them.
KEYS_TTL, KEYS_ASKED_EVERY = 3600.0, 10.0
#: Seconds that the issuer has to answer, and that its clock may differ from ours.
TIMEOUT, LEEWAY = 5.0, 10

logger = get_logger(__name__)


class IssuerKeys:
    """The keys that an issuer publishes, asked for again when one is missing, though not at the will of whoever invents key
    ids."""

    def __init__(self) -> None:
        self._keys: dict[str | None, Any] = {}
        self._source: tuple[str, str] | None = None
        self._read_at = float("-inf")
        self._asked_at = float("-inf")
        self._lock = threading.Lock()

    def find(self, key_id: str | None) -> Any:
        """The key with that id; None if the issuer has no such key."""
        with self._lock:
            source = (settings.OIDC_ISSUER, settings.OIDC_JWKS_URL)
            if source != self._source:
                self._source, self._keys = source, {}
                self._read_at = self._asked_at = float("-inf")
            now = time.monotonic()
            if (key_id not in self._keys or now - self._read_at > KEYS_TTL) and now - self._asked_at > KEYS_ASKED_EVERY:
                self._asked_at = now
                self._keys, self._read_at = self._ask(), now
            return self._keys.get(key_id)

    def _ask(self) -> dict[str | None, Any]:
        try:
            url = settings.OIDC_JWKS_URL or _get(
                f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration")["jwks_uri"]
            return {key.key_id: key for key in jwt.PyJWKSet.from_dict(_get(url)).keys}
        except (requests.RequestException, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            logger.warning("the issuer's keys cannot be read", issuer=settings.OIDC_ISSUER, error=str(error))
            return self._keys


def _get(url: str) -> Any:
    answer = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
    answer.raise_for_status()
    return answer.json()


keys = IssuerKeys()


def authenticate(request: falcon.Request) -> Account | None:
    """The user whom a token of the issuer names. Raises BadCredentials."""
    scheme, _, token = (request.auth or "").partition(" ")
    token = token.strip()
    if not settings.OIDC_ISSUER or scheme.lower() != "bearer" or tokens.is_token(token):
        return None
    claims = _claims(token)
    username = claims.get(settings.OIDC_USERNAME_CLAIM)
    if not isinstance(username, str):
        raise BadCredentials("The token names no user.")
    return vouched_account(username, via="oidc", groups=_groups(claims))


def _claims(token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        key = keys.find(header.get("kid"))
        if key is None or header.get("alg") not in ALGORITHMS:
            raise BadCredentials("The token is not signed by a key of the issuer.")
        return jwt.decode(
            token, key.key, algorithms=[header["alg"]], audience=settings.OIDC_AUDIENCE, issuer=settings.OIDC_ISSUER,
            leeway=LEEWAY, options={"require": ["exp", "iss", "aud"]})
    except jwt.ExpiredSignatureError:
        raise BadCredentials("The token's time is over.") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise BadCredentials("The token is not one of the issuer's for this server.") from None


def _groups(claims: dict[str, Any]) -> list[str]:
    """The names of the groups that the claims put the user into."""
    named = claims.get(settings.OIDC_GROUPS_CLAIM) if settings.OIDC_GROUPS_CLAIM else None
    values = [one for one in (named if isinstance(named, list) else [named]) if isinstance(one, str)]
    mapping = settings.OIDC_GROUPS
    return sorted({mapping[one] for one in values if one in mapping} if mapping else set(values))
