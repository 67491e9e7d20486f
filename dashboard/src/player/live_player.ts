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

import { split, timescaleOf, type Piece } from "./boxes.ts";
import { browserEnvironment, playableCodecs, type PlayerEnvironment } from "./environment.ts";
import { LiveBuffer } from "./live_buffer.ts";
import { FrameMeter, NO_STATS, type PlayerStats } from "./meter.ts";
import { Pace, type PaceOptions } from "./pace.ts";
import { StreamConnection, type SourceStatus } from "./stream_connection.ts";
import { StreamTimeline } from "./stream_timeline.ts";

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

export interface PlayerState {
  readonly phase: PlayerPhase;
  /** A picture of this stream is on the element, perhaps an old one. */
  readonly picture: boolean;
  readonly source: SourceStatus | null;
  /** The last failure of playing, for a person who looks for the cause. */
  readonly error: string | null;
}

export interface PlayerOptions {
  /** Address of `/api/ws?src=…`; asked for at each connection. */
  readonly url: () => string;
  readonly pace?: Partial<PaceOptions>;
  readonly environment?: PlayerEnvironment;
}

const TICK = 100;
/** The picture stands still for this long although there is media. */
const FROZEN = 1_500;
const NUDGES = 3;
const SEEK_LIMIT = 4_000;
const FILL_LIMIT = 2_000;
/** The picture stands still for this long with next to no media: it has run out. */
const DRY = 300;
/** Media that comes later than this was not delayed by jitter. */
const OUTAGE = 1_000;
const REBUILD_WINDOW = 20_000;
const REBUILDS = 5;
const REBUILD_PAUSE = 20_000;

export class LivePlayer {
  readonly #video: HTMLVideoElement;
  readonly #environment: PlayerEnvironment;
  readonly #connection: StreamConnection;
  readonly #meter: FrameMeter;
  readonly #pace: Pace;
  readonly #listeners = new Set<() => void>();
  #state: PlayerState = { phase: "idle", picture: false, source: null, error: null };
  #stats: PlayerStats = NO_STATS;
  #awake = false;
  #ticker: ReturnType<typeof setInterval> | undefined;

  #buffer: LiveBuffer | undefined;
  readonly #timeline = new StreamTimeline();
  /** The first media of a connection starts here, and has not been gone to. */
  #entering: number | undefined;
  /** Holding the picture since then, until enough is buffered. */
  #fillingSince: number | undefined;
  /** It is held because the media ran out. */
  #starved = false;
  #seekingSince: number | undefined;
  #position = -1;
  #movedAt = 0;
  #nudges = 0;
  #rebuiltAt: number[] = [];
  #stalls = 0;
  #rebuilds = 0;

  constructor(video: HTMLVideoElement, options: PlayerOptions) {
    this.#video = video;
    this.#environment = options.environment ?? browserEnvironment();
    this.#pace = new Pace(options.pace);
    this.#meter = new FrameMeter(video, () => this.#set({ picture: true }));
    this.#connection = new StreamConnection(options.url, this.#environment, {
      onConnect: () => {
        this.#timeline.connect();
        if (this.#state.phase !== "blocked") this.#set({ phase: "connecting" });
      },
      onLost: (error) => {
        this.#set({ phase: this.#state.picture ? "buffering" : "connecting", error });
      },
      onType: (mime) => this.#onType(mime),
      onMedia: (message) => this.#onMedia(message),
      onClock: (decodeTime, received) => {
        const shown = this.#timeline.shown(decodeTime);
        this.#connection.clock.frame(shown, received, this.#environment.now());
      },
      onStatus: (source) => this.#set({ source }),
      onError: (error) => {
        if (/codecs not matched|: not supported/i.test(error)) this.#unsupported(error);
        else this.#set({ error });
      },
    });
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
    if (!playableCodecs(this.#environment)) {
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
    this.#meter.start(this.#environment.now());
    this.#ticker = setInterval(this.#tick, TICK);
    this.#connection.proven();
    this.#connection.open();
  }

  /** Close the connection and keep the picture. */
  sleep(): void {
    if (!this.#awake) return;
    this.#pauseWork();
    this.#video.pause();
    this.#trim();
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

  /** Try now what waits for its time: a reconnect, or playing that the browser refused. */
  retry(): void {
    if (!this.#awake) return;
    if (this.#state.phase === "blocked") this.#play();
    if (this.#connection.active && (this.#state.source?.state ?? "live") === "live") return;
    this.#connection.proven();
    this.#connection.open();
  }

  // --- what the hub sends ---------------------------------------------------------------------

  #onType(mime: string): void {
    if (!this.#environment.canPlay(mime)) {
      this.#unsupported(mime);
    } else if (!this.#buffer || this.#buffer.dead) {
      this.#discardBuffer();
      this.#buffer = new LiveBuffer(
        this.#video,
        mime,
        this.#environment,
        this.#tick,
        (failure, message) => this.#rebuild(`${failure}: ${message}`),
      );
    } else if (this.#buffer.mime !== mime) {
      this.#buffer.type(mime);
    }
  }

  #unsupported(error: string): void {
    this.#pauseWork();
    this.#discardBuffer();
    this.#set({ phase: "unsupported", picture: false, error });
  }

  #onMedia(message: ArrayBuffer): void {
    this.#meter.received(message.byteLength);
    for (const piece of split(message)) {
      if (!this.#buffer || this.#buffer.dead) return;
      if (piece.kind === "init") {
        this.#connection.timescale = timescaleOf(piece.bytes) ?? this.#connection.timescale;
        this.#buffer.append(piece.bytes);
      } else if (piece.kind === "fragment") {
        this.#onFragment(this.#buffer, piece);
      }
    }
  }

  #onFragment(buffer: LiveBuffer, piece: Piece): void {
    const placed = this.#timeline.place(piece, this.#connection.timescale);
    if (!placed) return; // nothing can be shown before a keyframe; the hub starts with one
    if (placed.entering !== undefined && this.#timeline.offset !== undefined) {
      this.#entering = placed.entering;
      buffer.offset(this.#timeline.offset);
      this.#connection.proven();
    }
    this.#pace.frame(placed.interval);
    buffer.append(piece.bytes);
  }

  // --- playing --------------------------------------------------------------------------------

  #tick = (): void => {
    if (!this.#awake) return;
    const now = this.#environment.now();
    this.#connection.tick(now);
    this.#steer(now);
    this.#measure(now);
  };

  #steer(now: number): void {
    const ranges = this.#buffer?.ranges;
    if (this.#timeline.offset === undefined || !ranges || ranges.length === 0) return;
    const video = this.#video;
    const start = ranges.start(ranges.length - 1);
    const end = ranges.end(ranges.length - 1);

    if (this.#entering !== undefined) {
      if (end <= this.#entering) return;
      this.#entering = undefined;
      this.#jump(start, end, now);
      this.#fill(now);
      return;
    }
    if (video.seeking) {
      this.#seekingSince ??= now;
      if (now - this.#seekingSince > SEEK_LIMIT) this.#rebuild("seeking does not end");
      return;
    }
    this.#seekingSince = undefined;

    const at = video.currentTime;
    const level = end - this.#timeline.surplus - at;
    if (Math.abs(at - this.#position) > 0.001) {
      this.#position = at;
      this.#movedAt = now;
    }
    // Behind a gap, with nothing left before it; or past the end, where nothing will come.
    if ((at < start - 0.05 && this.#ahead() < 0.1) || level < -0.5) {
      this.#jump(start, end, now);
      return;
    }
    if (this.#fillingSince !== undefined) {
      const held = now - this.#fillingSince;
      if (level < this.#pace.target && !(held > FILL_LIMIT && level > 0.1)) return;
      this.#fillingSince = undefined;
      // Late media is jitter, to be met with a larger target; an outage is not.
      if (this.#starved && held < OUTAGE) this.#pace.stalled(now / 1000);
      this.#starved = false;
    }
    if (video.paused && this.#state.phase !== "blocked") {
      this.#movedAt = now;
      this.#play();
    }
    this.#keepPace(level, start, end, now);
    this.#trim();
  }

  #keepPace(level: number, start: number, end: number, now: number): void {
    const stillFor = this.#state.phase === "blocked" ? 0 : now - this.#movedAt;
    if (level <= 0.2 && stillFor > DRY) {
      this.#starve(now);
      return;
    }
    if (level > 0.2 && stillFor > FROZEN) {
      this.#nudges += 1;
      if (this.#nudges >= NUDGES) this.#rebuild("the picture stands still");
      else this.#jump(start, end, now);
      return;
    }
    if (stillFor === 0 && this.#state.phase === "playing") this.#nudges = 0;
    const pacing = this.#pace.decide(level, now / 1000);
    if (pacing.action === "jump") this.#jump(start, end, now);
    else if (this.#video.playbackRate !== pacing.rate) this.#video.playbackRate = pacing.rate;
  }

  #jump(start: number, end: number, now: number): void {
    const edge = end - this.#timeline.surplus;
    const target = Math.max(start, edge - this.#pace.target);
    this.#video.currentTime = target;
    this.#video.playbackRate = 1;
    this.#pace.jumped(now / 1000);
    this.#position = target;
    this.#movedAt = now;
    if (edge - target < this.#pace.target - 0.05) this.#fill(now);
  }

  /** Hold the picture until the target is buffered, so that it does not stutter afterwards. */
  #fill(now: number): void {
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

  #onWaiting = (): void => {
    if (this.#video.seeking || this.#ahead() > 0.1 + this.#timeline.surplus) return;
    this.#starve(this.#environment.now());
  };

  /** The media has run out. */
  #starve(now: number): void {
    if (this.#fillingSince !== undefined || !this.#state.picture) return;
    this.#fill(now);
    this.#starved = true;
    if ((this.#state.source?.state ?? "live") === "live") this.#stalls += 1;
    this.#set({ phase: "buffering" });
  }

  #onPlaying = (): void => {
    this.#movedAt = this.#environment.now();
    const fresh = this.#timeline.offset !== undefined && this.#entering === undefined;
    if (this.#fillingSince === undefined && fresh && this.#connection.active) {
      this.#set({ phase: "playing", picture: true, error: null });
    }
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

  /** Free what lies before the last keyframe at or before the picture; the rest is in use. */
  #trim(): void {
    const keyframe = this.#timeline.keyframeInUse(this.#video.currentTime);
    if (keyframe !== undefined) this.#buffer?.trim(keyframe);
  }

  // --- starting again -------------------------------------------------------------------------

  #onVideoError = (): void => {
    if (this.#buffer && !this.#buffer.dead) {
      this.#rebuild(`decode: ${this.#video.error?.message ?? "unknown"}`);
    }
  };

  /** Start again from the newest keyframe, with a new buffer and a new connection. */
  #rebuild(error: string): void {
    this.#discardBuffer();
    if (!this.#awake) {
      this.#set({ picture: false, error });
      return;
    }
    const now = this.#environment.now();
    this.#rebuilds += 1;
    this.#rebuiltAt = [...this.#rebuiltAt.filter((at) => now - at < REBUILD_WINDOW), now];
    const times = this.#rebuiltAt.length;
    this.#connection.openIn(times > REBUILDS ? REBUILD_PAUSE : 50 * 3 ** (times - 1));
    this.#set({ phase: "connecting", picture: false, error });
  }

  #discardBuffer(): void {
    this.#buffer?.destroy();
    this.#buffer = undefined;
    this.#timeline.reset();
    this.#entering = this.#fillingSince = this.#seekingSince = undefined;
    this.#starved = false;
    this.#nudges = 0;
    this.#meter.shown = undefined;
  }

  #pauseWork(): void {
    this.#awake = false;
    clearInterval(this.#ticker);
    this.#connection.close();
    this.#meter.stop();
    const video = this.#video;
    video.removeEventListener("waiting", this.#onWaiting);
    video.removeEventListener("playing", this.#onPlaying);
    video.removeEventListener("error", this.#onVideoError);
    this.#entering = this.#fillingSince = this.#seekingSince = undefined;
    this.#starved = false;
  }

  // --- what others see ------------------------------------------------------------------------

  #measure(now: number): void {
    const reading = this.#meter.read(now);
    if (!reading) return;
    const playing = this.#state.phase === "playing";
    const { clock } = this.#connection;
    const { offset } = this.#timeline;
    const shown = this.#meter.shown ?? { media: this.#video.currentTime, at: now };
    const delay =
      playing && offset !== undefined && now - shown.at < 2000
        ? clock.delay(shown.media - offset, shown.at)
        : undefined;
    this.#setStats({
      delay: delay ?? null,
      framesPerSecond: playing && this.#meter.exact ? reading.framesPerSecond : null,
      bitsPerSecond: this.#connection.active ? reading.bitsPerSecond : null,
      buffered: this.#buffer ? this.#ahead() : null,
      rate: this.#video.playbackRate,
      droppedFrames: this.#video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0,
      stalls: this.#stalls,
      rebuilds: this.#rebuilds,
      clockOffset: clock.offset(now) ?? null,
    });
  }

  #set(change: Partial<PlayerState>): void {
    const before = this.#state;
    const after = { ...before, ...change };
    const keys = Object.keys(change) as (keyof PlayerState)[];
    if (keys.every((key) => before[key] === after[key])) return;
    this.#state = after;
    for (const listener of this.#listeners) listener();
  }

  #setStats(stats: PlayerStats): void {
    this.#stats = stats;
    for (const listener of this.#listeners) listener();
  }
}
