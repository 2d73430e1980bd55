"""The documents about tasks say what is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pulp_actor.db.connection import Database
from pulp_actor.queue.engine import Engine
from pulp_actor.queue.models import STATES
from pulp_actor.settings import settings
from tests.support.transcripts import Session, steps
from tests.support.workers.lab import ROOT

DOCUMENTS = ROOT / "docs"


@pytest.fixture
def session(database: Database, tmp_path: Path) -> Iterator[Session]:
    with settings.override(DIAGNOSTIC_ACTORS=True, TASK_CANCEL_GRACE=2):
        session = Session(tmp_path)
        yield session
        session.close()


def test_every_command_of_the_debugging_guide_shows_what_stands_there(session: Session) -> None:
    found = steps((DOCUMENTS / "debugging-tasks.md").read_text())
    assert len(found) > 30
    for step in found:
        session.replay(step)


def test_the_state_machine_names_every_state_and_no_other() -> None:
    text = (DOCUMENTS / "state-machine.md").read_text()
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)", text, re.M))
    table = text.partition("## Transitions")[2].partition("##")[0]
    told = {
        (source, target)
        for sources, targets in re.findall(r"^\| ([^|]+) \| ([^|]+) \|", table, re.M)
        for source in re.findall(r"`(\w+)`", sources) for target in re.findall(r"`(\w+)`", targets)}
    assert {state for transition in drawn for state in transition} == set(STATES)
    assert {(source, target) for source, target in told if source != target} == drawn


@pytest.mark.parametrize("name", ["task-engine.md", "state-machine.md"])
def test_functions_and_statements_that_a_document_names_exist(database: Database, name: str) -> None:
    text = (DOCUMENTS / name).read_text()
    named = set(re.findall(r"`(task_\w+)`", text)) - {"task_ticket", "task_ticket_no_conflict", "task_ticket_waiting",
                                                     "task_ticket_held"}
    with closing(Engine()) as engine:
        rows = engine.execute("SELECT proname FROM pg_proc UNION ALL SELECT name FROM pg_prepared_statements")
    assert named - {row[0] for row in rows} == set()


@pytest.mark.parametrize("name", ["task-engine.md", "state-machine.md", "debugging-tasks.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (DOCUMENTS / name).read_text()
    anchors = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.M)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert (DOCUMENTS / path).exists() if path else anchor in anchors, target
