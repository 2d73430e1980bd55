"""The task engine: dramatiq actors on queues in PostgreSQL, serialized per resource by locks.

With the platform, declare actors with `actor` and hand out work with `dispatch`. On its own:

    import dramatiq
    from pulp_actor.queue import TaskBroker

    broker = TaskBroker(url="postgresql://…")
    dramatiq.set_broker(broker)

    @dramatiq.actor
    def rebuild(shelf): ...

    rebuild.send_with_options(args=("a",), exclusive=["shelf:a"])
"""

from pulp_actor.queue.actors import actor, load_actors, platform_broker
from pulp_actor.queue.broker import TaskBroker
from pulp_actor.queue.context import CurrentTask, current_task
from pulp_actor.queue.dispatch import Dispatched, dispatch
from pulp_actor.queue.errors import LeaseLost, TaskCanceled, UnknownActor
from pulp_actor.queue.tasking import default_middleware

__all__ = [
    "CurrentTask", "Dispatched", "LeaseLost", "TaskBroker", "TaskCanceled", "UnknownActor", "actor", "current_task",
    "default_middleware", "dispatch", "load_actors", "platform_broker",
]
