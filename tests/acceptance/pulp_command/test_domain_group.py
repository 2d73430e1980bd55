"""``pulp domain``: several tenants in one installation, on a platform that has domains switched on."""

import json

import pytest

from tests.support.platform import running_platform
from tests.support.pulp_command import drives


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with running_platform(tmp_path_factory.mktemp("domains"), DOMAIN_ENABLED="true", WORKERS="1") as platform:
        yield platform


STORE = ("--storage-class", "pulpcore.app.models.storage.FileSystem")


@drives("domain create", "domain show", "domain list", "domain update", "domain destroy")
def test_a_domain_keeps_its_own_repositories(pulp, fresh, tmp_path):
    name, location = fresh("domain"), json.dumps({"location": str(tmp_path)})
    pulp("domain", "create", "--name", name, *STORE, "--storage-settings", location, "--description", "a tenant")
    pulp("domain", "update", "--name", name, "--description", "somebody", "--hide-distributions")
    shown = pulp("domain", "show", "--name", name)
    assert (shown["description"], shown["hide_guarded_distributions"]) == ("somebody", True)
    assert {"default", name} <= {one["name"] for one in pulp("domain", "list")}

    pulp("--domain", name, "file", "repository", "create", "--name", "theirs")
    assert [one["name"] for one in pulp("--domain", name, "file", "repository", "list")] == ["theirs"]
    assert pulp("file", "repository", "list") == []
    pulp("--domain", name, "file", "repository", "destroy", "--name", "theirs")
    pulp("domain", "destroy", "--name", name)
    assert name not in {one["name"] for one in pulp("domain", "list")}
