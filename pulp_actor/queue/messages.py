"""How a dramatiq message is kept in a task's row, and what a consumer hands to a dramatiq worker."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol

from dramatiq.broker import MessageProxy
from dramatiq.message import Message

from pulp_actor.queue.engine import Claim, TaskSpec


class Codec(Protocol):
    """Turns an encoded message into what is stored, and back."""

    def encode(self, text: str) -> str: ...

    def decode(self, text: str) -> str: ...


class Plain:
    """Stores messages as they are."""

    def encode(self, text: str) -> str:
        return text

    def decode(self, text: str) -> str:
        return text


@dataclass
class Outcome:
    """How the processing of a message went. ``canceled``: it was interrupted because its task is being cancelled,
    whatever the actor made of that."""

    result: Any = None
    error: BaseException | None = None
    skipped: bool = False
    canceled: bool = False


class TaskMessage(MessageProxy):
    """A claimed message: what dramatiq's worker passes around until it is acknowledged.

    Attributes:
        claim: the lease that every write about it carries.
        pid: the process that claimed it.
        outcome: how the actor ended.
        retry_delay: seconds after which dramatiq's Retries wants it again; None: not at all.
        followups: what middleware enqueued after the actor ended; written with the end of the task, or not at all.
        barrier: the counter of the group it is a member of, which the end of the task counts down; None without one.
        callbacks: what is dispatched with the end that brings the counter to its last member.
    """

    def __init__(self, message: Message, claim: Claim) -> None:
        super().__init__(message)
        self.claim = claim
        self.pid = os.getpid()
        self.outcome = Outcome()
        self.retry_delay: float | None = None
        self.followups: list[TaskSpec] = []
        self.barrier: str | None = None
        self.callbacks: list[TaskSpec] = []
