"""Certificate authorities and what they sign, for servers and clients of tests."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Certificate:
    """A key and its certificate: an authority's own (``ca``), or one that ``issuer`` signed.

    Parameters:
        days: for how long it is valid from now; negative: it has expired.
        paths: content paths to which it entitles, as certificates of version 1 of Red Hat's subscription manager do.
    """

    def __init__(
        self, name: str = "authority", issuer: Certificate | None = None, *, ca: bool = True, days: float = 1,
        paths: Sequence[str] = (),
    ) -> None:
        now = datetime.datetime.now(datetime.UTC)
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder().subject_name(subject).public_key(self.key.public_key())
            .issuer_name(issuer.certificate.subject if issuer else subject).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=3)).not_valid_after(now + datetime.timedelta(days=days))
        )
        # Python 3.13 verifies strictly, as RFC 5280 asks: who signed whom has to be said.
        signer = (issuer or self).key.public_key()
        builder = (
            builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False)
        )
        if ca:
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(x509.BasicConstraints(True, None), True).add_extension(usage, True)
        else:
            addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(addresses), False)
        for number, path in enumerate(paths):
            oid = x509.ObjectIdentifier(f"1.3.6.1.4.1.2312.9.2.{number + 1}.1.6")
            value = b"\x0c" + bytes([len(path)]) + path.encode()
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), False)
        self.certificate = builder.sign((issuer or self).key, hashes.SHA256())

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()

    def write(self, path: Path) -> Path:
        """Write certificate and key into one PEM file."""
        path.touch(mode=0o600)
        path.write_text(self.pem + self.key_pem)
        return path


def certificate() -> str:
    """PEM of a self-signed certificate that is valid for a day."""
    return Certificate("test").pem
