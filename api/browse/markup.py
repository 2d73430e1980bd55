"""JSON as HTML: indented, coloured by type, and with links where a text is an address, an href or a PRN of this server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape

from pulp_actor.errors import NotFound
from pulp_actor.identifiers import api_prefix, href_of, parse_reference
from pulp_actor.models.resources import REPOSITORY_VERSION

_URL = re.compile(r"^https?://[^\s\"'<>\\]+$")
_INDENT = "  "


def as_markup(value: Any) -> Markup:
    """A JSON value as the content of a ``<pre>``."""
    return Markup("").join(_parts(value, 0))


def link_of(text: str) -> str | None:
    """Where a text leads: an address, an href of this server, or the object that a PRN names; None: nowhere."""
    if _URL.match(text) or (text.startswith(api_prefix()) and not re.search(r"[\s\"'<>\\]", text)):
        return text
    if not text.startswith("prn:"):
        return None
    try:
        named = parse_reference(text)
    except NotFound:
        return None
    if named.resource is REPOSITORY_VERSION:  # whose href takes its repository and its number, which a PRN does not tell
        return f"{api_prefix()}{REPOSITORY_VERSION.path}/?prn__in={text}"
    return href_of(named.resource, named.key)


def _parts(value: Any, depth: int) -> Iterator[Markup]:
    if isinstance(value, dict) and value:
        keyed = [(Markup('<span class="key">{}</span>: ').format(_json(name)), part) for name, part in value.items()]
        yield from _block("{", keyed, "}", depth)
    elif isinstance(value, list) and value:
        yield from _block("[", [(Markup(""), part) for part in value], "]", depth)
    else:
        yield _scalar(value)


def _block(opening: str, members: list[tuple[Markup, Any]], closing: str, depth: int) -> Iterator[Markup]:
    yield Markup(opening + "\n")
    for number, (before, part) in enumerate(members, 1):
        yield Markup(_INDENT * (depth + 1)) + before
        yield from _parts(part, depth + 1)
        yield Markup(",\n" if number < len(members) else "\n")
    yield Markup(_INDENT * depth + closing)


def _scalar(value: Any) -> Markup:
    text = _json(value)
    if not isinstance(value, str):
        return Markup('<span class="other">{}</span>').format(text)
    target = link_of(value)
    if target is not None:
        return Markup('<a href="{}">{}</a>').format(target, text)
    return Markup('<span class="text">{}</span>').format(text)


def _json(value: Any) -> Markup:
    return escape(json.dumps(value, ensure_ascii=False))
