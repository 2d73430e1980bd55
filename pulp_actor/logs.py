"""Structured logs: one line an event, with the correlation id of the request that caused it.

Loggers of the standard library (dramatiq's, aiohttp's) are rendered the same way as ours.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from contextvars import ContextVar

import structlog

#: The id that ties a request, its task and their log lines together; sent on as ``Correlation-ID``.
correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")

#: What a client may call its request: it goes into logs and headers as it is.
_SANE_ID = re.compile(r"[\x21-\x7e]{1,200}")


def enter_request(given: str | None) -> str:
    """Work under the correlation id that a client has given, or, where it gave none that can be used, under a new one;
    returns it."""
    cid = given if given and _SANE_ID.fullmatch(given) else os.urandom(16).hex()
    correlation_id.set(cid)
    return cid


def _add_correlation_id(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if cid := correlation_id.get():
        event.setdefault("cid", cid)
    return event


def _without_arguments(record: logging.LogRecord) -> bool:
    """A filter that lets everything pass, but of a message (dramatiq logs the whole of it, in many places) only the name of
    its actor and its id: its arguments may be secret."""
    if isinstance(record.args, tuple):
        record.args = tuple(_named(one) for one in record.args)
    return True


def _named(value: object) -> object:
    actor = getattr(value, "actor_name", None)
    return value if actor is None or not hasattr(value, "kwargs") else f"{actor}[{getattr(value, 'message_id', '')}]"


def configure_logging(level: str = "INFO", form: str = "auto") -> None:
    """Send all logs to standard error, at ``level`` and above, as ``console``, ``json`` or ``auto`` says."""
    if form == "auto":
        form = "console" if sys.stderr.isatty() else "json"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _add_correlation_id,
    ]
    renderer: structlog.typing.Processor
    if form == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer()
    else:
        # Plain tracebacks: the pretty ones print local variables, and with them secrets.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    handler = logging.StreamHandler()
    handler.addFilter(_without_arguments)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    ))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for ``logger.info("what happened", key=value)``."""
    return structlog.stdlib.get_logger(name)
