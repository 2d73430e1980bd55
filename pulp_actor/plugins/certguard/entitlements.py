"""The paths that a subscription certificate entitles to, as version 1 of these certificates lists them: an extension each
(https://access.redhat.com/documentation/en-us/red_hat_subscription_management/1/html/rhsm/structure-of-ent-certificates).

Version 3 packs them in another way, which is not read here: such a certificate entitles to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cryptography import x509

#: Below this object identifier stand the content sets, each under a number of its own; ``.1.6`` of one is its URL.
_CONTENT_URL = re.compile(r"1\.3\.6\.1\.4\.1\.2312\.9\.2\.\d+\.1\.6\Z")

_VARIABLE = re.compile(r"\$\w+\Z")


def entitled_paths(certificate: x509.Certificate) -> Iterator[str]:
    """``/content/dist/$releasever/os`` and so on; a word after a dollar sign stands for any one segment."""
    for extension in certificate.extensions:
        if _CONTENT_URL.match(extension.oid.dotted_string) and isinstance(extension.value, x509.UnrecognizedExtension):
            yield _text(extension.value.value)


def is_entitled(certificate: x509.Certificate, path: str) -> bool:
    """Whether ``path``, without regard to slashes at its ends, lies in what ``certificate`` lists.

    Raises:
        ValueError: an extension cannot be read.
    """
    segments = path.strip("/").split("/")
    return any(_covers(pattern.strip("/").split("/"), segments) for pattern in entitled_paths(certificate))


def _covers(pattern: list[str], segments: list[str]) -> bool:
    if pattern == [""] or len(pattern) > len(segments):
        return False
    return all(_VARIABLE.match(part) or part == segment for part, segment in zip(pattern, segments, strict=False))


def _text(encoded: bytes) -> str:
    """The characters of a DER string (ITU-T X.690): a tag, a length, and the bytes; else the bytes as they are."""
    if len(encoded) > 2 and encoded[0] in (0x0C, 0x13, 0x16):
        if encoded[1] < 0x80 and len(encoded) == 2 + encoded[1]:
            return encoded[2:].decode(errors="replace")
        count = encoded[1] & 0x7F
        if encoded[1] > 0x80 and len(encoded) == 2 + count + int.from_bytes(encoded[2:2 + count], "big"):
            return encoded[2 + count:].decode(errors="replace")
    return encoded.decode(errors="replace")
