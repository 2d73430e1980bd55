"""The browsable API in a real browser on a real platform: in two sizes and two themes, and what people do there.

Pictures of the pages are left in ``build/browse``.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import SIZES, THEMES, Visitor, chromium

PICTURES = Path(__file__).parents[2] / "build" / "browse"
REPOSITORIES = "repositories/file/file/"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visitor(browser: Any, platform: Any) -> Iterator[Visitor]:
    """An administrator, whose browser sends the credentials with every request."""
    credentials = base64.b64encode(f"{platform.facts.username}:{platform.facts.password}".encode()).decode()
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, extra_http_headers={"Authorization": f"Basic {credentials}"})
    yield Visitor(context, platform.api)
    context.close()


@pytest.fixture
def repository(platform: Any) -> dict[str, Any]:
    return platform.client.create(REPOSITORIES, {"name": f"browsed-{next(_numbers)}", "pulp_labels": {"team": "a"}})


def open_form(visitor, name):
    visitor.page.locator(f"#{name} > summary").click()
    return visitor.page.locator(f"#{name} form")


def json_of(visitor):
    return visitor.page.locator("pre.json").text_content()


@pytest.mark.parametrize(("name", "path"), [
    ("root", ""), ("list", f"{REPOSITORIES}?limit=2&ordering=name"), ("object", None),
    ("error", f"{REPOSITORIES}?nonsense=1"),
])
def test_a_page_looks_right_in_every_size_and_theme(visitor, platform, repository, name, path):
    PICTURES.mkdir(parents=True, exist_ok=True)
    visitor.page.goto(platform.url(repository["pulp_href"] if path is None else path))
    for summary in visitor.page.locator("details > summary").all():
        summary.click()
    visitor.look(name, PICTURES)
    for width, height in SIZES.items():
        visitor.page.set_viewport_size({"width": width, "height": height})
        assert visitor.overflow() == 0
        for theme in THEMES:
            visitor.page.emulate_media(color_scheme=theme)
            assert visitor.barriers() == []
    assert len({*visitor.asked}) == 1  # nobody but the platform
    assert [one for one in visitor.complaints if "400 (Bad Request)" not in one] == []


def test_an_object_is_made_with_a_form_that_says_what_is_wrong(visitor, platform, repository):
    visitor.page.goto(platform.url(REPOSITORIES))
    form = open_form(visitor, "create")
    form.get_by_role("button").click()
    form.get_by_text("This field is required.").wait_for()
    form.locator("[name=name]").fill(repository["name"])
    form.locator("[name=retain_repo_versions]").fill("0")
    form.get_by_role("button").click()
    form.locator("[data-error=retain_repo_versions]").get_by_text("at least 1").wait_for()
    assert form.locator("[name=retain_repo_versions]").get_attribute("aria-invalid") == "true"
    name = f"by-hand-{next(_numbers)}"
    form.locator("[name=name]").fill(name)
    form.locator("[name=retain_repo_versions]").fill("3")
    form.get_by_role("button").click()
    visitor.page.get_by_role("heading", name=name, level=1).wait_for()
    made = platform.client.find(REPOSITORIES, name=name)
    assert (made["retain_repo_versions"], made["description"], made["manifest"]) == (3, None, "PULP_MANIFEST")
    assert visitor.page.url == platform.url(made["pulp_href"])


def test_an_object_is_changed_where_it_is_shown(visitor, platform, repository):
    visitor.page.goto(platform.url(repository["pulp_href"]))
    form = open_form(visitor, "change")
    form.locator("[name=description]").fill("changed by hand")
    form.locator("[name=autopublish]").select_option("true")
    form.locator("[name=pulp_labels]").fill('{"team": "b"}')
    form.get_by_role("button").click()
    visitor.page.locator("pre.json").get_by_text("changed by hand").wait_for()
    changed = platform.client.get(repository["pulp_href"])
    assert (changed["autopublish"], changed["pulp_labels"]) == (True, {"team": "b"})
    assert changed["manifest"] == repository["manifest"]


def test_an_action_is_done_and_its_task_is_shown(visitor, platform, repository):
    visitor.page.goto(f"{platform.url(repository['pulp_href'])}#modify")
    visitor.page.locator("#modify form").get_by_role("button").click()
    visitor.page.wait_for_url("**/tasks/*/")
    assert "pulpcore.app.tasks.repository.add_and_remove" in json_of(visitor)


def test_an_object_is_deleted_after_a_question(visitor, platform, repository):
    visitor.page.goto(platform.url(repository["pulp_href"]))
    visitor.page.once("dialog", lambda dialog: dialog.dismiss())
    form = open_form(visitor, "delete")
    form.get_by_role("button").click()
    assert platform.client.find(REPOSITORIES, name=repository["name"])
    visitor.page.once("dialog", lambda dialog: dialog.accept())
    form.get_by_role("button").click()
    visitor.page.wait_for_url(f"**/{REPOSITORIES}")
    assert platform.client.find(REPOSITORIES, name=repository["name"]) is None


def test_a_list_is_filtered_ordered_and_paged_by_hand(visitor, platform, repository):
    visitor.page.goto(platform.url(REPOSITORIES))
    form = visitor.page.locator("form.filter")
    form.get_by_label("Filter").select_option("name")
    form.get_by_label("Value").fill(repository["name"])
    form.get_by_label("Order by").select_option("-name")
    form.get_by_role("button").click()
    visitor.page.get_by_text("1–1 of 1").wait_for()
    assert visitor.page.url.endswith(f"?name={repository['name']}&ordering=-name")
    visitor.page.get_by_label("Remove the filter name").click()
    visitor.page.wait_for_url("**/?ordering=-name")


def test_links_lead_on(visitor, platform, repository):
    visitor.page.goto(platform.url(REPOSITORIES))
    visitor.page.get_by_role("link", name=f'"{repository["prn"]}"').click()
    visitor.page.get_by_role("heading", name=repository["name"], level=1).wait_for()
    visitor.page.get_by_role("link", name=f'"{repository["versions_href"]}"').click()
    visitor.page.get_by_role("navigation", name="Where this is").get_by_role("link", name=repository["prn"][-36:]).click()
    visitor.page.get_by_role("heading", name=repository["name"], level=1).wait_for()


def test_a_file_is_uploaded_with_a_form(visitor, platform):
    path = f"by/hand-{next(_numbers)}"
    visitor.page.goto(platform.url("content/file/files/"))
    form = open_form(visitor, "upload")
    form.locator("[name=relative_path]").fill(path)
    form.locator("[name=file]").set_input_files({"name": "x", "mimeType": "text/plain", "buffer": b"from a browser"})
    form.get_by_role("button", name="Upload").click()
    visitor.page.get_by_role("heading", name=path, level=1).wait_for()
    assert platform.client.find("content/file/files/", relative_path=path)["sha256"] in json_of(visitor)


def test_somebody_logs_in_where_they_are_and_out_again(browser, platform):
    context = browser.new_context()
    somebody = Visitor(context, platform.api)
    somebody.page.goto(platform.url(f"{REPOSITORIES}?limit=1"))
    somebody.page.get_by_label("User name").fill(platform.facts.username)
    somebody.page.get_by_label("Password").fill("a wrong one")
    somebody.page.get_by_role("button", name="Log in").click()
    somebody.page.get_by_text("The user name or the password is wrong.").wait_for()
    somebody.page.get_by_label("Password").fill(platform.facts.password)
    somebody.page.get_by_role("button", name="Log in").click()
    somebody.page.get_by_role("heading", name="Repositories: File").wait_for()
    form = open_form(somebody, "create")
    name = f"by-session-{next(_numbers)}"
    form.locator("[name=name]").fill(name)
    form.get_by_role("button").click()
    somebody.page.get_by_role("heading", name=name, level=1).wait_for()
    somebody.page.get_by_role("button", name="Log out").click()
    somebody.page.get_by_role("heading", name="Log in").wait_for()
    context.close()
