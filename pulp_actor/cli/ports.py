"""Addresses that services listen on: read, checked before anything is started, and chosen where the port is 0."""

from __future__ import annotations

import random
import socket
from typing import Any

from pulp_actor.errors import ConfigurationError

#: Hosts that stand for every address of this machine, and what a local client puts in their place.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}

#: Where free ports are looked for first: below those that the kernel gives to whoever opens a connection, and above the
#: platform's own. Nobody is likely to take one between this choice and the start of its service.
QUIET = range(25_000, 32_000)
TRIES = 20

#: Nobody's seed makes two processes choose the same port at the same moment.
_dice = random.SystemRandom()


def parse(name: str, bind: str) -> tuple[str, int]:
    """Host and port of ``host:port`` or ``[v6]:port``; ``name`` is what an error calls it. Raises ConfigurationError."""
    host, colon, port = bind.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(f"{name} must be host:port, not {bind!r}")
    return host.strip("[]") or "0.0.0.0", int(port)


def reserve(name: str, bind: str) -> str:
    """Check that nobody listens on ``bind`` and return it, a free port put in the place of port 0.

    Raises:
        ConfigurationError: the address is taken, or is not one of this machine.
    """
    host, port = parse(name, bind)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        port = _listen(found, port) if port else _free_port(found)
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot listen on {bind}: {_reason(error)}") from None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _free_port(found: Any) -> int:
    for port in _dice.sample(QUIET, TRIES):
        try:
            return _listen(found, port)
        except OSError:
            continue  # taken; the next
    return _listen(found, 0)


def _listen(found: Any, port: int) -> int:
    """Listen for a moment, at an address as `socket.getaddrinfo` gives it. Returns the port. Raises OSError."""
    family, kind, protocol, _, address = found
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address[0], port, *address[2:]))
        probe.listen(1)
        return probe.getsockname()[1]


def url(bind: str, scheme: str = "http") -> str:
    """The URL under which a local client reaches what listens on ``bind``."""
    host, port = parse("the address", bind)
    local = EVERYWHERE.get(host, host)
    return f"{scheme}://[{local}]:{port}" if ":" in local else f"{scheme}://{local}:{port}"


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    return text[0].lower() + text[1:]
