import type { Camera, Profile, StreamState } from "../../src/client/index.ts";

export function profile(change: Partial<Profile> & { state?: StreamState } = {}): Profile {
  const { state = "live", ...rest } = change;
  return {
    name: "main",
    role: "main",
    codec: "h264",
    codec_string: "avc1.640029",
    width: 1920,
    height: 1080,
    frame_rate: 25,
    bit_rate: null,
    audio: null,
    stream: { state, reason: null, next_try: null, since: null, viewers: 0 },
    ...rest,
  };
}

export function camera(change: Partial<Camera> = {}): Camera {
  return {
    id: "front",
    name: "Front door",
    integration: "rtsp",
    read_only: false,
    origin: "user",
    preload: false,
    disabled: false,
    unique_id: null,
    manufacturer: null,
    model: null,
    serial: null,
    mac: null,
    firmware: null,
    channel: null,
    online: null,
    clock_offset: null,
    config: { id: "front", name: "Front door", integration: "rtsp", url: "rtsp://192.0.2.1/" },
    entry: { id: "front", name: "Front door", state: "loaded", reason: null, next_try: null },
    state: "live",
    reason: null,
    profiles: [profile()],
    capabilities: ["snapshot"],
    ...change,
  };
}
