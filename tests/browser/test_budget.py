"""What the first look costs."""

import pytest
from playwright.sync_api import Response

from tests.browser.conftest import Visits

pytestmark = pytest.mark.browser

FIRST_LOAD_BYTES = 300_000
SMALL = 1024  # not worth compressing


@pytest.mark.parametrize("path", ["/", "/models", "/deployments", "/inferences"])
def test_the_first_page_comes_with_little_code(visit: Visits, path: str) -> None:
    visitor = visit("about:blank")
    scripts: list[Response] = []
    visitor.page.on("response", lambda response: scripts.append(response) if response.url.endswith(".js") else None)
    # Gzip and not Brotli, which is smaller: the budget is told in gzip.
    visitor.page.context.set_extra_http_headers({"Accept-Encoding": "gzip"})
    visitor.page.goto(visitor.user.platform.url + path)
    visitor.line("live")
    visitor.settle()
    sizes = {script.url: int(script.headers["content-length"]) for script in scripts}
    assert 50_000 < sum(sizes.values()) < FIRST_LOAD_BYTES, sizes
    for script in scripts:
        assert "immutable" in script.headers["cache-control"]
        assert sizes[script.url] < SMALL or script.headers["content-encoding"] == "gzip"
