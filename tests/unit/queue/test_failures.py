"""How an exception is kept: fit to be shown, without secrets, and such that a database can keep it."""

from __future__ import annotations

import pytest

from pulp_actor.errors import PulpActorError
from pulp_actor.queue.failures import failure, mask_secrets


@pytest.mark.parametrize(("text", "masked"), [
    ("https://user:pw@example.org/x", "https://***@example.org/x"),
    ("password=hunter2 rest", "password=*** rest"),
    ('{"token": "abc"}', '{"token": "***"}'),
    ("Authorization: Basic dXNlcjpwdw== rest", "Authorization: *** rest"),
    ("authorization='Bearer abc'", "authorization='***'"),
    ("nothing to hide", "nothing to hide"),
])
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_what_postgresql_cannot_keep_is_replaced(text: str) -> None:
    kept = mask_secrets(text)
    assert "\0" not in kept
    kept.encode()


def test_errors_of_ours_speak_for_themselves() -> None:
    assert failure(PulpActorError("the remote is gone"))["description"] == "the remote is gone"
    assert failure(KeyError("x"))["description"] == "KeyError: 'x'"
    assert failure(KeyError())["description"] == "KeyError"
