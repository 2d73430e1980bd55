"""What can go wrong in the task engine, and the interrupts that end an actor early."""

from dramatiq.middleware import Interrupt

from pulp_actor.errors import PulpActorError


class UnknownActor(PulpActorError):
    """A name under which no actor is declared in this process."""


class UnstorableResult(PulpActorError):
    """What an actor returned cannot be kept as JSON."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"The actor ended well, but what it returned cannot be stored: {cause}")


class TaskCanceled(Interrupt):
    """Raised in an actor's thread when its task is cancelled. Like every dramatiq interrupt it derives from
    BaseException, so that ``except Exception`` in an actor does not swallow it."""


class LeaseLost(Interrupt):
    """Raised in an actor's thread when its worker was declared lost: nothing it writes counts any more."""
