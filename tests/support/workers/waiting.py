"""The one way in which these tests wait: a condition is asked until it holds or a deadline has passed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds between two questions.
INTERVAL = 0.02


class TimedOut(AssertionError):
    """A condition did not come true in time."""


def eventually(condition: Callable[[], T], timeout: float = 20.0, what: str | Callable[[], str] = "") -> T:
    """The first truthy answer of ``condition``.

    Parameters:
        timeout: seconds.
        what: what was waited for, or a function that says so with the state of things.

    Raises:
        TimedOut: it stayed falsy.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what or condition.__name__
            raise TimedOut(f"not within {timeout} s: {text}")
        time.sleep(INTERVAL)


def stopwatch() -> Callable[[], float]:
    """A function that returns the seconds since now."""
    start = time.monotonic()
    return lambda: time.monotonic() - start
