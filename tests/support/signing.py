"""Real keys in real keyrings, and scripts that sign with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulp_actor.signing import openpgp

#: Backend -> the line of a script that signs.
SIGN = {
    "gpg": 'gpg --batch --armor --detach-sign --local-user "$PULP_SIGNING_KEY_FINGERPRINT" --output "$1.asc" "$1"',
    "sq": 'sq sign --detached --signer-key "$SEQUOIA_HOME/key.pgp" --output "$1.asc" "$1"',
}
SAY = 'echo "{\\"file\\": \\"$1\\", \\"signature\\": \\"$1.asc\\"}"'


def run(*command: str, **environment: str) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | environment, timeout=60).stdout


@pytest.fixture(scope="module")
def keys() -> Iterator[dict[str, tuple[Path, str, str]]]:
    """Backend -> (folder with a new key, its fingerprint, its public key)."""
    missing = [name for name in openpgp.BACKENDS if shutil.which(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"{', '.join(missing)} not installed")
    with tempfile.TemporaryDirectory(prefix="keys-", dir="/tmp") as folder:  # short: gpg makes sockets in there
        gpg, sq = Path(folder) / "gpg", Path(folder) / "sq"
        for home in (gpg, sq):
            home.mkdir(mode=0o700)
        run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "test@example.org", "ed25519", "sign", "0",
            GNUPGHOME=str(gpg))
        listed = run("gpg", "--list-keys", "--with-colons", GNUPGHOME=str(gpg))
        fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
        run("sq", "key", "generate", "--userid", "test@example.org", "--export", str(sq / "key.pgp"))
        cert = run("sq", "key", "extract-cert", str(sq / "key.pgp"))
        said = run("sq", "inspect", str(sq / "key.pgp"))
        other = next(line.split()[-1] for line in said.splitlines() if "Fingerprint:" in line)
        armored = run("gpg", "--armor", "--export", fingerprint, GNUPGHOME=str(gpg))
        yield {"gpg": (gpg, fingerprint, armored), "sq": (sq, other, cert)}
        run("gpgconf", "--homedir", str(gpg), "--kill", "all")
