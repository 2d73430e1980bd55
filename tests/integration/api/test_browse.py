"""The API in a browser: pages with live links and forms; and programs never see them."""

import re

import pytest

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
REPOSITORIES = "repositories/file/file/"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5", ""])
def test_programs_get_json(api, accept):
    assert api.get("tasks/", headers={"Accept": accept}).headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["", "status/", "tasks/", REPOSITORIES, "repositories/", "content/", "users/1/"])
def test_browsers_get_a_page_that_asks_nobody_else(api, path):
    answer = api.get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["vary"] == "Accept"
    for source in re.findall(r'(?:src|href)="(/pulp/api/v3/docs/static[^"]+)"', answer.text):
        assert api.get(source).status_code == 200


def test_a_page_links_what_it_names(api):
    made = api.made(REPOSITORIES, {"name": "r"})
    page = api.get(made["pulp_href"], headers=BROWSER).text
    assert f'<a href="{made["versions_href"]}">' in page
    assert '<form data-method="PATCH">' in page
    assert '<form data-method="DELETE">' in page


def test_what_users_wrote_cannot_become_markup(api):
    evil = '</pre><script>alert(1)</script>"\'&'
    api.made(REPOSITORIES, {"name": evil, "description": "javascript:alert(1)"})
    page = api.get(REPOSITORIES, f"name={evil.replace('&', '%26').replace(chr(34), '%22')}", headers=BROWSER).text
    assert "<script>alert" not in page
    assert 'href="javascript' not in page


def test_errors_are_pages_too(api):
    answer = api.get(REPOSITORIES, "bogus=1", headers=BROWSER)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<form" not in answer.text


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_form_is_refused(api, site):
    answer = api.request("POST", REPOSITORIES, json={"name": "x"}, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    own = api.request("POST", REPOSITORIES, json={"name": "x"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 201
