"""Reads one commit of a Git repository with the real ``git``: over http(s), or from ``file://`` below ALLOWED_IMPORT_PATHS.

``git`` runs without anybody's configuration, speaks no other protocols, follows no redirects, and connects to the addresses
that the outbound policy has looked at, so that a repository reaches nothing that another remote would not. Must never know
a unit or a version.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote, urlsplit

from pulp_actor.models import Remote
from pulp_actor.paths import path_fault
from pulp_actor.security.outbound import AddressRefused, PathRefused, check_address, check_file_url
from pulp_actor.storage.base import StorageFull, check_room, storage_error, temporary_directory
from pulp_actor.sync import DownloadError
from pulp_actor.sync.download import FIRST_WAIT, LONGEST_WAIT, MAX_RETRIES
from pulp_actor.sync.errors import Transient
from pulp_actor.sync.session import SOCK_READ_TIMEOUT, basic_auth, header_table

#: Bytes that are read from ``git`` at a time.
CHUNK = 256 * 1024
#: Seconds between two looks at a running ``git``, at which a task can be interrupted.
LOOK_INTERVAL = 0.5

_PORTS = {"http": 80, "https": 443}
#: What ``git`` says when there is no room left.
_NO_ROOM = os.strerror(errno.ENOSPC)
#: What it says of failures that another attempt may mend.
_IN_PASSING = re.compile(
    r"returned error: (429|5\d\d)|Connection (refused|reset|timed out)|Failed to connect|Couldn't connect|Empty reply"
    r"|early EOF|unexpected disconnect|Operation too slow|transfer closed|Recv failure|timed out|partial file")
#: What can be the name of a branch, a tag or a commit; nothing that ``git`` could take for an option or a refspec.
_REF = re.compile(r"(?![-.])[^\s~^:?*\[\\+\x00-\x1f\x7f]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
#: Modes of a tree's entries that are files. Links may lead anywhere, and submodules are other repositories.
_FILES = (b"100644", b"100755")


class Blob(NamedTuple):
    """A file of a commit: its path, its name in the repository, and its size in bytes."""

    path: str
    name: str
    size: int


class Commit:
    """A commit and its files, in a bare repository of our own."""

    def __init__(self, url: str, directory: Path, environment: dict[str, str], name: str) -> None:
        self.url, self.name = url, name
        self._directory, self._environment = directory, environment
        self._reader: subprocess.Popen[bytes] | None = None

    def files(self) -> Iterator[Blob]:
        """The files, in the tree's order.

        Raises:
            DownloadError: a path leads out of the repository, or is not UTF-8.
        """
        command = ["git", "ls-tree", "-r", "-z", "--long", self.name]
        with subprocess.Popen(command, cwd=self._directory, env=self._environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for entry in _split(process.stdout):
                facts, _, raw = entry.partition(b"\t")
                mode, _, name, size = facts.split()
                if mode in _FILES:
                    yield Blob(self._path(raw), name.decode(), int(size))
        if process.returncode:
            raise DownloadError(self.url, f"git ls-tree ended with {process.returncode}")

    def _path(self, raw: bytes) -> str:
        path = raw.decode(errors="replace")
        fault = path_fault(path) or ("a path that is not UTF-8" if "\ufffd" in path else None)
        if fault:
            raise DownloadError(self.url, f"the commit {self.name} has {fault}")
        return path

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of a blob; read them to the end before the next is asked for."""
        if self._reader is None:
            self._reader = subprocess.Popen(
                ["git", "cat-file", "--batch"], cwd=self._directory, env=self._environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        reader = self._reader
        assert reader.stdin is not None and reader.stdout is not None
        reader.stdin.write(name.encode() + b"\n")
        reader.stdin.flush()
        left = int(reader.stdout.readline().split()[2])
        while left and (chunk := reader.stdout.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
        if left or reader.stdout.read(1) != b"\n":
            raise DownloadError(self.url, f"git cat-file broke off in {name}")

    def close(self) -> None:
        if self._reader is not None:
            self._reader.kill()
            self._reader.communicate()


@contextmanager
def fetched(remote: Remote, ref: str) -> Iterator[Commit]:
    """The commit that a branch, a tag or a commit's name leads to, fetched, for the length of the block.

    Raises:
        DownloadError: the repository or the ref cannot be had; the text says what ``git`` said.
        StorageFull: there is no room for it.
    """
    if not _REF.fullmatch(ref):
        raise DownloadError(remote.url, f"{ref!r} names no branch, tag or commit")
    directory = _room()
    commit = None
    try:
        environment = _environment(remote, directory)
        name = _persist(remote, lambda: _fetch(remote, ref, directory, environment))
        commit = Commit(remote.url, directory, environment, name)
        yield commit
    finally:
        if commit is not None:
            commit.close()
        shutil.rmtree(directory, ignore_errors=True)


def _room() -> Path:
    """A new folder for a repository. Raises StorageFull, StorageError."""
    temporary = temporary_directory()
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        check_room(temporary)
        return Path(tempfile.mkdtemp(prefix="git-", dir=temporary))
    except OSError as error:
        raise storage_error(error) from error


def _persist(remote: Remote, attempt: Callable[[], str]) -> str:
    """What ``attempt`` returns; called until it does not fail in passing, as often and with such waits as a downloader."""
    retries = MAX_RETRIES if remote.max_retries is None else max(0, remote.max_retries)
    for number in range(retries + 1):
        try:
            return attempt()
        except Transient as error:
            if number == retries:
                tries = f" (after {number + 1} attempts)" if number else ""
                raise DownloadError(remote.url, f"{error.reason}{tries}") from error
            _pause(min(LONGEST_WAIT, FIRST_WAIT * 2**number * random.uniform(0.75, 1.25)))
    raise AssertionError("the last attempt returns or raises")


def _pause(seconds: float) -> None:
    """Wait, in steps between which a task can be interrupted."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK_INTERVAL))


def _fetch(remote: Remote, ref: str, directory: Path, environment: dict[str, str]) -> str:
    """The name of the commit that a ref leads to, which is fetched.

    Raises:
        Transient: it may go better another time.
        DownloadError: it will not.
    """
    _git(remote, ["init", "--quiet", "--bare", "."], directory, environment)
    _fetch_some(remote, ref, directory, environment)
    return _git(remote, ["rev-parse", "--verify", "FETCH_HEAD^{commit}"], directory, environment).strip()


def _fetch_some(remote: Remote, ref: str, directory: Path, environment: dict[str, str]) -> None:
    """Fetch one commit without its history; with it, where a server cannot leave it out; or, where a server gives no commit
    by its name, all there is."""
    base = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]
    refusal: DownloadError | None = None
    for arguments in (["--depth=1", remote.url, ref], [remote.url, ref]):
        try:
            _git(remote, [*base, *arguments], directory, environment)
            return
        except DownloadError as error:
            refusal = error
    assert refusal is not None
    if not _COMMIT.fullmatch(ref):
        raise refusal
    _git(remote, [*base, remote.url, "+refs/*:refs/*"], directory, environment)
    (directory / "FETCH_HEAD").write_text(f"{ref}\n")


def _git(remote: Remote, arguments: Sequence[str], directory: Path, environment: dict[str, str]) -> str:
    """Run ``git`` to its end; returns what it printed.

    Raises:
        Transient, DownloadError: it failed, with what it said.
        StorageFull: for want of room.
    """
    end = time.monotonic() + remote.total_timeout if remote.total_timeout else None
    process = subprocess.Popen(
        ["git", *arguments], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    try:
        while True:
            try:
                out, said = process.communicate(timeout=LOOK_INTERVAL)
                break
            except subprocess.TimeoutExpired:
                if end is not None and time.monotonic() > end:
                    raise Transient("timed out") from None
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise _failure(remote, arguments[0], said.decode(errors="replace"), process.returncode)
    return out.decode()


def _failure(remote: Remote, command: str, said: str, code: int) -> Exception:
    lines = [line for line in said.splitlines() if line.strip()]
    reason = f"git {command}: {lines[0] if lines else code}"
    if _NO_ROOM in said:
        return StorageFull(f"the store cannot be written: {reason}")
    return Transient(reason) if _IN_PASSING.search(said) else DownloadError(remote.url, reason)


def _environment(remote: Remote, directory: Path) -> dict[str, str]:
    """What ``git`` is told: by variables only, because a command line can be read by everybody on the machine."""
    options = _network(remote, directory) if not remote.url.startswith("file:") else _local(remote)
    options |= {"core.hooksPath": os.devnull, "gc.auto": "0"}
    pairs = list(enumerate(options.items()))
    return {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory), "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true",
        "GIT_ALLOW_PROTOCOL": "http:https:file", "GIT_CONFIG_COUNT": str(len(pairs)),
        **{f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in pairs},
        **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in pairs},
    }


def _local(remote: Remote) -> dict[str, str]:
    try:
        path = check_file_url(remote.url)
    except PathRefused as error:
        raise DownloadError(remote.url, f"refused: {error}") from error
    # It was allowed by its place; who owns it does not matter.
    return {"safe.directory": str(path)}


def _network(remote: Remote, directory: Path) -> dict[str, str]:
    parts = urlsplit(remote.url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise DownloadError(remote.url, "only http, https and file can be fetched from")
    port = parts.port or _PORTS[parts.scheme]
    options = {
        "http.followRedirects": "false", "http.lowSpeedLimit": "1",
        "http.lowSpeedTime": str(int(remote.sock_read_timeout or SOCK_READ_TIMEOUT) or 1),
    }
    if remote.proxy_url:
        options["http.proxy"] = _proxy(remote)
    else:
        options["http.curloptResolve"] = f"{parts.hostname}:{port}:{','.join(_addresses(remote.url, parts.hostname, port))}"
    origin = f"http.{parts.scheme}://{parts.hostname}:{port}/.extraHeader"
    headers = header_table(remote.headers)
    if remote.username:
        headers["Authorization"] = basic_auth(remote.username, remote.password)
    # One header only can be given under one key; a line break makes several of it, and the API lets no such value in.
    if headers:
        options[origin] = "\r\n".join(f"{name}: {value}" for name, value in headers.items())
    return options | _tls(remote, directory)


def _addresses(url: str, host: str, port: int) -> list[str]:
    """The addresses of a host, each allowed by the outbound policy. ``git`` connects to these and looks up no name."""
    try:
        found = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
        for address in found:
            check_address(address, port)
    except AddressRefused as error:
        raise DownloadError(url, f"refused: {error.strerror}") from error
    except OSError as error:
        raise DownloadError(url, f"{host} has no address: {error.strerror}") from error
    return found


def _proxy(remote: Remote) -> str:
    parts = urlsplit(remote.proxy_url or "")
    if not remote.proxy_username:
        return remote.proxy_url or ""
    credentials = f"{quote(remote.proxy_username, safe='')}:{quote(remote.proxy_password or '', safe='')}"
    return f"{parts.scheme}://{credentials}@{parts.netloc}"


def _tls(remote: Remote, directory: Path) -> dict[str, str]:
    options = {} if remote.tls_validation is not False else {"http.sslVerify": "false"}
    for key, text in (
        ("http.sslCAInfo", remote.ca_cert), ("http.sslCert", remote.client_cert), ("http.sslKey", remote.client_key),
    ):
        if text:
            file = directory / f"{key}.pem"
            try:
                file.touch(mode=0o600)
                file.write_text(text)
            except OSError as error:
                raise storage_error(error) from error
            options[key] = str(file)
    return options


def _split(stream: IO[bytes]) -> Iterator[bytes]:
    """The parts of a stream that end in a zero byte."""
    rest = b""
    while chunk := stream.read(CHUNK):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
