/** The JSON of the hub's REST and WebSocket interfaces. */

export interface Reason {
  /** Stable; translations and programs rely on it. */
  readonly code: string;
  readonly message: string;
}

export type StreamState =
  | "idle"
  | "connecting"
  | "live"
  | "retrying"
  | "offline"
  | "auth_failed";

export type EntryState =
  | "not_loaded"
  | "setup_in_progress"
  | "loaded"
  | "setup_retry"
  | "setup_error"
  | "auth_failed"
  | "migration_error"
  | "unload_failed"
  | "disabled";

export interface StreamStatus {
  readonly state: StreamState;
  readonly reason: Reason | null;
  /** Seconds since the epoch on the hub's clock; null: none planned. */
  readonly next_try: number | null;
  readonly since: number | null;
  readonly viewers?: number;
}

export interface Profile {
  readonly name: string;
  readonly role: string;
  readonly codec: string | null;
  readonly codec_string: string | null;
  /** Pixels; 0 when not known. */
  readonly width: number;
  readonly height: number;
  /** Frames a second; 0 when not known. */
  readonly frame_rate: number;
  /** Bits a second that the camera declares; null: it does not. */
  readonly bit_rate: number | null;
  /** Codec of the sound that comes along; null: none, or not known. */
  readonly audio: string | null;
  readonly stream: StreamStatus;
}

export interface Camera {
  readonly id: string;
  readonly name: string;
  readonly integration: string;
  /** Defined in the configuration file, and changed only there. */
  readonly read_only: boolean;
  readonly origin: "yaml" | "user";
  readonly preload: boolean;
  readonly disabled: boolean;
  readonly unique_id: string | null;
  readonly manufacturer: string | null;
  readonly model: string | null;
  readonly serial: string | null;
  readonly mac: string | null;
  readonly firmware: string | null;
  /** The recorder's word for it; null: the device is one camera. */
  readonly channel: string | null;
  /** Whether the recorder has a picture of it; null: it does not tell. */
  readonly online: boolean | null;
  /** Seconds that the device's clock is ahead of the hub's; null: it does not tell. */
  readonly clock_offset: number | null;
  /** The mapping it was configured with, without secrets. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly entry: {
    readonly id: string;
    readonly name: string;
    readonly state: EntryState;
    readonly reason: Reason | null;
    readonly next_try: number | null;
  };
  /** Of the main profile. */
  readonly state: StreamState | null;
  readonly reason: Reason | null;
  readonly profiles: readonly Profile[];
  readonly capabilities: readonly string[];
}

/** One second's measurements of a stream; null is "not known". */
export interface StreamHealth {
  readonly fps: number;
  readonly average_fps: number;
  readonly expected_fps: number | null;
  /** Bits a second. */
  readonly bitrate: number;
  readonly keyframe_interval: number | null;
  readonly lost_packets: number;
  readonly reconnects: number;
  /** Milliseconds inside the hub. */
  readonly latency_p50: number | null;
  readonly latency_p99: number | null;
  readonly viewers: number;
  readonly skips: number;
  readonly time_to_first_frame: number | null;
  /** 0 to 100; null for an idle stream. */
  readonly score: number | null;
}

export interface MetricsEvent {
  readonly kind: "metrics";
  /** By `<camera id>:<profile name>`. */
  readonly streams: Readonly<Record<string, StreamHealth>>;
  readonly process: { readonly cpu_percent: number; readonly memory_bytes: number };
}

export type CamerasEvent =
  | { readonly kind: "snapshot"; readonly sequence: number; readonly cameras: readonly Camera[] }
  | {
      readonly kind: "changes";
      readonly sequence: number;
      readonly changed: readonly Camera[];
      readonly removed: readonly string[];
    };

export type Role = "admin" | "viewer";

export interface User {
  readonly name: string;
  readonly role: Role;
}

export interface AuthState {
  readonly setup_required: boolean;
  readonly user: User | null;
}

/** What POST and PUT take: an item of `cameras:` in the configuration file. */
export interface CameraMapping {
  readonly name?: string;
  readonly integration?: string;
  readonly [key: string]: unknown;
}

/** One fault of a mapping, with the key it belongs to. */
export interface FieldError {
  readonly key: string;
  readonly message: string;
  readonly suggestion?: string | null;
}
