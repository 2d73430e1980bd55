"""Writes down now and then which files were asked for, so that pruning knows what nobody wants."""

from __future__ import annotations

import asyncio

from content.database import UNAVAILABLE
from pulp_actor.logs import get_logger
from pulp_actor.requested import RequestNotes

#: Seconds between two writes.
INTERVAL = 30.0

logger = get_logger(__name__)


async def keep_writing(notes: RequestNotes) -> None:
    """Until cancelled; then once more."""
    try:
        while True:
            await asyncio.sleep(INTERVAL)
            await _write(notes)
    finally:
        await _write(notes)


async def _write(notes: RequestNotes) -> None:
    try:
        await asyncio.to_thread(notes.flush)
    except UNAVAILABLE as error:
        # They are kept for the next time.
        logger.warning("requests cannot be noted", reason=" ".join(str(error).split()))
