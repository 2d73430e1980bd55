"""peewee models of the core, one module per aggregate. The columns are in ``db/migrations``; a test holds both together."""

from pulp_actor.domains import DEFAULT_DOMAIN_ID
from pulp_actor.models.access import AccessPolicy, AccessToken, Role, RoleAssignment, Session
from pulp_actor.models.alternate import AlternateContentFile, AlternateContentSource
from pulp_actor.models.artifact import Artifact, Upload, UploadChunk
from pulp_actor.models.base import BaseModel, Domain
from pulp_actor.models.content import Content, ContentArtifact, DetailContent, RemoteArtifact
from pulp_actor.models.distribution import ContentGuard, Distribution
from pulp_actor.models.publication import Publication, PublishedArtifact, PublishedMetadata
from pulp_actor.models.quota import Quota
from pulp_actor.models.remote import Remote
from pulp_actor.models.repository import Repository, RepositoryContent, RepositoryVersion
from pulp_actor.models.signing import SigningService
from pulp_actor.models.transfer import Export, Exporter, Import, Importer
from pulp_actor.models.upstream import UpstreamPulp
from pulp_actor.models.user import Group, GroupMember, User
from pulp_actor.models.vulnerability import VulnerabilityReport, VulnerabilityReportVersion
from pulp_actor.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "DEFAULT_DOMAIN_ID", "AccessPolicy", "AccessToken", "AlternateContentFile", "AlternateContentSource", "Artifact",
    "BaseModel", "Content", "ContentArtifact", "ContentGuard", "DetailContent", "Distribution", "Domain", "Export",
    "Exporter", "Group", "GroupMember", "Import", "Importer", "Publication", "PublishedArtifact", "PublishedMetadata",
    "Quota", "Remote", "RemoteArtifact", "Repository", "RepositoryContent", "RepositoryVersion", "Role",
    "RoleAssignment", "Session", "SigningService", "Upload", "UploadChunk", "UpstreamPulp", "User",
    "VulnerabilityReport", "VulnerabilityReportVersion", "Webhook", "WebhookDelivery",
]
