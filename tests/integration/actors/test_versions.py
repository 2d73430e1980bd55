"""Versions of a repository: what adding, removing and deleting make of what each version holds."""

from __future__ import annotations

import hashlib
import random
import uuid

import pytest

from actors.repository import add_and_remove, delete_version
from pulp_actor.db import database
from pulp_actor.errors import ValidationError
from pulp_actor.models import Content, Distribution, Publication, RepositoryContent, RepositoryVersion
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.versions import PathTaken, new_version
from pulp_actor.versions.builder import ContentGone
from tests.integration.file.conftest import paths


def unit(path: str, data: str = "") -> uuid.UUID:
    """A unit of file content; equal arguments give different rows only if the data differs."""
    content = Content.create(type="file.file")
    digest = hashlib.sha256(f"{path}{data}".encode()).hexdigest()
    FileContent.insert(content=content.id, domain_id=content.domain_id, digest=digest, relative_path=path).execute()
    return content.id


def change(repository, add=(), remove=(), **options):
    with new_version(repository, **options) as version:
        version.remove(remove)
        version.add(add)
    return version.made


def counts(version, part):
    return version.content_summary[part].get("file.file", 0)


def members(repository):
    """The paths in each version, by number, and what the summaries say beside what is true."""
    found = {}
    for version in repository.versions.where(RepositoryVersion.complete):
        found[version.number] = paths(version)
        assert counts(version, "present") == len(found[version.number])
    return found


def test_adding_and_removing(make_repository):
    repository = make_repository()
    a, b, c = unit("a"), unit("b"), unit("c")
    first = change(repository, add=[a, b])
    second = change(repository, add=[c], remove=[a])
    assert (first.number, second.number) == (1, 2)
    assert members(repository) == {0: set(), 1: {"a", "b"}, 2: {"b", "c"}}
    assert (counts(second, "added"), counts(second, "removed")) == (1, 1)
    repository = type(repository).get_by_id(repository.id)
    assert repository.next_version == 3


def test_nothing_to_change_makes_no_version(make_repository):
    repository = make_repository()
    a = unit("a")
    change(repository, add=[a])
    assert change(repository, add=[a]) is None
    assert change(repository, remove=[unit("b")]) is None
    assert change(repository) is None
    assert repository.latest_version().number == 1


def test_failure_leaves_everything_as_it_was(make_repository):
    repository = make_repository()
    def fail():
        with new_version(repository) as version:
            version.add([unit("a")])
            version.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert members(repository) == {0: set()}
    assert database.execute_sql("SELECT count(*) FROM version_change").fetchone() == (0,)


def test_unit_takes_the_place_of_one_with_its_path(make_repository):
    repository = make_repository()
    change(repository, add=[unit("a", "old"), unit("b")])
    version = change(repository, add=[unit("a", "new")])
    assert members(repository)[2] == {"a", "b"}
    assert (counts(version, "added"), counts(version, "removed"), counts(version, "present")) == (1, 1, 2)


def test_overwriting_can_be_refused(make_repository):
    repository = make_repository()
    change(repository, add=[unit("dir/a", "old")])
    with pytest.raises(PathTaken, match="'dir/a'"):
        change(repository, add=[unit("dir/a", "new")], overwrite=False)
    assert repository.latest_version().number == 1
    assert change(repository, add=[unit("b")], overwrite=False).number == 2


def test_two_units_for_one_path_are_refused(make_repository):
    repository = make_repository()
    with pytest.raises(PathTaken, match="'a'"):
        change(repository, add=[unit("a", "1"), unit("a", "2")])
    assert members(repository) == {0: set()}


def test_unit_that_has_gone(make_repository):
    repository = make_repository()
    with pytest.raises(ContentGone):
        change(repository, add=[uuid.uuid4()])
    assert members(repository) == {0: set()}


def test_base_version(make_repository):
    repository = make_repository()
    a, b, c, d = unit("a"), unit("b"), unit("c"), unit("d")
    first = change(repository, add=[a, b])
    change(repository, add=[c], remove=[a])
    third = change(repository, add=[d], remove=[b], base_version=first)
    assert members(repository)[3] == {"a", "d"}
    assert (counts(third, "added"), counts(third, "removed")) == (2, 2)
    assert third.base_version == first


def test_base_version_with_a_unit_in_the_place_of_another(make_repository):
    repository = make_repository()
    first = change(repository, add=[unit("a", "1"), unit("b")])
    change(repository, remove=[*(row.content_id for row in RepositoryContent.select())])
    with pytest.raises(PathTaken):
        change(repository, add=[unit("a", "2")], base_version=first, overwrite=False)
    version = change(repository, add=[unit("a", "3")], base_version=first)
    assert members(repository) == {0: set(), 1: {"a", "b"}, 2: set(), 3: {"a", "b"}}
    assert counts(version, "added") == 2


def test_base_version_that_equals_the_latest_makes_none(make_repository):
    repository = make_repository()
    first = change(repository, add=[unit("a")])
    b = unit("b")
    change(repository, add=[b])
    change(repository, remove=[b])
    assert change(repository, base_version=first) is None


def test_many_changes_spill_to_the_table(make_repository, monkeypatch):
    repository = make_repository()
    units = [unit(f"file-{number}") for number in range(50)]
    with new_version(repository) as version:
        version._spill_at = 10
        version.add(units)
        version.remove(units[:5])
    assert counts(version.made, "added") == 45
    with new_version(repository) as version:
        version._spill_at = 10
        version.remove_all()
        version.add(units[:20])
    assert counts(version.made, "present") == 20
    assert (counts(version.made, "added"), counts(version.made, "removed")) == (5, 30)
    assert database.execute_sql("SELECT count(*) FROM version_change").fetchone() == (0,)


def test_deleting_the_latest_version(make_repository):
    repository = make_repository()
    a, b = unit("a"), unit("b")
    change(repository, add=[a])
    latest = change(repository, add=[b], remove=[a])
    delete_version(str(latest.id))
    assert members(repository) == {0: set(), 1: {"a"}}
    assert change(repository, add=[b]).number == 3


def test_deleting_a_version_in_the_middle(make_repository):
    repository = make_repository()
    a, b, c = unit("a"), unit("b"), unit("c")
    change(repository, add=[a, b])
    middle = change(repository, add=[c], remove=[a])
    change(repository, add=[a], remove=[c])
    delete_version(str(middle.id))
    assert members(repository) == {0: set(), 1: {"a", "b"}, 3: {"a", "b"}}
    third = RepositoryVersion.get(RepositoryVersion.repository == repository, RepositoryVersion.number == 3)
    assert third.content_summary == {"present": {"file.file": 2}, "added": {}, "removed": {}}
    assert RepositoryContent.select().count() == 2


def test_the_only_version_stays(make_repository):
    repository = make_repository()
    with pytest.raises(ValidationError):
        delete_version(str(repository.latest_version().id))


def test_version_that_has_gone_already_is_no_error(make_repository):
    repository = make_repository()
    before = members(repository)
    delete_version(str(uuid.uuid4()))
    assert members(repository) == before


@pytest.mark.parametrize("seed", range(8))
def test_what_versions_hold_is_what_a_model_of_sets_says(seed, make_repository):
    """Random changes and deletions against plain sets."""
    choose = random.Random(seed)
    repository = make_repository()
    units = {f"path-{number % 12}/{number // 12}": unit(f"path-{number % 12}", str(number)) for number in range(36)}
    names = {key: name for name, key in units.items()}
    model: dict[int, set[str]] = {0: set()}
    for _ in range(25):
        if len(model) > 2 and choose.random() < 0.3:
            number = choose.choice(list(model))
            del model[number]
            delete_version(str(RepositoryVersion.get(
                RepositoryVersion.repository == repository, RepositoryVersion.number == number).id))
        else:
            add, remove = set(choose.sample(sorted(units), 3)), set(choose.sample(sorted(units), 6))
            add = {name for name in add if not any(o < name and o.split("/")[0] == name.split("/")[0] for o in add)}
            start = choose.choice(sorted(model)) if choose.random() < 0.3 else max(model)
            base = RepositoryVersion.get(
                RepositoryVersion.repository == repository, RepositoryVersion.number == start)
            clear = choose.random() < 0.2
            with new_version(repository, base) as version:
                if clear:
                    version.remove_all()
                else:
                    version.remove(units[name] for name in remove - add)
                version.add(units[name] for name in add)
            before = set() if clear else model[start] - remove
            taken = {name.split("/")[0] for name in add}
            after = {name for name in before if name in add or name.split("/")[0] not in taken} | add
            if after != model[max(model)]:
                model[version.made.number] = after
            else:
                assert version.made is None
        held = {}
        for version in repository.versions:
            rows = RepositoryContent.select(RepositoryContent.content).where(
                RepositoryContent.repository == repository, RepositoryContent.version_added <= version.number,
                RepositoryContent.version_removed.is_null() | (RepositoryContent.version_removed > version.number))
            held[version.number] = {names[key] for (key,) in rows.tuples()}
            assert counts(version, "present") == len(held[version.number])
        assert held == model


def test_only_so_many_versions_are_kept(make_repository):
    repository = make_repository(retain_repo_versions=2)
    for number in range(4):
        change(repository, add=[unit(str(number))])
    assert members(repository) == {3: {"0", "1", "2"}, 4: {"0", "1", "2", "3"}}


def test_versions_that_are_served_are_kept(make_repository):
    repository = make_repository(retain_repo_versions=1)
    change(repository, add=[unit("a")])
    Distribution.create(
        type="file.file", name="d", base_path="d", repository_version=repository.latest_version())
    second = change(repository, add=[unit("b")])
    publication = Publication.create(type="file.file", repository_version=second, complete=True)
    Distribution.create(type="file.file", name="e", base_path="e", publication=publication)
    change(repository, add=[unit("c")])
    change(repository, add=[unit("d")])
    assert members(repository) == {1: {"a"}, 2: {"a", "b"}, 4: {"a", "b", "c", "d"}}


def test_modify_as_a_task(make_repository, task):
    repository = make_repository()
    a, b = unit("a"), unit("b")
    facts = add_and_remove(str(repository.id), [str(a), str(b)], [])
    href = f"/pulp/api/v3/repositories/file/file/{repository.id}/versions/1/"
    assert facts["pulp_href"] == href
    assert facts["number"] == 1
    assert facts["content_summary"]["present"]["file.file"]["count"] == 2
    assert [href for href, _ in task.created_resources] == [href]
    assert add_and_remove(str(repository.id), [], ["*"])["content_summary"]["present"] == {}
    assert add_and_remove(str(repository.id), [], ["*"]) is None
    assert add_and_remove(str(repository.id), [str(a)], ["*"])["content_summary"]["present"]["file.file"]["count"] == 1
