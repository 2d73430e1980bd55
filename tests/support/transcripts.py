"""Sessions in documents, run again: every ``console`` block of a Markdown file is typed in, and what comes out is compared
with what stands there, but for ids, times and process numbers.

`Session` plays them; ``python -m tests.support.transcripts FILE`` plays a document on a server of its own and writes the
real output into it.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from pulp_actor.cli.main import cli
from pulp_actor.db import connected, database
from pulp_actor.queue.actors import platform_broker
from pulp_actor.settings import settings
from tests.support.workers.lab import ROOT, Service
from tests.support.workers.waiting import TimedOut, eventually

#: Subcommands of ``pulp-actor tasks`` that only look: they are asked again until they show what is expected.
READING = {"list", "show", "why", "top"}
#: Seconds for which an output must not change to be written down.
STEADY = 0.7

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PROCESS = re.compile(r"\b(\d+)@[\w.-]+")
_VARIABLE = (
    (_ID, "<id>"),
    (_PROCESS, "<process>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "<moment>"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|min|h|d)\b(?: \d+ (?:s|min|h)\b)?"), "<time>"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass
class Step:
    """A command and its output as they stand in the document, from line ``start`` (the command's) up to line ``end``."""

    command: str
    output: str
    start: int
    end: int


def steps(text: str) -> list[Step]:
    """The commands in the ``console`` blocks of a Markdown text, in order."""
    found: list[Step] = []
    inside = False
    for number, line in enumerate(text.splitlines()):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("$ "):
            found.append(Step(line[2:], "", number, number + 1))
        elif inside:
            found[-1].output += line + "\n"
            found[-1].end = number + 1
    return found


def structure(output: str) -> list[str]:
    """An output's lines without what differs from run to run. Lists of processes are sorted: which of them got the task
    is nobody's promise."""
    for pattern, word in _VARIABLE:
        output = pattern.sub(word, output)
    lines = [line.strip() for line in output.strip().splitlines()]
    processes = iter(sorted(line for line in lines if line.startswith("<process>")))
    return [next(processes) if line.startswith("<process>") else line for line in lines]


class Session:
    """A shell that knows a handful of commands. What stands in the document for an id or a process is replaced by what
    came out here in the same place."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ids: dict[str, str] = {}
        self._processes: dict[str, str] = {}
        self._service: Service | None = None

    def replay(self, step: Step) -> None:
        """Run a step, and raise AssertionError unless it shows what the document shows. Waiting is up to us here: a
        ``sleep`` in the document is for readers."""
        expected = structure(step.output)
        if step.command.startswith("sleep "):
            return
        output = self.run(self._translate(step.command))
        if structure(output) != expected and self._only_reads(step.command):
            output = self._until(step.command, expected)
        assert structure(output) == expected, f"$ {step.command}\n{output}"
        self._learn(step.output, output)

    def record(self, step: Step) -> str:
        """Run a step; what is to stand in the document: the command, and its output once that is steady."""
        if step.command.startswith("sleep "):
            time.sleep(float(step.command.split()[1]))
            return f"$ {step.command}\n"
        command = self._translate(step.command)
        output = self.run(command)
        while self._only_reads(command):
            time.sleep(STEADY)
            before, output = output, self.run(command)
            if structure(before) == structure(output):
                break
        self._learn(step.output, output)
        return f"$ {command}\n{output}"

    def run(self, command: str) -> str:
        """The output of one command."""
        if command.startswith("pulp-worker"):
            self._start_workers(shlex.split(command.removesuffix("&"))[1:])
            return ""
        if command.startswith("kill "):
            _, number, pid = command.split()
            assert self._service is not None and int(pid) in self._service.children
            os.kill(int(pid), getattr(signal, "SIG" + number[1:]))
            return ""
        command, _, head = command.partition(" | head -")
        with _environment(command) as rest:
            assert rest[0] == "pulp-actor", command
            output = CliRunner().invoke(cli, rest[1:]).output
        lines = output.splitlines(keepends=True)
        return "".join(lines[:int(head)] if head else lines)

    def close(self) -> None:
        if self._service is not None:
            self._service.stop()
        platform_broker().engine.close()

    def _start_workers(self, arguments: list[str]) -> None:
        service = self._service = Service(
            [sys.executable, "-m", "pulp_actor.queue.service", *arguments], self._directory / "worker.log",
            settings.environment())
        eventually(lambda: len(service.children) == _workers_online() > 0, what=lambda: service.log)

    def _only_reads(self, command: str) -> bool:
        words = command.split()
        return words[:2] == ["pulp-actor", "tasks"] and words[2] in READING

    def _until(self, command: str, expected: list[str]) -> str:
        """The output once it is as expected, or the last one."""
        outputs = [""]

        def as_expected() -> bool:
            outputs.append(self.run(self._translate(command)))
            return structure(outputs[-1]) == expected

        try:
            eventually(as_expected)
        except TimedOut:
            pass
        return outputs[-1]

    def _translate(self, command: str) -> str:
        """A command with what things are called here."""
        if command.startswith("kill "):
            return re.sub(r"\d+", lambda number: self._processes.get(number[0], number[0]), command)
        return _ID.sub(lambda key: self._ids.get(key[0], key[0]), command)

    def _learn(self, theirs: str, ours: str) -> None:
        for pattern, names in ((_ID, self._ids), (_PROCESS, self._processes)):
            names |= dict(zip(pattern.findall(theirs), pattern.findall(ours), strict=False))


def _workers_online() -> int:
    with connected():
        return database.execute_sql("SELECT count(*) FROM worker WHERE gone_at IS NULL").fetchone()[0]


@contextmanager
def _environment(command: str) -> Iterator[list[str]]:
    """The words of a command without the settings before it, which are in force meanwhile."""
    words = shlex.split(command)
    given = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        given[name.removeprefix("PULP_")] = value
    url = database.url
    with settings.override(**given):
        yield words
    if given:
        database.init(url)


def rewrite(path: Path, session: Session) -> None:
    """Put the real output of every command into a document."""
    lines = path.read_text().splitlines()
    found = steps(path.read_text())
    outputs = [session.record(step) for step in found]
    for step, output in reversed(list(zip(found, outputs, strict=True))):
        lines[step.start:step.end] = output.splitlines()
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    import tempfile

    from pulp_actor.security.encryption import keyring
    from tests.support.postgres import Server, bound

    with tempfile.TemporaryDirectory() as scratch:
        settings.set("transcripts", DATA_DIR=str(Path(scratch) / "data"), DIAGNOSTIC_ACTORS=True)
        settings.data_dir.mkdir()
        keyring.create()
        (Path(scratch) / "server").mkdir()
        server = Server(Path(scratch) / "server")
        server.start()
        try:
            with server.migrated() as url, bound(url):
                session = Session(Path(scratch))
                try:
                    rewrite(ROOT / sys.argv[1], session)
                finally:
                    session.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
