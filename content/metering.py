"""What a content process counts. Requests are counted in plain numbers, which go to the metrics a few times a second: of a
thousand small files a second, each would otherwise pay for every metric.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from pulp_actor.metrics.table import CONTENT_BYTES, CONTENT_CACHE, CONTENT_REQUESTS, CONTENT_TIMES

#: Seconds between two times that the numbers go to the metrics.
INTERVAL = 0.5
#: The status that is counted where the client has gone before there was one (nginx's).
GONE = 499


class Tally:
    """The numbers of one process; used from its event loop only."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.sent = self.hits = self.misses = 0
        self._hit, self._miss = (CONTENT_CACHE.labels(outcome) for outcome in ("hit", "miss"))

    def answered(self, status: int, seconds: float) -> None:
        """A request was answered, or its client has gone."""
        self.statuses[status] += 1
        CONTENT_TIMES.observe(seconds)

    def flush(self) -> None:
        """Let the metrics have what was counted."""
        statuses, self.statuses = self.statuses, Counter()
        for status, count in statuses.items():
            CONTENT_REQUESTS.labels(status).inc(count)
        for metric, count in ((CONTENT_BYTES, self.sent), (self._hit, self.hits), (self._miss, self.misses)):
            if count:
                metric.inc(count)
        self.sent = self.hits = self.misses = 0

    async def keep_flushing(self) -> None:
        """Until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(INTERVAL)
                self.flush()
        finally:
            self.flush()


#: This process's.
tally = Tally()
