"""What a request costs: every list and every read of every endpoint asks the database a fixed number of questions, however
many rows there are."""

import pytest

from api.routes import all_endpoints
from pulp_actor.plugins import load_plugins
from tests.integration.api.conftest import counted_queries
from tests.support.api_world import EMPTY

#: Queries of one list: the user, who asks for what is outside, the count, the page.
LIST, READ = 4, 3

#: Collection -> why nothing can be made in it here.
REFUSED = {
    "domains": "they are switched off",
    **dict.fromkeys(("exporters/core/filesystem", "exporters/core/pulp"), "no folder is allowed"),
}

load_plugins()
LISTS = [
    one for one in all_endpoints()
    if any(operation.action == "list" for operation in one.operations) and not ("{" in one.path and one.path in EMPTY)]
READS = [one for one in LISTS if any(operation.action == "read" for operation in one.operations)]


def paths(endpoints):
    return [pytest.param(one, id=one.path) for one in endpoints]


def test_what_ought_to_be_made_is_made(world):
    assert world.refused.keys() <= REFUSED.keys(), world.refused


@pytest.mark.parametrize("endpoint", paths(LISTS))
def test_a_list_asks_as_often_for_one_row_as_for_all(world, endpoint):
    path = f"{world.path(endpoint)}/"
    with counted_queries() as for_one:
        assert world.api.get(path, "limit=1").status_code == 200
    with counted_queries() as for_all:
        found = world.api.get(path).json
    assert len(for_all) == len(for_one) <= LIST, for_all
    assert found["count"] > 1 or endpoint.path in EMPTY


@pytest.mark.parametrize("endpoint", paths(READS))
def test_a_read_asks_for_the_user_and_the_object(world, endpoint):
    for row in world.rows(endpoint)[:2]:
        with counted_queries() as queries:
            answer = world.api.get(row["pulp_href"])
        assert answer.status_code == 200, answer.text
        assert len(queries) <= READ, queries
