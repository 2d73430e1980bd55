"""A server that has nothing to replicate: whatever is listed, there is none of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.serving import Handler, listening, served


class EmptyLists(Handler):
    """A server whose every list is empty."""

    def do_GET(self) -> None:
        body = json.dumps({"count": 0, "next": None, "previous": None, "results": []}).encode()
        self.answer(body, headers={"Content-Type": "application/json"})


@pytest.fixture
def empty_upstream() -> Iterator[str]:
    """Its URL."""
    with served(listening(EmptyLists)) as url:
        yield url
