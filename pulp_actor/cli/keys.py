"""``pulp-actor rotate-key``: a new encryption key, while everything runs."""

from __future__ import annotations

import click

from pulp_actor.cli.admin import database_options, reachable_database
from pulp_actor.db import migrate as migrations
from pulp_actor.plugins import load_plugins
from pulp_actor.queue import load_actors
from pulp_actor.security.encryption import keyring
from pulp_actor.security.secrets import EncryptedColumn, Rotated, encrypted_columns, reencrypt


@click.command("rotate-key")
@click.option("--check", is_flag=True, help="Change nothing; say what is under which key, and what no key opens.")
@click.option("--keep-key", is_flag=True, help="Make no new key; move everything to the first one in the file.")
@click.option("--drop-old", is_flag=True, help="Take the older keys away once nothing is under them.")
@database_options
def rotate_key(check: bool, keep_key: bool, drop_old: bool, data_dir: str | None, database_url: str | None) -> None:
    """Put a new encryption key in front and move every secret to it.

    Safe while the platform runs, and safe to repeat: what an interrupted run has done stays done.
    """
    if check and (keep_key or drop_old):
        raise click.UsageError("--check changes nothing, so that it stands alone")
    with reachable_database(data_dir, database_url):
        migrations.check()
        load_plugins()
        load_actors()
        if not check and not keep_key:
            keyring.add_key()
            print(f"a new key stands first in {keyring.path}")
        results = [(column, reencrypt(column, dry_run=check)) for column in encrypted_columns()]
        for column, result in results:
            _show(column, result, done=not check)
        lost = sum(len(result.unreadable) for _, result in results)
        if drop_old and not lost:
            # What a process that had not seen the new key yet has written meanwhile.
            again = sum(reencrypt(column).moved for column in encrypted_columns())
            print(f"{keyring.drop_old_keys()} older key(s) dropped, {again} late value(s) moved before")
    if lost:
        kept = "; no key was dropped" if drop_old else ""
        raise click.ClickException(f"{lost} secret(s) cannot be read with any key in {keyring.path}{kept}")


def _show(column: EncryptedColumn, result: Rotated, *, done: bool) -> None:
    if not (result.moved or result.current or result.unreadable):
        return
    verb = "moved" if done else "to be moved"
    lost = f", {len(result.unreadable)} unreadable: {', '.join(result.unreadable[:5])}" if result.unreadable else ""
    more = ", …" if len(result.unreadable) > 5 else ""
    print(f"{column.name}: {result.moved} {verb}, {result.current} under the newest key{lost}{more}")
