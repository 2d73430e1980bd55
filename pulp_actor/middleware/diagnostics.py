"""Records what a task does while it runs, where its dispatcher asked for it: ``diagnostics=["memory", …]``.

Each record becomes an artifact that is linked to the task. The setting TASK_DIAGNOSTICS must allow it, for a record may
show what a task's result does not. It must never make a task fail: what goes wrong here is logged.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol
from uuid import UUID

import psutil
import structlog
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware

from pulp_actor.db import transaction
from pulp_actor.logs import get_logger
from pulp_actor.middleware.connections import release
from pulp_actor.queue.context import current_task
from pulp_actor.queue.failures import mask_secrets
from pulp_actor.queue.messages import TaskMessage
from pulp_actor.queue.models import ProfileArtifact
from pulp_actor.settings import settings

#: Seconds between two looks at the memory, at first; each time there are too many of them, every other one is dropped.
MEMORY_INTERVAL = 0.1
MAX_MEMORY_SAMPLES = 5000
#: Seconds between two samples of the stack: a profile of a day still fits into memory.
STACK_INTERVAL = 0.01
#: Log bytes that are kept in memory; more go to a temporary file.
LOG_BUFFER = 1 << 20

logger = get_logger(__name__)


class Recorder(Protocol):
    """One kind of record of one task. Started and stopped in the actor's thread."""

    def start(self, task: UUID) -> None: ...

    def stop(self) -> None: ...

    def content(self) -> Iterator[bytes]:
        """The bytes of the record, once, after `stop`."""
        ...


class MemoryRecorder:
    """The process's resident memory over time, as CSV: ``seconds,resident_bytes``."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._samples: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._run, name="memory recorder", daemon=True)

    def start(self, task: UUID) -> None:
        self._began = time.monotonic()
        self._process = psutil.Process()
        self._sample()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._sample()

    def content(self) -> Iterator[bytes]:
        yield b"seconds,resident_bytes\n"
        for seconds, resident in self._samples:
            yield f"{seconds:.3f},{resident}\n".encode()

    def _run(self) -> None:
        interval = MEMORY_INTERVAL
        while not self._stopping.wait(interval):
            self._sample()
            if len(self._samples) > MAX_MEMORY_SAMPLES:
                self._samples = self._samples[::2]
                interval *= 2

    def _sample(self) -> None:
        self._samples.append((time.monotonic() - self._began, self._process.memory_info().rss))


class StackRecorder:
    """Where the time goes, as an HTML page by pyinstrument (the extra ``diagnostics``). Of an async actor it shows only
    that it was waited for: that runs in another thread."""

    def __init__(self) -> None:
        from pyinstrument import Profiler  # noqa: PLC0415  (an extra, and slow to import)

        self._profiler = Profiler(interval=STACK_INTERVAL)

    def start(self, task: UUID) -> None:
        self._profiler.start(target_description=f"task {task}")

    def stop(self) -> None:
        self._profiler.stop()

    def content(self) -> Iterator[bytes]:
        yield self._profiler.output_html().encode()


class LogRecorder(logging.Handler):
    """What the task logs, a JSON object a line, secrets masked. The task's lines are those of its thread and of
    wherever else its context reaches, such as an async actor."""

    def __init__(self) -> None:
        super().__init__()
        self._file = tempfile.SpooledTemporaryFile(max_size=LOG_BUFFER)  # noqa: SIM115  (closed by content)
        self.setFormatter(structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str)]))

    def start(self, task: UUID) -> None:
        self._task = task
        self._thread_id = threading.get_ident()
        logging.root.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread_id or current_task().id == self._task:
            self._file.write(mask_secrets(self.format(record)).encode() + b"\n")

    def stop(self) -> None:
        logging.root.removeHandler(self)

    def content(self) -> Iterator[bytes]:
        with self._file:
            self._file.seek(0)
            yield from iter(lambda: self._file.read(1 << 16), b"")


#: What can be recorded, by the name it is asked for with.
RECORDERS: dict[str, type[Recorder]] = {"memory": MemoryRecorder, "pyinstrument": StackRecorder, "logs": LogRecorder}


class Diagnostics(Middleware):
    """Put it behind the middleware that opens the database connection and before the one that interrupts actors, so that
    a record of a task that was cancelled can be stored in peace."""

    def __init__(self) -> None:
        self._recording: dict[str, dict[str, Recorder]] = {}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        wanted = message.options.get("diagnostics")
        if not wanted or not isinstance(message, TaskMessage):
            return
        if not settings.TASK_DIAGNOSTICS:
            logger.warning("diagnostics are not allowed; see the setting TASK_DIAGNOSTICS", wanted=wanted)
            return
        started = self._recording[message.message_id] = {}
        for name in sorted(wanted, key=_profile_last):
            recorder = _recorder(name)
            if recorder is not None:
                recorder.start(message.claim.task)
                started[name] = recorder

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        recording = self._recording.pop(message.message_id, None)
        if not recording or not isinstance(message, TaskMessage):
            return
        for recorder in reversed(recording.values()):
            recorder.stop()
        domain = message.options.get("domain")
        release()
        for name, recorder in recording.items():
            try:
                _store(message.claim.task, name, recorder.content(), UUID(domain) if domain else None)
            except Exception:
                logger.exception("could not store a record", task=str(message.claim.task), record=name)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        self.after_process_message(broker, message)


def _profile_last(name: str) -> bool:
    """Sorts the profile behind the others: it is started last and stopped first, so that it does not show them."""
    return RECORDERS.get(name) is StackRecorder


def _recorder(name: str) -> Recorder | None:
    if name not in RECORDERS:
        logger.warning("no such diagnostics", wanted=name, known=sorted(RECORDERS))
        return None
    with suppress(ImportError):
        return RECORDERS[name]()
    logger.warning("these diagnostics need the extra `diagnostics`", wanted=name)
    return None


def _store(task: UUID, name: str, record: Iterator[bytes], domain: UUID | None) -> None:
    """Make an artifact of a record and link it to its task; that of an earlier attempt is linked no more."""
    from pulp_actor.storage import get_storage  # noqa: PLC0415  (the queue can be used without the platform's models)
    from pulp_actor.storage.artifacts import store_artifact  # noqa: PLC0415

    with get_storage(domain).temporary() as file:
        for chunk in record:
            file.write(chunk)
        with transaction():
            artifact = store_artifact(file, domain)
            ProfileArtifact.insert(task=task, name=name, artifact_id=artifact.id).on_conflict(
                conflict_target=[ProfileArtifact.task, ProfileArtifact.name],
                update={ProfileArtifact.artifact_id: artifact.id}).execute()
