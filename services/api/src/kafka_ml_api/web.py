"""The web UI: static files that were built from `web/`, served beside the API.

What there is to serve is listed once, at the start; so no path from a request ever reaches the file system. Addresses of pages are the
UI's own affair: whatever looks like one gets the same document, which shows the page (or says that there is none).
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parent / "web"
"""Where `make web` puts what it built; wheels and images have it there, too."""

_NOT_PAGES = ("api", "docs", "metrics", "livez", "readyz", "assets")
_FOREVER = "public, max-age=31536000, immutable"
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
# Styles are set by the component library and by the editor while they run, so they can't be had by files alone. Images come from
# messages, drawn here. Nobody may show this site in a frame.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_MISSING = """<!doctype html><html lang="en"><title>Kafka-ML</title><h1>The web UI is not built</h1>
<p>This is Kafka-ML's API, see <a href="/docs">its documentation</a>. In a clone of the repository, <code>make web</code> builds the UI.</p></html>
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file to serve: as it is, and compressed."""

    file: Path
    media_type: str
    compressed: Mapping[str, Path]

    def response(self, asked: Headers, headers: Mapping[str, str]) -> FileResponse:
        """The file, compressed if the client accepts it; a request's headers say."""
        accepted = asked.get("accept-encoding", "")
        names = {
            part.split(";")[0].strip() for part in accepted.split(",") if not part.replace(" ", "").endswith(";q=0")
        }
        found = dict(headers) | {"Vary": "Accept-Encoding"}
        for encoding, file in self.compressed.items():
            if encoding in names:
                return FileResponse(file, media_type=self.media_type, headers=found | {"Content-Encoding": encoding})
        return FileResponse(self.file, media_type=self.media_type, headers=found)


def assets_in(folder: Path) -> dict[str, Asset]:
    """The files below `folder` by their paths, with `/` between the parts."""
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    suffixes = tuple(suffix for _, suffix in _ENCODINGS)
    return {
        name: Asset(
            file,
            mimetypes.guess_type(name)[0] or "application/octet-stream",
            {encoding: files[name + suffix] for encoding, suffix in _ENCODINGS if name + suffix in files},
        )
        for name, file in files.items()
        if not name.endswith(suffixes)
    }


def install(app: FastAPI, folder: Path = FOLDER) -> None:
    """Serve the UI at every path that no route has."""
    assets = assets_in(folder)
    page = assets.get("index.html")
    not_found = app.router.not_found

    async def ui(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix("/")
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await not_found(scope, receive, send)
        elif path in assets and path != "index.html":
            # Names of built files have a hash of their content.
            cached = {"Cache-Control": _FOREVER} if path.startswith("assets/") else {}
            await assets[path].response(Headers(scope=scope), _HEADERS | cached)(scope, receive, send)
        elif path.split("/", 1)[0] in _NOT_PAGES:
            await not_found(scope, receive, send)
        elif page is None:
            await HTMLResponse(_MISSING, headers=_HEADERS)(scope, receive, send)
        else:
            await page.response(Headers(scope=scope), _HEADERS)(scope, receive, send)

    # Not a route: one for every path would answer for methods and paths of others, which are errors of theirs.
    app.router.default = ui
