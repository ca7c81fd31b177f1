"""The documentation's site: it builds with every link right, needs nothing from other hosts, and shows every picture there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("source", "src"), ("iframe", "src")}


class References(HTMLParser):
    """What a page loads, what it links to, and the ids that it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (tag, name) in LOADED:
                self.loaded.add(value)
            elif value and (tag, name) == ("a", "href"):
                self.links.add(value)
            elif value and name in ("id", "name"):
                self.ids.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does, but elsewhere."""
    folder = tmp_path_factory.mktemp("docs")
    config = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    (folder / "zensical.toml").write_text(config.replace('"build/docs"', '"site"'), encoding="utf-8")
    shutil.copytree(DOCS, folder / "docs")
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, References]:
    return {page: References(page) for page in site.rglob("*.html")}


def test_pages_load_nothing_from_other_hosts(pages: dict[Path, References]) -> None:
    foreign = {page.name: url for page, found in pages.items() for url in found.loaded if urlsplit(url).netloc}
    assert not foreign


def test_every_link_and_picture_is_there(site: Path, pages: dict[Path, References]) -> None:
    missing = []
    for page, found in pages.items():
        if page.name == "404.html":  # its addresses are absolute, as it is shown anywhere
            continue
        for reference in found.loaded | found.links:
            path, anchor = urldefrag(reference)
            if urlsplit(reference).scheme or reference.startswith("//"):
                continue
            target = (page.parent / unquote(path)).resolve() if path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (anchor and target in pages and unquote(anchor) not in pages[target].ids):
                missing.append(f"{page.relative_to(site)} -> {reference}")
    assert not missing


def test_every_page_of_the_guide_can_be_searched(site: Path) -> None:
    found = {urldefrag(item["location"])[0] for item in json.loads((site / "search.json").read_text())["items"]}
    assert {str(page.relative_to(DOCS).with_suffix(".html")) for page in DOCS.rglob("*.md")} <= found


def test_every_picture_is_used() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    used = set(re.findall(r"pictures/([\w.-]+)", text))
    assert {picture.name for picture in (DOCS / "pictures").iterdir()} == used


def test_every_page_is_in_the_navigation() -> None:
    config = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    missing = [
        str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if f'"{page.relative_to(DOCS)}"' not in config
    ]
    assert not missing


def test_pages_of_the_guide_are_short() -> None:
    long = {
        page.name: lines
        for page in (DOCS / "guide").glob("*.md")
        if (lines := len(page.read_text().splitlines())) > 250
    }
    assert not long
