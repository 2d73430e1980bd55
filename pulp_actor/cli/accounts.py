"""The admin user: made at the first start, and its password, kept where only the owner of the data directory can read it.

The stored password serves the commands that run beside the platform; a password that is changed elsewhere makes it stale,
and these commands then ask for the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pulp_actor.cli.rundir import write_private
from pulp_actor.db import transaction
from pulp_actor.models import User
from pulp_actor.security.passwords import VerifiedPasswords, generate_password, hash_password
from pulp_actor.settings import settings

ADMIN = "admin"


@dataclass(frozen=True)
class AdminPassword:
    """The admin user's password as far as it is known.

    Attributes:
        text: the password, or empty.
        created: the user was made just now.
        generated: the password was made up, and has to be shown.
        ignored: a password was given that is not the one of the user who is there.
    """

    text: str
    created: bool = False
    generated: bool = False
    ignored: bool = False


def ensure_admin(data_dir: Path) -> AdminPassword:
    """Make the admin user unless it exists, with the password of the setting ``ADMIN_PASSWORD`` or a new one."""
    given = settings.ADMIN_PASSWORD
    with transaction():
        user = User.get_or_none(User.username == ADMIN)
        if user is None:
            password = given or generate_password()
            User.create(username=ADMIN, password=hash_password(password), is_staff=True, is_superuser=True)
    if user is None:
        remember(data_dir, password)
        return AdminPassword(password, created=True, generated=not given)
    for candidate in filter(None, (given, recall(data_dir))):
        if VerifiedPasswords().verify(candidate, user.password):
            return AdminPassword(candidate, ignored=bool(given) and candidate != given)
    return AdminPassword("", ignored=bool(given))


def reset_admin(data_dir: Path, password: str) -> bool:
    """Give the admin user a password, making the user if need be. Returns whether it was made."""
    with transaction():
        user, made = User.get_or_create(username=ADMIN, defaults={"is_staff": True, "is_superuser": True})
        user.password = hash_password(password)
        user.is_active = True
        user.save()
    remember(data_dir, password)
    return made


def admin_exists() -> bool:
    """Whether there is an admin user."""
    with transaction():
        return User.select().where(User.username == ADMIN).exists()


def remember(data_dir: Path, password: str) -> None:
    """Store the password for the commands that run beside the platform."""
    path = _path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, password + "\n")


def recall(data_dir: Path) -> str:
    """The stored password, or empty."""
    try:
        return _path(data_dir).read_text().rstrip("\n")
    except OSError:
        return ""


def _path(data_dir: Path) -> Path:
    return data_dir / "keys" / "admin-password"
