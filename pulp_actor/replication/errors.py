"""What can go wrong with a replication, in the words of the user who reads it in a task."""

from __future__ import annotations

from pulp_actor.errors import PulpActorError


class ReplicationError(PulpActorError):
    """An upstream that does not answer, answers something else, or whose objects cannot be had here."""
