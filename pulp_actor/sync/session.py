"""Turns the row of a remote into an aiohttp session: TLS, credentials, headers, proxy, time limits."""

from __future__ import annotations

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from pulp_actor import __version__
from pulp_actor.errors import ConfigurationError
from pulp_actor.models import Remote
from pulp_actor.security.outbound import checked_connector

#: Seconds, where the remote does not say otherwise. There is no limit on the whole of a download by default.
SOCK_CONNECT_TIMEOUT = 30.0
SOCK_READ_TIMEOUT = 60.0
#: Seconds for which an idle connection is kept for the next request.
KEEPALIVE = 30.0


def make_session(remote: Remote, *, trusted: bool) -> aiohttp.ClientSession:
    """A session for requests to a remote. ``trusted``: to the remote's own origin, so that its credentials (basic auth,
    client certificate, configured headers) go along; they never go anywhere else.

    Raises:
        ConfigurationError: certificate or key cannot be used.
    """
    headers = {"User-Agent": f"pulp-actor/{__version__}", "Accept-Encoding": "identity"}
    if trusted:
        headers |= header_table(remote.headers)
        if remote.username:
            headers["Authorization"] = basic_auth(remote.username, remote.password)
    return aiohttp.ClientSession(
        connector=checked_connector(ssl=tls_context(remote, trusted=trusted), limit=0, keepalive_timeout=KEEPALIVE),
        headers=headers, timeout=timeouts(remote), auto_decompress=False, trust_env=False,
        # Each host gets back its own cookies, also one that has no name but an address.
        cookie_jar=aiohttp.CookieJar(unsafe=True),
    )


def header_table(headers: Any) -> dict[str, str]:
    """The remote's ``[{name: value}, …]`` as one table; of equal names the last counts."""
    return {str(name): str(value) for entry in headers or [] for name, value in entry.items()}


def timeouts(remote: Remote) -> aiohttp.ClientTimeout:
    """The remote's limits in seconds; one of zero is none."""
    def limit(value: float | None, default: float | None) -> float | None:
        return (default if value is None else value) or None

    return aiohttp.ClientTimeout(
        total=limit(remote.total_timeout, None), connect=limit(remote.connect_timeout, None),
        sock_connect=limit(remote.sock_connect_timeout, SOCK_CONNECT_TIMEOUT),
        sock_read=limit(remote.sock_read_timeout, SOCK_READ_TIMEOUT),
    )


def proxy_options(remote: Remote, scheme: str) -> dict[str, Any]:
    """What a request needs to go through the remote's proxy. Credentials stand in the request itself, or for https in the
    one that asks the proxy for a tunnel."""
    if not remote.proxy_url:
        return {}
    options: dict[str, Any] = {"proxy": remote.proxy_url}
    if remote.proxy_username:
        credentials = {"Proxy-Authorization": basic_auth(remote.proxy_username, remote.proxy_password)}
        options["proxy_headers" if scheme == "https" else "headers"] = credentials
    return options


def basic_auth(username: str, password: str | None) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password or ''}".encode()).decode()


def tls_context(remote: Remote, *, trusted: bool) -> ssl.SSLContext:
    """The remote's own CA instead of the system's if it has one; its client certificate only where it is trusted."""
    try:
        context = ssl.create_default_context(cadata=remote.ca_cert or None)
        if remote.tls_validation is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if trusted and remote.client_cert:
            _load_client_certificate(context, remote.client_cert, remote.client_key)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(f"the TLS material of remote {remote.name} cannot be used: {error}") from error
    return context


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    # OpenSSL reads them from files only; the directory is for this user alone and gone at once.
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "client.pem"
        file.touch(mode=0o600)
        file.write_text(f"{certificate}\n{key or ''}\n")
        context.load_cert_chain(file)
