"""The document and its pages, as a client's generator and a browser get them."""

import re
from importlib import resources

import pytest
import yaml


def test_the_document_is_served_as_json_and_yaml_without_credentials(anonymous):
    document = anonymous.get("docs/api.json")
    assert document.status_code == 200
    assert document.json["openapi"].startswith("3.1")
    assert document.json["paths"]["{file_file_repository_href}sync/"]["post"]["operationId"] == (
        "repositories_file_file_sync")
    same = yaml.safe_load(anonymous.get("docs/api.yaml").text)
    assert same["paths"] == document.json["paths"]


def test_one_component_for_bindings(anonymous):
    document = anonymous.get("docs/api.json", "bindings&component=file").json
    assert document["paths"]["{file_file_repository_href}sync/"]["post"]["operationId"] == "sync"
    assert not any("tasks/" in path for path in document["paths"])
    assert document["info"]["x-pulp-app-versions"].keys() == {"file"}
    assert anonymous.get("docs/api.json", "component=nope").status_code == 404


def test_paths_as_they_are_routed(anonymous):
    assert "/pulp/api/v3/tasks/{pulp_id}/" in anonymous.get("docs/api.json", "pk_path=1").json["paths"]


@pytest.mark.parametrize("page", ["docs/", "swagger/"])
def test_a_page_asks_nobody_else(anonymous, page):
    answer = anonymous.get(page)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert not re.search(r"https?://", answer.text)
    for source in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        asset = anonymous.get(source.removeprefix("../") if source.startswith("..") else f"docs/{source}")
        assert asset.status_code == 200, source


def test_vendored_files_name_their_licence():
    static = resources.files("api") / "static"
    assert (static / "redoc" / "LICENSE").is_file()
    assert (static / "swagger" / "LICENSE").is_file()
