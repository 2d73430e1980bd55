"""Reports of what is known against units of content: read and deleted here, made by scanning a version. A plugin whose
units are packages offers that for its repositories' versions:

    repository_endpoints(..., version_operations=[scanning()])
"""

from __future__ import annotations

from typing import Any

from peewee import Select, fn

from api.call import Answer, Call
from api.core.common import columns, newest_first, orderings
from api.core.content import content_types
from api.endpoints import Endpoint, Key, Operation
from api.filters import FilterSet, custom, identity_filters
from api.operations import action, deleting, listing, reading
from api.schemas.base import ObjectSchema
from api.schemas.fields import Json, ListOf, Row, Text
from api.schemas.references import Href, find_object
from pulp_actor.identifiers import href_of, version_href
from pulp_actor.models import Content, Repository, RepositoryVersion, VulnerabilityReport, VulnerabilityReportVersion
from pulp_actor.models.resources import VULNERABILITY_REPORT

CHECK_CONTENT = "pulpcore.app.tasks.vulnerability_report.check_content"


def _versions(row: Row) -> list[str]:
    return [version_href(one["type"], one["repository"], one["number"]) for one in row["versions"] or ()]


class VulnerabilityReportSchema(ObjectSchema):
    wire_name = "VulnerabilityReport"
    model = VulnerabilityReport

    vulns = Json(required=True, help="What is known, in the OSV format.")
    repo_versions = ListOf(Text(format="uri"), show=_versions, help="The versions that it was found in.")
    content = Href(show=lambda row: href_of(content_types()[row["content_type"]], row["content_id"]))


def report_rows() -> Select:
    """All reports, with their unit's type and the versions they were found in."""
    version = fn.JSONB_BUILD_OBJECT(
        "type", Repository.type, "repository", Repository.id, "number", RepositoryVersion.number)
    versions = (
        RepositoryVersion.select(fn.JSONB_AGG(version).order_by(RepositoryVersion.id))
        .join(Repository)
        .join(VulnerabilityReportVersion, on=VulnerabilityReportVersion.version == RepositoryVersion.id)
        .where(VulnerabilityReportVersion.report == VulnerabilityReport.id)
    )
    return VulnerabilityReport.select(
        *columns(VulnerabilityReport), Content.type.alias("content_type"), versions.alias("versions")).join(Content)


def _found_in(text: str) -> Any:
    version = find_object(text, RepositoryVersion)
    return VulnerabilityReport.id.in_(VulnerabilityReportVersion.select(VulnerabilityReportVersion.report).where(
        VulnerabilityReportVersion.version == version))


def report_endpoint() -> Endpoint:
    return Endpoint(
        path=VULNERABILITY_REPORT.path, tag="Vuln_Report", schema=VulnerabilityReportSchema, rows=report_rows,
        resource=VULNERABILITY_REPORT, keys=[Key("pulp_id", VulnerabilityReport.id)],
        filters=FilterSet(
            [
                *identity_filters(VulnerabilityReport.id, VulnerabilityReport),
                custom("repo_versions", _found_in, help="Those that were found in this version."),
            ],
            orderings(VulnerabilityReport, ("vulns",)), newest_first(VulnerabilityReport),
        ),
        operations=[listing(), reading(), deleting()],
    )


def _scan(call: Call) -> Answer:
    row = call.row()
    repository = Repository.get_by_id(row["repository_id"])
    return call.accepted(CHECK_CONTENT, {"repository_version_pk": str(row["id"])}, shared=[repository])


def scanning() -> Operation:
    """``scan/`` of a version: ask what is known against the packages in it."""
    return action("scan", _scan, help="Ask what is known against the packages in this version.")
