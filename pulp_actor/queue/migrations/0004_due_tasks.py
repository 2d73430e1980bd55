"""A delayed task that is due is updated when it gets in line: the functions as they are now."""

from importlib import resources


def up(migrator, db):
    db.execute_sql((resources.files("pulp_actor.queue") / "functions.sql").read_text())
