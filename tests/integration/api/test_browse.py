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
    for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "modify/"), ("POST", "set_label/")):
        assert f'data-method="{method}" data-url="{made["pulp_href"]}{path}"' in page


def test_a_prn_is_a_link_to_its_object(api):
    made = api.made(REPOSITORIES, {"name": "r"})
    page = api.get(made["pulp_href"], headers=BROWSER).text
    assert f'<a href="{made["pulp_href"]}">&#34;{made["prn"]}&#34;</a>' in page
    version = api.get(made["latest_version_href"]).json["prn"]
    page = api.get(made["latest_version_href"], headers=BROWSER).text
    target = f"/pulp/api/v3/repository_versions/?prn__in={version}"
    assert f'<a href="{target}">' in page
    assert api.get(target).json["count"] == 1


def test_a_form_says_what_a_field_may_be(api):
    page = api.get("remotes/file/file/", headers=BROWSER).text
    form = page[page.index('id="create"'):]
    assert re.search(r'<label for="[^"]+">url <span class="required"', form)
    assert [one for one in re.findall(r"<option[^>]*>(\w+)</option>", form) if one in ("immediate", "on_demand", "streamed")]
    assert "The address of what is mirrored." in form
    assert re.search(r'name="download_concurrency"[^>]*data-nullable[^>]*type="number"[^>]*min="1"', form)
    assert re.search(r'name="password"[^>]*type="password"', form)


def test_the_form_of_a_change_begins_with_what_there_is(api):
    made = api.made("remotes/file/file/", {"name": "m", "url": "http://x/", "password": "p", "policy": "streamed"})
    page = api.get(made["pulp_href"], headers=BROWSER).text
    assert re.search(r'name="url"[^>]*value="http://x/"', page)
    assert "<option selected>streamed</option>" in page
    assert re.search(r'name="password"[^>]*value=""[^>]*placeholder="is set, and is not shown"', page)


def test_a_list_links_its_pages_and_its_filters(api):
    for name in ("a1", "a2", "a3", "b"):
        api.made(REPOSITORIES, {"name": name})
    page = api.get(REPOSITORIES, "name__startswith=a&limit=2&ordering=name", headers=BROWSER).text
    assert "1–2 of 3" in page
    (following,) = re.findall(r'<a rel="next" href="([^"]+)">', page)
    second = api.get(following.replace("&amp;", "&").partition("?")[0], following.replace("&amp;", "&").partition("?")[2],
                     headers=BROWSER).text
    assert "3–3 of 3" in second
    assert 'rel="prev"' in second
    assert '<b>name__startswith</b> a <a href="/pulp/api/v3/repositories/file/file/?limit=2&amp;ordering=name"' in page
    assert '<option value="name" selected>' in page
    assert '<option value="retain_repo_versions__isnull" data-values="true,false">' in page


def test_a_browser_can_have_json(api):
    assert api.get(REPOSITORIES, "format=json", headers=BROWSER).headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["", "tasks/", REPOSITORIES, "content/file/files/"])
def test_nothing_on_a_page_runs_or_styles_but_files_of_ours(api, path):
    answer = api.get(path, headers=BROWSER)
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", answer.text)


def test_crumbs_lead_where_something_is(api):
    made = api.made(REPOSITORIES, {"name": "r"})
    page = api.get(made["latest_version_href"], headers=BROWSER).text
    crumbs = re.findall(r'<a href="([^"]+)">', page[page.index("<ol>"):page.index("</ol>")])
    assert crumbs == ["/pulp/api/v3/", "/pulp/api/v3/repositories/", f"/pulp/api/v3/{REPOSITORIES}", made["pulp_href"],
                      made["versions_href"]]
    for crumb in crumbs:
        assert api.get(crumb, headers=BROWSER).status_code == 200


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
