"""Mirroring: downloads, and the pipeline that turns a plugin's description of an upstream into content.

What a plugin needs:

    async with Downloader(remote) as downloader:
        ...
    Pipeline(remote, version, downloader).run(units)
"""

from pulp_actor.sync.declared import DeclaredArtifact, DeclaredContent
from pulp_actor.sync.download import Downloader
from pulp_actor.sync.errors import DownloadError
from pulp_actor.sync.pipeline import Pipeline
from pulp_actor.sync.running import run

__all__ = ["DeclaredArtifact", "DeclaredContent", "DownloadError", "Downloader", "Pipeline", "run"]
