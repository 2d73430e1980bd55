"""What a plugin adds to the serving of its distributions. A plugin's ``content`` module registers its hooks when the content
server imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from content.views import File, View
from pulp_actor.models import Artifact, Remote

#: Returns the bytes of a file that is made on request; None: there is no such file. Blocks.
Generator = Callable[[View], bytes | None]
#: Returns headers to add to the answer for a file.
HeaderHook = Callable[[View, File], Mapping[str, str]]


@dataclass(frozen=True)
class PullThrough:
    """How a type of distribution caches another server.

    Attributes:
        url: where a remote has the file at a path.
        keep: makes a unit of content of an artifact at a path, unless there is one; returns its key. Blocks.
    """

    url: Callable[[Remote, str], str]
    keep: Callable[[Artifact, str], UUID]


_headers: dict[str, HeaderHook] = {}
_pull_through: dict[str, PullThrough] = {}
_generators: dict[tuple[str, str], Generator] = {}

_NONE: Mapping[str, str] = {}


def response_headers(type_: str) -> Callable[[HeaderHook], HeaderHook]:
    """Declare a hook for one type of distribution: ``@response_headers("file.file")``."""
    def register(hook: HeaderHook) -> HeaderHook:
        _headers[type_] = hook
        return hook

    return register


def generated_file(type_: str, path: str) -> Callable[[Generator], Generator]:
    """Declare a file that distributions of one type have beside what is in their repository, made of what that holds:
    ``@generated_file("core.openpgp", "keyring.gpg")``. It should be small, for it is remembered whole."""
    def register(hook: Generator) -> Generator:
        _generators[type_, path] = hook
        return hook

    return register


def generator_of(type_: str, path: str) -> Generator | None:
    return _generators.get((type_, path))


def pull_through(type_: str, hook: PullThrough) -> None:
    """Say how distributions of one type cache another server."""
    _pull_through[type_] = hook


def pull_through_of(type_: str) -> PullThrough | None:
    return _pull_through.get(type_)


def extra_headers(view: View, file: File) -> Mapping[str, str]:
    """The headers that the plugin of ``view`` adds to the answer for ``file``."""
    hook = _headers.get(view.type)
    return _NONE if hook is None else hook(view, file)
