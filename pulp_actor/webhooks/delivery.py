"""Sends what is due in the outbox, and notes what came of each attempt. At least once: an attempt whose end nobody lived to
note is made again. Where it may be sent to is decided by the outbound policy, as for remotes; redirects are not followed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any

import aiohttp

from pulp_actor import __version__
from pulp_actor.db import database, load_queries
from pulp_actor.models import Webhook, WebhookDelivery
from pulp_actor.security.encryption import Unreadable
from pulp_actor.security.outbound import AddressRefused, check_url, checked_connector
from pulp_actor.settings import settings
from pulp_actor.webhooks.bodies import body_of, headers_of

#: Deliveries that are looked at in one go, and webhooks that are spoken to at the same time.
BATCH, AT_ONCE = 100, 16
#: Seconds for an answer.
TIMEOUT = 10.0

SQL = load_queries("pulp_actor.webhooks", "delivery.sql")


def deliver_due() -> int:
    """Send a batch of what is due; returns how many deliveries were looked at."""
    found: dict[Any, list[Any]] = defaultdict(list)
    rows = database.execute_sql(SQL.due, (BATCH,)).fetchall()
    for delivery, webhook in rows:
        found[webhook].append(delivery)
    if rows:
        asyncio.run(_deliver({
            hook: list(WebhookDelivery.select().where(WebhookDelivery.id.in_(found[hook.id])).order_by(
                WebhookDelivery.pulp_created))
            for hook in Webhook.select().where(Webhook.id.in_(list(found)))
        }))
    return len(rows)


async def _deliver(deliveries: dict[Webhook, list[WebhookDelivery]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    connector = checked_connector(limit=AT_ONCE, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=False,
        headers={"User-Agent": f"pulp-actor/{__version__}"},
    ) as session, asyncio.TaskGroup() as group:
        for hook, waiting in deliveries.items():
            group.create_task(_deliver_all(session, gate, hook, waiting))


async def _deliver_all(
    session: aiohttp.ClientSession, gate: asyncio.Semaphore, hook: Webhook, waiting: list[WebhookDelivery],
) -> None:
    """Send a webhook's deliveries one after the other; the rest waits when one fails."""
    async with gate:
        for delivery in waiting:
            status, error = await _send(session, hook, delivery)
            if error is None:
                database.execute_sql(SQL.delivered, {"delivery": delivery.id, "status": status})
                continue
            database.execute_sql(SQL.failed, {
                "delivery": delivery.id, "status": status, "error": error, "most": settings.WEBHOOK_MAX_ATTEMPTS,
                "delay": settings.WEBHOOK_RETRY_DELAY})
            database.execute_sql(SQL.wait_with, {"delivery": delivery.id})
            return


async def _send(
    session: aiohttp.ClientSession, hook: Webhook, delivery: WebhookDelivery,
) -> tuple[int | None, str | None]:
    """(HTTP status or None, what went wrong or None) of one attempt."""
    key = str(delivery.id)
    try:
        body = body_of(key, delivery.event, delivery.pulp_created, delivery.facts)
        headers = headers_of(key, delivery.event, body, hook.secret, int(time.time()))
        check_url(hook.url)
        async with session.post(hook.url, data=body, headers=headers, allow_redirects=False) as answer:
            good = 200 <= answer.status < 300
            return answer.status, None if good else f"answered {answer.status} {answer.reason}"
    except TimeoutError:
        return None, f"no answer within {TIMEOUT:g} seconds"
    except (aiohttp.ClientError, AddressRefused, ValueError) as error:
        return None, str(error)[:1000] or type(error).__name__
    except (Unreadable, KeyError) as error:
        return None, f"it cannot be made: {error}"
