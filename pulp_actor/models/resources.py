"""The resource types of the core: how its models are called on the wire."""

from pulp_actor.identifiers import ResourceType, registry
from pulp_actor.models.access import AccessPolicy, AccessToken, Role
from pulp_actor.models.artifact import Artifact, Upload
from pulp_actor.models.base import Domain
from pulp_actor.models.distribution import ContentGuard, Distribution
from pulp_actor.models.openpgp import (
    OpenPGPPublicKey,
    OpenPGPPublicSubkey,
    OpenPGPSignature,
    OpenPGPUserAttribute,
    OpenPGPUserID,
)
from pulp_actor.models.quota import Quota
from pulp_actor.models.repository import Repository, RepositoryVersion
from pulp_actor.models.signing import SigningService
from pulp_actor.models.transfer import FILESYSTEM, PULP, Export, Exporter, Import, Importer
from pulp_actor.models.upstream import UpstreamPulp
from pulp_actor.models.user import Group, User
from pulp_actor.models.vulnerability import VulnerabilityReport
from pulp_actor.models.webhook import Webhook, WebhookDelivery
from pulp_actor.queue.models import Task, TaskGroup, TaskSchedule, Worker

ARTIFACT = registry.register(ResourceType(Artifact, "artifacts", "core.artifact"))
UPLOAD = registry.register(ResourceType(Upload, "uploads", "core.upload"))
DOMAIN = registry.register(ResourceType(Domain, "domains", "core.domain"))
USER = registry.register(ResourceType(User, "users", "auth.user"))
GROUP = registry.register(ResourceType(Group, "groups", "core.group"))
ROLE = registry.register(ResourceType(Role, "roles", "core.role"))
ACCESS_POLICY = registry.register(ResourceType(AccessPolicy, "access_policies", "core.accesspolicy"))
QUOTA = registry.register(ResourceType(Quota, "quotas", "core.quota"))
ACCESS_TOKEN = registry.register(ResourceType(AccessToken, "tokens", "actor.accesstoken"))
#: Versions live below their repository (`identifiers.version_href`); the path here is the list over all of them.
REPOSITORY_VERSION = registry.register(
    ResourceType(RepositoryVersion, "repository_versions", "core.repositoryversion"))
TASK = registry.register(ResourceType(Task, "tasks", "core.task"))
TASK_GROUP = registry.register(ResourceType(TaskGroup, "task-groups", "core.taskgroup"))
TASK_SCHEDULE = registry.register(ResourceType(TaskSchedule, "task-schedules", "core.taskschedule"))
VULNERABILITY_REPORT = registry.register(
    ResourceType(VulnerabilityReport, "vuln_report", "core.vulnerabilityreport"))
WORKER = registry.register(ResourceType(Worker, "workers", "core.worker"))
OPENPGP_KEYRING = registry.register(
    ResourceType(Repository, "repositories/core/openpgp_keyring", "core.openpgpkeyring", "core.openpgp"))
OPENPGP_DISTRIBUTION = registry.register(
    ResourceType(Distribution, "distributions/core/openpgp", "core.openpgpdistribution", "core.openpgp"))
ARTIFACT_DISTRIBUTION = registry.register(
    ResourceType(Distribution, "distributions/core/artifacts", "core.artifactdistribution", "core.artifact"))
RBAC_GUARD = registry.register(
    ResourceType(ContentGuard, "contentguards/core/rbac", "core.rbaccontentguard", "core.rbac"))
REDIRECT_GUARD = registry.register(ResourceType(
    ContentGuard, "contentguards/core/content_redirect", "core.contentredirectcontentguard", "core.content_redirect"))
HEADER_GUARD = registry.register(
    ResourceType(ContentGuard, "contentguards/core/header", "core.headercontentguard", "core.header"))
ENVVAR_GUARD = registry.register(ResourceType(
    ContentGuard, "contentguards/core/envvar_header", "core.envvarheadercontentguard", "core.envvar_header"))
COMPOSITE_GUARD = registry.register(
    ResourceType(ContentGuard, "contentguards/core/composite", "core.compositecontentguard", "core.composite"))
PULP_EXPORTER = registry.register(ResourceType(Exporter, "exporters/core/pulp", "core.pulpexporter", PULP))
FILESYSTEM_EXPORTER = registry.register(
    ResourceType(Exporter, "exporters/core/filesystem", "core.filesystemexporter", FILESYSTEM))
#: Exports and imports live below what made them (`transfer.hrefs`); the paths here only name their kinds.
PULP_EXPORT = registry.register(ResourceType(Export, "exporters/core/pulp/exports", "core.pulpexport", PULP))
FILESYSTEM_EXPORT = registry.register(
    ResourceType(Export, "exporters/core/filesystem/exports", "core.filesystemexport", FILESYSTEM))
PULP_IMPORTER = registry.register(ResourceType(Importer, "importers/core/pulp", "core.pulpimporter", PULP))
PULP_IMPORT = registry.register(ResourceType(Import, "importers/core/pulp/imports", "core.pulpimport"))
UPSTREAM_PULP = registry.register(ResourceType(UpstreamPulp, "upstream-pulps", "core.upstreampulp"))
WEBHOOK = registry.register(ResourceType(Webhook, "webhooks", "actor.webhook"))
WEBHOOK_DELIVERY = registry.register(ResourceType(WebhookDelivery, "webhooks/deliveries", "actor.webhookdelivery"))
SIGNING_SERVICE = registry.register(ResourceType(SigningService, "signing-services", "core.signingservice"))
PUBLIC_KEY = registry.register(ResourceType(
    OpenPGPPublicKey, "content/core/openpgp_publickey", "core.openpgppublickey", OpenPGPPublicKey.type))
PUBLIC_SUBKEY = registry.register(ResourceType(
    OpenPGPPublicSubkey, "content/core/openpgp_publicsubkey", "core.openpgppublicsubkey", OpenPGPPublicSubkey.type))
SIGNATURE = registry.register(ResourceType(
    OpenPGPSignature, "content/core/openpgp_signature", "core.openpgpsignature", OpenPGPSignature.type))
USER_ATTRIBUTE = registry.register(ResourceType(
    OpenPGPUserAttribute, "content/core/openpgp_userattribute", "core.openpgpuserattribute", OpenPGPUserAttribute.type))
USER_ID = registry.register(ResourceType(
    OpenPGPUserID, "content/core/openpgp_userid", "core.openpgpuserid", OpenPGPUserID.type))
