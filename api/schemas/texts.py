"""Texts of one kind that several schemas have: user names, e-mail addresses, addresses of servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError

from api.schemas.fields import Text, matching


def username_text(**options: Any) -> Text:
    """The name of a user; ``options`` are `Text`'s."""
    allowed = matching(r"[\w.@+-]+", "A user name may hold letters, digits and @ . + - _ only.")
    return Text(max_length=150, validate=[allowed], **options)


def email_text() -> Text:
    """An e-mail address, or nothing."""
    allowed = matching(r"|[^@\s]+@[^@\s]+", "This is not an e-mail address.")
    return Text(blank=True, format="email", validate=[allowed])


def http_url(*, query: bool = True) -> Callable[[str], None]:
    """A validator for the URL of an HTTP server, without credentials and, unless ``query``, without a query."""
    without = "credentials" if query else "credentials and query"

    def validate(text: str) -> None:
        if not _is_http_url(text) or (urlsplit(text).query and not query):
            raise ValidationError(f"An http or https URL is needed here, without {without}.")

    return validate


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # brackets that do not match, a port that is no number
        return False
    return (
        parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and not parts.username
        and not parts.fragment)
