"""What Hikvision devices do differently from each other, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: The namespaces that documents have been seen with, by the quirk that turns each on.
NAMESPACES: Mapping[str, str] = {
    "namespace-ver10": "http://www.hikvision.com/ver10/XMLSchema",
    "namespace-isapi": "http://www.isapi.org/ver20/XMLSchema",
    "namespace-psia": "urn:psialliance-org",
    "namespace-std-cgi": "http://www.std-cgi.com/ver20/XMLSchema",
    "namespace-none": "",
}
USUAL_NAMESPACE = "http://www.hikvision.com/ver20/XMLSchema"

QUIRKS: Mapping[str, str] = {
    "namespace-ver10": "Documents are in the vendor's namespace of version 1.0 (old firmware).",
    "namespace-isapi": "Documents are in the namespace of www.isapi.org (rebadged devices).",
    "namespace-psia": "Documents are in the namespace urn:psialliance-org (firmware of PSIA days).",
    "namespace-std-cgi": "Documents are in the namespace of www.std-cgi.com (rebadged devices).",
    "namespace-none": "Documents have no namespace.",
    "paths-without-isapi": "Paths have no /ISAPI in front, streams the paths of old (very old"
    " firmware).",
    "paths-psia": "Paths begin with /PSIA instead of /ISAPI, those of streams too (very old"
    " firmware).",
    "rtsp-old-paths": "Streams are only found as /h264/ch1/main/av_stream (old firmware).",
    "md5-and-sha-256": "Digest is offered twice, with MD5 and with SHA-256, each with its own"
    " nonce (firmware of 2024 and later).",
    "bare-401": "Refusals say nothing of the lock and how many tries are left; userCheck does.",
    "not-activated": "Fresh from the factory: it has no password yet, and refuses everything"
    " until it is given one.",
    "low-privilege": "The account may look, but may neither write nor move the camera.",
    "errors-as-200": "Errors come with HTTP status 200; only the document's statusCode tells.",
    "busy-at-first": "The first attempt of each write is answered that the device is busy.",
    "reboot-required": "What is written holds after a reboot only, and the answer says so.",
    "raw-ampersand": "Names contain an & that is not escaped.",
    "snapshot-device-error": "Every other still picture is XML with status 200 and statusCode 3.",
    "snapshot-by-proxy": "Still pictures are XML with status 200 and badXmlContent, and only"
    " StreamingProxy has them (recorders).",
    "missing-stream-403": "Streams that do not exist are forbidden instead of not found.",
    "missing-stream-500": "Streams that do not exist are an error of the device.",
    "ptz-channel-cap": "The root of the PTZ capabilities is spelled PTZChannelCap; elsewhere it"
    " is PTZChanelCap.",
    "built-in-presets": "The presets from 33 up are listed too, which are actions: 94 reboots.",
    "alert-form-data": "The alert stream calls itself multipart/form-data.",
    "alert-other-boundary": "The boundary in the alert stream is not the one of its header.",
    "alert-jpeg-parts": "Pictures follow alerts in the alert stream.",
    "alert-json-parts": "The same again as JSON follows alerts in the alert stream.",
    "alert-never-inactive": "Alerts are repeated as active, and their end is not told.",
    "dyn-channel-id": "Alerts name their channel as dynChannelID (recorders).",
    "detection-target": "Alerts of lines and fields say whether a human or a vehicle it was, as"
    " detectionTarget.",
    "target-type": "The same as targetType.",
    "heart-beat": "The alert stream's sign of life is an event heartBeat (newer firmware), not a"
    " videoloss that is inactive.",
    "one-listener": "One listener at most gets the alert stream; others are told 503"
    " deployExceedMax.",
    "triggers-wrapped": "The list of event triggers is wrapped in EventNotification.",
    "center-missing": "No event notifies the surveillance center, so none reaches the alert"
    " stream.",
    "ircut-capital": "The path of day and night is spelled IrcutFilter.",
    "ircut-lower": "The path of day and night is spelled ircutfilter.",
    "white-light": "The lamp can be white, or white during events (ColorVu models).",
    "no-supplement-light": "It has no lamp that can be set.",
}

_EXCLUSIVE = (
    frozenset(NAMESPACES),
    frozenset({"paths-without-isapi", "paths-psia"}),
    frozenset({"missing-stream-403", "missing-stream-500"}),
    frozenset({"ircut-capital", "ircut-lower"}),
    frozenset({"snapshot-device-error", "snapshot-by-proxy"}),
    frozenset({"white-light", "no-supplement-light"}),
)


def checked(quirks: Collection[str]) -> set[str]:
    """Return the quirks; raises `ValueError` for unknown ones and such as exclude each other."""
    given = {quirks} if isinstance(quirks, str) else set(quirks)
    if unknown := given - QUIRKS.keys():
        raise ValueError(f"unknown quirks: {', '.join(sorted(unknown))}")
    for group in _EXCLUSIVE:
        if len(both := sorted(group & given)) > 1:
            raise ValueError(f"quirks that exclude each other: {', '.join(both)}")
    return given
