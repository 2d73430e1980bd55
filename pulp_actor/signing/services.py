"""Signing services: a script of the operator's is given a file and makes a detached signature of it, which is checked before
it is used.

The script is called with the path of the file, in the folder that the file is in, with a clean environment in which
``PULP_SIGNING_KEY_FINGERPRINT`` names the key and ``GNUPGHOME`` (for sq: ``SEQUOIA_HOME``) where it is. It prints a JSON
object whose ``signature`` is the path of what it made: ``{"file": "PULP_MANIFEST", "signature": "PULP_MANIFEST.asc"}``.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pulp_actor.errors import NotFound
from pulp_actor.models import SigningService
from pulp_actor.settings import settings
from pulp_actor.signing.errors import SigningError
from pulp_actor.signing.openpgp import GPG, check_key, check_signature, export_key, normal_fingerprint

#: What a service makes -> what comes behind the name of the file that it signs.
CLASSES = {"core:AsciiArmoredDetachedSigningService": ".asc"}
#: Most bytes of a signature, and of what a script says.
LIMIT = 1024 * 1024


def add_service(
    name: str, script: str, fingerprint: str, *, klass: str, backend: str = GPG, home: str | None = None,
    public_key: str | None = None,
) -> SigningService:
    """Register a service, after it has signed something for a trial.

    Raises:
        SigningError: it cannot be used, or the name is taken.
    """
    if klass not in CLASSES:
        raise SigningError(f"there is no class of signing services {klass!r}; known are {', '.join(CLASSES)}")
    path = Path(script).expanduser().resolve()
    if not path.is_file() or not os.access(path, os.X_OK):
        raise SigningError(f"{path} is not an executable file")
    if SigningService.get_or_none(SigningService.name == name) is not None:
        raise SigningError(f"there is a signing service {name!r} already")
    fingerprint = normal_fingerprint(fingerprint)
    where = str(Path(home).expanduser().resolve()) if home else None
    key = public_key or export_key(backend, fingerprint, where)
    check_key(backend, key, fingerprint)
    service = SigningService(
        name=name, klass=klass, script=str(path), pubkey_fingerprint=fingerprint, public_key=key, backend=backend,
        home=where)
    sign(service, "trial", b"something to sign\n")
    service.save(force_insert=True)
    return service


def remove_service(name: str, klass: str | None = None) -> None:
    """Forget a service; what it has signed stays signed. Raises NotFound."""
    query = SigningService.delete().where(SigningService.name == name)
    if not (query.where(SigningService.klass == klass) if klass else query).execute():
        raise NotFound(f"there is no signing service {name!r}")


def get_service(name: str) -> SigningService:
    """Raises SigningError if there is no service of that name."""
    service = SigningService.get_or_none(SigningService.name == name)
    if service is None:
        raise SigningError(f"there is no signing service {name!r}")
    return service


def suffix_of(service: SigningService) -> str:
    """What comes behind the name of a file that the service has signed."""
    return CLASSES[service.klass]


def sign(service: SigningService, name: str, data: bytes) -> bytes:
    """The checked, detached signature of ``data``, as `sign_file`."""
    with _folder(name) as folder:
        source = folder / "data"
        source.write_bytes(data)
        return sign_file(service, source, name)


def sign_file(service: SigningService, source: Path, name: str) -> bytes:
    """The checked, detached signature of a file, of which the script is given a copy of that name. Takes as long as the
    script: call it outside of transactions.

    Raises:
        SigningError: the script failed, took too long, or made no good signature.
    """
    with _folder(name) as folder:
        file = folder / Path(name).name
        shutil.copyfile(source, file)
        said = _run_script(service, file)
        signature = _signature(service, said, folder)
        check_signature(service.backend, service.public_key, service.pubkey_fingerprint, file, signature)
        if not filecmp.cmp(source, file, shallow=False):
            raise SigningError(f"the script {service.script} has changed the file it was to sign")
        return signature.read_bytes()


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A folder for the length of a block; what the disk refuses in it is the reason why there is no signature."""
    try:
        with tempfile.TemporaryDirectory(prefix="pulp-actor-sign-") as folder:
            yield Path(folder)
    except OSError as error:
        raise SigningError(f"{name} cannot be signed: {error.strerror or error}") from error


def _run_script(service: SigningService, file: Path) -> str:
    """What the script printed. It runs in a session of its own, all of which is killed when its time is up."""
    environment = {
        "PATH": os.defpath, "LANG": "C.UTF-8", "HOME": service.home or str(file.parent), "TMPDIR": str(file.parent),
        "PULP_SIGNING_KEY_FINGERPRINT": service.pubkey_fingerprint,
    }
    if service.home:
        environment["GNUPGHOME" if service.backend == GPG else "SEQUOIA_HOME"] = service.home
    try:
        process = subprocess.Popen(
            [service.script, str(file)], cwd=file.parent, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, text=True, errors="replace")
    except OSError as error:
        raise SigningError(f"the script {service.script} cannot be run: {error.strerror}") from None
    try:
        said, complained = process.communicate(timeout=settings.SIGNING_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise SigningError(f"the script {service.script} did not end within {settings.SIGNING_TIMEOUT} seconds") from None
    finally:
        _end(process)
    if process.returncode:
        reason = complained.strip().splitlines()[-1][:300] if complained.strip() else f"exit code {process.returncode}"
        raise SigningError(f"the script {service.script} failed: {reason}")
    return said[:LIMIT]


def _end(process: subprocess.Popen[str]) -> None:
    """Kill what is left of the script's session, and reap the script."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _signature(service: SigningService, said: str, folder: Path) -> Path:
    """The file that the script says it has made. Raises SigningError."""
    try:
        answer = json.loads(said)
        named = answer["signature"]
        path = (folder / named).resolve()
    except (ValueError, KeyError, TypeError, OSError):
        raise SigningError(f"the script {service.script} did not print a JSON object that names a signature") from None
    if not path.is_file() or not path.is_relative_to(folder.resolve()) or path.stat().st_size > LIMIT:
        raise SigningError(f"the script {service.script} names a signature that is not there: {str(named)[:200]!r}")
    return path
