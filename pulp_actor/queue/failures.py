"""How an exception is kept in a task's record: a description for people, a traceback for developers, no secrets."""

from __future__ import annotations

import re
import traceback
from typing import Any

from dramatiq.middleware import Shutdown, TimeLimitExceeded

from pulp_actor.errors import PulpActorError
from pulp_actor.queue.errors import LeaseLost

_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/\s@:]+:[^/\s@]+(?=@)")
_SECRET_ASSIGNMENT = re.compile(
    r"(?i)\b(password|passwd|secret|token|client_key|proxy_password|authorization)(['\"]?\s*[:=]\s*)(['\"]?)"
    r"(?:(?:basic|bearer|digest|token)\s+)?[^\s'\",;]+")


def mask_secrets(text: str) -> str:
    """``text`` with credentials in URLs and values that are called a secret replaced by ``***``."""
    # PostgreSQL keeps no NUL, and no half of a surrogate pair.
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    text = _CREDENTIALS_IN_URL.sub("***", text)
    return _SECRET_ASSIGNMENT.sub(r"\1\2\3***", text)


def failure(error: BaseException) -> dict[str, Any]:
    """``{"description": …, "traceback": …}`` of an exception."""
    if isinstance(error, PulpActorError):
        description = str(error)
    elif isinstance(error, TimeLimitExceeded):
        description = "The task ran into its time limit."
    elif isinstance(error, Shutdown):
        description = "The worker was stopped while it ran this task."
    elif isinstance(error, LeaseLost):
        description = "The worker was declared gone while it ran this task."
    else:
        description = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    trace = "".join(traceback.format_exception(error, limit=-30))
    return {"description": mask_secrets(description), "traceback": mask_secrets(trace)}
