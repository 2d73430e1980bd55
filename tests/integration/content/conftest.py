"""The content server's tests are coroutines, each in an event loop of its own, on a database of its own."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from pulp_actor.db import connected
from pulp_actor.storage import forget_stores


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def connection(database):
    """This thread's connection, open for the test's own rows."""
    forget_stores()
    with connected():
        yield
    forget_stores()
