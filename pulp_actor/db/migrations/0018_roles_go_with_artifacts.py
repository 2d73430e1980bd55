"""Roles on an artifact, which whoever uploaded it has, go with it."""

from pathlib import Path


def up(migrator, db):
    db.execute_sql(Path(__file__).with_suffix(".sql").read_text())
