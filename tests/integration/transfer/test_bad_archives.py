"""Archives that lie, are damaged, or are made to do harm: refused with the reason, and nothing of them can be seen."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable

import pytest

from pulp_actor.models import Import, Repository, RepositoryVersion
from pulp_actor.transfer.errors import ArchiveRefused, TransferError
from pulp_actor.transfer.exporting import ExportedVersion, export_archive
from pulp_actor.transfer.importing import import_archive
from pulp_actor.versions import PathTaken
from tests.integration.transfer.conftest import held, hold, repository

Members = list[tuple[tarfile.TarInfo, bytes]]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def artifact(name_digest: str) -> str:
    return f"artifacts/{name_digest[:2]}/{name_digest[2:]}"


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(data)
    return info, data


def sealed(members: Members) -> Members:
    """The members with an end that fits them, as whoever forges an archive would write it."""
    seal, units, artifacts = hashlib.sha256(), 0, 0
    for info, data in members:
        if info.name.startswith("artifacts/"):
            artifacts += 1
        elif info.name != "end.json":
            seal.update(f"{info.name}\n{len(data)}\n".encode() + data)
            units += data.count(b"\n") if info.name.endswith(".jsonl") else 0
    end = json.dumps({"artifacts": artifacts, "units": units, "sha256": seal.hexdigest()}).encode()
    return [*(one for one in members if one[0].name != "end.json"), member("end.json", end)]


def replaced(members: Members, name: str, change: Callable[[bytes], bytes]) -> Members:
    return [member(info.name, change(data)) if info.name.startswith(name) else (info, data) for info, data in members]


def in_units(old: bytes, new: bytes) -> Callable[[Members], Members]:
    return lambda members: sealed(replaced(members, "repositories/", lambda data: data.replace(old, new)))


def with_member(*new: tuple[tarfile.TarInfo, bytes]) -> Callable[[Members], Members]:
    return lambda members: sealed([members[0], *new, *members[1:]])


def doubled(part: str) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        wanted = next(one for one in members if one[0].name.startswith(part))
        return sealed([*members[:-1], wanted, members[-1]])
    return change


A = digest(b"aaaa")

#: What is done to a good archive of the files a (aaaa) and b (bbbb) -> what the refusal says.
FORGERIES: dict[str, tuple[Callable[[Members], Members], str]] = {
    "a symbolic link": (with_member(member("artifacts/link", kind=tarfile.SYMTYPE, target="/etc/passwd")), "symbolic link"),
    "a hard link": (with_member(member(artifact(A), kind=tarfile.LNKTYPE, target="/etc/passwd")), "a hard link"),
    "a device": (with_member(member("null", kind=tarfile.CHRTYPE)), "a device"),
    "a pipe": (with_member(member("pipe", kind=tarfile.FIFOTYPE)), "a pipe"),
    "a directory": (with_member(member("artifacts", kind=tarfile.DIRTYPE)), "a directory"),
    "an extension": (with_member(member("x", b"20 path=../../x\n\n", kind=tarfile.XHDTYPE)), "something else than a file"),
    "an absolute name": (with_member(member("/etc/cron.d/x", b"x")), "absolute name"),
    "an escaping name": (with_member(member("artifacts/../../x", b"x")), "leads out of it"),
    "a foreign name": (with_member(member("setup.py", b"x")), "does not belong there"),
    "an artifact twice": (doubled("artifacts/"), "twice"),
    "units twice": (doubled("repositories/"), "twice"),
    "the manifest twice": (doubled("manifest"), "twice"),
    "an artifact of another digest": (lambda m: replaced(m, artifact(A), lambda _: b"evil"), "is damaged: its digest is"),
    "changed units, not sealed anew": (
        lambda m: replaced(m, "repositories/", lambda data: data.replace(b'"a"', b'"c"')), "damaged"),
    "a unit with another digest": (
        in_units(f'"digest": "{A}"'.encode(), b'"digest": "' + b"0" * 64 + b'"'), "not that of its"),
    "a unit that leads out": (in_units(b'"a"', b'"../../a"'), "not a plain relative path"),
    "a unit without its artifact": (in_units(A.encode(), digest(b"cccc").encode()), "neither in the archive"),
    "a unit of no known type": (in_units(b'"file.file"', b'"file.nothing"'), "no plugin for content of type"),
    "a unit without its columns": (in_units(b'"relative_path": "a"', b'"x": 1'), "cannot be stored"),
    "a line that is no JSON": (in_units(b"{", b"["), "not JSON"),
    "two units in one place": (in_units(b'"b"', b'"a"'), "claims"),
    "fewer units than promised": (
        lambda m: sealed(replaced(m, "repositories/", lambda data: data.splitlines(keepends=True)[0])), "holds 1 units"),
    "units of a repository that is not named": (
        with_member(member("repositories/7/units-000000.jsonl", b"{}\n")), "does not name"),
    "a part that is missing": (
        lambda m: sealed([member(i.name.replace("000000", "000004"), d) for i, d in m]), "is not complete"),
    "no end": (lambda m: m[:-1], "is not complete"),
    "something behind the end": (lambda m: [*m, member("more", b"x")], "behind its last member"),
    "no manifest": (lambda m: sealed(m[1:]), "not an archive that a platform"),
    "another format": (
        lambda m: sealed(replaced(m, "manifest", lambda data: data.replace(b'"format": 1', b'"format": 2'))), "format 2"),
    "a nonsensical manifest": (
        lambda m: sealed(replaced(m, "manifest", lambda data: data.replace(b'"version": 1', b'"version": "x"'))),
        "not understood"),
}


@pytest.fixture
def archive(exporter, elsewhere):
    """Path and members of a good archive; the platform knows nothing of what is in it."""
    version = hold(repository("good"), {"a": b"aaaa", "b": b"bbbb"})
    made = export_archive(exporter, [ExportedVersion(version)], {})
    (path,) = made.output["output_file_info"]
    with tarfile.open(path) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]
    elsewhere()
    return path, members


def write(path: str, members: Members) -> None:
    with open(path, "wb") as file:
        for info, data in members:
            file.write(info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512))
        file.write(bytes(1024))


def refused(importer, path, reason):
    with pytest.raises((TransferError, PathTaken), match=reason):
        import_archive(importer, {"path": path, "create_repositories": True})
    assert Repository.select().count() == RepositoryVersion.select().count() == Import.select().count() == 0


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged(forgery, archive, make_importer):
    path, members = archive
    change, reason = FORGERIES[forgery]
    write(path, change(members))
    refused(make_importer(), path, reason)


def test_the_archive_that_was_not_forged(archive, make_importer):
    path, members = archive
    write(path, sealed(members))
    import_archive(make_importer(), {"path": path, "create_repositories": True})
    assert held(Repository.get()) == {"a": b"aaaa", "b": b"bbbb"}


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6, 0.9, 0.999])
def test_cut_short(share, archive, make_importer):
    path, _ = archive
    with open(path, "r+b") as file:
        size = file.seek(0, io.SEEK_END)
        file.truncate(int(size * share))
    refused(make_importer(), path, "not an archive|cut short|is not complete|ends in the middle")


def test_no_archive_at_all(archive, make_importer):
    path, _ = archive
    for data in (b"x" * 5000, b"PK\3\4" + bytes(5000), bytes(1024)):
        with open(path, "wb") as file:
            file.write(data)
        refused(make_importer(), path, "not an archive")


@pytest.mark.parametrize("toc", [
    "", "[]", '{"kind": "other"}', '{"kind": "K", "format": 1, "meta": {}, "files": {}}',
    '{"kind": "K", "format": 1, "meta": {}, "files": {"../x": "D"}}',
    '{"kind": "K", "format": 1, "meta": {}, "files": {"/etc/passwd": "D"}}',
    '{"kind": "K", "format": 1, "meta": {}, "files": {"x": "short"}}',
    '{"kind": "K", "format": 1, "meta": {}, "files": {"\\ud800": "D"}}',
])
def test_bad_tables_of_contents(toc, shelf, make_importer):
    path = shelf / "toc.json"
    path.write_text(toc.replace("K", "pulp-actor archive: table of contents").replace("D", "0" * 64))
    with pytest.raises(ArchiveRefused):
        import_archive(make_importer(), {"toc": str(path), "create_repositories": True})


def test_a_table_of_contents_that_names_a_link(shelf, tmp_path, make_importer):
    (tmp_path / "secret").write_text("secret")
    (shelf / "x").symlink_to(tmp_path / "secret")
    toc = {"kind": "pulp-actor archive: table of contents", "format": 1, "meta": {}, "files": {"x": digest(b"secret")}}
    (shelf / "toc.json").write_text(json.dumps(toc))
    with pytest.raises(ArchiveRefused, match="x cannot be read"):
        import_archive(make_importer(), {"toc": str(shelf / "toc.json"), "create_repositories": True})
