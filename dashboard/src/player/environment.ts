/** What the player needs of the browser, in one place so that tests can stand in for it. */
export interface PlayerEnvironment {
  createSocket(url: string): WebSocket;
  createMediaSource(): MediaSource;
  createObjectURL(source: MediaSource): string;
  revokeObjectURL(url: string): void;
  /** Whether the browser can play this type; false for every type where MSE is missing. */
  canPlay(mime: string): boolean;
  /** iPhones have only the managed kind of media source. */
  readonly managed: boolean;
  /** Milliseconds since the epoch on a clock that never jumps. */
  now(): number;
}

type Source = { new (): MediaSource; isTypeSupported(type: string): boolean };

/** The environment of the page this runs in. */
export function browserEnvironment(): PlayerEnvironment {
  const scope = globalThis as unknown as { MediaSource?: Source; ManagedMediaSource?: Source };
  const constructor = scope.MediaSource ?? scope.ManagedMediaSource;
  return {
    createSocket: (url) => new WebSocket(url),
    createMediaSource: () => {
      if (!constructor) throw new Error("this browser has no Media Source Extensions");
      return new constructor();
    },
    createObjectURL: (source) => URL.createObjectURL(source),
    revokeObjectURL: (url) => URL.revokeObjectURL(url),
    canPlay: (mime) => constructor?.isTypeSupported(mime) ?? false,
    managed: !scope.MediaSource && scope.ManagedMediaSource !== undefined,
    now: () => performance.timeOrigin + performance.now(),
  };
}

/** Codecs the hub may send, best known first; the server picks what the camera has. */
const CODECS = [
  "avc1.640029",
  "avc1.64002A",
  "avc1.640033",
  "hvc1.1.6.L153.B0",
  "mp4a.40.2",
  "mp4a.40.5",
  "flac",
  "opus",
];

/** The codecs this browser can play, in the form of the `mse` request. */
export function playableCodecs(environment: PlayerEnvironment): string {
  return CODECS.filter((codec) => environment.canPlay(`video/mp4; codecs="${codec}"`)).join();
}
