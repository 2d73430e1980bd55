"""What the certificate guards ask of a request. Imported by the content server.

Where the content server speaks TLS itself, the certificate is that of the connection. Behind a proxy that ends TLS, it is
the one that the proxy hands on in ``X-CLIENT-CERT``; the proxy must remove that header from what clients send.
"""

from __future__ import annotations

from cryptography import x509

from content.guards import Check, Forbidden, checker
from content.paths import content_path
from pulp_actor.plugins.certguard.certificates import is_trusted, read_certificate
from pulp_actor.plugins.certguard.entitlements import is_entitled
from pulp_actor.settings import settings

HEADER = "X-CLIENT-CERT"


@checker("certguard.x509")
async def trusted(question: Check) -> None:
    """The client's certificate is signed by one of the guard's authorities."""
    _trusted_certificate(question)


@checker("certguard.rhsm")
async def entitled(question: Check) -> None:
    """The client's certificate is signed by one of the guard's authorities, and lists the path."""
    certificate = _trusted_certificate(question)
    path = content_path(question.request.rel_url.raw_path, settings.CONTENT_PATH_PREFIX)
    try:
        covered = is_entitled(certificate, path)
    except ValueError:
        raise Forbidden("the client's certificate cannot be read") from None
    if not covered:
        raise Forbidden("the client's certificate does not entitle to this path")


def _trusted_certificate(question: Check) -> x509.Certificate:
    try:
        certificate = _client_certificate(question)
    except ValueError:
        raise Forbidden("the client's certificate cannot be read") from None
    if not is_trusted(certificate, question.guard.details["ca_certificate"]):
        raise Forbidden("the client's certificate is not valid here")
    return certificate


def _client_certificate(question: Check) -> x509.Certificate:
    """Raises Forbidden without one, ValueError if it cannot be read."""
    transport = question.request.transport
    tls = transport.get_extra_info("ssl_object") if transport is not None else None
    if tls is not None:
        encoded = tls.getpeercert(binary_form=True)
        if encoded:
            return x509.load_der_x509_certificate(encoded)
        raise Forbidden("this content is for clients with a certificate")
    values = question.request.headers.getall(HEADER, [])
    if len(values) != 1:
        raise Forbidden("this content is for clients with a certificate")
    return read_certificate(values[0])
