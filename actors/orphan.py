"""Deletes content of a domain that no repository version holds, then the artifacts that no content has, and what was begun
and never finished: uploads, temporary files."""

from __future__ import annotations

import datetime
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from peewee import chunked

from actors.space import remove_unused
from pulp_actor.db import database, load_queries, transaction
from pulp_actor.domains import current_domain_id, of_current_domain
from pulp_actor.models import Upload
from pulp_actor.models.base import utcnow
from pulp_actor.queue import actor, current_task
from pulp_actor.settings import settings
from pulp_actor.storage.base import temporary_directory
from pulp_actor.storage.uploads import drop
from pulp_actor.sync.store import CONTENT_LOCK

#: Rows that are deleted in one transaction.
BATCH_SIZE = 1000

SQL = load_queries("actors", "orphan.sql")


@actor(name="pulpcore.app.tasks.orphan.orphan_cleanup", retry_on_loss=True)
def orphan_cleanup(content_pks: Sequence[str] | None = None, orphan_protection_time: int | None = None) -> None:
    """Delete orphans.

    Parameters:
        content_pks: only this content; None: any.
        orphan_protection_time: minutes for which an orphan is kept; None: the setting of that name.
    """
    minutes = settings.ORPHAN_PROTECTION_TIME if orphan_protection_time is None else orphan_protection_time
    before = _ago(minutes)
    task = current_task()
    with transaction():
        database.execute_sql(SQL.forget_changes)
    with task.progress("clean-up.content", "Clean up orphan Content") as progress:
        for count in _delete_content(content_pks, before):
            progress.increment(count)
    with task.progress("clean-up.artifacts", "Clean up orphan Artifacts") as progress:
        for count in _delete_artifacts(before):
            progress.increment(count)
    if settings.UPLOAD_PROTECTION_TIME:
        with task.progress("clean-up.uploads", "Clean up unfinished Uploads") as progress:
            progress.increment(_drop_uploads(_ago(settings.UPLOAD_PROTECTION_TIME)))
    if settings.TMPFILE_PROTECTION_TIME:
        with task.progress("clean-up.tmpfiles", "Clean up temporary files") as progress:
            progress.increment(_delete_temporary_files(_ago(settings.TMPFILE_PROTECTION_TIME)))


def _ago(minutes: int) -> datetime.datetime:
    """The time so many minutes ago; the beginning of time where that is longer ago."""
    try:
        return utcnow() - datetime.timedelta(minutes=minutes)
    except OverflowError:
        return datetime.datetime.min.replace(tzinfo=datetime.UTC)


def _delete_content(content_pks: Sequence[str] | None, before: datetime.datetime) -> Iterator[int]:
    """Delete orphans, some at a time; how many each time. Of named ones each is looked at once."""
    if content_pks is None:
        yield from _delete_batches(None, before)
        return
    for batch in chunked(map(str, content_pks), BATCH_SIZE):
        yield from _delete_batches(batch, before)


def _delete_batches(keys: list[str] | None, before: datetime.datetime) -> Iterator[int]:
    after = str(uuid.UUID(int=0))
    while True:
        with _others_kept_out(), transaction():
            rows = database.execute_sql(SQL.delete_content, {
                "before": before, "domain": str(current_domain_id()), "after": after, "limit": BATCH_SIZE, "keys": keys})
            deleted = [key for (key,) in rows.fetchall()]
        yield len(deleted)
        if len(deleted) < BATCH_SIZE:
            return
        after = max(deleted)


def _delete_artifacts(before: datetime.datetime) -> Iterator[int]:
    after = str(uuid.UUID(int=0))
    while True:
        with _others_kept_out():
            with transaction():
                rows = database.execute_sql(SQL.find_artifacts, {
                    "before": before, "domain": str(current_domain_id()), "after": after, "limit": BATCH_SIZE})
                keys = [str(key) for (key,) in rows.fetchall()]
            if not keys:
                return
            count, _ = remove_unused(keys)
        after = keys[-1]
        yield count


def _drop_uploads(before: datetime.datetime) -> int:
    """Drop the uploads of which nothing has come since a time; returns how many."""
    uploads = list(of_current_domain(Upload.select().where(Upload.pulp_last_updated <= before)))
    for upload in uploads:
        drop(upload)
    return len(uploads)


def _delete_temporary_files(before: datetime.datetime) -> int:
    """Delete the temporary files and folders that nobody has written to since a time, left by processes that died."""
    old = [path for path in temporary_directory().glob("*") if path.stat().st_mtime < before.timestamp()]
    for path in old:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return len(old)


@contextmanager
def _others_kept_out() -> Iterator[None]:
    """Hold the lock for one batch, across the transactions that it takes."""
    database.execute_sql(SQL.lock_cleanup, (CONTENT_LOCK,))
    try:
        yield
    finally:
        database.execute_sql(SQL.unlock_cleanup, (CONTENT_LOCK,))
