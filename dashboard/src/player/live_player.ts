/**
 * Plays one live stream of the hub in a <video> element with little delay.
 *
 * It speaks `/api/ws` with shared fragments: the hub sends every viewer the same bytes, and this
 * side places them on its own timeline with `timestampOffset`. It keeps a fraction of a second
 * buffered, plays a little faster or slower to stay there, jumps when far behind, crosses gaps, and
 * starts again from the newest keyframe after anything that cannot be mended. `sleep()` closes the
 * socket and keeps the last picture; `wake()` goes on with the live edge.
 *
 * No framework: `player.subscribe(listener)`, then read `player.state` and `player.stats`, which
 * are replaced, never changed in place.
 */

import { Backoff } from "../net/backoff.ts";
import { split, timescaleOf, type Piece } from "./boxes.ts";
import { browserEnvironment, playableCodecs, type PlayerEnvironment } from "./environment.ts";
import { LiveBuffer } from "./live_buffer.ts";
import { Pace, type PaceOptions } from "./pace.ts";
import { SourceClock } from "./source_clock.ts";

export type PlayerPhase =
  /** Not started, or stopped. */
  | "idle"
  /** No picture of this connection yet. */
  | "connecting"
  | "playing"
  /** There was a picture; now media is missing. */
  | "buffering"
  /** Out of sight: no connection. */
  | "sleeping"
  /** The browser refuses to play before a click or a key. */
  | "blocked"
  /** This browser cannot play what the camera sends. */
  | "unsupported";

/** What the hub says of the stream itself. */
export interface SourceStatus {
  readonly state: string;
  readonly reason: { readonly code: string; readonly message: string } | null;
  /** Seconds since the epoch on the hub's clock; null when none is planned. */
  readonly nextTry: number | null;
}

export interface PlayerState {
  readonly phase: PlayerPhase;
  /** A picture of this stream is on the element, perhaps an old one. */
  readonly picture: boolean;
  readonly source: SourceStatus | null;
  /** The last failure of playing, for a person who looks for the cause. */
  readonly error: string | null;
}

/** Measured once a second; null is "not known", never zero. */
export interface PlayerStats {
  /** Seconds from the hub receiving a frame to the frame being shown. */
  readonly delay: number | null;
  readonly framesPerSecond: number | null;
  readonly bitsPerSecond: number | null;
  /** Seconds of media ahead of the picture. */
  readonly buffered: number | null;
  readonly rate: number;
  readonly droppedFrames: number;
  readonly stalls: number;
  readonly rebuilds: number;
  /** Hub clock minus this machine's, in milliseconds. */
  readonly clockOffset: number | null;
}

export interface PlayerOptions {
  /** Address of `/api/ws?src=…`; asked for at each connection. */
  readonly url: () => string;
  readonly pace?: Partial<PaceOptions>;
  readonly environment?: PlayerEnvironment;
}

const TICK = 100;
const PING_EVERY = 2_000;
/** Nothing at all from the hub for this long: the connection is dead. */
const SILENCE = 8_000;
/** The picture stands still for this long although there is media. */
const FROZEN = 1_500;
const NUDGES = 3;
const SEEK_LIMIT = 4_000;
const FILL_LIMIT = 2_000;
/** Media starts here, not at 0: a first frame composed slightly early must not be cut off. */
const ORIGIN = 1;
/** Distance on the timeline between the media of two connections. */
const GAP = 1;
const REBUILD_WINDOW = 20_000;
const REBUILDS = 5;
const REBUILD_PAUSE = 20_000;

const NO_STATS: PlayerStats = {
  delay: null,
  framesPerSecond: null,
  bitsPerSecond: null,
  buffered: null,
  rate: 1,
  droppedFrames: 0,
  stalls: 0,
  rebuilds: 0,
  clockOffset: null,
};

export class LivePlayer {
  readonly #video: HTMLVideoElement;
  readonly #options: PlayerOptions;
  readonly #environment: PlayerEnvironment;
  readonly #listeners = new Set<() => void>();
  readonly #backoff = new Backoff(400, 10_000);
  readonly #clock = new SourceClock();
  readonly #pace: Pace;

  #state: PlayerState = { phase: "idle", picture: false, source: null, error: null };
  #stats: PlayerStats = NO_STATS;
  #awake = false;

  // The connection.
  #socket: WebSocket | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #heardAt = 0;
  #pingAt = 0;
  #pings = 0;
  #timescale = 90_000;
  /** Player's time minus the stream's decode time, seconds; unknown before the first fragment. */
  #offset: number | undefined;

  // The media.
  #buffer: LiveBuffer | undefined;
  #keyframes: number[] = [];
  #edge = ORIGIN - GAP;
  #entering = false;
  #enteringAt = 0;
  #filling = false;
  #fillingSince = 0;
  #seekingSince = 0;
  #position = -1;
  #movedAt = 0;
  #nudges = 0;
  #rebuiltAt: number[] = [];

  // Measurements.
  #ticker: ReturnType<typeof setInterval> | undefined;
  #frameCallback = 0;
  #shown: { media: number; at: number } | undefined;
  #measuredAt = 0;
  #bytes = 0;
  #frames = 0;
  #lastDropped = 0;
  #stalls = 0;
  #rebuilds = 0;

  constructor(video: HTMLVideoElement, options: PlayerOptions) {
    this.#video = video;
    this.#options = options;
    this.#environment = options.environment ?? browserEnvironment();
    this.#pace = new Pace(options.pace);
  }

  get state(): PlayerState {
    return this.#state;
  }

  get stats(): PlayerStats {
    return this.#stats;
  }

  /** Call `listener` after each change of `state` or `stats`, until the result is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Connect and play. Does nothing when awake already. */
  wake(): void {
    if (this.#awake) return;
    const codecs = playableCodecs(this.#environment);
    if (!codecs) {
      this.#set({ phase: "unsupported", error: "no Media Source Extensions" });
      return;
    }
    this.#awake = true;
    const video = this.#video;
    video.muted = true;
    video.playsInline = true;
    video.addEventListener("waiting", this.#onWaiting);
    video.addEventListener("playing", this.#onPlaying);
    video.addEventListener("error", this.#onVideoError);
    this.#watchFrames();
    this.#measuredAt = this.#environment.now();
    this.#ticker = setInterval(this.#tick, TICK);
    this.#backoff.reset();
    this.#connect();
  }

  /** Close the connection and keep the picture. */
  sleep(): void {
    if (!this.#awake) return;
    this.#pauseWork();
    this.#video.pause();
    const last = this.#keyframeInUse();
    if (last !== undefined) this.#buffer?.trim(last);
    this.#setStats({ ...NO_STATS, stalls: this.#stalls, rebuilds: this.#rebuilds });
    this.#set({ phase: "sleeping", source: null });
  }

  /** Stop for good and free the element. */
  stop(): void {
    if (this.#awake) this.#pauseWork();
    this.#discardBuffer();
    this.#setStats(NO_STATS);
    this.#set({ phase: "idle", picture: false, source: null, error: null });
  }

  /** Try now what is waiting for its time: a reconnect, or playing that the browser refused. */
  retry(): void {
    if (!this.#awake) return;
    if (this.#state.phase === "blocked") this.#play();
    if (!this.#socket) {
      this.#backoff.reset();
      this.#connect();
    }
  }

  // --- the connection -------------------------------------------------------------------------

  #connect(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#offset = undefined;
    this.#clock.forgetFrames();
    const now = this.#environment.now();
    this.#heardAt = now;
    this.#pingAt = 0;
    this.#pings = 0;
    if (this.#state.phase !== "blocked") this.#set({ phase: "connecting" });
    let socket: WebSocket;
    try {
      socket = this.#environment.createSocket(this.#options.url());
    } catch (error) {
      this.#set({ error: String(error) });
      this.#later(this.#backoff.next());
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      const value = playableCodecs(this.#environment);
      socket.send(JSON.stringify({ type: "mse", value, shared: true }));
      this.#ping();
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== this.#socket) return;
      this.#heardAt = this.#environment.now();
      if (typeof event.data === "string") this.#onText(event.data);
      else this.#onMedia(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost("the connection was closed");
    };
  }

  #disconnect(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #lost(error: string): void {
    this.#disconnect();
    this.#set({ phase: this.#state.picture ? "buffering" : "connecting", error });
    this.#later(this.#backoff.next());
  }

  #later(delay: number): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
  }

  #ping(): void {
    const now = this.#environment.now();
    if (this.#socket?.readyState !== 1) return;
    // A few quick ones first: the delay can then be told within a second.
    this.#pings += 1;
    this.#pingAt = now + (this.#pings < 4 ? 250 : PING_EVERY);
    this.#socket.send(JSON.stringify({ type: "ping", value: now }));
  }

  #onText(text: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(text) as Record<string, unknown>;
    } catch {
      return; // not ours to judge; the next message may be well-formed
    }
    const now = this.#environment.now();
    switch (message["type"]) {
      case "mse":
        this.#onType(String(message["value"]), message["timescale"]);
        break;
      case "pong":
        this.#clock.pong(Number(message["value"]), now, Number(message["time"]));
        break;
      case "clock":
        this.#clock.frame(
          Number(message["media"]) / this.#timescale,
          Number(message["received"]),
          now,
        );
        break;
      case "status":
        this.#set({ source: sourceStatus(message["value"]) });
        break;
      case "error":
        this.#onError(String(message["value"]));
        break;
      default:
        break; // a newer hub may say more
    }
  }

  #onType(mime: string, timescale: unknown): void {
    if (!this.#environment.canPlay(mime)) {
      this.#unsupported(mime);
      return;
    }
    if (typeof timescale === "number" && timescale > 0) this.#timescale = timescale;
    if (!this.#buffer || this.#buffer.dead) this.#newBuffer(mime);
    else if (this.#buffer.mime !== mime) this.#buffer.type(mime);
  }

  #onError(error: string): void {
    if (/codecs not matched|: not supported/i.test(error)) this.#unsupported(error);
    else this.#set({ error });
  }

  #unsupported(error: string): void {
    this.#pauseWork();
    this.#discardBuffer();
    this.#set({ phase: "unsupported", picture: false, error });
  }

  #onMedia(message: ArrayBuffer): void {
    this.#bytes += message.byteLength;
    for (const piece of split(message)) {
      if (!this.#buffer || this.#buffer.dead) return;
      if (piece.kind === "init") {
        this.#timescale = timescaleOf(piece.bytes) ?? this.#timescale;
        this.#buffer.append(piece.bytes);
      } else if (piece.kind === "fragment") {
        this.#onFragment(piece);
      }
    }
  }

  #onFragment(piece: Piece): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    const decodeTime = piece.decodeTime / this.#timescale;
    if (this.#offset === undefined) {
      // Nothing can be shown before a keyframe; the hub starts with one.
      if (!piece.keyframe) return;
      this.#offset = this.#edge + GAP - decodeTime;
      buffer.offset(this.#offset);
      this.#entering = true;
      this.#enteringAt = this.#edge + GAP;
      this.#backoff.reset();
    }
    const start = decodeTime + this.#offset;
    const duration = piece.duration / this.#timescale;
    this.#pace.frame(duration);
    if (piece.keyframe) this.#keyframes.push(start);
    this.#edge = Math.max(this.#edge, start + duration);
    buffer.append(piece.bytes);
  }

  // --- the media ------------------------------------------------------------------------------

  #newBuffer(mime: string): void {
    this.#discardBuffer();
    this.#buffer = new LiveBuffer(this.#video, mime, this.#environment, this.#tick, (kind, text) =>
      this.#rebuild(`${kind}: ${text}`),
    );
  }

  #discardBuffer(): void {
    this.#buffer?.destroy();
    this.#buffer = undefined;
    this.#keyframes = [];
    this.#edge = ORIGIN - GAP;
    this.#offset = undefined;
    this.#entering = false;
    this.#filling = false;
    this.#seekingSince = 0;
    this.#nudges = 0;
    this.#shown = undefined;
  }

  /** Start again from the newest keyframe, with a new buffer and a new connection. */
  #rebuild(error: string): void {
    if (!this.#awake) {
      this.#discardBuffer();
      this.#set({ picture: false, error });
      return;
    }
    const now = this.#environment.now();
    this.#rebuilds += 1;
    this.#rebuiltAt = this.#rebuiltAt.filter((at) => now - at < REBUILD_WINDOW);
    this.#rebuiltAt.push(now);
    this.#disconnect();
    this.#discardBuffer();
    this.#set({ phase: "connecting", picture: false, error });
    const again = this.#rebuiltAt.length;
    this.#later(again > REBUILDS ? REBUILD_PAUSE : 50 * 3 ** (again - 1));
  }

  #onVideoError = (): void => {
    if (this.#buffer && !this.#buffer.dead) {
      this.#rebuild(`decode: ${this.#video.error?.message ?? "unknown"}`);
    }
  };

  #onWaiting = (): void => {
    if (this.#video.seeking || this.#filling || !this.#state.picture) return;
    if (this.#ahead() > 0.1) return;
    const now = this.#environment.now();
    this.#fill(now);
    if (this.#state.source === null || this.#state.source.state === "live") {
      this.#stalls += 1;
      this.#pace.stalled(now / 1000);
    }
    this.#set({ phase: "buffering" });
  };

  #onPlaying = (): void => {
    this.#movedAt = this.#environment.now();
    if (!this.#filling && this.#socket) this.#set({ phase: "playing", picture: true, error: null });
  };

  /** Seconds of media ahead of the picture without a gap. */
  #ahead(): number {
    const ranges = this.#video.buffered;
    const at = this.#video.currentTime;
    for (let i = 0; i < ranges.length; i++) {
      if (at >= ranges.start(i) - 0.05 && at <= ranges.end(i)) return ranges.end(i) - at;
    }
    return 0;
  }

  /** Hold the picture until the target is buffered, so that it does not stutter afterwards. */
  #fill(now: number): void {
    this.#filling = true;
    this.#fillingSince = now;
    this.#video.pause();
  }

  #play(): void {
    this.#video.play().then(
      () => {
        if (this.#state.phase === "blocked") this.#set({ phase: "playing", picture: true });
      },
      (error: unknown) => {
        if ((error as DOMException).name === "NotAllowedError") this.#set({ phase: "blocked" });
        // AbortError: pause() or a new source came first, which is no failure.
      },
    );
  }

  #jump(start: number, end: number, now: number): void {
    const target = Math.max(start, end - this.#pace.target);
    this.#video.currentTime = target;
    this.#video.playbackRate = 1;
    this.#pace.jumped(now / 1000);
    this.#position = target;
    this.#movedAt = now;
  }

  #tick = (): void => {
    if (!this.#awake) return;
    const now = this.#environment.now();
    this.#watchConnection(now);
    this.#steer(now);
    if (now - this.#measuredAt >= 1000) this.#measure(now);
  };

  #watchConnection(now: number): void {
    if (!this.#socket) return;
    if (now - this.#heardAt > SILENCE) this.#lost("the hub does not answer");
    else if (this.#pingAt > 0 && now >= this.#pingAt) this.#ping();
  }

  #steer(now: number): void {
    const ranges = this.#buffer?.ranges;
    if (this.#offset === undefined || !ranges || ranges.length === 0) return;
    const video = this.#video;
    const start = ranges.start(ranges.length - 1);
    const end = ranges.end(ranges.length - 1);

    if (this.#entering) {
      if (end <= this.#enteringAt) return;
      this.#entering = false;
      this.#jump(start, end, now);
      this.#fill(now);
      return;
    }
    if (video.seeking) {
      this.#seekingSince ||= now;
      if (now - this.#seekingSince > SEEK_LIMIT) this.#rebuild("seeking does not end");
      return;
    }
    this.#seekingSince = 0;

    const at = video.currentTime;
    const level = end - at;
    if (Math.abs(at - this.#position) > 0.001) {
      this.#position = at;
      this.#movedAt = now;
      if (this.#nudges > 0 && !this.#filling) this.#nudges = 0;
    }
    // Behind a gap, with nothing left before it; or past the end, where nothing will come.
    if ((at < start - 0.05 && this.#ahead() < 0.1) || level < -0.5) {
      this.#jump(start, end, now);
      return;
    }
    if (this.#filling) {
      const waited = now - this.#fillingSince > FILL_LIMIT;
      if (level < this.#pace.target && !(waited && level > 0.1)) return;
      this.#filling = false;
      this.#movedAt = now;
      this.#play();
    } else if (video.paused && this.#state.phase !== "blocked") {
      this.#movedAt = now;
      this.#play();
    }

    const pacing = this.#pace.decide(level, now / 1000);
    if (pacing.action === "jump") this.#jump(start, end, now);
    else if (video.playbackRate !== pacing.rate) video.playbackRate = pacing.rate;

    if (level > 0.2 && now - this.#movedAt > FROZEN && this.#state.phase !== "blocked") {
      this.#nudges += 1;
      if (this.#nudges >= NUDGES) this.#rebuild("the picture stands still");
      else this.#jump(start, end, now);
      return;
    }
    const keyframe = this.#keyframeInUse();
    if (keyframe !== undefined) this.#buffer?.trim(keyframe);
  }

  /** Start of the last keyframe at or before the picture; older ones are forgotten. */
  #keyframeInUse(): number | undefined {
    const at = this.#video.currentTime;
    const keyframes = this.#keyframes;
    let used = -1;
    for (let i = 0; i < keyframes.length && (keyframes[i] as number) <= at; i++) used = i;
    if (used > 0) keyframes.splice(0, used);
    return used >= 0 ? keyframes[0] : undefined;
  }

  // --- measurements ---------------------------------------------------------------------------

  #watchFrames(): void {
    const video = this.#video;
    if (!("requestVideoFrameCallback" in video)) return;
    const shown: VideoFrameRequestCallback = (_, frame) => {
      this.#frames += 1;
      const at = performance.timeOrigin + frame.expectedDisplayTime;
      this.#shown = { media: frame.mediaTime, at };
      this.#frameCallback = video.requestVideoFrameCallback(shown);
      if (!this.#state.picture) this.#set({ picture: true });
    };
    this.#frameCallback = video.requestVideoFrameCallback(shown);
  }

  #measure(now: number): void {
    const seconds = (now - this.#measuredAt) / 1000;
    this.#measuredAt = now;
    const quality = this.#video.getVideoPlaybackQuality?.();
    const playing = this.#state.phase === "playing";
    let delay: number | undefined;
    if (playing && this.#offset !== undefined) {
      const shown = this.#shown ?? { media: this.#video.currentTime, at: now };
      if (now - shown.at < 2000) delay = this.#clock.delay(shown.media - this.#offset, shown.at);
    }
    this.#lastDropped = quality?.droppedVideoFrames ?? this.#lastDropped;
    this.#setStats({
      delay: delay ?? null,
      framesPerSecond:
        "requestVideoFrameCallback" in this.#video && playing ? this.#frames / seconds : null,
      bitsPerSecond: this.#socket ? (this.#bytes * 8) / seconds : null,
      buffered: this.#buffer ? this.#ahead() : null,
      rate: this.#video.playbackRate,
      droppedFrames: this.#lastDropped,
      stalls: this.#stalls,
      rebuilds: this.#rebuilds,
      clockOffset: this.#clock.offset(now) ?? null,
    });
    this.#frames = 0;
    this.#bytes = 0;
  }

  // --- state ----------------------------------------------------------------------------------

  #pauseWork(): void {
    this.#awake = false;
    clearInterval(this.#ticker);
    this.#disconnect();
    const video = this.#video;
    video.removeEventListener("waiting", this.#onWaiting);
    video.removeEventListener("playing", this.#onPlaying);
    video.removeEventListener("error", this.#onVideoError);
    if (this.#frameCallback) video.cancelVideoFrameCallback(this.#frameCallback);
    this.#frameCallback = 0;
    this.#shown = undefined;
    this.#filling = false;
    this.#seekingSince = 0;
  }

  #set(change: Partial<PlayerState>): void {
    const next = { ...this.#state, ...change };
    if (
      next.phase === this.#state.phase &&
      next.picture === this.#state.picture &&
      next.source === this.#state.source &&
      next.error === this.#state.error
    ) {
      return;
    }
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }

  #setStats(stats: PlayerStats): void {
    this.#stats = stats;
    for (const listener of this.#listeners) listener();
  }
}

function sourceStatus(value: unknown): SourceStatus | null {
  if (typeof value !== "object" || value === null) return null;
  const { state, reason, next_try } = value as Record<string, unknown>;
  const { code, message } = (reason ?? {}) as Record<string, unknown>;
  return {
    state: String(state),
    reason: code === undefined ? null : { code: String(code), message: String(message ?? "") },
    nextTry: typeof next_try === "number" && next_try > 0 ? next_try : null,
  };
}
