"""The resource types of the core: how its models are called on the wire."""

from pulp_actor.identifiers import ResourceType, registry
from pulp_actor.models.artifact import Artifact, Upload
from pulp_actor.models.base import Domain
from pulp_actor.models.user import Group, User

ARTIFACT = registry.register(ResourceType(Artifact, "artifacts", "core.artifact"))
UPLOAD = registry.register(ResourceType(Upload, "uploads", "core.upload"))
DOMAIN = registry.register(ResourceType(Domain, "domains", "core.domain"))
USER = registry.register(ResourceType(User, "users", "auth.user"))
GROUP = registry.register(ResourceType(Group, "groups", "core.group"))
