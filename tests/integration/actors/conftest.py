"""What the tests of versions and of the core's actors share: units of content without bytes, and repositories for them."""

from __future__ import annotations

from tests.integration.file.conftest import connection, make_remote, make_repository, paths, task, upstream

__all__ = ["connection", "make_remote", "make_repository", "paths", "task", "upstream"]
