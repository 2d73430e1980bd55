"""A child of the supervisor: one executor process as seen from outside. It knows no database."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from pulp_actor.queue.leases import Member

#: Seconds a process must live for its death not to count as a failed start.
HEALTHY_AFTER = 10.0


@dataclass
class Child:
    """An executor process. Times are of the monotonic clock, in seconds.

    Attributes:
        slot: where it counts, see `pulp_actor.metrics.shared`.
        kill_at: when its cancelled task must have ended; None: nothing of it is being cancelled.
        why: what to say of its death where its exit status does not say enough.
    """

    member: Member
    pid: int
    slot: int = 0
    started: float = field(default_factory=time.monotonic)
    kill_at: float | None = None
    why: str = ""
    _cancelled: Any = None
    _stopped_since: float | None = None

    @property
    def died_young(self) -> bool:
        return not self.why and time.monotonic() - self.started < HEALTHY_AFTER

    def kill(self, why: str) -> None:
        """End it now. It is not reaped yet, so its number is still its own."""
        self.why = why
        self.kill_at = None
        os.kill(self.pid, signal.SIGKILL)

    def kill_group(self) -> None:
        """End the processes that its actors have started and left behind."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # it had not come as far as having a group, or is the last of it

    def expect_end_of(self, cancelled: Any, grace: float) -> None:
        """Note which of its tasks is being cancelled, if any; each has ``grace`` seconds from when it was seen first."""
        if cancelled is None:
            self.kill_at = None
        elif cancelled != self._cancelled:
            self.kill_at = time.monotonic() + grace
        self._cancelled = cancelled

    def stopped_for(self, stopped: bool) -> float:
        """Seconds for which it has been seen stopped (SIGSTOP) without a break."""
        if not stopped:
            self._stopped_since = None
            return 0.0
        self._stopped_since = self._stopped_since or time.monotonic()
        return time.monotonic() - self._stopped_since

    def obituary(self, code: int) -> str:
        """How it ended, to follow "the worker X": from the exit code, negative for a signal."""
        if self.why:
            return self.why
        if code < 0:
            return f"was killed ({signal.Signals(-code).name})"
        return f"died (exit code {code})" if code else "left"
