"""How libav is allowed to open an address: protocols, formats, limits, credentials."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from ucv.errors import NotSupported, ValidationError
from ucv.streams.source import Credentials, SourceRequest

#: Microseconds and bytes that libav may spend on finding out what a stream holds. What it reads for
#: that is delivered too: with "nobuffer" it would be thrown away, and with it the first keyframe.
_PROBE = {"analyzeduration": "1000000", "probesize": "1000000"}
#: RTSP's session description has told nearly all of it.
_RTSP_PROBE = {"analyzeduration": "100000", "probesize": "100000"}
_TRANSPORTS = frozenset({"tcp", "udp"})
_CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True, slots=True)
class _Scheme:
    """What an address of a scheme may lead libav to; nothing that reads files or pipes.

    ``protocols`` may be used for it and for whatever it refers to (redirects, playlists);
    ``formats`` are libav's names of demuxers, so that no answer is taken for a script of another
    kind. Encrypted schemes never lead to plain ones.
    """

    protocols: str
    formats: str
    tls: bool = False


_PROGRESSIVE = "hls,mpegts,mov,flv,live_flv,h264,matroska,aac"
_SCHEMES: Mapping[str, _Scheme] = {
    "rtsp": _Scheme("rtp,udp,tcp", "rtsp"),
    "rtsps": _Scheme("rtp,tcp,tls", "rtsp", tls=True),
    "rtmp": _Scheme("rtmp,tcp", "flv,live_flv"),
    "rtmps": _Scheme("rtmps,tls,tcp", "flv,live_flv", tls=True),
    "srt": _Scheme("srt", "mpegts"),
    "http": _Scheme("http,https,tls,tcp,crypto", _PROGRESSIVE),
    "https": _Scheme("https,tls,tcp,crypto", _PROGRESSIVE, tls=True),
}


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What `av.open` is given: an address, which may hold credentials, and libav's options."""

    url: str = field(repr=False)
    options: dict[str, str]


def scheme_of(url: str) -> str:
    """Return the scheme of an address that may be opened.

    Raises `NotSupported` for any other scheme, and `ValidationError` for what is no address.
    """
    if any(character <= " " or character == "\x7f" for character in url):
        raise ValidationError("The address holds blanks or control characters.")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        raise ValidationError("The address cannot be read.") from None
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES:
        raise NotSupported(f"Addresses of {scheme or 'no'} scheme cannot be opened.")
    if not host:
        raise ValidationError("The address names no host.")
    return scheme


def open_options(request: SourceRequest) -> OpenOptions:
    """Return how to open what is requested; raises as `scheme_of` does.

    Options: ``transport`` ("tcp", the default, or "udp"; RTSP only), ``tls_verify`` (True).
    """
    name = scheme_of(request.url)
    scheme = _SCHEMES[name]
    options = {
        **_PROBE,
        "protocol_whitelist": scheme.protocols,
        "format_whitelist": scheme.formats,
    }
    if scheme.formats == "rtsp":
        transport = str(request.options.get("transport", "tcp"))
        if transport not in _TRANSPORTS:
            raise ValidationError(f"There is no transport {transport!r}.")
        if scheme.tls:
            transport = "tcp"
        options |= {"rtsp_transport": transport, "allowed_media_types": "video", **_RTSP_PROBE}
        if transport == "tcp":
            # Nothing is reordered, but without a queue libav does not notice what is missing.
            options["reorder_queue_size"] = "2"
    if "tls" in scheme.protocols:
        # libav checks no certificate unless told to.
        verify = bool(request.options.get("tls_verify", True))
        options["tls_verify"] = "1" if verify else "0"
        if verify and (ca_file := _ca_file()):
            options["ca_file"] = ca_file
    return OpenOptions(_with_credentials(request.url, request.credentials), options)


def _with_credentials(url: str, credentials: Credentials | None) -> str:
    """Put credentials, percent-encoded, where libav expects them: into the address."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if credentials is not None:
        user = quote(credentials.username, safe="")
        host = f"{user}:{quote(credentials.password, safe='')}@{host}"
    return parts._replace(scheme=parts.scheme.lower(), netloc=host, fragment="").geturl()


def _ca_file() -> str | None:
    """Return a file with the certificates that this machine trusts."""
    paths = ssl.get_default_verify_paths()
    candidates = (os.environ.get(paths.openssl_cafile_env), paths.cafile, *_CA_FILES)
    return next((path for path in candidates if path and Path(path).is_file()), None)
