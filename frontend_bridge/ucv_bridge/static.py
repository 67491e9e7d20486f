"""Serves the page."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

PAGE = Path(__file__).parent / "page"

_NOT_BUILT = (
    "The page is not built.\n\nIn a checkout, `make page` builds it; the REST and WebSocket "
    "interfaces work without it.\n"
)
#: File names with a digest never change; what names them must be asked for each time.
_FOREVER, _FRESH = "public, max-age=31536000, immutable", "no-cache"


def add_page(app: web.Application, folder: Path = PAGE) -> None:
    """Serve the built page at ``/``; without one, say how to get it."""
    if not (folder / "index.html").exists():

        async def not_built(_request: web.Request) -> web.Response:
            return web.Response(text=_NOT_BUILT, status=503)

        app.router.add_get("/", not_built)
        return

    # Only what the build made can be asked for: no name from outside becomes a path.
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and not any(part.startswith(".") for part in file.parts[-2:]):
            caching = _FOREVER if name.startswith("assets/") else _FRESH
            app.router.add_get("/" + name, _serve(file, caching))
    app.router.add_get("/", _serve(folder / "index.html", _FRESH))


def _serve(file: Path, caching: str):  # type: ignore[no-untyped-def]  # aiohttp's handler type is private
    async def handle(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(file, headers={"Cache-Control": caching})

    return handle
