"""A real Chromium before the whole platform. A page that logs an error or throws one fails its test."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Playwright, sync_playwright

from kafka_ml_cli.platform import Platform
from tests.browser.visitor import Visitor
from tests.e2e.conftest import _logs_on_failure, digits, platform, user
from tests.e2e.user import User

__all__ = ["_logs_on_failure", "digits", "platform", "user"]

REPOSITORY = Path(__file__).parents[2]
WIDE, PHONE = 1280, 390
HEIGHTS = {WIDE: 860, PHONE: 844}
# What the browser itself logs about answers that a test asks for, and about a server that a test stops.
EXPECTED_ALWAYS = ("net::ERR_ABORTED",)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The machine's Chromium, or the one that Playwright has installed."""
    found = os.environ.get("KAFKA_ML_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    try:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
    except Error as error:
        pytest.fail(
            f"There is no Chromium: install one (Debian: apt install chromium), or name it in KAFKA_ML_CHROMIUM. {error}"
        )
    yield browser
    browser.close()


Visits = Callable[..., Visitor]


@pytest.fixture
def visit(chromium: Browser, platform: Platform, user: User, request: pytest.FixtureRequest) -> Iterator[Visits]:
    """Opens pages: `visit("/models", width=390, scheme="dark")`; each is closed at the end, and must not have logged errors."""
    troubles: list[str] = []
    with contexts(chromium, platform.url, user, troubles) as open_page:
        failed_before = request.session.testsfailed
        yield open_page
        if request.session.testsfailed > failed_before:
            open_page.save_all(request.node.name)  # type: ignore[attr-defined]
    assert not troubles, "The browser's console has errors:\n" + "\n".join(troubles)


@contextmanager
def contexts(chromium: Browser, url: str, user: User, troubles: list[str]) -> Iterator[Visits]:
    pages: list[Page] = []

    def open_page(path: str = "/", width: int = WIDE, scheme: str = "light", expected: tuple[str, ...] = ()) -> Visitor:
        context = chromium.new_context(
            base_url=url,
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme=scheme,  # type: ignore[arg-type] # "light" or "dark"
            has_touch=width == PHONE,
            accept_downloads=True,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(20_000)
        page = context.new_page()
        pages.append(page)
        page.on("console", lambda message: _note(message, troubles, expected))
        page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
        page.goto(path)
        return Visitor(page, user)

    def save_all(name: str) -> None:
        folder = REPOSITORY / "build" / "browser"
        folder.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(pages):
            file = folder / f"{name[:80].replace('/', '_')}-{number}.png"
            page.screenshot(path=file, full_page=True)
            print(f"--- {page.url}: see {file}\n{page.locator('body').inner_text()[:3000]}")  # noqa: T201 - shown with the failure

    open_page.save_all = save_all  # type: ignore[attr-defined]
    try:
        yield open_page
    finally:
        for page in pages:
            page.context.close()


def _note(message: ConsoleMessage, troubles: list[str], expected: tuple[str, ...]) -> None:
    text = f"{message.text} ({message.location.get('url', '')})"
    if message.type == "error" and not any(part in text for part in (*EXPECTED_ALWAYS, *expected)):
        troubles.append(text)
