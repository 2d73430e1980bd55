"""What a worker can be asked to do. Importing this package declares the core's actors; a plugin brings its own.
`pulp_actor.queue.load_actors` imports the diagnostic ones too, where they are wanted."""

from actors import (
    analytics,
    base,
    domains,
    orphan,
    purge,
    replica,
    repository,
    space,
    transfer,
    upload,
    vulnerabilities,
)

__all__ = [
    "analytics", "base", "domains", "orphan", "purge", "replica", "repository", "space", "transfer", "upload",
    "vulnerabilities",
]
