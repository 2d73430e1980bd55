"""The task engine's first schema: its tables, then its functions."""

from importlib import resources
from pathlib import Path


def up(migrator, db):
    db.execute_sql(Path(__file__).with_suffix(".sql").read_text())
    db.execute_sql((resources.files("pulp_actor.queue") / "functions.sql").read_text())
