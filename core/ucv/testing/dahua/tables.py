"""The tables of a Dahua device's configuration as it leaves the factory."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ucv.testing.dahua.config_store import ConfigStore

#: Width, height, pictures per second and kbit/s of the main stream and of the first extra one,
#: which are those of the clips that are played; further ones are the first extra one again.
SIZES = ((640, 360, 15, 600), (320, 180, 15, 200))
#: Names of sizes by quirk, again of the main stream and of the others.
_NAMES = ("1080P", "CIF")
_MAIN_MODES = 4
_DAY_NIGHT_PROFILES = 3
_LIGHT_PROFILES = 3


def fill_device(
    store: ConfigStore, name: str, mac: str, host: str, quirks: Collection[str]
) -> None:
    """Write the tables that a device has once."""
    store.fill("General", {"LocalNo": 8, "MachineName": name})
    store.fill(
        "Network",
        {
            "DefaultInterface": "eth0",
            "Hostname": name,
            "eth0.DhcpEnable": False,
            "eth0.IPAddress": host,
            "eth0.PhysicalAddress": mac,
            "eth0.SubnetMask": "255.255.255.0",
        },
    )
    store.fill("NTP", {"Enable": False, "TimeZone": 0, "UpdatePeriod": 60})
    store.fill("RTSP", {"Enable": True, "Port": 554, "RTP.EndPort": 40000, "RTP.StartPort": 20000})
    store["VideoStandard"] = "NTSC" if "ntsc" in quirks else "PAL"


def fill_channel(
    store: ConfigStore, index: int, *, codec: str, extra_streams: int, quirks: Collection[str]
) -> None:
    """Write the rows of a channel, which is counted from 0."""
    compression = {"h264": "H.264", "h265": "H.265", "mjpeg": "MJPG"}[codec]
    named = "resolution-names" in quirks
    for mode in range(_MAIN_MODES):
        # The others are for recording on an alarm, and no streams.
        values = _format(0, compression if mode == 0 else "H.264", named=named)
        store.fill(f"Encode[{index}].MainFormat[{mode}]", values)
    # One more than there are: only MaxExtraStream tells.
    for extra in range(extra_streams + 1):
        mjpeg = extra == 0 and "mjpeg-extra-stream" in quirks
        values = _format(1, "MJPG" if mjpeg else compression, named=named)
        values["VideoEnable"] = "extra-stream-off" not in quirks
        store.fill(f"Encode[{index}].ExtraFormat[{extra}]", values)
    motion: dict[str, str | int | bool] = {"Enable": True, "Level": 3}
    store.fill(f"MotionDetect[{index}]", motion)
    store.fill(
        f"LeLensMask[{index}]", {"Enable": False, "TimeSection[0][0]": "0 00:00:00-24:00:00"}
    )
    for profile in range(_DAY_NIGHT_PROFILES):
        values = {"Delay": 6, "Mode": "Brightness", "Sensitivity": 2, "Type": "Mechanism"}
        store.fill(f"VideoInDayNight[{index}][{profile}]", values)
    if "lighting-v2" in quirks:
        _fill_lighting_v2(store, index)
    else:
        values = {"Correction": 50, "Mode": "Auto", "Sensitive": 3}
        for lamp in ("FarLight", "MiddleLight", "NearLight"):
            values |= {f"{lamp}[0].Angle": 50, f"{lamp}[0].Light": 50}
        store.fill(f"Lighting[{index}][0]", values)


def clear_channel(store: ConfigStore, index: int) -> None:
    """Remove the rows of a channel, all but its title."""
    for table in (
        "Encode",
        "MotionDetect",
        "LeLensMask",
        "VideoInDayNight",
        "Lighting",
        "Lighting_V2",
    ):
        store.remove(f"{table}[{index}]")


def caps(store: ConfigStore, index: int, *, indexed: bool) -> list[str]:
    """Return the lines of encode.cgi's getConfigCaps for a channel, which is counted from 0.

    ``indexed``: with the index of recorders; there it is always 0.
    """
    prefix = "caps[0]" if indexed else "caps"
    found = []
    for name in ("MainFormat[0]", "ExtraFormat[0]"):
        width, height, rate, _ = SIZES[name != "MainFormat[0]"]
        now = store.find(f"Encode[{index}].{name}.Video.resolution", f"{width}x{height}")
        values = {
            "Audio.CompressionTypes": "AAC,G.711A,G.711Mu",
            "Video.BitRateOptions": "32,4096",
            "Video.CompressionTypes": "H.264,H.264B,H.264H,H.265,MJPG",
            "Video.FPSMax": str(rate),
            "Video.ResolutionTypes": now,
        }
        found += [f"{prefix}.{name}.{key}={value}" for key, value in values.items()]
    return found


def _format(which: int, compression: str, *, named: bool) -> dict[str, str | int | bool]:
    width, height, rate, kilobits = SIZES[which]
    size: Mapping[str, str | int] = (
        {"resolution": _NAMES[which]}
        if named
        else {"Height": height, "Width": width, "resolution": f"{width}x{height}"}
    )
    return {
        "Audio.Bitrate": 64,
        "Audio.Compression": "AAC",
        "Audio.Frequency": 16000,
        "AudioEnable": True,
        "Video.BitRate": kilobits,
        "Video.BitRateControl": "VBR" if which else "CBR",
        "Video.Compression": compression,
        "Video.FPS": rate,
        "Video.GOP": rate * 2,
        "Video.Profile": "Main",
        **{f"Video.{key}": value for key, value in size.items()},
        "VideoEnable": True,
    }


def _fill_lighting_v2(store: ConfigStore, index: int) -> None:
    for profile in range(_LIGHT_PROFILES):
        for lamp, kind in enumerate(("InfraredLight", "WhiteLight")):
            values: dict[str, str | int | bool] = {
                "Correction": 50,
                "LightType": kind,
                "MiddleLight[0].Light": 50,
                "Mode": "Off" if lamp else "Auto",
                "Sensitive": 3,
            }
            store.fill(f"Lighting_V2[{index}][{profile}][{lamp}]", values)
