"""Roles on an object go with it, for the kinds of object that came later."""

from pathlib import Path


def up(migrator, db):
    db.execute_sql(Path(__file__).with_suffix(".sql").read_text())
