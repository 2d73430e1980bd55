"""Signed URLs: whoever holds one may have the content it names until it expires, without credentials.

The signature is an HMAC (RFC 2104, SHA-256) over the guard, the time and the path, under a key that is derived from the
platform's keyring; URLs signed under a key that has been rotated stay good while that key is in the keyring.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import quote, urlencode
from uuid import UUID

from pulp_actor.security.encryption import keyring
from pulp_actor.settings import settings

_PURPOSE = b"signed content URLs"


def signed_url(guard_id: UUID, path: str, lifetime: int) -> str:
    """The URL of the content at ``path`` (below the content prefix, decoded), good for ``lifetime`` seconds."""
    expires = int(time.time()) + lifetime
    token = _sign(keyring.derive(_PURPOSE)[0], guard_id, expires, path)
    query = urlencode({"expires": expires, "validate_token": token})
    return f"{settings.content_origin}{settings.CONTENT_PATH_PREFIX}{quote(path)}?{query}"


def is_signed(guard_id: UUID, path: str, expires: str, token: str) -> bool:
    """Whether a URL's ``expires`` and ``validate_token`` are ours for ``path``, and the time has not come. Takes as long for
    any wrong token."""
    if not expires.isascii() or not expires.isdigit() or len(expires) > 12 or not token.isascii():
        return False
    good = False
    for key in keyring.derive(_PURPOSE):
        good |= hmac.compare_digest(_sign(key, guard_id, int(expires), path), token)
    return good and int(expires) > time.time()


def _sign(key: bytes, guard_id: UUID, expires: int, path: str) -> str:
    return hmac.new(key, f"{guard_id}\n{expires}\n{path}".encode(), hashlib.sha256).hexdigest()
