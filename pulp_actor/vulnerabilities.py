"""Asks a vulnerability service what is known against the packages in a repository version, and keeps its answers.

The service speaks the API of OSV (https://google.github.io/osv.dev/api/); the setting ``VULNERABILITY_SERVICE`` says where
it is. A plugin says what the packages in its units are called there:

    register_packages("recipe.recipe", recipe_packages)

Must never know a type of content.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from peewee import Select, Value, chunked

from pulp_actor.db import transaction
from pulp_actor.errors import PulpActorError
from pulp_actor.identifiers import uuid7
from pulp_actor.models import RepositoryContent, RepositoryVersion, VulnerabilityReport, VulnerabilityReportVersion
from pulp_actor.models.base import utcnow
from pulp_actor.settings import settings

#: Packages that one question names at most; the service takes no more.
BATCH = 1_000
#: Seconds for an answer to begin.
TIMEOUT = 60


@dataclass(frozen=True)
class Package:
    """What a unit of content is called in the service's ecosystem (``PyPI``, ``Debian:12``, ``npm`` …)."""

    content: uuid.UUID
    ecosystem: str
    name: str
    version: str


#: Makes the query for the packages of a type: its rows are (content's key, ecosystem, name, version).
Packages = Callable[[], Select]

_packages: dict[str, tuple[Packages, Any]] = {}


def register_packages(type_: str, packages: Packages, content: Any) -> None:
    """Say what the packages in units of a type are called; ``content`` is the query's column with the unit's key."""
    _packages[type_] = packages, content


class ServiceFailed(PulpActorError):
    """The vulnerability service gave no answer, or one that cannot be read."""


class Service:
    """The service at an address."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._known: dict[str, Any] = {}

    def findings(self, packages: Sequence[Package]) -> list[list[str]]:
        """The ids of what is known against each of the packages."""
        found: list[list[str]] = [[] for _ in packages]
        asked = list(enumerate(map(_question, packages)))
        while asked:
            answers = self._ask("POST", "/v1/querybatch", json={"queries": [query for _, query in asked]})["results"]
            further = []
            for (number, query), answer in zip(asked, answers, strict=True):
                found[number] += [one["id"] for one in answer.get("vulns", ())]
                if answer.get("next_page_token"):
                    further.append((number, query | {"page_token": answer["next_page_token"]}))
            asked = further
        return found

    def details(self, identifier: str) -> Any:
        """All that is known of one vulnerability; asked for once."""
        if identifier not in self._known:
            self._known[identifier] = self._ask("GET", f"/v1/vulns/{identifier}")
        return self._known[identifier]

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._session.request(method, self._url + path, timeout=TIMEOUT, **options)
            answer.raise_for_status()
            return answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ServiceFailed(f"the vulnerability service at {self._url} gave no answer: {error}") from None


def _question(package: Package) -> dict[str, Any]:
    return {"package": {"name": package.name, "ecosystem": package.ecosystem}, "version": package.version}


def scan(version: RepositoryVersion) -> int:
    """Ask for what is known against the packages in a version, and keep a report of each unit with findings.

    Returns:
        how many units there are findings for.

    Raises:
        ServiceFailed: nothing of this version's reports has changed then.
    """
    service, reports = Service(settings.VULNERABILITY_SERVICE), {}
    for packages in chunked(packages_in(version), BATCH):
        for package, identifiers in zip(packages, service.findings(packages), strict=True):
            if identifiers:
                reports[package.content] = [service.details(one) for one in sorted(set(identifiers))]
    _keep(version, reports)
    return len(reports)


def packages_in(version: RepositoryVersion) -> Iterator[Package]:
    """The packages in the units of a version, of every type whose plugin has said what they are called."""
    members = RepositoryContent.select(RepositoryContent.content).where(
        RepositoryContent.repository == version.repository, RepositoryContent.version_added <= version.number,
        RepositoryContent.version_removed.is_null() | (RepositoryContent.version_removed > version.number))
    for packages, content in _packages.values():
        for row in packages().where(content.in_(members)).tuples().iterator():
            yield Package(*row)


def _keep(version: RepositoryVersion, reports: dict[uuid.UUID, list[Any]]) -> None:
    """Replace what this version's reports say. A report that no version has any more goes."""
    now = utcnow()
    with transaction():
        VulnerabilityReportVersion.delete().where(VulnerabilityReportVersion.version == version).execute()
        for part in chunked(sorted(reports), BATCH):
            VulnerabilityReport.insert_many([
                {"id": uuid7(), "content": key, "vulns": reports[key], "pulp_created": now, "pulp_last_updated": now}
                for key in part
            ]).on_conflict(
                conflict_target=[VulnerabilityReport.content],
                preserve=[VulnerabilityReport.vulns, VulnerabilityReport.pulp_last_updated],
            ).execute()
            held = VulnerabilityReport.select(Value(version.id), VulnerabilityReport.id).where(
                VulnerabilityReport.content.in_(list(part)))
            VulnerabilityReportVersion.insert_from(
                held, [VulnerabilityReportVersion.version, VulnerabilityReportVersion.report]).execute()
        VulnerabilityReport.delete().where(VulnerabilityReport.id.not_in(
            VulnerabilityReportVersion.select(VulnerabilityReportVersion.report))).execute()
