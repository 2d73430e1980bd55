"""The certguard plugin: content guards that ask for a client's certificate."""

from pulp_actor import API_CONTRACT_VERSION
from pulp_actor.identifiers import ResourceType
from pulp_actor.models import ContentGuard
from pulp_actor.plugins import Plugin

plugin = Plugin(
    name="certguard",
    version=API_CONTRACT_VERSION,
    package="pulp-actor-certguard",
    module="pulp_actor.plugins.certguard",
    resources=(
        ResourceType(ContentGuard, "contentguards/certguard/rhsm", "certguard.rhsmcertguard", "certguard.rhsm"),
        ResourceType(ContentGuard, "contentguards/certguard/x509", "certguard.x509certguard", "certguard.x509"),
    ),
    api="pulp_actor.plugins.certguard.api",
    content="pulp_actor.plugins.certguard.content",
)
