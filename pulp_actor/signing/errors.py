"""What can go wrong with a signature, in the words of the user who reads it in a task or on the command line."""

from __future__ import annotations

from pulp_actor.errors import PulpActorError


class SigningError(PulpActorError):
    """A signing service that cannot be used, or that made no good signature."""
