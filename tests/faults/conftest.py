"""Labs for faults, and the figures that they bring to light, shown when the run ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.workers.fixtures import island, lab, server

__all__ = ["island", "lab", "server"]

_figures: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", type=int, default=1000, help="Tasks that the chaos test dispatches.")
    parser.addoption("--seed", type=int, default=1, help="What the chaos test's dice start from.")


@pytest.fixture
def figure() -> Callable[[str, float], None]:
    """Note a measured time, in seconds, or another figure."""
    return lambda what, value: _figures.append(f"{what}: {value:.2f}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.section("figures")
        for line in _figures:
            terminalreporter.write_line(line)
