"""Which media type a file name stands for. A compressed file is what it is: never a ``Content-Encoding`` of another."""

from __future__ import annotations

from mimetypes import MimeTypes
from posixpath import basename

DEFAULT = "application/octet-stream"

_types = MimeTypes()
_types.encodings_map = {}
for _type, _suffix in (
    ("application/gzip", ".gz"), ("application/gzip", ".tgz"), ("application/x-bzip2", ".bz2"), ("application/x-xz", ".xz"),
    ("application/zstd", ".zst"), ("application/x-brotli", ".br"), ("application/x-compress", ".Z"),
    ("application/x-rpm", ".rpm"), ("application/vnd.debian.binary-package", ".deb"),
    ("application/vnd.debian.binary-package", ".udeb"), ("application/zip", ".whl"), ("application/yaml", ".yaml"),
    ("application/yaml", ".yml"), ("text/plain", ".md"), ("application/java-archive", ".jar"),
    ("application/vnd.apple.installer+xml", ".mpkg"), ("application/pgp-signature", ".asc"),
):
    _types.add_type(_type, _suffix)


def content_type(path: str) -> str:
    """The media type by the name of ``path``, ``application/octet-stream`` where the name says nothing."""
    guessed, _ = _types.guess_type(f"/{basename(path)}", strict=False)
    return guessed or DEFAULT
