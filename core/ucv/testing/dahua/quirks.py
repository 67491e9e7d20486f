"""How Dahua's devices differ from what one would expect of them, each as a switch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

#: What each switch does, by its name.
QUIRKS: Mapping[str, str] = MappingProxyType(
    {
        # --- logging in -------------------------------------------------------------------------
        "one-time-nonce": "Each nonce counts once and each answer closes its connection: many"
        " devices; a cached challenge is always refused.",
        "single-nonce": "Only the nonce given out last counts, so requests side by side refuse"
        " each other.",
        "basic-only": "Asks for Basic with the realm Device_CGI: some firmware of 2014 and 2015.",
        "realm-device-cgi": "Asks for Digest with the realm Device_CGI instead of Login to ….",
        "realm-with-comma": "The realm has a comma in it.",
        "sha-256": "Asks for MD5 and SHA-256 in two headers, each with a nonce of its own.",
        "md5-sess": "Asks for Digest with the algorithm MD5-sess.",
        "qop-auth-int": "Offers auth and auth-int in one qop.",
        "no-qop": "Asks for Digest in the form of RFC 2069, without qop.",
        "stale-in-capitals": 'Says stale="TRUE" of a nonce that no longer counts.',
        "connection-limit": "Answers 401 to the right password while more connections are open"
        " than connection_limit (3).",
        "viewer-account": "The account may look and not change, move or restart: 403.",
        # --- who it is --------------------------------------------------------------------------
        "device-type-generic": "Its type is “IP Camera”; the model is in updateSerial.",
        "device-type-number": "Its type is “31”; the model is in updateSerial.",
        "version-with-space": "A blank, not a comma, is before the build of its version.",
        "vendor-amcrest": "Its vendor is Amcrest.",
        "vendor-general": "Its vendor is General, as with devices sold under many names.",
        # --- streams ----------------------------------------------------------------------------
        "resolution-names": "Sizes have names (1080P, D1, CIF) and no width and height.",
        "ntsc": "The video standard is NTSC, by which D1 and CIF are lower.",
        "extra-stream-off": "Its extra streams are switched off.",
        "mjpeg-extra-stream": "Its first extra stream is encoded as MJPG, so mjpg/video.cgi"
        " shows it.",
        "mjpeg-main-stream": "mjpg/video.cgi shows the main stream, which most devices refuse.",
        "caps-with-index": "A single camera's encode.cgi has the index of recorders.",
        "zero-based-channels": "Snapshots, RTSP and MJPEG count channels from 0: some old"
        " firmware.",
        "snapshot-zero-hangs": "snapshot.cgi with channel 0 never answers.",
        "no-channel-parameter": "A single camera whose snapshot.cgi refuses a channel (400).",
        "no-snapshot": "snapshot.cgi answers 400, whatever the channel.",
        # --- recorders --------------------------------------------------------------------------
        "stale-remote-enable": "RemoteDevice says Enable=true of cameras that were removed and"
        " false of some that are there.",
        "onvif-cameras": "Its cameras are connected by ONVIF, not by Private.",
        "analogue-inputs": "Its channels are its own inputs: no RemoteDevice (400), no states of"
        " cameras (501).",
        # --- movement and lights ----------------------------------------------------------------
        "ptz-one-based": "ptz.cgi counts channels from 1.",
        "no-ptz-cgi": "ptz.cgi answers 501.",
        "lighting-v2": "Has Lighting_V2 instead of Lighting.",
        "no-coaxial-control": "coaxialControlIO.cgi answers 501.",
        # --- answers ----------------------------------------------------------------------------
        "writes-fail": "Each write answers 200 with the body Error and changes nothing.",
        "failed-write-400": "A write that fails answers 400, not 200 with the body Error.",
        "empty-success": "A write that succeeds has an empty body, not OK.",
        "raw-brackets-refused": "Brackets that are not percent-encoded in a target get 400.",
        "audio-reboots": "audio.cgi restarts the device: one of Lorex's.",
        # --- events -----------------------------------------------------------------------------
        "events-404": "eventManager.cgi is not there.",
        "events-501": "eventManager.cgi is not implemented.",
        "long-code-list-400": "More codes than longest_code_list (3) are refused with 400.",
        "long-code-list-500": "More codes than longest_code_list (3) are refused with 500.",
        "no-heartbeat": "Sends no heartbeat, whatever was asked for.",
        "event-boundary-space": "A blank is between the dashes and the boundary.",
        "event-no-blank-line": "No empty line is between a part's headers and its body.",
        "event-no-length": "Parts have no Content-Length.",
        "event-length-long": "Content-Length is too large by 10.",
        "event-length-short": "Content-Length is too small by 10.",
        "event-bare-lf": "Lines end with a bare LF.",
        "event-stray-http": "The head of an HTTP answer comes again before each second part.",
        "event-split-writes": "Parts are sent in pieces of three bytes.",
        "event-tricky-data": "Text in the data of events has semicolons, equals signs and a"
        " boundary in it.",
    }
)


def chosen(names: Collection[str]) -> frozenset[str]:
    """Return the quirks of these names; raises `ValueError` for unknown ones."""
    if isinstance(names, str) or (unknown := set(names) - QUIRKS.keys()):
        raise ValueError(f"unknown quirks: {names if isinstance(names, str) else sorted(unknown)}")
    return frozenset(names)
