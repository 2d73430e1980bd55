"""The certguard plugin: content guards that ask for a client's certificate. For now it declares itself and nothing more."""

from pulp_actor import API_CONTRACT_VERSION
from pulp_actor.plugins import Plugin

plugin = Plugin(
    name="certguard",
    version=API_CONTRACT_VERSION,
    package="pulp-actor-certguard",
    module="pulp_actor.plugins.certguard",
)
