"""Tells systemd how the service does (sd_notify(3)); does nothing where systemd did not start it."""

from __future__ import annotations

import os
import socket

from pulp_actor.logs import get_logger

#: Seconds between two signs of life.
WATCHDOG_INTERVAL = 2.0

logger = get_logger(__name__)


def forget() -> None:
    """In a child of the process that systemd started: leave it to that one to speak."""
    os.environ.pop("NOTIFY_SOCKET", None)


def ready() -> None:
    """The service is up."""
    _send("READY=1")


def stopping() -> None:
    """The service is going down."""
    _send("STOPPING=1")


def watchdog() -> None:
    """The service's loop is alive."""
    _send("WATCHDOG=1")


def _send(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)  # one that does not listen must not hold us up
            sock.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        # A manager that cannot be told is no reason to stop working.
        logger.debug("systemd cannot be told", state=state, error=str(error))
