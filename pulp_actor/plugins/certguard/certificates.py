"""The certificate of a client, as a proxy hands it on, and whether an authority stands behind it. Knows no request."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def read_certificate(text: str) -> x509.Certificate:
    """The certificate in a header: PEM, percent-encoded (nginx) or with spaces for line ends (Apache), or bare base64.

    Raises:
        ValueError: there is none.
    """
    decoded = unquote(text) if "%" in text else text
    match = _PEM.search(decoded)
    body = "".join((match[1] if match else decoded).split())
    return x509.load_pem_x509_certificate(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode())


def is_trusted(certificate: x509.Certificate, authorities: str) -> bool:
    """Whether ``certificate`` is valid now and signed, directly or through others of them, by one of ``authorities``, which
    are PEM certificates (RFC 5280, section 6)."""
    try:
        verifier = PolicyBuilder().store(_store(authorities)).extension_policies(
            ca_policy=_authority_policy(), ee_policy=ExtensionPolicy.permit_all(),
        ).build_client_verifier()
        verifier.verify(certificate, [])
    except (VerificationError, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _store(authorities: str) -> Store:
    return Store(x509.load_pem_x509_certificates(authorities.encode()))


def _authority_policy() -> ExtensionPolicy:
    """An authority must say that it is one; private ones seldom say all that the public ones must."""
    return ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_authority)


def _must_be_authority(_policy: object, _certificate: x509.Certificate, extension: x509.BasicConstraints) -> None:
    if not extension.ca:
        raise ValueError("this certificate is not that of an authority")
