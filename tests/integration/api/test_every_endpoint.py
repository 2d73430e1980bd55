"""What holds for every type of object there is, now and tomorrow: labels, changes that change nothing, patterns of paths."""

import pytest

from api.call import instance_of
from api.routes import all_endpoints
from pulp_actor.plugins import load_plugins

load_plugins()
#: But domains, which refuse every change while they are switched off (tests/integration/api/test_domains.py has them on).
ENDPOINTS = {one.path: one for one in all_endpoints() if one.path != "domains"}


def with_operation(action, suffix=False):
    """The collections whose objects have an operation."""
    return sorted(
        path for path, endpoint in ENDPOINTS.items()
        if any(one.action == action and one.on_item and bool(one.suffix) == suffix for one in endpoint.operations)
        and "{" not in path)


def some(world, path):
    """An object of a collection, or a reason to look elsewhere."""
    rows = world.rows(world.endpoints[path])
    return rows[-1] if rows else None


@pytest.mark.parametrize("path", with_operation("set_label", suffix=True))
def test_a_label_is_set_selected_by_and_taken_away(world, path):
    row = some(world, path)
    if row is None:
        assert path in world.empty
        return
    href, api = row["pulp_href"], world.api
    assert api.post(f"{href}set_label/", {"key": "mood", "value": "good"}).json == {"key": "mood", "value": "good"}
    assert api.get(href).json["pulp_labels"]["mood"] == "good"
    assert [one["pulp_href"] for one in api.get(f"{path}/", "pulp_label_select=mood%3Dgood").json["results"]] == [href]
    assert api.post(f"{href}unset_label/", {"key": "mood"}).json == {"key": "mood", "value": "good"}
    assert "mood" not in api.get(href).json["pulp_labels"]
    assert api.post(f"{href}set_label/", {"key": "a b", "value": "x"}).status_code == 400


@pytest.mark.parametrize("path", with_operation("partial_update"))
def test_what_was_read_can_be_written_back(world, path):
    """A change that changes nothing is answered with the object, and leaves no trace."""
    row = some(world, path)
    if row is None:
        assert path in world.empty
        return
    schema = instance_of(ENDPOINTS[path].schema)
    body = {name: row[name] for name, field in schema.wire_fields.items() if name in row and not field.dump_only}
    for answer in (world.api.patch(row["pulp_href"], body), world.api.patch(row["pulp_href"], {})):
        assert (answer.status_code, answer.json) == (200, row), answer.text


@pytest.mark.parametrize("path", with_operation("partial_update"))
def test_an_unknown_field_is_refused_by_name(world, path):
    row = some(world, path)
    if row is None:
        assert path in world.empty
        return
    answer = world.api.patch(row["pulp_href"], {"no_such_field": 1})
    assert (answer.status_code, list(answer.json)) == (400, ["no_such_field"])
