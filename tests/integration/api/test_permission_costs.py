"""What permissions cost: at most two queries a request, whatever the number of objects."""

from __future__ import annotations

import pytest

from tests.integration.api.conftest import counted_queries

REPOSITORIES = "repositories/file/file/"


PERMISSION_TABLES = ("role_assignment", "access_policy")


@pytest.mark.parametrize("path", ["repositories/file/file/", "repositories/", "content/", "tasks/", "publications/"])
def test_permissions_cost_at_most_two_queries_whatever_is_listed(api, member, path):
    ann = member("ann", "file.filerepository_creator")
    counts = []
    for number in range(3):
        ann.made(REPOSITORIES, {"name": f"r{number}"})
        with counted_queries() as queries:
            assert ann.get(path).status_code == 200
        counts.append(len(queries))
        separate = [one for one in queries if any(table in one for table in PERMISSION_TABLES)]
        assert len([one for one in separate if "LIMIT" not in one and "count(*)" not in one]) <= 2, queries
    assert len(set(counts[1:])) == 1
    with counted_queries() as queries:
        api.get(path)
    assert not [one for one in queries[1:] if any(table in one for table in PERMISSION_TABLES)]


def test_permissions_on_an_object_cost_at_most_two_queries(api, member):
    ann = member("ann", "file.filerepository_creator")
    href = ann.made(REPOSITORIES, {"name": "r"})["pulp_href"]
    with counted_queries() as queries:
        assert ann.get(href).status_code == 200
    about = [one for one in queries[1:] if any(table in one for table in PERMISSION_TABLES)]
    assert len(about) <= 2, queries
    with counted_queries() as queries:
        assert api.get(href).status_code == 200
    assert len(queries) == 2  # who asks, and the object
