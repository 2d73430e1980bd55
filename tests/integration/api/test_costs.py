"""What a request costs: every list and every read of every endpoint asks the database a fixed number of questions, however
many rows there are."""

import pytest

from api.routes import all_endpoints
from pulp_actor.plugins import load_plugins
from tests.integration.api.conftest import counted_queries

#: Queries of one list: the user, who asks for what is outside, the count, the page.
LIST, READ = 4, 3

#: Lists in which nothing is here to be counted -> why.
EMPTY = {
    "content/core/openpgp_publickey": "keys", "content/core/openpgp_publicsubkey": "keys",
    "content/core/openpgp_signature": "keys", "content/core/openpgp_userattribute": "keys",
    "content/core/openpgp_userid": "keys", "roles": "x", "users/{user_pk}/roles": "x", "groups/{group_pk}/roles": "x",
    "access_policies": "x", "exporters/core/filesystem": "x", "exporters/core/pulp": "x", "importers/core/pulp": "x",
    "importers/core/pulp/{importer_pk}/imports": "x", "exporters/core/filesystem/{exporter_pk}/exports": "x",
    "exporters/core/pulp/{exporter_pk}/exports": "x", "upstream-pulps": "x", "signing-services": "x", "vuln_report": "x",
    "domains": "there is the default one",
}
#: Refused here -> why.
REFUSED = {"domains": "they are switched off", "roles": "x", "exporters/core/filesystem": "x", "exporters/core/pulp": "x",
           "importers/core/pulp": "x", "upstream-pulps": "x"}

load_plugins()
LISTS = [
    one for one in all_endpoints()
    if any(operation.action == "list" for operation in one.operations) and not ("{" in one.path and one.path in EMPTY)]
READS = [one for one in LISTS if any(operation.action == "read" for operation in one.operations)]


def paths(endpoints):
    return [pytest.param(one, id=one.path) for one in endpoints]


def test_what_ought_to_be_made_is_made(world):
    assert world.refused.keys() == REFUSED.keys(), world.refused


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
