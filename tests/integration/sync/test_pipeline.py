"""The pipeline as a plugin uses it: a content type with two files a unit, whose digests are known in part."""

from __future__ import annotations

import hashlib

import pytest
from peewee import IntegerField, TextField

from pulp_actor.identifiers import ResourceType, registry
from pulp_actor.models import Artifact, Content, ContentArtifact, DetailContent, RemoteArtifact
from pulp_actor.storage import get_storage
from pulp_actor.sync import DeclaredArtifact, DeclaredContent, Downloader, DownloadError, Pipeline, run
from pulp_actor.versions import PathTaken, new_version
from tests.integration.file.conftest import connection, make_remote, make_repository, task, upstream

__all__ = ["connection", "make_remote", "make_repository", "task", "upstream"]


class BookContent(DetailContent):
    natural_key_fields = ("isbn", "edition")
    repo_key_fields = ("isbn",)

    isbn = TextField()
    edition = IntegerField()
    title = TextField(null=True)

    class Meta:
        table_name = "test_book"


@pytest.fixture(autouse=True)
def _books(connection):
    registry.register(ResourceType(BookContent, "content/test/books", "test.bookcontent", "test.book"))
    connection.execute_sql("""
        CREATE TABLE test_book (
            content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE, domain_id uuid NOT NULL,
            isbn text NOT NULL, edition integer NOT NULL, title text, UNIQUE (domain_id, isbn, edition))""")
    yield
    connection.execute_sql("DROP TABLE test_book")
    # The registry has no way to forget, and versions look at the tables of all types.
    for table in (registry._by_path, registry._by_prn, registry._by_model):
        for key, resource in list(table.items()):
            if resource.model is BookContent:
                del table[key]


def book(upstream, number, *, edition=1, digests=("sha256",), files=("text", "cover")):
    artifacts = []
    for kind in files:
        name = f"{kind}-{number}-{edition}"
        data = upstream.files.setdefault(name, name.encode())
        known = {digest: hashlib.new(digest, data).hexdigest() for digest in digests}
        artifacts.append(DeclaredArtifact(upstream.url + name, f"{kind}.bin", len(data), known))
    fields = {"isbn": f"isbn-{number}", "edition": edition, "title": f"Title \"{number}\"\n'quoted' \\ ünïcode"}
    return DeclaredContent(BookContent, fields, artifacts)


def bring(remote, repository, units, **options):
    async def fill(version):
        async with Downloader(remote) as downloader:
            await Pipeline(remote, version, downloader, **options).run(units)

    with new_version(repository) as version:
        run(fill(version))
    return version.made


def test_units_with_several_files(upstream, make_remote, make_repository):
    version = bring(make_remote(), make_repository(), [book(upstream, n) for n in range(25)], batch_size=10)
    assert version.content_summary["present"] == {"test.book": 25}
    assert BookContent.select().count() == Content.select().where(Content.type == "test.book").count() == 25
    assert BookContent.get(BookContent.isbn == "isbn-7").title == "Title \"7\"\n'quoted' \\ ünïcode"
    unit = BookContent.get(BookContent.isbn == "isbn-7")
    entries = {entry.relative_path: entry for entry in ContentArtifact.select().where(
        ContentArtifact.content == unit.content_id)}
    assert set(entries) == {"text.bin", "cover.bin"}
    assert b"".join(get_storage().open(entries["cover.bin"].artifact.file)) == b"cover-7-1"
    assert RemoteArtifact.select().count() == Artifact.select().count() == 50


def test_asynchronous_source_and_progress(upstream, make_remote, make_repository):
    async def source():
        for number in range(12):
            yield book(upstream, number)

    counted = {"units": 0, "downloads": 0}

    def count(what):
        def add(number):
            counted[what] += number
        return add

    bring(make_remote(), make_repository(), source(), on_units=count("units"), on_downloads=count("downloads"))
    assert counted == {"units": 12, "downloads": 24}


@pytest.mark.parametrize("digests", [("sha512",), ("sha224", "sha384"), ()])
def test_digests_other_than_the_usual(digests, upstream, make_remote, make_repository):
    units = [book(upstream, n, digests=digests) for n in range(3)]
    remote = make_remote()
    bring(remote, make_repository(), units)
    assert Artifact.select().count() == 6
    upstream.requests.clear()
    assert bring(remote, make_repository(), units).content_summary["present"] == {"test.book": 3}
    assert upstream.requests.total() == 0


def test_known_bytes_are_found_by_any_digest(upstream, make_remote, make_repository):
    bring(make_remote(), make_repository(), [book(upstream, 1)])
    upstream.requests.clear()
    again = book(upstream, 1, digests=("sha512",))
    again.fields["isbn"] = "another"
    bring(make_remote(), make_repository(), [again])
    assert upstream.requests.total() == 0
    assert Artifact.select().count() == 2


def test_url_that_has_changed_is_noted(upstream, make_remote, make_repository):
    remote, repository, unit = make_remote(policy="on_demand"), make_repository(), book(upstream, 1)
    bring(remote, repository, [unit])
    unit.artifacts[0].url = "http://elsewhere/text"
    assert bring(remote, repository, [unit]) is None
    assert {row.url for row in RemoteArtifact.select()} == {"http://elsewhere/text", f"{upstream.url}cover-1-1"}


def test_new_edition_takes_the_place_of_the_old(upstream, make_remote, make_repository):
    remote, repository = make_remote(policy="on_demand"), make_repository()
    bring(remote, repository, [book(upstream, n) for n in range(3)])
    version = bring(remote, repository, [book(upstream, 1, edition=2)])
    assert version.content_summary == {
        "present": {"test.book": 3}, "added": {"test.book": 1}, "removed": {"test.book": 1}}
    with pytest.raises(PathTaken, match="isbn-9"):
        bring(remote, repository, [book(upstream, 9, edition=1), book(upstream, 9, edition=2)])


def test_unit_that_is_declared_twice_counts_once(upstream, make_remote, make_repository):
    units = [book(upstream, n % 4) for n in range(40)]
    version = bring(make_remote(), make_repository(), units, batch_size=10)
    assert version.content_summary["present"] == {"test.book": 4}
    assert upstream.requests.total() == 8


def test_source_that_fails(upstream, make_remote, make_repository):
    def source():
        yield from (book(upstream, number) for number in range(5))
        raise LookupError("the metadata ends here")

    repository = make_repository()
    with pytest.raises(LookupError, match="the metadata ends here"):
        bring(make_remote(), repository, source())
    assert repository.latest_version().number == 0
    assert not list((get_storage().root.parent / "tmp").glob("*"))


def test_first_bad_file_ends_it_and_leaves_no_temporary_files(upstream, make_remote, make_repository):
    units = [book(upstream, n) for n in range(300)]
    del upstream.files["cover-250-1"]
    with pytest.raises(DownloadError, match="cover-250-1: 404"):
        bring(make_remote(), make_repository(), units, batch_size=50)
    assert not list((get_storage().root.parent / "tmp").glob("*"))


def test_nothing_declared(make_remote, make_repository):
    assert bring(make_remote(), make_repository(), []) is None


def test_labels_come_with_a_unit_and_headers_go_with_a_file(upstream, make_remote, make_repository):
    unit, plain = book(upstream, 1), book(upstream, 2)
    unit.labels = {"shelf": "7", "read": None}
    for artifact in unit.artifacts:
        artifact.headers = {"X-Ticket": artifact.relative_path}
    bring(make_remote(headers=[{"X-Team": "a"}]), make_repository(), [unit, plain])
    labels = {unit.edition: unit.content.pulp_labels for unit in BookContent.select().where(BookContent.isbn == "isbn-1")}
    assert labels == {1: {"shelf": "7", "read": None}}
    assert sorted(headers.get("X-Ticket", "") for headers in upstream.headers) == ["", "", "cover.bin", "text.bin"]
    assert {headers["X-Team"] for headers in upstream.headers} == {"a"}


def test_what_cannot_be_fetched_again_is_not_noted(upstream, make_remote, make_repository):
    unit = book(upstream, 1)
    unit.artifacts[0].refetchable = False
    bring(make_remote(), make_repository(), [unit])
    assert [row.url for row in RemoteArtifact.select()] == [f"{upstream.url}cover-1-1"]
