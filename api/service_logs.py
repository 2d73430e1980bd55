"""gunicorn's log, sent the way of all other logs; no line per request."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger


class Logs(Logger):
    def setup(self, cfg: Any) -> None:
        self.loglevel = getattr(logging, cfg.loglevel.upper(), logging.INFO)
        self.error_log.setLevel(max(self.loglevel, logging.WARNING) if self.loglevel > logging.DEBUG else self.loglevel)
        for log in (self.error_log, self.access_log):
            log.handlers[:] = []
            log.propagate = True

    def access(self, *args: Any, **kwargs: Any) -> None:
        """Requests are not logged: what matters of one is in the events that carry its correlation id."""
