"""Somebody before the browser: what the tests do on pages again and again, in words."""

import re
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.e2e.user import User

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


@dataclass
class Visitor:
    """A page, and somebody who uses it."""

    page: Page
    user: User

    def heading(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("heading", name=name, level=1)

    def go(self, path: str) -> None:
        """Open another page by its address, as a bookmark does."""
        self.page.goto(path)

    def click(self, name: str | re.Pattern[str], role: str = "button", within: Locator | None = None) -> None:
        """Press a button, or follow a link."""
        (within or self.page).get_by_role(role, name=name, exact=isinstance(name, str)).first.click()  # type: ignore[arg-type] # a role by its name

    def fill(self, label: str | re.Pattern[str], text: str) -> None:
        self.page.get_by_label(label).first.fill(text)

    def see(self, text: str | re.Pattern[str], seconds: float = 20) -> None:
        """Wait until a text shows somewhere in the page's main part."""
        expect(self.page.locator("main").get_by_text(text).first).to_be_visible(timeout=seconds * 1000)

    def state(self, state: str, seconds: float = 60) -> None:
        """Wait until the page's head shows a state."""
        expect(self.page.locator(f"main :has(> h1) > [data-state={state}]")).to_be_visible(timeout=seconds * 1000)

    def line(self, line: str, seconds: float = 20) -> None:
        """Wait until the line on which changes arrive is `live` or `lost`."""
        expect(self.page.locator(f"[role=status][data-line={line}]")).to_be_visible(timeout=seconds * 1000)

    def id(self) -> int:
        """The id in the page's address."""
        self.page.wait_for_url(re.compile(r"/\d+([?#].*)?$"))
        found = re.search(r"/(\d+)([?#].*)?$", self.page.url)
        assert found is not None, self.page.url
        return int(found.group(1))

    def picture(self, name: str, full: bool = False) -> None:
        """A picture of the page for the documentation."""
        self.settle()
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=full)

    def settle(self) -> None:
        """Wait until nothing is loading and fonts are there."""
        expect(self.page.locator("main [aria-busy=true]")).to_have_count(0)
        self.page.evaluate("document.fonts.ready")

    def complaints(self) -> list[str]:
        """What axe finds serious or critical on the page as it is."""
        self.settle()
        found = Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        return [
            f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for violation in found
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def sideways(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
