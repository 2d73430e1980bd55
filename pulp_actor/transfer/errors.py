"""What can go wrong with an export or an import, in the words of the user who reads it in a task."""

from __future__ import annotations

from pulp_actor.errors import PulpActorError


class TransferError(PulpActorError):
    """An export or an import cannot be done as it was asked for."""


class ArchiveRefused(TransferError):
    """An archive that is damaged, incomplete, of another kind, or made to do harm."""
