"""What a batch costs depends on the batch: not on how much there is, nor on what the database's statistics say of it. They
are of a time when there was nearly nothing, as in every first sync. The pages that are looked at are counted."""

from __future__ import annotations

import json

import pytest

from pulp_actor.db import database
from pulp_actor.domains import current_domain_id
from pulp_actor.models.tables import for_model
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.sync import store
from pulp_actor.transfer import importing
from pulp_actor.versions import builder, new_version
from tests.integration.file.conftest import connection, make_repository
from tests.support.plans import fill, pages, rows

__all__ = ["connection", "make_repository"]

UNITS, BATCH = 4000, 100


def units(count, prefix=""):
    return [key for key, _ in fill(count, prefix)]


@pytest.fixture(params=["no statistics", "statistics of nothing", "statistics of one unit", "statistics of a lone unit"])
def repository(request, make_repository):
    """A repository in a database that knows nothing of itself, or little."""
    found = make_repository()
    if request.param.endswith("unit"):
        known = units(1, "old ")
        if "lone" not in request.param:
            with new_version(found) as version:
                version.add(known)
    if request.param != "no statistics":
        database.execute_sql("ANALYZE")
    return found


def grow(repository, *, add=(), remove=()):
    """The number of a new version."""
    with new_version(repository) as version:
        version.remove(remove)
        version.add(add)
    return version.made.number


@pytest.mark.parametrize("query", [store.SQL.find_units, importing.SQL.find_units], ids=["sync", "import"])
def test_a_batch_is_found_by_its_keys(query, repository):
    grow(repository, add=units(UNITS))
    wanted = FileContent.select(FileContent.digest, FileContent.relative_path).limit(BATCH).dicts()
    parameters = {
        "units": json.dumps(list(wanted)), "domain": str(current_domain_id()), "repository": str(repository.id)}
    statement = for_model(query, FileContent)
    with database.atomic():
        if query is store.SQL.find_units:
            database.execute_sql(store.SQL.plan)
        assert database.execute_sql(statement, parameters).rowcount == BATCH
        assert pages(statement, parameters) < 9 * BATCH
        assert rows(statement, parameters) < 9 * BATCH


def statement(name):
    """One of the builder's, for files."""
    (exclusive,) = (one for one in builder._exclusive_types() if one["table"] == '"file_content"')
    return builder._fill(getattr(builder.SQL, name), exclusive)


def test_what_changes_is_looked_up_one_by_one(repository):
    many = units(UNITS)
    grow(repository, add=many)
    number = grow(repository, add=units(BATCH, "more "), remove=many[:BATCH])
    parameters = {"repository": str(repository.id), "number": number}
    looked_at = {
        name: pages(statement(name), parameters) for name in ("count_added", "count_removed", "rivals", "displaced")}
    assert max(looked_at.values()) < 10 * BATCH, looked_at


def test_what_takes_the_place_of_something_is_looked_up_one_by_one(repository):
    """A batch of units whose paths others have, each of which goes."""
    grow(repository, add=units(UNITS))
    number = grow(repository, add=units(BATCH))
    assert repository.latest_version().content_summary["removed"] == {"file.file": BATCH}
    undone = "UPDATE repository_content SET version_removed = NULL WHERE version_removed = %s"
    database.execute_sql(undone, (number,))
    assert pages(statement("displaced"), {"repository": str(repository.id), "number": number}) < 40 * BATCH


def test_what_takes_a_place_in_an_older_version_is_looked_up_one_by_one(repository):
    grow(repository, add=units(UNITS))
    batch = units(BATCH)
    changes = {"changes": builder.SQL.given_changes}
    parameters = {
        "repository": str(repository.id), "base": repository.latest_version().number, "content": batch,
        "present": [True] * BATCH}
    with database.atomic():
        database.execute_sql(builder._fill(builder.SQL.base_and_changes, changes), parameters)
        query = builder._fill(statement("displaced_in_base"), changes)
        assert pages(query, parameters) < 40 * BATCH
        assert database.execute_sql(query, parameters).rowcount == BATCH
