"""The certguard plugin's API endpoints."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from marshmallow import ValidationError

from api.core.guards import ContentGuardSchema, guard_endpoint
from api.schemas.fields import Text
from pulp_actor.identifiers import registry


def _certificates(text: str) -> None:
    try:
        x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise ValidationError("PEM of one or more X.509 certificates is needed here.") from None


def _ca_certificate() -> Any:
    return Text(
        required=True, detail=True, strip=False, validate=[_certificates],
        help="PEM of the certificates that a client's certificate must be signed by.")


class X509GuardSchema(ContentGuardSchema):
    """Lets a request pass whose client certificate a certain authority has signed."""

    wire_name = "certguard.X509CertGuard"
    ca_certificate = _ca_certificate()


class RhsmGuardSchema(ContentGuardSchema):
    """Lets a request pass whose client certificate is signed by a certain authority and entitles to the path."""

    wire_name = "certguard.RHSMCertGuard"
    ca_certificate = _ca_certificate()


endpoints = [
    guard_endpoint(
        registry.by_path("contentguards/certguard/rhsm"), RhsmGuardSchema, tag="Contentguards: Rhsm"),
    guard_endpoint(
        registry.by_path("contentguards/certguard/x509"), X509GuardSchema, tag="Contentguards: X509"),
]
