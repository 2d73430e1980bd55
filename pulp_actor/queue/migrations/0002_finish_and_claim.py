"""A task's end and the next claim in one transaction: the functions as they are now."""

from importlib import resources


def up(migrator, db):
    db.execute_sql((resources.files("pulp_actor.queue") / "functions.sql").read_text())
