"""The ``pulp-actor`` command: a group whose commands are imported when they are called, so that ``--help`` is quick."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from pulp_actor import __version__
from pulp_actor.errors import PulpActorError
from pulp_actor.settings import unknown_variables

#: Command: (module, attribute, what ``--help`` says about it).
COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("pulp_actor.cli.up", "up", "Run the whole platform: database, API, content server and workers."),
    "down": ("pulp_actor.cli.up", "down", "Stop a platform that was started with --detach."),
    "status": ("pulp_actor.cli.status", "status", "Say what runs, and whether it is well."),
    "demo": ("pulp_actor.cli.demo", "demo", "Mirror a small repository from nothing and check every byte of it."),
    "mirror": ("pulp_actor.cli.mirror", "mirror", "Mirror a repository of files and serve it, in one go."),
    "export": ("pulp_actor.cli.transfer", "export_", "Export repositories into an archive."),
    "import": ("pulp_actor.cli.transfer", "import_", "Import an archive of repositories."),
    "repair": ("pulp_actor.cli.repair", "repair", "Check stored files, and fetch again what is missing or damaged."),
    "add-signing-service": ("pulp_actor.cli.signing", "add_signing_service", "Have a script sign what is published."),
    "remove-signing-service": ("pulp_actor.cli.signing", "remove_signing_service", "Forget a signing service."),
    "tasks": ("pulp_actor.cli.tasks", "tasks", "See and steer the task queue."),
    "quota": ("pulp_actor.cli.quotas", "quota", "Say how much a domain or a repository may hold."),
    "schedule": ("pulp_actor.cli.schedules", "schedule", "Have tasks dispatched by interval or by cron."),
    "migrate": ("pulp_actor.cli.admin", "migrate", "Bring the database up to date."),
    "settings": ("pulp_actor.cli.admin", "show_settings", "Show the settings in force and where each comes from."),
    "rotate-key": ("pulp_actor.cli.keys", "rotate_key", "Encrypt every secret under a new key."),
    "collectstatic": ("pulp_actor.cli.development", "collectstatic", "Gather static files for a web server to send."),
    "runserver": ("pulp_actor.cli.development", "runserver", "Run everything in one process, for development."),
    "analytics": ("pulp_actor.cli.analytics", "analytics", "What this installation tells of itself, if anything."),
    "analytics-server": ("pulp_actor.cli.analytics", "analytics_server", "Receive reports and show a summary of them."),
    "reset-admin-password": ("pulp_actor.cli.admin", "reset_admin_password", "Give the admin user a new password."),
    "token": ("pulp_actor.cli.tokens", "token", "Make, list and revoke access tokens."),
}


class LazyGroup(click.Group):
    """Imports a command's module when the command is called or asked for its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        return getattr(import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pulp-actor")
def cli() -> None:
    """A content platform: mirrors, versions and serves software artifacts behind the Pulp 3 REST API."""
    for variable, nearest in unknown_variables(os.environ):
        hint = f"; did you mean {nearest}?" if nearest else ""
        click.echo(f"pulp-actor: warning: unknown environment variable {variable}{hint}", err=True)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; an error that is the user's to solve is one line on standard error and exit code 1."""
    try:
        return cli.main(args=arguments, prog_name="pulp-actor")
    except PulpActorError as error:
        print(f"pulp-actor: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
