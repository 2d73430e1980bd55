"""What is known against units of content: asked of a real server that speaks OSV's protocol, kept, shown and deleted."""

import json
from collections import Counter
from http.server import ThreadingHTTPServer

import falcon
import pytest
from peewee import Value, fn

from actors.vulnerabilities import check_content
from api.core.repositories import repository_endpoints
from api.core.vulnerabilities import scanning
from api.middleware import RequestScope
from api.routes import add_routes
from pulp_actor import vulnerabilities
from pulp_actor.db import connected, transaction
from pulp_actor.identifiers import registry
from pulp_actor.models import Repository, RepositoryContent, RepositoryVersion
from pulp_actor.plugins.file.models import FileContent
from pulp_actor.settings import settings
from pulp_actor.vulnerabilities import ServiceFailed
from tests.integration.api.conftest import Client
from tests.support.serving import Handler, served, url_of

REPORTS = "vuln_report/"


class Osv(ThreadingHTTPServer):
    """Knows findings by package and version; gives one of them per answer, so that others are asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), OsvHandler)
        self.findings, self.asked, self.broken = {}, Counter(), False

    @property
    def url(self):
        return f"{url_of(self)}/"


class OsvHandler(Handler):
    def do_POST(self):
        queries = json.loads(self.body())["queries"]
        self.server.asked[self.path] += 1
        self.say({"results": [self.result(query) for query in queries]})

    def result(self, query):
        found = self.server.findings.get((query["package"]["ecosystem"], query["package"]["name"], query["version"]), [])
        position = int(query.get("page_token", 0))
        more = {"next_page_token": str(position + 1)} if position + 1 < len(found) else {}
        return {"vulns": [{"id": found[position], "modified": "2026-01-01T00:00:00Z"}], **more} if found else {}

    def do_GET(self):
        self.server.asked[self.path] += 1
        self.say({"id": self.path.rpartition("/")[2], "summary": "It burns."})

    def say(self, body):
        self.answer(json.dumps(body).encode(), status=503 if self.server.broken else 200)


@pytest.fixture
def osv():
    server = Osv()
    with served(server), settings.override(VULNERABILITY_SERVICE=server.url):
        yield server


def packages():
    """Files called ``name==version`` are packages here."""
    path = FileContent.relative_path
    return FileContent.select(
        FileContent.content, Value("PyPI"), fn.SPLIT_PART(path, "==", 1),
        fn.SPLIT_PART(path, "==", 2)).where(path.contains("=="))


@pytest.fixture
def version(api, monkeypatch):
    """Version 1 of a repository with three files, two of which are packages."""
    monkeypatch.setattr(vulnerabilities, "_packages", {})
    vulnerabilities.register_packages("file.file", packages, FileContent.content)
    repository = api.made("repositories/file/file/", {"name": "r"})
    units = [
        api.upload("content/file/files/upload/", {"relative_path": path}, path.encode()).json["pulp_href"]
        for path in ("toaster==1.0", "kettle==2.0", "README")]
    with transaction():
        row = Repository.get()
        made = RepositoryVersion.create(repository=row, number=1, complete=True)
        for href in units:
            RepositoryContent.insert(repository=row, content=href.split("/")[-2], version_added=1).execute()
    return made, f"{repository['versions_href']}1/", units


def scan(version):
    with connected():
        return check_content(str(version.id))


def test_findings_are_kept_and_shown_with_the_unit_and_the_version(api, osv, version):
    made, href, (toaster, kettle, readme) = version
    osv.findings["PyPI", "toaster", "1.0"] = ["OSV-1", "OSV-2"]
    assert scan(made) == {"vulnerable": 1}
    (report,) = api.get(REPORTS).json["results"]
    assert report["content"] == toaster
    assert report["repo_versions"] == [href]
    assert [one["id"] for one in report["vulns"]] == ["OSV-1", "OSV-2"]
    assert report["vulns"][0]["summary"] == "It burns."
    assert api.get(report["pulp_href"]).json == report
    assert api.get(toaster).json["vuln_report"] == report["pulp_href"]
    assert api.get(kettle).json["vuln_report"] is api.get(readme).json["vuln_report"] is None
    assert {one["pulp_href"]: one["vuln_report"] for one in api.get("content/").json["results"]}[toaster]


def test_a_version_names_the_list_of_its_reports(api, osv, version):
    made, href, _ = version
    osv.findings["PyPI", "toaster", "1.0"] = ["OSV-1"]
    scan(made)
    address = api.get(href).json["vuln_report"]
    assert api.get(address.partition("?")[0], address.partition("?")[2]).json["count"] == 1
    assert api.get(REPORTS, f"repo_versions={href.replace('versions/1', 'versions/0')}").json["count"] == 0
    assert list(api.get(REPORTS, "repo_versions=nonsense").json) == ["repo_versions"]


def test_a_vulnerability_is_asked_for_once(osv, version):
    for name, number in (("toaster", "1.0"), ("kettle", "2.0")):
        osv.findings["PyPI", name, number] = ["OSV-1"]
    assert scan(version[0]) == {"vulnerable": 2}
    assert osv.asked == {"/v1/querybatch": 1, "/v1/vulns/OSV-1": 1}


def test_a_second_scan_replaces_what_the_first_one_found(api, osv, version):
    osv.findings["PyPI", "toaster", "1.0"] = ["OSV-1"]
    scan(version[0])
    osv.findings = {("PyPI", "kettle", "2.0"): ["OSV-3"]}
    scan(version[0])
    (report,) = api.get(REPORTS).json["results"]
    assert (report["content"], [one["id"] for one in report["vulns"]]) == (version[2][1], ["OSV-3"])


def test_a_service_that_fails_changes_nothing(api, osv, version):
    osv.findings["PyPI", "toaster", "1.0"] = ["OSV-1"]
    scan(version[0])
    osv.broken = True
    with pytest.raises(ServiceFailed, match=osv.url.rstrip("/")):
        scan(version[0])
    assert api.get(REPORTS).json["count"] == 1


def test_a_report_is_deleted_and_goes_with_its_version(api, osv, version):
    osv.findings["PyPI", "toaster", "1.0"] = ["OSV-1"]
    scan(version[0])
    assert api.delete(api.get(REPORTS).json["results"][0]["pulp_href"]).status_code == 204
    assert api.get(REPORTS).json["count"] == 0


def test_a_plugin_offers_the_scan_of_its_versions(api, version):
    """As a plugin's own declaration does; types of the platform itself are no packages."""
    from pulp_actor.plugins.file.api import FileRepositorySchema

    app = falcon.App(middleware=[RequestScope()])
    add_routes(app, repository_endpoints(
        registry.by_path("repositories/file/file"), FileRepositorySchema, tag="T", version_operations=[scanning()]))
    answer = Client(app).post(f"{version[1]}scan/")
    assert answer.status_code == 202
    task = api.get(answer.json["task"]).json
    assert task["name"] == "pulpcore.app.tasks.vulnerability_report.check_content"
    assert api.post(f"{version[1]}scan/").status_code == 404
