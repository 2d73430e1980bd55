"""Each type of object that has a name is made, listed, filtered, read, changed and deleted, and roles are given on it."""

import pytest

from tests.acceptance.generated_clients.kinds import KINDS
from tests.acceptance.generated_clients.roles import give_and_take
from tests.support.clients import calls, package_of


def each(kinds, *names):
    """The test of one kind, which calls the operations ``names`` of its class."""
    return pytest.mark.parametrize(
        "kind", [pytest.param(kind, marks=calls(*[f"{kind.api}.{name}" for name in names]), id=str(kind)) for kind in kinds])


@each(KINDS, "create", "read", "list", "partial_update", "update", "delete")
def test_an_object_is_made_found_changed_and_deleted(clients, fresh, kind):
    api, name = clients.api(kind.api), fresh(str(kind))
    made = clients.made(api, api.create(kind.body_of(clients, name)))
    assert getattr(made, kind.named) == name
    assert api.read(made.pulp_href) == made
    by_name = {kind.named: name} if kind.searchable else {"prn__in": [made.prn]}
    assert [one.pulp_href for one in api.list(**by_name).results] == [made.pulp_href]

    change = kind.change_of(clients, name)
    clients.settled(api.partial_update(made.pulp_href, change))
    changed = api.read(made.pulp_href).to_dict()
    assert {key: changed[key] for key in change} == change

    clients.settled(api.update(made.pulp_href, kind.body_of(clients, name)))
    assert getattr(api.read(made.pulp_href), kind.named) == name

    clients.settled(api.delete(made.pulp_href))
    with pytest.raises(package_of(kind.api).exceptions.NotFoundException):
        api.read(made.pulp_href)


@each([kind for kind in KINDS if kind.searchable and kind.named == "name"], "create", "list")
def test_a_list_is_filtered_ordered_and_paged(clients, fresh, kind):
    api, prefix = clients.api(kind.api), fresh(f"list-{kind}")
    names = [f"{prefix}-{letter}" for letter in "abc"]
    made = [clients.made(api, api.create(kind.body_of(clients, name))) for name in names]

    def found(**parameters):
        return [one.name for one in api.list(**parameters).results]

    assert found(name__contains=prefix, ordering=["name"]) == names
    assert found(name__in=names[:2], ordering=["-name"]) == [names[1], names[0]]
    assert found(name__icontains=prefix.upper(), ordering=["name"], limit=1, offset=1) == [names[1]]
    assert found(q=f"name__contains='{prefix}' AND NOT name='{names[0]}'", ordering=["name"]) == names[1:]
    assert found(pulp_href__in=[made[2].pulp_href]) == [names[2]]
    assert found(prn__in=[made[0].prn, made[1].prn], ordering=["name"]) == names[:2]
    page = api.list(name__contains=prefix, limit=2, ordering=["name"])
    assert page.count == 3 and page.previous is None and "offset=2" in page.next


@each([kind for kind in KINDS if kind.offers("set_label")], "set_label", "unset_label")
def test_labels_are_set_selected_by_and_unset(clients, fresh, kind):
    api, name = clients.api(kind.api), fresh(f"labels-{kind}")
    made = clients.made(api, api.create({**kind.body_of(clients, name), "pulp_labels": {"team": "a"}}))
    api.set_label(made.pulp_href, {"key": "level", "value": "high"})
    selected = api.list(pulp_label_select="team=a,level", prn__in=[made.prn]).results
    assert [one.pulp_labels for one in selected] == [{"team": "a", "level": "high"}]
    api.unset_label(made.pulp_href, {"key": "team"})
    assert api.list(pulp_label_select="team", prn__in=[made.prn]).count == 0


@each([kind for kind in KINDS if kind.offers("add_role")], "my_permissions", "add_role", "list_roles", "remove_role")
def test_a_role_on_an_object_is_given_and_taken(clients, fresh, kind):
    api, name = clients.api(kind.api), fresh(f"roles-{kind}")
    made = clients.made(api, api.create(kind.body_of(clients, name)))
    give_and_take(clients, api, made.pulp_href, name)


def test_secrets_of_a_remote_are_only_said_to_be_set(clients, fresh):
    made = clients.RemotesFileApi.create(
        {"name": fresh("secret"), "url": "http://localhost/", "password": "p", "username": "u"})
    assert {one.name: one.is_set for one in made.hidden_fields} == {
        "client_key": False, "proxy_username": False, "proxy_password": False, "username": True, "password": True}


def test_a_refusal_names_the_field(clients, fresh):
    name = fresh("twice")
    clients.RemotesFileApi.create({"name": name, "url": "http://localhost/"})
    with pytest.raises(package_of("RemotesFileApi").exceptions.BadRequestException, match="name"):
        clients.RemotesFileApi.create({"name": name, "url": "http://localhost/"})
