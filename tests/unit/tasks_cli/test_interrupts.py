"""Taking back an interrupt that has not struck leaves no trace in the interpreter."""

from __future__ import annotations

import sys
import threading

from pulp_actor.middleware.cancel import _take_back_interrupt


def test_a_profiler_still_works_afterwards() -> None:
    """On CPython before 3.13, clearing the interrupt instead made the first profiled call never return."""
    calls = []

    def work() -> None:
        _take_back_interrupt()
        sys.setprofile(lambda frame, event, arg: calls.append(event))
        sorted([])
        sys.setprofile(None)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)

    assert not thread.is_alive()
    assert "c_call" in calls
