"""``pulp-actor up`` and ``down``: run the platform in the foreground or detached, and stop it.

A detached platform is this same command, started again in a session of its own; it reports over a pipe when it is ready or
why it is not, so that ``up --detach`` returns with the truth.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import psutil
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from pulp_actor.cli.platform import Platform, ServiceDied, death_of
from pulp_actor.cli.rundir import Facts, RunDir
from pulp_actor.errors import ConfigurationError, PulpActorError
from pulp_actor.identifiers import api_prefix, console_path
from pulp_actor.settings import settings

#: Option: the setting that it is.
OPTIONS = {
    "api_bind": "API_BIND", "content_bind": "CONTENT_BIND", "workers": "WORKERS", "data_dir": "DATA_DIR",
    "admin_password": "ADMIN_PASSWORD", "database_url": "DATABASE_URL",
}


@click.command()
@click.option("--api-bind", metavar="HOST:PORT", help="Where the API listens; port 0: a free one. [127.0.0.1:24817]")
@click.option("--content-bind", metavar="HOST:PORT", help="Where the content server listens. [127.0.0.1:24816]")
@click.option("--workers", type=click.IntRange(1), help="Worker processes. [2]")
@click.option("--data-dir", metavar="DIR", help="Where everything lies. [~/.local/share/pulp-actor]")
@click.option("--admin-password", metavar="TEXT", help="Password of a new admin user. [generated, shown once]")
@click.option("--database-url", metavar="URL", help="A PostgreSQL server of yours. [one of its own]")
@click.option("--detach", is_flag=True, help="Return when everything is ready; stop it with `pulp-actor down`.")
@click.option("--report-fd", type=int, hidden=True)
def up(detach: bool, report_fd: int | None, **options: Any) -> None:
    """Run the whole platform: database, API, content server and workers.

    Started again it finds its data. Ctrl-C or SIGTERM stops everything in order; a second one at once. Each option is a
    setting, too: PULP_API_BIND, PULP_WORKERS and so on.
    """
    apply_options(options)
    if detach:
        _detach()
    elif report_fd is not None:
        _run_detached(report_fd)
    else:
        _run_here()


@click.command()
@click.option("--data-dir", metavar="DIR", help="The platform's data directory. [~/.local/share/pulp-actor]")
def down(data_dir: str | None) -> None:
    """Stop the platform that runs in a data directory, and return when it has stopped."""
    apply_options({"data_dir": data_dir})
    run_dir = RunDir(settings.data_dir)
    if not run_dir.is_claimed():
        print(f"nothing runs in {settings.data_dir}")
        return
    facts = run_dir.read()
    if facts is None:
        raise ConfigurationError(f"the platform in {settings.data_dir} is starting or stopping; try again in a moment")
    keeper = psutil.Process(facts.pid)
    keeper.terminate()
    run_dir.wait_until_released()
    keeper.wait()
    print("stopped")


def apply_options(options: dict[str, Any]) -> None:
    """Put the command's options that were given in force as settings."""
    for option, value in options.items():
        if value is not None:
            settings.set("--" + option.replace("_", "-"), **{OPTIONS[option]: value})


def _run_here() -> None:
    console = Console(highlight=False)
    with console.status("starting") as line:
        platform = Platform(lambda text: line.update(text))
        _forward_signals(platform)
        try:
            platform.start()
        except KeyboardInterrupt:
            raise SystemExit(130) from None
    _show(console, platform)
    console.print("[bold green]ready[/] – Ctrl-C stops everything")
    try:
        event = platform.wait()
    finally:
        with console.status("stopping") as line:
            platform.stop()
    if event.service:
        raise death_of(event)
    console.print("stopped")


def _detach() -> None:
    """Start this command again in a session of its own, and show what it reports."""
    read_end, write_end = os.pipe()
    environment = os.environ | settings.environment()
    child = subprocess.Popen(
        [sys.executable, "-m", "pulp_actor.cli.main", "up", "--report-fd", str(write_end)],
        env=environment, pass_fds=[write_end], start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    console = Console(highlight=False)
    try:
        with console.status("starting") as line, os.fdopen(read_end) as reports:
            for text in reports:
                report = json.loads(text)
                if "doing" in report:
                    line.update(report["doing"])
                else:
                    break
            else:
                raise ServiceDied(f"the platform ended before it was ready (exit code {child.wait()})")
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise SystemExit(130) from None
    if "error" in report:
        child.wait()
        raise ConfigurationError(report["error"])
    console.print(report["summary"], markup=False, end="", soft_wrap=True)
    console.print("[bold green]ready[/]", f"– `{command_name()} down{_data_dir_option()}` stops everything", soft_wrap=True)


def _run_detached(report_fd: int) -> NoReturn:
    """The detached platform itself. Nobody reads what it prints; why it ended is in ``logs/up.log``."""
    os.set_inheritable(report_fd, False)
    reports = os.fdopen(report_fd, "w")

    def report(**what: str) -> None:
        if not reports.closed:
            try:
                print(json.dumps(what), file=reports, flush=True)
            except BrokenPipeError:
                pass  # who started it has gone; the platform stays

    platform = Platform(lambda text: report(doing=text))
    _forward_signals(platform)
    try:
        platform.start()
    except KeyboardInterrupt:
        sys.exit(130)
    except PulpActorError as error:
        report(error=str(error))
        sys.exit(1)
    console = Console(highlight=False, width=100, file=io.StringIO())
    with console.capture() as summary:
        _show(console, platform)
    report(summary=summary.get())
    reports.close()
    try:
        event = platform.wait()
        if event.service:
            with (platform.logs / "up.log").open("a") as log:
                print(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), death_of(event), file=log)
    finally:
        platform.stop()
    sys.exit(1 if event.service else 0)


def _forward_signals(platform: Platform) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: platform.interrupt(received))


def _show(console: Console, platform: Platform) -> None:
    """What runs where, who may log in, and three things to try."""
    assert platform.facts is not None
    facts = platform.facts
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("API", f"{facts.api}{api_prefix()}")
    table.add_row("Console", f"{facts.api}{console_path()}")
    table.add_row("Content", f"{facts.content}{settings.CONTENT_PATH_PREFIX}")
    table.add_row("Workers", str(settings.WORKERS))
    table.add_row("Database", "embedded PostgreSQL" if platform.embedded else _without_password(facts.database_url))
    table.add_row("Data, logs", str(settings.data_dir))
    table.add_row("Login", _login(platform))
    console.print(Panel(table, title="pulp-actor", title_align="left", expand=False))
    console.print("Try:", markup=False)
    for line in _suggestions(facts):
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _login(platform: Platform) -> str:
    password = platform.password
    assert password is not None
    if password.generated:
        return f"admin / {password.text}   (shown this once)"
    if password.ignored:
        return "admin, with the password it has: the one given is for a new user; see reset-admin-password"
    return "admin, with the password given" if password.created else "admin, with the password it has"


def _suggestions(facts: Facts) -> list[str]:
    where = _data_dir_option()
    return [
        f"curl {facts.api}{api_prefix()}status/",
        f"{command_name()} mirror{where} https://example.org/files/ --at files     # a directory with a PULP_MANIFEST",
        f"pulp config create --base-url {facts.api} --username admin --password …",
    ]


def _data_dir_option() -> str:
    """What a command needs to be told to find this platform."""
    return "" if settings.source("DATA_DIR") == "default" else f" --data-dir {shlex.quote(str(settings.data_dir))}"


def command_name() -> str:
    """How the user can call this program again: by name if it is on the path, else by the shortest path to it."""
    script = Path(sys.executable).with_name("pulp-actor")
    found = shutil.which("pulp-actor")
    if found and Path(found).resolve() == script.resolve():
        return "pulp-actor"
    text = str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)
    return shlex.quote(text)


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    credentials, at, place = rest.rpartition("@")
    return f"{scheme}://{credentials.partition(':')[0]}{at}{place}" if scheme else "as configured"
