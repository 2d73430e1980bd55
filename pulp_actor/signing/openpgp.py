"""Asks GnuPG or Sequoia for public keys and verdicts. Each question gets a home of its own, so that no key but the one that
is asked about counts, and nothing of this machine's user is read. Must never see a private key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pulp_actor.signing.errors import SigningError

GPG, SQ = "gpg", "sq"
BACKENDS = (GPG, SQ)
#: Seconds for one question.
TIMEOUT = 60


def normal_fingerprint(text: str) -> str:
    """A fingerprint without spaces, in capitals. Raises SigningError if it is none of a key of version 4 or later."""
    found = "".join(text.split()).upper().removeprefix("0X")
    if not re.fullmatch("[0-9A-F]{40}|[0-9A-F]{64}", found):
        raise SigningError(f"{text!r} is not a fingerprint: 40 or 64 hexadecimal digits are needed")
    return found


def export_key(backend: str, fingerprint: str, home: str | None) -> str:
    """The public key with a fingerprint, from the operator's keys, ASCII-armored. Raises SigningError."""
    if backend == GPG:
        place = ["--homedir", home] if home else []
        key = _run(["gpg", *place, "--batch", "--no-tty", "--armor", "--export", fingerprint], home=home).stdout
    else:
        place = ["--home", home] if home else []
        key = _run(["sq", *place, "cert", "export", "--cert", fingerprint], home=home).stdout
    if "BEGIN PGP PUBLIC KEY BLOCK" not in key:
        raise SigningError(f"{backend} knows no public key {fingerprint}; name its file with --public-key")
    return key


def check_key(backend: str, public_key: str, fingerprint: str) -> None:
    """Raises SigningError unless ``public_key`` is that of ``fingerprint``."""
    with _files(key=public_key) as folder:
        if backend == GPG:
            said = _gpg(folder, "--show-keys", "--with-colons", "key").stdout
            found = set(re.findall(r"^fpr:+([0-9A-F]+):", said, re.MULTILINE))
        else:
            found = set(re.findall(r"[0-9A-F]{40,64}", _run(["sq", "inspect", "key"], cwd=folder).stdout))
    if fingerprint not in found:
        raise SigningError(f"the public key is not that of {fingerprint}")


def check_signature(backend: str, public_key: str, fingerprint: str, data: Path, signature: Path) -> None:
    """Raises SigningError unless ``signature`` is one of ``data``, detached, by the key."""
    with _files(key=public_key) as folder:
        if backend == GPG:
            _gpg(folder, "--import", "key")
            done = _gpg(folder, "--status-fd", "1", "--verify", str(signature), str(data), check=False)
            valid = re.findall(r"^\[GNUPG:\] VALIDSIG (.*)$", done.stdout, re.MULTILINE)
            good = done.returncode == 0 and bool(valid) and all(fingerprint in line.split() for line in valid)
        else:
            done = _run([*_sq_verify("key", str(signature)), str(data)], cwd=folder, check=False)
            good = done.returncode == 0
    if not good:
        raise SigningError(f"the signature is not good: {_last_line(done.stderr)}")


@cache
def _sq_options() -> tuple[str, str]:
    """What `sq verify` calls the signer's certificate and the signature; it has changed its mind."""
    said = _run(["sq", "verify", "--help"]).stdout
    return ("--signer-file", "--signature-file") if "--signature-file" in said else ("--signer-cert", "--detached")


def _sq_verify(key: str, signature: str) -> list[str]:
    signer, detached = _sq_options()
    return ["sq", "verify", signer, key, detached, signature]


def _gpg(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["gpg", "--homedir", str(folder), "--batch", "--no-tty", "--no-autostart", "--trust-model", "always"]
    return _run([*command, *arguments], cwd=folder, check=check)


@contextmanager
def _files(**texts: str) -> Iterator[Path]:
    """A private folder with some files in it, for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="pulp-actor-openpgp-"))
    try:
        for name, text in texts.items():
            (folder / name).write_text(text)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(
    command: Sequence[str], *, cwd: Path | None = None, home: str | None = None, check: bool = True,
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": home or str(cwd or "/nonexistent")}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, errors="replace", timeout=TIMEOUT,
            check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise SigningError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise SigningError(f"{command[0]} did not answer within {TIMEOUT} seconds") from None
    if check and done.returncode:
        raise SigningError(f"{command[0]}: {_last_line(done.stderr)}")
    return done


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "no reason was given"
