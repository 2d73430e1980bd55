"""Takes a certificate apart: its packets (RFC 4880 and RFC 9580, section 4), as far as a keyring shows them. Verifies
nothing: who publishes a key vouches for it. Must never see a private key, and refuses one."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pulp_actor.signing.errors import SigningError

#: Most bytes of a certificate.
LIMIT = 1024 * 1024
SIGNATURE, PUBLIC_KEY, USER_ID, SUBKEY, USER_ATTRIBUTE = 2, 6, 13, 14, 17
_SECRET = (5, 7)
#: Packets that may stand in a certificate and say nothing that is shown: marker, trust, padding.
_SKIPPED = (10, 12, 21)
_ARMOR = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\s*?\r?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)


@dataclass(frozen=True)
class SignaturePacket:
    sha256: str
    signature_type: int
    created: datetime.datetime
    issuer: str | None = None
    signers_user_id: str | None = None
    expires_at: datetime.datetime | None = None
    key_lifetime: int | None = None


@dataclass
class Part:
    """A key, subkey, user id or attribute, and the signatures on it. ``name``: fingerprint, text or SHA-256."""

    tag: int
    name: str
    created: datetime.datetime
    signatures: list[SignaturePacket] = field(default_factory=list)


@dataclass(frozen=True)
class Certificate:
    """``parts``: the primary key first. ``armored``: all of it, always written alike."""

    parts: list[Part]
    armored: bytes

    @property
    def fingerprint(self) -> str:
        return self.parts[0].name


def parse_certificate(data: bytes) -> Certificate:
    """Read one certificate, armored or not. Raises SigningError."""
    if len(data) > LIMIT:
        raise SigningError(f"a key may have {LIMIT} bytes at most")
    binary = dearmored(data)
    parts: list[Part] = []
    try:
        for tag, body in _packets(binary):
            _take(parts, tag, body)
    except (IndexError, OverflowError, ValueError) as error:
        raise SigningError(f"this is not a public OpenPGP key: {error}") from None
    if not parts:
        raise SigningError("this is not a public OpenPGP key")
    return Certificate(parts, armored(binary))


def _take(parts: list[Part], tag: int, body: bytes) -> None:
    if tag in _SECRET:
        raise SigningError("this is a private key: upload the public one")
    if tag == PUBLIC_KEY and parts:
        raise SigningError("there is more than one key here: upload them one by one")
    if not parts and tag != PUBLIC_KEY:
        raise SigningError("this is not a public OpenPGP key")
    if tag in (PUBLIC_KEY, SUBKEY):
        parts.append(Part(tag, _fingerprint(body), _moment(body[1:5])))
    elif tag == USER_ID:
        parts.append(Part(tag, body.decode(errors="replace").replace("\0", ""), parts[0].created))
    elif tag == USER_ATTRIBUTE:
        parts.append(Part(tag, hashlib.sha256(body).hexdigest(), parts[0].created))
    elif tag == SIGNATURE:
        parts[-1].signatures.append(_signature(body))
    elif tag not in _SKIPPED:
        raise SigningError(f"a packet of type {tag} does not belong into a public key")


def dearmored(data: bytes) -> bytes:
    """The binary form of a key in either form. Raises SigningError if its armor is damaged."""
    match = _ARMOR.search(data)
    if match is None:
        return data
    lines = [line.strip() for line in match[1].splitlines()]
    body = lines[lines.index(b"") + 1:] if b"" in lines else lines
    try:
        return base64.b64decode(b"".join(line for line in body if line and not line.startswith(b"=")), validate=True)
    except binascii.Error:
        raise SigningError("this is not a public OpenPGP key: its armor is damaged") from None


def armored(binary: bytes) -> bytes:
    """ASCII armor (RFC 9580, section 6), with its checksum, which older readers want."""
    text = base64.b64encode(binary)
    lines = [text[start:start + 64] for start in range(0, len(text), 64)]
    crc = 0xB704CE
    for byte in binary:
        crc ^= byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    check = b"=" + base64.b64encode((crc & 0xFFFFFF).to_bytes(3, "big"))
    head, tail = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", b"-----END PGP PUBLIC KEY BLOCK-----\n"
    return b"\n".join([head, *lines, check, tail])


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each packet. Raises ValueError, IndexError."""
    at = 0
    while at < len(data):
        first = data[at]
        if not first & 0x80:
            raise ValueError("a packet does not begin as it should")
        if first & 0x40:
            tag, (size, at) = first & 0x3F, _new_length(data, at + 1)
        else:
            width = (1, 2, 4, 0)[first & 3]
            if not width:
                raise ValueError("a packet has no length")
            tag, size, at = first >> 2 & 0xF, int.from_bytes(data[at + 1:at + 1 + width], "big"), at + 1 + width
        body = data[at:at + size]
        if len(body) != size:
            raise ValueError("it is cut short")
        yield tag, body
        at += size


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """(length, where the body begins) in the new format; subpackets have theirs in the same way, but for partial ones."""
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return (first - 192 << 8) + data[at + 1] + 192, at + 2
    if first == 255:
        return int.from_bytes(data[at + 1:at + 5], "big"), at + 5
    raise ValueError("a packet comes in pieces")


def _fingerprint(body: bytes) -> str:
    if body[0] == 4:
        return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()
    if body[0] == 6:
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    raise SigningError(f"keys of version {body[0]} are not supported")


def _moment(octets: bytes) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int.from_bytes(octets, "big"), datetime.UTC)


def _signature(body: bytes) -> SignaturePacket:
    digest = hashlib.sha256(body).hexdigest()
    if body[0] == 3:
        return SignaturePacket(digest, body[2], _moment(body[3:7]), body[7:15].hex().upper())
    if body[0] not in (4, 6):
        raise SigningError(f"signatures of version {body[0]} are not supported")
    width = 2 if body[0] == 4 else 4
    found: dict[int, bytes] = {}
    at = 4
    for _ in ("hashed", "unhashed"):
        size = int.from_bytes(body[at:at + width], "big")
        area = body[at + width:at + width + size]
        found = dict(_subpackets(area)) | found
        at += width + size
    created = _moment(found[2]) if 2 in found else _moment(bytes(4))
    lifetime = int.from_bytes(found.get(3, b""), "big")
    signer = found[28].decode(errors="replace").replace("\0", "") if 28 in found else None
    return SignaturePacket(
        digest, body[1], created, _issuer(found), signer,
        created + datetime.timedelta(seconds=lifetime) if lifetime else None,
        int.from_bytes(found.get(9, b""), "big") or None)


def _subpackets(area: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(area):
        first = area[at]
        if 192 <= first < 255:  # two octets, also where a packet's would mean a piece
            size, at = (first - 192 << 8) + area[at + 1] + 192, at + 2
        else:
            size, at = _new_length(area, at)
        if size < 1 or at + size > len(area):
            raise ValueError("a signature is cut short")
        yield area[at] & 0x7F, area[at + 1:at + size]
        at += size


def _issuer(found: dict[int, bytes]) -> str | None:
    """The key id of who signed."""
    if 16 in found:
        return found[16][:8].hex().upper()
    if 33 in found:
        version, fingerprint = found[33][0], found[33][1:]
        return (fingerprint[-8:] if version == 4 else fingerprint[:8]).hex().upper()
    return None
