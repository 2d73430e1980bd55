"""What a test says it drives, in a mark, and is then held to: the list of all that is driven is read without running it.

A test that is marked ``@drives("artifact show")`` must have called that, and it must have ended well, before the test
ends. What no test names is therefore driven by none, which one look at all modules tells.
"""

from __future__ import annotations

from typing import Any

import pytest


class Promises:
    """A mark that tests make their promises with.

    Parameters:
        mark: its name, which ``pyproject.toml`` has to know.

    Attributes:
        made: everything that some test has promised; filled as the tests' modules are imported.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.made: set[str] = set()

    def __call__(self, *words: str) -> Any:
        """Mark a test with what it drives."""
        self.made.update(words)
        return getattr(pytest.mark, self._mark)(*words)

    def check(self, request: pytest.FixtureRequest, kept: set[str]) -> None:
        """Hold the test of ``request`` to what it said, given what it has called with success."""
        promised = {word for mark in request.node.iter_markers(self._mark) for word in mark.args}
        assert promised <= kept, f"said to be driven and not: {sorted(promised - kept)}"
