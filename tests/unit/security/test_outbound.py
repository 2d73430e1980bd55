"""What remotes may reach."""

import asyncio
import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from pulp_actor.security.outbound import (
    AddressRefused,
    PathRefused,
    check_address,
    check_file_url,
    check_import_path,
    check_url,
    checked_connector,
)
from pulp_actor.settings import settings


@pytest.mark.parametrize("host", [
    "169.254.169.254", "169.254.0.1", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "168.63.129.16",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::169.254.169.254", "224.0.0.1",
    "255.255.255.255",
])
def test_metadata_and_link_local_addresses_are_refused(host):
    with pytest.raises(AddressRefused):
        check_address(host, 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "8.8.8.8", "2606:4700::1111"])
def test_other_addresses_are_allowed_by_default(host):
    check_address(host, 8080)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fd12::1", "::ffff:10.0.0.1", "0.0.0.0"])
def test_public_allows_only_public_addresses(host):
    with settings.override(REMOTE_ADDRESSES="public"):
        check_address("8.8.8.8", 443)
        with pytest.raises(AddressRefused):
            check_address(host, 8080)


def test_any_allows_everything():
    with settings.override(REMOTE_ADDRESSES="any"):
        check_address("169.254.169.254", 80)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 1111), ("::1", 2222), ("127.0.0.1", 3333), ("0.0.0.0", 1111)])
def test_the_platforms_own_ports_are_refused(host, port):
    with settings.override(
        API_BIND="127.0.0.1:1111", CONTENT_BIND="0.0.0.0:2222", DATABASE_URL="postgresql://u@localhost:3333/x",
    ), pytest.raises(AddressRefused):
        check_address(host, port)


def test_a_url_with_an_address_is_judged_before_a_proxy_is_asked():
    check_url("http://example.org/")
    with pytest.raises(AddressRefused):
        check_url("http://[fe80::1]/")


def test_a_name_is_judged_by_the_address_that_is_connected_to():
    async def fetch() -> None:
        async with aiohttp.ClientSession(connector=checked_connector()) as session, session.get("http://localhost:9/"):
            pass

    with settings.override(REMOTE_ADDRESSES="public"), pytest.raises(aiohttp.ClientConnectorError, match="not a public"):
        asyncio.run(fetch())


class Rebinding(AbstractResolver):
    """Says something harmless when it is asked first, and then what the attacker is after."""

    def __init__(self, *answers: str) -> None:
        self.answers = [*answers]

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        address = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ResolveResult(
            hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST)]

    async def close(self) -> None:
        """Nothing is open."""


def test_a_name_that_changes_its_address_gains_nothing():
    async def fetch() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            connector = checked_connector(resolver=Rebinding("127.0.0.1", "169.254.169.254"), use_dns_cache=False)
            async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(2)) as session:
                # The first answer is harmless: the connection is made (and nobody speaks).
                with pytest.raises((TimeoutError, aiohttp.ServerTimeoutError)):
                    await session.get(f"http://rebind.example:{port}/", timeout=aiohttp.ClientTimeout(sock_read=0.1))
                with pytest.raises(aiohttp.ClientConnectorError, match="metadata"):
                    await session.get(f"http://rebind.example:{port}/")

    asyncio.run(fetch())


def test_imports_read_only_below_allowed_folders(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").touch()
    (tmp_path / "inside").touch()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "inside")
    with settings.override(ALLOWED_IMPORT_PATHS=[str(tmp_path / "in")]):
        assert check_file_url(f"file://{tmp_path}/in/file") == (tmp_path / "in" / "file").resolve()
        for refused in (tmp_path / "inside", tmp_path / "in" / ".." / "inside", tmp_path / "in" / "link", "in/file"):
            with pytest.raises(PathRefused):
                check_import_path(refused)
        with pytest.raises(PathRefused):
            check_file_url(f"file://elsewhere{tmp_path}/in/file")
