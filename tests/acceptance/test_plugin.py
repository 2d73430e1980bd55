"""A plugin from elsewhere: the example in ``tests/plugin_example`` is built into a distribution of its own, installed
beside the platform, and shows up wherever a built-in one does. ``docs/writing-a-plugin.md`` builds the same plugin."""

import json
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import requests

from pulp_actor.cli.client import TaskFailed
from tests.support.origin import make_files, sha256
from tests.support.platform import running_platform

EXAMPLE = Path(__file__).parents[1] / "plugin_example"
GUIDE = Path(__file__).parents[2] / "docs/writing-a-plugin.md"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The directory that the plugin has been installed into, as pip does it; without a network."""
    directory = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(EXAMPLE, directory / "source")
    target = directory / "target"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index",
         "--no-build-isolation", "--target", str(target), str(source)],
        check=True, timeout=100,
    )
    return target


@pytest.fixture(scope="module")
def kitchen(installed, tmp_path_factory):
    """A platform that has the plugin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(installed))
        with running_platform(tmp_path_factory.mktemp("kitchen")) as platform:
            yield platform


def serve_cookbook(origin, name, files):
    """Serve recipes below ``/name/``. Returns the URL of their cookbook."""
    recipes = [
        {"path": path, "servings": 4, "sha256": sha256(data), "size": len(data)} for path, data in files.items()]
    book = json.dumps({"recipes": recipes}).encode()
    origin.publish(name, {**files, "cookbook.json": book})
    return f"{origin.url}/{name}/cookbook.json"


def make(platform, path, **fields):
    """Make an object of the plugin and return it."""
    return platform.client.create(path, fields)


def mirror(platform, origin, name, files, **remote):
    """A repository that has been synced from an origin with these files."""
    url = serve_cookbook(origin, name, files)
    remote = make(platform, "remotes/recipe/recipe/", name=name, url=url, **remote)
    repository = make(platform, "repositories/recipe/recipe/", name=name, remote=remote["pulp_href"], cuisine="French")
    task = platform.client.run(f"{repository['pulp_href']}sync/", {})
    return platform.client.get(repository["pulp_href"]), task


def test_the_plugin_is_named_by_the_status(kitchen):
    versions = {one["component"]: one for one in requests.get(kitchen.url("status/"), timeout=30).json()["versions"]}
    assert versions["recipe"] == {
        "component": "recipe", "version": "1.0.0", "package": "pulp-actor-recipe", "module": "pulp_actor_recipe",
        "domain_compatible": True,
    }


def test_its_lists_are_among_those_of_the_root(kitchen):
    assert kitchen.client.get("")["repositories/recipe/recipe"] == kitchen.url("repositories/recipe/recipe/")


def test_its_operations_and_schemas_are_in_the_openapi_document(kitchen):
    document = requests.get(kitchen.url("docs/api.json?component=recipe"), timeout=30).json()
    operations = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    assert {
        "content_recipe_recipes_create", "content_recipe_recipes_upload", "remotes_recipe_recipe_partial_update",
        "repositories_recipe_recipe_sync", "repositories_recipe_recipe_versions_list", "publications_recipe_recipe_create",
        "distributions_recipe_recipe_read", "recipe_statistics_read",
    } <= operations
    assert "cuisine" in document["components"]["schemas"]["recipe.RecipeRepositoryResponse"]["properties"]
    assert document["info"]["x-pulp-app-versions"] == {"recipe": "1.0.0"}


def test_a_cookbook_is_mirrored_published_and_served(kitchen, origin):
    files = make_files(12, "recipes")
    repository, task = mirror(kitchen, origin, "journey", files)
    assert task["state"] == "completed"
    version = kitchen.client.get(repository["latest_version_href"])
    assert version["content_summary"]["present"]["recipe.recipe"]["count"] == 12

    publication = make(kitchen, "publications/recipe/recipe/", repository=repository["pulp_href"])
    distribution = make(
        kitchen, "distributions/recipe/recipe/", name="journey", base_path="kitchen/french",
        publication=publication["pulp_href"])
    assert distribution["base_url"] == kitchen.content_url("kitchen/french/")
    for path, data in files.items():
        assert kitchen.served_digest(f"kitchen/french/{path}") == sha256(data)
    book = requests.get(kitchen.content_url("kitchen/french/cookbook.json"), timeout=30)
    assert {one["path"]: one["sha256"] for one in book.json()["recipes"]} == {
        path: sha256(data) for path, data in files.items()}


def test_its_hook_adds_headers_to_what_is_served(kitchen, origin):
    files = make_files(1, "headers")
    repository, _ = mirror(kitchen, origin, "headers", files)
    publication = make(kitchen, "publications/recipe/recipe/", repository=repository["pulp_href"])
    make(kitchen, "distributions/recipe/recipe/", name="headers", base_path="headers", publication=publication["pulp_href"])

    def caching(path):
        return requests.get(kitchen.content_url(f"headers/{path}"), timeout=30).headers["Cache-Control"]

    assert caching(next(iter(files))) == "max-age=3600"
    assert caching("cookbook.json") == "no-cache"


def test_recipes_on_demand_come_when_they_are_asked_for(kitchen, origin):
    files = make_files(2, "lazy")
    repository, _ = mirror(kitchen, origin, "lazy", files, policy="on_demand")
    make(kitchen, "distributions/recipe/recipe/", name="lazy", base_path="lazy", repository=repository["pulp_href"])
    path, data = next(iter(files.items()))
    assert not origin.requests[f"/lazy/{path}"]
    assert kitchen.served_digest(f"lazy/{path}") == sha256(data)


def test_a_recipe_that_is_uploaded_is_found_by_its_own_filter(kitchen):
    answer = kitchen.session.post(
        kitchen.url("content/recipe/recipes/upload/"), data={"relative_path": "feast.txt", "servings": "40"},
        files={"file": ("feast.txt", b"Roast an ox.")}, timeout=30)
    assert answer.status_code == 201, answer.text
    found = kitchen.client.get("content/recipe/recipes/?servings__gte=40")["results"]
    assert [(one["relative_path"], one["digest"]) for one in found] == [("feast.txt", sha256(b"Roast an ox."))]
    assert answer.json()["pulp_href"] in [one["pulp_href"] for one in kitchen.client.get("content/")["results"]]


def test_a_recipe_is_made_in_a_repository_in_one_go(kitchen):
    repository = make(kitchen, "repositories/recipe/recipe/", name="one go")
    answer = kitchen.session.post(
        kitchen.url("content/recipe/recipes/"), timeout=30, files={"file": ("toast.txt", b"Toast some bread.")},
        data={"relative_path": "toast.txt", "servings": "1", "repository": repository["pulp_href"]})
    kitchen.client.wait(answer.json()["task"])
    latest = kitchen.client.get(repository["pulp_href"])["latest_version_href"]
    assert kitchen.client.get(latest)["content_summary"]["added"]["recipe.recipe"]["count"] == 1


def test_a_cookbook_that_lies_changes_nothing(kitchen, origin):
    origin.publish("liar", {"cookbook.json": b'{"recipes": [{"path": "../x", "servings": 1, "sha256": "", "size": 1}]}'})
    remote = make(kitchen, "remotes/recipe/recipe/", name="liar", url=f"{origin.url}/liar/cookbook.json")
    repository = make(kitchen, "repositories/recipe/recipe/", name="liar", remote=remote["pulp_href"])
    with pytest.raises(TaskFailed, match="not a plain relative path"):
        kitchen.client.run(f"{repository['pulp_href']}sync/", {})
    assert kitchen.client.get(repository["pulp_href"])["latest_version_href"] == repository["latest_version_href"]


def test_its_plain_view_answers_at_once(kitchen):
    totals = kitchen.client.get("recipe/statistics/")
    assert totals["servings"] >= totals["recipes"] >= 0


def test_its_migrations_are_kept_in_a_table_of_their_own(kitchen):
    with closing(psycopg2.connect(kitchen.facts.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM migration_recipe")
        assert cursor.fetchall() == [("0001_initial",)]


def test_its_types_have_roles_and_access_policies_without_code_of_its_own(kitchen):
    roles = {one["name"]: one["permissions"] for one in kitchen.client.every("roles/", name__startswith="recipe.")}
    assert roles["recipe.reciperepository_creator"] == ["recipe.add_reciperepository"]
    assert {"recipe.sync_reciperepository", "recipe.manage_roles_reciperepository"} <= set(
        roles["recipe.reciperepository_owner"])
    policy = kitchen.client.find("access_policies/", viewset_name="repositories/recipe/recipe")
    assert policy["creation_hooks"][0]["parameters"] == {"roles": ["recipe.reciperepository_owner"]}


def code_blocks(text):
    """(file, code) for each block of the guide that is introduced by a file's name."""
    return re.findall(r"`([\w./]+)`:\n\n```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_every_code_block_of_the_guide_is_in_the_example():
    blocks = code_blocks(GUIDE.read_text())
    for name, code in blocks:
        assert code.strip() in (EXAMPLE / name).read_text(), f"{name} differs from the guide:\n{code}"
    written = {name for name, _ in blocks}
    files = {str(p.relative_to(EXAMPLE)) for p in EXAMPLE.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert files - written == {"pulp_actor_recipe/migrations/__init__.py"}


def test_the_guide_shows_each_file_whole():
    shown = {}
    for name, code in code_blocks(GUIDE.read_text()):
        shown.setdefault(name, []).append(code.strip())
    for name, parts in shown.items():
        assert sum(map(len, parts)) > 0.95 * len((EXAMPLE / name).read_text().strip()), f"{name} is not shown whole"
