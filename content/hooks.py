"""What a plugin adds to the serving of its distributions. A plugin's ``content`` module registers its hooks when the content
server imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from content.views import File, View

#: Returns headers to add to the answer for a file.
HeaderHook = Callable[[View, File], Mapping[str, str]]

_headers: dict[str, HeaderHook] = {}

_NONE: Mapping[str, str] = {}


def response_headers(type_: str) -> Callable[[HeaderHook], HeaderHook]:
    """Declare a hook for one type of distribution: ``@response_headers("file.file")``."""
    def register(hook: HeaderHook) -> HeaderHook:
        _headers[type_] = hook
        return hook

    return register


def extra_headers(view: View, file: File) -> Mapping[str, str]:
    """The headers that the plugin of ``view`` adds to the answer for ``file``."""
    hook = _headers.get(view.type)
    return _NONE if hook is None else hook(view, file)
