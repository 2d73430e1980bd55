"""`pulp-actor tasks`: list, show, cancel, dispatch, top, and what is said when something is wrong."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pulp_actor.cli.rundir import Facts, RunDir
from pulp_actor.db import connected
from pulp_actor.db import database as pool
from pulp_actor.db.connection import Database
from pulp_actor.identifiers import uuid7
from pulp_actor.queue.groups import new_group, task_group
from pulp_actor.queue.models import TaskGroup
from pulp_actor.settings import settings
from tests.support.postgres import Server
from tests.support.tasks import Command, Queue

REPOSITORY = "prn:file.filerepository:0197aaaa-0000-7000-8000-000000000001"
TEST = "pulpcore.app.tasks.test."


@pytest.fixture(autouse=True)
def _diagnostic_actors(data_dir: Path) -> Iterator[None]:
    with settings.override(DIAGNOSTIC_ACTORS=True):
        yield


# list


def test_list_shows_the_newest_first(queue: Queue, command: Command) -> None:
    for name in ("first", "second", "third"):
        queue.add(name)
    assert [queue.name(row["id"]) for row in command.json("list")] == ["third", "second", "first"]
    assert [queue.name(row["id"]) for row in command.json("list", "--limit", "1")] == ["third"]
    lines = command.text("list").splitlines()
    assert lines[0].split() == ["ID", "STATE", "ACTOR", "AGE", "RAN", "WORKER", "LOCKS"]
    assert lines[1].split()[:3] == [str(queue.ids["third"]), "ready", "test.third"]


def test_list_filters(queue: Queue, command: Command) -> None:
    worker = queue.hire()
    queue.add("sync", [REPOSITORY], actor="pulp_file.app.tasks.synchronizing.synchronize")
    queue.add("publish", shared=[REPOSITORY], actor="pulp_file.app.tasks.publishing.publish")
    queue.add("other", ["x"])
    queue.work(worker, "sync")

    def found(*arguments: str) -> set[str]:
        return {queue.name(row["id"]) for row in command.json("list", *arguments)}

    assert found("--state", "running") == {"sync"}
    assert found("--state", "running", "--state", "waiting") == {"sync", "publish", "other"}
    assert found("--actor", "pulp_file") == {"sync", "publish"}
    assert found("--resource", REPOSITORY) == {"sync", "publish"}
    assert found("--resource", f"/pulp/api/v3/repositories/file/file/{REPOSITORY[-36:]}/") == {"sync", "publish"}
    assert found("--worker", "4711@") == {"sync"}
    assert found("--worker", str(worker)) == {"sync"}
    assert found("--worker", "nobody") == set()
    assert command.text("list", "--worker", "nobody") == "No task matches.\n"


# show


def test_show_takes_id_href_and_prn(queue: Queue, command: Command) -> None:
    key = queue.add("task", [REPOSITORY])
    for name in (str(key), f"/pulp/api/v3/tasks/{key}/", f"prn:core.task:{key}"):
        assert command.json("show", name)["id"] == str(key)
    text = command.text("show", str(key))
    assert f"/pulp/api/v3/tasks/{key}/" in text and f"{REPOSITORY}  exclusive, held" in text


def test_show_tells_what_a_failed_task_did_but_not_its_arguments(queue: Queue, command: Command) -> None:
    queue.add("task", [REPOSITORY])
    queue.engine.execute("UPDATE task SET message = %s", ('{"args": ["hunter2"]}',))
    queue.work(queue.hire(), "task")
    queue.engine.report_progress(queue.ids["task"], "sync.downloading", "Downloading", "running", 10, 3, None)
    queue.end("task", "failed", error={"description": "It broke.", "traceback": "Traceback [of] it"})

    text = command.text("show", str(queue.ids["task"]))

    assert "It broke." in text and "Traceback [of] it" in text and "Downloading: 3/10 (running)" in text
    assert f"{REPOSITORY}  exclusive, given back" in text
    assert "hunter2" not in text + json.dumps(command.json("show", str(queue.ids["task"])))


# cancel


def test_cancel_a_waiting_and_a_running_task(queue: Queue, command: Command) -> None:
    running, waiting = queue.add("running"), queue.add("waiting", delay=60.0)
    queue.work(queue.hire(), "running")
    assert command.text("cancel", str(waiting), f"/pulp/api/v3/tasks/{running}/") == (
        f"{waiting} cancelled\n{running} is being interrupted\n")
    assert command.json("cancel", str(running)) == [
        {"task": f"/pulp/api/v3/tasks/{running}/", "state": "canceling"}]


def test_cancel_a_task_that_has_ended(queue: Queue, command: Command) -> None:
    queue.add("task")
    queue.work(queue.hire(), "task")
    queue.end("task")
    assert command.text("cancel", str(queue.ids["task"])) == f"{queue.ids['task']} had ended: completed\n"


def test_cancel_all_waiting_starts_none_on_the_way(queue: Queue, command: Command) -> None:
    queue.add("runs", ["r"])
    queue.work(queue.hire(), "runs")
    for number in range(20):
        queue.add(f"waits {number}", ["r"])

    assert command.text("cancel", "--all-waiting") == "20 cancelled, 0 being interrupted\n"

    assert queue.engine.execute("SELECT count(*) FROM task WHERE unblocked_at IS NOT NULL") == [(1,)]
    assert queue.engine.execute("SELECT state FROM task WHERE id = %s", (queue.ids["runs"],)) == [("running",)]
    assert queue.engine.execute("SELECT count(*) FROM task_ticket") == [(1,)]


def test_cancel_a_group(queue: Queue, command: Command) -> None:
    group, other = new_group("mine"), new_group("somebody else's")
    queue.add("runs", ["r"], group_id=group)
    for number in range(3):
        queue.add(f"waits {number}", ["r"], group_id=group)
    queue.add("not in it", ["r"], group_id=other)
    queue.work(queue.hire(), "runs")

    href = f"/pulp/api/v3/task-groups/{group}/"
    assert command.text("cancel", "--group", href) == "3 cancelled, 1 being interrupted\n"

    assert queue.engine.execute("SELECT state FROM task WHERE id = %s", (queue.ids["not in it"],)) == [("waiting",)]
    assert command.error("cancel", "--group", str(uuid7())).startswith("Error: there is no task group ")


def test_cancel_wants_exactly_one_kind_of_target(queue: Queue, command: Command) -> None:
    command("cancel", code=2)
    command("cancel", str(uuid7()), "--all-waiting", code=2)


# dispatch


def test_dispatch_prints_the_href_of_the_new_task(queue: Queue, command: Command) -> None:
    href = command.text(
        "dispatch", TEST + "sleep", "--args", "[5]", "--exclusive", REPOSITORY, "--shared", "b",
        "--shared", f"/pulp/api/v3/remotes/file/file/{REPOSITORY[-36:]}/").strip()

    found = command.json("show", href)

    assert re.fullmatch(r"/pulp/api/v3/tasks/[0-9a-f-]{36}/", href)
    assert (found["actor"], found["phase"]) == (TEST + "sleep", "ready")
    assert found["exclusive"] == [REPOSITORY]
    assert found["shared"] == ["b", f"prn:file.fileremote:{REPOSITORY[-36:]}"]


def test_dispatch_immediate_runs_it_if_its_locks_are_free(queue: Queue, command: Command) -> None:
    ran = command.json("dispatch", TEST + "dummy_task", "--immediate", "--exclusive", "r")
    queue.add("holder", ["r"])
    waits = command.json("dispatch", TEST + "dummy_task", "--immediate", "--exclusive", "r")
    failed = command.json("dispatch", TEST + "failing_task", "--kwargs", '{"error_message": "No."}', "--immediate")
    assert (ran["state"], waits["state"], failed["state"]) == ("completed", "waiting", "failed")
    assert failed["error"]["description"] == "DeliberateFailure: No."


def test_dispatch_into_a_group(queue: Queue, command: Command) -> None:
    with task_group("mine") as group:
        href = command.text("dispatch", TEST + "dummy_task", "--group", f"/pulp/api/v3/task-groups/{group}/").strip()
        with connected():
            assert not TaskGroup.get_by_id(group).all_tasks_dispatched
    assert command.json("show", href)["group_id"] == str(group)
    with connected():
        assert TaskGroup.get_by_id(group).all_tasks_dispatched


@pytest.mark.parametrize(("arguments", "message"), [
    (["no.such.actor"], "Error: no actor is named 'no.such.actor'"),
    ([TEST + "slep"], f"Error: no actor is named '{TEST}slep'; did you mean {TEST}sleep?"),
    ([TEST + "sleep", "--args", "[1"], "Error: --args is not JSON: "),
    ([TEST + "sleep", "--args", "{}"], "Error: --args must be a JSON array, not {}"),
    ([TEST + "sleep", "--kwargs", "[]"], "Error: --kwargs must be a JSON object, not []"),
    ([TEST + "sleep", "--group", "nonsense"], "Error: 'nonsense' is not the id, href or PRN of a task group"),
    ([TEST + "sleep", "--group", str(uuid7())], "Error: there is no task group "),
    ([TEST + "sleep", "--exclusive", "/pulp/api/v3/nonsense/1/"], "Error: /pulp/api/v3/nonsense/1/ names no known "),
])
def test_dispatch_refuses_in_one_line(
    queue: Queue, command: Command, arguments: list[str], message: str
) -> None:
    assert command.error("dispatch", *arguments).startswith(message)
    assert queue.engine.execute("SELECT count(*) FROM task") == [(0,)]


def test_dispatch_says_how_to_get_the_diagnostic_actors(queue: Queue, command: Command) -> None:
    with settings.override(DIAGNOSTIC_ACTORS=False):
        line = command.error("dispatch", TEST + "no_such_task")
    assert line.startswith(f"Error: no actor is named '{TEST}no_such_task': set PULP_DIAGNOSTIC_ACTORS=true for ")


# top


def test_top_once(queue: Queue, command: Command) -> None:
    worker = queue.hire()
    queue.hire()
    queue.add("holder", [REPOSITORY], actor="a.b.synchronize")
    queue.work(worker, "holder")
    for number in range(3):
        queue.add(f"blocked {number}", [REPOSITORY])
    queue.add("ready")
    queue.add("delayed", delay=60.0)

    text = command.text("top", "--once")

    assert re.search(r"^waiting 5 \(1 ready for up to \d+ ms, 3 blocked, 1 delayed\), oldest \d+ ms$", text, re.M)
    assert re.search(r"^running 1$", text, re.M) and re.search(r"^queues default 1$", text, re.M)
    assert re.search(r"^4711@\S+ +worker +\d+ ms +\d+ ms ago +b\.synchronize$", text, re.M)
    assert re.search(r"^4712@\S+ +worker +\d+ ms +\d+ ms ago +idle$", text, re.M)
    assert re.search(rf"^{queue.ids['holder']} +running +b\.synchronize +\d+ ms +4711@\S+$", text, re.M)
    assert re.search(rf"^{REPOSITORY} +3 +\d+ ms +{queue.ids['holder']}$", text, re.M)


def test_top_as_json(queue: Queue, command: Command) -> None:
    queue.add("holder", [REPOSITORY])
    queue.add("blocked", [REPOSITORY])
    found = json.loads(command.text("top", "--once", "--json"))
    assert (found["ready"], found["blocked"], found["queues"]) == (1, 1, {"default": 1})
    assert found["hottest"][0]["resource"] == REPOSITORY and found["hottest"][0]["waiting"] == 1


def test_top_says_when_nobody_works(queue: Queue, command: Command) -> None:
    assert "No worker is online" in command.text("top", "--once")


def test_top_shows_a_worker_that_is_silent(queue: Queue, command: Command) -> None:
    queue.hire()
    queue._leases.connection.close()
    assert "silent; its tasks are rescued within seconds" in command.text("top", "--once")


@contextmanager
def on_a_terminal(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command on a terminal of its own: its process and the terminal's other end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pulp_actor.cli.main", "tasks", *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | settings.environment() | {"TERM": "xterm", "COLUMNS": "140", "LINES": "40"})
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, text: str, timeout: float = 20.0) -> str:
    """What the terminal shows, until ``text`` is among it."""
    seen, deadline = "", time.monotonic() + timeout
    while text not in seen:
        readable, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert readable, f"{text!r} did not appear in {seen!r}"
        seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


def test_top_on_a_terminal_is_drawn_again_and_ends_by_ctrl_c(queue: Queue) -> None:
    with on_a_terminal("top", "--interval", "0.1") as (process, terminal):
        read_until(terminal, "Nothing is running.")
        queue.add("task", [REPOSITORY])
        queue.work(queue.hire(), "task")
        read_until(terminal, str(queue.ids["task"]))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_top_goes_on_while_the_database_is_away(queue: Queue, postgres: Server) -> None:
    name = queue.engine.execute("SELECT current_database()")[0][0]
    with on_a_terminal("top", "--interval", "0.1") as (process, terminal):
        read_until(terminal, "Nothing is running.")
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        read_until(terminal, "the database is away")
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        read_until(terminal, "Nothing is running.")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


# Which platform


def test_every_command_has_json_and_help(command: Command) -> None:
    for name in ("list", "show", "why", "top", "cancel", "dispatch"):
        assert "--json" in command.text(name, "--help")


def test_it_finds_the_platform_that_runs_in_a_data_directory(
    queue: Queue, database: Database, command: Command, data_dir: Path
) -> None:
    run = RunDir(data_dir)
    run.claim()
    run.write(Facts(1, "http://127.0.0.1:1", "http://127.0.0.1:2", database.url, "admin", "", {"API_ROOT": "/p/"}))
    queue.add("task")
    with settings.override(DATABASE_URL="", DATA_DIR=""):
        (row,) = command.json("list", "--data-dir", str(data_dir))
        assert command.json("--data-dir", str(data_dir), "list")[0]["id"] == row["id"]
    assert row["task"] == f"/p/api/v3/tasks/{queue.ids['task']}/"
    run.release()


def test_nothing_runs_in_the_data_directory(command: Command, tmp_path: Path) -> None:
    with settings.override(DATABASE_URL=""):
        line = command.error("list", "--data-dir", str(tmp_path))
    assert line.startswith(f"Error: nothing runs in {tmp_path}: start it with `pulp-actor up`")


def test_the_database_is_away(command: Command) -> None:
    with settings.override(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"):
        for arguments in (["list"], ["top", "--once"], ["why", str(uuid7())], ["dispatch", TEST + "dummy_task"]):
            assert command.error(*arguments).startswith("Error: cannot reach the database: ")
    pool.init(None)


def test_bad_ids(queue: Queue, command: Command) -> None:
    message = "Error: 'nonsense' is not the id, href or PRN of a task"
    for name in ("show", "why", "cancel"):
        assert command.error(name, "nonsense") == message
        key = uuid7()
        assert command.error(name, str(key)) == f"Error: there is no task {key}"
    assert "is not the id, href or PRN of a task" in command.error("show", f"prn:core.taskgroup:{uuid7()}")
