"""What a worker can be asked to do. Importing this package declares the core's actors; a plugin brings its own."""

from actors import base, orphan, purge, repository, upload
from pulp_actor.settings import settings

__all__ = ["base", "orphan", "purge", "repository", "upload"]

if settings.DIAGNOSTIC_ACTORS:
    from actors import diagnostic

    __all__ += ["diagnostic"]
