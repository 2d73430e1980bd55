"""How the processes of one service count together: each in memory-mapped files of its own, which whoever is asked adds up.

prometheus_client's multiprocess mode, with two things changed. It is switched on by `share`, when a service starts, and not
by an environment variable before the first import. And a process counts in the files of its slot, not of its process id:
one that takes a dead one's place goes on with its counters, so that they neither fall back nor pile up.
Must know no metric by name.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess, values

#: The name of a service's directory begins with this; in it, its processes count.
PREFIX = "pulp-actor-metrics-"

_slot = 0
_directory: Path | None = None
_lock: int | None = None
_maker: Any = values.MutexValue
_values: list[Value] = []


class Value:
    """A number that starts out in this process's memory and moves to its slot's file when the service begins to share.

    It has no methods of its own: those of where the number lies are bound to it, so that counting costs no detour.
    """

    _multiprocess = True

    def __init__(self, *parameters: Any, **options: Any) -> None:
        self._parameters, self._options = parameters, options
        self._settle()
        _values.append(self)

    def _settle(self) -> None:
        place = _maker(*self._parameters, **self._options)
        self.inc, self.set, self.get = place.inc, place.set, place.get
        self.set_exemplar, self.get_exemplar = place.set_exemplar, place.get_exemplar


def share() -> Path:
    """Let this process and those that it will fork count together, in slot 0 until `take_slot` says otherwise.

    Returns:
        The directory that they count in. It goes when this process ends; one that a killed service has left behind goes
        when the next one starts.
    """
    global _directory, _lock, _maker
    if _directory is None:
        _remove_abandoned()
        _directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_base()))
        # Held by this process and all its children: who can take it knows that none of them lives.
        _lock = os.open(_directory, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(_lock, fcntl.LOCK_EX)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_directory)  # the library's own way of being told
        _maker = values.MultiProcessValue(lambda: _slot)
        for value in _values:
            value._settle()
        atexit.register(_remove, _directory, os.getpid())
    return _directory


def directory() -> Path | None:
    """Where this service's processes count; None while this process counts for itself."""
    return _directory


def take_slot(slot: int) -> None:
    """Count in ``slot`` from now on. A forked process calls this before it counts anything.

    What its predecessor has counted there goes on; what it had in use, like connections, is gone with it.
    """
    global _slot
    _slot = slot
    if _directory is not None:
        multiprocess.mark_process_dead(slot, str(_directory))


class Slots:
    """Which slots the children of this process have; 0 is its own."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def assign(self) -> int:
        """The smallest slot that nobody has, for a child that is about to be forked."""
        slot = next(slot for slot in range(1, len(self._taken) + 2) if slot not in self._taken)
        self._taken.add(slot)
        return slot

    def release(self, slot: int) -> None:
        """The child has ended: forget what it had in use."""
        self._taken.discard(slot)
        if _directory is not None:
            multiprocess.mark_process_dead(slot, str(_directory))


def _base() -> str:
    # In memory where there is such a place: nobody wants counters to be written to a disk.
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a child that leaves
        shutil.rmtree(path, ignore_errors=True)


def _remove_abandoned() -> None:
    for path in Path(_base()).glob(f"{PREFIX}*"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # somebody else's, or gone by now
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            pass  # its service lives
        finally:
            os.close(descriptor)


values.ValueClass = Value  # before the first metric is made
