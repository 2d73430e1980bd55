"""A claim says how long its task has waited: the functions as they are now."""

from importlib import resources


def up(migrator, db):
    db.execute_sql((resources.files("pulp_actor.queue") / "functions.sql").read_text())
