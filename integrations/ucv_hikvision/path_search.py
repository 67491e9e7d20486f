"""Finds the path that a device's streams have, by describing its main stream."""

from __future__ import annotations

from ucv import CameraViewerError, Device, InvalidAuth
from ucv.streams.rtsp_probe import probe_paths
from ucv_hikvision.quirks import RTSP_PATHS, Prefix, RtspPath, rtsp_path

#: Seconds for the answer about one path.
LIMIT = 5.0
#: The port of RTSP where neither the person nor the device says another.
PORT = 554


async def find_path(
    device: Device, prefix: Prefix, port: int | None, channel: int, stream: int
) -> RtspPath | None:
    """Return which path has video; None if none could be had at the moment.

    The paths are asked for over one connection, after one login, which counts with those over
    HTTP. Raises `InvalidAuth` if it is refused.
    """
    policies = {rtsp_path(policy, channel, stream): policy for policy in RTSP_PATHS[prefix]}
    try:
        async with device.lockout.turn() as turn:
            try:
                found = await probe_paths(
                    device.host,
                    port or PORT,
                    policies,
                    device.credentials,
                    timeout=LIMIT,
                    clock=device.clock,
                )
            except InvalidAuth:
                turn.refused()
                raise
            turn.accepted()
    except InvalidAuth:
        raise
    except CameraViewerError as error:
        device.log.info("The path of the streams could not be found: %s", error.message)
        return None
    return next(policy for path, policy in policies.items() if found[0].asked.endswith(path))
