"""Telling how large this installation is, once a day: the schedule ``analytics`` asks for it, so that one worker does it
however many there are."""

from __future__ import annotations

from pulp_actor.analytics.payload import payload, send
from pulp_actor.logs import get_logger
from pulp_actor.queue import actor
from pulp_actor.settings import settings

logger = get_logger(__name__)


@actor(name="pulp_actor.analytics.post", retry_on_loss=True)
def post_analytics() -> dict[str, bool]:
    """Post the report to ``ANALYTICS_URL``; nothing if there is none, or ``ANALYTICS`` is off.

    Returns ``{"sent": …}``.

    Raises:
        NotReceived: there is no good answer.
    """
    if not (settings.ANALYTICS and settings.ANALYTICS_URL):
        return {"sent": False}
    send(settings.ANALYTICS_URL, payload())
    logger.info("analytics were posted", url=settings.ANALYTICS_URL)
    return {"sent": True}
