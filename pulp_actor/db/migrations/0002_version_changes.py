"""Where a task gathers the changes that will make a repository version."""

from pathlib import Path


def up(migrator, db):
    db.execute_sql(Path(__file__).with_suffix(".sql").read_text())
