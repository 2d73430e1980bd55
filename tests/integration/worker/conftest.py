"""Labs for tests of the worker service."""

from tests.support.workers.fixtures import island, lab, server

__all__ = ["island", "lab", "server"]
