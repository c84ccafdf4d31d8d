"""Pages in Debian's Chromium, headless, with a record of all that they ask for and complain about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from programs import program

_QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip


@dataclass
class Visit:
    """An open page, the addresses that it asked for, and the errors of its console."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def requests_leaving(self, path: Path) -> list[str]:
        return [url for url in self.requests if url != path.as_uri() and not url.startswith("data:")]

    def overflow_pixels(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def background(self) -> str:
        return str(self.page.evaluate("getComputedStyle(document.body).backgroundColor"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; without Chromium the test is skipped, or fails where it is required."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=_QUIET)
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, path: Path, *, width: int, style: str) -> Iterator[Visit]:
    """Open a file at a width in pixels, in the system style ``light`` or ``dark``."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=style)
    page = context.new_page()
    seen = Visit(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri(), wait_until="load")
    yield seen
    context.close()
