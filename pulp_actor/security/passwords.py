"""Password hashing (argon2id), with a short memory of verified passwords so that Basic auth stays cheap."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import time

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pulp_actor.settings import settings

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's minimum for argon2id
#: A hash of nothing, verified when there is no such user, so that both cases take the same time.
_DECOY = _hasher.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """An argon2id hash in its standard encoding."""
    return _hasher.hash(password)


def password_faults(password: str, username: str) -> list[str]:
    """What the password policy (settings ``PASSWORD_*``) has against a password; empty: nothing."""
    faults = []
    if len(password) < settings.PASSWORD_MIN_LENGTH:
        faults.append(f"A password has at least {settings.PASSWORD_MIN_LENGTH} characters.")
    kinds = {
        "upper" if c.isupper() else "lower" if c.islower() else "digit" if c.isdigit() else "other" for c in password}
    if len(kinds) < settings.PASSWORD_MIN_CLASSES:
        faults.append(
            f"A password has at least {settings.PASSWORD_MIN_CLASSES} of: capitals, small letters, digits, others.")
    if len(username) > 3 and username.lower() in password.lower():
        faults.append("A password does not contain the user's name.")
    return faults


def generate_password() -> str:
    """A random password of 20 characters that can be typed."""
    return secrets.token_urlsafe(15)


class VerifiedPasswords:
    """Verifies passwords and remembers for some seconds, under a keyed hash, which ones were right.

    The memory is keyed by the stored hash too, so that a changed password is refused at once.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._known: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def verify(self, password: str, stored: str | None) -> bool:
        """True if ``password`` is what ``stored`` was made from. ``stored`` None: no such user, which takes as long."""
        mark = hmac.digest(self._key, f"{stored}\0{password}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        now = time.monotonic()
        with self._lock:
            if self._known.get(mark, 0.0) > now:
                return True
        try:
            _hasher.verify(stored or _DECOY, password)
        except (VerificationError, InvalidHashError):
            return False
        if not stored:
            return False
        with self._lock:
            self._known = {k: v for k, v in self._known.items() if v > now} if len(self._known) > 1024 else self._known
            self._known[mark] = now + settings.PASSWORD_CACHE_TTL
        return True
