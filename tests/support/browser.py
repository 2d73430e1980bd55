"""A real browser (the machine's Chromium) on the console: what it saw go wrong, what it asked for, pictures of pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright

CHROMIUM = "/usr/bin/chromium"
#: Where pictures of pages are left.
PICTURES = Path(__file__).parents[2] / "build" / "console"
AXE = Path(__file__).parents[1] / "data" / "axe" / "axe.min.js"

#: The sizes of window that pages are looked at in, and the two themes.
SIZES = {1280: 800, 390: 844}
THEMES = ("light", "dark")

#: Milliseconds for anything to appear in a page.
PATIENCE = 15_000


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser. Where there is none, tests are skipped; in CI they fail."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            raise AssertionError(f"{CHROMIUM} is not installed")
        pytest.skip("no chromium")
    with sync_playwright() as playwright:
        yield _launch(playwright)


def _launch(playwright: Playwright) -> Any:
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])


class Visitor:
    """A person with a browser window of their own.

    Attributes:
        complaints: what the browser's console said that nobody should have to read there.
        asked: the hosts that were asked for anything.
    """

    def __init__(self, context: BrowserContext, console: str) -> None:
        self.context, self.console = context, console
        context.set_default_timeout(PATIENCE)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def log_in(self, username: str, password: str) -> None:
        self.page.goto(self.console)
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("heading", name="Overview", level=1).wait_for()

    def visit(self, path: str) -> None:
        """Go to a page of the console, and wait until nothing on it is on its way any more."""
        self.page.evaluate("hash => { location.hash = hash }", f"#/{path}")
        self.settle()

    def settle(self) -> None:
        self.page.locator("main h1").first.wait_for()
        self.page.wait_for_function("() => !document.querySelector('main .loading')")

    def look(self, name: str, folder: Path) -> None:
        """A picture of the page in each size and theme."""
        for width, height in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for theme in THEMES:
                self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                self.page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True, animations="disabled")
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.page.emulate_media(color_scheme="light")

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def barriers(self, *rules: str) -> list[str]:
        """What keeps people out of the page as it is, by axe's rules (all, or ``rules``)."""
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(AXE.read_text())
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if rules:
            options["runOnly"] = list(rules)
        found = self.page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{rule['id']}: {' '.join(node['html'].split())[:160]}: {node['failureSummary'][:240]}"
            for rule in found["violations"] for node in rule["nodes"]
        ]


@contextmanager
def visitor(browser: Any, console: str) -> Iterator[Visitor]:
    """Somebody new, with a window of 1280 by 800 and light colours."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce")
    try:
        yield Visitor(context, console)
    finally:
        context.close()
