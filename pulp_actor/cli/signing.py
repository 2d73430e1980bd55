"""``pulp-actor add-signing-service`` and ``remove-signing-service``: they work on the database, because whoever names a
program that workers run must be at home on their machine."""

from __future__ import annotations

from pathlib import Path

import click

from pulp_actor.cli.admin import database_options, reachable_database
from pulp_actor.db import connected
from pulp_actor.db import migrate as migrations
from pulp_actor.signing.openpgp import BACKENDS, GPG
from pulp_actor.signing.services import CLASSES, add_service, remove_service


@click.command("add-signing-service")
@click.argument("name")
@click.argument("script")
@click.argument("fingerprint")
@click.option("--class", "klass", default=next(iter(CLASSES)), show_default=True, help="What the service makes.")
@click.option("--backend", type=click.Choice(BACKENDS), default=GPG, show_default=True, help="What checks signatures.")
@click.option("--home", metavar="DIR", help="Where the script finds its keys.")
@click.option("--public-key", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
              help="The public key, ASCII-armored. [asked for from the backend]")
@database_options
def add_signing_service(
    name: str, script: str, fingerprint: str, klass: str, backend: str, home: str | None, public_key: str | None,
    data_dir: str | None, database_url: str | None,
) -> None:
    """Have SCRIPT sign what is published, with the key FINGERPRINT. It signs something for a trial first."""
    with reachable_database(data_dir, database_url):
        migrations.check()
        with connected():
            key = Path(public_key).read_text() if public_key else None
            add_service(name, script, fingerprint, klass=klass, backend=backend, home=home, public_key=key)
    print(f"the signing service {name} is there")


@click.command("remove-signing-service")
@click.argument("name")
@click.option("--class", "klass", help="Only if it makes this.")
@database_options
def remove_signing_service(name: str, klass: str | None, data_dir: str | None, database_url: str | None) -> None:
    """Forget a signing service. What it has signed stays signed."""
    with reachable_database(data_dir, database_url):
        migrations.check()
        with connected():
            remove_service(name, klass)
    print(f"the signing service {name} has gone")
