"""What a remote may reach: addresses on the network, and folders of this machine for ``file://``.

The address is judged where the socket for it is made, after names have been resolved, so that redirects and names that
change their address between two look-ups (DNS rebinding) gain nothing. The setting ``REMOTE_ADDRESSES`` chooses:

- ``default``: all but link-local addresses, cloud metadata services and the platform's own database and service ports;
- ``public``: of these, only what is reachable from the whole internet: no loopback, no private network;
- ``any``: everything.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import psutil
from psycopg2.extensions import parse_dsn

from pulp_actor.errors import ConfigurationError, PulpActorError
from pulp_actor.settings import settings

if TYPE_CHECKING:
    from aiohttp import TCPConnector

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Metadata services of clouds that are not on a link-local address.
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")))
#: IPv6 prefixes that carry an IPv4 address in their last 32 bits (RFC 6052, RFC 4291).
_EMBEDDING = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
#: Seconds for which the addresses of this machine and of the database server are remembered.
_REMEMBER = 30


class AddressRefused(OSError):
    """The policy refuses an address; an OSError, because that is what a connector expects of a failed attempt."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)


class PathRefused(PulpActorError):
    """A ``file://`` URL or path leads outside the folders that imports may read, or exports may write."""


def check_address(host: str, port: int) -> None:
    """Raises AddressRefused if a remote may not connect to this IP address and port."""
    policy = settings.REMOTE_ADDRESSES
    if policy == "any":
        return
    if policy not in ("default", "public"):
        raise ConfigurationError(f"REMOTE_ADDRESSES must be default, public or any, not {policy!r}")
    address = _plain(ipaddress.ip_address(host.partition("%")[0]))
    if address in METADATA or address.is_link_local:
        raise AddressRefused(f"{address} is link-local or a metadata service, which remotes may not reach")
    if address.is_multicast or (address.is_reserved and not address.is_loopback):
        raise AddressRefused(f"{address} is not the address of a host")
    if port in _own_ports() and _is_this_machine(address):
        raise AddressRefused(f"{address}:{port} belongs to this platform, which remotes may not reach")
    if (address, port) in _database(int(time.monotonic()) // _REMEMBER, settings.DATABASE_URL):
        raise AddressRefused(f"{address}:{port} is this platform's database, which remotes may not reach")
    if policy == "public" and not address.is_global:
        raise AddressRefused(f"{address} is not a public address, and REMOTE_ADDRESSES allows no other")


def check_url(url: str) -> None:
    """`check_address` for a URL whose host is an IP address. For requests through a proxy, which resolves names itself.

    Raises:
        AddressRefused
    """
    parts = urlsplit(url)
    try:
        ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        return
    check_address(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def checked_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """A socket for one result of ``getaddrinfo``, as aiohttp's connector asks for it just before it connects.

    Raises:
        AddressRefused
    """
    family, type_, proto, _, address = addr_info
    check_address(address[0], address[1])
    return socket.socket(family, type_, proto)


def checked_connector(**options: Any) -> TCPConnector:
    """An aiohttp connector that keeps the policy; ``options`` are aiohttp's."""
    from aiohttp import TCPConnector  # noqa: PLC0415  (the API and the task engine never need it)

    return TCPConnector(socket_factory=checked_socket, **options)


def check_import_path(path: str | Path) -> Path:
    """The real path behind ``path``, which must lie in one of the folders of ``ALLOWED_IMPORT_PATHS``.

    Links are followed first, and paths are compared by component: ``/srv/import`` does not allow ``/srv/imports``.

    Raises:
        PathRefused
    """
    return _below(path, settings.ALLOWED_IMPORT_PATHS, "ALLOWED_IMPORT_PATHS")


def check_export_path(path: str | Path) -> Path:
    """As `check_import_path`, of the folders of ``ALLOWED_EXPORT_PATHS``; what is not there yet may be made there."""
    return _below(path, settings.ALLOWED_EXPORT_PATHS, "ALLOWED_EXPORT_PATHS")


def _below(path: str | Path, folders: list[str], setting: str) -> Path:
    real = Path(path)
    if not real.is_absolute() or "\0" in str(path):
        raise PathRefused(f"{str(path)!r} is not an absolute path")
    try:
        real = real.resolve()
    except (OSError, RuntimeError):
        raise PathRefused(f"{path} cannot be followed") from None
    if not any(real.is_relative_to(Path(folder).resolve()) for folder in folders):
        raise PathRefused(f"{path} is outside the folders of {setting}")
    return real


def check_file_url(url: str) -> Path:
    """The path behind a ``file://`` URL; see `check_import_path`."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise PathRefused(f"{url} is not a file on this machine")
    return check_import_path(unquote(parts.path))


def _plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that stands for it, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and int(address) > 1 and any(address in network for network in _EMBEDDING):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


def _own_ports() -> set[int]:
    ports = (bind.rpartition(":")[2] for bind in (settings.API_BIND, settings.CONTENT_BIND))
    return {int(port) for port in ports if port.isdigit()}


def _is_this_machine(address: Address) -> bool:
    if address.is_loopback or address.is_unspecified:
        return True
    return address in _interfaces(int(time.monotonic()) // _REMEMBER)


@cache
def _interfaces(_period: int) -> frozenset[Address]:
    _interfaces.cache_clear()
    found = set()
    for addresses in psutil.net_if_addrs().values():
        for entry in addresses:
            if entry.family in (socket.AF_INET, socket.AF_INET6):
                found.add(_plain(ipaddress.ip_address(entry.address.partition("%")[0])))
    return frozenset(found)


@cache
def _database(_period: int, url: str) -> frozenset[tuple[Address, int]]:
    """Address and port of each server that the database URL names; Unix sockets have none."""
    _database.cache_clear()
    parameters = parse_dsn(url) if url else {}
    hosts = [host for host in (parameters.get("host") or "").split(",") if host and not host.startswith("/")]
    ports = str(parameters.get("port") or "5432").split(",")
    found: set[tuple[Address, int]] = set()
    for number, host in enumerate(hosts):
        port = int(ports[number] if number < len(ports) else ports[0])
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            continue  # a name that leads nowhere now cannot be reached by a remote either
        found.update((_plain(ipaddress.ip_address(str(answer[4][0]).partition("%")[0])), port) for answer in answers)
        if any(address.is_loopback for address, _ in found):
            found.update((ipaddress.ip_address(loopback), port) for loopback in ("127.0.0.1", "::1"))
    return frozenset(found)
