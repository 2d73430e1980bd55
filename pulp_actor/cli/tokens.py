"""``pulp-actor token``: personal access tokens, made, listed and revoked in the database itself."""

from __future__ import annotations

import datetime

import click

from pulp_actor.cli.admin import database_options, reachable_database
from pulp_actor.db import connected
from pulp_actor.db import migrate as migrations
from pulp_actor.errors import ConfigurationError
from pulp_actor.models import AccessToken, User
from pulp_actor.models.base import utcnow
from pulp_actor.security.tokens import make_token


@click.group()
def token() -> None:
    """Personal access tokens: for programs that act for a user."""


@token.command()
@click.argument("username")
@click.argument("name")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), default=365, show_default=True,
              help="How long it is good.")
@click.option("--scope", multiple=True, metavar="PATTERN", help="A permission it is limited to, as file.view_*; repeatable.")
@database_options
def create(
    username: str, name: str, days: float, scope: tuple[str, ...], data_dir: str | None, database_url: str | None,
) -> None:
    """Make a token for a user, and print it: this once."""
    with reachable_database(data_dir, database_url), connected():
        migrations.check()
        user = _user(username)
        if AccessToken.select().where(AccessToken.user == user.id, AccessToken.name == name).exists():
            raise ConfigurationError(f"{username} has a token called {name}")
        expires = utcnow() + datetime.timedelta(days=days)
        _, text = make_token(user.id, name, expires=expires, scope=scope or None)
    print(text)


@token.command("list")
@click.argument("username", required=False)
@database_options
def list_tokens(username: str | None, data_dir: str | None, database_url: str | None) -> None:
    """List the tokens (of one user): owner, name, end, last use, scope."""
    with reachable_database(data_dir, database_url), connected():
        migrations.check()
        query = AccessToken.select(AccessToken, User).join(User).order_by(User.username, AccessToken.name)
        if username:
            query = query.where(User.username == _user(username).username)
        for one in query:
            scope = "everything" if one.scope is None else " ".join(one.scope)
            print(one.user.username, one.name, _day(one.expires), _day(one.last_used), scope, sep="\t")


@token.command()
@click.argument("username")
@click.argument("name")
@database_options
def revoke(username: str, name: str, data_dir: str | None, database_url: str | None) -> None:
    """Take a token back: it is refused from now on."""
    with reachable_database(data_dir, database_url), connected():
        migrations.check()
        gone = AccessToken.delete().where(
            AccessToken.user == _user(username).id, AccessToken.name == name).execute()
    if not gone:
        raise ConfigurationError(f"{username} has no token called {name}")
    print("revoked")


def _user(username: str) -> User:
    user = User.get_or_none(User.username == username)
    if user is None:
        raise ConfigurationError(f"there is no user {username}")
    return user


def _day(moment: datetime.datetime | None) -> str:
    return "-" if moment is None else moment.date().isoformat()
