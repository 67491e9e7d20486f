"""The built page, read once: nothing a client names becomes a path."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aiohttp import ETag, hdrs, web

from ucv.errors import NotFoundError

PAGE = Path(__file__).parent / "page"

NOT_BUILT = """\
Universal Camera Viewer is running, but its page has not been built.

In a checkout, "make page" builds it, and "make run" does so by itself. The REST and WebSocket
interfaces are there all the same: see /api/health.
"""

_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
_TEXT = frozenset({".html", ".js", ".css", ".svg", ".json", ".webmanifest", ".txt"})
#: What is below this has a hash of its content in its name.
_HASHED = "assets/"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page; ``packed`` is its content in gzip, where that is worth it."""

    content: bytes
    packed: bytes | None
    content_type: str
    charset: str | None
    etag: str
    cache_control: str


def read_page(folder: Path = PAGE) -> dict[str, PageFile]:
    """Read the page's files by relative path, ``index.html`` also as the empty one.

    Blocks; call it in a thread. Empty when the page is not built.
    """
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.suffix in _TYPES
    }
    page = {name: _read(name, path) for name, path in files.items()}
    if "index.html" in page:
        page[""] = page["index.html"]
    return page


def _read(name: str, path: Path) -> PageFile:
    content = path.read_bytes()
    text = path.suffix in _TEXT
    packed = gzip.compress(content, mtime=0) if text and len(content) > 1000 else None
    return PageFile(
        content,
        packed,
        _TYPES[path.suffix],
        "utf-8" if text else None,
        sha256(content).hexdigest()[:32],
        "public, max-age=31536000, immutable" if name.startswith(_HASHED) else "no-cache",
    )


def add_page(app: web.Application, page: dict[str, PageFile]) -> None:
    """Serve the page at every address that nothing else has."""

    async def serve(request: web.Request) -> web.Response:
        name = request.match_info["path"]
        if not page and not name:
            return web.Response(text=NOT_BUILT, status=503)
        if (file := page.get(name)) is None:
            raise NotFoundError
        return _answer(request, file)

    app.router.add_get("/{path:.*}", serve)


def _answer(request: web.Request, file: PageFile) -> web.Response:
    known = request.if_none_match or ()
    unchanged = any(tag.value in (file.etag, "*") for tag in known)
    gzipped = file.packed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
    body = file.packed if gzipped else file.content
    answer = (
        web.Response(status=304)
        if unchanged
        else web.Response(body=body, content_type=file.content_type, charset=file.charset)
    )
    if gzipped and not unchanged:
        answer.headers[hdrs.CONTENT_ENCODING] = "gzip"
    answer.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
    answer.headers[hdrs.CACHE_CONTROL] = file.cache_control
    # Weak, for it stands for the content and its compressed form alike.
    answer.etag = ETag(file.etag, is_weak=True)
    return answer
