"""Ports that tests give to servers of their own."""

from __future__ import annotations

from pulp_actor.cli.ports import parse, reserve


def free_port() -> int:
    """A port of loopback on which nobody listens, nor is likely to before our server does."""
    return parse("a test's server", reserve("a test's server", "127.0.0.1:0"))[1]


def free_ports(count: int) -> set[int]:
    """As many such ports."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return ports
