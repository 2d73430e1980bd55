"""The most memory that this process has had resident."""

from __future__ import annotations

import resource
from pathlib import Path


def peak_memory() -> float:
    """MiB. Where the kernel tells, of this program alone: getrusage counts what the parent had when it was forked."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
