"""docs/queue.md is right: its examples run, in their order, on a database that has nothing yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest

from pulp_actor.middleware.resources import OPTIONS
from pulp_actor.queue import default_middleware
from tests.support.postgres import Server, bound

MANUAL = Path(__file__).parents[3] / "docs" / "queue.md"


@pytest.fixture
def empty_url(postgres: Server, data_dir: Path) -> Iterator[str]:
    with postgres.empty() as url, bound(url):
        yield url


def test_the_examples_run(empty_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = dramatiq.broker.global_broker
    namespace: dict[str, Any] = {"url": empty_url}
    for example in re.findall(r"```python\n(.*?)```", MANUAL.read_text(), re.DOTALL):
        exec(compile(example, str(MANUAL), "exec"), namespace)
    dramatiq.broker.global_broker = before
    namespace["broker"].close()

    printed = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("20")]
    assert printed == ["looking at a", "a is rebuilt", "canceled", "canceled", "completed A"] or printed == [
        "a is rebuilt", "looking at a", "canceled", "canceled", "completed A"]


def test_every_option_of_ours_is_explained() -> None:
    text = MANUAL.read_text()
    assert {option for option in OPTIONS - {"immediate"} if f"`{option}`" not in text} == set()


def test_the_defaults_are_those_that_the_manual_names() -> None:
    middleware = {type(one).__name__: one for one in default_middleware()}
    assert middleware["TimeLimit"].time_limit == float("inf")
    assert middleware["Retries"].max_retries == 0
