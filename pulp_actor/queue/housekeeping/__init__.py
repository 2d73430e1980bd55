"""Housekeeping: what one elected process does for all, each chore in one file.

A chore is a small class with ``tick() -> float | None``: do what is due and say in how many seconds there is more to do
(None: nothing is known to come; the ordinary interval will do).
"""

from pulp_actor.queue.housekeeping.housekeeper import Housekeeper

__all__ = ["Housekeeper"]
