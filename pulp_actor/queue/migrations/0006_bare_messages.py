"""The message of a task has no content, which its row has: the functions as they are now."""

from importlib import resources


def up(migrator, db):
    db.execute_sql("DROP FUNCTION IF EXISTS task_enqueue(uuid, text, text, integer, text)")
    db.execute_sql((resources.files("pulp_actor.queue") / "functions.sql").read_text())
