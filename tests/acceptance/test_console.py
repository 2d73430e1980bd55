"""The console in a real browser on a real platform: every page in two sizes and two themes, and what people do there.

Pictures of the pages are left in ``build/console``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PATIENCE, PICTURES, Visitor, chromium, visitor
from tests.support.console_world import ADDED, REMOVED, World, build_world
from tests.support.origin import make_files, running_origin, sha256
from tests.support.platform import RunningPlatform, running_platform

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform for this module alone: two of its tasks hang, so that one worker is left, and its plots are drawn from
    samples of every second."""
    with running_platform(tmp_path_factory.mktemp("console"), SAMPLE_INTERVAL="1", WORKERS="3") as platform:
        yield platform


@pytest.fixture(scope="module")
def world(hall: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_origin() as origin:
        built = build_world(hall, origin, tmp_path_factory.mktemp("world"))
        yield built
        for gate in built.gates:
            gate.open()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def stranger(browser: Any, hall: RunningPlatform) -> Iterator[Visitor]:
    """Somebody who is not logged in."""
    with visitor(browser, f"{hall.facts.api}/pulp/console/") as somebody:
        yield somebody


@pytest.fixture
def admin(stranger: Visitor, hall: RunningPlatform) -> Visitor:
    stranger.log_in(hall.facts.username, hall.facts.password)
    return stranger


def page_of(href: str) -> str:
    return href.split("/api/v3/")[1].rstrip("/")


def pages(world: World) -> dict[str, str]:
    repository = page_of(world.repository)
    return {
        "overview": "", "tasks": "tasks", "task-running": page_of(world.running_task),
        "task-blocked": page_of(world.blocked_task), "task-failed": page_of(world.failed_task),
        "repositories": "repositories", "repository": repository, "version": f"{repository}/versions/2",
        "diff": f"{repository}/diff/1/2", "content": "content", "unit": page_of(world.unit),
        "remotes": "remotes", "remote": page_of(world.remote), "distributions": "distributions",
        "distribution": page_of(world.distribution), "mirror": "mirror", "users": "users", "user": "users/1",
        "roles": "users?tab=roles", "settings": "settings?word=content", "nowhere": "no/such/page",
    }


def test_every_page_is_quiet_local_and_open_to_everyone(admin: Visitor, world: World, hall: RunningPlatform) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, path in pages(world).items():
        admin.visit(path)
        assert admin.barriers() == [], name
        admin.look(name, PICTURES)
        admin.page.set_viewport_size({"width": 390, "height": 844})
        assert admin.overflow() <= 0, f"{name} is wider than a telephone"
        admin.page.set_viewport_size({"width": 1280, "height": 800})
        admin.page.emulate_media(color_scheme="dark")
        assert admin.barriers("color-contrast") == [], f"{name} in the dark"
        admin.page.emulate_media(color_scheme="light")
    assert admin.complaints == []
    assert admin.asked == {hall.facts.api.removeprefix("http://")}


def test_the_board_shows_who_waits_behind_whom_and_cancels(admin: Visitor, world: World, hall: RunningPlatform) -> None:
    page = admin.page
    admin.visit("tasks")
    graph = page.get_by_role("group", name="Lock graph")
    graph.get_by_role("link", name="holds repository nightly").wait_for()
    second = graph.get_by_role("link", name="number 2 in line for repository nightly")
    href = second.get_attribute("href")
    assert href is not None
    page.get_by_text("The same in words").click()
    page.get_by_text("repository nightly is held by").wait_for()
    row = page.get_by_role("region", name="Tasks").get_by_role("row").filter(has=page.locator(f"a[href='{href}']"))
    row.get_by_role("button", name="Cancel").press("Enter")
    page.get_by_role("dialog").get_by_text("Cancel this task?").wait_for()
    assert admin.barriers() == []
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Cancel", "the focus comes back"
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the task").click()
    row.wait_for(state="detached")
    assert page.locator("#announcer").inner_text() == "The task was cancelled."
    assert hall.client.get(f"tasks/{href.split('/')[-1]}/")["state"] == "canceled"


def test_a_wrong_password_is_said_beside_the_field(stranger: Visitor, world: World) -> None:
    page = stranger.page
    page.goto(stranger.console)
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("not this")
    page.get_by_role("button", name="Log in").click()
    password = page.get_by_label("Password")
    page.get_by_text("The user name or the password is wrong.").wait_for()
    assert password.get_attribute("aria-invalid") == "true"
    assert password.evaluate("input => input === document.activeElement")
    assert stranger.barriers() == []
    stranger.look("login", PICTURES)


def test_mirroring_a_url_shows_each_step_and_serves_every_byte(admin: Visitor, world: World, hall: RunningPlatform) -> None:
    files = make_files(12, "wizard", size=1000)
    world.origin.publish("Field+Notes", files)
    manifest, last = (world.origin.hold(f"/Field+Notes/{path}") for path in ("PULP_MANIFEST", list(files)[-1]))
    world.gates += [manifest, last]
    page = admin.page
    admin.visit("mirror")
    page.get_by_label("URL", exact=True).fill(f"{world.origin.url}/Field+Notes/")
    assert page.get_by_label("Name, and path to serve it at").input_value() == "field-notes"
    page.get_by_role("button", name="Mirror", exact=True).click()

    assert manifest.arrived.wait(30)
    expect_steps(page, ["done", "done", "being done", "to be done", "to be done"])
    expect(page.get_by_role("button", name="Mirroring…")).to_be_disabled()
    page.locator(".steps .state.running").wait_for()
    assert page.get_by_role("progressbar", name="Downloading Artifacts").count() == 0, "it is not known yet what there is"
    manifest.open()
    assert last.arrived.wait(30)
    downloading = page.get_by_role("progressbar", name="Downloading Artifacts")
    expect(downloading).to_have_attribute("aria-valuetext", "11 done", timeout=PATIENCE)
    expect_steps(page, ["done", "done", "being done", "to be done", "to be done"])
    assert page.get_by_role("heading", name="Mirrored").count() == 0
    assert admin.barriers() == []
    admin.look("mirroring", PICTURES)
    last.open()

    page.get_by_role("heading", name="Mirrored").wait_for()
    expect_steps(page, ["done"] * 5)
    assert page.locator(".steps .completed").count() == 5
    assert page.get_by_role("progressbar", name="Downloading Artifacts").get_attribute("aria-valuenow") == "12"
    assert page.locator("#announcer").inner_text() == "Mirrored."
    admin.look("mirrored", PICTURES)
    path, data = next(iter(files.items()))
    assert hall.served_digest(f"field-notes/{path}") == sha256(data)
    assert admin.barriers() == []
    assert admin.complaints == []


def expect_steps(page: Page, words: list[str]) -> None:
    """The wizard's steps, as a screen reader has them."""
    names = ("Remote", "Repository", "Sync", "Publication", "Distribution")
    expect(page.locator(".steps > li")).to_contain_text(
        [f"{name}: {word}" for name, word in zip(names, words, strict=True)], timeout=PATIENCE)


def test_a_mirror_that_fails_says_at_which_step_and_why(admin: Visitor, world: World) -> None:
    page = admin.page
    admin.visit("mirror")
    page.get_by_label("URL", exact=True).fill(f"{world.origin.url}/nothing-is-here/")
    page.get_by_role("button", name="Mirror", exact=True).click()
    page.get_by_role("alert").filter(has_text="This was not done").get_by_text("404 Not Found").wait_for()
    assert page.get_by_text("goes on trying").count() == 0
    expect_steps(page, ["done", "done", "failed", "to be done", "to be done"])
    expect(page.get_by_role("button", name="Mirror", exact=True)).to_be_enabled()
    assert admin.barriers() == []
    admin.look("mirror-failed", PICTURES)


def test_a_url_that_is_none_is_refused_beside_its_field(admin: Visitor, world: World) -> None:
    page = admin.page
    admin.visit("mirror")
    page.get_by_label("URL", exact=True).fill("ftp://example.org/files/")
    page.get_by_label("Name, and path to serve it at").fill("nothing")
    page.get_by_role("button", name="Mirror", exact=True).click()
    page.locator("#url-error").wait_for()
    assert page.get_by_label("URL", exact=True).get_attribute("aria-invalid") == "true"


def test_the_difference_of_two_versions_is_what_came_and_what_went(admin: Visitor, world: World) -> None:
    page = admin.page
    admin.visit(page_of(world.repository))
    page.get_by_label("Compare version").select_option("2")
    page.get_by_label("with version").select_option("1")
    page.get_by_role("button", name="Show the difference").click()
    page.get_by_role("region", name="Added: file.file").get_by_text(ADDED).wait_for()
    page.get_by_role("region", name="Removed: file.file").get_by_text(REMOVED).wait_for()
    page.get_by_role("link", name="The other way round").click()
    page.get_by_role("region", name="Added: file.file").get_by_text(REMOVED).wait_for()


def test_content_is_found_by_a_part_of_its_path_and_by_its_digest(admin: Visitor, world: World) -> None:
    page = admin.page
    admin.visit("content")
    search = page.get_by_role("searchbox", name="Search")
    for text in ("NEW-IN", sha256(b"new\n"), f'relative_path="{ADDED}"'):
        search.fill(text)
        search.press("Enter")
        page.get_by_text("1 unit", exact=True).wait_for()
        assert page.locator("tbody a").inner_text() == ADDED
    page.locator("tbody a").click()
    page.get_by_role("heading", name=ADDED).wait_for()
    page.get_by_role("link", name=f"releases/{ADDED}").wait_for()


def test_the_keyboard_is_enough(admin: Visitor, world: World) -> None:
    page = admin.page
    page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert page.get_by_role("link", name="Skip to the content").evaluate("link => link === document.querySelector('a')")
    page.get_by_role("link", name="Repositories").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Repositories", level=1).wait_for()
    expect(page).to_have_title("Repositories · pulp-actor")
    expect(page.get_by_role("heading", name="Repositories", level=1)).to_be_focused()
    assert page.locator("[aria-current=page]").inner_text() == "Repositories"


def test_a_chosen_theme_is_kept(admin: Visitor, world: World) -> None:
    page, ground = admin.page, "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("banner").get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark


def test_a_session_outlives_a_reload_and_ends_with_logging_out(admin: Visitor, world: World) -> None:
    page = admin.page
    page.reload()
    page.get_by_role("heading", name="Overview", level=1).wait_for()
    session, token = sorted(admin.context.cookies(), key=lambda cookie: cookie["name"], reverse=True)
    assert (session["name"], session["httpOnly"], session["sameSite"]) == ("sessionid", True, "Lax")
    assert token["name"] == "csrftoken"
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    assert admin.context.cookies() == []
    page.reload()
    page.get_by_role("heading", name="Log in").wait_for()
    assert admin.complaints == []


def test_whoever_may_see_little_sees_that_and_is_told_the_rest(stranger: Visitor, world: World) -> None:
    stranger.log_in("alice", "correct horse")
    page = stranger.page
    page.get_by_text("You may not see this").first.wait_for()
    page.get_by_text("core.view_task").first.wait_for()
    stranger.visit("settings")
    page.get_by_text("You may not see this").wait_for()
    assert stranger.barriers() == []
    stranger.look("forbidden", PICTURES)


def test_an_api_that_is_away_is_said_and_its_return_noticed(admin: Visitor, world: World) -> None:
    page = admin.page
    page.get_by_role("region", name="Processes").wait_for()
    admin.context.set_offline(True)
    page.get_by_role("banner").get_by_text("The API does not answer").wait_for()
    page.get_by_text("The API does not answer since").wait_for()
    assert page.get_by_role("region", name="Processes").is_visible(), "what was known stays"
    assert admin.barriers() == []
    admin.context.set_offline(False)
    page.get_by_role("banner").get_by_text("Well").wait_for()
    page.get_by_role("region", name="Interruptions").get_by_text("The API does not answer").wait_for()


def test_plots_show_what_happened_and_tell_it_in_words(admin: Visitor, world: World) -> None:
    page = admin.page
    page.get_by_role("button", name="15 min").click()
    plot = page.get_by_role("img", name=re.compile(r"Tasks ended: \d+ tasks ended, [1-9]\d* of them failed"))
    plot.wait_for()
    assert plot.locator("rect.c-failed").count() >= 1
    plot.focus()
    page.keyboard.press("ArrowLeft")
    assert "failed" in plot.locator(".reading").inner_text()
    assert page.get_by_role("img", name=re.compile(r"Storage: .+ of .+ are used")).count() == 1
