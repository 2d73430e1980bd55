"""Samples of queue and store, from which the console draws what happened."""

from pathlib import Path


def up(migrator, db):
    db.execute_sql(Path(__file__).with_suffix(".sql").read_text())
