"""Presence of API and content processes: a lease each, so that ``status/`` can list who is online."""

from __future__ import annotations

import os

from pulp_actor import API_CONTRACT_VERSION, __version__
from pulp_actor.plugins import load_plugins
from pulp_actor.queue.leases import LeaseThread, Member


def component_versions() -> dict[str, str]:
    """The versions of the components of this process, as ``status/`` shows them."""
    versions = {"core": API_CONTRACT_VERSION, "actor": __version__}
    return versions | {plugin.name: plugin.version for plugin in load_plugins()}


def register(kind: str) -> LeaseThread:
    """Show that this process is online, until `LeaseThread.stop`. Call it after any fork.

    Parameters:
        kind: ``api`` or ``content``.
    """
    def member() -> Member:
        return Member(kind, os.getpid(), component_versions())

    thread = LeaseThread(member(), on_lost=member)
    thread.start()
    return thread
