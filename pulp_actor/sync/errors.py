"""What goes wrong between us and an upstream. Each text names the URL and the reason."""

from __future__ import annotations

from pulp_actor.errors import PulpActorError


class DownloadError(PulpActorError):
    """A download failed for good.

    Attributes:
        url: what was asked for.
        reason: why, without the URL.
        status: the HTTP status that the upstream answered, or None.
    """

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        super().__init__(f"{url}: {reason}")
        self.url, self.reason, self.status = url, reason, status


class Transient(Exception):
    """A failure that another attempt may mend. Never leaves the downloader.

    Attributes:
        wait: seconds after which the upstream wants to be asked again, or None.
    """

    def __init__(self, reason: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.status, self.wait = reason, status, wait


class Mismatch(DownloadError):
    """The bytes are not what they should be."""
