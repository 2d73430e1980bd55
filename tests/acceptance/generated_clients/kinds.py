"""What the generated clients make: each type of object that is made, read, changed and deleted under a name of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.certificates import certificate
from tests.support.clients import Clients, offers

ANYWHERE = "http://127.0.0.1:9/"


@dataclass(frozen=True)
class Kind:
    """A type of object.

    Attributes:
        api: the class of the clients.
        body: what one is made with, beside its name; a function is given the clients and the name.
        change: what is changed, and how it reads afterwards.
        named: the field that is its name.
        searchable: whether its list can be filtered by name, which that of one type cannot.
    """

    api: str
    body: dict[str, Any] = field(default_factory=dict)
    change: dict[str, Any] = field(default_factory=dict)
    named: str = "name"
    searchable: bool = True

    def __str__(self) -> str:
        return self.api.removesuffix("Api")

    def offers(self, *names: str) -> bool:
        return set(names) <= offers()[self.api].operations

    def body_of(self, clients: Clients, name: str) -> dict[str, Any]:
        """What the object of this name is made with."""
        return {self.named: name} | {
            key: value(clients, name) if callable(value) else value for key, value in self.body.items()}

    def change_of(self, clients: Clients, name: str) -> dict[str, Any]:
        return {key: value(clients, name) if callable(value) else value for key, value in self.change.items()}


def own_name(clients: Clients, name: str) -> str:
    return name


def folder(clients: Clients, name: str) -> str:
    """A path that the platform may export to."""
    return str(clients.platform.shelf / name)


def new_folder(clients: Clients, name: str) -> str:
    return folder(clients, f"{name} changed")


def repositories(clients: Clients, name: str) -> list[str]:
    """One new repository, or the one that an earlier call for this name has made."""
    found = clients.RepositoriesFileApi.list(name=name).results
    return [found[0].pulp_href if found else clients.RepositoriesFileApi.create({"name": name}).pulp_href]


def remote(clients: Clients, name: str) -> str:
    """The same for a remote, of the policy that alternate sources ask for."""
    found = clients.RemotesFileApi.list(name=name).results
    body = {"name": name, "url": ANYWHERE, "policy": "on_demand"}
    return found[0].pulp_href if found else clients.RemotesFileApi.create(body).pulp_href


KINDS = [
    Kind("RepositoriesFileApi", {"autopublish": True, "retain_repo_versions": 3},
         {"description": "changed", "retain_repo_versions": None, "manifest": "LIST"}),
    Kind("RemotesFileApi", {"url": "http://localhost/PULP_MANIFEST", "username": "u", "password": "p"},
         {"policy": "on_demand", "total_timeout": 7.5, "headers": [{"X-A": "1"}]}),
    Kind("RemotesGitApi", {"url": "http://localhost/x.git"}, {"git_ref": "main"}),
    Kind("AcsFileApi", {"remote": remote}, {"paths": ["a", "b"]}),
    Kind("DistributionsFileApi", {"base_path": own_name}, {"hidden": True}),
    Kind("DistributionsOpenpgpApi", {"base_path": own_name}, {"hidden": True}, searchable=False),
    Kind("RepositoriesOpenpgpKeyringApi", {}, {"description": "changed"}),
    Kind("ContentguardsRbacApi", {}, {"description": "changed"}),
    Kind("ContentguardsContentRedirectApi", {}, {"description": "changed"}),
    Kind("ContentguardsHeaderApi", {"header_name": "X-A", "header_value": "a", "jq_filter": ".a"}, {"header_value": "b"}),
    Kind("ContentguardsEnvvarHeaderApi", {"header_name": "X-A", "env_var": "A"}, {"env_var": "B"}),
    Kind("ContentguardsCompositeApi", {"guards": []}, {"description": "changed"}),
    Kind("ContentguardsX509Api", {"ca_certificate": certificate()}, {"description": "changed"}),
    Kind("ContentguardsRhsmApi", {"ca_certificate": certificate()}, {"description": "changed"}),
    Kind("UsersApi", {"password": "a long pass phrase", "email": "a@example.org"},
         {"first_name": "Ada", "is_staff": True, "is_active": False}, named="username"),
    Kind("GroupsApi", {}, {"name": lambda clients, name: f"{name} changed"}),
    Kind("RolesApi", {"permissions": ["file.view_filerepository"]},
         {"description": "changed", "permissions": ["file.view_fileremote", "file.view_filerepository"]}),
    Kind("ExportersPulpApi", {"path": folder, "repositories": repositories}, {"path": new_folder}),
    Kind("ExportersFilesystemApi", {"path": folder}, {"path": new_folder, "method": "hardlink"}),
    Kind("ImportersPulpApi", {"repo_mapping": {"there": "here"}}, {"repo_mapping": {"there": "elsewhere"}}),
    Kind("UpstreamPulpsApi", {"base_url": ANYWHERE, "api_root": "/pulp/", "username": "u", "password": "p"},
         {"policy": "nodelete", "q_select": "name__startswith=a"}),
]
