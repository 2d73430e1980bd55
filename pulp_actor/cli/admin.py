"""``pulp-actor migrate``, ``settings`` and ``reset-admin-password``: they work on the database, not through the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from pulp_actor.cli import accounts
from pulp_actor.cli.rundir import RunDir
from pulp_actor.db import configure, database
from pulp_actor.db import migrate as migrations
from pulp_actor.db.connection import check_server
from pulp_actor.db.embedded import EmbeddedServer
from pulp_actor.errors import ConfigurationError
from pulp_actor.plugins import load_plugins
from pulp_actor.security.encryption import keyring
from pulp_actor.security.passwords import generate_password
from pulp_actor.settings import SETTINGS, Setting, settings


def database_options(command: Any) -> Any:
    """The options that say which database a command works on."""
    command = click.option("--database-url", metavar="URL", help="A PostgreSQL server of yours.")(command)
    return click.option("--data-dir", metavar="DIR", help="Data directory with an embedded server.")(command)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@database_options
def migrate(as_json: bool, data_dir: str | None, database_url: str | None) -> None:
    """Bring the database up to date. Safe to run from several places at once; they take turns."""
    with reachable_database(data_dir, database_url):
        keyring.create()
        applied = migrations.migrate()
    if as_json:
        print(json.dumps({"applied": applied}, indent=2))
        return
    for name in applied:
        print(name)
    print(f"{len(applied)} migration(s) applied" if applied else "up to date")


@click.command("reset-admin-password")
@click.option("--password", metavar="TEXT", help="The new password. [generated, shown once]")
@click.option("--if-missing", is_flag=True, help="Only make the user, and only if there is none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@database_options
def reset_admin_password(
    password: str | None, if_missing: bool, as_json: bool, data_dir: str | None, database_url: str | None,
) -> None:
    """Give the user admin a new password, making the user if there is none.

    Without --password it is that of the setting ADMIN_PASSWORD, or a new one.
    """
    password = password or settings.ADMIN_PASSWORD
    new = password or generate_password()
    with reachable_database(data_dir, database_url):
        migrations.check()
        if if_missing and accounts.admin_exists():
            print(json.dumps({"username": "admin", "made": False}) if as_json else "there is a user admin already")
            return
        made = accounts.reset_admin(settings.data_dir, new)
    if as_json:
        print(json.dumps({"username": "admin", "made": made} | ({} if password else {"password": new}), indent=2))
        return
    done = "the user admin was made" if made else "the password of admin was changed"
    print(done if password else f"{done}: {new}")


@click.command("settings")
@click.option("--all", "everything", is_flag=True, help="Those that have their defaults, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def show_settings(names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Show the settings in force and where each comes from; secrets are masked.

    Settings are read from the file that PULP_SETTINGS names, then from PULP_<NAME> in the environment.
    """
    chosen = [_setting(name) for name in names] or list(SETTINGS.values())
    if not names and not everything:
        chosen = [row for row in chosen if settings.source(row.name) != "default"]
    if as_json:
        print(json.dumps(
            {row.name: {"value": settings.shown(row.name), "source": settings.source(row.name)} for row in chosen},
            indent=2))
        return
    if not chosen:
        print("every setting has its default; --all lists them")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Setting", "Value", "From", "What it is"):
        table.add_column(heading, overflow="fold")
    for row in chosen:
        table.add_row(row.name, json.dumps(settings.shown(row.name)), settings.source(row.name), row.help)
    Console(highlight=False, markup=False, soft_wrap=True).print(table)


def _setting(name: str) -> Setting:
    try:
        return SETTINGS[name.upper().removeprefix("PULP_")]
    except KeyError:
        raise ConfigurationError(f"there is no setting {name}") from None


@contextmanager
def reachable_database(data_dir: str | None, database_url: str | None) -> Iterator[None]:
    """Bind the pool to the configured database, to that of the platform that runs in the data directory (with the settings
    that whoever works on it must share), or to the embedded server of a platform that does not run, which is started for as
    long as the block takes.

    Raises:
        ConfigurationError: there is none, or it cannot be reached.
    """
    if data_dir:
        settings.set("--data-dir", DATA_DIR=data_dir)
    if database_url:
        settings.set("--database-url", DATABASE_URL=database_url)
    run_dir = RunDir(settings.data_dir)
    facts = run_dir.read() if run_dir.is_claimed() else None
    if facts and not settings.DATABASE_URL:
        settings.set(str(run_dir.path), **facts.settings, DATABASE_URL=facts.database_url)
    if settings.DATABASE_URL:
        with _bound(settings.DATABASE_URL):
            yield
        return
    run_dir.claim()
    server = EmbeddedServer(settings.data_dir / "postgres")
    try:
        server.start()
        with _bound(server.url):
            yield
    finally:
        server.stop()
        run_dir.release()


@contextmanager
def _bound(url: str) -> Iterator[None]:
    check_server(url)
    configure(url)
    load_plugins()
    try:
        yield
    finally:
        database.close_all()
