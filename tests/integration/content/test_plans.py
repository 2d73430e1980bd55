"""A path costs the same in a version of many units, even while the database has no statistics of what was just written: the
pages that are looked at are counted."""

import pytest

from content import listing, lookup
from content.lookup import find_view, parameters
from pulp_actor.db import database
from tests.support.content import Repo, artifact, distribute, fill
from tests.support.plans import pages

UNITS = 5000


@pytest.fixture
def view(connection):
    repo = Repo()
    repo.add()
    fill(repo, UNITS, artifact(b"data"))
    distribute("many", repository=repo.row)
    return find_view("default", ["many"])


@pytest.mark.parametrize("statistics", [False, True])
def test_a_path_is_found_without_reading_the_version(view, statistics):
    if statistics:
        database.execute_sql("ANALYZE")
    for path in ("d7/f7", "none"):
        assert pages(lookup.sql.find_file, parameters(view) | {"path": path}) < 40
    for first in ("d7/", "none/"):
        assert pages(
            lookup.sql.is_directory, parameters(view) | {"first": first, "beyond": lookup.beyond(first)}) < 40


@pytest.mark.parametrize("statistics", [False, True])
def test_a_page_of_a_listing_looks_at_its_own_files(view, statistics):
    if statistics:
        database.execute_sql("ANALYZE")
    paths = [f"d{number % 1000}/f{number}" for number in range(1, 201)]
    assert pages(listing.sql.details, parameters(view) | {"paths": paths}) < 40 * len(paths)
    assert len(listing.list_directory(view, "").entries) == listing.PAGE_SIZE
    assert [entry.size for entry in listing.list_directory(view, "d7/").entries] == [4] * (UNITS // 1000)
