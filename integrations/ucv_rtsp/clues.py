"""Whose camera it is, by what it says without being logged in to."""

from __future__ import annotations

import re

from ucv.errors import CameraViewerError
from ucv.plugins.device import Device
from ucv_rtsp.paths import Vendor, vendor_of, vendor_of_page, vendor_of_port

#: Seconds and bytes for the page that a camera greets browsers with.
_PAGE_LIMIT, _PAGE_SIZE = 3.0, 64 * 1024
#: What a web interface answers that does not want to show a page; its headers tell all the same.
_NO_PAGE = (400, 401, 403, 404, 405, 500, 503)
_TITLE = re.compile(rb"<title[^>]*>([^<]{0,200})", re.IGNORECASE)


async def vendor_by_clues(device: Device, realm: str, server: str, port: int) -> Vendor | None:
    """Return whose camera it is, None if nothing tells.

    By realm and server of its RTSP, else by its web page, else by the port that it uses. None of
    this needs credentials, nor costs a try of the account.
    """
    return vendor_of(realm, server) or await _vendor_by_page(device) or vendor_of_port(port)


async def _vendor_by_page(device: Device) -> Vendor | None:
    try:
        page = await device.http.request(
            "GET",
            "/",
            timeout=_PAGE_LIMIT,
            limit=_PAGE_SIZE,
            authenticate=False,
            allow_status=_NO_PAGE,
        )
    except CameraViewerError as error:
        # Many cameras have no web interface; who they are is then not told this way.
        device.log.debug("there is no web page to tell whose camera it is: %s", error.code)
        return None
    title = _TITLE.search(page.body)
    return vendor_of_page(
        page.headers.get("Server", ""),
        title[1].decode("utf-8", "replace").strip() if title else "",
        page.body.decode("latin-1"),
    )
