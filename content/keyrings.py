"""The whole of a keyring as one file, beside its keys: what ``apt``, ``dnf``, ``gpgv`` and ``gpg --import`` are given. Made
when somebody asks for it, and anew when the keyring has changed."""

from __future__ import annotations

from content.hooks import generated_file
from content.lookup import parameters
from content.views import View
from pulp_actor.db import database, load_queries
from pulp_actor.signing.packets import armored, dearmored
from pulp_actor.storage import StorageError, get_storage

TYPE = "core.openpgp"

sql = load_queries("content", "keyrings.sql")


@generated_file(TYPE, "keyring.gpg")
def binary(view: View) -> bytes | None:
    """The certificates one after the other (RFC 9580, section 3.6), in order of their fingerprints; None if there is none.

    Raises:
        StorageError: the bytes of one are missing.
    """
    storage = get_storage(view.domain_id)
    files = database.execute_sql(sql.certificates, parameters(view)).fetchall()
    try:
        found = [dearmored(b"".join(storage.open(file))) for (file,) in files]
    except FileNotFoundError as error:
        raise StorageError(f"a key of the keyring has no bytes: {error}") from error
    return b"".join(found) or None


@generated_file(TYPE, "keyring.asc")
def text(view: View) -> bytes | None:
    """The same, ASCII-armored: one block with all certificates."""
    found = binary(view)
    return None if found is None else armored(found)
