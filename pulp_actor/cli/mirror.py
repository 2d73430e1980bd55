"""``pulp-actor mirror``: remote, repository, publication and distribution in one go, or those of an earlier run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit, urlunsplit

import click
from rich.console import Console

from pulp_actor.cli.client import Client, Object
from pulp_actor.cli.connect import connect, connection_options
from pulp_actor.cli.progress import task_bars
from pulp_actor.errors import ConfigurationError

MANIFEST = "PULP_MANIFEST"


@dataclass(frozen=True)
class Mirrored:
    """What a mirror run made: the URL at which the result is served, its version's number, and how many files it has."""

    url: str
    version: int
    files: int
    changed: bool


@click.command()
@click.argument("url")
@click.option("--at", "base_path", metavar="BASE_PATH", required=True, help="Path below the content root to serve it at.")
@click.option("--policy", type=click.Choice(["immediate", "on_demand"]), default="immediate", show_default=True,
              help="Fetch files now, or each when somebody asks for it first.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@connection_options
def mirror(
    url: str, base_path: str, policy: str, as_json: bool, data_dir: str | None, api: str | None, user: str | None,
    password: str | None, insecure: bool,
) -> None:
    """Mirror the repository of files at URL and serve it.

    URL is a directory that holds a PULP_MANIFEST, or the manifest itself. Run again, it takes over what has changed there.
    """
    client = connect(data_dir, api, user, password, insecure)
    with task_bars() as bars:
        result = run_mirror(client, url, base_path, policy, bars)
    if as_json:
        print(json.dumps(asdict(result), indent=2))
        return
    console = Console(highlight=False)
    files = "1 file" if result.files == 1 else f"{result.files:,} files"
    what = f"version {result.version}, {files}" + ("" if result.changed else ", nothing had changed")
    console.print(f"{what}; served at", markup=False)
    console.print(result.url, markup=False, soft_wrap=True)


def run_mirror(client: Client, url: str, base_path: str, policy: str, watch: Callable[[Object], None]) -> Mirrored:
    """Mirror ``url`` at ``base_path``; everything that is made goes by the name of the base path.

    Raises:
        ApiError: a request was refused.
        TaskFailed: the sync or another task did not complete.
    """
    name = base_path.strip("/")
    remote = client.ensure("remotes/file/file/", name, {"url": manifest_url(url), "policy": policy})
    repository = client.ensure("repositories/file/file/", name, {"remote": remote["pulp_href"]})
    before = repository["latest_version_href"]
    client.run(f"{repository['pulp_href']}sync/", {"remote": remote["pulp_href"], "mirror": True}, watch)
    repository = client.get(repository["pulp_href"])
    latest = repository["latest_version_href"]
    publications = "publications/file/file/"
    if client.find(publications, repository_version=latest) is None:
        client.create(publications, {"repository_version": latest})
    distribution = client.ensure(
        "distributions/file/file/", name, {"base_path": name, "repository": repository["pulp_href"]})
    version = client.get(latest)
    files = version["content_summary"]["present"].get("file.file", {}).get("count", 0)
    return Mirrored(distribution["base_url"], version["number"], files, latest != before)


def manifest_url(url: str) -> str:
    """The URL of the manifest, where the user may have named its directory.

    Raises:
        ConfigurationError: it is no URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "file") or not (parts.netloc or parts.scheme == "file"):
        raise ConfigurationError(f"{url!r} is no URL: it must begin with http://, https:// or file://")
    if MANIFEST in parts.path.rpartition("/")[2]:
        return url
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{MANIFEST}"))
